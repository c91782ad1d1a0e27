//! Runs `pg_dump` on an exported snapshot. Its archive is hashed, stored and read back while it arrives; nothing is
//! written to a temporary file.

use std::cell::RefCell;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result};
use bytes::BytesMut;
use nix::fcntl::{FcntlArg, fcntl};
use smol_str::SmolStr;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdout};

use super::super::handed::HandedFile;
use super::super::manifest::{BackupFormat, Member, ProofLevel, Scope};
use super::super::pg_dump_errors;
use super::super::programs::{ProcessGroup, Programs};
use super::super::progress::{BackupObserver, BackupProgress};
use super::super::store::Upload;
use super::digest::Hasher;
use super::full_read::{ArchiveContents, FullRead};
use crate::error::{Exit, Failure};
use crate::postgres::connection::Target;
use crate::postgres::sql::split_qualified;

/// The file name of an archive in custom format.
pub(in crate::backup) const ARCHIVE: &str = "archive.dump";
/// The directory of an archive in directory format.
pub(in crate::backup) const DIRECTORY: &str = "archive";
/// The size of one read and of the pipe: the largest pipe that Linux gives an ordinary user.
const CHUNK: usize = 1 << 20;
/// The number of error lines of the program that are kept; the last ones.
const COMPLAINTS: usize = 20;

/// The options of a dump.
#[derive(Debug, Clone)]
pub(in crate::backup) struct DumpRequest<'o> {
    pub(in crate::backup) programs: &'o Programs,
    pub(in crate::backup) target: &'o Target,
    pub(in crate::backup) application: &'o str,
    pub(in crate::backup) set_role: Option<&'o str>,
    pub(in crate::backup) snapshot: &'o str,
    pub(in crate::backup) scope: &'o Scope,
    pub(in crate::backup) kind: BackupFormat,
    pub(in crate::backup) jobs: u32,
    pub(in crate::backup) compression: Option<&'o str>,
    pub(in crate::backup) lock_wait: Duration,
    pub(in crate::backup) level: ProofLevel,
    /// The number of tables, for the progress.
    pub(in crate::backup) tables: usize,
}

/// The result of a dump.
#[derive(Debug)]
pub(in crate::backup) struct Dumped {
    pub(in crate::backup) members: Vec<Member>,
    /// What reading the archive back has found.
    pub(in crate::backup) found: ArchiveContents,
}

/// Dumps a database into a store.
pub(in crate::backup) async fn dump(
    order: &DumpRequest<'_>,
    upload: &mut Upload,
    observer: &mut dyn BackupObserver,
) -> Result<Dumped> {
    let secrets = HandedFile::of(&order.target.passfile_line()?)?;
    let application = format!("{} (pg_dump)", order.application);
    let mut command = order.programs.connected_command("pg_dump", order.target, &application, &secrets)?;
    let compression = match order.compression {
        Some(given) => given.to_owned(),
        None => order.programs.compression().await.to_owned(),
    };
    command.args(["--verbose", "--strict-names"]);
    command.arg(format!("--snapshot={}", order.snapshot));
    command.arg(format!("--lock-wait-timeout={}", order.lock_wait.as_millis()));
    command.arg(format!("--compress={}", compress_argument(&compression, order.programs.version().major())?));
    if let Some(role) = order.set_role {
        command.arg(format!("--role={role}"));
    }
    if let Scope::Tables(tables) = order.scope {
        command.args(tables.iter().map(|table| format!("--table={}", pattern(table))));
    }
    command.stdin(Stdio::null()).stderr(Stdio::piped());
    let progress = RefCell::new((
        BackupProgress { doing: "dumping", tables: (0, order.tables), ..BackupProgress::default() },
        observer,
    ));
    if order.kind == BackupFormat::Directory {
        let dir = upload.directory(DIRECTORY).ok_or_else(|| {
            Failure::usage("[backup] format = \"directory\" needs a local directory as its store")
        })?;
        command.arg("--format=directory").arg(format!("--jobs={}", order.jobs)).arg("--file").arg(&dir);
        let mut child = command.stdout(Stdio::null()).spawn().context("pg_dump")?;
        let group = ProcessGroup::of(&child);
        let complaints = read_messages(child.stderr.take(), &progress).await;
        wait_for_success(&mut child, &complaints, order).await?;
        group.ended();
        let mut members = Vec::new();
        for name in upload.take_over(DIRECTORY).await? {
            let dir = dir.clone();
            // Hashing runs on another thread, so that a signal is handled meanwhile.
            members.push(tokio::task::spawn_blocking(move || hash_file(&dir, &name)).await??);
        }
        let found = FullRead::directory(order.programs, &dir, order.level).await?;
        return Ok(Dumped { members, found });
    }
    command.arg("--format=custom").stdout(Stdio::piped());
    let mut full_read = FullRead::start(order.programs, order.level)?;
    upload.member(ARCHIVE).await?;
    let mut child = command.spawn().context("pg_dump")?;
    let group = ProcessGroup::of(&child);
    let stdout = child.stdout.take().context("pg_dump's standard output")?;
    let (passed, complaints) = tokio::join!(
        store_output(stdout, upload, &mut full_read, &progress),
        read_messages(child.stderr.take(), &progress),
    );
    // An error of the store comes first: `pg_dump` then only reports a broken pipe.
    let hasher = passed?;
    wait_for_success(&mut child, &complaints, order).await?;
    group.ended();
    let bytes = hasher.bytes();
    if bytes == 0 {
        let what = "pg_dump ended with 0 and wrote nothing";
        return Err(Failure::new(Exit::RolledBack, what).next("check which pg_dump it is").into());
    }
    upload.end().await?;
    let member = Member { name: ARCHIVE.to_owned(), bytes, sha256: hasher.finish() };
    let found = full_read.finish().await?;
    Ok(Dumped { members: vec![member], found })
}

