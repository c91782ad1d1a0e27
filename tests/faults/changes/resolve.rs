//! Decisions about migrations, where the catalog cannot tell, and where it can.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{applied, catalog, last_run, project, write};
use crate::support::program::Program;
use crate::support::project::Project;
use crate::support::proxy::{Proxy, Then};
use crate::support::{self, TestDatabase, wait_for};

const FILES: &[(&str, &str)] = &[
    ("V1__items.sql", "CREATE TABLE items (id int PRIMARY KEY);\n"),
    ("V2__note.sql", "ALTER TABLE items ADD COLUMN note text;\n"),
];

fn resolve(project: &Project, database: &TestDatabase, version: &str, decision: &str) -> Program {
    let args = ["resolve", version, "--as", decision, "--reason", "seen by hand", "--yes"];
    project.trueup(args, database)
}

fn upgraded() -> (Project, TestDatabase) {
    let project = project("", FILES);
    let database = support::database();
    project.trueup(["upgrade", "--yes"], &database).exit(0);
    (project, database)
}

/// Begins an upgrade through a proxy and kills it, -9, when a message with this text arrives: the server never gets it.
fn killed_at(project: &Project, database: &TestDatabase, text: &'static str) {
    let child: Arc<Mutex<Option<Pid>>> = Arc::default();
    let victim = Arc::clone(&child);
    let proxy = Proxy::start(database, move |_, sql| {
        if !sql.starts_with(text) {
            return Then::Forward;
        }
        let pid = loop {
            if let Some(pid) = *victim.lock().unwrap() {
                break pid;
            }
            std::thread::sleep(Duration::from_millis(1));
        };
        kill(pid, Signal::SIGKILL).unwrap();
        Then::HangUp
    });
    let upgrade = project.trueup(["upgrade", "--yes"], &proxy.url(database)).start();
    *child.lock().unwrap() = Some(upgrade.pid());
    upgrade.ended().killed();
    let sessions = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'trueup/%'";
    wait_for("the end of all sessions", || database.value(sessions) == "0");
}

#[test]
fn applied_is_recorded_when_the_catalog_shows_it() {
    let project = project("", FILES);
    let database = support::database();
    project.trueup(["upgrade", "--yes", "--to", "1"], &database).exit(0);
    resolve(&project, &database, "2", "applied")
        .exit(4)
        .says(["was not applied completely", "column public.items.note is not there"]);
    assert_eq!(applied(&database), "1");
    database.exec("ALTER TABLE items ADD COLUMN note varchar");
    resolve(&project, &database, "2", "applied")
        .exit(4)
        .says("column public.items.note: type is character varying, not text");
    database.exec("ALTER TABLE items ALTER COLUMN note TYPE text");
    resolve(&project, &database, "2", "applied")
        .exit(0)
        .says(["public.items.note", "V2__note is recorded as applied"]);
    assert_eq!(applied(&database), "1 2");
    assert_eq!(
        last_run(&database),
        "resolve|2 --as applied --reason seen by hand --yes|clean|0|seen by hand"
    );
    assert_eq!(
        database.value("SELECT how || sql FROM trueup.migrations WHERE version = 2"),
        format!("resolved{}", FILES[1].1)
    );
    assert_eq!(
        database.value("SELECT state || ' ' || detail FROM trueup.steps WHERE action = 'resolve'"),
        "done applied: seen by hand"
    );
    resolve(&project, &database, "2", "applied")
        .exit(0)
        .says(["nothing to do", "already recorded as applied"]);
    project.trueup(["check"], &database).exit(0);
    project.trueup(["upgrade", "--yes"], &database).exit(0).says("nothing to do");
}

