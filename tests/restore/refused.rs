//! What is refused before anything is touched.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::site::{Site, beside, databases, values};
use crate::support;
use crate::support::proxy::{Proxy, Then};

#[test]
fn a_database_that_is_not_empty_is_not_restored_into() {
    let (site, database) = (Site::new(""), support::database());
    database.exec("CREATE TABLE public.t (id int)");
    site.trueup(["backup"], &database).exit(0);
    for made in [
        "CREATE TABLE public.x ()",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE TYPE public.e AS ENUM ('a')",
        "CREATE SCHEMA other",
        "SELECT lo_create(0)",
    ] {
        let target = support::database();
        target.exec(made);
        site.trueup(["restore", "latest", "--into", target.url(), "--yes"], &database)
            .exit(4)
            .says(["is not empty", "--replace"]);
    }
}

#[test]
fn without_a_terminal_it_wants_yes() {
    let (site, database) = (Site::new(""), support::database());
    database.exec("CREATE TABLE public.t (id int)");
    site.trueup(["backup"], &database).exit(0);
    let name = format!("{}_copy", database.name());
    site.trueup(["restore", "latest", "--into", &beside(&database, &name)], &database)
        .exit(4)
        .says(["into a new database", "--yes"]);
    site.trueup(["restore", "latest", "--into", database.url(), "--replace"], &database).exit(4);
    assert_eq!(databases(&database, &name), Vec::<String>::new());
    assert_eq!(databases(&database, database.name()), [database.name()]);
}

#[test]
fn another_projects_database_is_not_replaced() {
    let (site, database) = (Site::new(""), support::database());
    database.exec("CREATE TABLE public.t (id int)");
    site.trueup(["backup"], &database).exit(0);
    database.exec(trueup::writer::SCHEMA);
    database.exec("INSERT INTO trueup.mark (layout, project, run) VALUES (1, 'another', 'x')");
    site.trueup(["restore", "latest", "--into", database.url(), "--replace", "--yes"], &database)
        .exit(4)
        .says("marked as project");
}

#[test]
fn what_a_command_took_is_restored_elsewhere() {
    let backup = "kind = \"command\"\ncommand = [\"echo\", \"snap-1\"]\nconfirm = [\"true\"]";
    let (site, database) = (Site::new(backup), support::database());
    site.trueup(["backup"], &database).exit(0);
    let into = beside(&database, &format!("{}_copy", database.name()));
    site.trueup(["restore", "latest", "--into", &into, "--yes"], &database)
        .exit(4)
        .says(["taken elsewhere, as snap-1", "restore snap-1 there"]);
}

#[test]
fn a_role_that_a_policy_names_must_be_there() {
    let (site, database) = (Site::new(""), support::database());
    let role = format!("{}_p", database.name());
    database.exec(&format!(
        "CREATE ROLE {role}; CREATE TABLE public.t (id int); CREATE POLICY p ON public.t TO {role} USING (true)"
    ));
    site.trueup(["backup"], &database).exit(0);
    let other = support::own_server().database();
    let into = beside(&other, "elsewhere");
    site.trueup(["restore", "latest", "--into", &into, "--yes"], &database)
        .exit(4)
        .says(format!("CREATE ROLE {role} NOLOGIN"));
    assert_eq!(databases(&other, "elsewhere"), Vec::<String>::new());
}

#[test]
fn an_open_restore_of_the_same_database_is_waited_for() {
    let (site, database) = (Site::new(""), support::database());
    database.exec("CREATE TABLE public.t (id int)");
    site.trueup(["backup"], &database).exit(0);
    let name = format!("{}_copy", database.name());
    let runtime = support::runtime();
    let maintenance = beside(&database, "postgres");
    let mut other = runtime
        .block_on(trueup::postgres::connection::Target::parse(&maintenance).unwrap().connect(&name))
        .unwrap();
    let lock = format!("SELECT pg_advisory_lock(hashtextextended('trueup restore of {name}', 0))");
    runtime.block_on(other.execute(lock)).unwrap();
    let sessions = format!("SELECT pid FROM pg_stat_activity WHERE application_name = '{name}'");
    let pid = values(&maintenance, &sessions).remove(0);
    site.trueup(["restore", "latest", "--into", &beside(&database, &name), "--yes"], &database)
        .exit(75)
        .says(["another run is restoring database", &format!(", {name}, from this machine, for ")])
        .says(format!("pid {pid}, role "));
    assert_eq!(values(&maintenance, "SELECT 1"), ["1"]);
}

