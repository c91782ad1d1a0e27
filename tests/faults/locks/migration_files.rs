//! Migration files that must not be run as they are: found before anything is touched, with file and line.

use std::fs;

use super::{TABLE, applied, project, uncompiled, untouched, upgrade};
use crate::support::program::Program;
use crate::support::project::Project;
use crate::support::proxy::{Proxy, Then};
use crate::support::{self, TestDatabase};

/// `trueup upgrade --yes` where the project can be compiled.
fn upgrade_compiling(project: &Project, database: &TestDatabase) -> Program {
    project.trueup(["upgrade", "--yes"], database)
}

/// A project whose first migration is fine and whose second is this file, added after it was compiled.
fn with_second(name: &str, bytes: &[u8]) -> Project {
    let project = project("", &[("V1__items.sql", TABLE)]);
    fs::write(project.path().join("migrations").join(name), bytes).unwrap();
    project
}

#[test]
fn f38_files_that_are_no_migrations_are_told_by_name() {
    let database = support::database();
    let cases: [(&str, &[u8], &str); 5] = [
        ("V1__again.sql", b"SELECT 1;\n", "V1__again.sql"),
        ("V2__empty.sql", b"", "V2__empty.sql"),
        ("V2__bytes.sql", b"SELECT 1;\nSELECT '\xff';\n", "V2__bytes.sql: line 2"),
        ("V2_one_underscore.sql", b"SELECT 1;\n", "V2_one_underscore.sql"),
        ("V2__open.sql", b"SELECT 1;\nSELECT 'open;\n", "V2__open.sql"),
    ];
    for (name, bytes, words) in cases {
        let project = with_second(name, bytes);
        upgrade_compiling(&project, &database).exit(2).says(words);
        untouched(&database);
    }
    // A link to nowhere, and a file that nobody wrote by hand.
    let project = with_second("V2__link.sql", b"");
    let path = project.path().join("migrations/V2__link.sql");
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("nowhere.sql", &path).unwrap();
    upgrade_compiling(&project, &database).exit(2).says("V2__link.sql");
    untouched(&database);
    let project = with_second("V2__large.sql", b"");
    let file = fs::File::create(project.path().join("migrations/V2__large.sql")).unwrap();
    file.set_len(100 << 20).unwrap();
    upgrade_compiling(&project, &database).exit(2).says("V2__large.sql");
    untouched(&database);
}

/// Compiles, where the file compiles, and expects that the upgrade is refused with these words.
#[track_caller]
fn refused(second: &str, code: i32, words: &[&str]) {
    let database = support::database();
    let first = format!("{TABLE}CREATE INDEX i ON public.items (name);\n");
    let project = uncompiled("", &[("V1__items.sql", &first), ("V2__second.sql", second)]);
    fs::write(project.path().join("schema/model.sql"), TABLE.lines().next().unwrap()).unwrap();
    let compiled = project.trueup(["compile"], &database).run();
    if compiled.code() == Some(0) {
        upgrade(&project, &database).exit(code).says(words);
    } else {
        // Such a project never has a lock file.
        compiled.exit(2).says(words);
        upgrade_compiling(&project, &database).exit(2).says(words);
    }
    untouched(&database);
}

#[test]
fn f40_what_takes_the_transaction_or_the_role_out_of_the_runs_hands_is_found_before_the_start() {
    for statement in [
        "COMMIT",
        "ROLLBACK",
        "BEGIN",
        "SET ROLE pg_monitor",
        "RESET SESSION AUTHORIZATION",
        "DISCARD ALL",
        "SELECT pg_advisory_unlock_all()",
    ] {
        let sql = format!("SELECT 1;\n\n{statement};\nSELECT 2;\n");
        refused(&sql, 4, &["V2__second.sql: line 3"]);
    }
    refused("SELECT 1;\n\\echo hello\nSELECT 2;\n", 2, &["V2__second.sql", "line 2"]);
}

