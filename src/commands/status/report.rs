//! What `trueup status` says.

use std::fmt::Write as _;

use serde::Serialize;

use super::apps::App;
use crate::error::Exit;
use crate::migrations::history::OtherHistory;
use crate::output::view::{Content, Table, Tone, View};
use crate::output::{Envelope, Report};
use crate::snapshot::{LockHolder, LoggedRun, OpenRun, StepAction, StepState, UnfinishedStep};
use crate::text::{one_line, plural, short_id};
use crate::workflow::reports::backup_plan::LastBackup;
use crate::workflow::reports::schema_report::to_see_all_of;
use crate::workflow::reports::target::{ReportedMigration, TargetReport};
use crate::writer::Mark;

/// The most names that a list for people has; JSON has all.
const NAMES: usize = 10;
/// The most of a statement that is shown to people, in characters.
const LONGEST: usize = 160;

/// Where a database stands.
#[derive(Debug, Clone, Serialize)]
pub(super) struct StatusReport {
    /// The run's ULID.
    #[serde(skip)]
    pub(super) run: String,
    /// The exit code.
    #[serde(skip)]
    pub(super) exit: Exit,
    /// The database.
    pub(super) target: TargetReport,
    /// Whether its server is a standby.
    pub(super) standby: bool,
    /// Its environment mark.
    pub(super) mark: Option<Mark>,
    /// How many migrations the project has.
    #[serde(skip)]
    pub(super) files: usize,
    /// What its history says.
    pub(super) history: StatusHistory,
    /// What applies the first of those that are pending.
    #[serde(skip)]
    pub(super) upgrade: &'static str,
    /// Migrations that broke off, or are being carried out right now.
    pub(super) unfinished: Vec<UnfinishedStep>,
    /// Runs that have not ended.
    pub(super) open_runs: Vec<OpenRun>,
    /// Who holds trueup's lock now.
    pub(super) lock: Option<LockHolder>,
    /// The newest backup of the whole database that is known of.
    pub(super) last_backup: Option<LastBackup>,
    /// A newer backup of some tables.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last_partial_backup: Option<LastBackup>,
    /// The newest run, when it has failed.
    #[serde(rename = "failed_run", skip_serializing_if = "Option::is_none")]
    pub(super) last_run: Option<LoggedRun>,
    /// The audit log, when it was asked for; `Some(None)` when it cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) runs: Option<Option<Vec<LoggedRun>>>,
    /// What the role may not see, though the answer needs it.
    pub(super) invisible: Vec<String>,
    /// Remarks.
    #[serde(skip)]
    pub(super) notes: Vec<String>,
}

/// The history of migrations held against the project's files.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct StatusHistory {
    /// The table it was read from; `None` when there is none.
    pub(super) table: Option<String>,
    /// A table that has the history's name and not its columns.
    pub(super) malformed: Option<String>,
    /// How many migrations are applied.
    pub(super) applied: usize,
    /// The newest of them.
    pub(super) current: Option<ReportedMigration>,
    /// Not applied, and newer than all that are.
    pub(super) pending: Vec<ReportedMigration>,
    /// Not applied, though a newer one is.
    pub(super) skipped: Vec<ReportedMigration>,
    /// Applied with another text or name than the project has now.
    pub(super) edited: Vec<ReportedMigration>,
    /// Applied, and not in the project.
    pub(super) ahead: Vec<ReportedMigration>,
    /// Histories of other tools.
    pub(super) others: Vec<OtherHistory>,
    /// Where each app stands, with a tool that keeps its migrations by app.
    #[serde(skip)]
    pub(super) apps: Vec<App>,
}

impl Report for StatusReport {
    fn envelope(&self) -> Envelope<'_> {
        Envelope { command: Some("status"), run: &self.run, exit: self.exit }
    }

    fn view(&self) -> View {
        let tone = if self.exit == Exit::Clean { Tone::Good } else { Tone::Warning };
        let mut view = View::new().facts(self.facts());
        match &self.runs {
            Some(Some(runs)) if runs.is_empty() => view = view.line("no runs recorded"),
            Some(Some(runs)) => view = view.table(audit_log(runs)),
            Some(None) => view = view.line("the runs are not known: trueup.runs cannot be read"),
            None => {}
        }
        view.notes(&self.notes).verdict(self.verdict(), tone).next(self.next())
    }
}

