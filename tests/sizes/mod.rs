//! What is said of sizes: how long the statements of a plan take, what is refused for that, and `sizes.json`.

mod plan;
mod recorded;

use std::fs;

use crate::support::TestDatabase;
use crate::support::project::{Project, SETTINGS};

/// A compiled project of a base and these migrations, which have the versions from 2 on; `settings` are added to trueup.toml. The
/// database is at version 1.
fn project(database: &TestDatabase, settings: &str, migrations: &[&str]) -> Project {
    let project = Project::of_schema("");
    fs::remove_dir_all(project.path().join("schema")).unwrap();
    fs::create_dir(project.path().join("migrations")).unwrap();
    let base = "CREATE TABLE users (id bigint PRIMARY KEY, name text);\nCREATE TABLE orders (id bigint, user_id bigint);\n";
    for (index, sql) in [base].iter().chain(migrations).enumerate() {
        fs::write(project.path().join(format!("migrations/V{}__m.sql", index + 1)), sql).unwrap();
    }
    project.trueup(["compile"], database).exit(0);
    project.trueup(["upgrade", "--to", "1", "--yes"], database).exit(0);
    fs::write(project.path().join("trueup.toml"), format!("{SETTINGS}{settings}")).unwrap();
    project
}

/// Makes the planner's estimates those of a large table: 40,000,000 rows in 8.7 GB, with 2 GB of indexes.
fn make_large(database: &TestDatabase, table: &str) {
    database.exec(&format!(
        "UPDATE pg_class SET reltuples = 4e7, relpages = 1135000 WHERE oid = '{table}'::regclass;
         UPDATE pg_class SET reltuples = 4e7, relpages = 244000
          WHERE oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = '{table}'::regclass)"
    ));
}
