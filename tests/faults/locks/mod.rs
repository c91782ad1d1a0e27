//! Faults that a command which writes meets when others are there, too: other runs, readers, dumps, poolers, settings,
//! servers that take no writes. Always the real binary.

mod blocked;
mod clock;
mod failover;
mod history;
mod many;
mod migration_files;
mod placed;
mod pooled;
mod role;
mod trojans;

use std::fs;

use crate::support::other::Other;
use crate::support::program::Program;
use crate::support::project::{Address, Project, SETTINGS};
use crate::support::{self, TestDatabase, wait_for};

/// A table with some rows, and one that changes it under the strongest lock.
const TABLE: &str = "CREATE TABLE public.items (id int PRIMARY KEY, name text);\n\
    INSERT INTO public.items SELECT n, 'item ' || n FROM generate_series(1, 100) AS n;\n";
const CHANGE: &str = "ALTER TABLE public.items ADD COLUMN note text;\n";

/// A compiled project of these migrations, by file name; `settings` are added to trueup.toml. Its model is what the
/// migrations come to.
fn project(settings: &str, migrations: &[(&str, &str)]) -> Project {
    let project = uncompiled(settings, migrations);
    project.compile();
    project
}

/// The same without a lock file.
fn uncompiled(settings: &str, migrations: &[(&str, &str)]) -> Project {
    let model: String = migrations
        .iter()
        .flat_map(|(_, sql)| sql.lines())
        .filter(|line| !line.starts_with("--") && !line.starts_with("INSERT"))
        .map(|line| format!("{}\n", line.replace(" CONCURRENTLY", "")))
        .collect();
    let project = Project::of_schema(&model);
    fs::create_dir(project.path().join("migrations")).unwrap();
    for (name, sql) in migrations {
        fs::write(project.path().join("migrations").join(name), sql).unwrap();
    }
    fs::write(project.path().join("trueup.toml"), format!("{SETTINGS}{settings}")).unwrap();
    project
}

/// Limits short enough for a test to wait for them.
const SHORT: &str = "[migrations]\nlock_timeout = \"1s\"\nlock_budget = \"5s\"\n";

/// `trueup upgrade --yes`, where no PostgreSQL binaries can be found: trueup.lock is all there is.
fn upgrade(project: &Project, at: &(impl Address + ?Sized)) -> Program {
    project.without_postgres(["upgrade", "--yes"], at)
}

/// What must not have come into being where a command refused before it changed anything.
#[track_caller]
fn untouched(database: &TestDatabase) {
    // The server may notice a little later than we that a client has gone.
    let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' \
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    wait_for("the end of the lock", || database.value(locks) == "0");
    let left = database.query(
        "SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
         UNION ALL SELECT nspname FROM pg_namespace WHERE nspname = 'trueup'",
    );
    assert_eq!(left, Vec::<support::Row>::new());
}

/// The history's versions and names, in order.
fn applied(database: &TestDatabase) -> Vec<String> {
    // Without an operator: there are tests in which these are trojans.
    let rows = database.query("SELECT version, name FROM public.refinery_schema_history ORDER BY version");
    rows.into_iter().map(|row| row.into_iter().flatten().collect::<Vec<_>>().join(" ")).collect()
}
