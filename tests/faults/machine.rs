//! What the machine refuses (files, descriptors, a clock that is right) and a session that somebody ends are no faults of
//! trueup: they are told, and no exit code is 70.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::project::Project;
use crate::support::proxy::{Proxy, Then};
use crate::support::tools::not_run;
use crate::support::{self, TestDatabase};

fn project() -> Project {
    let project = Project::reference();
    let text = fs::read_to_string(project.path().join("trueup.toml")).unwrap();
    let text = text.replace("required = \"never\"", "required = \"always\"");
    fs::write(project.path().join("trueup.toml"), text).unwrap();
    project.compile();
    project
}

/// A database whose last migration is pending.
fn behind(project: &Project) -> TestDatabase {
    let database = support::database();
    project.build(&database);
    database.exec("DELETE FROM refinery_schema_history WHERE version = 8; ALTER TABLE api_keys ALTER user_id DROP NOT NULL");
    database
}

/// Commands that end with 0 or 1 on a machine that is well.
const COMMANDS: &[&[&str]] = &[
    &["compile"],
    &["upgrade", "--yes"],
    &["upgrade", "--contract", "--yes"],
    &["check"],
    &["status"],
    &["verify"],
    &["backup"],
    &["seed", "--check"],
];

const WITHOUT_BACKUP: &[&str] = &["upgrade", "--contract", "--yes", "--no-backup"];

#[test]
fn f09_temporary_files_need_no_particular_directory() {
    let project = project();
    let file = project.path().join("trueup.toml");
    for tmp in ["/nowhere/at/all", file.to_str().unwrap(), "/proc"] {
        let database = support::database();
        for command in COMMANDS {
            let call = project.trueup(*command, &database).env("TMPDIR", tmp);
            call.case(format!("{command:?} {tmp}")).exit_in(&[0, 1]);
        }
    }
}

/// From so few that the program does not start to enough.
#[test]
fn f09_too_few_file_descriptors_are_told() {
    let project = project();
    let database = behind(&project);
    for limit in (3..12).chain([16, 23, 32, 66, 67, 68, 70, 80]) {
        for command in [&["check"][..], &["verify"], &["backup"], &["upgrade", "--contract", "--yes"]] {
            let call = project
                .trueup(command, &database)
                .through("sh", &["-c", "ulimit -n \"$0\"; exec \"$@\"", &limit.to_string()]);
            let ran =
                call.case(format!("{command:?} with {limit} descriptors")).run().lacks("fault of trueup");
            match limit {
                // The dynamic loader needs some.
                3..12 if ran.code() == Some(127) => drop(ran.says("error while loading shared libraries")),
                // The runtime opens some before it does anything.
                3..64 => drop(ran.exit(3).says("cannot start")),
                80 => drop(ran.exit_in(&[0, 1])),
                _ => drop(ran.exit_in(&[0, 1, 3, 5])),
            }
        }
    }
}

/// Root has no limit of processes, so another user is asked.
#[test]
fn f09_a_user_without_another_process_is_told() {
    let place = tempfile::Builder::new().prefix("processes").tempdir_in("/tmp").unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = place.path().join("trueup");
    fs::copy(env!("CARGO_BIN_EXE_trueup"), &program).unwrap();
    let limited = "ulimit -u 1; exec \"$0\" check --database-url postgres://a@localhost:1/x";
    let user = ["--reuid", "65533", "--regid", "65533", "--clear-groups", "bash", "-c", limited];
    let mut command = Command::new("setpriv");
    let Ok(ran) = command.args(user).arg(&program).current_dir(place.path()).output() else {
        return not_run("there is no setpriv, which takes another user's place");
    };
    let said = String::from_utf8_lossy(&ran.stderr);
    if said.contains("setpriv: ") {
        return not_run("only root may take another user's place");
    }
    assert!(ran.status.code() == Some(3) && said.contains("ulimit -u"), "{:?}: {said}", ran.status);
}

/// A clock that stands before 1970, as on a machine without a battery.
#[test]
fn f09_a_clock_before_1970_is_told() {
    let place = tempfile::tempdir().unwrap();
    let (source, library) = (place.path().join("clock.c"), place.path().join("clock.so"));
    fs::write(
        &source,
        "#include <time.h>\n#include <unistd.h>\n#include <sys/syscall.h>\n
         int clock_gettime(clockid_t id, struct timespec *at) {
             int failed = syscall(SYS_clock_gettime, id, at);
             if (!failed && id == CLOCK_REALTIME) at->tv_sec -= 4000000000LL;
             return failed;
         }\n",
    )
    .unwrap();
    let compiled = Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&library, &source]).status();
    if !compiled.is_ok_and(|status| status.success()) {
        return not_run("there is no cc, which compiles a clock");
    }
    let project = project();
    let database = support::database();
    for command in COMMANDS.iter().chain([&&["backup", "list"][..], &&["backup", "prune", "--yes"][..]]) {
        let call = project.trueup(*command, &database).env("LD_PRELOAD", &library);
        call.case(format!("{command:?}")).exit(3).says(["the clock of this machine", "next: set the clock"]);
    }
    assert!(!project.path().join("backups").exists());
    support::trueup(["--version"]).env("LD_PRELOAD", &library).exit(0);
}

/// `pg_terminate_backend`, and a server that shuts down, at every message of a command.
#[test]
fn f17_a_session_that_somebody_ends_is_never_a_fault_of_trueup() {
    let project = project();
    // What reads may have read enough; what changes says what it has done, and once whether it committed is not known.
    let reading = &[0, 1, 3][..];
    for (command, codes) in [
        (&["check"][..], reading),
        (&["status"], reading),
        (&["verify"], reading),
        (&["backup"], &[0, 3, 5]),
        (WITHOUT_BACKUP, &[0, 3, 4, 5, 6, 7]),
    ] {
        let asked = {
            let other = behind(&project);
            let proxy = Proxy::start(&other, |_, _| Then::Forward);
            project.trueup(command, proxy.url(&other).as_str()).exit_in(&[0, 1]);
            proxy.messages()
        };
        let mut database = behind(&project);
        for at in 1..=asked {
            if command == WITHOUT_BACKUP {
                // What an earlier run has done is not done again.
                database = behind(&project);
            }
            let (url, seen) = (database.url().to_owned(), Arc::new(AtomicUsize::new(0)));
            let proxy = Proxy::start(&database, move |_, _| {
                if seen.fetch_add(1, Ordering::Relaxed) + 1 == at {
                    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                        WHERE application_name LIKE 'trueup/%' AND datname = current_database()";
                    support::try_query_at(&url, end).unwrap();
                }
                Then::Forward
            });
            let ran = project.trueup(command, proxy.url(&database).as_str());
            let ran = ran.case(format!("{command:?}: message {at} of {asked}")).run();
            ran.exit_in(codes).lacks("fault of trueup");
        }
    }
}
