//! Lint with sizes: of `sizes.json`, of a database; tables that are small; sizes that are not known.

use std::fs;

use serde_json::json;
use tempfile::TempDir;

use super::{project, trueup};
use crate::support;
use crate::support::program::Program;

const LARGE: &str =
    r#"{"relation":"public.users","rows":40000000,"bytes":9300000000,"index_bytes":2000000000}"#;
const SMALL: &str = r#"{"relation":"public.users","rows":200,"bytes":16000}"#;
const TOML: &str = "[project]\nname = \"lint\"\n[backup]\nrequired = \"never\"\n";

/// Writes `sizes.json` with this line.
fn record(project: &TempDir, line: &str) {
    let text =
        format!("{{\"environment\": \"production\",\n\"day\": \"2026-11-30\",\n\"relations\": [{line}]}}\n");
    fs::write(project.path().join("sizes.json"), text).unwrap();
}

fn lint(project: &TempDir) -> Program {
    trueup(project, &["lint", "2"]).env("PATH", "/nowhere").env("TRUEUP_PG_BIN", "/nowhere")
}

#[test]
fn a_finding_says_the_size_and_how_long_it_takes() {
    let project = project(&["ALTER TABLE users ALTER id TYPE int;"]);
    lint(&project).exit(1).says([
        "wait while it is rewritten\n",
        "1 error, 1 warning; how large the tables are is not known here",
        "to know how long: --env NAME, or commit what `trueup sizes --env NAME` writes",
    ]);
    record(&project, LARGE);
    lint(&project)
        .exit(1)
        .says(["wait while it is rewritten (8.7 GB, minutes)", "sizes: sizes.json (production, 2026-11-30)"])
        .lacks("not known");
    let document = lint(&project).args(["--format", "json"]).exit(1).document();
    let estimate = &document["findings"][0]["estimate"];
    assert_eq!((&estimate["blocks"], &estimate["class"]), (&json!("reads and writes"), &json!("minutes")));
    assert!(estimate["low_s"].as_u64().unwrap() > 10, "{estimate}");
    assert_eq!(
        document["sizes"],
        json!({"from": "sizes.json", "environment": "production", "day": "2026-11-30"})
    );
}

