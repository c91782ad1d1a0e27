//! Cases from public reports about tools of this kind, `cases/*.sql`, each in both directions against a real server.
//!
//! A file has sections: `-- @live` is the database, `-- @declared` the schema (the same where it is missing), `-- @data`
//! the live rows (`-- @rdata` when the two are swapped), `-- @pre` what both need, `-- @toml` lines of trueup.toml, `-- @pg`
//! the only majors, `-- @expect` `clean` or `diff`, `-- @norev` not to be swapped, `-- @verify` a query whose rows the
//! printed SQL must not change.

use std::fs;
use std::path::Path;

use super::case::{Case, Expected};
use crate::support::project::{Project, SETTINGS};
use crate::support::{self, TestDatabase};

const HEADING: &str = "SQL that makes the database as declared (read it before you run it):\n";

/// The role that most servers begin with.
const POSTGRES: &str =
    "DO $$BEGIN CREATE ROLE postgres SUPERUSER; EXCEPTION WHEN duplicate_object THEN NULL; END$$";

/// Every case, once as it stands and once with the live database and the schema swapped.
#[test]
fn public_reports_hold_in_both_directions() {
    let only = std::env::var("CASE").unwrap_or_default();
    let mut files: Vec<_> = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reports/cases"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().contains(&only))
        .collect();
    files.sort();
    assert!(!files.is_empty());
    let mut wrong = Vec::new();
    for path in files {
        let case = Case::read(&path);
        let major = support::server().version.major();
        if !case.majors.is_empty() && !case.majors.contains(&major) {
            continue;
        }
        for (direction, case) in [("", Some(case.clone())), (", swapped", case.swapped())] {
            let Some(case) = case else { continue };
            if let Err(why) = holds(&case) {
                wrong.push(format!("{}{direction}: {why}", path.file_stem().unwrap().to_string_lossy()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

fn holds(case: &Case) -> Result<(), String> {
    let database = support::database();
    for sql in [POSTGRES, &case.before, &case.live, &case.rows] {
        database.try_query(sql).map_err(|why| format!("{why:#}\n{sql}"))?;
    }
    let project = compiled(case, &format!("{}\n{}", case.before, case.declared));
    match case.expected {
        Expected::Clean => {
            is_clean(&project?, &database)?;
            is_clean_as_dumped(case, &database)
        }
        Expected::Different => is_mended_by_its_sql(case, &project?, &database),
        Expected::Circle => {
            is_told_alone(project.err())?;
            is_clean_as_dumped(case, &database)
        }
    }
}

fn is_clean_as_dumped(case: &Case, database: &TestDatabase) -> Result<(), String> {
    let dump = database.server.program("pg_dump").args(["-s", "-d", database.url()]).exit(0);
    let dumped = compiled(case, dump.stdout()).map_err(|why| format!("pg_dump's schema: {why}"))?;
    is_clean(&dumped, database).map_err(|why| format!("with pg_dump's schema: {why}"))
}

/// A circle of foreign keys is told with what to do about it, and nothing that only waits for its tables is.
fn is_told_alone(refusal: Option<String>) -> Result<(), String> {
    let said = refusal.ok_or("it was loaded")?;
    let has =
        ["refer to each other by foreign keys", "ADD FOREIGN KEY"].iter().all(|words| said.contains(words));
    let more = ["create index", "create view", "does not exist"].iter().any(|words| said.contains(words));
    if has && !more { Ok(()) } else { Err(format!("told otherwise: {said}")) }
}

fn compiled(case: &Case, schema: &str) -> Result<Project, String> {
    let project = Project::of_schema(schema);
    fs::write(project.path().join("trueup.toml"), format!("{SETTINGS}{}", case.settings)).unwrap();
    let compile = project
        .trueup(["compile"], "")
        .env_remove("DATABASE_URL")
        .env("TRUEUP_PG_BIN", &support::server().bin_dir)
        .run();
    if compile.code() == Some(0) { Ok(project) } else { Err(compile.shown()) }
}

fn is_clean(project: &Project, database: &TestDatabase) -> Result<(), String> {
    let check = project.check(database.url()).run();
    if check.code() == Some(0) { Ok(()) } else { Err(format!("not clean: {}", check.shown())) }
}

/// There are findings; their SQL runs as it stands; a check after it finds nothing that it gave SQL for; and the rows are
/// what they were.
fn is_mended_by_its_sql(case: &Case, project: &Project, database: &TestDatabase) -> Result<(), String> {
    let findings = findings(project, database);
    if findings.is_empty() {
        return Err("no finding".into());
    }
    let shown = shown(project, database);
    let sql = printed_sql(&shown);
    let rows = |database: &TestDatabase| case.verify.as_deref().map(|query| database.query(query));
    let before = rows(database);
    if let Some(sql) = sql {
        let ran = database.try_psql(sql);
        if ran.code() != Some(0) {
            return Err(format!("the SQL fails: {}\n{shown}", ran.stderr()));
        }
    }
    if before != rows(database) {
        return Err(format!("the SQL changes rows: {before:?}, now {:?}\n{shown}", rows(database)));
    }
    let left = self::findings(project, database);
    let without_sql = findings.iter().filter(|(_, has_sql)| !has_sql).count();
    if left.iter().any(|(finding, _)| !findings.contains(&(finding.clone(), false)))
        || left.len() > without_sql
    {
        return Err(format!("after the SQL there is still: {left:#?}\n{shown}"));
    }
    Ok(())
}

/// What a check says to people.
pub(super) fn shown(project: &Project, database: &TestDatabase) -> String {
    project.check(database.url()).args(["--color", "never"]).exit(1).stdout().to_owned()
}

/// The SQL in what a check says.
pub(super) fn printed_sql(shown: &str) -> Option<&str> {
    let (_, after) = shown.split_once(HEADING)?;
    Some(after.rsplit_once("\n\n").map_or(after, |(sql, _)| sql))
}

/// What identifies each finding of a check, and whether it has SQL.
fn findings(project: &Project, database: &TestDatabase) -> Vec<(String, bool)> {
    let document = project.check(database.url()).document();
    let findings = document["findings"].as_array().unwrap_or_else(|| panic!("no findings: {document:#}"));
    let of = |finding: &serde_json::Value| {
        let attributes = finding["attributes"].as_array().into_iter().flatten();
        let attributes: Vec<&str> = attributes.filter_map(|one| one["attribute"].as_str()).collect();
        let identity = format!("{} {} {attributes:?}", finding["kind"], finding["object"]);
        (identity, !finding["remedy"]["sql"].is_null())
    };
    findings.iter().filter(|finding| finding["severity"] != "info").map(of).collect()
}
