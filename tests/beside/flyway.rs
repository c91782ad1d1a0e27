//! The real Flyway with 50 revisions: dotted versions, underscores, repeatable ones, one outside of a transaction, callbacks.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::real::{REVISIONS, is_at, revision};
use super::write;
use crate::adopt::tools::{did_not_run, flyway, tool};
use crate::support;
use crate::support::cluster::{Cluster, cluster};
use crate::support::program::Program;
use crate::support::project::{Address, Project};

const SETTINGS: &str = "[project]\nname = \"real\"\n[migrations]\ntool = \"flyway\"\n";

/// A database that is reached as JDBC reaches one: there are no sockets for it.
pub(super) struct Site {
    cluster: Arc<Cluster>,
    name: String,
    url: String,
}

impl Site {
    pub(super) fn new(name: &str) -> Self {
        let (cluster, name) = (cluster(), format!("flyway_{name}"));
        cluster.psql(&format!("CREATE DATABASE {name}"));
        let url = cluster.url("postgres@127.0.0.1", &name);
        Self { cluster, name, url }
    }

    pub(super) fn query(&self, sql: &str) -> Vec<support::Row> {
        support::try_query_at(&self.url, sql).unwrap()
    }

    /// Flyway of a project, with the connection that trueup gives it.
    pub(super) fn flyway(&self, program: &Path, project: &Path) -> Program {
        let url = format!("jdbc:postgresql://127.0.0.1:{}/{}", self.cluster.port, self.name);
        tool(program, project)
            .env("FLYWAY_URL", url)
            .env("FLYWAY_USER", "postgres")
            .env("FLYWAY_PASSWORD", "")
            .arg("-locations=filesystem:sql")
    }
}

impl Address for Site {
    fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.cluster.try_psql(&format!("DROP DATABASE {} WITH (FORCE)", self.name));
    }
}

/// A version as people write it, of a number that rises: `1`, `1_1`, `01.2`, `1.3.0`.
fn version(number: usize) -> String {
    let (major, minor) = (number / 4 + 1, number % 4);
    match minor {
        0 => format!("{major}"),
        1 => format!("{major}_1"),
        2 => format!("0{major}.2"),
        _ => format!("{major}.3.0"),
    }
}

/// How many of the revisions are repeatable.
const REPEATABLE: usize = 2;

/// The migrations of a number of versions, as Flyway has them. CREATE INDEX CONCURRENTLY waits for ever for Flyway's own
/// transaction unless the settings say otherwise.
fn project(versions: usize) -> Project {
    let project = Project::of_schema("");
    fs::remove_dir_all(project.path().join("schema")).unwrap();
    for number in 0..versions {
        let (sql, _) = revision(number);
        let folder = if number % 3 == 0 { "sql/more" } else { "sql" };
        let path = format!("{folder}/V{}__step_{number}.sql", version(number));
        if number == 15 {
            write(project.path(), &[(&format!("{path}.conf"), "executeInTransaction = false\n".to_owned())]);
        }
        write(project.path(), &[(&path, sql)]);
    }
    write(
        project.path(),
        &[
            ("flyway.toml", "[flyway.postgresql.transactional]\nlock = false\n".to_owned()),
            ("sql/R__b.sql", "CREATE OR REPLACE VIEW of_b AS SELECT id FROM of_a;".to_owned()),
            ("sql/R__a tables.sql", "CREATE OR REPLACE VIEW of_a AS SELECT id FROM t0;".to_owned()),
            ("sql/beforeMigrate.sql", "SET lock_timeout = '5s';".to_owned()),
            ("sql/afterEachMigrate__note.sql", "SELECT 1;".to_owned()),
            ("trueup.toml", SETTINGS.to_owned()),
        ],
    );
    project
}

pub(super) fn compile(project: &Project) -> Program {
    project.trueup(["compile"], "").env("TRUEUP_PG_BIN", &support::server().bin_dir)
}

/// trueup with Flyway in its PATH.
pub(super) fn trueup(project: &Project, site: &Site, program: &Path, args: &[&str]) -> Program {
    let path = format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap());
    project
        .trueup(args, site)
        .env("TRUEUP_PG_BIN", &support::server().bin_dir)
        .env("PATH", path)
        .env("COLUMNS", "200")
}

