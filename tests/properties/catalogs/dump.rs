//! `pg_dump --schema-only | psql`, as an operator copies a schema.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

/// What `pg_dump --schema-only` writes.
pub(crate) fn schema(of: &str, args: &[&str]) -> Result<Vec<u8>> {
    let dump = Command::new(program("pg_dump")).arg("--schema-only").args(args).arg(of).output();
    let dump = dump.context("pg_dump")?;
    ensure!(dump.status.success(), "pg_dump: {}", String::from_utf8_lossy(&dump.stderr));
    Ok(dump.stdout)
}

/// Copies the schema of one database into another, empty one.
pub(crate) fn copy(from: &str, to: &str) -> Result<()> {
    let dump = schema(from, &["--no-owner"])?;
    let mut psql = Command::new(program("psql"))
        .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", to])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("psql")?;
    let mut input = psql.stdin.take().context("a pipe")?;
    let text = dump.clone();
    let writer = std::thread::spawn(move || std::io::Write::write_all(&mut input, &text));
    let done = psql.wait_with_output()?;
    // It fails when psql has stopped at an error, which says more.
    let written = writer.join().expect("the writer does not panic");
    let errors = String::from_utf8_lossy(&done.stderr);
    ensure!(done.status.success(), "psql: {errors}\nthe dump:\n{}", String::from_utf8_lossy(&dump));
    written.context("psql did not read the whole dump")
}

/// A client program of the newest server that is installed, as the scratch server looks for its own.
fn program(name: &str) -> PathBuf {
    let given = std::env::var_os("TRUEUP_PG_BIN").map(PathBuf::from);
    let mut installed: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|versions| versions.filter_map(|version| Some(version.ok()?.path().join("bin"))).collect())
        .unwrap_or_default();
    installed.sort();
    let mut places = given.into_iter().chain(installed.into_iter().rev()).map(|place| place.join(name));
    places.find(|program| program.exists()).unwrap_or_else(|| name.into())
}
