//! The report of `trueup undo`.

use serde::Serialize;

use crate::data::checks::Action;
use crate::data::repair::RefusedRow;
use crate::error::Exit;
use crate::findings::Command;
use crate::output::view::{Table, Text, Tone, View};
use crate::output::{Envelope, Report};
use crate::text::{plural, short_id};
use crate::workflow::reports::backup_plan::{BackupPlan, LastBackup};
use crate::workflow::reports::fix_report::{RepairStage, refused_rows};
use crate::workflow::reports::target::TargetReport;

/// What was undone, or would be.
#[derive(Debug, Clone, Serialize)]
pub(super) struct UndoReport {
    /// The ULID of the run.
    #[serde(skip)]
    pub(super) run: String,
    /// The exit code.
    #[serde(skip)]
    pub(super) exit: Exit,
    /// The database.
    pub(super) target: TargetReport,
    /// The ULID of the run that is undone.
    pub(super) undoes: String,
    /// How far the undo went.
    pub(super) stage: RepairStage,
    /// Whether there was nothing that could be restored.
    #[serde(skip)]
    pub(super) nothing_to_do: bool,
    /// The repairs of the run, the last one first.
    pub(super) repairs: Vec<UndoneReport>,
    /// `--prune`: the runs whose old values were removed, or would be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pruned: Option<Vec<String>>,
    /// The backup before the change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) backup_plan: Option<BackupPlan>,
    /// The backup that was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) backup: Option<LastBackup>,
    /// Additional notes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) notes: Vec<String>,
}

/// What was undone of one repair, or would be.
#[derive(Debug, Clone, Serialize)]
pub(super) struct UndoneReport {
    /// The name of the check.
    pub(super) check: String,
    /// The name of the fix.
    pub(super) fix: String,
    /// What the fix had done to the rows.
    pub(super) action: Action,
    /// The table of the rows: `public.api_keys`.
    pub(super) table: String,
    /// The columns of the key.
    pub(super) key: Vec<String>,
    /// The columns whose old values are restored.
    pub(super) columns: Vec<String>,
    /// The number of rows that were restored, or would be.
    pub(super) restored: u64,
    /// The number of rows that were edited since the repair, and are skipped.
    pub(super) kept: u64,
    /// The keys of the first of these rows.
    pub(super) kept_rows: Vec<Vec<Option<String>>>,
    /// The number of rows that still have what the repair wrote, and could not be restored. The same command tries again.
    pub(super) held: u64,
    /// The keys of the first of these rows.
    pub(super) held_rows: Vec<Vec<Option<String>>>,
    /// How many of these rows the server refused to write: a trigger raised an error, or a constraint did not allow it.
    pub(super) refused: u64,
    /// The first of them, with what the server said.
    pub(super) refused_rows: Vec<RefusedRow>,
    /// The sessions that held locks, in words; empty where none was seen.
    #[serde(skip)]
    pub(super) locked_by: String,
    /// Whether a trigger may prevent that rows are restored.
    #[serde(skip)]
    pub(super) trigger_may_prevent: bool,
    /// The number of rows that a trigger gave other values than their old ones.
    pub(super) rewritten: u64,
    /// The keys of the first of these rows.
    pub(super) rewritten_rows: Vec<Vec<Option<String>>>,
    /// The triggers that fire, in words.
    pub(super) triggers: Vec<String>,
}

impl Report for UndoReport {
    fn envelope(&self) -> Envelope<'_> {
        Envelope { command: Some("undo"), run: &self.run, exit: self.exit }
    }

    fn view(&self) -> View {
        let tone = if self.exit == Exit::Clean { Tone::Good } else { Tone::Warning };
        View::new()
            .headline(self.target.headline())
            .then(self.proposal())
            .verdict(self.verdict(), tone)
            .next(self.next())
    }
}

impl UndoReport {
    /// What will be done, or was done: what is shown before the question.
    pub(super) fn proposal(&self) -> View {
        let mut view = View::new();
        for repair in &self.repairs {
            let title = format!("{}/{}", repair.check, repair.fix);
            view = view.text(Text::labelled(title, repair.summary(self.stage)));
            for UnrestoredGroup { why, rows, keys } in repair.unrestored() {
                let shown = keys.len() as u64;
                let some = if shown == rows { String::new() } else { format!(", {shown} of them") };
                view = view.text(Text::new(format!("{why}{some}:")).indented(2));
                view = view.table(Table::of_rows(&repair.key, keys));
            }
            view = refused_rows(view, &repair.key, repair.refused, &repair.refused_rows);
            let triggers = repair.triggers.iter().filter(|_| self.stage == RepairStage::Planned);
            for trigger in triggers {
                view = view.text(Text::new(format!("trigger {trigger}")).indented(2));
            }
        }
        view = view.lines(self.pruned.iter().flatten().map(|run| format!("run {}", short_id(run))));
        view = match (&self.backup, &self.backup_plan) {
            (Some(backup), _) => view.line(format!("backup: {}", backup.summary())),
            (None, Some(plan)) => view.line(plan.summary()),
            (None, None) => view,
        };
        view.notes(&self.notes)
    }

