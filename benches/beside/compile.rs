//! `trueup compile` of all migrations beside `psql`, which runs the same files; when there is one more migration than a
//! compilation has kept, beside a compilation that keeps nothing; with footprints beside without; and the lock file beside what
//! `pg_dump --schema-only` writes of the same database.

use std::process::Command;

use anyhow::{Result, ensure};

use crate::footprints;
use crate::measure;
use crate::migrations;
use crate::project::Project;
use crate::server::Server;
use crate::table::{Figure, megabytes, time};

/// What `compile` may take of the time that psql takes, called once for each file.
const FILES_TIME: f64 = 4.0;
/// What it may take of the time of one psql that runs all files in one session. It reads the whole catalog after each.
const SESSION_TIME: f64 = 25.0;
/// What it may take for one more migration, of the time for all.
const ONE_MORE_TIME: f64 = 0.1;
/// How many migrations.
const MIGRATIONS: usize = 1000;
/// How many pairs.
const ROUNDS: usize = 3;
const DATABASE: &str = "compile";
/// What the lock file may have of the size of a dump of the schema.
const LOCK_SIZE: f64 = 1.3;
/// How many tables it describes, and by how many migrations.
const LOCK_TABLES: usize = 1000;
const LOCK_MIGRATIONS: usize = 100;

pub(crate) fn figures(server: &Server) -> Result<Vec<Figure>> {
    let mut scripts = migrations::small(MIGRATIONS + 1);
    let one_more = scripts.split_off(MIGRATIONS);
    let project = Project::of_migrations(server, DATABASE, &scripts)?;
    // What the migrations build is the model.
    std::fs::remove_dir_all(project.path().join("schema"))?;
    let files: Vec<_> = project.migrations()?.into_iter().map(|migration| migration.path).collect();
    let mut each = Command::new("sh");
    each.args(["-c", "psql=$1; url=$2; shift 2; for file; do \"$psql\" -X -q -v ON_ERROR_STOP=1 -d \"$url\" -f \"$file\" || exit; done"]);
    each.arg("sh").arg(server.program("psql").get_program()).arg(&project.url).args(&files);
    let mut session = server.program("psql");
    session.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &project.url]);
    files.iter().for_each(|file| {
        session.arg("-f").arg(file);
    });
    let compile = |args: &[&str]| {
        let mut command = project.compile_again(args);
        command.env("TRUEUP_PG_BIN", server.bin_dir());
        command
    };
    let all = compile(&["--no-cache"]);
    let fresh = |which| {
        if which == 0 {
            return Ok(());
        }
        server.drop_database(DATABASE)?;
        server.create_database(DATABASE, &[])
    };
    server.create_database(DATABASE, &[])?;
    let beside_each = measure::alternating(ROUNDS, fresh, [&all, &each])?;
    let beside_session = measure::alternating(ROUNDS, fresh, [&all, &session])?;
    let made = server
        .statement(DATABASE, "SELECT count(*) FROM pg_class WHERE relname LIKE 'item%' AND relkind = 'r'")?;
    ensure!(made == (MIGRATIONS / 4).to_string(), "psql has made {made} tables");

    // The state of these is kept, and then there is one more.
    measure::measure(&compile(&[]))?;
    project.add(&one_more)?;
    let costs = measure::alternating(ROUNDS, |_| Ok(()), [&compile(&[]), &all])?;
    let what = format!("{MIGRATIONS} small migrations: `compile --no-cache` beside");
    Ok(vec![
        time(&format!("{what} one `psql -f` for each"), beside_each, FILES_TIME),
        time(&format!("{what} one `psql` with all files"), beside_session, SESSION_TIME),
        time("one more of them: `compile` beside `compile --no-cache`", costs, ONE_MORE_TIME),
        footprints::figure(server)?,
        lock_size(server)?,
    ])
}

fn lock_size(server: &Server) -> Result<Figure> {
    let database = "lock_size";
    let mut project =
        Project::of_migrations(server, database, &migrations::large(LOCK_TABLES, LOCK_MIGRATIONS))?;
    std::fs::remove_dir_all(project.path().join("schema"))?;
    project.compile()?;
    let ours = project.lock_size()?;
    let files: Vec<_> = project.migrations()?.into_iter().map(|migration| migration.path).collect();
    server.create_database(database, &files.iter().map(|file| file.as_path()).collect::<Vec<_>>())?;
    let mut pg_dump = server.program("pg_dump");
    let dump = pg_dump.args(["--schema-only", "--no-password", "-d", &project.url]).output()?;
    ensure!(dump.status.success(), "pg_dump: {}", dump.status);
    let reference = dump.stdout.len() as u64;
    Ok(Figure {
        what: format!(
            "{LOCK_TABLES} tables, {LOCK_MIGRATIONS} migrations: `trueup.lock` beside `pg_dump --schema-only`"
        ),
        ours: megabytes(ours),
        reference: megabytes(reference),
        ratio: ours as f64 / reference as f64,
        limit: LOCK_SIZE,
    })
}
