//! What is shown, what is done, and what stays.

use std::fs;

use super::{DRIFT, Site, compile};
use crate::support::terminal::Terminal;

#[test]
fn drift_is_shown_and_then_brought_back() {
    let site = Site::with(DRIFT);
    let before = site.check().document();
    let plan = site.fix().args(["--dry-run", "--format", "json"]).exit(1).document();
    assert!(!site.has_records());
    let steps = plan["fix"]["steps"].as_array().unwrap();
    assert_eq!(steps.len(), before["findings"].as_array().unwrap().len(), "{plan}");
    assert_eq!(
        (plan["fix"]["done"].as_bool(), plan["fix"]["left"].as_array().unwrap().len()),
        (Some(false), 0)
    );
    let index = steps.iter().find(|step| step["object"] == "public.users_email_idx").unwrap();
    assert_eq!(
        index["statements"][0],
        "CREATE UNIQUE INDEX CONCURRENTLY users_email_idx ON public.users (email);"
    );
    assert_eq!((&index["transactional"], &index["locks"][0]["blocks"]), (&false.into(), &"nobody".into()));

    site.fix().arg("--yes").exit(0).says(["fixed: create index public.users_email_idx", "OK: all"]);
    site.is_whole();
    let recorded = "SELECT count(DISTINCT name) FROM trueup.steps WHERE action = 'fix' AND state = 'done' AND ended_at IS NOT NULL";
    assert_eq!(site.database.value(recorded), steps.len().to_string());
    site.project
        .without_postgres(["status", "--runs"], site.database.url())
        .run()
        .says(["check --fix --yes", "clean (0)"]);
    // A second run has nothing to do, and says so.
    site.fix().arg("--yes").exit(0).says("OK: all").lacks("fixed:");
    site.fix().args(["--dry-run"]).exit(0).lacks("dry run");
}

#[test]
fn a_check_names_the_command() {
    let site = Site::with(DRIFT);
    site.check().exit(1).says("next: trueup check --fix --dry-run");
    site.check().arg("-q").exit(1).says("next: trueup check --fix --dry-run");
    // Nobody can be asked.
    site.fix().exit(4).says(["carry out 6 steps: not confirmed", "nothing was changed"]);
    assert!(!site.has_records());
}

#[test]
fn only_what_is_asked_for_is_fixed() {
    let site = Site::with(DRIFT);
    site.fix()
        .args(["--yes", "--only", "index.missing"])
        .exit(0)
        .says("fixed: create index")
        .lacks("fixed: alter");
    site.fix().args(["--yes", "--only", "public.next*"]).exit(0).says("fixed: alter function").lacks("view");
    let left = site.check().args(["--format", "json"]).exit(1).document();
    let objects: Vec<&str> =
        left["findings"].as_array().unwrap().iter().filter_map(|one| one["object"].as_str()).collect();
    assert!(objects.contains(&"public.names") && objects.contains(&"public.by_hand"), "{objects:?}");
    assert!(!objects.contains(&"public.users_email_idx") && objects.len() == 4, "{objects:?}");
    site.fix().args(["--dry-run", "--only", "index.mising"]).exit(2).says("index.mising");
}

/// What migrations are to do, and what none does, is not the business of a fix.
#[test]
fn what_is_pending_or_has_no_migration_stays() {
    let site = Site::with("ALTER TABLE users ALTER name DROP DEFAULT");
    let directory = site.project.path();
    fs::write(
        directory.join("migrations/V2__phone.sql"),
        "ALTER TABLE users ADD phone text;\nALTER TABLE users ALTER email TYPE text;",
    )
    .unwrap();
    let schema = fs::read_to_string(directory.join("schema/model.sql")).unwrap();
    let schema = schema.replace("varchar(100) NOT NULL", "text NOT NULL, phone text, nick text");
    fs::write(directory.join("schema/model.sql"), schema).unwrap();
    compile(&site.project).exit(0);
    let document = site.fix().args(["--yes", "--format", "json"]).exit(1).document();
    let left = document["fix"]["left"].as_array().unwrap().iter();
    let left: Vec<_> =
        left.map(|one| (one["object"].as_str().unwrap(), one["next"].as_str().unwrap())).collect();
    let expected = [("email", "trueup upgrade"), ("nick", "trueup generate"), ("phone", "trueup upgrade")];
    let expected = expected.map(|(column, next)| (format!("public.users.{column}"), next));
    assert!(
        left.iter().copied().eq(expected.iter().map(|(object, next)| (object.as_str(), *next))),
        "{left:?}"
    );
    assert_eq!(document["fix"]["steps"].as_array().unwrap().len(), 1);
    assert!(site.holds(
        "NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'users'::regclass AND attname = 'phone')"
    ));
    site.check().exit(1).says("next: trueup upgrade").lacks("drift");
}