#[test]
fn a_small_table_raises_no_alarm_and_that_is_said() {
    let sql = "CREATE INDEX ON users (name);\n";
    let project = project(&[sql]);
    record(&project, SMALL);
    lint(&project)
        .exit(0)
        .says(["no alarm: blocks.index at migrations/V2__m.sql:1:1: public.users has 200 rows", "OK"]);
    let document = lint(&project).args(["--format", "json"]).exit(0).document();
    assert_eq!(document["silenced"][0]["code"], "blocks.index");
    // Few rows, and large ones.
    record(&project, r#"{"relation":"public.users","rows":9000,"bytes":90000000000}"#);
    lint(&project).exit(1).says("(84 GB, ");
    record(&project, r#"{"relation":"public.users","rows":10000,"bytes":800000}"#);
    lint(&project).exit(1).says("(781 kB, instant)");
    // The project says so.
    fs::write(project.path().join("trueup.toml"), format!("{TOML}[lint]\nsmall = [\"users\"]\n")).unwrap();
    fs::remove_file(project.path().join("sizes.json")).unwrap();
    lint(&project)
        .exit(0)
        .says("no alarm: blocks.index at migrations/V2__m.sql:1:1: [lint] small names public.users");
}

/// What is lost or broken is so in a small table as well, and what a person has allowed stays allowed whatever the size is.
#[test]
fn sizes_concern_waiting_alone() {
    let sql = "-- trueup: allow blocks.index: 200 rows\nCREATE INDEX ON users (name);\nALTER TABLE orders DROP COLUMN id;";
    let project = project(&[sql]);
    record(&project, SMALL);
    lint(&project).exit(1).says(["loses.dropped", "breaks.dropped"]).lacks(["allow_unused", "blocks.index"]);
}

#[test]
fn rows_that_are_changed_under_a_lock_have_a_size() {
    let project = project(&["ALTER TABLE users ADD c int;\nUPDATE users SET c = 1 WHERE id > 0;"]);
    record(&project, LARGE);
    lint(&project).exit(1).says("V2__m.sql:2:1  error blocks.rows").says("rows are changed (8.7 GB, ");
    record(&project, SMALL);
    lint(&project)
        .exit(0)
        .says("no alarm: blocks.rows at migrations/V2__m.sql:2:1: public.users has 200 rows");
}

#[test]
fn a_size_that_is_not_known_is_said() {
    let project = project(&["CREATE INDEX ON users (name);\nCREATE INDEX ON orders (id);"]);
    record(&project, &format!("{LARGE}, {{\"relation\":\"public.orders\",\"rows\":null,\"bytes\":null}}"));
    lint(&project).exit(1).says([
        "wait while an index on it is built (8.7 GB, minutes)",
        "wait while an index on public.orders is built (size not known)",
        "size not known (new, or never analyzed): public.orders",
    ]);
}

#[test]
fn a_file_that_is_wrong_is_told() {
    let project = project(&["CREATE INDEX ON users (name);"]);
    for text in ["", "{}", "{\"environment\": null, \"day\": \"x\", \"relations\": [], \"other\": 1}"] {
        fs::write(project.path().join("sizes.json"), text).unwrap();
        let failed = lint(&project).args(["--format", "json"]).case(text).exit(2).document();
        assert_eq!(failed["error"]["code"], "sizes.invalid");
        lint(&project).exit(2).says(["sizes.json: ", "trueup sizes --env NAME"]);
    }
}

/// Without versions, all that is pending in the environment.
#[test]
fn an_environment_has_sizes_and_what_is_pending() {
    let done = "ALTER TABLE orders ADD CHECK (id > 0);";
    let pending = "ALTER TABLE users ALTER id TYPE int;";
    let project = project(&[done, pending, "CREATE INDEX ON orders (id);"]);
    fs::write(
        project.path().join("trueup.toml"),
        format!("{TOML}[environments.production]\nurl_env = \"PRODUCTION_URL\"\n"),
    )
    .unwrap();
    record(&project, SMALL);
    let database = support::database();
    let lint =
        |args: &[&str]| trueup(&project, &[&["lint"], args].concat()).env("PRODUCTION_URL", database.url());
    let upgrade = ["upgrade", "--to", "2", "--yes", "--database-url", database.url()];
    trueup(&project, &upgrade).env("TRUEUP_PG_BIN", &support::server().bin_dir).exit(0);
    database.exec("ANALYZE orders; UPDATE pg_class SET reltuples = 4e7, relpages = 1135000 WHERE oid = 'users'::regclass");
    lint(&["--env", "production"])
        .exit(1)
        .says([
            "2 migrations",
            "V3__m.sql:1:1  error blocks.rewrite",
            "(8.7 GB, minutes)",
            "no alarm: blocks.index at migrations/V4__m.sql:1:1: public.orders has 0 rows",
            "sizes: database ",
            " (production, ",
        ])
        .lacks("V2__m");
    lint(&["2", "--env", "production"]).exit(0).says("no alarm: blocks.scan at migrations/V2__m.sql:1");
    lint(&["--database-url", database.url()]).exit(1).says("2 migrations");
    // What is pending in one database may be applied in another.
    lint(&["--env", "production", "--fix", "--yes"])
        .exit(2)
        .says("pending in one database may be applied in another");
    // A variable alone connects nobody.
    lint(&["3"]).env("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/x").exit(1).says("sizes: sizes.json");
    lint(&["--env", "production"]).env_remove("PRODUCTION_URL").exit(2).says("PRODUCTION_URL is not set");
    lint(&["--database-url", "postgresql://nobody@127.0.0.1:1/x"]).exit(3);
}
