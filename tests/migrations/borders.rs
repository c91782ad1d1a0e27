//! Where transactions begin and end: compile has the borders of upgrade.

use super::{applied, project, write};
use crate::support;

const BASE: (&str, &str) = (
    "migrations/V1__t.sql",
    "CREATE TYPE st AS ENUM ('a', 'b');\nCREATE TABLE t (id int, s st);\n\
     CREATE PROCEDURE commits() LANGUAGE plpgsql AS 'BEGIN COMMIT; END';\n",
);

#[test]
fn what_upgrade_would_refuse_compile_refuses_with_the_directive_that_mends_it() {
    for (sql, words) in [
        (
            "ALTER TYPE st ADD VALUE 'c';\nALTER TABLE t ALTER s SET DEFAULT 'c';\n",
            ["V2__x.sql: line 2: unsafe use of new value \"c\"", "-- trueup: no-transaction"],
        ),
        (
            "CREATE INDEX CONCURRENTLY i ON t (id);\n",
            ["V2__x.sql: line 1: CREATE INDEX CONCURRENTLY cannot run", "-- trueup: no-transaction"],
        ),
        (
            "SELECT 1;\nCALL commits();\n",
            ["V2__x.sql: line 2: invalid transaction", "-- trueup: no-transaction"],
        ),
        (
            "DO 'BEGIN COMMIT; END';\n",
            ["V2__x.sql: line 1: invalid transaction", "-- trueup: no-transaction"],
        ),
        (
            "SELECT 1;\nCOMMIT;\nSELECT 2;\n",
            ["V2__x.sql: line 2: a migration must not begin", "around the whole file"],
        ),
        (
            "SET ROLE pg_monitor;\n",
            ["V2__x.sql: line 1: a migration must not change the role", "[database] set_role"],
        ),
    ] {
        let project = project("", &[BASE, ("migrations/V2__x.sql", sql)]);
        let database = support::database();
        project.trueup(["compile"], &database).case(sql).exit(2).says(words);
        assert!(!project.lock().exists(), "{sql}");
        project.trueup(["upgrade", "--yes", "--dry-run"], &database).case(sql).exit(2).says(words);
        project.trueup(["upgrade", "--yes"], &database).case(sql).exit(2).says(words);
        assert_eq!(applied(&database), "", "{sql}");
    }
}

#[test]
fn the_directive_mends_it() {
    for sql in [
        "ALTER TYPE st ADD VALUE 'c';\nALTER TABLE t ALTER s SET DEFAULT 'c';\n",
        "CREATE INDEX CONCURRENTLY i ON t (id);\n",
        "CALL commits();\nDO 'BEGIN COMMIT; END';\n",
    ] {
        let sql = format!("-- trueup: no-transaction\n{sql}");
        let project = project("", &[BASE, ("migrations/V2__x.sql", &sql)]);
        let database = support::database();
        project.trueup(["compile"], &database).case(&sql).exit(0);
        project.trueup(["upgrade", "--yes"], &database).case(&sql).exit(0);
        project.trueup(["check"], &database).case(&sql).exit(0);
    }
}

/// Whoever takes over many files mends them in one round.
#[test]
fn every_refusal_of_every_file_is_told_in_one_run() {
    let files = [
        BASE,
        ("migrations/V2__enum.sql", "ALTER TYPE st ADD VALUE 'c';\nALTER TABLE t ALTER s SET DEFAULT 'c';\n"),
        (
            "migrations/V3__index.sql",
            "CREATE INDEX CONCURRENTLY i ON t (id);\nCREATE INDEX CONCURRENTLY j ON t (s);\n",
        ),
        (
            "migrations/V4__role.sql",
            "SET ROLE pg_monitor;\nRESET ROLE;\nSELECT 1;\nBEGIN;\nSELECT 2;\nCOMMIT;\nSELECT 3;\n",
        ),
        ("migrations/V5__again.sql", "ALTER TYPE st ADD VALUE 'd';\nINSERT INTO t VALUES (1, 'd');\n"),
        ("migrations/V6__psql.sql", "\\set x 1\nSELECT 1;\nCOPY t FROM stdin;\n1\ta\n\\.\n"),
        ("migrations/V7__goose.sql", "-- +goose Up\nSELECT 1;\n"),
    ];
    let all = [
        "V2__enum.sql: line 2",
        "V3__index.sql: line 1",
        "V3__index.sql: line 2",
        "V4__role.sql: line 1",
        "V4__role.sql: line 2",
        "V4__role.sql: line 4",
        "V4__role.sql: line 6",
        "V5__again.sql: line 2",
        "V6__psql.sql: line 1",
        "V6__psql.sql: line 3",
        "V7__goose.sql: line 1",
    ];
    let project = project("", &files);
    let database = support::database();
    let ran = project.trueup(["compile"], &database).exit(2).says(all);
    let next = ran.stderr().split("next:").nth(1).unwrap_or_default().to_owned();
    assert_eq!(next.matches("put what cannot run inside a transaction").count(), 1, "{next}");
    project.trueup(["upgrade", "--yes"], &database).exit(2).says(all);
}

