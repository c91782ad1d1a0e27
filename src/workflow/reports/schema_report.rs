//! The report of commands that compare a database with its declared schema: `check`, and those that migrate.

use serde::Serialize;

use super::adoption::AdoptionReport;
use super::backup_plan::LastBackup;
use super::drift_fix::DriftFixReport;
use super::metrics::{self, DriftBySeverity, PendingByPhase};
use super::plan_report::PlanReport;
use super::target::{ReportedMigration, TargetReport};
use crate::changes::executor::AppliedStep;
use crate::error::Exit;
use crate::findings::{CauseKind, Command, Finding, Remedy, Summary};
use crate::migrations::history::OtherHistory;
use crate::model::diagnosis;
use crate::output::view::{Headline, Tone, View};
use crate::output::{Envelope, ErrorReport, Metrics, ProbeName, Report};
use crate::postgres::catalog::Unmodeled;
use crate::text::plural;

/// What a comparison of a database with its declared schema found, and what was done about it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct SchemaReport {
    /// The command.
    #[serde(skip)]
    pub(crate) command: &'static str,
    /// An identifier of this run (ULID).
    #[serde(skip)]
    pub(crate) run: String,
    /// The database.
    pub(crate) target: TargetReport,
    /// What its history says.
    pub(crate) history: History,
    /// What was compared and what was not.
    pub(crate) coverage: Coverage,
    /// Findings by severity.
    pub(crate) summary: Summary,
    /// The findings.
    pub(crate) findings: Vec<Finding>,
    /// What was, or would be, done: commands that change the database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) plan: Option<PlanReport>,
    /// `adopt`: the version that was found, and what it takes over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) adoption: Option<AdoptionReport>,
    /// `check --fix`: what is done, and what is left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fix: Option<DriftFixReport>,
    /// What `check --fix` can bring back.
    #[serde(skip)]
    pub(crate) fixable: Fixable,
    /// The backup that the change can be taken back with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) backup: Option<LastBackup>,
    /// Why it was refused, where the findings are the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<ErrorReport>,
    /// The steps that were carried out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) applied: Vec<AppliedStep>,
    /// The exit code, as a value.
    #[serde(skip)]
    pub(crate) exit: Exit,
    /// What the database is compared with.
    #[serde(skip)]
    pub(crate) declared: &'static str,
    /// How many migrations the project has.
    #[serde(skip)]
    pub(crate) migrations: usize,
    /// How many objects were compared.
    #[serde(skip)]
    pub(crate) compared: usize,
    /// Remarks that belong to no finding.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) notes: Vec<String>,
}

/// What `check --fix` can bring back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fixable {
    /// What is proved to be changed by hand.
    pub(crate) drift: bool,
    /// What differs for an unknown reason: in a project without migrations.
    pub(crate) unknown: bool,
    /// Views that differ for an unknown reason, which may be how the server prints them.
    pub(crate) views: bool,
}

impl Fixable {
    /// Whether a finding can be fixed by its statements.
    fn has(self, finding: &Finding) -> bool {
        let is_view = matches!(finding.kind, "view" | "materialized_view");
        let cause = match finding.cause_kind() {
            Some(CauseKind::Drift) => self.drift,
            Some(CauseKind::Unknown) => self.unknown && (self.views || !is_view),
            _ => false,
        };
        cause && finding.remedy.sql.is_some()
    }
}

/// The history of migrations.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct History {
    /// The table it was read from; `None` when there is none.
    pub(crate) table: Option<String>,
    /// How many migrations are applied.
    pub(crate) applied: usize,
    /// The newest applied version.
    pub(crate) current: Option<String>,
    /// The same for a sentence: `V7`, `dbmate 20260102030405`.
    #[serde(skip)]
    pub(crate) at: Option<String>,
    /// The project's migrations that are not applied, the oldest first.
    pub(crate) pending: Vec<ReportedMigration>,
    /// Histories of other tools.
    pub(crate) others: Vec<OtherHistory>,
    /// How many are pending; `None` where the history does not tell.
    #[serde(skip)]
    pub(crate) by_phase: Option<PendingByPhase>,
    /// How many were interrupted, or are running right now.
    #[serde(skip)]
    pub(crate) unfinished: usize,
}

/// What was compared, and what was not.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Coverage {
    /// Whether everything in the database was compared.
    pub(crate) complete: bool,
    /// Objects of kinds that trueup does not model.
    pub(crate) unmodeled: Vec<Unmodeled>,
    /// What this role cannot see, though the answer needs it.
    pub(crate) invisible: Vec<Hidden>,
}

