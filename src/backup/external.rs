//! A backup that a command of the project takes, for example a snapshot of a managed service. A second command must
//! confirm it.
//!
//! Both commands run without a shell. They inherit trueup's environment without `PG*` and connection URLs, and get
//! the identity of the database in `TRUEUP_*` variables.

use std::process::Stdio;
use std::time::Duration;

use anyhow::Result;
use tokio::process::Command;

use super::manifest::BackupSource;
use super::programs::ProcessGroup;
use crate::error::{ErrorCode, Exit, Failure, with_failure};

/// The two commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct External {
    /// Takes the backup. The last line of its output is the reference of the backup.
    pub command: Vec<String>,
    /// Ends with 0 when the backup with the reference `TRUEUP_BACKUP_REFERENCE` exists and is complete.
    pub confirm: Vec<String>,
    /// The timeout of each command.
    pub timeout: Duration,
    /// The variables with connection URLs, which the commands do not inherit.
    pub hidden: Vec<String>,
}

/// The number of characters of a command's error output that an error repeats.
const WORDS: usize = 2_000;

impl External {
    /// Takes the backup and has it confirmed. Returns its reference.
    ///
    /// # Errors
    /// Exit 5: one of the commands failed, timed out, or printed no reference.
    pub async fn take(&self, id: &str, source: &BackupSource) -> Result<String> {
        let taken = self.take_and_confirm(id, source).await;
        taken.map_err(|error| {
            with_failure(error, |failure| match failure.exit {
                Exit::RolledBack => {
                    Failure { what: format!("no backup was taken: {}", failure.what), ..failure }
                }
                _ => failure,
            })
        })
    }

    async fn take_and_confirm(&self, id: &str, source: &BackupSource) -> Result<String> {
        let said = self.run("command", &self.command, id, source, None).await?;
        let reference = said.lines().map(str::trim).rfind(|line| !line.is_empty());
        let Some(reference) = reference.map(str::to_owned) else {
            return Err(failed("command", "it ended with 0 and printed no reference").into());
        };
        self.confirm(id, source, &reference).await?;
        Ok(reference)
    }

    /// Asks the second command whether the backup exists.
    ///
    /// # Errors
    /// Exit 5: the command did not confirm it.
    pub async fn confirm(&self, id: &str, source: &BackupSource, reference: &str) -> Result<()> {
        self.run("confirm", &self.confirm, id, source, Some(reference)).await.map(|_| ())
    }

    async fn run(
        &self,
        which: &str,
        words: &[String],
        id: &str,
        source: &BackupSource,
        reference: Option<&str>,
    ) -> Result<String> {
        let Some((program, arguments)) = words.split_first() else {
            return Err(Failure::usage(format!("[backup] kind = \"command\" needs [backup] {which}")).into());
        };
        let mut command = Command::new(program);
        command.args(arguments).kill_on_drop(true).process_group(0);
        for name in &self.hidden {
            command.env_remove(name);
        }
        for (name, value) in [
            ("TRUEUP_BACKUP_ID", id),
            ("TRUEUP_HOST", &source.host),
            ("TRUEUP_PORT", &source.port.to_string()),
            ("TRUEUP_DATABASE", &source.database),
            ("TRUEUP_DATABASE_OID", &source.database_oid.to_string()),
            ("TRUEUP_SYSTEM_IDENTIFIER", &source.system_identifier),
            ("TRUEUP_SERVER_VERSION", &source.server_version),
            ("TRUEUP_ENVIRONMENT", source.environment.as_deref().unwrap_or_default()),
            ("TRUEUP_BACKUP_REFERENCE", reference.unwrap_or_default()),
        ] {
            command.env(name, value);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().map_err(|error| {
            Failure::new(
                Exit::Refused,
                format!("[backup] {which}: {program} does not start: {error}; nothing was changed"),
            )
            .code(ErrorCode::BACKUP_FAILED)
        })?;
        let group = ProcessGroup::of(&child);
        let answer = tokio::time::timeout(self.timeout, child.wait_with_output()).await;
        let answer = answer.map_err(|_| {
            failed(which, &format!("it took longer than {} s and was killed", self.timeout.as_secs()))
        })??;
        group.ended();
        if !answer.status.success() {
            let said = String::from_utf8_lossy(&answer.stderr);
            let said: String = said.trim().chars().take(WORDS).collect();
            return Err(failed(which, &format!("{}: {said}", answer.status)).into());
        }
        Ok(String::from_utf8_lossy(&answer.stdout).into_owned())
    }
}

fn failed(which: &str, what: &str) -> Failure {
    Failure::new(Exit::RolledBack, format!("[backup] {which} failed: {what}"))
        .code(ErrorCode::BACKUP_FAILED)
        .next("run that command by hand, then the same trueup command again")
}
