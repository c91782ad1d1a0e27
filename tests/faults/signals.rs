//! A command that is told to stop.

use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::project::{Project, Site};
use crate::support::proxy::{Proxy, Then};
use crate::support::{self, TestDatabase};

/// How soon a command has to be gone.
const BOUND: Duration = Duration::from_secs(5);
const SIGNALS: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];

fn spawn(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Sends a signal and returns the exit code and what was said.
fn end(mut child: Child, signal: Signal) -> (Option<i32>, String) {
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
    let sent = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if sent.elapsed() > BOUND {
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

fn wait_for(what: &str, happened: impl Fn() -> bool) {
    let began = Instant::now();
    while !happened() {
        assert!(began.elapsed() < Duration::from_secs(20), "{what} does not happen");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A project whose compiling takes longer than anybody waits.
fn slow() -> Project {
    Project::of_schema("DO $$BEGIN PERFORM pg_catalog.pg_sleep(60); END$$;")
}

const SCRATCH: &str = "SELECT count(*) FROM pg_database WHERE datname LIKE 'trueup\\_scratch\\_%'";

#[test]
fn f08_an_interrupted_check_drops_what_it_made_on_a_given_server() {
    let server = support::own_server();
    let host = server.database();
    let project = slow();
    for signal in SIGNALS {
        let child = spawn(&mut project.command(&["check", "--scratch-url", host.url()], host.url()));
        wait_for("a scratch database", || host.value(SCRATCH) == "1");
        let (code, said) = end(child, signal);
        assert_eq!(code, Some(3), "{said}");
        assert!(said.contains(&format!("interrupted by {signal}")), "{said}");
        assert_eq!(host.value(SCRATCH), "0", "{said}");
    }
}

/// The clean-up cannot reach the server any more: what is left there is said, as a statement to run.
#[test]
fn f08_what_an_interrupted_check_could_not_drop_is_said() {
    let server = support::own_server();
    let host = server.database();
    let proxy =
        Proxy::start(
            &host,
            |_, sql| {
                if sql.starts_with("DROP DATABASE") { Then::HangUp } else { Then::Forward }
            },
        );
    let project = slow();
    let url = proxy.url(&host);
    let child =
        spawn(&mut project.command(&["check", "--format", "json", "--scratch-url", &url], host.url()));
    wait_for("a scratch database", || host.value(SCRATCH) == "1");
    let (code, said) = end(child, Signal::SIGTERM);
    assert_eq!(code, Some(3), "{said}");
    let document: serde_json::Value =
        serde_json::Deserializer::from_str(&said).into_iter().next().unwrap().unwrap();
    let next = document["error"]["next"].as_str().unwrap();
    let statement = &next[next.find("DROP DATABASE").expect(next)..];
    host.exec(statement.trim_end_matches(';'));
    assert_eq!(host.value(SCRATCH), "0");
}

#[test]
fn f08_an_interrupted_check_ends_while_it_waits_for_the_server() {
    let site = Site::with_drift();
    let runtime = support::runtime();
    let mut holder = runtime.block_on(site.database.connect());
    runtime.block_on(holder.execute("BEGIN; LOCK TABLE public.organizations")).unwrap();
    for signal in SIGNALS {
        let child = spawn(site.project.check_command(site.database.url()).args(["--format", "json"]));
        wait_for("the wait for a lock", || waits(&site.database) != "0");
        let (code, said) = end(child, signal);
        assert_eq!(code, Some(3), "{said}");
        assert!(said.contains(&format!("\"interrupted by {signal}\"")), "{said}");
        wait_for("the end of the server's session", || waits(&site.database) == "0");
    }
    runtime.block_on(holder.close());
}

fn waits(database: &TestDatabase) -> String {
    database.value(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
    )
}

/// `nohup trueup check` goes on when the terminal is gone.
#[test]
fn f08_a_signal_that_is_ignored_stays_so() {
    let site = Site::with_drift();
    let runtime = support::runtime();
    let mut holder = runtime.block_on(site.database.connect());
    runtime.block_on(holder.execute("BEGIN; LOCK TABLE public.organizations")).unwrap();
    let check = site.project.check_command(site.database.url());
    let program = check.get_program().to_owned();
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", "trap '' HUP; exec \"$0\" check --format json"]).arg(program);
    shell.env_clear().current_dir(site.project.path());
    shell.envs(check.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let child = spawn(shell.process_group(0));
    wait_for("the wait for a lock", || waits(&site.database) != "0");
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGHUP).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    runtime.block_on(holder.close());
    let output = child.wait_with_output().unwrap();
    assert_eq!(crate::support::project::findings(&output), site.findings());
}