/// Something that this role cannot see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Hidden {
    /// The relation, qualified and quoted.
    pub(crate) object: String,
    /// Why this role cannot see it, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) why: Option<String>,
    /// What to do where reading it could run code of a weaker role.
    #[serde(skip)]
    pub(crate) code: Option<String>,
}

/// What lets a role see all rows of tables. Which of the two is missing is not always known.
pub(crate) fn to_see_all_of(tables: &[impl AsRef<str>], role: &str) -> String {
    let tables: Vec<&str> = tables.iter().map(AsRef::as_ref).collect();
    format!(
        "grant SELECT on {} to {role}; where it has that already, row security hides rows: work as the owner, or as a \
         role with BYPASSRLS",
        tables.join(", ")
    )
}

impl Hidden {
    /// A relation that this role may not read.
    pub(crate) fn unread(object: &str) -> Self {
        Self { object: object.to_owned(), why: None, code: None }
    }
}

impl Report for SchemaReport {
    fn envelope(&self) -> Envelope<'_> {
        Envelope { command: Some(self.command), run: &self.run, exit: self.exit }
    }

    fn view(&self) -> View {
        match (&self.adoption, &self.plan) {
            (Some(adoption), Some(plan)) => adoption.view(self, plan),
            (None, Some(plan)) => plan.outcome(self),
            (_, None) => self.fix.as_ref().map_or_else(|| self.check_view(), |fix| fix.outcome(self)),
        }
    }

    fn findings(&self) -> Option<&[Finding]> {
        Some(&self.findings)
    }

    fn metrics(&self) -> Option<Metrics> {
        let complete = self.coverage.invisible.is_empty();
        let drift = complete.then(|| DriftBySeverity::of(&self.findings));
        let counted = metrics::of_command(self.target.labels.clone(), ProbeName::Schema, complete)
            .family(metrics::drift(drift))
            .family(metrics::pending(self.history.by_phase))
            .family(metrics::unfinished(self.history.by_phase.map(|_| self.history.unfinished)));
        Some(counted)
    }

    fn passed(&self) -> Vec<String> {
        let well = self.findings.is_empty() && self.exit == Exit::Clean;
        well.then(|| format!("{} match", plural(self.compared, "object"))).into_iter().collect()
    }
}

