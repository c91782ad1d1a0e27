//! The script of `--sql`, run by psql: it does what it says, writes refinery's rows, and stops where the database does
//! not stand where it should.

use std::collections::BTreeSet;
use std::time::Duration;

use trueup::changes::plan::{EditorSession, MigrationPlan, UpgradeGoal};
use trueup::migrations::checksum::{Width, accepts};
use trueup::migrations::history::Applied;
use trueup::migrations::{Ledger, Migration, read_directory};
use trueup::model::diagnosis::MigrationState;
use trueup::model::{CompiledMigration, CompiledSettings, DeclaredBy, Head, Lock};
use trueup::postgres::catalog::Catalog;
use trueup::postgres::catalog::reader::ReadOptions;
use trueup::postgres::connection::ServerVersion;

use crate::support::program::Ran;
use crate::support::{self, TestDatabase};

const HISTORY: &str = "public.refinery_schema_history";

const FILES: &[(&str, &str)] = &[
    (
        "V1__users.sql",
        "-- Why: people.\nCREATE TABLE users (id bigint PRIMARY KEY, name text DEFAULT ';$trueup$');\n",
    ),
    ("V1__users.down.sql", "DROP TABLE users;"),
    (
        "V2__insert.sql",
        "INSERT INTO users VALUES (1, E'it\\'s\\n');\nCREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1; $$;",
    ),
    ("V2__insert.down.sql", "DROP FUNCTION f(); TRUNCATE users;"),
    (
        "V3__index.sql",
        "-- trueup: no-transaction\nCREATE UNIQUE INDEX CONCURRENTLY \"users_$trueup$\" ON users (name);\nANALYZE users;",
    ),
    ("V3__index.down.sql", "DROP INDEX \"users_$trueup$\";"),
    ("V4__drop.sql", "-- trueup: contract\nALTER TABLE users DROP COLUMN name;"),
];

struct Project {
    lock: Lock,
    migrations: Vec<Migration>,
    _directory: tempfile::TempDir,
}

fn project() -> Project {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in FILES {
        std::fs::write(directory.path().join(name), text).unwrap();
    }
    let migrations = read_directory(directory.path()).unwrap();
    let compiled = migrations.iter().map(|migration| CompiledMigration {
        version: migration.version,
        name: migration.name.clone(),
        revision: migration.revision.clone(),
        parents: Vec::new(),
        dependencies: Vec::new(),
        file: None,
        contract: migration.directives.contract,
        footprints: Vec::new(),
        down: None,
        effects: Vec::new(),
    });
    let settings = CompiledSettings {
        search_path: "public, pg_temp".into(),
        assume_extensions: Vec::new(),
        server_major: None,
        tool: None,
        applied: None,
    };
    let head = Head {
        server: ServerVersion(150_000),
        declared_by: DeclaredBy::Migrations,
        options: ReadOptions::default(),
        settings,
        inputs: Vec::new(),
    };
    let lock = Lock { head, model: Catalog::default(), initial: Vec::new(), migrations: compiled.collect() };
    Project { lock, migrations, _directory: directory }
}

impl Project {
    fn standing(&self, applied: &[i64]) -> MigrationState {
        let rows = applied.iter().map(|version| {
            let name = self.migrations.iter().find(|found| found.version == *version).unwrap().name.clone();
            Applied { version: *version, name, applied_on: String::new(), checksum: Some(0), revision: None }
        });
        let unchanged: BTreeSet<i64> = applied.iter().copied().collect();
        MigrationState::from_history(&self.lock.migrations, &rows.collect::<Vec<_>>(), &unchanged)
    }

    fn up(&self, applied: &[i64]) -> String {
        let plan = MigrationPlan::upgrade(
            &self.lock,
            &self.migrations,
            &self.standing(applied),
            &UpgradeGoal::default(),
        )
        .unwrap();
        self.script(&plan, !applied.is_empty())
    }

    fn script(&self, plan: &MigrationPlan, exists: bool) -> String {
        let history = Ledger {
            table: HISTORY.into(),
            exists,
            width: Width::Four,
            awaits_schema: false,
            also: None,
            squashed: None,
        };
        let session = EditorSession {
            search_path: "public, pg_temp".into(),
            lock_timeout: Duration::from_secs(3),
            set_role: None,
            server: ServerVersion(150_018),
        };
        plan.to_sql(&self.migrations, &history, &session)
    }
}

/// As an editor that goes on after errors.
fn psql(database: &TestDatabase, script: &str) -> Ran {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("script.sql");
    std::fs::write(&path, script).unwrap();
    database.server.program("psql").args(["-X", "-q", "-d", database.url(), "-f"]).arg(path).run()
}

fn versions(database: &TestDatabase) -> Vec<String> {
    let rows = database.query(&format!("SELECT version::text FROM {HISTORY} ORDER BY version"));
    rows.into_iter().map(|mut row| row.remove(0).unwrap()).collect()
}

#[test]
fn the_script_upgrades_and_takes_back() {
    let (project, database) = (project(), support::database());
    let script = project.up(&[]);
    database.psql(&script);
    assert_eq!(versions(&database), ["1", "2", "3"]);
    assert_eq!(database.value("SELECT name FROM users"), "it's\n");
    let index = "SELECT indisvalid::text FROM pg_index WHERE indexrelid = '\"users_$trueup$\"'::regclass";
    assert_eq!(database.value(index), "true");
    for row in database.query(&format!("SELECT version::text, checksum, applied_on FROM {HISTORY}")) {
        let text = |column: usize| row[column].clone().unwrap();
        let migration = project.migrations.iter().find(|found| found.version.to_string() == text(0)).unwrap();
        assert!(accepts(migration, text(1).parse().unwrap()));
        let shape: String =
            text(2).chars().map(|found| if found.is_ascii_digit() { '0' } else { found }).collect();
        assert_eq!(shape, "0000-00-00T00:00:00.000000Z");
    }
    let down = MigrationPlan::downgrade(&project.lock, &project.migrations, &project.standing(&[1, 2, 3]), 0)
        .unwrap();
    database.psql(&project.script(&down, true));
    assert!(versions(&database).is_empty());
    assert_eq!(database.value("SELECT count(*)::text FROM pg_class WHERE relname LIKE 'users%'"), "0");
}

#[test]
fn a_second_run_of_the_script_changes_nothing() {
    let (project, database) = (project(), support::database());
    let script = project.up(&[]);
    database.psql(&script);
    psql(&database, &script)
        .stderr_contains(["V1__users is applied already", "V3__index is applied already"]);
    assert_eq!(versions(&database), ["1", "2", "3"]);
    assert_eq!(database.value("SELECT count(*)::text FROM users"), "1");
}

#[test]
fn nothing_is_recorded_after_a_failure_that_the_editor_ignores() {
    let (project, database) = (project(), support::database());
    // V2 fails, so V3 must not be recorded.
    database.exec("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 2'");
    psql(&database, &project.up(&[]));
    assert_eq!(versions(&database), ["1"]);
    // V3 fails, and leaves an invalid index.
    database
        .exec("DROP FUNCTION f(); DROP INDEX \"users_$trueup$\"; INSERT INTO users VALUES (2, 'it''s\n')");
    let ran = psql(&database, &project.up(&[1])).stderr_contains("is missing or invalid");
    assert_eq!(versions(&database), ["1", "2"], "{}", ran.shown());
}
