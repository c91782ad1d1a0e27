//! Hostile names through a whole check. Quoting and escaping by themselves: `tests/postgres/quoting.rs`, `tests/command_line`.

use crate::support::program::Program;
use crate::support::project::Project;
use crate::support::{self, TestDatabase};
use trueup::postgres::sql::{identifier, literal};

fn hostile() -> Vec<String> {
    let long = format!("{}{}", "ä".repeat(31), "z");
    assert_eq!(long.len(), 63);
    [
        "a\"b",
        "x'y",
        "\\",
        "\\x'",
        "semi;colon",
        "--",
        "/*",
        "*/",
        "$$",
        "$body$",
        "%",
        "%s%n",
        "*",
        "?",
        "[a-z]",
        "{}",
        "-rf",
        ".",
        "a.b",
        "public.users",
        "f(bigint)",
        "(",
        ",",
        " ",
        "tail ",
        "a\nb",
        "a\r\nb",
        "\t",
        "\u{1b}[2J\u{1b}[31mred",
        "\u{1b}]0;title\u{7}",
        "\u{7f}",
        "\u{9b}5m",
        "\u{202e}txet",
        "\u{2066}x\u{2069}",
        "\u{200b}",
        "😀",
        "Users",
        "select",
        "user",
        "NULL",
        "{{ 7 }}",
        "`id`",
        "|",
        "&lt;",
        "<b>",
    ]
    .map(str::to_owned)
    .into_iter()
    .chain([long])
    .collect()
}

/// One schema for each name, with everything in it called the same.
fn schema() -> String {
    let mut sql = String::from(
        "CREATE FUNCTION public.stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';\n",
    );
    for (number, name) in hostile().iter().enumerate() {
        let (q, text) = (identifier(name), literal(name));
        sql.push_str(&format!(
            "CREATE SCHEMA {q};
             CREATE TYPE public.{q} AS ENUM ({text}, 'other');
             CREATE TABLE {q}.{q} (id int CONSTRAINT pk_{number} PRIMARY KEY, {q} public.{q} DEFAULT {text},
                 n int CONSTRAINT {q} CHECK (n > 0));
             CREATE TABLE public.t{number} ({q} text, other text);
             CREATE INDEX {q} ON public.t{number} ({q}, lower({q}));
             CREATE FUNCTION {q}.{q}({q} text) RETURNS text LANGUAGE sql AS {body};
             CREATE TRIGGER {q} BEFORE INSERT ON {q}.{q} FOR EACH ROW EXECUTE FUNCTION public.stamp();
             CREATE POLICY {q} ON {q}.{q} USING (n = 1);
             CREATE VIEW {q}.v AS SELECT {q} FROM {q}.{q};
             COMMENT ON TABLE {q}.{q} IS {text};
             COMMENT ON COLUMN {q}.{q}.{q} IS {text};\n",
            body = literal(&format!("SELECT {text}::text")),
        ));
    }
    sql
}

/// What somebody did to all of them.
fn damage() -> String {
    let mut sql = String::new();
    for (number, name) in hostile().iter().enumerate() {
        let q = identifier(name);
        sql.push_str(&match number % 4 {
            0 => format!("DROP SCHEMA {q} CASCADE; DROP INDEX public.{q};"),
            1 => format!(
                "DROP TRIGGER {q} ON {q}.{q}; DROP POLICY {q} ON {q}.{q}; ALTER TABLE {q}.{q} DROP CONSTRAINT {q};
                 COMMENT ON TABLE {q}.{q} IS NULL; COMMENT ON COLUMN {q}.{q}.{q} IS 'other';"
            ),
            2 => format!("DROP FUNCTION {q}.{q}(text); DROP VIEW {q}.v; ALTER TABLE {q}.{q} ALTER {q} DROP DEFAULT;"),
            _ => format!("DROP VIEW {q}.v; ALTER TABLE {q}.{q} DROP COLUMN {q}; DROP INDEX public.{q};"),
        });
    }
    sql
}

#[test]
fn f43_hostile_names_are_quoted_escaped_and_mended() {
    let project = Project::of_schema(&schema());
    project.compile();
    let database = support::database();
    project.build(&database);
    let check = |format: &str| project.check(&database).args(["--format", format]);
    check("json").exit(0);
    database.exec(&damage());

    for format in ["human", "markdown"] {
        let text = check(format).exit(1).stdout().to_owned();
        let obeyed = |found: char| {
            (found.is_control() && !matches!(found, '\n' | '\t'))
                || matches!(found, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        };
        let bad: Vec<_> = text.lines().filter(|line| line.contains(obeyed)).collect();
        assert_eq!(bad, [""; 0], "{format}");
    }
    let document = check("json").run().json();
    let objects: Vec<_> =
        document["findings"].as_array().unwrap().iter().map(|one| one["object"].as_str().unwrap()).collect();
    for (number, name) in hostile().iter().enumerate() {
        let q = identifier(name);
        let expected = match number % 4 {
            0 => q.into_owned(),
            1 => format!("{q}.{q}.{q}"),
            2 => format!("{q}.{q}(text)"),
            _ => format!("public.{q}"),
        };
        assert!(objects.contains(&expected.as_str()), "{expected}: {objects:#?}");
    }
    mend(&database, &|| check("json"));
}

/// Runs the remedies until nothing is left, in as many rounds as they need each other.
#[track_caller]
fn mend(database: &TestDatabase, check: &dyn Fn() -> Program) {
    let mut failed = Vec::new();
    for _ in 0..3 {
        let document = check().run().json();
        failed.clear();
        for finding in document["findings"].as_array().unwrap() {
            let Some(sql) = finding["remedy"]["sql"].as_str() else { panic!("no SQL: {finding:#}") };
            if let Err(why) = database.try_query(sql) {
                failed.push(format!("{}: {why}\n{sql}", finding["object"]));
            }
        }
    }
    check().case(failed.join("\n")).exit(0);
}

/// A name that PostgreSQL would cut is no name.
#[test]
fn f43_names_over_63_bytes_are_truncated_as_in_psql_and_that_is_said() {
    let database = support::database();
    let limit = "a".repeat(63);
    for (name, bytes) in [
        (limit.clone(), None),
        (format!("{limit}b"), Some(64)),
        (format!("\"{limit}b\""), Some(64)),
        (format!("\"{}\"", "ä".repeat(32)), Some(64)),
        ("\"".to_owned() + &"\"\"".repeat(63) + "\"", None),
    ] {
        let project = Project::of_schema(&format!("CREATE TABLE fine ();\nCREATE TABLE {name} ();\n"));
        let database = support::database();
        let told = project.trueup(["compile"], &database).exit(0);
        match bytes {
            Some(bytes) => told.says([
                "schema/model.sql: line 2: the name",
                &format!("has {bytes} bytes: PostgreSQL truncates"),
            ]),
            None => told.lacks("bytes"),
        };
        // The server makes the same of it.
        database.exec(&format!("CREATE TABLE fine (); CREATE TABLE {name} ();"));
        project.trueup(["check"], &database).exit(0);
    }
    database.exec("CREATE TABLE fine ()");
    // In a string, a body or a comment it is no name.
    let text = "x".repeat(80);
    let project =
        Project::of_schema(&format!("CREATE TABLE fine (); -- {text}\nCOMMENT ON TABLE fine IS '{text}';\n"));
    project.trueup(["check"], &database).exit(1).says("comment");
}
