//! `trueup sizes`: what it writes, of what, and that it waits for nobody.

use std::fs;
use std::time::Duration;

use super::{make_large, project};
use crate::support;
use crate::support::other::Other;

const ENVIRONMENTS: &str = "[environments.production]\nurl_env = \"PRODUCTION_URL\"\n[environments.staging]\nurl_env = \"STAGING_URL\"\n";

#[test]
fn a_line_for_each_relation_in_the_order_of_names() {
    let database = support::database();
    let project = project(&database, ENVIRONMENTS, &[]);
    database.exec(
        "CREATE TABLE \"A \"\"b\" (id int); INSERT INTO \"A \"\"b\" SELECT generate_series(1, 1234); ANALYZE \"A \"\"b\";
         CREATE TABLE parted (id int) PARTITION BY RANGE (id);
         CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (1000);
         CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (1000) TO (2000);
         INSERT INTO parted SELECT generate_series(0, 1999); ANALYZE parted_1, parted_2;
         CREATE MATERIALIZED VIEW seen AS SELECT 1 AS one; ANALYZE seen; ANALYZE orders;
         CREATE VIEW nothing AS SELECT 1 AS one; CREATE TEMPORARY TABLE gone (id int)",
    );
    make_large(&database, "users");
    let sizes = || {
        project
            .trueup(["sizes", "--env", "production"], &database)
            .env("PRODUCTION_URL", database.url())
            .exit(0)
            .says([
                "never analyzed, so their size is not known: public.refinery_schema_history",
                "environment production",
            ]);
        fs::read_to_string(project.path().join("sizes.json")).unwrap()
    };
    let text = sizes();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "{\"environment\": \"production\",");
    assert_eq!(
        lines[1],
        format!("\"day\": \"{}\",", database.value("SELECT (now() AT TIME ZONE 'UTC')::date"))
    );
    assert_eq!(
        lines[2..],
        [
            "\"relations\": [",
            "{\"relation\":\"public.\\\"A \\\"\\\"b\\\"\",\"rows\":1200,\"bytes\":49000},",
            "{\"relation\":\"public.orders\",\"rows\":0,\"bytes\":0},",
            "{\"relation\":\"public.parted\",\"rows\":2000,\"bytes\":82000,\"partitioned\":true},",
            "{\"relation\":\"public.parted_1\",\"rows\":1000,\"bytes\":41000},",
            "{\"relation\":\"public.parted_2\",\"rows\":1000,\"bytes\":41000},",
            "{\"relation\":\"public.refinery_schema_history\",\"rows\":null,\"bytes\":null},",
            "{\"relation\":\"public.refinery_schema_history_pkey\",\"rows\":0,\"bytes\":8200},",
            "{\"relation\":\"public.seen\",\"rows\":1,\"bytes\":8200},",
            "{\"relation\":\"public.users\",\"rows\":40000000,\"bytes\":9300000000,\"index_bytes\":2000000000},",
            "{\"relation\":\"public.users_pkey\",\"rows\":40000000,\"bytes\":2000000000}",
            "]}",
        ]
    );
    assert_eq!(sizes(), text);
    // One file: another environment takes its place, and that is said.
    project
        .trueup(["sizes", "--env", "staging"], &database)
        .env("STAGING_URL", database.url())
        .exit(0)
        .says("sizes.json had the sizes of environment production before");
    let document = project.trueup(["sizes", "--format", "json"], &database).exit(0).document();
    assert_eq!((&document["relations"], &document["environment"]), (&10.into(), &serde_json::Value::Null));
    assert_eq!(document["unknown"], serde_json::json!(["public.refinery_schema_history"]));
}

#[test]
fn what_the_project_ignores_is_left_out() {
    let database = support::database();
    let settings = "[database]\nschemas = [\"public\", \"app\"]\nignore = [\"public.*\"]\n";
    let project = project(&database, settings, &[]);
    database.exec(
        "CREATE SCHEMA app; CREATE TABLE app.t (id int); CREATE SCHEMA other; CREATE TABLE other.t (id int)",
    );
    project.trueup(["sizes"], &database).exit(0);
    let text = fs::read_to_string(project.path().join("sizes.json")).unwrap();
    let relations: Vec<&str> = text.lines().filter(|line| line.starts_with("{\"relation\"")).collect();
    assert_eq!(relations, ["{\"relation\":\"app.t\",\"rows\":0,\"bytes\":0}"]);
}

/// It reads the catalog, and neither waits for who locks a table nor makes anybody wait.
#[test]
fn it_waits_for_nobody() {
    let database = support::database();
    let project = project(&database, "", &[]);
    let mut holder = Other::at(database.url(), "holder");
    holder.run("BEGIN; LOCK TABLE users, orders IN ACCESS EXCLUSIVE MODE");
    project.trueup(["sizes"], &database).start().ends_within(Duration::from_secs(20)).exit(0);
}

#[test]
fn what_cannot_be_reached_or_written_leaves_the_file_as_it_was() {
    let database = support::database();
    let project = project(&database, "", &[]);
    let file = project.path().join("sizes.json");
    fs::write(&file, "before").unwrap();
    project.trueup(["sizes", "--database-url", "postgresql://nobody@127.0.0.1:1/x"], &database).exit(3);
    project.trueup(["sizes"], &database).env_remove("DATABASE_URL").exit(2);
    assert_eq!(fs::read_to_string(&file).unwrap(), "before");
}
