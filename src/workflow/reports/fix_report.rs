//! A fix in a report: what it would change, and what it has changed.

use std::time::Duration;

use serde::Serialize;

use crate::data::checks::{Action, Trigger};
use crate::data::repair::{Candidates, RefusedRow, RowChange};
use crate::output::view::{Table, Text, Tone, View};
use crate::text::{duration, plural};
use crate::writer::{Blocker, name_blockers};

/// How far a repair or an undo went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RepairStage {
    /// Nothing was changed.
    Planned,
    /// It is done.
    Done,
}

/// What one fix would do, or did.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct FixReport {
    /// The check.
    pub(crate) check: String,
    /// The fix.
    pub(crate) fix: String,
    /// What it does, in a person's words.
    pub(crate) description: String,
    /// `update` or `delete`.
    pub(crate) action: Action,
    /// `public.api_keys`
    pub(crate) table: String,
    /// The columns of the key.
    pub(crate) key: Vec<String>,
    /// The columns that are set; of a row that is deleted those that are shown.
    pub(crate) columns: Vec<String>,
    /// How many rows it proposes to change.
    pub(crate) rows: u64,
    /// For how many it has several answers: they are not changed.
    pub(crate) ambiguous: u64,
    /// Some of the rows.
    pub(crate) sample: Vec<RowChange>,
    /// Rows with several answers, and these.
    pub(crate) candidates: Vec<Candidates>,
    /// The triggers that fire.
    pub(crate) triggers: Vec<String>,
    /// How many rows were changed.
    pub(crate) changed: u64,
    /// How many were left as somebody else had made them meanwhile, or held locked.
    pub(crate) skipped: u64,
    /// How many the server refused to change: a trigger raised an error, or a constraint did not allow it.
    pub(crate) refused: u64,
    /// The first of these rows, with what the server said.
    pub(crate) refused_rows: Vec<RefusedRow>,
    /// How many batches it took.
    pub(crate) batches: u64,
    /// The longest of them: for so long rows were locked at most.
    pub(crate) longest_batch_milliseconds: u64,
}

/// What a trigger is called in a plan.
pub(crate) fn trigger(trigger: &Trigger) -> String {
    let when = if trigger.before { "before" } else { "after" };
    let rewrites = if trigger.before && trigger.row {
        "; undo does not restore what it writes into other columns"
    } else {
        ""
    };
    format!(
        "{} {when} the change calls {}{rewrites}",
        crate::postgres::sql::identifier(&trigger.name),
        trigger.function
    )
}

/// The most different errors that people are shown; JSON has more.
const MOST_ERRORS: usize = 10;
/// How many rows with the same error are named.
const MOST_NAMED: usize = 3;

