//! A database and what a dump of it brings back are one to trueup, although the server prints their expressions otherwise.

use std::fs;

use crate::support::project::Project;
use crate::support::{self, TestDatabase};

/// Statements that only newer servers know.
const SINCE_16: &str = "CREATE VIEW unnamed AS SELECT * FROM (SELECT 1 AS a UNION SELECT NULL);\n";

fn schema(major: u32) -> String {
    let newer = if major >= 16 { SINCE_16 } else { "" };
    format!("{}{newer}", include_str!("reloaded.sql"))
}

fn dump(database: &TestDatabase) -> String {
    database.server.program("pg_dump").args(["-s", "-d", database.url()]).exit(0).stdout().to_owned()
}

pub(super) fn compiled(schema: &str) -> Project {
    let project = Project::of_schema(schema);
    project
        .trueup(["compile"], "")
        .env_remove("DATABASE_URL")
        .env("TRUEUP_PG_BIN", &support::server().bin_dir)
        .exit(0);
    project
}

#[test]
fn what_a_dump_brings_back_is_as_declared() {
    let written = schema(support::server().version.major());
    let made = support::database();
    made.psql(&written);
    let dumped = dump(&made);
    let [once, twice] = [support::database(), support::database()];
    once.psql(&dumped);
    twice.psql(&dump(&once));
    // The server does print them otherwise.
    assert_ne!(dumped, dump(&once));
    for schema in [&written, &dumped] {
        let project = compiled(schema);
        for database in [&made, &once, &twice] {
            project.check(database.url()).exit(0);
        }
    }
    // And a difference beside them is seen.
    once.exec("ALTER TABLE t DROP CONSTRAINT t_v_check; ALTER TABLE t ADD CONSTRAINT t_v_check CHECK (v IN ('a', 'c'))");
    let document = compiled(&written).check(once.url()).document();
    let objects: Vec<_> = document["findings"].as_array().unwrap().iter().map(|one| &one["object"]).collect();
    assert_eq!(objects, ["public.t.t_v_check"]);
}

#[test]
fn a_backup_of_it_is_restorable() {
    let made = support::database();
    made.psql(&schema(made.server.version.major()));
    let project = Project::of_schema("");
    let store = project.path().join("backups");
    let settings = format!(
        "[project]\nname = \"faults\"\n[backup]\nstore = \"{}\"\nverify = \"restore\"\n",
        store.display()
    );
    fs::write(project.path().join("trueup.toml"), settings).unwrap();
    project.trueup(["backup"], made.url()).exit(0).says("restored and compared");
    let copy = made.url().replace(made.name(), &format!("{}_copy", made.name()));
    project.trueup(["restore", "latest", "--into", &copy, "--yes"], made.url()).exit(0);
    made.exec(&format!("DROP DATABASE {}_copy", made.name()));
}

/// What pg_dump writes of the schema public where it belongs to the bootstrap superuser.
#[test]
fn the_bootstrap_superuser_owns_what_was_given_to_it() {
    let server = support::own_server();
    let database = server.database();
    database.exec("CREATE ROLE other SUPERUSER LOGIN");
    let rename = |from: &str, to: &str| {
        support::try_query_at(&database.url_as("other"), &format!("ALTER ROLE {from} RENAME TO {to}"))
            .unwrap();
    };
    let own = url::Url::parse(database.url()).unwrap().username().to_owned();
    rename(&own, "postgres");
    let owned = "ALTER SCHEMA public OWNER TO postgres; CREATE TABLE t (); ALTER TABLE t OWNER TO postgres;";
    support::try_query_at(&database.url_as("postgres"), owned).unwrap();
    let mut found = Vec::new();
    for (schema, code) in
        [(owned, 0), ("CREATE TABLE t ();", 0), ("ALTER SCHEMA public OWNER TO other; CREATE TABLE t ();", 1)]
    {
        let shown = compiled(schema).check(&database.url_as("postgres")).run();
        found.push((shown, code));
    }
    // The server drops its databases as the role that it knows.
    rename("postgres", &own);
    for (shown, code) in found {
        shown.exit(code);
    }
}
