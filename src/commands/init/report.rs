//! What `trueup init` says.

use serde::{Serialize, Serializer};

use crate::error::Exit;
use crate::findings::Finding;
use crate::output::view::{Text, Tone, View};
use crate::output::{Envelope, Report};
use crate::text::plural;
use crate::workflow::reports::schema_report::SchemaReport;
use crate::workflow::reports::target::TargetReport;
use crate::workflow::schema_files::SchemaFiles;

/// How many files are named one by one.
const MOST_NAMED: usize = 20;

/// What was done to start a project.
#[derive(Debug, Clone, Serialize)]
pub(super) struct InitReport {
    #[serde(skip)]
    pub(super) run: String,
    #[serde(skip)]
    pub(super) exit: Exit,
    pub(super) init: Init,
    /// The database that it was taken from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) target: Option<TargetReport>,
    /// What `schema/` takes in from the database, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) schema: Option<SchemaFiles>,
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
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) next: Vec<String>,
    /// What would be written where nothing was: the difference to the file that is there.
    #[serde(skip_serializing_if = "Option::is_none")]
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
        let mut view = match &self.target {
            Some(target) => View::new().headline(target.headline()),
            None => View::new(),
        };
        if let Some(evidence) = &init.evidence {
            let tool = init.tool.unwrap_or("trueup");
            view = view.text(Text::labelled("migrations", format!("{tool}, found by {evidence}")));
        }
        let written = init.written.iter().map(|file| Text::labelled("written", file.clone()));
        view = written.fold(view, View::text);
        if let Some(schema) = &self.schema {
            view = files(view, "written", &schema.written);
            view = files(view, "removed", &schema.removed);
            let verdict = format!(
                "schema/ declares all {} of the database: {} written, {} removed, {} unchanged",
                plural(schema.objects, "object"),
                plural(schema.written.len(), "file"),
                schema.removed.len(),
                schema.unchanged
            );
            return view.notes(init.notes.clone()).verdict(verdict, Tone::Good).next(init.next.clone());
        }
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
            Some(check) => view.then(check.view()),
            None => view.next(init.next.clone()),
        }
    }
}

/// Files one by one, or how many there are.
fn files(view: View, word: &'static str, paths: &[String]) -> View {
    match paths.len() {
        0..=MOST_NAMED => paths.iter().fold(view, |view, path| view.text(Text::labelled(word, path.clone()))),
        many => view.text(Text::labelled(word, format!("{} in schema/", plural(many, "file")))),
    }
}
