//! `trueup lint`: the rules on migrations that a real server has run, what is allowed, which migrations are judged.

mod sizes;

use std::process::Command;

use trueup::changes::lint::RULES;

use crate::support;
use crate::support::program::{Program, Ran};
use crate::support::project::Project;
use tempfile::TempDir;

const BASE: &str = "CREATE TABLE users (id bigint, name text);\nCREATE TABLE orders (id bigint);\n";

/// A compiled project of a base and these migrations, which have the versions from 2 on.
fn project(migrations: &[&str]) -> TempDir {
    let project = tempfile::tempdir().unwrap();
    std::fs::write(project.path().join("trueup.toml"), "[project]\nname = \"lint\"\n").unwrap();
    std::fs::create_dir(project.path().join("migrations")).unwrap();
    for (index, sql) in [BASE].iter().chain(migrations).enumerate() {
        let name = format!("migrations/V{}__m.sql", index + 1);
        std::fs::write(project.path().join(name), sql).unwrap();
    }
    compile(&project);
    project
}

fn compile(project: &TempDir) {
    trueup(project, &["compile"]).env("TRUEUP_PG_BIN", &support::server().bin_dir).exit(0);
}

fn trueup(project: &TempDir, args: &[&str]) -> Program {
    support::trueup(args).current_dir(project.path())
}

/// Judges all migrations but the base, where no PostgreSQL is in reach.
fn lint(project: &TempDir, migrations: usize) -> Ran {
    let versions: Vec<String> = (2..migrations + 2).map(|version| version.to_string()).collect();
    let args: Vec<&str> = ["lint"].into_iter().chain(versions.iter().map(String::as_str)).collect();
    trueup(project, &args).env("PATH", "/nowhere").env("TRUEUP_PG_BIN", "/nowhere").run()
}

/// The codes of what is found, with the line.
fn found(migrations: &[&str]) -> Vec<String> {
    let project = project(migrations);
    let args = (2..migrations.len() + 2).map(|version| version.to_string());
    let args: Vec<String> = ["lint", "--format", "json"].into_iter().map(str::to_owned).chain(args).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let document = trueup(&project, &args).exit_in(&[0, 1]).document();
    let findings = document["findings"].as_array().unwrap();
    let code = |finding: &serde_json::Value| {
        format!("{} {}", finding["code"].as_str().unwrap(), finding["location"]["line"])
    };
    findings.iter().map(code).collect()
}

#[test]
fn every_rule_finds_its_bad_example_and_not_its_good_one() {
    for rule in RULES {
        let bad = found(&[rule.bad]);
        assert!(
            bad.iter().any(|found| found.starts_with(&format!("{} ", rule.code))),
            "{}: {bad:?}",
            rule.code
        );
        let good: Vec<&str> = rule.good.split("\n-- next migration\n").collect();
        let good = found(&good);
        assert!(good.is_empty(), "{}: {good:?}", rule.code);
    }
}

#[test]
fn what_the_text_does_not_show_is_found() {
    let ddl = "DO $$ BEGIN EXECUTE 'ALTER TABLE users ALTER id TYPE int'; END $$;";
    assert_eq!(found(&[ddl]), ["blocks.rewrite 1"]);
    let late = "ALTER TABLE orders ADD COLUMN c int;\n\nCREATE INDEX ON users (name);";
    assert_eq!(found(&[late]), ["blocks.index 3"]);
    let project = project(&[late]);
    lint(&project, 1).exit(1).says([
        "migrations/V2__m.sql:3  error blocks.index",
        "readers and writers of public.orders (locked since line 1) wait while an index on public.users is built",
        "migration of its own",
        "trueup explain blocks.index",
    ]);
}

#[test]
fn what_the_same_run_creates_alarms_nobody() {
    let create =
        "CREATE TABLE new (id bigint, v text);\nINSERT INTO new SELECT 1, 'x';\nUPDATE new SET v = 'y';";
    let change = "ALTER TABLE new ALTER id TYPE int;\nCREATE INDEX ON new (v);\nALTER TABLE new DROP COLUMN v;\n\
                  DELETE FROM new;\nALTER TABLE new RENAME TO newer;\nALTER TABLE newer ADD c int NOT NULL;";
    let no_work = "ALTER TABLE users ADD COLUMN c int DEFAULT 3;\nCOMMENT ON TABLE users IS 'x';\nCREATE VIEW v AS SELECT id FROM users;";
    let nothing: [&str; 0] = [];
    assert_eq!(found(&[create, change, no_work]), nothing);
}

#[test]
fn a_contract_migration_may_drop_and_an_allowed_one_is_silent() {
    let drop = "-- trueup: contract\nALTER TABLE users DROP COLUMN name;";
    assert_eq!(found(&[drop]), ["loses.dropped 2"]);
    let allowed = "-- trueup: contract\n-- trueup: allow loses.dropped: nobody reads it\nALTER TABLE users DROP COLUMN name;";
    let nothing: [&str; 0] = [];
    assert_eq!(found(&[allowed]), nothing);
}