impl SchemaReport {
    /// Sets how the command ends.
    #[must_use]
    pub(crate) fn ending(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    fn check_view(&self) -> View {
        View::new().headline(self.headline()).then(self.found_view())
    }

    /// What was found, the verdict, and what to run next.
    pub(crate) fn found_view(&self) -> View {
        View::new()
            .then(self.differences())
            .then(self.coverage_view())
            .notes(&self.notes)
            .verdict(self.verdict(), self.tone())
            .then(self.next_view())
    }

    /// What to run next. `--quiet` does not show the SQL that it may speak of.
    fn next_view(&self) -> View {
        let (normally, quietly) = (self.next(true), self.next(false));
        if normally == quietly {
            return View::new().next(normally);
        }
        let line = |next: Option<String>| View::new().lines(next.map(|next| format!("next: {next}")));
        line(normally).then(line(quietly).quiet_only())
    }

    /// The colour of the verdict.
    pub(crate) fn tone(&self) -> Tone {
        match (self.exit, self.summary.error) {
            (Exit::Clean, _) => Tone::Good,
            (_, 0) => Tone::Warning,
            _ => Tone::Bad,
        }
    }

    /// The database, and where it stands in the project's migrations.
    pub(crate) fn headline(&self) -> Headline {
        let history = &self.history;
        let mut applied = match (&history.table, &history.at) {
            (None, _) if self.migrations == 0 => "this project has no migrations".to_owned(),
            (None, _) => "no history of migrations".to_owned(),
            (Some(_), None) => "no migration applied".to_owned(),
            (Some(_), Some(at)) => {
                format!("at {at}, {} applied", plural(history.applied, "migration"))
            }
        };
        let pending: Vec<String> = history.pending.iter().map(ReportedMigration::label).collect();
        match pending.as_slice() {
            [] => {}
            names if names.len() <= 3 => applied.push_str(&format!(", pending: {}", names.join(", "))),
            [first, .., last] => {
                applied.push_str(&format!(", {} pending, {first} to {last}", pending.len()));
            }
            [_] => {}
        }
        let mut headline = self.target.headline();
        headline.lines.push(applied);
        headline.lines.extend(history.others.iter().map(|other| {
            let current = other.current.as_deref().map(|current| format!(", at revision {current}"));
            format!("also found: {} in {}{}", other.tool, other.table, current.unwrap_or_default())
        }));
        headline
    }

    /// The findings, and the SQL of those that no pending migration repairs.
    pub(crate) fn differences(&self) -> View {
        let by_hand = |finding: &&Finding| {
            !matches!(
                finding.cause_kind(),
                Some(
                    CauseKind::Pending
                        | CauseKind::Unmigrated
                        | CauseKind::Undeclared
                        | CauseKind::Unfinished
                )
            )
        };
        let script = diagnosis::script(self.findings.iter().filter(by_hand));
        View::new()
            .findings(&self.findings)
            .sql("SQL that makes the database as declared (read it before you run it)", script)
    }

    /// What was not compared, and what this role cannot see.
    pub(crate) fn coverage_view(&self) -> View {
        let Coverage { unmodeled, invisible, .. } = &self.coverage;
        let unmodeled =
            unmodeled.iter().map(|object| format!("not compared: {} {}", object.kind, object.object));
        let role = &self.target.role;
        let invisible = invisible.iter().map(|hidden| match &hidden.why {
            Some(why) => format!("not visible to {role}: {} ({why})", hidden.object),
            None => format!("not visible to {role}: {}", hidden.object),
        });
        View::new().lines(unmodeled).lines(invisible)
    }

    /// One line that says it all.
    pub(crate) fn verdict(&self) -> String {
        let complete = self.coverage.invisible.is_empty();
        // Remarks are no differences.
        if self.summary.error + self.summary.warning == 0 {
            let mut verdict = match complete {
                true => format!("OK: all {} match", plural(self.compared, "object")),
                false => "cannot tell: this role cannot see everything that the answer needs".to_owned(),
            };
            if !self.coverage.unmodeled.is_empty() {
                let count = plural(self.coverage.unmodeled.len(), "object");
                verdict.push_str(&format!("; {count} not compared"));
            }
            if self.summary.info > 0 {
                verdict.push_str(&format!("; {}", plural(self.summary.info, "remark")));
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
            let count = self.findings.iter().filter(|finding| finding.cause_kind() == Some(*kind)).count();
            (count > 0).then(|| format!("{count} {}", kind.label()))
        });
        let causes: Vec<String> = causes.collect();
        let counted = counted.join(", ");
        match complete {
            true => {
                format!("{counted}: the database does not match {} ({})", self.declared, causes.join(", "))
            }
            false => format!(
                "incomplete: this role cannot see everything; so far {counted} ({})",
                causes.join(", ")
            ),
        }
    }

    /// What to run next; `shown` is whether the findings' SQL is.
    fn next(&self, shown: bool) -> Option<String> {
        if !self.coverage.invisible.is_empty() {
            let invisible = &self.coverage.invisible;
            if let Some(remedy) = invisible.iter().find_map(|hidden| hidden.code.clone()) {
                return Some(remedy);
            }
            let names: Vec<&str> = invisible.iter().map(|hidden| hidden.object.as_str()).collect();
            return Some(to_see_all_of(&names, &self.target.role));
        }
        let order = [
            CauseKind::Edited,
            CauseKind::Unknown,
            CauseKind::Ahead,
            CauseKind::Drift,
            CauseKind::Unfinished,
            CauseKind::Pending,
            CauseKind::Undeclared,
            CauseKind::Unmigrated,
        ];
        let rank = |finding: &&Finding| {
            let cause = order.iter().position(|kind| Some(*kind) == finding.cause_kind());
            (finding.kind != "database", std::cmp::Reverse(finding.severity), cause)
        };
        let first = self.findings.iter().filter(|finding| finding.remedy.is_some()).min_by_key(rank)?;
        if self.fixable.has(first) {
            return Some(Command::CheckFix.to_string());
        }
        Some(match &first.remedy {
            Remedy { run: None, advice: None, .. } if shown => {
                format!("run the SQL above, then: trueup {}", self.command)
            }
            Remedy { run: None, advice: None, .. } => {
                format!("trueup {} without -q: it shows the SQL to run", self.command)
            }
            remedy => remedy.summary().unwrap_or_default(),
        })
    }
}