    /// The result in one line.
    pub(super) fn verdict(&self) -> String {
        if let Some(pruned) = &self.pruned {
            let runs = plural(pruned.len(), "run");
            return match (self.stage, pruned.len()) {
                (_, 0) => "nothing to do: no old values are that old".to_owned(),
                (RepairStage::Planned, _) => {
                    format!("dry run: the old values of {runs} would be removed; nothing was changed")
                }
                (RepairStage::Done, _) => {
                    format!("done: removed the old values of {runs}, which cannot be undone any more")
                }
            };
        }
        let restored: u64 = self.repairs.iter().map(|repair| repair.restored).sum();
        let sum = |count: fn(&UndoneReport) -> u64| self.repairs.iter().map(count).sum::<u64>();
        let unrestored = [
            ("skipped, edited since the repair", sum(|repair| repair.kept)),
            ("locked or held back, not restored", sum(|repair| repair.held)),
            ("given other values by a trigger", sum(|repair| repair.rewritten)),
        ];
        let unrestored = unrestored.iter().filter(|(_, count)| *count > 0);
        let unrestored: String =
            unrestored.map(|(why, count)| format!("; {why}: {}", plural(*count, "row"))).collect();
        match (self.stage, unrestored.is_empty()) {
            (_, true) if self.nothing_to_do => {
                format!("nothing to do: run {} is undone already", short_id(&self.undoes))
            }
            _ if self.nothing_to_do => {
                format!("nothing to do: no row is as run {} left it{unrestored}", short_id(&self.undoes))
            }
            (RepairStage::Planned, _) => {
                format!(
                    "dry run: {} would be restored; nothing was changed{unrestored}",
                    plural(restored, "row")
                )
            }
            (RepairStage::Done, _) => format!("done: restored {}{unrestored}", plural(restored, "row")),
        }
    }

    fn next(&self) -> Option<String> {
        match (self.stage, &self.pruned) {
            (RepairStage::Planned, None) if !self.repairs.is_empty() => {
                Some(Command::Undo { run: self.undoes.clone() }.to_string())
            }
            (RepairStage::Done, None) if self.repairs.iter().any(|repair| repair.refused > 0) => {
                Some(format!("fix the reported error, then run: trueup undo {}", short_id(&self.undoes)))
            }
            (RepairStage::Done, None) if self.repairs.iter().any(|repair| repair.held > 0) => {
                Some(format!("again when nobody holds the locks: trueup undo {}", short_id(&self.undoes)))
            }
            (RepairStage::Done, None) if !self.repairs.is_empty() => {
                Some(Command::Verify { checks: Vec::new() }.to_string())
            }
            _ => None,
        }
    }
}

/// Rows that do not have their old values, for one reason.
struct UnrestoredGroup<'r> {
    why: String,
    /// How many rows there are.
    rows: u64,
    /// The keys of the first of them.
    keys: &'r [Vec<Option<String>>],
}

impl UndoneReport {
    /// Whether some rows do not have their old values.
    pub(super) fn has_unrestored(&self) -> bool {
        self.kept + self.held + self.rewritten > 0
    }

    /// The rows that do not have their old values, by reason.
    fn unrestored(&self) -> impl Iterator<Item = UnrestoredGroup<'_>> {
        let groups = [
            UnrestoredGroup {
                why: "skipped, edited since the repair".to_owned(),
                rows: self.kept,
                keys: &self.kept_rows,
            },
            UnrestoredGroup { why: self.why_held_back(), rows: self.held, keys: &self.held_rows },
            UnrestoredGroup {
                why: "given other values than their old ones by a trigger".to_owned(),
                rows: self.rewritten,
                keys: &self.rewritten_rows,
            },
        ];
        groups.into_iter().filter(|group| group.rows > 0)
    }

    /// Why rows that still have what the repair wrote were not restored, as far as that is known.
    fn why_held_back(&self) -> String {
        if self.refused >= self.held {
            return "not restored: refused by the server".to_owned();
        }
        let by = if self.locked_by.is_empty() { "others" } else { &self.locked_by };
        let mut causes = vec![format!("locked by {by}")];
        if self.action == Action::Delete {
            causes.push("kept out by a unique value that is taken".to_owned());
        }
        if self.refused > 0 {
            causes.push("refused by the server".to_owned());
        }
        if self.trigger_may_prevent {
            causes.push("held back by a trigger".to_owned());
        }
        format!("not restored: {}", causes.join(", or "))
    }

    fn summary(&self, stage: RepairStage) -> String {
        let (count, table, columns) = (plural(self.restored, "row"), &self.table, self.columns.join(", "));
        match (self.action, stage) {
            (Action::Update, RepairStage::Planned) => format!("restore {columns} on {count} of {table}"),
            (Action::Update, RepairStage::Done) => {
                format!("restored {columns} on {count} of {table}")
            }
            (Action::Delete, RepairStage::Planned) => format!("insert {count} into {table} again"),
            (Action::Delete, RepairStage::Done) => format!("inserted {count} into {table} again"),
        }
    }
}