pub(super) fn program() -> Option<PathBuf> {
    flyway().or_else(|| {
        did_not_run("Flyway");
        None
    })
}

/// The repeatable ones run after each of them, whatever its version.
#[test]
fn flyway_builds_what_the_lock_says() {
    let Some(program) = program() else { return };
    let versions = REVISIONS - REPEATABLE;
    let (project, site) = (project(versions), Site::new("builds"));
    compile(&project).exit(0);
    for number in (1..versions).step_by(2) {
        site.flyway(&program, project.path())
            .arg(format!("-target={}", version(number)))
            .arg("migrate")
            .exit(0);
        is_at(&project, &site, number + 1 + REPEATABLE);
    }
    project.check(&site).exit(0).says("Flyway R__b, 50 migrations applied");
}

/// From an empty database to a clean one, and past two migrations that fail: one that Flyway rolls back, and one that leaves its
/// first statement and a row that says so.
#[test]
fn a_story_beside_flyway() {
    let Some(program) = program() else { return };
    let (project, site) = (project(REVISIONS - REPEATABLE), Site::new("story"));
    compile(&project).exit(0);
    let trueup = |args: &[&str]| trueup(&project, &site, &program, args);
    trueup(&["status"]).exit(1).says("not up to date: 50 pending").says("Flyway 1 (step 0)");
    trueup(&["upgrade", "--dry-run"])
        .exit(0)
        .stdout_contains("2. Flyway 1.1 (step 1)")
        .stdout_contains("3. Flyway 01.2 (step 2)")
        .stdout_contains("50. Flyway R__b\n")
        .stdout_contains(format!(
            "command: flyway '-locations=filesystem:{}/sql' migrate",
            project.path().display()
        ));
    trueup(&["upgrade", "--yes"])
        .exit(0)
        .says("Migrating schema \"public\" to version \"01.2 - step 2\"")
        .says("done: 50 migrations applied");
    trueup(&["check"]).exit(0);
    trueup(&["status"]).exit(0).says("50 migrations applied");
    trueup(&["upgrade", "--yes"]).exit(0).says("nothing to do");

    write(
        project.path(),
        &[("sql/V50__taken.sql", "CREATE TABLE first (id int); CREATE TABLE taken (id int);".to_owned())],
    );
    compile(&project).exit(0);
    site.query("CREATE TABLE taken (id int)");
    trueup(&["upgrade", "--yes", "--no-backup"])
        .exit(5)
        .says("relation \"taken\" already exists")
        .says("the schema and the history are as they were");
    trueup(&["check"]).exit(1).says("pending: Flyway 50 (taken)").lacks("history.failed");

    write(project.path(), &[("sql/V50__taken.sql.conf", "executeInTransaction=false\n".to_owned())]);
    compile(&project).exit(0);
    trueup(&["upgrade", "--yes", "--no-backup"])
        .exit(6)
        .says("relation \"taken\" already exists")
        .says("no migration was recorded, and the schema has changed");
    trueup(&["check"]).exit(1).says("50 failed or was interrupted").says("flyway repair");
    trueup(&["status"]).exit(1).says("50").says("flyway repair");
    trueup(&["upgrade", "--yes"]).exit(4).says("failed or was interrupted").says("flyway repair");
    site.query("DROP TABLE first, taken");
    site.flyway(&program, project.path()).arg("repair").exit(0);
    trueup(&["upgrade", "--yes", "--no-backup"]).exit(0).says("applied Flyway 50 (taken)");
    trueup(&["check"]).exit(0);
}

