//! Runs `pg_restore`: on a file with several connections, or on a stream whose hash is verified once more.

use std::process::Stdio;

use anyhow::{Context as _, Result};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{ChildStderr, Command};

use super::super::dump::ARCHIVE;
use super::super::manifest::BackupFormat;
use super::super::pg_dump_errors;
use super::super::programs::PasswordFile;
use super::super::progress::{BackupObserver, BackupProgress};
use super::super::verify_member::verify_member;
use super::archive::VerifiedArchive;
use crate::error::{Exit, Failure};
use crate::postgres::connection::Target;

/// The number of error lines of the program that are kept; the last ones.
const COMPLAINTS: usize = 20;

/// The options of a restore.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct RestoreOptions {
    pub(super) jobs: u32,
    /// Whether to restore in one transaction, which makes it all or nothing.
    pub(super) whole: bool,
    /// Whether to create indexes one after the other whatever `jobs` says. Where partitions are partitioned
    /// themselves, two connections that attach indexes at two levels do not see each other's, and the index above
    /// both stays invalid.
    pub(super) in_order: bool,
    pub(super) owners: bool,
    pub(super) privileges: bool,
    pub(super) tablespaces: bool,
}

/// Restores into a database.
///
/// # Errors
/// Exit 5: the restore failed. What is in the database is of no use.
pub(super) async fn run(
    backup: &VerifiedArchive<'_>,
    target: &Target,
    application: &str,
    how: &RestoreOptions,
    observer: &mut dyn BackupObserver,
) -> Result<()> {
    let secrets = PasswordFile::of(target)?;
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
        let mut command = backup.programs.connected_command("pg_restore", target, &application, &secrets)?;
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
    let mut progress =
        BackupProgress { doing: "restoring", tables: (0, tables), ..BackupProgress::default() };
    // A program that reads a pipe ends with trueup: its transaction then is never committed.
    let path = backup.path().filter(|_| !how.whole || backup.manifest.kind == BackupFormat::Directory);
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
                let complaints = read_messages(child.stderr.take(), &mut |table| {
                    progress.table = table;
                    progress.tables.0 += 1;
                    observer.progress(&progress);
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
            progress.total = member.bytes;
            let feeding = async {
                let inputs = vec![&mut input];
                let fed =
                    verify_member(backup.store, backup.manifest, member, inputs, &mut progress, observer)
                        .await;
                if fed.is_ok() {
                    drop(input.take());
                }
                // The input stays open after an error, because the program must not take its end for the end of the
                // archive.
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
                read_messages(stderr, &mut deaf),
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

/// The sections of an archive that are restored in one run of the program, and the number of its connections (manual,
/// pg_restore, `--section`).
fn passes(how: &RestoreOptions) -> Vec<(&'static [&'static str], u32)> {
    match how.in_order && how.jobs > 1 && !how.whole {
        true => vec![(&["--section=pre-data", "--section=data"], how.jobs), (&["--section=post-data"], 1)],
        false => vec![(&[], how.jobs)],
    }
}

/// The failure of the program with advice about a restore.
fn restoring_failed(failure: Failure, complaints: &[String]) -> Failure {
    let said = complaints.join("\n");
    let next = if said.contains("permission denied")
        || said.contains("must be owner")
        || said.contains("must be superuser")
    {
        "restore as a superuser, or as a role that is a member of those that own its objects".to_owned()
    } else if said.contains("No space left on device") {
        "free space on the server's disk, then run the same command again".to_owned()
    } else if said.contains("out of shared memory") {
        "raise max_locks_per_transaction on the server, or restore into a database that does not exist yet"
            .to_owned()
    } else {
        "fix the error that pg_restore reports, then run the same command again".to_owned()
    };
    Failure { exit: Exit::RolledBack, next, ..failure }
}

async fn read_messages(stderr: Option<ChildStderr>, table: &mut dyn FnMut(String)) -> Vec<String> {
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
        let how =
            |jobs, in_order, whole| RestoreOptions { jobs, in_order, whole, ..RestoreOptions::default() };
        let jobs = |how: &RestoreOptions| passes(how).into_iter().map(|(_, jobs)| jobs).collect::<Vec<_>>();
        assert_eq!(jobs(&how(4, false, false)), [4]);
        assert_eq!(jobs(&how(4, true, false)), [4, 1]);
        assert_eq!(jobs(&how(1, true, false)), [1]);
        assert_eq!(jobs(&how(4, true, true)), [4]);
        assert!(passes(&how(4, true, false))[1].0.contains(&"--section=post-data"));
    }
}
