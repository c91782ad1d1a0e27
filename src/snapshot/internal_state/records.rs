//! The rows of the tables of schema `trueup`, and of what says who holds trueup's lock.

use std::collections::BTreeSet;

use anyhow::Result;
use serde::Serialize;

use crate::error::Exit;
use crate::postgres::connection::{FromValue, Row};
use crate::writer::Mark;

/// What a role sees of another session's query when it may not read all statistics.
const HIDDEN_QUERY: &str = "<insufficient privilege>";

/// A run that has not ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OpenRun {
    /// The run's ULID.
    pub id: String,
    /// The command's name.
    pub command: String,
    /// The start by the server's clock, RFC 3339 in UTC.
    pub started_at: String,
    /// The role that the run connected as.
    pub role: String,
    /// The operating system's user who started the run.
    pub os_user: String,
    /// The machine that the run was started on.
    pub os_host: String,
    /// The backend that held the lock for the run.
    pub backend_pid: i32,
    /// Whether that backend holds the lock now. A standby shows no locks.
    pub alive: bool,
    /// Whether no run has begun since.
    pub latest: bool,
    /// How many rows its repairs have changed, where `trueup undo` can restore them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undoable: Option<u64>,
}

/// A statement of a migration that was done before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarlierStatement {
    /// The statement, at most 10,000 characters of it.
    pub text: String,
    /// How many rows its relation had.
    pub rows: u64,
    /// How long it took.
    pub milliseconds: u64,
}

impl EarlierStatement {
    pub(super) fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self { text: row.get("text")?, rows: row.get("rows")?, milliseconds: row.get("milliseconds")? })
    }
}

/// What a step does with its migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StepAction {
    /// The step applies the migration.
    Apply,
    /// The step reverts the migration.
    Revert,
}

/// How far a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StepState {
    /// The step has begun, and nothing is known of its end.
    Started,
    /// The server refused the step.
    Failed,
    /// The step is done, and the statements after it have not begun.
    Done,
}

/// The last step of a migration that is not settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnfinishedStep {
    /// The run that the step belongs to.
    pub run: String,
    /// The step's number in the run.
    pub number: i32,
    /// What the step does with the migration.
    pub action: StepAction,
    /// The migration's version.
    pub version: i64,
    /// The migration's name.
    pub name: String,
    /// Which statement of the script it is, from 1.
    pub statement: Option<i32>,
    /// The statement, at most 10,000 characters of it.
    pub text: Option<String>,
    /// How far the step is.
    pub state: StepState,
    /// The start by the server's clock, RFC 3339 in UTC.
    pub started_at: String,
    /// The server's error message.
    pub detail: Option<String>,
}

/// What trueup recorded of a migration when it applied it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedMigration {
    /// The name that the migration had.
    pub name: String,
    /// The migration's text.
    pub sql: String,
    /// The migration's effects, as lines of `trueup.lock`.
    pub effects: Option<String>,
}

/// What an adoption accepted, as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedRecord {
    /// What the database had of every object that differed, as lines of `trueup.lock`.
    pub objects: String,
    /// The versions that the adoption recorded and that are still recorded so.
    pub versions: BTreeSet<i64>,
    /// The operating system's user who adopted the database.
    pub os_user: String,
    /// The machine that it was adopted from.
    pub os_host: String,
    /// The time by the server's clock, RFC 3339 in UTC.
    pub accepted_at: String,
}

/// What somebody has recorded for a deploy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttestedRecord {
    /// The attestation, as JSON.
    pub attestation: String,
    /// The time by the server's clock, RFC 3339 in UTC.
    pub recorded_at: String,
}

/// A run of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LoggedRun {
    /// The run's ULID.
    pub id: String,
    /// The command's name.
    pub command: String,
    /// The command's arguments, without secrets.
    pub arguments: String,
    /// The version of trueup.
    pub version: String,
    /// The role that the run connected as.
    pub role: String,
    /// The operating system's user who started the run.
    pub os_user: String,
    /// The machine that the run was started on.
    pub os_host: String,
    /// The client's address as the server saw it.
    pub client_addr: Option<String>,
    /// The start by the server's clock, RFC 3339 in UTC.
    pub started_at: String,
    /// The end; `None` when the run is still running, or was interrupted.
    pub ended_at: Option<String>,
    /// The outcome, as [`crate::error::Exit::outcome`] names it.
    pub outcome: Option<String>,
    /// The exit code of the command.
    pub exit_code: Option<i16>,
    /// The message that the command ended with.
    pub message: Option<String>,
    /// The reason that somebody gave for the run.
    pub reason: Option<String>,
    /// How many rows its repairs have changed, where `trueup undo` can restore them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undoable: Option<u64>,
}

impl LoggedRun {
    /// Whether the run ended, and did neither what it was asked for nor found what there is to find.
    pub fn has_failed(&self) -> bool {
        self.exit_code.is_some_and(|code| code > i16::from(Exit::Findings as u8))
    }
}

