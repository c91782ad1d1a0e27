//! Where the text comes from, what of it is shown, and how long an answer is.

use std::fs::File;
use std::io::Write as _;

use super::{behind, site, why};
use crate::support;
use crate::support::program::Ran;

const FORMATS: [&str; 8] = ["human", "json", "markdown", "junit", "sarif", "github", "gitlab", "html"];

/// A file to be read as standard input.
fn input(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    std::io::Seek::rewind(&mut file).unwrap();
    file
}

fn lines(ran: &Ran) -> usize {
    ran.stdout().lines().count()
}

#[test]
fn the_last_error_of_a_long_log_is_taken() {
    let (project, database) = behind("3");
    let mut log = b"ERROR:  relation \"long_ago\" does not exist\n".to_vec();
    while log.len() < 8 * 1024 * 1024 {
        log.extend_from_slice(b"2026-11-30 12:00:00 INFO GET /health 200, as always, and always again\n");
    }
    log.extend_from_slice(
        b"\xff\xfe\x00 {\"level\":\"error\",\"err\":\"ERROR: column api_keys.user_id does not exist (SQLSTATE 42703)\"}\r\n\
          ERROR: current transaction is aborted, commands ignored until end of transaction block\r\n",
    );
    let ran = project.without_postgres(["why"], &database).stdin(input(&log)).exit(1);
    let ran =
        ran.says(["V4__api_keys_user_id adds it", "note: the text has 8.0 MB", "the last that is a cause"]);
    ran.lacks("long_ago");
}

#[test]
fn a_text_that_is_no_error_is_not_explained() {
    let (project, database) = site();
    for (bytes, says) in [
        (&b""[..], "the text is empty"),
        (b"\x00\x01\x02\x1b[2J\xff", "no error of PostgreSQL"),
        (b"KeyError: 'organizations'", "public.organizations"),
    ] {
        let ran = project.without_postgres(["why"], &database).stdin(input(bytes)).exit(3);
        let ran = ran.says(says);
        assert!(!ran.stdout().contains(['\u{1b}', '\u{0}', '\u{1}']), "{:?}", ran.stdout());
    }
    why(&project, &database, "-").exit(3).says("the text is empty");
}

/// Names come from the message. By the code alone nothing is said of them.
#[test]
fn a_code_alone_is_not_judged_where_names_are_needed() {
    let (project, database) = site();
    for code in [
        "42703", "42P01", "42883", "42704", "3F000", "42701", "42710", "42P07", "42804", "23502", "23505",
        "23503", "23514", "22P02", "42501", "28000", "28P01", "3D000", "428C9", "42702",
    ] {
        let text = format!("FEHLER: das ging nicht (SQLSTATE {code})");
        why(&project, &database, &text).case(code).exit(3).says("only the SQLSTATE was understood");
    }
    why(&project, &database, "FEHLER: Verklemmung entdeckt (SQLSTATE 40P01)")
        .exit(0)
        .says("run the transaction again");
}

/// What a shell leaves of `trueup why "relation "users" does not exist"`, and what docs/why.md shows.
#[test]
fn quotes_that_a_shell_took_are_not_missed() {
    let (project, database) = site();
    why(&project, &database, "relation usrs does not exist").exit(0).says("did you mean users?");
    why(&project, &database, "duplicate key value violates unique constraint 'organizations_pkey'")
        .exit(0)
        .says("public.organizations.organizations_pkey (id) is as declared");
}

#[test]
fn words_without_quotes_are_one_text() {
    let (project, database) = site();
    let words = ["why", "column", "users.emial", "does", "not", "exist"];
    project.without_postgres(words, &database).exit(0).says("did you mean users.email?");
}