impl StatusReport {
    /// The facts, each with its title.
    fn facts(&self) -> Vec<(String, String)> {
        let TargetReport { database, role, server_version, system_identifier, .. } = &self.target;
        let mut facts = vec![("database", format!("{database} on {} as {role}", self.target.address()))];
        let history = &self.history;
        let standby = if self.standby { ", a standby" } else { "" };
        facts.push((
            "server",
            format!("PostgreSQL {server_version}, system identifier {system_identifier}{standby}"),
        ));
        facts.push(("environment", self.environment()));
        facts.push(("version", self.version()));
        facts.extend(history.apps.iter().map(|app| (app.title.as_str(), app.fact())));
        for (title, migrations) in [
            ("pending", &history.pending),
            ("skipped", &history.skipped),
            ("modified", &history.edited),
            ("ahead", &history.ahead),
        ] {
            // Those of an app are told with it.
            let is_told = title == "pending" && !history.apps.is_empty();
            if !migrations.is_empty() && !is_told {
                facts.push((title, names(migrations)));
            }
        }
        for other in &history.others {
            let at = other.current.as_deref().map(|current| format!(", at {current}")).unwrap_or_default();
            let failed = other.failed.as_deref();
            let failed =
                failed.map(|failed| format!("; {failed} failed or was interrupted")).unwrap_or_default();
            facts.push(("other tool", format!("{} in {}{at}{failed}", other.tool, other.table)));
        }
        facts.extend(self.unfinished.iter().map(|step| ("interrupted", self.interrupted(step))));
        facts.extend(self.quiet_runs().map(|text| ("last run", text)));
        facts.extend(self.last_run.as_ref().map(|run| ("last run", failed(run))));
        facts.push(("lock", self.lock.as_ref().map_or_else(|| self.no_lock(), held)));
        let none = || "none recorded".to_owned();
        facts.push(("last backup", self.last_backup.as_ref().map_or_else(none, LastBackup::summary)));
        facts.extend(self.last_partial_backup.as_ref().map(|backup| ("partial backup", backup.summary())));
        facts.into_iter().map(|(title, fact)| (title.to_owned(), fact)).collect()
    }

    fn environment(&self) -> String {
        match &self.mark {
            None => "not marked".to_owned(),
            Some(Mark { project, environment, id, .. }) => {
                let environment = environment.as_deref().unwrap_or("not named");
                let project = project.as_deref().unwrap_or("not named");
                format!("{environment}, project {project} (mark {id})")
            }
        }
    }

    fn version(&self) -> String {
        let history = &self.history;
        match (&history.table, &history.current) {
            (_, Some(_)) if !history.apps.is_empty() => {
                format!("{} applied", plural(history.applied, "migration"))
            }
            (_, Some(current)) => {
                format!("{}, {} applied", current.label(), plural(history.applied, "migration"))
            }
            (Some(_), None) => "no migration applied".to_owned(),
            (None, None) if !self.invisible.is_empty() => "not to be seen".to_owned(),
            (None, None) => "no history of migrations".to_owned(),
        }
    }

    /// An unfinished migration in words.
    fn interrupted(&self, step: &UnfinishedStep) -> String {
        let run = self.open_runs.iter().find(|run| run.id == step.run);
        let (verb, resume) = match step.action {
            StepAction::Revert => ("reverting", "trueup downgrade --to VERSION"),
            StepAction::Apply => ("applying", "trueup upgrade"),
        };
        let who = run.map(started).unwrap_or_else(|| format!("run {}", short_id(&step.run)));
        let statement = step.statement.map(|number| format!("statement {number} of ")).unwrap_or_default();
        let place = format!("{statement}{}", step.label());
        let text =
            step.text.as_deref().map(|text| format!(": {}", one_line(text, LONGEST))).unwrap_or_default();
        if run.is_some_and(|run| run.alive) {
            return format!("{who} is {verb} {place} since {}{text}", step.started_at);
        }
        let error = step
            .detail
            .as_deref()
            .filter(|_| step.state != StepState::Done)
            .map(|detail| format!(" ({})", one_line(detail, LONGEST)))
            .unwrap_or_default();
        let when = if step.state == StepState::Done { "after" } else { "in" };
        let standby = if self.standby { "; only the primary shows whether it is still running" } else { "" };
        format!(
            "{who} was interrupted {when} {verb} {place}{text}{error}{standby}. Run the same command to continue: {resume}"
        )
    }

