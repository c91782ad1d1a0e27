//! "By hand" is said where a history proves what was there, and nowhere else.

use super::{found, project};
use crate::support;
use crate::support::project::Project;

const FILES: &[(&str, &str)] = &[
    (
        "migrations/V1__shop.sql",
        "CREATE TABLE items (id int PRIMARY KEY, name text NOT NULL);\nCREATE TABLE tags (id int);\n",
    ),
    ("migrations/V2__index.sql", "CREATE INDEX items_name_idx ON items (name);\n"),
];
const BUILT: &str = "CREATE TABLE items (id int PRIMARY KEY, name text NOT NULL); CREATE TABLE tags (id int);
    CREATE INDEX items_name_idx ON items (name);";
/// Something is missing, something is too much, something is otherwise.
const CHANGED: &str = "DROP INDEX items_name_idx; ALTER TABLE items ADD COLUMN extra int;
    ALTER TABLE items ALTER COLUMN name DROP NOT NULL; CREATE INDEX tags_id_idx ON tags (id)";

fn causes(project: &Project, database: &support::TestDatabase) -> (Vec<String>, String) {
    let ran = project.trueup(["check", "--format", "json"], database).exit(1);
    (found(&ran.document()), ran.stdout().to_owned())
}

#[test]
fn a_history_proves_that_something_was_dropped_by_hand() {
    let (project, database) = (project("", FILES), support::database());
    project.trueup(["upgrade", "--yes"], &database).exit(0);
    database.exec(CHANGED);
    let (causes, text) = causes(&project, &database);
    assert!(causes.iter().all(|finding| finding.ends_with(": drift")), "{causes:#?}");
    assert!(text.contains("V2__index created it; it was dropped by hand"), "{text}");
}

#[test]
fn without_a_history_nobody_is_blamed() {
    let (project, database) = (project("", FILES), support::database());
    database.exec(BUILT);
    database.exec(CHANGED);
    let (causes, text) = causes(&project, &database);
    assert!(causes.iter().all(|finding| finding.ends_with(": unknown") || finding.ends_with(": pending")));
    assert!(
        causes.iter().any(|finding| finding == "column.nullability public.items.name: unknown"),
        "{causes:#?}"
    );
    assert!(!text.contains("by hand"), "{text}");
    // Neither when the version is looked for that it is at.
    project
        .trueup(["adopt", "--dry-run", "--version", "2"], &database)
        .exit(4)
        .lacks("by hand")
        .says("no migration history shows");
}

#[test]
fn another_tools_version_is_evidence_and_no_proof() {
    let (project, database) = (project("", FILES), support::database());
    database.exec(BUILT);
    database.exec("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)");
    database.exec(
        "INSERT INTO alembic_version VALUES ('3f2a'); ALTER TABLE items ALTER COLUMN name DROP NOT NULL",
    );
    let (causes, text) = causes(&project, &database);
    assert!(causes.contains(&"column.nullability public.items.name: unknown".to_owned()), "{causes:#?}");
    let evidence = "no migration history shows whether that was applied; Alembic is at 3f2a";
    assert!(text.contains(evidence), "{text}");
    assert!(!text.contains("by hand"), "{text}");
    project.trueup(["adopt", "--dry-run", "--format", "json"], &database).exit(4).says(evidence);
}

#[test]
fn a_project_without_migrations_proves_nothing_either() {
    let project = Project::of_schema("CREATE TABLE items (id int PRIMARY KEY, name text NOT NULL);");
    project.compile();
    let database = support::database();
    database.exec("CREATE TABLE items (id int PRIMARY KEY, name text)");
    let (causes, text) = causes(&project, &database);
    assert_eq!(causes, ["column.nullability public.items.name: unknown"]);
    assert!(text.contains("this project has no migrations that show which"), "{text}");
    project.check(&database).exit(1).stdout_contains("this project has no migrations");
}

/// The words are about the project, and not about what is not pending.
#[test]
fn a_project_with_migrations_is_never_said_to_have_none() {
    let (project, database) = (project("", FILES), support::database());
    database.exec(BUILT);
    project
        .check(&database)
        .exit(1)
        .lacks("this project has no migrations")
        .stdout_contains("no history of migrations");
    let other = support::database();
    other.exec("CREATE TABLE invoices (number text); CREATE TABLE lines (invoice text)");
    project.check(&other).exit(1).lacks("this project has no migrations");
    let new = support::database();
    project.check(&new).exit(1).lacks("this project has no migrations");
    project.trueup(["upgrade", "--yes"], &new).exit(0);
    project.trueup(["upgrade", "--yes"], &new).exit(0).lacks("this project has no migrations");
}
