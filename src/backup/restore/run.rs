//! Runs `pg_restore`: on a file with several connections, or on a stream whose hash is verified once more.

use std::collections::BTreeSet;
use std::process::{ExitStatus, Stdio};

use anyhow::{Context as _, Result};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{ChildStderr, Command};

use super::super::dump::ARCHIVE;
use super::super::handed::HandedFile;
use super::super::manifest::BackupFormat;
use super::super::pg_dump_errors;
use super::super::progress::{BackupObserver, BackupProgress};
use super::super::verify_member::verify_member;
use super::archive::VerifiedArchive;
use crate::error::{ErrorCode, Exit, Failure};
use crate::postgres::connection::Target;

/// The number of error lines of the program that are kept; the last ones.
const COMPLAINTS: usize = 20;

/// The part of an archive that one run restores.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum ArchivePart {
    /// All of it.
    #[default]
    Whole,
    /// The definitions of tables, functions, types and views, without rows.
    Definitions,
    /// The rows.
    Rows,
    /// What is created after the rows: indexes, foreign keys, triggers, the rows of materialized views. What fails is left
    /// out.
    Derived,
}

/// An object that could not be restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NotRestored {
    /// Its kind and name.
    pub(super) what: String,
    /// What the server answered.
    pub(super) why: String,
    /// The statement that would create it.
    pub(super) statement: String,
}

impl NotRestored {
    /// What is missing, why, and the statement to run, in one line.
    pub(super) fn text(&self) -> String {
        format!("{}: {}; to create it: {}", self.what, self.why, self.statement)
    }
}

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
    /// The part of the archive to restore.
    pub(super) part: ArchivePart,
    /// The settings that the program makes and the server does not know. One connection passes over them.
    pub(super) unknown_settings: BTreeSet<String>,
}

impl RestoreOptions {
    /// Whether the program goes on after an error, and its messages say which errors there were.
    fn goes_on(&self) -> bool {
        self.part == ArchivePart::Derived || !self.unknown_settings.is_empty()
    }

    /// What could not be restored of what a run of the program said; an error where that is more than may be left out.
    fn judge(&self, status: ExitStatus, messages: Messages, role: &str) -> Result<Vec<NotRestored>> {
        if status.success() {
            return Ok(Vec::new());
        }
        let Messages { complaints, mut not_restored, ignored, .. } = messages;
        // The program says at its end how many errors it went past.
        let all_named = !not_restored.is_empty() && ignored == Some(not_restored.len());
        if self.goes_on() && all_named {
            not_restored.retain(|missing| !self.is_unknown_setting(&missing.why));
            let left_out = self.part == ArchivePart::Derived
                && !not_restored.iter().any(|missing| is_of_the_server(&missing.why));
            if left_out || not_restored.is_empty() {
                return Ok(not_restored);
            }
        }
        let failure = pg_dump_errors::explained("pg_restore", status, &complaints, role);
        Err(restoring_failed(failure, &complaints).into())
    }

    fn is_unknown_setting(&self, said: &str) -> bool {
        self.unknown_settings
            .iter()
            .any(|name| said == format!("unrecognized configuration parameter \"{name}\""))
    }
}

