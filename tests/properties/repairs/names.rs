//! Names that break somebody's quoting, or are obeyed by a terminal (F43).

use super::site::Project;
use crate::support::{self, TestDatabase};
use trueup::postgres::sql::{identifier, literal};

const HOSTILE: &[&str] = &[
    "a\"b",
    "x'y",
    "\\x'",
    "semi;colon",
    "--",
    "/*",
    "*/",
    "$$",
    "%s%n",
    "*?[a-z]",
    "{words}",
    "-rf",
    "a.b",
    "f(bigint)",
    ",",
    "tail ",
    "\t",
    "\u{1b}[2J\u{1b}[31mred",
    "\u{1b}]0;title\u{7}",
    "\u{7f}",
    "\u{9b}5m",
    "\u{202e}txet",
    "\u{2066}x\u{2069}",
    "\u{200b}",
    "😀",
    "select",
    "`id`|",
    "<b>&lt;",
    "ääääääääääääääääääääääääääääääz",
];
/// A name that no directive can have, and any query.
const BROKEN: &str = "a\nb'); COMMIT; DROP TABLE public.witness; --";

/// Everything of a check is called the same: schema, table, key, enum, trigger; its title and its rows too.
fn site(database: &TestDatabase) -> Vec<(String, String)> {
    database.exec(
        "CREATE TABLE public.witness ();
         CREATE FUNCTION public.stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    );
    let broken = identifier(BROKEN);
    let each = HOSTILE.iter().enumerate().map(|(number, name)| {
        let (q, text) = (identifier(name), literal(name));
        database.exec(&format!(
            "CREATE SCHEMA {q};
             CREATE TYPE public.{q} AS ENUM ({text}, 'other');
             CREATE TABLE {q}.{q} ({q} text PRIMARY KEY, {broken} public.{q}, n text);
             CREATE TRIGGER {q} BEFORE UPDATE OR DELETE ON {q}.{q} FOR EACH ROW WHEN (false) EXECUTE FUNCTION public.stamp();
             INSERT INTO {q}.{q} SELECT {text} || i, {text}, {text} FROM generate_series(1, 3) AS i"
        ));
        let check = format!(
            "-- title: t {name}\n-- table: {q}.{q}\n-- key: {q}\n-- show: {q}, n\n-- find:\n\
             SELECT {q}, n FROM {q}.{q} WHERE {broken}::text <> 'other';\n\
             -- fix: one   {name}\nSELECT {q}, 'other' AS {broken}, {text} || '!' AS n FROM {q}.{q} WHERE {q} <> {text} || 3;\n\
             -- fix: two\n-- action: delete\nSELECT {q} FROM {q}.{q} WHERE {broken} = {text};\n"
        );
        // A file's name is a name, too.
        (format!("{number:02} {}", name.replace(['/', '\0'], " ")), check)
    });
    each.collect()
}

fn image(database: &TestDatabase) -> String {
    let tables: Vec<String> = HOSTILE
        .iter()
        .map(|name| {
            let q = identifier(name);
            format!("SELECT string_agg(t::text, E'\\n' ORDER BY {q}) FROM {q}.{q} AS t")
        })
        .collect();
    database.query(&tables.join(";")).into_iter().map(|row| format!("{row:?}\n")).collect()
}

/// Nothing that a terminal obeys.
#[track_caller]
fn harmless(text: &str) {
    let obeyed = |found: char| {
        (found.is_control() && !matches!(found, '\n' | '\t'))
            || matches!(found, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
    };
    let bad: Vec<_> = text.lines().filter(|line| line.contains(obeyed)).collect();
    assert_eq!(bad, [""; 0]);
}

#[test]
fn f43_hostile_names_are_verified_repaired_and_given_back() {
    let database = support::database();
    let files = site(&database);
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let project = Project::of(&files);
    let before = image(&database);
    for args in [&["verify"][..], &["verify", "--fix", "--dry-run"]] {
        for format in ["human", "markdown"] {
            harmless(&project.trueup(args, &database).args(["--format", format]).exit(1).said());
        }
        let document = project.report(args, &database).unwrap();
        let checks = document["checks"].as_array().unwrap();
        assert_eq!(checks.len(), HOSTILE.len());
        for (check, name) in checks.iter().zip(HOSTILE) {
            assert_eq!(check["title"].as_str().unwrap(), format!("t {name}").trim());
            assert_eq!(
                (&check["rows"], &check["unknown"]),
                (&3.into(), &serde_json::Value::Null),
                "{check:#}"
            );
        }
    }
    assert_eq!(image(&database), before);
    harmless(&project.trueup(["verify", "--fix", "--yes"], &database).exit(0).said());
    for name in HOSTILE {
        let q = identifier(name);
        let sql = format!(
            "SELECT count(*) || ',' || count(*) FILTER (WHERE {} = 'other' AND n = {} || '!') FROM {q}.{q}",
            identifier(BROKEN),
            literal(name)
        );
        assert_eq!(database.value(&sql), "2,2", "{name:?}");
    }
    let run = database.value("SELECT DISTINCT run FROM trueup.repairs");
    for format in ["human", "markdown"] {
        let undo = project.trueup(["undo", &run, "--dry-run", "--format", format], &database);
        harmless(&undo.exit(0).said());
    }
    let undo = project.trueup(["undo", &run, "--dry-run", "--format", "json"], &database).exit(0);
    undo.json();
    harmless(undo.stderr());
    harmless(project.trueup(["undo", &run, "--yes"], &database).exit(0).stdout());
    assert_eq!(image(&database), before);
    database.exec("TABLE public.witness");
}

/// A name that PostgreSQL would cut is no name.
#[test]
fn f43_names_over_63_bytes_in_a_check_are_refused() {
    let database = support::database();
    let limit = "a".repeat(63);
    database.exec(&format!("CREATE TABLE {limit} ({limit} int PRIMARY KEY)"));
    let check = |table: &str, key: &str, show: &str, query: &str| {
        format!(
            "-- title: t\n-- table: {table}\n-- key: {key}\n-- show: {show}\n-- find:\nSELECT {query} FROM {limit};\n"
        )
    };
    let (over, quoted) = (format!("{limit}b"), format!("\"{limit}b\""));
    for (text, line) in [
        (check(&limit, &limit, &limit, &limit), 0),
        (check(&over, &limit, &limit, &limit), 2),
        (check(&format!("public.{quoted}"), &limit, &limit, &limit), 2),
        (check(&limit, &over, &limit, &limit), 3),
        (check(&limit, &limit, &quoted, &limit), 4),
        (check(&limit, &limit, &limit, &over), 6),
        (check(&limit, &limit, &limit, &format!("{limit}, '{over}' AS {quoted}")), 6),
        // In a text it is no name.
        (check(&limit, &limit, &limit, &format!("{limit}, '{over}', $${over}$$ /* {over} */")), 0),
    ] {
        let project = Project::of(&[("long", &text)]);
        let verify = project.trueup(["verify"], &database).case(&text);
        if line == 0 {
            verify.exit(0);
        } else {
            verify.exit(2).says([format!("checks/long.sql: line {line}: ").as_str(), "63 bytes"]);
        }
    }
}