    /// Runs that have not ended and left no migration unfinished: those that are running, and the newest.
    fn quiet_runs(&self) -> impl Iterator<Item = String> {
        let quiet = self.open_runs.iter().filter(|run| {
            (run.alive || run.latest) && !self.unfinished.iter().any(|step| step.run == run.id)
        });
        quiet.map(|run| {
            let how = match (run.alive, self.standby, run.undoable) {
                (true, ..) => "is running".to_owned(),
                (false, true, _) => {
                    "has not ended; only the primary shows whether it is still running".to_owned()
                }
                (false, false, None) => "was interrupted; it left no migration unfinished".to_owned(),
                (false, false, Some(rows)) => format!(
                    "was interrupted after it had repaired {}: run the same command to continue, or undo them: \
                     trueup undo {}",
                    plural(rows, "row"),
                    short_id(&run.id)
                ),
            };
            format!("{} {how}", started(run))
        })
    }

    /// The newest run, when it was interrupted in a repair that has changed rows.
    pub(super) fn unfinished_repair(&self) -> Option<&OpenRun> {
        let interrupted = |run: &&OpenRun| run.latest && !run.alive && run.undoable.is_some();
        self.open_runs.iter().find(interrupted).filter(|_| !self.standby)
    }

    /// The histories of other tools in which a migration failed.
    fn failed_elsewhere(&self) -> impl Iterator<Item = &OtherHistory> {
        self.history.others.iter().filter(|other| other.failed.is_some())
    }

    fn no_lock(&self) -> String {
        if self.standby { "not seen on a standby" } else { "free" }.to_owned()
    }

    fn verdict(&self) -> String {
        let history = &self.history;
        if !self.invisible.is_empty() {
            return format!(
                "cannot tell: {} may not be read by {}",
                self.invisible.join(", "),
                self.target.role
            );
        }
        if let Some(table) = &history.malformed {
            return format!(
                "cannot be relied on: {table} is not a history of migrations as its tool creates it"
            );
        }
        let running =
            |step: &&UnfinishedStep| self.open_runs.iter().any(|run| run.id == step.run && run.alive);
        let running = self.unfinished.iter().filter(running).count();
        let counted = [
            (self.unfinished.len() - running, "interrupted"),
            (running, "running"),
            (history.edited.len(), "modified after apply"),
            (history.skipped.len(), "skipped"),
            (self.failed_elsewhere().count(), "failed"),
            (history.pending.len(), "pending"),
        ];
        let counted: Vec<String> = counted
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        if !counted.is_empty() {
            return format!("not up to date: {}", counted.join(", "));
        }
        if self.unfinished_repair().is_some() {
            return "a repair is unfinished".to_owned();
        }
        if !history.ahead.is_empty() {
            let ahead = plural(history.ahead.len(), "migration");
            return format!("up to date, and ahead of this project by {ahead}");
        }
        if self.files == 0 {
            return "this project has no migrations".to_owned();
        }
        "up to date".to_owned()
    }

    fn next(&self) -> Option<String> {
        let history = &self.history;
        if !self.invisible.is_empty() {
            return Some(to_see_all_of(&self.invisible, &self.target.role));
        }
        let running = self.open_runs.iter().any(|run| run.alive);
        let at_version = history.table.is_some() || history.malformed.is_some();
        Some(match () {
            () if self.exit == Exit::Clean => return None,
            () if running => "wait until the run has ended, then: trueup status".into(),
            () if history.malformed.is_some() => "trueup check".into(),
            () if self.unfinished.iter().any(|step| step.action == StepAction::Revert) => {
                "run the same `trueup downgrade --to VERSION` again".into()
            }
            () if !self.unfinished.is_empty() => "trueup upgrade".into(),
            () if self.unfinished_repair().is_some() => {
                let run = self.unfinished_repair().map(|run| short_id(&run.id)).unwrap_or_default();
                format!("trueup verify --fix, which continues, or: trueup undo {run}")
            }
            () if self.failed_elsewhere().next().is_some() => {
                let repair = self.failed_elsewhere().next().map_or("", |other| other.repair);
                format!("{repair}; then: trueup status")
            }
            () if !history.edited.is_empty() => "trueup check, which shows what was modified".into(),
            () if !history.skipped.is_empty() => {
                "give it a newer version, or apply it all the same: trueup upgrade --allow-out-of-order"
                    .into()
            }
            () if !at_version && !history.others.is_empty() => "trueup adopt".into(),
            () if !at_version => {
                "trueup check, which shows whether the database is empty or has no history".into()
            }
            () => self.upgrade.into(),
        })
    }
}

