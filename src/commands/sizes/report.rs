//! The report of `trueup sizes`.

use serde::Serialize;

use crate::error::Exit;
use crate::output::view::{Tone, View};
use crate::output::{Envelope, Report};
use crate::text::plural;

/// What was written.
#[derive(Debug, Clone, Serialize)]
pub(super) struct SizesReport {
    /// The run's ULID.
    #[serde(skip)]
    pub(super) run: String,
    /// The file, in the directory of the project.
    pub(super) file: &'static str,
    /// The database that was read.
    pub(super) database: String,
    /// The environment that it was reached by.
    pub(super) environment: Option<String>,
    /// The day, in UTC.
    pub(super) day: String,
    /// How many relations.
    pub(super) relations: usize,
    /// Those of them that were never analyzed.
    pub(super) unknown: Vec<String>,
    /// The environment that the file was of before, where that was another one.
    #[serde(skip)]
    pub(super) replaced: Option<Option<String>>,
}

/// How many relations a note names.
const NAMED: usize = 10;

impl Report for SizesReport {
    fn envelope(&self) -> Envelope<'_> {
        Envelope { command: Some("sizes"), run: &self.run, exit: Exit::Clean }
    }

    fn view(&self) -> View {
        let mut notes = Vec::new();
        if let Some(before) = &self.replaced {
            notes.push(format!("{} had the sizes of {} before", self.file, of(before.as_deref())));
        }
        if !self.unknown.is_empty() {
            let mut named: Vec<String> = self.unknown.iter().take(NAMED).cloned().collect();
            if self.unknown.len() > NAMED {
                named.push(format!("{} more", self.unknown.len() - NAMED));
            }
            notes.push(format!("never analyzed, so their size is not known: {}", named.join(", ")));
        }
        let verdict = format!(
            "{}: {} of database {}, {}, {}",
            self.file,
            plural(self.relations, "relation"),
            self.database,
            of(self.environment.as_deref()),
            self.day
        );
        View::new().notes(notes).verdict(verdict, Tone::Good)
    }
}

/// An environment in a sentence.
fn of(environment: Option<&str>) -> String {
    environment.map_or_else(|| "no environment".to_owned(), |name| format!("environment {name}"))
}