#[test]
fn not_applied_is_recorded_when_the_catalog_does_not_show_the_contrary() {
    let (project, database) = upgraded();
    resolve(&project, &database, "2", "not-applied")
        .exit(4)
        .says(["was applied completely", "public.items.note"]);
    assert_eq!(applied(&database), "1 2");
    database.exec("ALTER TABLE items DROP COLUMN note");
    resolve(&project, &database, "2", "not-applied")
        .exit(0)
        .says(["recorded as not applied", "next: trueup upgrade"]);
    assert_eq!(applied(&database), "1");
    assert_eq!(database.value("SELECT before FROM trueup.steps WHERE action = 'resolve'"), FILES[1].1);
    resolve(&project, &database, "2", "not-applied").exit(0).says("nothing to do");
    project.trueup(["upgrade", "--yes"], &database).exit(0).says("V2__note");
    project.trueup(["check"], &database).exit(0);
}

#[test]
fn what_is_no_decision() {
    let (project, database) = upgraded();
    let before = catalog(&database);
    resolve(&project, &database, "9", "applied").exit(2).says("no such version");
    resolve(&project, &database, "2", "accept-edit").exit(0).says("nothing to do");
    project
        .trueup(["resolve", "2", "--as", "applied", "--reason", " ", "--yes"], &database)
        .exit(2)
        .says("--reason is empty");
    write(&project, "V3__tags.sql", "CREATE TABLE tags (id int);\n");
    project.compile();
    resolve(&project, &database, "3", "accept-edit").exit(4).says("V3__tags is not applied");
    resolve(&project, &database, "3", "not-applied").exit(0).says("nothing to do");
    database.exec("CREATE TABLE tags (id int)");
    let args = ["resolve", "3", "--as", "applied", "--reason", "x"];
    project.trueup(args, &database).exit(4).says(["will be recorded", "not confirmed"]);
    database.exec("DROP TABLE tags");
    assert_eq!(
        (catalog(&database), database.value("SELECT count(*) FROM trueup.runs").as_str()),
        (before, "1")
    );
}

/// No index shows that a VACUUM was done: the person's word decides, and is said to be all there is.
#[test]
fn f02_a_vacuum_that_was_killed_is_resolved_as_applied() {
    let project = project("", &[FILES[0], ("V2__vacuum.sql", "-- trueup: no-transaction\nVACUUM items;\n")]);
    let database = support::database();
    killed_at(&project, &database, "VACUUM items");
    project.trueup(["status"], &database).exit(1).says(["V2__vacuum", "VACUUM items"]);
    resolve(&project, &database, "2", "applied").exit(0).says(["only your statement", "recorded as applied"]);
    assert_eq!(
        database.value("SELECT string_agg(state, ' ' ORDER BY started_at) FROM trueup.steps"),
        "resolved done"
    );
    project.trueup(["status"], &database).exit(0);
    project.trueup(["upgrade", "--yes"], &database).exit(0).says("nothing to do");
    resolve(&project, &database, "2", "not-applied").exit(0).says("only your statement");
    project.trueup(["upgrade", "--yes"], &database).exit(0).says("V2__vacuum");
}

/// What was done before the CALL is recorded, the CALL itself nobody can tell: all of it runs again, as it was said.
#[test]
fn f02_a_call_that_was_killed_is_resolved_as_not_applied() {
    let files = [
        (
            "V1__items.sql",
            "CREATE TABLE items (id int);\nCREATE PROCEDURE fill() LANGUAGE sql AS 'INSERT INTO items VALUES (2)';\n",
        ),
        (
            "V2__fill.sql",
            "-- trueup: no-transaction\nINSERT INTO items VALUES (1);\nCALL fill();\nCREATE TABLE after (id int);\n",
        ),
    ];
    let project = project("", &files);
    let database = support::database();
    killed_at(&project, &database, "CALL fill()");
    project.trueup(["upgrade", "--yes"], &database).exit(6).says("trueup resolve 2 --as");
    resolve(&project, &database, "2", "applied").exit(4).says("table public.after is not there");
    resolve(&project, &database, "2", "not-applied")
        .exit(0)
        .says(["statements that change rows", "from its first statement"]);
    let states = "SELECT string_agg(action || ' ' || state, ', ' ORDER BY started_at) FROM trueup.steps";
    assert_eq!(database.value(states), "apply done, apply resolved, resolve done");
    resolve(&project, &database, "2", "not-applied").exit(0).says("nothing to do");
    project.trueup(["upgrade", "--yes"], &database).exit(0).says("V2__fill");
    let rows = "SELECT string_agg(id::text, ' ' ORDER BY id) FROM items";
    assert_eq!(database.value(rows), "1 1 2", "from its first statement");
    project.trueup(["check"], &database).exit(0);
}