#[test]
fn f40_the_same_words_in_strings_and_bodies_are_fine() {
    let innocent = "INSERT INTO public.items VALUES (1000, 'COMMIT; ROLLBACK; \\q DISCARD ALL');\n\
        CREATE FUNCTION public.f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM 1; /* COMMIT; */ END $$;\n\
        CREATE PROCEDURE public.p() LANGUAGE plpgsql AS $$ BEGIN COMMIT; END $$;\n";
    let model = "CREATE FUNCTION public.f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM 1; /* COMMIT; */ END $$;\n\
        CREATE PROCEDURE public.p() LANGUAGE plpgsql AS $$ BEGIN COMMIT; END $$;\n";
    let project = uncompiled("", &[("V1__items.sql", TABLE), ("V2__innocent.sql", innocent)]);
    let tables = "CREATE TABLE public.items (id int PRIMARY KEY, name text);\n";
    fs::write(project.path().join("schema/model.sql"), format!("{tables}{model}")).unwrap();
    project.compile();
    let database = support::database();
    upgrade(&project, &database).exit(0).says("done: applied 2 migrations");
}

/// Procedures and DO end transactions only where no block is open: in a transactional migration the server refuses,
/// and all is rolled back.
#[test]
fn f40_code_that_commits_is_refused_by_the_server_inside_of_the_migration() {
    for call in ["DO $$ BEGIN COMMIT; END $$", "CALL public.p()"] {
        let first = format!(
            "{TABLE}CREATE PROCEDURE public.p() LANGUAGE plpgsql AS $$ BEGIN IF current_setting('x.live', true) = 'on' \
             THEN COMMIT; END IF; END $$;\n"
        );
        let second = if call.starts_with("DO") {
            "DO $$ BEGIN IF current_setting('x.live', true) = 'on' THEN COMMIT; END IF; END $$;\n".to_owned()
        } else {
            format!("{call};\n")
        };
        let second = format!("CREATE TABLE public.more (id int);\n{second}");
        let project = uncompiled("", &[("V1__items.sql", &first), ("V2__code.sql", &second)]);
        fs::write(
            project.path().join("schema/model.sql"),
            "CREATE TABLE public.items (id int PRIMARY KEY, name text); CREATE TABLE public.more (id int);",
        )
        .unwrap();
        project.compile();
        let database = support::database();
        database.exec(&format!("ALTER DATABASE {} SET x.live = 'on'", database.name()));
        upgrade(&project, &database).exit(6).says([
            "V2__code.sql: line 2",
            "invalid transaction termination",
            "it was rolled back",
        ]);
        assert_eq!(applied(&database), ["1 items"]);
        assert_eq!(database.value("SELECT to_regclass('public.more') IS NULL"), "t");
    }
}

/// No text is known that the server reads as other statements than trueup does: a message is parsed whole before any of
/// it runs, with standard_conforming_strings set and read back. So something between the two puts the COMMIT in.
#[test]
fn f40_a_transaction_that_was_ended_is_noticed_before_the_history_row_is_written() {
    for words in ["COMMIT", "COMMIT; BEGIN", "ROLLBACK; BEGIN", "COMMIT AND CHAIN"] {
        let second =
            "CREATE TABLE public.more (id int);\nSELECT 'here';\nCREATE TABLE public.most (id int);\n";
        let project = project("", &[("V1__items.sql", TABLE), ("V2__more.sql", second)]);
        let database = support::database();
        let proxy =
            Proxy::start(&database, move |_, text| Then::Instead(text.replacen("SELECT 'here'", words, 1)));
        upgrade(&project, &proxy.url(&database))
            .exit(6)
            .says(["V2__more ended the transaction that it was to run in", "not recorded as applied"]);
        assert_eq!(applied(&database), ["1 items"], "{words}");
        assert_eq!(
            database.value("SELECT string_agg(version::text, ',') FROM trueup.migrations"),
            "1",
            "{words}"
        );
        let more = database.value("SELECT to_regclass('public.more') IS NOT NULL");
        assert_eq!(more, if words.starts_with("COMMIT") { "t" } else { "f" }, "{words}: part of it stays");
        assert_eq!(database.value("SELECT to_regclass('public.most') IS NULL"), "t", "{words}");
    }
}

#[test]
fn f41_a_statement_that_cannot_run_in_a_transaction_is_refused_before_the_start() {
    for statement in [
        "CREATE INDEX CONCURRENTLY j ON public.items (name)",
        "DROP INDEX CONCURRENTLY i",
        "VACUUM public.items",
        "CREATE UNIQUE INDEX CONCURRENTLY j ON public.items (id)",
        "REINDEX TABLE CONCURRENTLY public.items",
    ] {
        let sql = format!("SELECT 1;\n{statement};\n");
        refused(&sql, 4, &["V2__second.sql: line 2", "-- trueup: no-transaction"]);
    }
}
