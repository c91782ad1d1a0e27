//! What is adopted, what is refused, and what is recorded of it.

use std::collections::BTreeMap;
use std::fs;

use trueup::migrations::checksum::Width;

use super::taken::{adopt, expected, history, reference, run_first};
use crate::support::project::Project;
use crate::support::{self, TestDatabase};

/// A database in which the first migrations were run without a record.
fn at(project: &Project, count: usize) -> TestDatabase {
    let database = support::database();
    run_first(project, &database, count);
    database
}

#[track_caller]
fn nothing_was_written(database: &TestDatabase) {
    let sql = "SELECT (to_regnamespace('trueup') IS NULL \
               AND to_regclass('public.refinery_schema_history') IS NULL)::text";
    assert_eq!(database.value(sql), "true");
}

#[test]
fn every_version_of_the_reference_project_is_found() {
    let project = reference();
    for count in 1..=8 {
        let database = at(&project, count);
        let plan = project.trueup(["adopt", "--dry-run"], &database).document();
        let (version, of) = (count.to_string(), &plan["adoption"]["of"]);
        assert_eq!((&plan["adoption"]["version"], of), (&version.into(), &8.into()), "{plan:#}");
        assert_eq!(plan["findings"].as_array().map(Vec::len), Some(0), "{plan:#}");
        nothing_was_written(&database);
    }
}

#[test]
fn what_is_not_of_this_project_is_refused() {
    let project = reference();
    let database = support::database();
    adopt(&project, &database, &["--yes"])
        .exit(4)
        .says(["this database is empty", "trueup upgrade builds it"]);
    nothing_was_written(&database);
    database.exec("CREATE TABLE orders (id bigint)");
    for more in [
        &["--yes"][..],
        &["--yes", "--accept-drift", "*"],
        &["--yes", "--version", "3", "--accept-drift", "*"],
    ] {
        adopt(&project, &database, more)
            .exit(4)
            .says(["none of the declared tables is here", "DATABASE_URL"]);
    }
    nothing_was_written(&database);
}

#[test]
fn a_project_without_migrations_has_nothing_to_record() {
    let project = Project::of_schema("CREATE TABLE users (id bigint PRIMARY KEY);\n");
    let database = support::database();
    for _ in 0..2 {
        let words = ["this project has no migrations", "migrations/V1__baseline.sql"];
        adopt(&project, &database, &["--yes"]).exit(4).says(words);
        database.exec("CREATE TABLE IF NOT EXISTS users (id bigint PRIMARY KEY)");
    }
}

#[test]
fn a_catalog_that_differs_is_adopted_only_where_its_differences_are_named() {
    let project = reference();
    let database = at(&project, 3);
    database.exec("DROP INDEX users_email_key; ALTER TABLE users ADD COLUMN \"Nick\" text");
    let refused = project.trueup(["adopt", "--yes"], &database).document();
    assert_eq!((&refused["exit_code"], &refused["outcome"]), (&4.into(), &"refused".into()), "{refused:#}");
    assert_eq!(
        (&refused["adoption"]["version"], &refused["adoption"]["differences"]),
        (&"3".into(), &2.into())
    );
    let objects: Vec<_> = refused["findings"].as_array().unwrap().iter().map(|one| &one["object"]).collect();
    assert_eq!(objects, ["public.users_email_key", "public.users.\"Nick\""]);
    assert!(refused["error"]["what"].as_str().unwrap().contains("V3__password_hash_nullable"), "{refused:#}");
    let words = [
        "CREATE UNIQUE INDEX CONCURRENTLY users_email_key",
        "best match: V3__password_hash_nullable (3 of 8 migrations), 2 differences",
        "--accept-drift",
        "2 objects differ",
    ];
    adopt(&project, &database, &["--yes"]).exit(4).says(words).lacks("to be recorded");
    adopt(&project, &database, &["--yes", "--accept-drift", "public.users.Nick"])
        .exit(4)
        .says(["1 accepted", "index public.users_email_key differs"]);
    nothing_was_written(&database);

    let accept = ["--accept-drift", "public.users.Nick", "--accept-drift", "*_email_key"];
    let markdown = adopt(&project, &database, &["--dry-run", "--format", "markdown"]).args(accept);
    let words = ["## trueup adopt", "2 differences, 2 accepted", "| `public.users_email_key`<br>"];
    markdown.exit(0).says(words);
    nothing_was_written(&database);
    adopt(&project, &database, &["--yes"]).args(accept).exit(0).says("recorded 3 migrations as applied");
    assert_eq!(history(&database), expected(&project, 3, Width::Four));
    let detail = database.value("SELECT detail FROM trueup.steps WHERE action = 'adopt'");
    let names = "accepted: index public.users_email_key, column public.users.\"Nick\"";
    assert_eq!(detail, format!("V3__password_hash_nullable; {names}"));
    // Accepted is not declared: the check goes on telling, and names nobody's hand.
    let causes = causes(&project, &database);
    let accepted = |object: &str| {
        let cause = &causes[object];
        assert_eq!(cause.0, "unknown", "{cause:?}");
        assert!(
            cause.1.contains("this difference was accepted when the database was adopted (2"),
            "{cause:?}"
        );
        assert!(!cause.1.contains("by hand"), "{cause:?}");
    };
    accepted("public.users_email_key");
    accepted("public.users.\"Nick\"");
}