type SharedProgress<'f> = RefCell<(BackupProgress, &'f mut dyn BackupObserver)>;

async fn store_output(
    mut stdout: ChildStdout,
    upload: &mut Upload,
    full_read: &mut FullRead,
    progress: &SharedProgress<'_>,
) -> Result<Hasher> {
    // A larger pipe makes `pg_dump` wait less. Where it is not allowed, the default size works as well.
    let _ = fcntl(&stdout, FcntlArg::F_SETPIPE_SZ(CHUNK as i32));
    let mut hasher = Hasher::default();
    loop {
        let mut buffer = BytesMut::with_capacity(CHUNK);
        if stdout.read_buf(&mut buffer).await? == 0 {
            return Ok(hasher);
        }
        let chunk = buffer.freeze();
        hasher.update(&chunk);
        full_read.feed(&chunk).await?;
        upload.write(chunk).await?;
        update(progress, |progress| progress.bytes = hasher.bytes());
    }
}

/// Reads the messages of the program, updates the progress, and returns the error lines.
async fn read_messages(stderr: Option<ChildStderr>, progress: &SharedProgress<'_>) -> Vec<String> {
    let mut complaints = Vec::new();
    let Some(stderr) = stderr else { return complaints };
    let mut lines = BufReader::new(stderr).split(b'\n');
    while let Ok(Some(line)) = lines.next_segment().await {
        let line = String::from_utf8_lossy(&line);
        if let Some((_, table)) = line.split_once(": dumping contents of table ") {
            update(progress, |progress| {
                progress.table = table.trim().to_owned();
                progress.tables.0 += 1;
            });
        } else if pg_dump_errors::is_complaint(&line) {
            complaints.push(line.trim().to_owned());
            if complaints.len() > COMPLAINTS {
                complaints.remove(0);
            }
        }
    }
    complaints
}

fn update(progress: &SharedProgress<'_>, change: impl FnOnce(&mut BackupProgress)) {
    let (progress, observer) = &mut *progress.borrow_mut();
    change(progress);
    observer.progress(progress);
}

async fn wait_for_success(child: &mut Child, complaints: &[String], order: &DumpRequest<'_>) -> Result<()> {
    let status = child.wait().await?;
    if status.success() {
        return Ok(());
    }
    Err(pg_dump_errors::explained("pg_dump", status, complaints, order.target.role()).into())
}

/// The hash of a file that the program has written.
fn hash_file(dir: &std::path::Path, name: &str) -> Result<Member> {
    let path = dir.join(name.trim_start_matches(DIRECTORY).trim_start_matches('/'));
    let mut file = std::fs::File::open(&path)?;
    let mut hasher = Hasher::default();
    let mut chunk = vec![0; CHUNK];
    loop {
        match std::io::Read::read(&mut file, &mut chunk)? {
            0 => break,
            read => hasher.update(&chunk[..read]),
        }
    }
    Ok(Member { name: name.to_owned(), bytes: hasher.bytes(), sha256: hasher.finish() })
}

/// The argument of `--compress` for this major version. Before 16 it is a level of gzip alone.
fn compress_argument(compression: &str, major: u32) -> Result<String, Failure> {
    if major >= 16 {
        return Ok(match compression {
            "none" => "0".to_owned(),
            other => other.to_owned(),
        });
    }
    match compression.split_once(':').unwrap_or((compression, "6")) {
        ("none", _) => Ok("0".to_owned()),
        ("gzip", level) => Ok(level.to_owned()),
        _ => Err(Failure::new(
            Exit::Refused,
            format!("[backup] compression = {compression:?}: pg_dump {major} has gzip alone"),
        )
        .next("leave it out, or install a pg_dump of 16 or newer")),
    }
}

/// A pattern of `--table` that matches this table alone (manual, psql, "Patterns"): everything stands in quotes,
/// where only a quote has a special meaning.
fn pattern(table: &str) -> String {
    let parts = split_qualified(table).unwrap_or_else(|| vec![SmolStr::new(table)]);
    let quoted = parts.iter().map(|part| format!("\"{}\"", part.replace('"', "\"\"")));
    quoted.collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_a_pattern_of_itself_alone() {
        assert_eq!(pattern("public.users"), r#""public"."users""#);
        assert_eq!(pattern(r#"public."a*b?""c""#), r#""public"."a*b?""c""#);
    }

    #[test]
    fn compression_is_told_as_each_major_takes_it() {
        assert_eq!(compress_argument("zstd:3", 16).unwrap(), "zstd:3");
        assert_eq!(compress_argument("gzip", 15).unwrap(), "6");
        assert_eq!(compress_argument("none", 15).unwrap(), "0");
        assert_eq!(compress_argument("lz4", 15).unwrap_err().exit, Exit::Refused);
    }
}
