//! Migrations taken back.

use std::fs;

use super::{applied, catalog, project, write};
use crate::support::project::Project;
use crate::support::{self, TestDatabase};

const FILES: &[(&str, &str)] = &[
    ("V1__items.sql", "CREATE TABLE items (id int PRIMARY KEY, name text);\n"),
    ("V2__note.sql", "ALTER TABLE items ADD COLUMN note text;\nCREATE INDEX items_note ON items (note);\n"),
    ("V2__note.down.sql", "ALTER TABLE items DROP COLUMN note;\n"),
    ("V3__tags.sql", "CREATE TABLE tags (id serial PRIMARY KEY);\n"),
    ("V3__tags.down.sql", "DROP TABLE tags;\n"),
];

fn upgraded(files: &[(&str, &str)]) -> (Project, TestDatabase) {
    let project = project("", files);
    let database = support::database();
    project.trueup(["upgrade", "--yes"], &database).exit(0);
    (project, database)
}

#[test]
fn the_reference_project_goes_down_and_up_again() {
    let project = Project::reference();
    project.compile();
    let (database, other) = (support::database(), support::database());
    project.trueup(["upgrade", "--yes", "--to", "1"], &other).exit(0);
    project.trueup(["upgrade", "--yes", "--contract"], &database).exit(0).says("at V8");
    let newest = catalog(&database);
    database.exec(
        "INSERT INTO users (email, username, password_hash) VALUES ('a@b', 'ab', 'x');
         INSERT INTO organizations (slug, name) VALUES ('acme', 'Acme');
         INSERT INTO api_keys (organization_id, name, prefix, key_digest, user_id) VALUES (1, 'k', 'abcdefgh', 'd', 1)",
    );
    project
        .trueup(["downgrade", "--to", "1", "--yes"], &database)
        .exit(0)
        .says(["reverted 7 migrations", "at V1"]);
    assert_eq!(catalog(&database), catalog(&other), "V1 is V1");
    assert_eq!(applied(&database), "1");
    assert_eq!(database.value("SELECT count(*) FROM api_keys"), "1", "rows of what stays are there");
    assert_eq!(
        database.value("SELECT string_agg(version::text, ' ' ORDER BY version) FROM trueup.migrations"),
        "1"
    );
    // Both texts are kept: the one that was applied and the one that took it back.
    let texts = database.value(
        "SELECT string_agg(version || text || before, '|' ORDER BY version) FROM trueup.steps WHERE action = 'revert'",
    );
    for text in ["DROP COLUMN username", "ADD COLUMN username", "DROP NOT NULL", "SET NOT NULL"] {
        assert!(texts.contains(text), "{texts}");
    }
    project.trueup(["status"], &database).exit(1).says("7 pending");
    database.exec("UPDATE api_keys SET name = 'key'");
    project.trueup(["upgrade", "--yes"], &database).exit(0).says("V8__api_keys_user_id_required");
    database.exec("UPDATE api_keys SET user_id = 1");
    project.trueup(["upgrade", "--yes", "--contract"], &database).exit(0).says("at V8");
    assert_eq!(catalog(&database), newest);
    project.trueup(["check"], &database).exit(0);
}

#[test]
fn a_down_script_that_stumbles_on_rows_is_rolled_back() {
    let project = Project::reference();
    project.compile();
    let database = support::database();
    project.trueup(["upgrade", "--yes", "--to", "3"], &database).exit(0);
    database.exec("INSERT INTO users (email) VALUES ('a@b')");
    let before = catalog(&database);
    project.trueup(["downgrade", "--to", "2", "--yes"], &database).exit(5).says([
        "V3__password_hash_nullable.down.sql: line 2",
        "contains null values",
        "rolled back",
    ]);
    assert_eq!((catalog(&database), applied(&database).as_str()), (before, "1 2 3"));
}

#[test]
fn a_dry_run_and_a_refusal_change_nothing() {
    let (project, database) = upgraded(FILES);
    let before = catalog(&database);
    let runs = || database.value("SELECT count(*) FROM trueup.runs");
    project
        .trueup(["downgrade", "--to", "1", "--dry-run"], &database)
        .exit(0)
        .says(["DROP TABLE tags", "nothing was changed"]);
    project.trueup(["downgrade", "--to", "1"], &database).exit(4).says("not confirmed");
    project.trueup(["downgrade", "--to", "3", "--yes"], &database).exit(0).says("nothing to do");
    project.trueup(["downgrade", "--to", "9", "--yes"], &database).exit(2).says("no such version");
    project
        .trueup(["downgrade", "--to", "0", "--yes"], &database)
        .exit(4)
        .says("V1__items has no down script");
    assert_eq!((catalog(&database), applied(&database).as_str(), runs().as_str()), (before, "1 2 3", "1"));
}