/// What was held before the connection was lost is held again: no other restore of the same database begins meanwhile.
#[test]
fn a_restore_that_connects_again_takes_its_lock_again() {
    const LOCK: &str = "pg_try_advisory_lock(hashtextextended(";
    let (site, database) = (Site::new(""), support::database());
    database.exec("CREATE TABLE public.t AS SELECT 1 AS n");
    site.trueup(["backup"], &database).exit(0);
    let seen: Arc<Mutex<Vec<&str>>> = Arc::default();
    let all = Arc::clone(&seen);
    let proxy = Proxy::start(&database, move |_, text| {
        let word = [LOCK, " RENAME TO "].into_iter().find(|word| text.contains(word));
        all.lock().unwrap().extend(word);
        if word == Some(" RENAME TO ") { Then::HangUp } else { Then::Forward }
    });
    site.trueup(["restore", "latest", "--into", &proxy.url(&database), "--replace", "--yes"], &database)
        .exit(5)
        .says("swapping the databases");
    assert_eq!(*seen.lock().unwrap(), [LOCK, " RENAME TO ", LOCK]);
    assert_eq!(databases(&database, database.name()), [database.name()]);
    assert_eq!(database.value("SELECT n FROM public.t"), "1");
}

/// A restore that fails and finds its lock taken by another run does not try again, and drops nothing.
#[test]
fn a_restore_whose_lock_another_run_has_taken_ends() {
    const LOCK: &str = "pg_try_advisory_lock(hashtextextended(";
    let (site, database) = (Site::new(""), support::database());
    database.exec(
        "CREATE TABLE public.t AS SELECT 1 AS n;
         CREATE FUNCTION public.key(n int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'begin return n; end';
         CREATE INDEX ON public.t (public.key(n));
         CREATE OR REPLACE FUNCTION public.key(n int) RETURNS int IMMUTABLE LANGUAGE plpgsql
            AS 'begin return (SELECT gone FROM away); end'",
    );
    site.trueup(["backup"], &database).exit(0);
    let is_lost = AtomicBool::new(false);
    let proxy = Proxy::start(&database, move |_, text| match text {
        "SELECT 1" => {
            is_lost.store(true, Ordering::SeqCst);
            Then::HangUp
        }
        text if text.contains(LOCK) && is_lost.load(Ordering::SeqCst) => {
            Then::Instead("SELECT false AS locked".to_owned())
        }
        _ => Then::Forward,
    });
    let into = proxy.url(&database);
    site.trueup(["restore", "latest", "--into", &into, "--replace", "--yes"], &database)
        .exit(6)
        .says(["the connection was lost: another run is restoring database", "half restored, may be left"]);
    assert_eq!(databases(&database, &format!("{}_restoring_", database.name())).len(), 1);
    assert_eq!(databases(&database, &format!("{}_restored_", database.name())), Vec::<String>::new());
    // The next run takes the lock, and drops what was left.
    site.trueup(["restore", "latest", "--into", database.url(), "--replace", "--yes"], &database)
        .exit(6)
        .says("left behind by a killed restore");
}

#[test]
fn what_fails_in_the_middle_leaves_nothing() {
    let (site, database) = (Site::new(""), support::database());
    // Its rows cannot be loaded: the function of a generated column fails since it was changed.
    database.exec(
        "CREATE FUNCTION public.twice(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1 * 2; END';
         CREATE TABLE public.t (id int, two int GENERATED ALWAYS AS (public.twice(id)) STORED);
         INSERT INTO public.t VALUES (1);
         CREATE OR REPLACE FUNCTION public.twice(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
           'BEGIN RAISE ''not any more''; END'",
    );
    site.trueup(["backup"], &database).exit(0);
    let name = format!("{}_copy", database.name());
    site.trueup(["restore", "latest", "--into", &beside(&database, &name), "--yes"], &database)
        .exit(5)
        .says("was dropped, and nothing was changed");
    assert_eq!(databases(&database, &name), Vec::<String>::new());
    site.trueup(["restore", "latest", "--into", database.url(), "--replace", "--yes"], &database).exit(5);
    assert_eq!(databases(&database, database.name()), [database.name()]);
    assert_eq!(database.value("SELECT count(*) FROM public.t"), "1");
    // And so a backup that is to be proved by a restore is none.
    site.trueup(["backup", "--verify", "restore"], &database)
        .exit(5)
        .says("could not be verified by restoring it, and was removed");
    site.trueup(["backup", "verify", "latest", "--level", "restore"], &database).exit(1);
}

/// One store, two databases of one project: `latest` is the latest of the one that is meant.
#[test]
fn f51_latest_is_the_latest_of_this_database() {
    let (site, ours, theirs) = (Site::new(""), support::database(), support::database());
    for (database, row) in [(&ours, 1), (&theirs, 2)] {
        database.exec(&format!("CREATE TABLE public.t AS SELECT {row} AS whose"));
        site.trueup(["backup"], &database).exit(0);
    }
    let mine = site.backup(0).file_name().unwrap().to_string_lossy().into_owned();
    site.trueup(["backup", "verify"], &ours).exit(0).says(format!("backup {} is OK", &mine[..10]));
    let copy = beside(&ours, &format!("{}_copy", ours.name()));
    site.trueup(["restore", "latest", "--into", &copy, "--yes"], &ours).exit(0);
    assert_eq!(values(&copy, "SELECT whose FROM t"), ["1"]);
    // What is replaced decides, whatever the project's own database is.
    site.trueup(["restore", "latest", "--into", ours.url(), "--replace", "--yes"], &theirs).exit(0);
    assert_eq!(values(ours.url(), "SELECT whose FROM t"), ["1"]);

    let third = support::database();
    third.exec("CREATE TABLE public.t AS SELECT 3 AS whose");
    site.trueup(["restore", "latest", "--into", third.url(), "--replace", "--yes"], &third)
        .exit(2)
        .says(format!("there is no backup of database {}", third.name()))
        .says("trueup backup list --all")
        .says(ours.name());
    assert_eq!(values(third.url(), "SELECT whose FROM t"), ["3"]);
}

#[test]
fn f51_a_protected_environment_is_not_replaced_by_another_database() {
    let site = Site::new("[environments.production]\nprotected = true\n[environments.staging]");
    let (ours, theirs) = (support::database(), support::database());
    for (database, row) in [(&ours, 1), (&theirs, 2)] {
        database.exec(&format!("CREATE TABLE public.t AS SELECT {row} AS whose"));
    }
    site.trueup(["backup"], &theirs).exit(0);
    let id = site.backup(0).file_name().unwrap().to_string_lossy().into_owned();
    let replace = ["restore", &id, "--into", ours.url(), "--replace", "--yes", "--env", "production"];
    let why = format!(
        "is of database {}, and database {} is of environment production, which is protected; nothing was changed",
        theirs.name(),
        ours.name()
    );
    site.trueup(replace, &ours).exit(4).says(why);
    assert_eq!(values(ours.url(), "SELECT whose FROM t"), ["1"]);
    assert_eq!(databases(&ours, ours.name()), [ours.name()]);
    // Elsewhere it is a way to make a copy.
    let replace = ["restore", &id, "--into", ours.url(), "--replace", "--yes", "--env", "staging"];
    site.trueup(replace, &ours).exit(0);
    assert_eq!(values(ours.url(), "SELECT whose FROM t"), ["2"]);
}

#[test]
fn a_file_of_statements_is_answered_with_the_program_that_runs_it() {
    let (site, database) = (Site::new(""), support::database());
    site.trueup(["restore", "dump.SQL", "--replace"], &database)
        .exit(2)
        .says(["dump.SQL is a file of SQL statements", "psql -X -v ON_ERROR_STOP=1 -f dump.SQL"]);
    site.trueup(["restore", "my dump.sql", "--replace"], &database).exit(2).says("-f 'my dump.sql'");
}

#[test]
fn a_directory_of_programs_that_is_not_there_is_told() {
    let (site, database) = (Site::new(""), support::database());
    let nowhere = "/nowhere/at/all";
    for command in [&["restore", "latest", "--replace"][..], &["backup"], &["seed", "--check"]] {
        site.trueup(command, &database)
            .args(["--pg-bin", nowhere])
            .exit(2)
            .says(["--pg-bin: there is no directory /nowhere/at/all", "pg_config --bindir"]);
    }
}
