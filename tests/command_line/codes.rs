//! Stable codes of errors: in the JSON document, and with `-v` for a person.

use std::fs;
use std::path::Path;

use crate::support::program::Program;
use crate::support::project::Project;
use crate::support::{self, trueup};

/// It fails, and its document has this code.
#[track_caller]
fn ends(program: Program, code: &str, exit: i32) {
    let document = program.args(["--format", "json"]).exit(exit).json();
    assert_eq!(document["error"]["code"], code, "{document:#}");
    assert!(!document["error"]["what"].as_str().unwrap().is_empty());
}

#[test]
fn a_wrong_call_or_project_has_a_code() {
    let empty = tempfile::tempdir().unwrap();
    let call = |dir: &Path, args: &[&str]| trueup(args).current_dir(dir);
    ends(call(empty.path(), &["check", "--nope"]), "usage.arguments", 2);
    ends(call(empty.path(), &["upgrad"]), "usage.unknown_command", 2);
    ends(call(empty.path(), &["check"]), "project.not_found", 2);
    let project = Project::of_schema("CREATE TABLE t (id int);\n");
    let dir = project.path();
    ends(call(dir, &["check"]), "connection.not_given", 2);
    ends(call(dir, &["check", "--env", "nowhere"]), "environment.unknown", 2);
    ends(call(dir, &["check", "--database-url", "mysql://a@b/c"]), "connection.url_invalid", 2);
    // Nobody listens on the port of tcpmux.
    ends(call(dir, &["check", "--database-url", "postgres://a@127.0.0.1:1/b"]), "connection.refused", 3);
    let missing = "postgres://a@/b?host=/nowhere/at/all";
    ends(call(dir, &["check", "--database-url", missing]), "connection.unreachable", 3);
    fs::write(dir.join("trueup.lock"), "{}\n").unwrap();
    let database = support::database();
    ends(call(dir, &["check", "--database-url", database.url()]), "lock_file.invalid", 2);
    fs::write(dir.join("trueup.toml"), "[databas]\n").unwrap();
    ends(call(dir, &["check"]), "project.file_invalid", 2);
}

#[test]
fn a_refused_change_has_a_code() {
    let project = Project::reference();
    project.compile();
    let database = support::database();
    let upgrade = |more: &[&str]| project.trueup(["upgrade"], &database).args(more);
    ends(upgrade(&[]), "confirmation.missing", 4);
    ends(upgrade(&["--yes", "--to", "77"]), "migration.unknown", 2);
    upgrade(&["--yes"]).exit(0);
    let mut elsewhere = url::Url::parse(database.url()).unwrap();
    elsewhere.set_path("no_such_database");
    let upgrade_elsewhere = project.trueup(["upgrade", "--yes"], elsewhere.as_str());
    ends(upgrade_elsewhere, "connection.no_such_database", 3);
    let downgrade = project.trueup(["downgrade", "--to", "0", "--yes"], &database);
    ends(downgrade, "migration.no_down_script", 4);

    let edited = project.path().join("migrations/V2__add_username.sql");
    let text = fs::read_to_string(&edited).unwrap();
    fs::write(&edited, format!("{text}\nSELECT 1;\n")).unwrap();
    project.compile();
    ends(upgrade(&["--yes", "--contract"]), "history.edited", 4);
    fs::write(&edited, text).unwrap();
    project.compile();
    database.exec("DELETE FROM refinery_schema_history WHERE version = 3");
    ends(upgrade(&["--yes"]), "history.skipped", 4);
    database.exec("DROP TABLE refinery_schema_history; CREATE TABLE refinery_schema_history (odd int)");
    ends(upgrade(&["--yes"]), "history.malformed", 4);
    database.exec(&format!("ALTER DATABASE {} SET default_transaction_read_only = on", database.name()));
    ends(upgrade(&["--yes"]), "server.read_only", 4);
}

/// A held lock is told from a lock that timed out.
#[test]
fn a_busy_database_has_a_code() {
    let project = Project::of_schema("CREATE TABLE t (id int);\n");
    fs::create_dir(project.path().join("migrations")).unwrap();
    fs::write(project.path().join("migrations/V1__t.sql"), "CREATE TABLE t (id int);\n").unwrap();
    project.compile();
    let database = support::database();
    let runtime = support::runtime();
    let mut holder = runtime.block_on(database.connect());
    let take = format!("SELECT pg_advisory_lock({})", trueup::writer::ADVISORY_LOCK);
    runtime.block_on(holder.execute(&*take)).unwrap();
    ends(project.trueup(["upgrade", "--yes", "--wait", "1s"], &database), "lock.held", 75);
}

#[test]
fn people_see_the_code_with_v_alone() {
    let project = Project::of_schema("CREATE TABLE t (id int);\n");
    let (check, code) = (|| trueup(["check"]).current_dir(project.path()), "\ncode: connection.not_given\n");
    check().run().lacks(code);
    check().arg("-v").run().stderr_contains(code);
}
