//! What only a person can decide.

use super::{files, generate, project, statements};
use crate::support::terminal::Terminal;

const BEFORE: &str = "CREATE TABLE users (id bigint PRIMARY KEY, name text, age int);";
const DECLARED: &str =
    "CREATE TABLE users (id bigint PRIMARY KEY, full_name text, status text NOT NULL, age int);";

#[test]
fn without_a_terminal_the_lines_to_paste_are_told_and_nothing_is_written() {
    let project = project(BEFORE, DECLARED);
    generate(&project).exit(2).says([
        "column public.users.name is not declared any more",
        "-- trueup: renamed column public.users.name to public.users.full_name",
        "-- trueup: dropped column public.users.name",
        "nothing was written",
    ]);
    assert_eq!(files(&project, "migrations"), ["V1__base.sql"]);
    // The next question comes when the first is answered.
    generate(&project).args(["--decide", "dropped column public.users.name"]).exit(2).says([
        "column public.users.status (text) must have a value",
        "-- trueup: backfill public.users.status = EXPRESSION",
    ]);
    assert_eq!(files(&project, "migrations"), ["V1__base.sql"]);
}

#[test]
fn a_column_of_another_type_may_be_the_same_one() {
    let project = project(
        "CREATE TABLE t (id bigint PRIMARY KEY, size int);",
        "CREATE TABLE t (id bigint PRIMARY KEY, weight numeric);",
    );
    generate(&project).exit(2).says("was it renamed?");
    generate(&project).args(["size", "--decide", "renamed column public.t.size to public.t.weight"]).exit(0);
    assert_eq!(
        statements(&project, "migrations/V2__size_contract.sql"),
        [
            "ALTER TABLE public.t RENAME COLUMN size TO weight;",
            "ALTER TABLE public.t ALTER COLUMN weight TYPE numeric;"
        ]
    );
}

#[test]
fn what_is_dropped_with_nothing_new_beside_it_is_no_question() {
    let project = project(BEFORE, "CREATE TABLE users (id bigint PRIMARY KEY, age int);");
    generate(&project).args(["fewer"]).exit(0).says("loses data");
    assert_eq!(
        statements(&project, "migrations/V2__fewer_contract.sql"),
        ["ALTER TABLE public.users DROP COLUMN name;"]
    );
}

#[test]
fn a_table_is_renamed_with_all_that_is_on_it() {
    let project = project(
        "CREATE TABLE a (id bigint PRIMARY KEY, n int); CREATE INDEX a_n ON a (n);",
        "-- trueup: renamed table public.a to public.b\nCREATE TABLE b (id bigint PRIMARY KEY, n int); CREATE INDEX a_n ON b (n);",
    );
    generate(&project).args(["rename"]).exit(0);
    assert_eq!(
        statements(&project, "migrations/V2__rename_contract.sql"),
        ["ALTER TABLE public.a RENAME TO b;", "ALTER TABLE public.b RENAME CONSTRAINT a_pkey TO b_pkey;"]
    );
}

/// The line that is printed answers the question, for each kind of thing that holds values.
#[test]
fn each_kind_that_holds_values_is_asked_for_and_renamed() {
    for (before, declared) in [
        (
            "CREATE TYPE mood AS ENUM ('a'); CREATE TABLE t (id bigint PRIMARY KEY, m mood);",
            "CREATE TYPE humour AS ENUM ('a'); CREATE TABLE t (id bigint PRIMARY KEY, m humour);",
        ),
        (
            "CREATE DOMAIN d AS text; CREATE TABLE t (id bigint PRIMARY KEY, m d);",
            "CREATE DOMAIN e AS text; CREATE TABLE t (id bigint PRIMARY KEY, m e);",
        ),
        ("CREATE SEQUENCE numbers INCREMENT 5;", "CREATE SEQUENCE numbers_of_bills INCREMENT 5;"),
        (
            "CREATE SCHEMA a; CREATE TABLE a.t (id bigint PRIMARY KEY, n int);",
            "CREATE SCHEMA b; CREATE TABLE b.t (id bigint PRIMARY KEY, n int);",
        ),
        // A table that gets another name and a column at once.
        (
            "CREATE TABLE clients (id bigint PRIMARY KEY, name text);",
            "CREATE TABLE customers (id bigint PRIMARY KEY, name text, since date);",
        ),
    ] {
        let project = project(before, declared);
        let asked = generate(&project).case(before).exit(2);
        let line = asked.stderr().lines().find_map(|line| line.trim().strip_prefix("-- trueup: renamed "));
        let line = format!("renamed {}", line.unwrap_or_else(|| panic!("{}", asked.shown())));
        generate(&project).case(before).args(["renamed", "--decide", &line]).exit(0);
        let written = statements(&project, "migrations/V2__renamed_contract.sql");
        assert!(written[0].contains(" RENAME TO "), "{written:?}");
        assert!(!written.iter().any(|statement| statement.contains("DROP")), "{written:?}");
    }
}

/// No one statement gives another name and another schema. What was said to be renamed is never dropped in its place.
#[test]
fn what_was_said_to_be_renamed_is_not_dropped() {
    let project = project(
        "CREATE SCHEMA s; CREATE TABLE public.a (id bigint PRIMARY KEY);",
        "-- trueup: renamed table public.a to s.b\nCREATE SCHEMA s; CREATE TABLE s.b (id bigint PRIMARY KEY);",
    );
    generate(&project).exit(1).lacks("DROP TABLE").lacks("drop table").says("s.b");
}

#[test]
fn at_a_terminal_it_asks() {
    let project = project(BEFORE, DECLARED);
    let mut terminal = Terminal::start(generate(&project).args(["asked"]), 120);
    terminal.wait_for("was it renamed?");
    terminal.press("full_name\n");
    terminal.wait_for("must have a value");
    terminal.press("'new'\n");
    terminal.wait_for("written and proved");
    terminal.end().exit(0);
    assert_eq!(
        statements(&project, "migrations/V2__asked.sql"),
        ["ALTER TABLE public.users ADD COLUMN status text DEFAULT 'new' NOT NULL;"]
    );
}

#[test]
fn a_decision_that_is_done_or_cannot_be_read_is_told() {
    let done = "-- trueup: dropped column public.users.gone\n";
    let project_of = |comment: &str| {
        project(BEFORE, &format!("{comment}{BEFORE}\nCREATE TABLE more (id bigint PRIMARY KEY);"))
    };
    generate(&project_of(done)).exit(0).says("schema/model.sql:1: what this comment decides is done already");
    generate(&project_of("-- trueup: rename users\n"))
        .exit(2)
        .says(["schema/model.sql:1", "renamed KIND NAME to NAME"]);
    generate(&project_of("")).args(["--decide", "users"]).exit(2).says("--decide \"users\" cannot be read");
}
