//! `pg_dump`, run under a snapshot: its archive hashed, stored and read in full as it comes, nothing staged on a disk.

use std::cell::RefCell;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result};
use bytes::BytesMut;
use nix::fcntl::{FcntlArg, fcntl};
use smol_str::SmolStr;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdout};

use super::client::{Group, Programs, Secrets};
use super::digest::Hasher;
use super::follow::{Follow, Progress};
use super::full_read::{Found, FullRead};
use super::manifest::{Kind, Level, Member, Scope};
use super::pg_dump_errors;
use super::store::Upload;
use crate::error::{Exit, Failure};
use crate::postgres::connection::Target;
use crate::postgres::sql::split_qualified;

/// The one member of an archive in custom format.
pub(super) const ARCHIVE: &str = "archive.dump";
/// The directory of an archive in directory format.
pub(super) const DIRECTORY: &str = "archive";
/// How much is read at once, and what the pipe may hold: what Linux gives an ordinary user at the most.
const CHUNK: usize = 1 << 20;
/// How many of the program's last complaints are kept.
const COMPLAINTS: usize = 20;

/// What to dump, and how.
#[derive(Debug, Clone)]
pub(super) struct Order<'o> {
    pub(super) programs: &'o Programs,
    pub(super) target: &'o Target,
    pub(super) application: &'o str,
    pub(super) set_role: Option<&'o str>,
    pub(super) snapshot: &'o str,
    pub(super) scope: &'o Scope,
    pub(super) kind: Kind,
    pub(super) jobs: u32,
    pub(super) compression: Option<&'o str>,
    pub(super) lock_wait: Duration,
    pub(super) level: Level,
    /// How many tables there are.
    pub(super) tables: usize,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Dumped {
    pub(super) members: Vec<Member>,
    /// What reading it found.
    pub(super) found: Found,
}

/// Dumps into a store.
pub(super) async fn dump(order: &Order<'_>, upload: &mut Upload, follow: &mut dyn Follow) -> Result<Dumped> {
    let secrets = Secrets::of(order.target)?;
    let application = format!("{} (pg_dump)", order.application);
    let mut command = order.programs.connected("pg_dump", order.target, &application, &secrets)?;
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
        Progress { doing: "dumping", tables: (0, order.tables), ..Progress::default() },
        follow,
    ));
    if order.kind == Kind::Directory {
        let dir = upload.directory(DIRECTORY).ok_or_else(|| {
            Failure::usage("[backup] format = \"directory\" needs a local directory as its store")
        })?;
        command.arg("--format=directory").arg(format!("--jobs={}", order.jobs)).arg("--file").arg(&dir);
        let mut child = command.stdout(Stdio::null()).spawn().context("pg_dump")?;
        let group = Group::of(&child);
        let complaints = listen(child.stderr.take(), &progress).await;
        ended(&mut child, &complaints, order).await?;
        group.ended();
        let mut members = Vec::new();
        for name in upload.adopt(DIRECTORY).await? {
            let dir = dir.clone();
            // A signal is heard meanwhile.
            members.push(tokio::task::spawn_blocking(move || hash_file(&dir, &name)).await??);
        }
        let found = FullRead::directory(order.programs, &dir, order.level).await?;
        return Ok(Dumped { members, found });
    }
    command.arg("--format=custom").stdout(Stdio::piped());
    let mut full_read = FullRead::start(order.programs, order.level)?;
    upload.member(ARCHIVE).await?;
    let mut child = command.spawn().context("pg_dump")?;
    let group = Group::of(&child);
    let stdout = child.stdout.take().context("pg_dump's standard output")?;
    let (passed, complaints) = tokio::join!(
        pass_on(stdout, upload, &mut full_read, &progress),
        listen(child.stderr.take(), &progress),
    );
    // What the store says comes first: the program then only says that nobody listens.
    let hasher = passed?;
    ended(&mut child, &complaints, order).await?;
    group.ended();
    let bytes = hasher.bytes();
    if bytes == 0 {
        let what = "pg_dump says that all is well, and wrote nothing";
        return Err(Failure::new(Exit::RolledBack, what).next("look at which pg_dump that is").into());
    }
    upload.end().await?;
    let member = Member { name: ARCHIVE.to_owned(), bytes, sha256: hasher.finish() };
    let found = full_read.finish().await?;
    Ok(Dumped { members: vec![member], found })
}

type Told<'f> = RefCell<(Progress, &'f mut dyn Follow)>;

async fn pass_on(
    mut stdout: ChildStdout,
    upload: &mut Upload,
    full_read: &mut FullRead,
    progress: &Told<'_>,
) -> Result<Hasher> {
    // A small pipe makes the program wait for us; where a larger one is not allowed, it works all the same.
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
        tell(progress, |progress| progress.bytes = hasher.bytes());
    }
}

/// Reads what the program says about itself: how far it is, and what is wrong.
async fn listen(stderr: Option<ChildStderr>, progress: &Told<'_>) -> Vec<String> {
    let mut complaints = Vec::new();
    let Some(stderr) = stderr else { return complaints };
    let mut lines = BufReader::new(stderr).split(b'\n');
    while let Ok(Some(line)) = lines.next_segment().await {
        let line = String::from_utf8_lossy(&line);
        if let Some((_, table)) = line.split_once(": dumping contents of table ") {
            tell(progress, |progress| {
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

fn tell(progress: &Told<'_>, change: impl FnOnce(&mut Progress)) {
    let (progress, follow) = &mut *progress.borrow_mut();
    change(progress);
    follow.backup(progress);
}

async fn ended(child: &mut Child, complaints: &[String], order: &Order<'_>) -> Result<()> {
    let status = child.wait().await?;
    if status.success() {
        return Ok(());
    }
    Err(pg_dump_errors::explained("pg_dump", status, complaints, order.target.role()).into())
}

/// The hash of a file that a program has written.
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

/// `--compress` as this major takes it: before 16 a level of gzip alone.
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

/// A qualified and quoted name as a pattern that matches it alone (manual, psql, "Patterns"): everything in quotes, where
/// nothing but a quote has a meaning.
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
