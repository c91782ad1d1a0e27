//! Stable codes of errors: in the JSON document, and with `-v` for a person.

use std::fs;
use std::path::Path;
use std::process::Output;

use crate::support::project::Project;
use crate::support::{self, command, json};

fn run(dir: &Path, args: &[&str]) -> Output {
    command(args).current_dir(dir).output().unwrap()
}

#[track_caller]
fn ends(output: &Output, code: &str, exit: i32) {
    let document = json(output);
    assert_eq!(
        (document["error"]["code"].as_str(), output.status.code()),
        (Some(code), Some(exit)),
        "{document:#}"
    );
    assert!(!document["error"]["what"].as_str().unwrap().is_empty());
}

const JSON: [&str; 2] = ["--format", "json"];

#[test]
fn a_wrong_call_or_project_has_a_code() {
    let empty = tempfile::tempdir().unwrap();
    let call = |dir: &Path, args: &[&str]| run(dir, &[args, &JSON].concat());
    ends(&call(empty.path(), &["check", "--nope"]), "usage.arguments", 2);
    ends(&call(empty.path(), &["upgrad"]), "usage.unknown_command", 2);
    ends(&call(empty.path(), &["check"]), "project.not_found", 2);
    let project = Project::of_schema("CREATE TABLE t (id int);\n");
    let dir = project.path();
    ends(&call(dir, &["check"]), "connection.not_given", 2);
    ends(&call(dir, &["check", "--env", "nowhere"]), "environment.unknown", 2);
    ends(&call(dir, &["check", "--database-url", "mysql://a@b/c"]), "connection.url_invalid", 2);
    // Nobody listens on the port of tcpmux.
    ends(&call(dir, &["check", "--database-url", "postgres://a@127.0.0.1:1/b"]), "connection.refused", 3);
    let missing = "postgres://a@/b?host=/nowhere/at/all";
    ends(&call(dir, &["check", "--database-url", missing]), "connection.unreachable", 3);
    fs::write(dir.join("trueup.lock"), "{}\n").unwrap();
    let database = support::database();
    ends(&call(dir, &["check", "--database-url", database.url()]), "lock_file.invalid", 2);
    fs::write(dir.join("trueup.toml"), "[databas]\n").unwrap();
    ends(&call(dir, &["check"]), "project.file_invalid", 2);
}

#[test]
fn a_refused_change_has_a_code() {
    let project = Project::reference();
    project.compile();
    let database = support::database();
    let upgrade = |more: &[&str]| {
        project.command(&[&["upgrade"], more, &JSON].concat(), database.url()).output().unwrap()
    };
    ends(&upgrade(&[]), "confirmation.missing", 4);
    ends(&upgrade(&["--yes", "--to", "77"]), "migration.unknown", 2);
    assert_eq!(upgrade(&["--yes"]).status.code(), Some(0));
    let mut elsewhere = url::Url::parse(database.url()).unwrap();
    elsewhere.set_path("no_such_database");
    let output =
        project.command(&[&["upgrade", "--yes"], &JSON[..]].concat(), elsewhere.as_str()).output().unwrap();
    ends(&output, "connection.no_such_database", 3);
    let downgrade = [&["downgrade", "--to", "0", "--yes"], &JSON[..]].concat();
    ends(&project.command(&downgrade, database.url()).output().unwrap(), "migration.no_down_script", 4);

    let edited = project.path().join("migrations/V2__add_username.sql");
    let text = fs::read_to_string(&edited).unwrap();
    fs::write(&edited, format!("{text}\nSELECT 1;\n")).unwrap();
    project.compile();
    ends(&upgrade(&["--yes", "--contract"]), "history.edited", 4);
    fs::write(&edited, text).unwrap();
    project.compile();
    database.exec("DELETE FROM refinery_schema_history WHERE version = 3");
    ends(&upgrade(&["--yes"]), "history.skipped", 4);
    database.exec("DROP TABLE refinery_schema_history; CREATE TABLE refinery_schema_history (odd int)");
    ends(&upgrade(&["--yes"]), "history.malformed", 4);
    database.exec(&format!("ALTER DATABASE {} SET default_transaction_read_only = on", database.name()));
    ends(&upgrade(&["--yes"]), "server.read_only", 4);
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
    let upgrade = [&["upgrade", "--yes", "--wait", "1s"], &JSON[..]].concat();
    ends(&project.command(&upgrade, database.url()).output().unwrap(), "lock.held", 75);
}

#[test]
fn people_see_the_code_with_v_alone() {
    let project = Project::of_schema("CREATE TABLE t (id int);\n");
    for (flag, shown) in [(&[][..], false), (&["-v"], true)] {
        let output = run(project.path(), &[&["check"], flag].concat());
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(said.contains("\ncode: connection.not_given\n"), shown, "{said}");
    }
}
