//! `trueup backup` beside plain `pg_dump`, of a database of more than 1 GB, into directories of one file system; read in full
//! beside `pg_dump | tee FILE | pg_restore`.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};

use crate::measure;
use crate::project::Project;
use crate::server::Server;
use crate::table::{Figure, megabytes, time};

/// What `backup --verify quick` may take of `pg_dump`'s time.
const QUICK_TIME: f64 = 1.05;
/// What `--verify contents` may take of the time of `pg_dump | tee | pg_restore`.
const CONTENTS_TIME: f64 = 1.1;
/// The memory that trueup may have, whatever the database has.
const MEMORY: u64 = 64 * 1024 * 1024;
/// How many pairs.
const ROUNDS: usize = 3;
const DATABASE: &str = "backup";
/// How large the database is at least.
const LEAST: u64 = 1_000_000_000;

/// Rows that compress no better than those of people do.
const ROWS: &str = "
    CREATE TABLE public.events AS
        SELECT n AS id, md5(n::text) AS token, (random() * 1e9)::numeric(20, 6) AS amount,
               timestamptz '2020-01-01' + n * interval '17 s' AS at, md5((n * 7)::text) || md5((n * 11)::text) AS payload
          FROM generate_series(1, 2700000) AS n;
    CREATE TABLE public.accounts AS
        SELECT n AS id, 'user' || n || '@example.com' AS email, md5((n * 3)::text) AS hash, random() < 0.5 AS active,
               now() AS created_at
          FROM generate_series(1, 1500000) AS n;
    CREATE TABLE public.entries AS
        SELECT n AS id, (random() * 1500000)::int AS account, (random() * 1e6)::numeric(12, 2) AS amount, random() AS weight
          FROM generate_series(1, 4000000) AS n;
    ALTER TABLE public.events ADD PRIMARY KEY (id);
    ALTER TABLE public.accounts ADD PRIMARY KEY (id);
    CREATE UNIQUE INDEX ON public.accounts (email);
    CREATE INDEX ON public.entries (account);
    VACUUM ANALYZE;
";

pub(crate) fn figures(server: &Server) -> Result<Vec<Figure>> {
    let project = Project::of_migrations(server, DATABASE, &[])?;
    // The server keeps its data in memory; what is written lies where a project does.
    let script = project.file("rows.psql", ROWS)?;
    server.create_database(DATABASE, &[&script])?;
    let bytes: u64 = server.statement(DATABASE, "SELECT pg_database_size(current_database())")?.parse()?;
    ensure!(bytes >= LEAST, "{bytes} bytes are no large database");
    eprintln!("a database of {}", megabytes(bytes));
    let place = project.path().to_owned();
    let (store, file) = (place.join("backups"), place.join("reference.dump"));
    let mut figures = Vec::new();
    let pg_dump = server.program("pg_dump");
    let pg_restore = server.program("pg_restore");
    let dump = format!("'{}' -Fc -d '{}'", Path::new(pg_dump.get_program()).display(), project.url);
    let read = format!("'{}' -f /dev/null", Path::new(pg_restore.get_program()).display());
    let file_word = format!("'{}'", file.display());
    for (level, reference, limit, beside) in [
        ("quick", format!("exec {dump} -f {file_word}"), QUICK_TIME, "`pg_dump -Fc -f`"),
        (
            "contents",
            format!("set -o pipefail; {dump} | tee {file_word} | {read}"),
            CONTENTS_TIME,
            "`pg_dump -Fc`, `tee` and `pg_restore`",
        ),
    ] {
        let ours = project.backup(level);
        let mut shell = Command::new("bash");
        shell.env_clear().env("PATH", "/usr/bin:/bin").args(["-c", &reference]);
        let fresh = |_| clear(&store, &file);
        // What the first run finds cold.
        fresh(0)?;
        measure::measure(&shell)?;
        let costs = measure::alternating(ROUNDS, fresh, [&ours, &shell])?;
        fresh(0)?;
        let what = format!("{}: `backup --verify {level}` beside {beside}", megabytes(bytes));
        figures.push(time(&what, costs, limit));
        let memory = costs[0].memory * 1024;
        figures.push(Figure {
            what: format!("{}: `backup --verify {level}`, peak memory", megabytes(bytes)),
            ours: megabytes(memory),
            reference: megabytes(MEMORY),
            ratio: memory as f64 / MEMORY as f64,
            limit: 1.0,
        });
    }
    Ok(figures)
}

/// Every run writes into a fresh place, on a disk that has nothing else to do.
fn clear(store: &Path, file: &Path) -> Result<()> {
    if store.exists() {
        fs::remove_dir_all(store)?;
    }
    if file.exists() {
        fs::remove_file(file)?;
    }
    let synced = Command::new("sync").status()?;
    ensure!(synced.success(), "sync: {synced}");
    Ok(())
}