/// `run 01J... of `trueup upgrade` by alice@bastion as app, started 2026-...,`
fn started(run: &OpenRun) -> String {
    let OpenRun { id, command, os_user, os_host, role, started_at, .. } = run;
    let id = short_id(id);
    format!("run {id} of `trueup {command}` by {os_user}@{os_host} as {role}, started {started_at},")
}

/// A run that has failed, in words.
fn failed(run: &LoggedRun) -> String {
    let LoggedRun { id, command, os_user, os_host, role, .. } = run;
    let ended = run.ended_at.as_deref().unwrap_or_default();
    let code = run.exit_code.map(|code| format!(" ({code})")).unwrap_or_default();
    let message = run.message.as_deref().filter(|message| !message.is_empty());
    let message = message.map(|message| format!(": {}", one_line(message, LONGEST))).unwrap_or_default();
    let id = short_id(id);
    format!(
        "run {id} of `trueup {command}` by {os_user}@{os_host} as {role} failed at {ended}{code}{message}"
    )
}

/// Who holds the lock, in words.
fn held(holder: &LockHolder) -> String {
    let mut text = format!("held by backend {}", holder.pid);
    for (before, part) in [
        (", ", &holder.application),
        (" as ", &holder.role),
        (" from ", &holder.client_addr),
        (", connected since ", &holder.since),
        (", ", &holder.state),
    ] {
        if let Some(part) = part {
            text.push_str(before);
            text.push_str(part);
        }
    }
    if let Some(query) = &holder.query {
        let _ = write!(text, ": {}", one_line(query, LONGEST));
    }
    text
}

/// `2: V7__a, V8__b`
fn names(migrations: &[ReportedMigration]) -> String {
    let shown: Vec<String> = migrations.iter().take(NAMES).map(ReportedMigration::label).collect();
    let more = migrations.len().saturating_sub(NAMES);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}: {}{more}", migrations.len(), shown.join(", "))
}

/// The audit log, the newest run first.
fn audit_log(runs: &[LoggedRun]) -> Table {
    let columns = ["run", "command", "who", "started", "ended", "outcome"];
    let mut table = Table::new(&columns.map(|title| (title, Content::Prose)));
    for run in runs {
        table.push(cells(run));
    }
    table
}

fn cells(run: &LoggedRun) -> [String; 6] {
    let address = run.client_addr.as_deref().map(|address| format!(" ({address})")).unwrap_or_default();
    let mut outcome = match (&run.outcome, run.exit_code) {
        (Some(outcome), Some(code)) => format!("{outcome} ({code})"),
        (Some(outcome), None) => outcome.clone(),
        (None, _) => "not ended".to_owned(),
    };
    for more in [&run.message, &run.reason].into_iter().flatten().filter(|more| !more.is_empty()) {
        let _ = write!(outcome, ": {}", one_line(more, LONGEST));
    }
    if let Some(rows) = run.undoable {
        let _ = write!(outcome, "; {rows} rows can be undone: trueup undo {}", short_id(&run.id));
    }
    [
        short_id(&run.id).to_owned(),
        format!("{} {}", run.command, one_line(&run.arguments, LONGEST)).trim_end().to_owned(),
        format!("{}@{}{address} as {}", run.os_user, run.os_host, run.role),
        run.started_at.clone(),
        run.ended_at.clone().unwrap_or_default(),
        outcome,
    ]
}