#[test]
fn what_leaves_something_or_takes_too_much_is_rolled_back() {
    let (project, database) = upgraded(FILES);
    let before = catalog(&database);
    for (script, words) in [
        ("SELECT 1;", "table public.tags is there"),
        ("DROP TABLE tags; CREATE TABLE other ();", "table public.other is there"),
        ("DROP TABLE tags; DROP INDEX items_note;", "index public.items_note is not there"),
        (
            "DROP TABLE tags; ALTER TABLE items ALTER COLUMN name SET DEFAULT 'x';",
            "default is 'x'::text, not not set",
        ),
    ] {
        write(&project, "V3__tags.down.sql", script);
        project.trueup(["downgrade", "--to", "2", "--yes"], &database).exit(5).says([
            "V3__tags.down.sql",
            words,
            "rolled back",
        ]);
        assert_eq!((catalog(&database), applied(&database).as_str()), (before.clone(), "1 2 3"), "{script}");
    }
    let outcome = "SELECT outcome || exit_code FROM trueup.runs ORDER BY started_at DESC LIMIT 1";
    assert_eq!(database.value(outcome), "rolled-back5");
}

#[test]
fn what_was_taken_back_before_stays_so() {
    let (project, database) = upgraded(FILES);
    write(&project, "V2__note.down.sql", "DROP INDEX items_note;");
    project
        .trueup(["downgrade", "--to", "1", "--yes"], &database)
        .exit(6)
        .says(["V2__note.down.sql", "column public.items.note is there"]);
    assert_eq!(applied(&database), "1 2");
    assert_eq!(database.value("SELECT to_regclass('items_note') IS NOT NULL"), "t");
    write(&project, "V2__note.down.sql", "ALTER TABLE items DROP COLUMN note;");
    project.trueup(["downgrade", "--to", "1", "--yes"], &database).exit(0).says("reverted 1 migration");
    project.trueup(["upgrade", "--yes"], &database).exit(0).says("at V3");
}

#[test]
fn scripts_that_may_not_run_so_are_refused_before_anything() {
    let (project, database) = upgraded(FILES);
    let before = catalog(&database);
    for (script, words) in [
        ("DROP INDEX CONCURRENTLY items_note;", "cannot run inside a transaction block"),
        ("COMMIT;", "V2__note.down.sql: line 1"),
    ] {
        write(&project, "V2__note.down.sql", script);
        project.trueup(["downgrade", "--to", "1", "--yes"], &database).exit(4).says(words);
        assert_eq!((catalog(&database), applied(&database).as_str()), (before.clone(), "1 2 3"), "{script}");
    }
    fs::remove_file(project.path().join("migrations/V2__note.down.sql")).unwrap();
    project
        .trueup(["downgrade", "--to", "1", "--yes"], &database)
        .exit(4)
        .says("V2__note has no down script");
    assert_eq!(applied(&database), "1 2 3");
}

/// Rows in a column that somebody added by hand would be gone with the table.
#[test]
fn drift_where_the_scripts_reach_is_refused() {
    let (project, database) = upgraded(FILES);
    database.exec("ALTER TABLE tags ADD COLUMN by_hand text");
    let args = ["downgrade", "--to", "2", "--yes"];
    project.trueup(args, &database).exit(4).says(["column public.tags.by_hand", "nothing was changed"]);
    database.exec("ALTER TABLE tags DROP COLUMN by_hand; ALTER TABLE items ADD COLUMN by_hand text");
    project.trueup(args, &database).exit(0).says(["reverted 1 migration", "1 more difference"]);
    assert_eq!(database.value("SELECT count(by_hand) FROM items"), "0", "what is elsewhere stays");
}

#[test]
fn a_renamed_table_goes_back_with_its_columns() {
    let files = [
        (
            "V1__items.sql",
            "CREATE TABLE items (id serial PRIMARY KEY, name text);\nCREATE INDEX by_name ON items (name);\n",
        ),
        ("V2__things.sql", "ALTER TABLE items RENAME TO things;\n"),
        ("V2__things.down.sql", "ALTER TABLE things RENAME TO items;\n"),
    ];
    let (project, database) = upgraded(&files);
    project.trueup(["downgrade", "--to", "1", "--yes"], &database).exit(0);
    project.trueup(["upgrade", "--yes"], &database).exit(0);
    project.trueup(["check"], &database).exit(0);
}

#[test]
fn a_version_that_was_skipped_does_not_count_as_applied() {
    let files = [
        ("V1__items.sql", "CREATE TABLE items (id int, name text);\n"),
        ("V3__comment.sql", "COMMENT ON COLUMN items.name IS 'three';\n"),
        ("V3__comment.down.sql", "COMMENT ON COLUMN items.name IS NULL;\n"),
    ];
    let (project, database) = upgraded(&files);
    write(&project, "V2__required.sql", "ALTER TABLE items ALTER COLUMN name SET NOT NULL;\n");
    project.compile();
    project.trueup(["downgrade", "--to", "1", "--yes"], &database).exit(0).says("reverted 1 migration");
    assert_eq!(applied(&database), "1");
}

/// Everything, and up again: the history is empty and the tables are gone.
#[test]
fn to_nothing_and_back() {
    let files = [FILES, &[("V1__items.down.sql", "DROP TABLE items;\n")]].concat();
    let (project, database) = upgraded(&files);
    let before = catalog(&database);
    project
        .trueup(["downgrade", "--to", "0", "--yes"], &database)
        .exit(0)
        .says(["reverted 3 migrations", "no migration is applied"]);
    assert_eq!(applied(&database), "");
    project.trueup(["upgrade", "--yes"], &database).exit(0);
    assert_eq!(catalog(&database), before);
}