#[test]
fn loss_needs_the_name_of_the_database() {
    let site = Site::with(
        "ALTER TABLE users ADD extra text DEFAULT 'kept'; CREATE TABLE notes (line text); DROP INDEX users_email_idx",
    );
    let name = site.database.name().to_owned();
    site.fix().arg("--yes").exit(1).says(["fixed: create index", "public.users.extra"]).lacks("fixed: drop");
    site.fix().arg("--dry-run").exit(1).says(["it loses data: --destructive"]);
    site.fix()
        .args(["--destructive", "--dry-run"])
        .exit(1)
        .says(["drop column public.users.extra", "loses data"]);
    site.fix().args(["--destructive", "--yes"]).exit(4).says(["--confirm-name", "nothing was changed"]);
    site.fix().args(["--destructive", "--yes", "--confirm-name", "other"]).exit(4).says(&*name);
    site.fix().args(["--yes", "--confirm-name", &name]).exit(2);
    assert_eq!(site.database.value("SELECT count(*) FROM users WHERE extra = 'kept'"), "100");

    let mut terminal =
        Terminal::start(site.fix().args(["--destructive", "--only", "column.unexpected"]), 120);
    terminal.wait_for("Type the database's name").press("no\r");
    terminal.end().exit(4).says("not the database's name");
    let mut terminal =
        Terminal::start(site.fix().args(["--destructive", "--only", "column.unexpected"]), 120);
    terminal.wait_for("Type the database's name").press(&format!("{name}\r"));
    terminal.end().exit(0).says("fixed: drop column public.users.extra");
    site.fix()
        .args(["--destructive", "--yes", "--confirm-name", &name])
        .exit(0)
        .says("fixed: drop table public.notes");
    site.is_whole();
}

#[test]
fn what_is_created_again_keeps_its_owner_and_its_grants() {
    let site = Site::with("");
    site.database.exec("DO $$BEGIN CREATE ROLE fix_reader; CREATE ROLE fix_owner; EXCEPTION WHEN duplicate_object THEN NULL; END$$");
    site.database.exec(
        "CREATE OR REPLACE VIEW names AS SELECT id, name, email FROM users;
         GRANT CREATE ON SCHEMA public TO fix_owner; ALTER VIEW names OWNER TO fix_owner;
         GRANT SELECT ON names TO fix_reader WITH GRANT OPTION; GRANT UPDATE (name) ON names TO fix_reader",
    );
    let grants = "SELECT concat(relowner::regrole, relacl, (SELECT attacl FROM pg_attribute WHERE attrelid = c.oid AND attname = 'name')) \
                  FROM pg_class c WHERE oid = 'names'::regclass";
    let before = site.database.value(grants);
    site.fix().arg("--yes").exit(0).says("fixed: re-create view public.names");
    assert_eq!(site.database.value(grants), before);
    site.is_whole();
}

/// An index that a broken build left behind is built again.
#[test]
fn an_invalid_index_is_replaced() {
    let site =
        Site::with("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'users_email_idx'::regclass");
    site.fix().arg("--yes").exit(0).says("users_email_idx");
    assert!(site.holds("(SELECT bool_and(indisvalid) FROM pg_index WHERE indrelid = 'users'::regclass)"));
    site.is_whole();
}

/// Rows that break what is declared are told; what was done stays, and the same command goes on.
#[test]
fn rows_that_break_what_is_declared_are_told() {
    let site = Site::with(DRIFT);
    site.database.exec("INSERT INTO users VALUES (101, 'u1', ''), (102, NULL, '')");
    let failed = site.fix().arg("--yes").exit(6);
    failed.says([
        "statement: ",
        "done and recorded",
        "it continues with what is left",
        "rows break what is declared",
    ]);
    assert!(site.holds("NOT EXISTS (SELECT FROM pg_index WHERE NOT indisvalid)"));
    assert!(site.holds("NOT EXISTS (SELECT FROM pg_constraint WHERE conname = 'users_email_not_null')"));
    site.database.exec("DELETE FROM users WHERE id = 102");
    site.fix()
        .arg("--yes")
        .exit(6)
        .says(["create index public.users_email_idx", "Key (email)=(u1) is duplicated"]);
    assert!(site.holds("to_regclass('users_email_idx') IS NULL"));
    site.database.exec("DELETE FROM users WHERE id > 100");
    site.fix().arg("--yes").exit(0);
    site.is_whole();
}

/// Without a history nothing proves what was changed.
#[test]
fn a_database_without_a_history_is_refused() {
    let site = Site::with("DROP TABLE refinery_schema_history; DROP INDEX users_email_idx");
    site.fix().arg("--yes").exit(4).says(["no history of migrations", "trueup adopt", "nothing was changed"]);
    assert!(!site.has_records());
    site.check().exit(1).lacks("check --fix");
}