/// Adds rows that the server refused to a view: each error once, with the rows that it is about.
pub(crate) fn refused_rows(mut view: View, key: &[String], refused: u64, named: &[RefusedRow]) -> View {
    if refused == 0 {
        return view;
    }
    let mut errors: Vec<(&RefusedRow, Vec<String>)> = Vec::new();
    for row in named {
        let is_it = |error: &RefusedRow| (&error.message, &error.context) == (&row.message, &row.context);
        match errors.iter_mut().find(|(error, _)| is_it(error)) {
            Some((_, rows)) => rows.push(pairs(key, &row.key)),
            None => errors.push((row, vec![pairs(key, &row.key)])),
        }
    }
    errors.truncate(MOST_ERRORS);
    let shown: usize = errors.iter().map(|(_, rows)| rows.len()).sum();
    let some = if shown as u64 == refused { String::new() } else { format!(", {shown} of them") };
    let text = format!("{} that the server refuses to change{some}:", plural(refused, "row"));
    view = view.text(Text::new(text).tone(Tone::Warning).indented(2));
    for (RefusedRow { message, context, .. }, rows) in errors {
        let more = match rows.len().saturating_sub(MOST_NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let rows = rows[..rows.len().min(MOST_NAMED)].join("; ");
        let said = message.replace('\n', "; ");
        view = view.text(Text::new(format!("{rows}{more}: {said}")).indented(4));
        if let Some(context) = context {
            view = view.text(Text::new(format!("context: {}", context.replace('\n', "; "))).indented(6));
        }
    }
    view
}

/// `id 7, region eu`
fn pairs(names: &[String], values: &[Option<String>]) -> String {
    let pairs = names.iter().zip(values);
    let pairs: Vec<String> =
        pairs.map(|(name, value)| format!("{name} {}", value.as_deref().unwrap_or("NULL"))).collect();
    pairs.join(", ")
}

/// Who held locks, in words.
pub(crate) fn locked_by(blockers: &[Blocker]) -> String {
    name_blockers(blockers)
}

impl FixReport {
    fn title(&self) -> String {
        match self.description.as_str() {
            "" => format!("{}/{}", self.check, self.fix),
            description => format!("{}/{} ({description})", self.check, self.fix),
        }
    }

    fn proposal(&self) -> String {
        let (rows, table) = (plural(self.rows, "row"), &self.table);
        match self.action {
            Action::Update => format!("set {} on {rows} of {table}", self.columns.join(", ")),
            Action::Delete => format!("delete {rows} of {table}"),
        }
    }

    fn outcome(&self) -> String {
        let verb = if self.action == Action::Delete { "deleted" } else { "updated" };
        let skipped = match self.skipped {
            0 => String::new(),
            skipped => format!("; skipped, changed or locked by others: {}", plural(skipped, "row")),
        };
        let refused = match self.refused {
            0 => String::new(),
            refused => format!("; skipped, refused by the server: {}", plural(refused, "row")),
        };
        format!(
            "{verb} {} of {} in {} (longest: {}){skipped}{refused}",
            plural(self.changed, "row"),
            self.table,
            plural(self.batches, "batch"),
            duration(Duration::from_millis(self.longest_batch_milliseconds))
        )
    }

    /// What the fix will do, or did.
    pub(crate) fn view(&self, stage: RepairStage) -> View {
        let what = match stage {
            RepairStage::Planned => self.proposal(),
            RepairStage::Done => self.outcome(),
        };
        let mut view = View::new().text(Text::labelled(self.title(), what));
        if stage == RepairStage::Planned {
            let (columns, sample) = self.sample_rows();
            view = view.table(Table::of_rows(&columns, &sample));
            for trigger in &self.triggers {
                view = view.text(Text::new(format!("trigger {trigger}")).indented(2));
            }
        }
        view = refused_rows(view, &self.key, self.refused, &self.refused_rows);
        if self.ambiguous > 0 {
            let rows = plural(self.ambiguous, "row");
            let text = format!("{rows} with several possible values, which are not changed:");
            view = view.text(Text::new(text).tone(Tone::Warning).indented(2));
            for candidate in self.candidates.iter().take(5) {
                view = view.text(Text::new(self.candidate(candidate)).indented(4));
            }
        }
        view
    }

    /// `id 7: user_id 3 or 5`
    fn candidate(&self, candidate: &Candidates) -> String {
        let answers: Vec<String> =
            candidate.answers.iter().map(|answer| pairs(&self.columns, answer)).collect();
        format!("{}: {}", pairs(&self.key, &candidate.key), answers.join(" or "))
    }

    /// The sample as a table: key, then before and after of each column.
    fn sample_rows(&self) -> (Vec<String>, Vec<Vec<Option<String>>>) {
        let mut columns = self.key.clone();
        match self.action {
            Action::Update => {
                for column in &self.columns {
                    columns.extend([format!("{column} before"), format!("{column} after")]);
                }
            }
            Action::Delete => {
                columns.extend(self.columns.iter().filter(|column| !self.key.contains(column)).cloned())
            }
        }
        let row = |change: &RowChange| {
            let mut row = change.key.clone();
            match self.action {
                Action::Update => {
                    for (before, after) in change.before.iter().zip(&change.after) {
                        row.extend([before.clone(), after.clone()]);
                    }
                }
                Action::Delete => {
                    let values = self.columns.iter().zip(&change.before);
                    row.extend(
                        values
                            .filter(|(column, _)| !self.key.contains(column))
                            .map(|(_, value)| value.clone()),
                    );
                }
            }
            row
        };
        (columns, self.sample.iter().map(row).collect())
    }
}
