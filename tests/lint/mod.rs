//! `trueup lint`: the rules on migrations that a real server has run, what is allowed, which migrations are judged.

mod deadlock;
pub(crate) mod examples;
mod fix;
mod sizes;
mod snippets;

use std::process::Command;

use crate::support;
use crate::support::program::{Program, Ran};
use crate::support::project::Project;
use tempfile::TempDir;

const BASE: &str = "CREATE TABLE users (id bigint, name text);\nCREATE TABLE orders (id bigint);\n";

/// A compiled project of a base and these migrations, which have the versions from 2 on.
pub(crate) fn project(migrations: &[&str]) -> TempDir {
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

pub(crate) fn compile(project: &TempDir) {
    trueup(project, &["compile"]).env("TRUEUP_PG_BIN", &support::server().bin_dir).exit(0);
}

pub(crate) fn trueup(project: &TempDir, args: &[&str]) -> Program {
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
    examples::are_judged_as_they_say(&support::server());
}

#[test]
fn what_the_text_does_not_show_is_found() {
    let ddl = "DO $$ BEGIN EXECUTE 'ALTER TABLE users ALTER id TYPE int'; END $$;";
    assert_eq!(found(&[ddl]), ["blocks.rewrite 1", "loses.narrowed 1"]);
    let late = "ALTER TABLE orders ADD COLUMN c int;\n\nCREATE INDEX ON users (name);";
    assert_eq!(found(&[late]), ["blocks.index 3"]);
    let project = project(&[late]);
    lint(&project, 1).exit(1).says([
        "migrations/V2__m.sql:3:1  error blocks.index",
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
        .says(["1 migration", "V3__m.sql:1:1  warning loses.rows", "all rows are removed: public.orders"])
        .lacks("V2__m");
    // Without a word about it, the newest tag that the commit comes after decides.
    trueup(&project, &["lint"]).exit(1).says([
        "3 migrations",
        "git has no tag here",
        "V2__m.sql:1:1  error blocks.index",
    ]);
    git(&["tag", "v1"]);
    trueup(&project, &["lint"])
        .exit(1)
        .says(["1 migration,", "v1, the newest tag, does not have them", "V3__m.sql:1:1  warning loses.rows"])
        .lacks("V2__m");
    git(&["add", "."]);
    git(&["commit", "--quiet", "-m", "y"]);
    git(&["tag", "v2"]);
    let document = trueup(&project, &["lint", "--format", "json"]).exit(0).document();
    assert_eq!((&document["since"], &document["migrations"]), (&"v2".into(), &0.into()));
    trueup(&project, &["lint", "--since", "v1"]).exit(1).says("those that v1 does not have");
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
    assert_eq!(found(&[&alone(code)]), ["blocks.rewrite 2", "blocks.index 2", "loses.narrowed 2"]);
}

#[test]
fn rules_are_explained() {
    let project = project(&[]);
    trueup(&project, &["explain"]).exit(0).says(["blocks.rewrite", "breaks.required"]);
    trueup(&project, &["explain", "blocks.index"]).exit(0).says(["CONCURRENTLY", "found:", "instead:"]);
    trueup(&project, &["explain", "style.text"]).exit(0).says([
        "style.text (info, off by default)",
        "in trueup.toml",
        "rules = { \"style.text\" = \"info\" }",
    ]);
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
        "V3__m.sql:1:1  error blocks.index",
        "V3__m.sql:2:1  error breaks.renamed",
        "it is public.newer from then on",
        "V4__m.sql:1:1  warning blocks.scan",
        "2 errors, 1 warning",
    ]);
}

#[test]
fn what_would_wait_by_itself_is_told_apart_from_what_comes_too_late() {
    let validate = "ALTER TABLE users ADD CONSTRAINT c CHECK (id > 0) NOT VALID;\nALTER TABLE users VALIDATE CONSTRAINT c;";
    let project = project(&[validate, "ALTER TABLE users ADD COLUMN c int;\nCREATE INDEX ON users (c);"]);
    lint(&project, 2).exit(1).says([
        "V2__m.sql:2:1  warning blocks.scan",
        "instead: put it into a migration of its own",
        "V3__m.sql:2:1  error blocks.index",
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
    trueup(&project, &["lint", "2", "4"]).exit(1).says(["2 migrations", "V4__m.sql:1:1  error blocks.index"]);
    trueup(&project, &["lint", "3", "4"]).exit(0);
}

/// Tables, partitions, keys, triggers, policies, domains, views: nothing of a new one waits, is lost or breaks.
#[test]
fn a_file_that_only_creates_alarms_nobody() {
    use crate::footprints::{MORE_SETUP, SETUP};
    let nothing: [&str; 0] = [];
    let beside_the_base = SETUP.replace("users", "people");
    assert_eq!(found(&[&format!("{beside_the_base}{MORE_SETUP}")]), nothing);
}

#[test]
fn a_rule_is_switched_on_and_off_and_made_severe() {
    let project = project(&["CREATE TABLE tags (name varchar(8));\nCREATE INDEX ON users (name);"]);
    let lint = |settings: &str| {
        let settings = format!("[project]\nname = \"lint\"\n{settings}");
        std::fs::write(project.path().join("trueup.toml"), settings).unwrap();
        trueup(&project, &["lint", "2"]).run()
    };
    lint("").exit(1).says("error blocks.index").lacks("style.");
    lint("[lint]\nrules = { \"style.text\" = \"error\", \"blocks.index\" = \"info\" }").exit(1).says([
        "V2__m.sql:1:1  error style.text",
        "character varying(8)",
        "info blocks.index",
    ]);
    lint("[lint]\nrules = { \"blocks.index\" = \"off\" }").exit(0).lacks("blocks.index");
    lint("[lint.rules]\n\"style.txt\" = \"info\"").exit(2).says([
        "trueup.toml:4: [lint] rules: there is no rule \"style.txt\"",
        "did you mean \"style.text\"?",
    ]);
}

/// What an INSERT or a DELETE needs while the tables of a foreign key are locked one after the other.
#[test]
fn more_facts_are_told_with_their_relations() {
    let project = project(&[
        "CREATE TABLE authors (id bigint PRIMARY KEY);\nCREATE TABLE posts (author_id bigint REFERENCES authors);\n\
         CREATE INDEX ON posts (author_id);\nCREATE TABLE visits (day date) PARTITION BY RANGE (day);\n\
         CREATE TABLE visits_1 PARTITION OF visits FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');\n\
         CREATE DOMAIN address AS text;\nCREATE TABLE sent (\"to\" address);",
        "ALTER TABLE authors ADD COLUMN a int;\nALTER TABLE posts ADD COLUMN a int;",
        "ALTER TABLE posts ADD COLUMN b int;\n\nALTER TABLE authors ADD COLUMN b int;",
        "DROP TABLE visits_1;",
        "ALTER DOMAIN address ADD CHECK (value LIKE '%@%');",
        "ALTER TABLE users ALTER name TYPE varchar(40);\nALTER TABLE users RENAME name TO label;",
        "ALTER TABLE posts ADD CONSTRAINT another FOREIGN KEY (a) REFERENCES authors;",
        "-- trueup: contract\nDROP TABLE posts;",
    ]);
    let one = |version: &str| trueup(&project, &["lint", version]).env("COLUMNS", "200").exit_in(&[0, 1]);
    one("9").says([
        "V9__m.sql:2:1  warning blocks.other_table",
        "readers and writers of public.authors wait: the statement locks it as well",
    ]);
    one("3")
        .says([
            "V3__m.sql:2:1  warning blocks.deadlock",
            "an INSERT into public.posts waits for public.authors (locked since line 1)",
        ])
        .lacks("blocks.window");
    one("4").says([
        "V4__m.sql:3:1  warning blocks.deadlock",
        "a DELETE from public.authors waits for public.posts",
    ]);
    one("5").says([
        "V5__m.sql:1:1  warning blocks.partitions",
        "of all its partitions",
        "DETACH PARTITION ... CONCURRENTLY",
    ]);
    one("6")
        .says(["writers of public.sent wait", "VALIDATE makes writers of these tables wait"])
        .lacks("migration of its own, for which");
    one("7").says([
        "V7__m.sql:1:1  warning loses.narrowed",
        "public.users.label: text to character varying(40)",
        "V7__m.sql:2:1  error breaks.renamed",
    ]);
    one("8").says([
        "V8__m.sql:1:1  warning fails.foreign_key_without_index",
        "no index of public.posts begins with a:",
    ]);
}

/// With the rights of its owner, what its caller can put before its tables counts: also a temporary table.
#[test]
fn a_function_with_its_owners_rights_has_a_search_path_that_is_its_own() {
    let project = project(&[
        "CREATE PROCEDURE p() LANGUAGE sql SECURITY DEFINER AS 'DELETE FROM users';",
        "CREATE FUNCTION f() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = public AS 'SELECT count(*) FROM users';",
        "CREATE FUNCTION g() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS 'SELECT count(*) FROM users';",
        "CREATE FUNCTION h() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM public.users';",
        "CREATE FUNCTION k() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM users';",
    ]);
    let one = |version: &str| trueup(&project, &["lint", version]).env("COLUMNS", "200").run();
    one("2").exit(1).says(["fails.search_path", "by the search_path of its caller", "public, pg_temp"]);
    one("3").exit(1).says(["fails.search_path", "does not end with pg_temp"]);
    for version in ["4", "5", "6"] {
        one(version).exit(0);
    }
}

/// The same column of several tables is renamed, one statement each.
#[test]
fn a_renamed_column_is_found_at_its_own_statement() {
    let rename =
        "ALTER TABLE users RENAME COLUMN id TO number;\n\nALTER TABLE orders RENAME COLUMN id TO number;";
    let mut found = found(&[rename]);
    found.retain(|code| code.starts_with("breaks."));
    assert_eq!(found, ["breaks.renamed 1", "breaks.renamed 3"]);
}

/// What the server refuses on a partitioned table is not advised, and what is advised there is not found.
#[test]
fn partitioned_tables_have_ways_of_their_own() {
    let project = project(&[
        "CREATE TABLE authors (id bigint PRIMARY KEY);\nCREATE TABLE m (at date, author bigint) PARTITION BY RANGE (at);\n\
         CREATE TABLE m_1 PARTITION OF m FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');",
        "ALTER TABLE m ADD CONSTRAINT m_author FOREIGN KEY (author) REFERENCES authors;",
        "CREATE INDEX m_by_author ON m (author);",
        "ALTER TABLE m DROP CONSTRAINT m_author;\nDROP INDEX m_by_author;",
        "ALTER TABLE m_1 ADD CONSTRAINT m_author FOREIGN KEY (author) REFERENCES authors NOT VALID;",
        "ALTER TABLE m_1 VALIDATE CONSTRAINT m_author;",
        "ALTER TABLE m ADD CONSTRAINT m_author FOREIGN KEY (author) REFERENCES authors;",
        "CREATE INDEX m_by_author ON ONLY m (author);",
        "-- trueup: no-transaction\nCREATE INDEX CONCURRENTLY m_1_by_author ON m_1 (author);",
        "ALTER INDEX m_by_author ATTACH PARTITION m_1_by_author;",
    ]);
    let one = |version: &str| trueup(&project, &["lint", version]).env("COLUMNS", "200").run();
    one("3").exit(1).says(["blocks.scan", "add it to each partition NOT VALID and VALIDATE it there"]);
    one("4").exit(1).says(["blocks.index", "CREATE INDEX ... ON ONLY the partitioned table"]).lacks("marked");
    for version in 6..=11 {
        one(&version.to_string()).exit(0).says("OK: nothing found in 1 migration");
    }
}

/// docs/lint.md has a row for each rule.
#[test]
fn the_page_lists_every_rule() {
    let page = include_str!("../../docs/lint.md");
    for rule in trueup::changes::lint::RULES {
        assert!(page.contains(&format!("\n| `{}` | ", rule.code)), "{}", rule.code);
    }
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