/// What Flyway has built is adopted by the migrations that were taken over from it, and Flyway finds itself again in what they
/// have built elsewhere.
#[test]
fn flyways_migrations_are_taken_over_and_given_back() {
    let Some(program) = program() else { return };
    let (project, site) = (project(REVISIONS - REPEATABLE), Site::new("taken"));
    site.flyway(&program, project.path()).arg("migrate").exit(0);
    fs::remove_file(project.path().join("trueup.toml")).unwrap();
    trueup(
        &project,
        &site,
        &program,
        &["init", "--from", "flyway", "--take-over", "--yes", "--name", "shop"],
    )
    .exit(0)
    .says("migrations (50 migrations)")
    .says("01.2 is V102")
    .says("repeatable in flyway, and placed last as migrations that run once: a_tables, b");
    trueup(&project, &site, &program, &["adopt", "--yes"]).exit(0);
    trueup(&project, &site, &program, &["check"]).exit(0).says("50 migrations applied");

    let other = Site::new("given_back");
    let settings = fs::read_to_string(project.path().join("trueup.toml")).unwrap();
    let settings = settings.replace("[migrations]\n", "[migrations]\nalso_record_in = \"flyway\"\n");
    assert!(settings.contains("also_record_in"), "{settings}");
    fs::write(project.path().join("trueup.toml"), settings).unwrap();
    trueup(&project, &other, &program, &["upgrade", "--yes", "--no-backup"]).exit(0);
    other
        .flyway(&program, project.path())
        .arg("validate")
        .exit(0)
        .says("Successfully validated 50 migrations");
    other.flyway(&program, project.path()).arg("migrate").exit(0).says("No migration necessary");
    trueup(&project, &other, &program, &["check"]).exit(0);
}

/// Flyway creates the schemas of its settings, and works in the first of them.
#[test]
fn a_schema_of_flyways_own_is_part_of_the_first_migration() {
    let Some(program) = program() else { return };
    let (project, site) = (Project::of_schema(""), Site::new("schema"));
    fs::remove_dir_all(project.path().join("schema")).unwrap();
    fs::remove_file(project.path().join("trueup.toml")).unwrap();
    let files = [
        ("flyway.conf", "flyway.defaultSchema=App\nflyway.schemas=App,other\n"),
        (
            "sql/V1__a.sql",
            "CREATE TABLE users (id int);\nCREATE TABLE \"${flyway:defaultSchema}\".keys (id int);",
        ),
        ("sql/V2__b.sql", "CREATE VIEW other.v AS SELECT id FROM users;"),
    ];
    write(project.path(), &files.map(|(name, text)| (name, text.to_owned())));
    trueup(&project, &site, &program, &["init", "--yes", "--name", "shop"])
        .exit(1)
        .says("pending: Flyway 1 (a), Flyway 2 (b)")
        .says("this database is empty");
    let settings = fs::read_to_string(project.path().join("trueup.toml")).unwrap();
    assert!(settings.contains("search_path = '\"App\", public, pg_temp'"), "{settings}");
    site.flyway(&program, project.path()).args(["-target=1", "migrate"]).exit(0);
    trueup(&project, &site, &program, &["check"])
        .exit(1)
        .says("at Flyway 1")
        .says("pending: Flyway 2 (b)")
        .lacks("App\".users");
    trueup(&project, &site, &program, &["upgrade", "--yes"]).exit(0);
    trueup(&project, &site, &program, &["check"]).exit(0);

    fs::remove_file(project.path().join("trueup.toml")).unwrap();
    trueup(
        &project,
        &site,
        &program,
        &["init", "--from", "flyway", "--take-over", "--yes", "--name", "shop"],
    )
    .exit(0);
    trueup(&project, &site, &program, &["adopt", "--yes"]).exit(0);
    trueup(&project, &site, &program, &["check"]).exit(0);
    let other = Site::new("schema_again");
    trueup(&project, &other, &program, &["upgrade", "--yes", "--no-backup"]).exit(0);
    trueup(&project, &other, &program, &["check"]).exit(0);
}

/// What was there before Flyway counts as applied up to its baseline.
#[test]
fn a_database_from_before_flyway_begins_at_its_baseline() {
    let Some(program) = program() else { return };
    let (project, site) = (project(10), Site::new("baseline"));
    compile(&project).exit(0);
    site.flyway(&program, project.path()).args(["-target=2", "migrate"]).exit(0);
    site.query("DROP TABLE flyway_schema_history; DROP VIEW of_b, of_a");
    site.flyway(&program, project.path()).args(["-baselineVersion=2", "baseline"]).exit(0);
    trueup(&project, &site, &program, &["status"]).exit(1).says("Flyway 2 (step 4), 5 migrations applied");
    trueup(&project, &site, &program, &["upgrade", "--yes", "--no-backup"])
        .exit(0)
        .says("done: 7 migrations applied");
    trueup(&project, &site, &program, &["check"]).exit(0).says("12 migrations applied");
}
