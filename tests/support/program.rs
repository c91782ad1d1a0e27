//! A program that a test runs: how it is called, how it ends, and what it says.
//!
//! `trueup(["upgrade", "--yes"]).exit(4).says("not confirmed")`. An expectation that fails shows the command, its exit code
//! and both streams.

use std::ffi::OsStr;
use std::fmt::Display;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// A call that has not been made yet. Its standard input is empty; what it writes is kept.
#[must_use = "nothing runs before `exit`, `run` or `start`"]
pub(crate) struct Program {
    command: Command,
    stdin: Option<Stdio>,
    stdout: Option<Stdio>,
    stderr: Option<Stdio>,
    case: String,
}

impl Program {
    /// With an environment in which nothing of the caller's redirects it: no `PG*`, no `DATABASE_URL`, no `TRUEUP_*` but
    /// those that say where PostgreSQL is, and a home directory of its own.
    pub(crate) fn of(program: impl AsRef<OsStr>) -> Self {
        static HOME: OnceLock<PathBuf> = OnceLock::new();
        let home = HOME.get_or_init(|| {
            let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("home");
            std::fs::create_dir_all(&home).expect("a home directory");
            super::cache_in(&home.join("cache"));
            home
        });
        let mut command = Command::new(program);
        command.env_clear().env("HOME", home).env("LC_ALL", "C.UTF-8").env("TZ", "UTC");
        for name in ["PATH", "LD_LIBRARY_PATH", "TMPDIR", "TRUEUP_PG_BIN"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.env("TRUEUP_CACHE", home.join("cache"));
        Self { command, stdin: None, stdout: None, stderr: None, case: String::new() }
    }

    /// Calls it by way of another program, which gets these arguments first: `setsid --ctty`.
    pub(crate) fn through(self, program: &str, args: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(args).arg(self.command.get_program()).args(self.command.get_args());
        command.env_clear().envs(self.command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        if let Some(directory) = self.command.get_current_dir() {
            command.current_dir(directory);
        }
        Self { command, ..self }
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    pub(crate) fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(args);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn envs<K: AsRef<OsStr>, V: AsRef<OsStr>>(
        mut self,
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.command.envs(variables);
        self
    }

    pub(crate) fn env_remove(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    pub(crate) fn current_dir(mut self, directory: impl AsRef<Path>) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// What it reads, in place of nothing.
    pub(crate) fn stdin(mut self, from: impl Into<Stdio>) -> Self {
        self.stdin = Some(from.into());
        self
    }

    /// Where its standard output goes: nothing of it is kept.
    pub(crate) fn stdout(mut self, to: impl Into<Stdio>) -> Self {
        self.stdout = Some(to.into());
        self
    }

    /// Where its standard error goes: nothing of it is kept.
    pub(crate) fn stderr(mut self, to: impl Into<Stdio>) -> Self {
        self.stderr = Some(to.into());
        self
    }

    /// Whatever else is to be different.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Command) -> &mut Command) -> Self {
        change(&mut self.command);
        self
    }

    /// Which of several cases this is: a failure begins with it.
    pub(crate) fn case(mut self, case: impl Display) -> Self {
        self.case = format!("{case}: ");
        self
    }

    /// The command as it is, for who starts it in a way of its own.
    #[cfg_attr(not(feature = "s3"), allow(dead_code, reason = "the tests of object stores use it"))]
    pub(crate) fn into_command(self) -> Command {
        self.command
    }

    /// Begins it.
    #[track_caller]
    pub(crate) fn start(mut self) -> Running {
        self.command.stdin(self.stdin.unwrap_or_else(Stdio::null));
        self.command.stdout(self.stdout.unwrap_or_else(Stdio::piped));
        self.command.stderr(self.stderr.unwrap_or_else(Stdio::piped));
        let program = Path::new(self.command.get_program()).file_name().unwrap_or_default();
        let words = std::iter::once(program).chain(self.command.get_args());
        let words: Vec<_> = words.map(OsStr::to_string_lossy).collect();
        let what = format!("{}{}", self.case, words.join(" "));
        match self.command.spawn() {
            Ok(mut child) => {
                let stdout = child.stdout.take().map(Output::read);
                let stderr = child.stderr.take().map(Output::read);
                Running { what, child, stdout, stderr }
            }
            Err(why) => panic!("{what}: {why}"),
        }
    }

    /// Runs it to its end, whatever that is.
    #[track_caller]
    pub(crate) fn run(self) -> Ran {
        self.start().ended()
    }

    /// Runs it with a report in JSON. The document tells the exit code of the process.
    #[track_caller]
    pub(crate) fn document(self) -> Value {
        self.args(["--format", "json"]).run().document()
    }

    /// Runs it to its end, which must be this exit code.
    #[track_caller]
    pub(crate) fn exit(self, code: i32) -> Ran {
        self.run().exit(code)
    }

    /// Runs it to its end, which must be one of these exit codes.
    #[track_caller]
    pub(crate) fn exit_in(self, codes: &[i32]) -> Ran {
        self.run().exit_in(codes)
    }
}

/// What a program writes to one stream. It is read as it comes: a program that writes more than a pipe holds waits for its
/// reader, and would never end.
struct Output(JoinHandle<Vec<u8>>);

impl Output {
    fn read(mut from: impl Read + Send + 'static) -> Self {
        Self(thread::spawn(move || {
            let mut bytes = Vec::new();
            from.read_to_end(&mut bytes).expect("what it writes");
            bytes
        }))
    }

    /// All of it, when the stream has ended.
    fn text(self) -> String {
        String::from_utf8(self.0.join().expect("a reader")).expect("what it says is UTF-8")
    }
}

/// A program that has begun.
pub(crate) struct Running {
    what: String,
    child: Child,
    stdout: Option<Output>,
    stderr: Option<Output>,
}

impl Running {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("a process"))
    }

    #[track_caller]
    pub(crate) fn send(&self, signal: Signal) {
        kill(self.pid(), signal).expect("a process");
    }

    #[track_caller]
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("a process").is_some()
    }