/// The kind and the detail of the cause of every finding, by object.
fn causes(project: &Project, database: &TestDatabase) -> BTreeMap<String, (String, String)> {
    let document = project.trueup(["check"], database).document();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let findings = document["findings"].as_array().unwrap().iter();
    let one = |one: &serde_json::Value| {
        (text(&one["object"]), (text(&one["cause"]["kind"]), text(&one["cause"]["detail"])))
    };
    findings.map(one).collect()
}

#[test]
fn what_was_accepted_is_told_from_what_was_changed_since() {
    let project = Project::of_schema(
        "CREATE TABLE users (id bigint PRIMARY KEY, email text NOT NULL, name text NOT NULL);\n\
         CREATE INDEX users_email ON users (email);\n",
    );
    let directory = project.path().join("migrations");
    fs::create_dir(&directory).unwrap();
    let files = [
        ("V1__users", "CREATE TABLE users (id bigint PRIMARY KEY, email text NOT NULL, name text);\n"),
        ("V1__users.down", "DROP TABLE users;\n"),
        ("V2__index", "CREATE INDEX users_email ON users (email);\n"),
        ("V2__index.down", "DROP INDEX users_email;\n"),
        ("V3__name", "ALTER TABLE users ALTER COLUMN name SET NOT NULL;\n"),
    ];
    for (name, sql) in files {
        fs::write(directory.join(format!("{name}.sql")), sql).unwrap();
    }
    project.compile();
    let database = at(&project, 2);
    database.exec(
        "ALTER TABLE users ALTER COLUMN email DROP NOT NULL, ALTER COLUMN name SET NOT NULL; DROP INDEX users_email;",
    );
    let adopted = ["--yes", "--version", "2", "--accept-drift", "*"];
    adopt(&project, &database, &adopted).exit(0).says("recorded 2 migrations as applied");
    let text = "this difference was accepted when the database was adopted";
    let found = causes(&project, &database);
    for object in ["public.users.email", "public.users.name", "public.users_email"] {
        assert!(found[object].0 == "unknown" && found[object].1.contains(text), "{object}: {found:?}");
        assert!(!found[object].1.contains("by hand"), "{object}: {found:?}");
    }
    // The migration that is done already is recorded, whoever did it.
    project.trueup(["check"], &database).exit(1).says("trueup upgrade --record-satisfied");
    project.trueup(["upgrade", "--yes", "--record-satisfied"], &database).exit(0);
    // What is another difference now was changed by hand since.
    database.exec("ALTER TABLE users ALTER COLUMN email TYPE varchar(80)");
    let found = causes(&project, &database);
    assert_eq!(found["public.users.email"].0, "drift", "{found:?}");
    // What the migrations have done since was not there when the database was adopted.
    let database = at(&project, 2);
    database.exec("DROP INDEX users_email");
    adopt(&project, &database, &adopted).exit(0);
    database.exec("CREATE INDEX users_email ON users (email)");
    project.trueup(["downgrade", "--to", "1", "--yes"], &database).exit(0);
    project.trueup(["upgrade", "--yes"], &database).exit(0);
    database.exec("DROP INDEX users_email");
    let found = causes(&project, &database);
    let drift = ("drift".to_owned(), "V2__index created it; it was dropped by hand".to_owned());
    assert_eq!(found["public.users_email"], drift, "{found:?}");
}

#[test]
fn a_version_that_is_stated_is_proved_all_the_same() {
    let project = reference();
    let database = at(&project, 3);
    adopt(&project, &database, &["--yes", "--version", "99"])
        .exit(2)
        .says(["--version 99", "the newest are 8, 7"]);
    adopt(&project, &database, &["--yes", "--version", "2"])
        .exit(4)
        .says(["compared with V2__add_username", "public.users.password_hash"]);
    nothing_was_written(&database);
    adopt(&project, &database, &["--yes", "--version", "3"]).exit(0).says("at V3");
}