/// Restores into a database. Returns what could not be restored of [`ArchivePart::Derived`]; everything else has to
/// succeed.
///
/// # Errors
/// Exit 5: the restore failed. What is in the database is of no use.
pub(super) async fn run(
    backup: &VerifiedArchive<'_>,
    target: &Target,
    application: &str,
    how: &RestoreOptions,
    observer: &mut dyn BackupObserver,
) -> Result<Vec<NotRestored>> {
    let secrets = HandedFile::of(&target.passfile_line()?)?;
    let application = format!("{application} (pg_restore)");
    let list = backup.list.as_deref().map(HandedFile::of).transpose()?;
    let command = || -> Result<Command> {
        let mut command = backup.programs.connected_command("pg_restore", target, &application, &secrets)?;
        command.arg("--verbose").stdout(Stdio::null()).stderr(Stdio::piped());
        for (wanted, argument) in [
            (!how.owners, "--no-owner"),
            (!how.privileges, "--no-privileges"),
            (!how.tablespaces, "--no-tablespaces"),
            (how.whole, "--single-transaction"),
            (!how.goes_on(), "--exit-on-error"),
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
    match path {
        Some(path) => {
            let mut not_restored = Vec::new();
            for (sections, jobs) in passes(how) {
                let mut command = command()?;
                if !how.whole {
                    command.arg(format!("--jobs={jobs}"));
                }
                command.args(sections).arg(&path).stdin(Stdio::null());
                let mut child = command.spawn().context("pg_restore")?;
                let messages = read_messages(child.stderr.take(), &mut |table| {
                    progress.table = table;
                    progress.tables.0 += 1;
                    observer.progress(&progress);
                })
                .await;
                let status = child.wait().await?;
                not_restored.extend(how.judge(status, messages, target.role())?);
            }
            Ok(not_restored)
        }
        None => {
            let mut command = command()?;
            let sections = passes(how).into_iter().flat_map(|(sections, _)| sections);
            command.args(sections).stdin(Stdio::piped());
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
            let (fed, messages) = tokio::join!(
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
            how.judge(child.wait().await?, messages, target.role())
        }
    }
}

/// The sections of an archive that are restored in one run of the program, and the number of its connections (manual,
/// pg_restore, `--section`).
fn passes(how: &RestoreOptions) -> Vec<(&'static [&'static str], u32)> {
    // Each connection would make the settings; the messages of one connection can be counted.
    let jobs = if how.unknown_settings.is_empty() { how.jobs } else { 1 };
    match how.part {
        ArchivePart::Definitions => vec![(&["--section=pre-data"], 1)],
        ArchivePart::Rows => vec![(&["--section=data"], jobs)],
        // The messages of one connection say which object each error is of.
        ArchivePart::Derived => vec![(&["--section=post-data"], 1)],
        ArchivePart::Whole if how.in_order && jobs > 1 && !how.whole => {
            vec![(&["--section=pre-data", "--section=data"], jobs), (&["--section=post-data"], 1)]
        }
        ArchivePart::Whole => vec![(&[], jobs)],
    }
}

/// Whether an error is about the server or the role and not about the object.
fn is_of_the_server(said: &str) -> bool {
    [
        "permission denied",
        "must be owner",
        "must be superuser",
        "No space left on device",
        "out of shared memory",
        "out of memory",
        "canceling statement",
        "terminating connection",
        "server closed the connection",
        "no connection to the server",
        "could not connect",
        "the database system is",
        "too many c",
        "remaining connection slots",
    ]
    .iter()
    .any(|words| said.contains(words))
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
    let code = match said.contains("ERROR:") && !is_of_the_server(&said) {
        true => Some(ErrorCode::RESTORE_OBJECT_FAILED),
        false => failure.code,
    };
    Failure { exit: Exit::RolledBack, next, code, ..failure }
}

/// What the program said.
#[derive(Debug, Default)]
struct Messages {
    /// The last error lines.
    complaints: Vec<String>,
    /// The objects whose statements failed.
    not_restored: Vec<NotRestored>,
    /// The number of errors that the program counted.
    ignored: Option<usize>,
    /// The object that the next error is of.
    entry: String,
    /// Whether the lines of a statement follow.
    in_statement: bool,
}

impl Messages {
    fn line(&mut self, line: &str) {
        let own = line.strip_prefix("pg_restore: ");
        if own.is_some() || line.starts_with("Command was: ") {
            self.in_statement = false;
        }
        if let Some(entry) = own.and_then(|line| line.strip_prefix("from TOC entry ")) {
            self.entry = entry_name(entry);
        } else if let Some((_, why)) =
            own.and_then(|line| line.split_once("could not execute query: ERROR: "))
        {
            let (what, why) = (self.entry.clone(), why.trim().to_owned());
            self.not_restored.push(NotRestored { what, why, statement: String::new() });
        } else if let Some((_, count)) = own.and_then(|line| line.split_once("errors ignored on restore: ")) {
            self.ignored = count.trim().parse().ok();
        } else if let (Some(statement), Some(last)) =
            (line.strip_prefix("Command was: "), self.not_restored.last_mut())
        {
            last.statement = statement.trim().trim_end_matches(';').to_owned();
            self.in_statement = true;
        } else if let (true, Some(last)) = (self.in_statement, self.not_restored.last_mut()) {
            last.statement =
                format!("{} {}", last.statement, line.trim()).trim_end_matches([';', ' ']).to_owned();
        }
        if pg_dump_errors::is_complaint(line)
            || self.complaints.last().is_some_and(|_| line.starts_with("Command was:"))
        {
            self.complaints.push(line.trim().to_owned());
            if self.complaints.len() > COMPLAINTS {
                self.complaints.remove(0);
            }
        }
    }
}

/// The kind and name of an entry of the table of contents: `3190; 1259 16390 INDEX by_key postgres`.
fn entry_name(entry: &str) -> String {
    let named = entry.split_once("; ").map_or(entry, |(_, rest)| rest);
    let named = named.splitn(3, ' ').nth(2).unwrap_or(named);
    // The last word is the owner.
    named.rsplit_once(' ').map_or(named, |(named, _)| named).to_owned()
}

async fn read_messages(stderr: Option<ChildStderr>, table: &mut dyn FnMut(String)) -> Messages {
    let mut messages = Messages::default();
    let Some(stderr) = stderr else { return messages };
    let mut lines = BufReader::new(stderr).split(b'\n');
    while let Ok(Some(line)) = lines.next_segment().await {
        let line = String::from_utf8_lossy(&line);
        match line.split_once(": processing data for table ") {
            Some((_, name)) => table(name.trim().trim_matches('"').to_owned()),
            None => messages.line(&line),
        }
    }
    messages
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

    #[test]
    fn each_object_that_fails_is_named() {
        let said = "pg_restore: while PROCESSING TOC:\npg_restore: from TOC entry 3190; 1259 16390 INDEX by key postgres\n\
            pg_restore: error: could not execute query: ERROR:  relation \"away\" does not exist\n\
            LINE 1: (SELECT gone FROM away)\nCONTEXT:  PL/pgSQL function public.key(integer) line 1\n\
            Command was: CREATE INDEX \"by key\" ON public.t\n  USING btree (public.key(n));\n\n\n\
            pg_restore: creating INDEX \"public.by_n\"\npg_restore: warning: errors ignored on restore: 1\n";
        let mut messages = Messages::default();
        said.lines().for_each(|line| messages.line(line));
        assert_eq!(messages.ignored, Some(1));
        let text = "INDEX by key: relation \"away\" does not exist; to create it: CREATE INDEX \"by key\" ON public.t \
                    USING btree (public.key(n))";
        assert_eq!(messages.not_restored.iter().map(NotRestored::text).collect::<Vec<_>>(), [text]);
    }
}
