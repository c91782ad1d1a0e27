//! `pg_restore`, run into a database: from a file by several connections, or from a stream that is hashed once more.

use std::process::Stdio;

use anyhow::{Context as _, Result};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{ChildStderr, Command};

use super::super::client::Secrets;
use super::super::dump::ARCHIVE;
use super::super::follow::{Follow, Progress};
use super::super::manifest::Kind;
use super::super::member::hash;
use super::super::pg_dump_errors;
use super::source::Hashed;
use crate::error::{Exit, Failure};
use crate::postgres::connection::Target;

/// How many of the program's last complaints are kept.
const COMPLAINTS: usize = 20;

/// How it is to be restored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct How {
    pub(super) jobs: u32,
    /// In one transaction: all of it or nothing.
    pub(super) whole: bool,
    /// Indexes one after the other, whatever `jobs` says. Where partitions have partitions, two connections that attach
    /// indexes at two levels do not see each other's, and the index above both stays invalid for good.
    pub(super) in_order: bool,
    pub(super) owners: bool,
    pub(super) privileges: bool,
    pub(super) tablespaces: bool,
}

/// Restores into a database.
///
/// # Errors
/// Exit 5, in words: what is in the database is of no use.
pub(super) async fn run(
    backup: &Hashed<'_>,
    target: &Target,
    application: &str,
    how: &How,
    follow: &mut dyn Follow,
) -> Result<()> {
    let secrets = Secrets::of(target)?;
    let application = format!("{application} (pg_restore)");
    let list = match &backup.list {
        Some(list) => {
            let mut file = tempfile::NamedTempFile::new().context("a temporary file")?;
            std::io::Write::write_all(&mut file, list.as_bytes()).context("a temporary file")?;
            Some(file)
        }
        None => None,
    };
    let command = || -> Result<Command> {
        let mut command = backup.programs.connected("pg_restore", target, &application, &secrets)?;
        command.args(["--verbose", "--exit-on-error"]).stdout(Stdio::null()).stderr(Stdio::piped());
        for (wanted, argument) in [
            (!how.owners, "--no-owner"),
            (!how.privileges, "--no-privileges"),
            (!how.tablespaces, "--no-tablespaces"),
            (how.whole, "--single-transaction"),
        ] {
            if wanted {
                command.arg(argument);
            }
        }
        if let Some(list) = &list {
            command.arg("--use-list").arg(list.path());
        }
        Ok(command)
    };
    let tables = backup.manifest.relations.iter().filter(|relation| relation.rows.is_some()).count();
    let mut progress = Progress { doing: "restoring", tables: (0, tables), ..Progress::default() };
    // A program that reads a pipe of ours ends with us: what is one transaction then is never committed.
    let path = backup.path().filter(|_| !how.whole || backup.manifest.kind == Kind::Directory);
    let (status, complaints) = match path {
        Some(path) => {
            let mut outcome = None;
            for (sections, jobs) in passes(how) {
                let mut command = command()?;
                if !how.whole {
                    command.arg(format!("--jobs={jobs}"));
                }
                command.args(sections).arg(&path).stdin(Stdio::null());
                let mut child = command.spawn().context("pg_restore")?;
                let complaints = listen(child.stderr.take(), &mut |table| {
                    progress.table = table;
                    progress.tables.0 += 1;
                    follow.backup(&progress);
                })
                .await;
                let status = child.wait().await?;
                outcome = Some((status, complaints));
                if !status.success() {
                    break;
                }
            }
            outcome.context("a pass of pg_restore")?
        }
        None => {
            let mut command = command()?;
            command.stdin(Stdio::piped());
            let mut child = command.spawn().context("pg_restore")?;
            let mut input = child.stdin.take();
            let stderr = child.stderr.take();
            let member = backup.manifest.member(ARCHIVE)?;
            let feeding = async {
                let inputs = vec![&mut input];
                let fed = hash(backup.store, backup.manifest, member, inputs, &mut progress, follow).await;
                if fed.is_ok() {
                    drop(input.take());
                }
                // Where it was not what it should be, the program must not come to a good end.
                fed
            };
            let mut deaf = |_| {};
            let (fed, complaints) = tokio::join!(
                async {
                    let fed = feeding.await;
                    if fed.is_err() {
                        let _ = child.start_kill();
                    }
                    fed
                },
                listen(stderr, &mut deaf),
            );
            fed?;
            (child.wait().await?, complaints)
        }
    };
    if status.success() {
        return Ok(());
    }
    let failure = pg_dump_errors::explained("pg_restore", status, &complaints, target.role());
    Err(restoring_failed(failure, &complaints).into())
}

/// Which sections of an archive are restored at once, and by how many connections (manual, pg_restore, `--section`).
fn passes(how: &How) -> Vec<(&'static [&'static str], u32)> {
    match how.in_order && how.jobs > 1 && !how.whole {
        true => vec![(&["--section=pre-data", "--section=data"], how.jobs), (&["--section=post-data"], 1)],
        false => vec![(&[], how.jobs)],
    }
}

/// The program's failure, told of a restore.
fn restoring_failed(failure: Failure, complaints: &[String]) -> Failure {
    let said = complaints.join("\n");
    let next = if said.contains("permission denied")
        || said.contains("must be owner")
        || said.contains("must be superuser")
    {
        "restore as a superuser, or as a role that is a member of those that own its objects".to_owned()
    } else if said.contains("No space left on device") {
        "make room on the server's disk, then run the same command again".to_owned()
    } else if said.contains("out of shared memory") {
        "raise max_locks_per_transaction on the server, or restore into a database that does not exist yet"
            .to_owned()
    } else {
        "mend what pg_restore complains of, then run the same command again".to_owned()
    };
    Failure { exit: Exit::RolledBack, next, ..failure }
}

async fn listen(stderr: Option<ChildStderr>, table: &mut dyn FnMut(String)) -> Vec<String> {
    let mut complaints = Vec::new();
    let Some(stderr) = stderr else { return complaints };
    let mut lines = BufReader::new(stderr).split(b'\n');
    while let Ok(Some(line)) = lines.next_segment().await {
        let line = String::from_utf8_lossy(&line);
        if let Some((_, name)) = line.split_once(": processing data for table ") {
            table(name.trim().trim_matches('"').to_owned());
        } else if pg_dump_errors::is_complaint(&line)
            || complaints.last().is_some_and(|_| line.starts_with("Command was:"))
        {
            complaints.push(line.trim().to_owned());
            if complaints.len() > COMPLAINTS {
                complaints.remove(0);
            }
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_indexes_are_attached_by_one_connection() {
        let how = |jobs, in_order, whole| How { jobs, in_order, whole, ..How::default() };
        let jobs = |how: &How| passes(how).into_iter().map(|(_, jobs)| jobs).collect::<Vec<_>>();
        assert_eq!(jobs(&how(4, false, false)), [4]);
        assert_eq!(jobs(&how(4, true, false)), [4, 1]);
        assert_eq!(jobs(&how(1, true, false)), [1]);
        assert_eq!(jobs(&how(4, true, true)), [4]);
        assert!(passes(&how(4, true, false))[1].0.contains(&"--section=post-data"));
    }
}
