//! A project with a store, a database with rows, and `pg_dump`s that are not what they seem.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{self, TestDatabase};

/// Three tables; `b` is large enough to come out of `pg_dump` in several pieces.
pub(crate) const ROWS: &str = "CREATE TABLE public.a (id int PRIMARY KEY, t text);
    INSERT INTO public.a SELECT n, 'row ' || n FROM generate_series(1, 100) AS n;
    CREATE TABLE public.b (id int, t text);
    INSERT INTO public.b SELECT n, md5(n::text) || md5((n + 1)::text) FROM generate_series(1, 20000) AS n;
    CREATE TABLE public.empty (id int);";

/// A project in a directory of its own, and its database.
pub(crate) struct Site {
    dir: TempDir,
    pub(crate) database: TestDatabase,
}

impl Site {
    /// With the rows of [`ROWS`].
    pub(crate) fn new() -> Self {
        Self::of(ROWS)
    }

    /// With what this SQL makes.
    pub(crate) fn of(sql: &str) -> Self {
        let site = Self { dir: tempfile::tempdir().unwrap(), database: support::database() };
        // What a temporary directory's mode is, is not what is tested.
        fs::set_permissions(site.dir(), fs::Permissions::from_mode(0o755)).unwrap();
        site.database.exec(sql);
        site.settings("");
        site
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The default store.
    pub(crate) fn store(&self) -> PathBuf {
        self.dir().join("backups")
    }

    /// Writes `trueup.toml`: what stands in `[backup]`, and what follows it.
    pub(crate) fn settings(&self, backup: &str) {
        let text = format!("[project]\nname = \"faults\"\n[backup]\n{backup}\n");
        fs::write(self.dir().join("trueup.toml"), text).unwrap();
    }

    /// `trueup backup ...` of this site's database.
    pub(crate) fn backup(&self, args: &[&str]) -> Command {
        self.backup_of(self.database.url(), args)
    }

    /// `trueup backup ...` of the database of a URL.
    pub(crate) fn backup_of(&self, url: &str, args: &[&str]) -> Command {
        let mut command = support::command(["backup"].iter().chain(args));
        command.current_dir(self.dir()).env("DATABASE_URL", url);
        command
    }

    /// Takes a backup, which must succeed, and returns its document.
    #[track_caller]
    pub(crate) fn taken(&self, args: &[&str]) -> Value {
        let output = self.backup(&[args, &["--format", "json"]].concat()).output().unwrap();
        expect(&output, 0, &[]);
        support::json(&output)["backup"].clone()
    }

    /// What `trueup backup list` lists.
    #[track_caller]
    pub(crate) fn listed(&self) -> Vec<Value> {
        let output = self.backup(&["list", "--format", "json"]).output().unwrap();
        expect(&output, 0, &[]);
        support::json(&output)["backups"].as_array().unwrap().clone()
    }

    /// Everything in the store but what keeps it out of a repository.
    pub(crate) fn stored(&self) -> Vec<String> {
        let entries = fs::read_dir(self.store()).into_iter().flatten();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| name != ".gitignore").collect();
        names.sort();
        names
    }

    /// Expects that there is no backup, and nothing of one.
    #[track_caller]
    pub(crate) fn nothing(&self) {
        assert_eq!(self.listed(), Vec::<Value>::new());
        assert_eq!(self.stored(), Vec::<String>::new());
    }

    /// A directory of programs in which `pg_dump` is this script, where `$REAL` is the real one and `$HERE` the
    /// directory; `pg_restore` is the real one.
    pub(crate) fn stub(&self, script: &str) -> PathBuf {
        let version = self.database.server.version;
        self.stub_that_says(&version.to_string(), script)
    }

    /// The same of another version.
    pub(crate) fn stub_that_says(&self, version: &str, script: &str) -> PathBuf {
        let bin = tempfile::Builder::new().prefix("bin-").tempdir_in(self.dir()).unwrap().keep();
        fs::set_permissions(&bin, fs::Permissions::from_mode(0o755)).unwrap();
        let real = &self.database.server.bin_dir;
        let text = format!(
            "#!/bin/sh\nif [ \"$1\" = --version ]; then echo 'pg_dump (PostgreSQL) {version}'; exit; fi\n\
             REAL='{}'\nHERE='{}'\n{script}\n",
            real.join("pg_dump").display(),
            bin.display()
        );
        fs::write(bin.join("pg_dump"), text).unwrap();
        fs::set_permissions(bin.join("pg_dump"), fs::Permissions::from_mode(0o755)).unwrap();
        std::os::unix::fs::symlink(real.join("pg_restore"), bin.join("pg_restore")).unwrap();
        bin
    }

    /// `trueup backup` with the programs of a directory.
    pub(crate) fn backup_by(&self, bin: &Path, args: &[&str]) -> Command {
        self.backup(&[args, &["--pg-bin", bin.to_str().unwrap()]].concat())
    }
}

/// Writes a part of the real archive, says so by a file, and goes no further.
pub(crate) const STUCK: &str =
    "\"$REAL\" \"$@\" >$HERE/all; head -c 200000 $HERE/all; touch $HERE/begun; sleep 60";

/// A command that runs meanwhile.
pub(crate) fn spawn(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Sends a signal, waits for the end, and returns exit code and words.
#[track_caller]
pub(crate) fn end(mut child: Child, signal: Signal) -> (Option<i32>, String) {
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
    let sent = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if sent.elapsed() > Duration::from_secs(10) {
            child.kill().unwrap();
            panic!("{signal} did not end it");
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let mut said = String::new();
    child.stdout.unwrap().read_to_string(&mut said).unwrap();
    child.stderr.unwrap().read_to_string(&mut said).unwrap();
    (status.code(), said)
}

#[track_caller]
pub(crate) fn wait_for(what: &str, happened: impl Fn() -> bool) {
    let began = Instant::now();
    while !happened() {
        assert!(began.elapsed() < Duration::from_secs(20), "{what} does not happen");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether any process has this text in its arguments.
pub(crate) fn runs(text: &str) -> bool {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes.filter(|entry| entry.file_name().to_str().is_some_and(|name| name.parse::<u32>().is_ok())).any(
        |entry| {
            let arguments = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&arguments).contains(text)
        },
    )
}

/// What a command said, on both streams.
pub(crate) fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Expects an exit code and these words.
#[track_caller]
pub(crate) fn expect(output: &Output, code: i32, words: &[&str]) {
    let said = said(output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    for word in words {
        assert!(said.contains(word), "no {word:?} in: {said}");
    }
}
