//! What a command found: plain data, printed in several formats.

use std::fmt::{self, Write};

use serde::Serialize;

use crate::error::Exit;
use crate::migrations::history::OtherHistory;
use crate::model::diagnosis::{CauseKind, Finding, Severity};

use super::adopt::AdoptionReport;
use super::backup_plan::LastBackup;
use super::escape::escape;
use super::failure::ErrorReport;
use super::plan::PlanReport;
use super::{Style, adopt, human, json, markdown, plan};
use crate::changes::executor::Done;

/// The version of the JSON document's shape.
pub const FORMAT: u32 = 1;

/// How a document is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Tables for a terminal.
    Human,
    /// One JSON document.
    Json,
    /// Markdown, for a pull request or an incident's page.
    Markdown,
}

/// What a command found, in every format.
#[derive(Debug, Clone, Serialize)]
pub struct Document {
    /// [`FORMAT`].
    pub format: u32,
    /// trueup's version.
    pub trueup: &'static str,
    /// The command.
    pub command: &'static str,
    /// An identifier of this run (ULID).
    pub run: String,
    /// [`Exit::outcome`].
    pub outcome: &'static str,
    /// [`Exit::code`].
    pub exit_code: u8,
    /// The database that was looked at.
    pub target: Target,
    /// What its history says.
    pub history: History,
    /// What was looked at and what was not.
    pub coverage: Coverage,
    /// Findings by severity.
    pub summary: Summary,
    /// The findings.
    pub findings: Vec<Finding>,
    /// What was, or would be, done: commands that change the database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanReport>,
    /// `adopt`: the version that was found, and what it takes over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adoption: Option<AdoptionReport>,
    /// The backup that the change can be taken back with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup: Option<LastBackup>,
    /// Why it was refused, where the findings are the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorReport>,
    /// The steps that were carried out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub applied: Vec<Done>,
    /// The exit code, as a value.
    #[serde(skip)]
    pub exit: Exit,
    /// How many objects were compared.
    #[serde(skip)]
    pub compared: usize,
    /// Remarks that belong to no finding, for people.
    #[serde(skip)]
    pub notes: Vec<String>,
}

/// The database, as asked for and as it says of itself.
#[derive(Debug, Clone, Serialize)]
pub struct Target {
    /// The host asked for, or the directory of the socket.
    pub host: String,
    /// The port asked for.
    pub port: u16,
    /// `current_database()`.
    pub database: String,
    /// The role.
    pub role: String,
    /// The server's version.
    pub server_version: String,
    /// `pg_control_system()`.
    pub system_identifier: String,
    /// The environment that the database is marked as, else the one asked for with `--env`.
    pub environment: Option<String>,
    /// The project's name.
    pub project: String,
}

impl Target {
    /// The line that reports begin with.
    pub(super) fn headline(&self, style: Style, out: &mut String) -> fmt::Result {
        let Self { host, port, database, role, server_version, environment, .. } = self;
        let place = if host.starts_with('/') { host.clone() } else { format!("{host}:{port}") };
        let environment =
            environment.as_ref().map(|name| format!(", environment {name}")).unwrap_or_default();
        let rest = format!(" on {place} as {role}, PostgreSQL {server_version}{environment}");
        writeln!(out, "{}{}", style.bold(&format!("database {}", escape(database))), escape(&rest))
    }
}

/// The history of migrations.
#[derive(Debug, Clone, Default, Serialize)]
pub struct History {
    /// The table it was read from; `None` when there is none.
    pub table: Option<String>,
    /// How many migrations are applied.
    pub applied: usize,
    /// The newest applied version.
    pub current: Option<String>,
    /// The project's migrations that are not applied, the oldest first.
    pub pending: Vec<MigrationName>,
    /// Histories of other tools.
    pub others: Vec<OtherHistory>,
}

/// A migration's version and name.
#[derive(Debug, Clone, Serialize)]
pub struct MigrationName {
    /// The version.
    pub version: String,
    /// The name.
    pub name: String,
}

/// What a document speaks of, and what it does not.
#[derive(Debug, Clone, Serialize)]
pub struct Coverage {
    /// Whether everything in the database was compared.
    pub complete: bool,
    /// Objects of kinds that trueup does not model.
    pub unmodeled: Vec<crate::postgres::catalog::Unmodeled>,
    /// What the role may not see.
    pub invisible: Vec<String>,
}

