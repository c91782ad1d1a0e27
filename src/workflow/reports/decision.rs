//! A person's decision about a database: what is going to be recorded, shown before it is asked for, and what was.

use serde::Serialize;

use super::target::{ReportedMigration, TargetReport};
use crate::error::Exit;
use crate::output::view::{Text, Tone, View};
use crate::output::{Envelope, Report};
use crate::writer::Mark;

/// A decision about a database.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct DecisionReport {
    /// The run's ULID.
    #[serde(skip)]
    pub(crate) run: String,
    /// The command.
    #[serde(skip)]
    pub(crate) command: &'static str,
    /// The exit code.
    #[serde(skip)]
    pub(crate) exit: Exit,
    /// The database.
    pub(crate) target: TargetReport,
    /// What it is about.
    #[serde(flatten)]
    pub(crate) subject: Subject,
    /// What shows of it and what does not.
    pub(crate) notes: Vec<String>,
    /// Two texts, side by side.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) diff: Option<String>,
    /// What is, or was, recorded, in words. Empty when it is so already.
    #[serde(rename = "recorded")]
    pub(crate) records: Vec<String>,
    /// What came of it, in one sentence.
    pub(crate) verdict: String,
    /// What to run next.
    #[serde(skip)]
    pub(crate) next: Option<String>,
}

/// What a decision is about.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Subject {
    /// A migration.
    Migration {
        /// Which.
        #[serde(flatten)]
        name: ReportedMigration,
        /// What was decided: `applied`, `not-applied`, `accept-edit`.
        decision: &'static str,
        /// Why.
        reason: String,
    },
    /// The environment mark.
    Mark {
        /// As it was.
        before: Option<Mark>,
        /// As it is.
        after: Option<Mark>,
    },
}

impl Report for DecisionReport {
    fn envelope(&self) -> Envelope<'_> {
        Envelope { command: Some(self.command), run: &self.run, exit: self.exit }
    }

    fn view(&self) -> View {
        self.body("recorded").verdict(&self.verdict, Tone::Good).next(self.next.clone())
    }
}

impl DecisionReport {
    /// What will be recorded, for whoever is asked.
    pub(crate) fn proposal(&self) -> View {
        self.body("will be recorded")
    }

    fn body(&self, title: &str) -> View {
        let TargetReport { database, role, system_identifier, .. } = &self.target;
        let mut view = View::new().line(format!(
            "database {database} on {} as {role}, system identifier {system_identifier}",
            self.target.address()
        ));
        view = view.lines(&self.notes);
        if let Some(diff) = &self.diff {
            view = view.diff("the applied text and the file", diff);
        }
        if !self.records.is_empty() {
            view = view.text(Text::labelled(title, ""));
        }
        self.records.iter().fold(view, |view, record| view.text(Text::new(record).indented(2)))
    }
}