#[test]
fn migrations_of_rows_alone_are_not_guessed_at() {
    let project = Project::of_schema("CREATE TABLE users (id bigint PRIMARY KEY, name text);\n");
    let directory = project.path().join("migrations");
    fs::create_dir(&directory).unwrap();
    let migrations = [
        ("V1__users", "CREATE TABLE users (id bigint PRIMARY KEY);\n"),
        ("V2__name", "ALTER TABLE users ADD COLUMN name text;\n"),
        ("V3__backfill", "UPDATE users SET name = 'nobody' WHERE name IS NULL;\n"),
    ];
    for (name, sql) in migrations {
        fs::write(directory.join(format!("{name}.sql")), sql).unwrap();
    }
    project.compile();
    let database = at(&project, 2);
    let words = ["V3__backfill and V2__name are equally good matches", "trueup adopt --version"];
    adopt(&project, &database, &["--yes"]).exit(4).says(words);
    nothing_was_written(&database);
    adopt(&project, &database, &["--yes", "--version", "2"]).exit(0).says(["at V2", "next: trueup upgrade"]);
    project.trueup(["upgrade", "--yes"], &database).exit(0).says("V3__backfill");
}

#[test]
fn it_is_proved_once_more_in_the_transaction_that_records_it() {
    let project = reference();
    let database = at(&project, 4);
    // Whatever happens between the last look and the record: here the record itself brings it about.
    database.exec(
        "CREATE FUNCTION meanwhile() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
             IF EXISTS (SELECT FROM pg_event_trigger_ddl_commands() WHERE object_identity LIKE '%refinery_schema_history')
             THEN DROP INDEX public.users_email_key; END IF; END $$;
         CREATE EVENT TRIGGER meanwhile ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION meanwhile()",
    );
    let accept = ["--accept-drift", "meanwhile", "--accept-drift", "public.meanwhile()"];
    adopt(&project, &database, &["--yes"])
        .args(accept)
        .exit(5)
        .says(["V4__api_keys_user_id", "public.users_email_key differs"]);
    assert_eq!(database.value("SELECT (to_regclass('public.users_email_key') IS NOT NULL)::text"), "true");
    assert_eq!(
        database.value("SELECT (to_regclass('public.refinery_schema_history') IS NULL)::text"),
        "true"
    );
    nothing_was_written(&database);
}

#[test]
fn nobody_is_taken_over_without_a_yes() {
    let project = reference();
    let database = at(&project, 2);
    adopt(&project, &database, &[]).exit(4).says([
        "V2__add_username (2 of 8 migrations)",
        "record 2 migrations as applied: not confirmed",
        "--yes",
    ]);
    nothing_was_written(&database);
    // The other name of the same command.
    project.trueup(["baseline", "--yes"], &database).exit(0).says("recorded 2 migrations as applied");
}

#[test]
fn a_history_that_is_there_is_taken_as_it_is_or_refused() {
    let project = reference();
    let database = support::database();
    project.build(&database);
    adopt(&project, &database, &["--yes", "--version", "3"]).exit(4).says("refinery's history is at V8");
    let checksum = "UPDATE refinery_schema_history SET checksum = '1' WHERE version = 3";
    database.exec(checksum);
    let words = ["its rows differ from the files: V3__password_hash_nullable"];
    adopt(&project, &database, &["--yes"]).exit(4).says(words);
    assert_eq!(database.value("SELECT (to_regnamespace('trueup') IS NULL)::text"), "true");
    database.exec("DROP TABLE refinery_schema_history; CREATE TABLE refinery_schema_history (version text)");
    adopt(&project, &database, &["--yes"]).exit(4).says("has the name of refinery's history and is not one");
}

#[test]
fn a_run_that_broke_off_before_its_records_is_made_good() {
    let project = reference();
    let database = support::database();
    project.build(&database);
    adopt(&project, &database, &["--yes"]).exit(0).says("took over the records of 8 migrations");
    // As if it had been killed between its mark and its records.
    database.exec("DELETE FROM trueup.migrations; DELETE FROM trueup.steps");
    adopt(&project, &database, &["--dry-run"])
        .exit(0)
        .says("texts and effects of V1__baseline to V8__api_keys_user_id_required (8 migrations)");
    adopt(&project, &database, &["--yes"]).exit(0).says("took over the records of 8 migrations");
    assert_eq!(database.value("SELECT count(*)::text FROM trueup.migrations"), "8");
}

#[test]
fn several_at_once_record_it_once() {
    let project = reference();
    let database = at(&project, 5);
    let children: Vec<_> = (0..6).map(|_| project.trueup(["adopt", "--yes"], &database).start()).collect();
    for child in children {
        child.ended().exit(0);
    }
    assert_eq!(history(&database), expected(&project, 5, Width::Four));
    assert_eq!(database.value("SELECT count(*)::text FROM trueup.steps WHERE action = 'adopt'"), "1");
}