/// Findings by severity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The application can break.
    pub error: usize,
    /// Costs later.
    pub warning: usize,
    /// Worth knowing.
    pub info: usize,
}

impl Summary {
    /// Counts.
    pub fn of(findings: &[Finding]) -> Self {
        let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
        Self { error: count(Severity::Error), warning: count(Severity::Warning), info: count(Severity::Info) }
    }
}

impl Document {
    /// Sets the outcome.
    #[must_use]
    pub fn ending(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self.outcome = exit.outcome();
        self.exit_code = exit.code();
        self
    }

    /// The document as text.
    pub fn render(&self, format: Format, style: Style) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = match (format, &self.plan) {
            (Format::Json, _) => json::write(self, &mut text),
            _ if self.adoption.is_some() => adopt::write(self, format, style, &mut text),
            (Format::Human, None) => human::write(self, style, &mut text),
            (Format::Human, Some(plan)) => plan::write_outcome(self, plan, style, &mut text),
            (Format::Markdown, None) => markdown::write(self, &mut text),
            (Format::Markdown, Some(plan)) => plan::write_markdown(self, plan, &mut text),
        };
        text
    }

    /// One line that says it all.
    pub fn verdict(&self) -> String {
        if self.findings.is_empty() {
            let mut verdict = match self.coverage.invisible.as_slice() {
                [] => format!("clean: {} are as declared", plural(self.compared, "object")),
                _ => "cannot tell: this role does not see all that the answer needs".to_owned(),
            };
            if !self.coverage.unmodeled.is_empty() {
                verdict
                    .push_str(&format!("; {} not compared", plural(self.coverage.unmodeled.len(), "object")));
            }
            return verdict;
        }
        let Summary { error, warning, info } = self.summary;
        let severities = [(error, "error"), (warning, "warning"), (info, "remark")];
        let counted: Vec<String> = severities
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| plural(*count, word))
            .collect();
        let causes = CauseKind::ALL.iter().filter_map(|kind| {
            let count = self.findings.iter().filter(|finding| finding.cause.kind == *kind).count();
            (count > 0).then(|| format!("{count} {kind}"))
        });
        let causes: Vec<String> = causes.collect();
        let judged = match (self.coverage.invisible.is_empty(), error) {
            (false, _) => "cannot tell all",
            (true, 0) => "not clean",
            (true, _) => "not true to the model",
        };
        format!("{judged}: {} ({})", counted.join(", "), causes.join(", "))
    }

    /// What to run next; `shown` is whether the findings' SQL is.
    pub(super) fn next(&self, shown: bool) -> Option<String> {
        if !self.coverage.invisible.is_empty() {
            // A name may be followed by why it is not seen.
            let name = |what: &String| what.split(" (").next().unwrap_or_default().to_owned();
            let names: Vec<String> = self.coverage.invisible.iter().map(name).collect();
            let hidden = self.coverage.invisible.iter().any(|what| what.contains("(row-level security"));
            let hidden =
                if hidden { ", and ask as a role that sees all rows (BYPASSRLS, or the owner)" } else { "" };
            return Some(format!("grant SELECT on {} to {}{hidden}", names.join(", "), self.target.role));
        }
        let order = [
            CauseKind::Edited,
            CauseKind::Unknown,
            CauseKind::Ahead,
            CauseKind::Drift,
            CauseKind::Unfinished,
            CauseKind::Pending,
            CauseKind::Unmigrated,
        ];
        let rank = |finding: &&Finding| {
            let cause = order.iter().position(|kind| *kind == finding.cause.kind);
            (finding.kind != "database", std::cmp::Reverse(finding.severity), cause)
        };
        let actionable =
            |finding: &&Finding| finding.remedy.command.is_some() || finding.remedy.sql.is_some();
        let first = self.findings.iter().filter(actionable).min_by_key(rank)?;
        let by_hand = || match shown {
            true => format!("run the SQL above, then: trueup {}", self.command),
            false => format!("trueup {} without -q: it shows the SQL to run", self.command),
        };
        Some(first.remedy.command.clone().unwrap_or_else(by_hand))
    }
}

pub(super) fn plural(count: usize, word: &str) -> String {
    if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") }
}