#[test]
fn an_edit_that_means_the_same_is_accepted() {
    let (project, database) = upgraded();
    for (text, words) in [
        ("-- Said better.\nALTER TABLE items ADD COLUMN note text;\n", "only comments or whitespace"),
        (
            "ALTER TABLE public.items ADD COLUMN note pg_catalog.text;\n",
            "its changes to the schema are those that were recorded",
        ),
    ] {
        write(&project, "V2__note.sql", text);
        project.compile();
        let before = database.value("SELECT how || applied_at FROM trueup.migrations WHERE version = 2");
        project.trueup(["upgrade", "--yes"], &database).exit(4).says("was modified");
        resolve(&project, &database, "2", "accept-edit").exit(0).says([
            words,
            "+++ migrations/V2__note.sql",
            "done",
        ]);
        assert_eq!(database.value("SELECT sql FROM trueup.migrations WHERE version = 2"), text);
        assert_eq!(
            database.value("SELECT how || applied_at FROM trueup.migrations WHERE version = 2"),
            before
        );
        resolve(&project, &database, "2", "accept-edit").exit(0).says("nothing to do");
        project.trueup(["upgrade", "--yes"], &database).exit(0).says("nothing to do");
        project.trueup(["check"], &database).exit(0);
    }
    let texts = database.value("SELECT string_agg(before, '|' ORDER BY started_at) FROM trueup.steps");
    assert!(texts.starts_with(FILES[1].1) && texts.contains("|-- Said better."), "every text stays: {texts}");
}

#[test]
fn a_file_that_was_renamed_is_accepted() {
    let (project, database) = upgraded();
    let files = project.path().join("migrations");
    std::fs::rename(files.join("V2__note.sql"), files.join("V2__remark.sql")).unwrap();
    project.compile();
    project
        .trueup(["upgrade", "--yes"], &database)
        .exit(4)
        .says(["V2__remark was modified", "only the name differs"]);
    resolve(&project, &database, "2", "accept-edit").exit(0).says("only the name differs");
    assert_eq!(database.value("SELECT name FROM refinery_schema_history WHERE version = 2"), "remark");
    project.trueup(["check"], &database).exit(0);
}

#[test]
fn an_edit_that_means_something_else_is_refused() {
    let (project, database) = upgraded();
    write(&project, "V2__note.sql", "ALTER TABLE items ADD COLUMN note varchar(9);\n");
    project.compile();
    resolve(&project, &database, "2", "accept-edit")
        .exit(4)
        .says(["makes other changes", "column public.items.note"]);
    // The catalog as the file would have it makes no difference: that is not what was applied.
    database.exec("ALTER TABLE items ALTER COLUMN note TYPE varchar(9)");
    resolve(&project, &database, "2", "accept-edit").exit(4).says("than when it was applied");
}

/// Applied by plain refinery, of which no texts and no effects are kept.
#[test]
fn an_edit_of_what_was_not_recorded_is_held_against_the_catalog() {
    let project = project("", FILES);
    let database = support::database();
    project.build(&database);
    write(&project, "V2__note.sql", "ALTER TABLE items ADD COLUMN note varchar(9);\n");
    project.compile();
    resolve(&project, &database, "2", "accept-edit")
        .exit(4)
        .says(["in this database", "column public.items.note: type is text"]);
    write(&project, "V2__note.sql", "ALTER TABLE public.items ADD COLUMN note text;\n");
    project.compile();
    resolve(&project, &database, "2", "accept-edit").exit(0).says(["was not recorded", "cannot be shown"]);
    project.trueup(["upgrade", "--yes"], &database).exit(0).says("nothing to do");
}
