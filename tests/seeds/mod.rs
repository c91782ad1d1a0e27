//! Reference rows: made once, whatever is killed or comes in between; what somebody else has changed is left alone; and
//! whatever is wrong with a file is told before anything is written.

mod files;
mod killed;
mod lookups;
mod merge;
mod order;
mod sequences;
mod told;
mod unread;
mod values;

use std::fs;

use serde_json::Value;

use crate::support::program::Program;
use crate::support::project::{Project, SETTINGS};
use crate::support::{self, TestDatabase, wait_for};

/// A table with what reference rows usually have.
const TEAMS: &str = "CREATE TABLE public.teams (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code text NOT NULL UNIQUE,
    name text NOT NULL,
    note text,
    made_at timestamptz,
    updated_at timestamptz NOT NULL DEFAULT 'epoch'
);";

/// Rows for it.
const TWO_TEAMS: &str = "table = \"teams\"
key = [\"code\"]
on_change = { updated_at = { sql = \"now()\" } }

[[rows]]
code = \"red\"
name = \"Red\"
made_at = { sql = \"now()\" }

[[rows]]
code = \"blue\"
name = \"Blue\"
note = \"n\"
made_at = { sql = \"now() -- a comment at the end\" }
";

/// A project with these seeds, and a database with its tables.
fn site_of(schema: &str, files: &[(&str, &str)]) -> (Project, TestDatabase) {
    let project = Project::of_schema(schema);
    write(&project, files);
    let database = support::database();
    database.exec(schema);
    (project, database)
}

fn teams() -> (Project, TestDatabase) {
    site_of(TEAMS, &[("teams.toml", TWO_TEAMS)])
}

/// Writes files of `schema/seeds/`.
fn write(project: &Project, files: &[(&str, &str)]) {
    let seeds = project.path().join("schema/seeds");
    fs::create_dir_all(&seeds).unwrap();
    for (name, text) in files {
        fs::write(seeds.join(name), text).unwrap();
    }
}

/// Changes the declaration of the teams.
fn declare(project: &Project, from: &str, to: &str) {
    assert!(TWO_TEAMS.contains(from));
    write(project, &[("teams.toml", &TWO_TEAMS.replace(from, to))]);
}

/// `trueup seed`, with a yes.
fn seed(project: &Project, database: &TestDatabase, args: &[&str]) -> Program {
    ask(project, database, &["--yes"]).args(args)
}

/// The same without.
fn ask(project: &Project, database: &TestDatabase, args: &[&str]) -> Program {
    project.trueup(["seed"], database).args(args)
}

/// Every version of every row: what stays the same when nothing is written.
fn versions(database: &TestDatabase, table: &str) -> String {
    database.value(&format!(
        "SELECT coalesce(string_agg(concat(ctid, xmin, t), E'\\n' ORDER BY ctid), '') FROM {table} AS t"
    ))
}

fn teams_of(database: &TestDatabase) -> String {
    database.value(
        "SELECT coalesce(string_agg(concat_ws(':', code, name, note), ' ' ORDER BY code), '') FROM teams",
    )
}

/// A second run changes nothing, asks for nothing, and takes no backup.
#[track_caller]
fn settled(project: &Project, database: &TestDatabase, table: &str) {
    let (rows, runs) = (versions(database, table), versions(database, "trueup.runs"));
    let records = versions(database, "trueup.seeds");
    ask(project, database, &[]).exit(0).says("nothing to do");
    assert_eq!(versions(database, table), rows, "no row is written");
    assert_eq!(versions(database, "trueup.runs"), runs, "there was no run");
    assert_eq!(versions(database, "trueup.seeds"), records);
    ask(project, database, &["--check"]).exit(0).says("OK: ");
}

/// What `trueup.toml` says.
fn settings(project: &Project, text: &str) {
    fs::write(project.path().join("trueup.toml"), format!("{SETTINGS}{text}")).unwrap();
}