#[test]
fn no_value_of_a_row_is_shown_in_any_format() {
    let (project, database) = behind("3");
    let texts = [
        "null value in column \"password_hash\" of relation \"users\" violates not-null constraint\nDETAIL:  Failing row contains (1, canary@example.com).\n[parameters: {'email': 'canary@example.com'}]",
        "duplicate key value violates unique constraint \"users_email_key\"\nDETAIL:  Key (email)=(canary@example.com) already exists.",
        "invalid input value for enum membership_role: \"canary\"",
        "postgres://app:canary@db/x failed: column api_keys.user_id does not exist\n[SQL: SELECT user_id FROM api_keys WHERE name = 'canary']",
        "invalid input syntax for type uuid: \"canary\"",
        "nothing that is understood: canary",
    ];
    for (number, text) in texts.into_iter().enumerate() {
        // All formats are made of the same report.
        for format in FORMATS.into_iter().take(if number == 0 { FORMATS.len() } else { 2 }) {
            let ran = project.without_postgres(["why", "--format", format], &database).arg(text).run();
            assert!(
                !ran.stdout().contains("canary") && !ran.stderr().contains("canary"),
                "{format}: {text}\n{}",
                ran.stdout()
            );
            assert!(!ran.stdout().is_empty() || format == "github", "{format}: {text}");
        }
    }
}

#[test]
fn control_characters_of_names_are_not_printed() {
    let (project, database) = site();
    let ran = why(&project, &database, "relation \"us\u{1b}[31mers\u{7}\u{202e}\" does not exist").exit(0);
    assert!(!ran.stdout().contains(['\u{1b}', '\u{7}', '\u{202e}']), "{:?}", ran.stdout());
}

#[test]
fn a_database_that_is_down_leaves_what_the_text_tells() {
    let project = super::reference();
    let url = "postgres://app:canary@127.0.0.1:1/platform";
    let ran = why(&project, url, "column users.locale does not exist").exit(3);
    let ran = ran.says([
        "42703 undefined_column: column users.locale does not exist",
        "A statement names a column that the table does not have.",
        "the database was not asked",
    ]);
    ran.lacks("canary");
    let document = why(&project, url, "deadlock detected").document();
    assert_eq!((&document["asked"], &document["exit_code"]), (&false.into(), &3.into()), "{document:#}");
    assert_eq!(document["error"]["code"], "connection.refused");
    let nowhere = support::trueup(["why", "deadlock detected", "--project"]).arg(project.path());
    nowhere.exit(2).says(["waited for each other's locks", "no database was given"]);
}

#[test]
fn answers_are_short() {
    let (project, database) = behind("2");
    database.exec("DROP INDEX users_email_key; ALTER TABLE users DROP COLUMN last_login_at");
    let role = super::role_of(&database, "short");
    for text in [
        "column api_keys.user_id does not exist",
        "column users.last_login_at does not exist",
        "'User' object has no attribute 'username'",
        "relation \"users\" does not exist",
        "relation \"usrs\" does not exist",
        "function crypt(text, text) does not exist",
        "permission denied for table users",
        "null value in column \"password_hash\" of relation \"users\" violates not-null constraint",
        "insert or update on table \"api_keys\" violates foreign key constraint \"api_keys_organization_id_fkey\"",
        "relation \"organizations_public_id_key\" already exists",
        "there is no unique or exclusion constraint matching the ON CONFLICT specification\n[SQL: INSERT INTO users (email) VALUES ('x') ON CONFLICT (email) DO NOTHING]",
        "sorry, too many clients already",
        "canceling statement due to statement timeout",
        "deadlock detected",
        "cached plan must not change result type",
        "cannot execute UPDATE in a read-only transaction",
        "prepared statement \"S_1\" does not exist",
        "FATAL: no pg_hba.conf entry for host \"10.0.0.1\", user \"app\", database \"shop\", no encryption",
        "could not serialize access due to concurrent update",
        "database \"shop\" does not exist",
        "invalid input value for enum membership_role: \"x\"",
        "no schema has been selected to create in",
        "value too long for type character varying(3)",
    ] {
        let ran = super::why_as(&project, &database, &role, text).env("COLUMNS", "80").run();
        assert!(lines(&ran) <= 15, "{} lines: {}", lines(&ran), ran.stdout());
        ran.says("means: ");
    }
}

#[test]
fn another_environment_is_refused() {
    let (project, database) = site();
    let toml = project.path().join("trueup.toml");
    let settings = std::fs::read_to_string(&toml).unwrap();
    std::fs::write(
        &toml,
        format!("{settings}\n[environments.staging]\nexpect = {{ database = \"staging_*\" }}\n"),
    )
    .unwrap();
    let ran = project
        .without_postgres(["why", "--env", "staging", "column users.locale does not exist"], &database)
        .exit(4);
    ran.says(["the database was not asked", "42703"]);
}
