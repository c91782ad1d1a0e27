//! Statements whose locks linters of texts are silent or wrong about, each with what a server does.

use serde_json::Value;

use super::{Program, project, trueup};

const TABLES: &str = "\
CREATE TABLE p (id bigint, day date) PARTITION BY RANGE (day);
CREATE TABLE k (id bigint PRIMARY KEY, v text, w varchar(20));
CREATE FUNCTION tr_run() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER tr BEFORE UPDATE ON k FOR EACH ROW EXECUTE FUNCTION tr_run();
CREATE TABLE u (id bigint PRIMARY KEY, n int, email text);
CREATE UNIQUE INDEX u_email ON u (email);
CREATE DOMAIN short AS text;
CREATE TABLE d (a short);
CREATE TABLE c (id bigint, u_id bigint CONSTRAINT c_u REFERENCES u);
CREATE TABLE base (id bigint);
CREATE TABLE heir (more text) INHERITS (base);
CREATE MATERIALIZED VIEW m AS SELECT id FROM u;
CREATE FUNCTION log_it() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN ALTER TABLE k ALTER w TYPE varchar(10); RETURN NEW; END $$;
CREATE TRIGGER log_it AFTER UPDATE ON d FOR EACH STATEMENT EXECUTE FUNCTION log_it();
CREATE FUNCTION widen(t text, c text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN EXECUTE format('ALTER TABLE %I ALTER %I TYPE bigint', t, c); END $$;
";

const AGAIN: &str = "DROP SCHEMA public CASCADE;\nCREATE SCHEMA public;\n";

/// A migration, and what is told of it: findings about waiting as `CODE LINE: what happens`, locks as `LINE: MODE on RELATION`.
const SNIPPETS: &[(&str, &[&str])] = &[
    (
        "CREATE TABLE p3 PARTITION OF p FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');",
        &[
            "blocks.partitions 1: readers and writers of public.p wait, of all its partitions: a partition of it comes or goes",
        ],
    ),
    (
        "ALTER TABLE k SET UNLOGGED;",
        &["blocks.rewrite 1: readers and writers of public.k wait while it is rewritten"],
    ),
    ("ALTER TABLE k DISABLE TRIGGER tr;", &["1: SHARE ROW EXCLUSIVE on public.k"]),
    (
        "ALTER TABLE u ADD COLUMN x int;\nUPDATE u SET x = n;",
        &[
            "blocks.rows 2: readers and writers of public.u (locked since line 1) wait while rows are changed",
            "1: ACCESS EXCLUSIVE on public.u",
        ],
    ),
    (
        "SELECT widen('u', 'n');",
        &["blocks.rewrite 1: readers and writers of public.u wait while it is rewritten"],
    ),
    (
        "DO $$ BEGIN EXECUTE 'alter table u alter n type bigint'; END $$;",
        &["blocks.rewrite 1: readers and writers of public.u wait while it is rewritten"],
    ),
    (
        "ALTER TABLE u ADD COLUMN c bigint GENERATED ALWAYS AS IDENTITY;",
        &["blocks.rewrite 1: readers and writers of public.u wait while it is rewritten"],
    ),
    (
        "ALTER TABLE u ADD COLUMN loud text GENERATED ALWAYS AS (upper(email)) STORED;",
        &["blocks.rewrite 1: readers and writers of public.u wait while it is rewritten"],
    ),
    (
        "ALTER DOMAIN short ADD CONSTRAINT filled CHECK (VALUE <> '');",
        &["blocks.scan 1: writers of public.d wait while all rows of it are read"],
    ),
    (
        "ALTER TABLE c DROP CONSTRAINT c_u;",
        &["blocks.other_table 1: readers and writers of public.u wait: the statement locks it as well"],
    ),
    (
        "ALTER TABLE u ADD CONSTRAINT u_email_key UNIQUE USING INDEX u_email;",
        &["1: ACCESS EXCLUSIVE on public.u"],
    ),
    ("ALTER TABLE k ALTER w TYPE varchar(40);", &["1: ACCESS EXCLUSIVE on public.k"]),
    (
        "ALTER TABLE k ALTER w TYPE varchar(10);",
        &["blocks.rewrite 1: readers and writers of public.k wait while it is rewritten"],
    ),
    (
        "ALTER TABLE u ADD CONSTRAINT u_n_key UNIQUE (n);",
        &["blocks.index 1: readers and writers of public.u wait while an index on it is built"],
    ),
    (
        "ALTER TABLE u ADD CONSTRAINT u_n CHECK (n > 0);",
        &["blocks.scan 1: readers and writers of public.u wait while all rows of it are read"],
    ),
    ("ALTER TABLE u ADD CONSTRAINT u_n CHECK (n > 0) NOT VALID;", &["1: ACCESS EXCLUSIVE on public.u"]),
    ("CREATE POLICY own ON u USING (id > 0);", &["1: ACCESS EXCLUSIVE on public.u"]),
    (
        "ALTER TABLE base ADD COLUMN extra int;",
        &["1: ACCESS EXCLUSIVE on public.base", "1: ACCESS EXCLUSIVE on public.heir"],
    ),
    (
        "REFRESH MATERIALIZED VIEW m;",
        &["blocks.rewrite 1: readers and writers of public.m wait while it is rewritten"],
    ),
    (
        "UPDATE d SET a = 'x' WHERE a IS NULL;",
        &["blocks.rewrite 1: readers and writers of public.k wait while it is rewritten"],
    ),
    (
        "CREATE TABLE fresh (id bigint PRIMARY KEY, v text);\nCREATE INDEX ON fresh (v);\nCOMMENT ON TABLE k IS 'x';",
        &[],
    ),
];

/// What is told of the migration `version`.
fn told(lint: Program) -> Vec<String> {
    let document = lint.exit_in(&[0, 1]).document();
    let list = |key: &str| document[key].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let waits = list("findings").into_iter().filter_map(|finding| {
        let code = text(&finding["code"]);
        let what = text(&finding["what"]);
        code.starts_with("blocks.").then(|| format!("{code} {}: {what}", finding["location"]["line"]))
    });
    let locks = list("locks").into_iter().map(|lock| {
        format!("{}: {} on {}", lock["location"]["line"], text(&lock["mode"]), text(&lock["relation"]))
    });
    waits.chain(locks).collect()
}

#[test]
fn who_waits_is_told_as_the_server_does_it() {
    // Each comes to the tables as they are, so each has tables of its own.
    let migrations: Vec<String> =
        SNIPPETS.iter().flat_map(|(sql, _)| [format!("{AGAIN}{TABLES}"), (*sql).to_owned()]).collect();
    let project = project(&migrations.iter().map(String::as_str).collect::<Vec<_>>());
    for (index, (sql, expected)) in SNIPPETS.iter().enumerate() {
        let version = (2 * index + 3).to_string();
        let told = told(trueup(&project, &["lint", &version, "--format", "json"]));
        assert_eq!(told, *expected, "{sql}");
    }
}

/// How a migration runs outside of a transaction is told in the words of the project's tool.
#[test]
fn the_mark_is_that_of_the_projects_tool() {
    let project = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = project.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("trueup.toml", "[project]\nname = \"lint\"\n[migrations]\ntool = \"diesel\"\n");
    write("migrations/2026-01-01-000000_a/up.sql", "CREATE TABLE users (id bigint);");
    write("migrations/2026-01-02-000000_b/up.sql", "CREATE INDEX ON users (id);");
    super::compile(&project);
    let ran = trueup(&project, &["lint"]).env("COLUMNS", "200").exit(1);
    ran.says("CREATE INDEX CONCURRENTLY, in a migration of its own with run_in_transaction = false in its metadata.toml");
}
