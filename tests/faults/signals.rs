//! A command that is told to stop.

use std::os::unix::process::CommandExt as _;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::support::project::{Project, Site};
use crate::support::proxy::{Proxy, Then};
use crate::support::{self, TestDatabase, wait_for};

/// How soon a command has to be gone.
const BOUND: Duration = Duration::from_secs(5);
const SIGNALS: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];

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
        let child = project.trueup(["check", "--scratch-url", host.url()], &host).start();
        wait_for("a scratch database", || host.value(SCRATCH) == "1");
        let said = child.stop(signal, BOUND).exit(3).says(format!("interrupted by {signal}")).said();
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
    let child = project.trueup(["check", "--format", "json", "--scratch-url", &url], &host).start();
    wait_for("a scratch database", || host.value(SCRATCH) == "1");
    let document = child.stop(Signal::SIGTERM, BOUND).exit(3).json();
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
        let child = site.check(&site.database).start();
        wait_for("the wait for a lock", || waits(&site.database) != "0");
        child.stop(signal, BOUND).exit(3).says(format!("\"interrupted by {signal}\""));
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
    let check = site.check(&site.database).with(|command| command.process_group(0));
    let child = check.through("/bin/sh", &["-c", "trap '' HUP; exec \"$0\" \"$@\""]).start();
    wait_for("the wait for a lock", || waits(&site.database) != "0");
    child.send(Signal::SIGHUP);
    std::thread::sleep(Duration::from_millis(100));
    runtime.block_on(holder.close());
    assert_eq!(child.ended().findings(), site.findings());
}
