//! `trueup reset`: what the project has in a database of development is dropped, and built again from nothing.

mod dropped;
mod killed;
mod page;
mod refused;

use std::fs;

use crate::support::program::Program;
use crate::support::project::{Project, SETTINGS};
use crate::support::{self, TestDatabase};

const FIRST: &str = "CREATE SCHEMA app;
CREATE EXTENSION citext;
CREATE TYPE app.state AS ENUM ('new', 'paid');
CREATE TABLE public.users (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name citext NOT NULL UNIQUE);
CREATE TABLE app.orders (id bigint PRIMARY KEY, user_id bigint NOT NULL REFERENCES public.users, state app.state NOT NULL);
";
const SECOND: &str =
    "-- trueup: no-transaction\nCREATE INDEX CONCURRENTLY orders_user ON app.orders (user_id);\n";
const THIRD: &str = "-- trueup: contract\nALTER TABLE app.orders ADD COLUMN total int NOT NULL DEFAULT 0;\n";
const SEEDS: &str = "table = \"users\"\nkey = [\"name\"]\n[[rows]]\nname = \"root\"\n";

/// What is in the database when all is well.
const BUILT: &str = "SELECT concat_ws(' ', (SELECT string_agg(version::text, ',' ORDER BY version) FROM refinery_schema_history), \
                     (SELECT string_agg(name, ',') FROM users), (SELECT count(*) FROM app.orders), to_regclass('app.orders_user'))";

/// A project with a schema and an extension of its own, three migrations and a reference row.
fn project() -> Project {
    let project = Project::of_schema("");
    fs::remove_file(project.path().join("schema/model.sql")).unwrap();
    write(&project, "schema/seeds/users.toml", SEEDS);
    for (file, text) in [("V1__base", FIRST), ("V2__index", SECOND), ("V3__total", THIRD)] {
        write(&project, &format!("migrations/{file}.sql"), text);
    }
    project.trueup(["compile"], "").env("TRUEUP_PG_BIN", &support::server().bin_dir).exit(0);
    project
}

/// A file of the project.
fn write(project: &Project, file: &str, text: &str) {
    let path = project.path().join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// What `trueup.toml` says beside the usual.
fn settings(project: &Project, text: &str) {
    write(project, "trueup.toml", &format!("{SETTINGS}{text}"));
}

fn run(project: &Project, database: &TestDatabase, args: &[&str]) -> Program {
    project.trueup(args, database).env("TRUEUP_PG_BIN", &support::server().bin_dir)
}

/// The database as the project builds it, with a row of its own.
fn built(project: &Project) -> TestDatabase {
    let database = support::database();
    run(project, &database, &["upgrade", "--yes"]).exit(0);
    run(project, &database, &["seed", "--yes"]).exit(0);
    database.exec("INSERT INTO users (name) VALUES ('ann'); INSERT INTO app.orders SELECT 7, id, 'new' FROM users WHERE name = 'ann'");
    database
}

/// The database is as the project builds it, and says so.
#[track_caller]
fn is_new(project: &Project, database: &TestDatabase) {
    assert_eq!(database.value(BUILT), "1,2,3 root 0 app.orders_user");
    run(project, database, &["check"]).exit(0).says("OK: ");
}
