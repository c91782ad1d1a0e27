//! What `trueup init` says.

use serde::{Serialize, Serializer};

use crate::error::Exit;
use crate::findings::Finding;
use crate::output::view::{Text, Tone, View};
use crate::output::{Envelope, Report};
use crate::text::plural;
use crate::workflow::reports::schema_report::SchemaReport;

/// What was done to start a project.
#[derive(Debug, Clone, Serialize)]
pub(super) struct InitReport {
    #[serde(skip)]
    pub(super) run: String,
    #[serde(skip)]
    pub(super) exit: Exit,
    pub(super) init: Init,
    /// The check of the database, where one was given.
    #[serde(serialize_with = "findings_of", skip_serializing_if = "Option::is_none")]
    pub(super) check: Option<SchemaReport>,
}

/// The project.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Init {
    /// The directory.
    pub(super) directory: String,
    /// The project's name, where this run wrote it.
    pub(super) name: Option<String>,
    /// The tool that migrates; `None` for trueup.
    pub(super) tool: Option<&'static str>,
    /// The file that shows the tool.
    pub(super) evidence: Option<String>,
    /// The files that were written.
    pub(super) written: Vec<String>,
    /// How many migrations were compiled; `None` where nothing was.
    pub(super) migrations: Option<usize>,
    /// Remarks.
    pub(super) notes: Vec<String>,
    /// What to run next.
    #[serde(skip)]
    pub(super) next: Vec<String>,
    /// What would be written where nothing was: the difference to the file that is there.
    #[serde(skip)]
    pub(super) would_change: Option<String>,
}

fn findings_of<S: Serializer>(check: &Option<SchemaReport>, serializer: S) -> Result<S::Ok, S::Error> {
    check.serialize(serializer)
}

impl Report for InitReport {
    fn envelope(&self) -> Envelope<'_> {
        Envelope { command: Some("init"), run: &self.run, exit: self.exit }
    }

    fn findings(&self) -> Option<&[Finding]> {
        self.check.as_ref().and_then(Report::findings)
    }

    fn view(&self) -> View {
        let init = &self.init;
        let mut view = View::new();
        if let Some(evidence) = &init.evidence {
            let tool = init.tool.unwrap_or("trueup");
            view = view.text(Text::labelled("migrations", format!("{tool}, found by {evidence}")));
        }
        let written = init.written.iter().map(|file| Text::labelled("written", file.clone()));
        view = written.fold(view, View::text);
        if let Some(diff) = &init.would_change {
            view = view.diff("trueup.toml: what this run would write", diff.clone());
        }
        view = view.notes(init.notes.clone());
        let verdict = match (&init.name, init.migrations) {
            (Some(name), Some(count)) => {
                format!("project {name:?} is there: {} compiled", plural(count, "migration"))
            }
            (Some(name), None) => format!("project {name:?} is there"),
            (None, _) => "the project is there already: nothing was overwritten".to_owned(),
        };
        view = view.verdict(verdict, Tone::Good);
        match &self.check {
            Some(check) => view.line("").then(check.view()),
            None => view.next(init.next.clone()),
        }
    }
}
