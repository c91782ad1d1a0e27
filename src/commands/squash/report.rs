//! The report of `trueup squash`.

use serde::Serialize;

use crate::error::Exit;
use crate::output::view::{Tone, View};
use crate::output::{Envelope, Report};
use crate::project::Settings;
use crate::text::plural;
use crate::workflow::squashing::Squash;

/// What was, or would be, written.
#[derive(Debug, Serialize)]
pub(super) struct SquashReport {
    #[serde(skip)]
    run: String,
    squash: SquashPart,
}

#[derive(Debug, Serialize)]
struct SquashPart {
    written: bool,
    baseline: String,
    replaced: Vec<String>,
    removed: Vec<String>,
    objects: usize,
    rows: usize,
    tables: Vec<String>,
    notes: Vec<String>,
}

impl SquashReport {
    pub(super) fn new(settings: &Settings, squash: Squash, dry_run: bool) -> Self {
        let shown = |path: &std::path::PathBuf| settings.project.display(path);
        let Squash { baseline, replaced, removed, objects, tables, rows, notes } = squash;
        let part = SquashPart {
            written: !dry_run,
            baseline: shown(&baseline),
            replaced,
            removed: removed.iter().map(shown).collect(),
            objects,
            rows,
            tables,
            notes,
        };
        Self { run: settings.run.clone(), squash: part }
    }
}

impl Report for SquashReport {
    fn envelope(&self) -> Envelope<'_> {
        Envelope { command: Some("squash"), run: &self.run, exit: Exit::Clean }
    }

    fn view(&self) -> View {
        let SquashPart { written, baseline, replaced, removed, objects, rows, tables, notes } = &self.squash;
        let rows = match rows {
            0 => "no rows".to_owned(),
            rows => format!("{} in {}", plural(*rows, "row"), tables.join(", ")),
        };
        let (wrote, remove, done) = match written {
            true => ("written", "removed", "done"),
            false => ("would be written", "would be removed", "dry run: nothing was changed"),
        };
        let (first, last) = (replaced.first().cloned(), replaced.last().cloned());
        let (first, last) = (first.unwrap_or_default(), last.unwrap_or_default());
        let view = View::new()
            .line(format!("{wrote}: {baseline} ({}, {rows})", plural(*objects, "object")))
            .line(format!("{remove}: {} ({first} to {last})", plural(removed.len(), "file")))
            .notes(notes)
            .verdict(
                format!(
                    "{done}: {} replaced by one, proved to build the same",
                    plural(replaced.len(), "migration")
                ),
                Tone::Good,
            );
        match written {
            true => view.next([
                "commit migrations/ and trueup.lock; then, for each database that has these migrations: trueup upgrade",
            ]),
            false => view,
        }
    }
}