/// What the server refuses for another reason is told beside it.
#[test]
fn a_mistake_is_told_beside_the_refusals() {
    let files = [
        BASE,
        ("migrations/V2__index.sql", "CREATE INDEX CONCURRENTLY i ON t (id);\n"),
        ("migrations/V3__wrong.sql", "ALTER TABLE nowhere ADD x int;\n"),
    ];
    let project = project("", &files);
    let database = support::database();
    let words = ["V2__index.sql: line 1", "V3__wrong.sql: line 1: relation \"nowhere\" does not exist"];
    project.trueup(["compile"], &database).exit(2).says(words);
}

/// Nothing of one statement but what it commits is there for the next.
#[test]
fn a_migration_without_a_transaction_is_replayed_statement_by_statement() {
    let set = "-- trueup: no-transaction\nSET search_path = app;\nCREATE TABLE u (id int);\n";
    let files = [("migrations/V1__app.sql", "CREATE SCHEMA app;\n"), ("migrations/V2__u.sql", set)];
    let project_of_both = project("", &files);
    let database = support::database();
    let noted = "V2__u.sql: line 2: SET search_path = app: it has no effect";
    project_of_both.trueup(["compile"], &database).exit(0).says(noted);
    project_of_both.trueup(["upgrade", "--yes"], &database).exit(0);
    assert_eq!(database.value("SELECT to_regclass('public.u') IS NOT NULL"), "t");
    project_of_both.trueup(["check"], &database).exit(0);
    let locked = "-- trueup: no-transaction\nLOCK TABLE app.u;\n";
    let other = project(
        "",
        &[files[0], ("migrations/V2__u.sql", "CREATE TABLE app.u ();\n"), ("migrations/V3__l.sql", locked)],
    );
    other.trueup(["compile"], &support::database()).exit(0);
}

/// No directive makes code run what needs no transaction: that advice would lead nowhere.
#[test]
fn code_that_runs_what_no_transaction_holds_is_told_once() {
    let sql = "DO $$ BEGIN EXECUTE 'CREATE INDEX CONCURRENTLY i ON t (id)'; END $$;\n";
    let project = project("", &[BASE, ("migrations/V2__x.sql", sql)]);
    let ran = project.trueup(["compile"], &support::database()).exit(2).lacks("no-transaction");
    assert_eq!(ran.stderr().matches("V2__x.sql: line 1").count(), 1, "{}", ran.shown());
}

#[test]
fn a_mistake_in_a_transaction_is_the_first_that_is_told() {
    let files = [BASE, ("migrations/V2__x.sql", "SET no_such_setting = 1;\nCREATE TABLE u ();\n")];
    let project = project("", &files);
    let words = "V2__x.sql: line 1: unrecognized configuration parameter \"no_such_setting\"";
    project.trueup(["compile"], &support::database()).exit(2).says(words).lacks("aborted");
    write(&project, "migrations/V2__x.sql", "CREATE SCHEMA public;\nCREATE TABLE u ();\n");
    let words = "V2__x.sql: line 1: schema \"public\" already exists";
    project.trueup(["compile"], &support::database()).exit(2).says(words).lacks("aborted");
}