/// Who holds trueup's lock. What the role may not see of another session is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LockHolder {
    /// The backend's process.
    pub pid: i32,
    /// The session's role.
    pub role: Option<String>,
    /// The session's `application_name`.
    pub application: Option<String>,
    /// The client's address; `None` for a local socket, too.
    pub client_addr: Option<String>,
    /// The start of the session, RFC 3339 in UTC.
    pub since: Option<String>,
    /// `active`, `idle`, `idle in transaction`, ...
    pub state: Option<String>,
    /// The query that the session runs, or ran last.
    pub query: Option<String>,
}

/// How many rows the repairs of a run have changed that can still be restored.
#[derive(Debug)]
pub(super) struct UndoableRows {
    pub(super) run: String,
    pub(super) rows: u64,
}

impl FromValue<'_> for StepAction {
    const EXPECTED: &'static str = "apply or revert";

    fn from_text(text: &str) -> Option<Self> {
        match text {
            "apply" => Some(Self::Apply),
            "revert" => Some(Self::Revert),
            _ => None,
        }
    }
}

impl FromValue<'_> for StepState {
    const EXPECTED: &'static str = "started, failed or done";

    fn from_text(text: &str) -> Option<Self> {
        match text {
            "started" => Some(Self::Started),
            "failed" => Some(Self::Failed),
            "done" => Some(Self::Done),
            _ => None,
        }
    }
}

impl OpenRun {
    pub(super) fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get("id")?,
            command: row.get("command")?,
            started_at: row.get("started_at")?,
            role: row.get("role")?,
            os_user: row.get("os_user")?,
            os_host: row.get("os_host")?,
            backend_pid: row.get("backend_pid")?,
            alive: row.get("alive")?,
            latest: row.get("latest")?,
            undoable: None,
        })
    }
}

impl UnfinishedStep {
    /// `V3__add_username`.
    pub fn label(&self) -> String {
        format!("V{}__{}", self.version, self.name)
    }

    pub(super) fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            run: row.get("run")?,
            number: row.get("number")?,
            action: row.get("action")?,
            version: row.get("version")?,
            name: row.get("name")?,
            statement: row.get("statement")?,
            text: row.get("text")?,
            state: row.get("state")?,
            started_at: row.get("started_at")?,
            detail: row.get("detail")?,
        })
    }
}

impl RecordedMigration {
    /// The version, and what was recorded of it.
    pub(super) fn from_row(row: &Row<'_>) -> Result<(i64, Self)> {
        let recorded = Self { name: row.get("name")?, sql: row.get("sql")?, effects: row.get("effects")? };
        Ok((row.get("version")?, recorded))
    }
}

impl AcceptedRecord {
    pub(super) fn from_row(row: &Row<'_>) -> Result<Self> {
        let versions: String = row.get("versions")?;
        Ok(Self {
            objects: row.get("objects")?,
            versions: versions.split(',').map(str::parse).collect::<Result<_, _>>()?,
            os_user: row.get("os_user")?,
            os_host: row.get("os_host")?,
            accepted_at: row.get("accepted_at")?,
        })
    }
}

impl AttestedRecord {
    pub(super) fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self { attestation: row.get("attestation")?, recorded_at: row.get("recorded_at")? })
    }
}

impl LoggedRun {
    pub(super) fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get("id")?,
            command: row.get("command")?,
            arguments: row.get("arguments")?,
            version: row.get("version")?,
            role: row.get("role")?,
            os_user: row.get("os_user")?,
            os_host: row.get("os_host")?,
            client_addr: row.get("client_addr")?,
            started_at: row.get("started_at")?,
            ended_at: row.get("ended_at")?,
            outcome: row.get("outcome")?,
            exit_code: row.get("exit_code")?,
            message: row.get("message")?,
            reason: row.get("reason")?,
            undoable: None,
        })
    }
}

impl LockHolder {
    pub(super) fn from_row(row: &Row<'_>) -> Result<Self> {
        let named = |name: &String| !name.is_empty();
        let visible = |query: &String| !query.is_empty() && query != HIDDEN_QUERY;
        Ok(Self {
            pid: row.get("pid")?,
            role: row.get("role")?,
            application: row.get::<Option<String>>("application")?.filter(named),
            client_addr: row.get("client_addr")?,
            since: row.get("since")?,
            state: row.get("state")?,
            query: row.get::<Option<String>>("query")?.filter(visible),
        })
    }
}

impl UndoableRows {
    pub(super) fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self { run: row.get("run")?, rows: row.get("undoable")? })
    }
}

/// Reads the environment mark.
pub(super) fn mark(row: &Row<'_>) -> Result<Mark> {
    Ok(Mark {
        layout: row.get("layout")?,
        project: Mark::project(row.get("project")?),
        environment: row.get("environment")?,
        id: row.get("id")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::connection::OwnedRow;

    #[test]
    fn an_unknown_action_or_state_of_a_step_is_an_error() {
        let row = OwnedRow::of(&[("action", Some("revert")), ("state", Some("half done"))]);
        assert_eq!(row.get("action"), Ok(StepAction::Revert));
        let error = row.get::<StepState>("state").unwrap_err().to_string();
        assert_eq!(error, "column \"state\" is \"half done\", which is not started, failed or done");
    }

    #[test]
    fn json_has_the_words_of_the_table() {
        let json = serde_json::to_string(&(StepAction::Revert, StepState::Started)).unwrap();
        assert_eq!(json, r#"["revert","started"]"#);
    }
}
