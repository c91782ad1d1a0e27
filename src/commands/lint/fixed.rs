//! The report of `trueup lint --fix`.

use serde::{Serialize, Serializer};

use crate::changes::lint::FixedFile;
use crate::error::Exit;
use crate::findings::Location;
use crate::output::view::{Headline, Text, Tone, View};
use crate::output::{Envelope, Report};
use crate::postgres::sql::unified;
use crate::text::plural;

/// What is written, or would be.
pub(super) struct LintFixReport<'f> {
    pub(super) run: String,
    pub(super) exit: Exit,
    /// Why these migrations.
    pub(super) why: String,
    /// The files by the names that people read.
    pub(super) files: Vec<(String, &'f FixedFile)>,
    /// Where a person has to do it, and why.
    pub(super) left: &'f [(Location, &'static str)],
    /// Whether the files are written.
    pub(super) written: bool,
}

impl Report for LintFixReport<'_> {
    fn envelope(&self) -> Envelope<'_> {
        Envelope { command: Some("lint"), run: &self.run, exit: self.exit }
    }

    fn view(&self) -> View {
        let view = self.places(View::new().line(&self.why));
        if !self.written {
            return view
                .verdict("nothing to write: no statement has a form that --fix can change", Tone::Plain);
        }
        let written = self.files.iter().fold(view, |view, (name, file)| {
            let what = if file.before.is_some() { "changed" } else { "new" };
            view.text(Text::new(format!("{what}: {name}")).indented(2))
        });
        written
            .notes(["a database that has one of the changed migrations will say that it was edited"])
            .verdict(
                format!("written: {}, proved to make the same schema", plural(self.files.len(), "file")),
                Tone::Good,
            )
            .next(["trueup compile"])
    }
}

impl LintFixReport<'_> {
    /// What would be written, before anybody is asked.
    pub(super) fn proposal(&self) -> View {
        let view = View::new().headline(Headline {
            subject: plural(self.files.len(), "file"),
            details: " would be written; compiled, they make the same schema".to_owned(),
            lines: vec![self.why.clone()],
        });
        let view = self.files.iter().fold(view, |view, (name, file)| match &file.before {
            Some(before) => view.diff(name, unified(("now", before), ("fixed", &file.after))),
            None => view.sql(format!("new: {name}"), vec![file.after.clone()]),
        });
        self.places(view)
    }

    /// `Write 2 files?`
    pub(super) fn question(&self) -> String {
        format!("Write {}?", plural(self.files.len(), "file"))
    }

    fn places(&self, view: View) -> View {
        view.notes(self.left.iter().map(|(place, why)| format!("not fixed: {place}: {why}")))
    }
}

/// The body of the JSON document.
impl Serialize for LintFixReport<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let files = self.files.iter().map(|(name, file)| {
            serde_json::json!({ "file": name, "new": file.before.is_none(), "text": file.after })
        });
        let left = self.left.iter().map(|(place, why)| serde_json::json!({ "location": place, "why": why }));
        serde_json::json!({
            "written": self.written,
            "files": files.collect::<Vec<_>>(),
            "left": left.collect::<Vec<_>>(),
        })
        .serialize(serializer)
    }
}