#[test]
fn what_is_allowed_wrongly_is_told() {
    for (comment, code, words) in [
        ("-- trueup: allow blocks.scan", 2, "V2__m.sql: line 1: allow blocks.scan: expected a reason"),
        ("-- trueup: allow blocks.scam: it is small", 2, "allow: there is no rule `blocks.scam`"),
        ("-- trueup: allow blocks.rewrite: it is small", 1, "lint.allow_unused"),
    ] {
        let project = project(&[&format!("{comment}\nALTER TABLE users ADD CHECK (id > 0);")]);
        lint(&project, 1).exit(code).says(words);
    }
    let project = project(&["SELECT 1;\n-- trueup: allow blocks.scan: at the end\n"]);
    lint(&project, 1).exit(2).says("line 2: allow: no statement stands below it");
}

#[test]
fn only_what_a_commit_does_not_have_is_judged() {
    let project = project(&["CREATE INDEX ON users (name);"]);
    let git = |args: &[&str]| {
        let identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"];
        let done =
            Command::new("git").current_dir(project.path()).args(identity).args(args).output().unwrap();
        assert!(done.status.success(), "{done:?}");
    };
    git(&["init", "--quiet"]);
    git(&["add", "."]);
    git(&["commit", "--quiet", "-m", "x"]);
    std::fs::write(project.path().join("migrations/V3__m.sql"), "TRUNCATE orders;").unwrap();
    compile(&project);
    trueup(&project, &["lint", "--since", "HEAD"])
        .exit(1)
        .says(["1 migration", "V3__m.sql:1  warning loses.rows", "all rows are removed: public.orders"])
        .lacks("V2__m");
    trueup(&project, &["lint", "--since", "nowhere"]).exit(2).says(["--since nowhere", "name a commit"]);
    trueup(&project, &["lint", "9"]).exit(2).says("this project has no migration 9");
}

#[test]
fn what_is_not_measured_is_said() {
    let long = "ALTER TABLE users ADD CHECK (id > 0);".repeat(2_000);
    lint(&project(&[&long]), 1).exit(0).says(["not measured: 1 migration of DDL alone", "V2__m.sql:1"]);
}

#[test]
fn what_runs_outside_of_a_transaction_is_judged() {
    let alone = |sql: &str| format!("-- trueup: no-transaction\n{sql}");
    let nothing: [&str; 0] = [];
    assert_eq!(found(&[&alone("CREATE INDEX CONCURRENTLY i ON users (name);")]), nothing);
    assert_eq!(found(&[&alone("VACUUM FULL users;\nVACUUM orders;")]), ["blocks.rewrite 2"]);
    let code =
        "DO $$ BEGIN ALTER TABLE users ALTER id TYPE int; COMMIT; CREATE INDEX ON orders (id); END $$;";
    assert_eq!(found(&[&alone(code)]), ["blocks.rewrite 2", "blocks.index 2"]);
}

#[test]
fn rules_are_explained() {
    let project = project(&[]);
    trueup(&project, &["explain"]).exit(0).says(["blocks.rewrite", "breaks.required"]);
    trueup(&project, &["explain", "blocks.index"]).exit(0).says(["CONCURRENTLY", "found:", "instead:"]);
    trueup(&project, &["explain", "blocks.idnex"]).exit(2).says("there is no rule blocks.idnex");
}

/// Without versions each migration is judged as if it were applied by itself.
#[test]
fn all_are_judged_each_by_itself() {
    let project = project(&[
        "CREATE TABLE new (id bigint);",
        "CREATE INDEX ON new (id);\nALTER TABLE new RENAME TO newer;",
        "ALTER TABLE newer ADD CHECK (id > 0);",
    ]);
    trueup(&project, &["lint"]).exit(1).says([
        "4 migrations",
        "V3__m.sql:1  error blocks.index",
        "V3__m.sql:2  error breaks.renamed",
        "it is public.newer from then on",
        "V4__m.sql:1  warning blocks.scan",
        "2 errors, 1 warning",
    ]);
}

#[test]
fn what_would_wait_by_itself_is_told_apart_from_what_comes_too_late() {
    let validate = "ALTER TABLE users ADD CONSTRAINT c CHECK (id > 0) NOT VALID;\nALTER TABLE users VALIDATE CONSTRAINT c;";
    let project = project(&[validate, "ALTER TABLE users ADD COLUMN c int;\nCREATE INDEX ON users (c);"]);
    lint(&project, 2).exit(1).says([
        "V2__m.sql:2  warning blocks.scan",
        "instead: put it into a migration of its own",
        "V3__m.sql:2  error blocks.index",
        "instead: CREATE INDEX CONCURRENTLY",
    ]);
}

#[test]
fn what_others_make_is_there_before() {
    let project = project(&[
        "ALTER TABLE users ADD COLUMN c int;",
        "CREATE TABLE mid (id int);",
        "CREATE INDEX ON mid (id);",
    ]);
    trueup(&project, &["lint", "2", "4"]).exit(1).says(["2 migrations", "V4__m.sql:1  error blocks.index"]);
    trueup(&project, &["lint", "3", "4"]).exit(0);
}

/// docs/lint.md shows what the reference project prints.
#[test]
fn the_page_shows_what_is_printed() {
    let project = Project::reference();
    project.compile();
    let ran = support::trueup(["lint"]).current_dir(project.path()).env("COLUMNS", "200").exit(1);
    let page = include_str!("../../docs/lint.md");
    let shown = page.split("$ trueup lint\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let lines: Vec<&str> =
        shown.lines().filter(|line| *line != "..." && !line.contains("measured by")).collect();
    assert!(lines.len() > 8, "{shown}");
    ran.stdout_contains(lines.as_slice());
}