    /// Watches how much memory it has, until it ends: the peak, in kB.
    #[cfg_attr(not(feature = "s3"), allow(dead_code, reason = "the tests of object stores use it"))]
    pub(crate) fn peak(&mut self) -> u64 {
        let status = format!("/proc/{}/status", self.id());
        let mut peak = 0;
        while !self.has_ended() {
            let text = std::fs::read_to_string(&status).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
            peak = peak.max(kilobytes.unwrap_or(0));
            std::thread::sleep(Duration::from_millis(5));
        }
        peak
    }

    /// Waits for its end, however long that takes.
    #[track_caller]
    pub(crate) fn ended(mut self) -> Ran {
        let status = self.child.wait().expect("a process");
        let text = |output: Option<Output>| output.map(Output::text).unwrap_or_default();
        Ran { what: self.what, code: status.code(), stdout: text(self.stdout), stderr: text(self.stderr) }
    }

    /// Waits for its end, which must come within a bound.
    #[track_caller]
    pub(crate) fn ends_within(mut self, bound: Duration) -> Ran {
        let began = Instant::now();
        while !self.has_ended() {
            if began.elapsed() > bound {
                self.send(Signal::SIGKILL);
                panic!("it did not end within {bound:?}: {}", self.ended().shown());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        self.ended()
    }

    /// Sends a signal, and waits for the end, which must come within a bound.
    #[track_caller]
    pub(crate) fn stop(self, signal: Signal, bound: Duration) -> Ran {
        self.send(signal);
        self.ends_within(bound)
    }
}

/// A program that has ended.
pub(crate) struct Ran {
    what: String,
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Ran {
    /// With what a terminal showed, in place of what was kept.
    pub(crate) fn showing(self, shown: String) -> Self {
        Self { stdout: shown, ..self }
    }

    /// Its exit code; `None` where a signal ended it.
    pub(crate) fn code(&self) -> Option<i32> {
        self.code
    }

    pub(crate) fn stdout(&self) -> &str {
        &self.stdout
    }

    pub(crate) fn stderr(&self) -> &str {
        &self.stderr
    }

    /// Both streams, standard output first.
    pub(crate) fn said(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// All that is known of it, for a failure.
    pub(crate) fn shown(&self) -> String {
        let code = self.code.map_or("no exit code".to_owned(), |code| format!("exit code {code}"));
        format!("`{}`: {code}\nstdout: {}\nstderr: {}", self.what, self.stdout, self.stderr)
    }

    #[track_caller]
    pub(crate) fn exit(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.shown());
        self
    }

    #[track_caller]
    pub(crate) fn exit_in(self, codes: &[i32]) -> Self {
        assert!(
            self.code.is_some_and(|code| codes.contains(&code)),
            "not one of {codes:?}: {}",
            self.shown()
        );
        self
    }

    /// A signal ended it.
    #[track_caller]
    pub(crate) fn killed(self) -> Self {
        assert_eq!(self.code, None, "{}", self.shown());
        self
    }

    /// It said this, on whichever stream.
    #[track_caller]
    pub(crate) fn says(self, words: impl Words) -> Self {
        let missing = words.missing_in(&self.said());
        assert_eq!(missing, [""; 0], "not said: {}", self.shown());
        self
    }

    /// It said none of this, on neither stream.
    #[track_caller]
    pub(crate) fn lacks(self, words: impl Words) -> Self {
        let said = self.said();
        let found: Vec<_> = words.list().into_iter().filter(|word| said.contains(word)).collect();
        assert_eq!(found, [""; 0], "said: {}", self.shown());
        self
    }

    #[track_caller]
    pub(crate) fn stdout_contains(self, words: impl Words) -> Self {
        assert_eq!(words.missing_in(&self.stdout), [""; 0], "not in stdout: {}", self.shown());
        self
    }

    #[track_caller]
    pub(crate) fn stderr_contains(self, words: impl Words) -> Self {
        assert_eq!(words.missing_in(&self.stderr), [""; 0], "not in stderr: {}", self.shown());
        self
    }

    /// The JSON document on standard output.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        match serde_json::from_str(&self.stdout) {
            Ok(document) => document,
            Err(why) => panic!("no JSON document ({why}): {}", self.shown()),
        }
    }

    /// The document of a report, which tells the exit code of the process.
    #[track_caller]
    pub(crate) fn document(&self) -> Value {
        let document = self.json();
        assert_eq!(document["exit_code"].as_i64(), self.code.map(i64::from), "{}", self.shown());
        document
    }
}

/// What is looked for in a text: one piece of it, or several in any order.
pub(crate) trait Words {
    fn list(&self) -> Vec<&str>;

    fn missing_in(&self, text: &str) -> Vec<&str> {
        self.list().into_iter().filter(|word| !text.contains(word)).collect()
    }
}

impl Words for &str {
    fn list(&self) -> Vec<&str> {
        vec![self]
    }
}

impl Words for &String {
    fn list(&self) -> Vec<&str> {
        vec![self]
    }
}

impl Words for String {
    fn list(&self) -> Vec<&str> {
        vec![self]
    }
}

impl Words for &[&str] {
    fn list(&self) -> Vec<&str> {
        self.to_vec()
    }
}

impl<const N: usize> Words for [&str; N] {
    fn list(&self) -> Vec<&str> {
        self.to_vec()
    }
}

impl<const N: usize> Words for &[&str; N] {
    fn list(&self) -> Vec<&str> {
        self.to_vec()
    }
}
