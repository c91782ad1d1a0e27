//! The report of `trueup generate`.

use serde::{Serialize, Serializer};

use crate::changes::schema_plan::PlannedMigration;
use crate::error::Exit;
use crate::findings::{Finding, Hazard};
use crate::output::view::{Content, Table, Text, Tone, View};
use crate::output::{Envelope, Report};
use crate::project::Settings;
use crate::text::plural;
use crate::workflow::generation::Generation;

/// What was generated.
#[derive(Debug)]
pub(super) struct GenerateReport {
    run: String,
    pub(super) exit: Exit,
    generation: Generation,
    /// Whether the files are to be filled by hand.
    empty: bool,
}

impl GenerateReport {
    pub(super) fn new(settings: &Settings, generation: Generation, empty: bool) -> Self {
        let exit = if generation.refuted.is_empty() { Exit::Clean } else { Exit::Findings };
        Self { run: settings.run.clone(), exit, generation, empty }
    }

    fn files(&self) -> Vec<String> {
        self.generation.files.iter().map(|file| file.path.display().to_string()).collect()
    }

    fn verdict(&self) -> (String, Tone) {
        let files = plural(self.generation.files.len(), "file");
        match () {
            () if self.exit == Exit::Findings && self.generation.files.is_empty() => {
                ("no statements make it as declared; nothing was written".to_owned(), Tone::Bad)
            }
            () if self.exit == Exit::Findings => (
                format!("not proved: {files} written with the suffix .rejected; nothing else was changed"),
                Tone::Bad,
            ),
            () if self.generation.files.is_empty() => {
                ("nothing is missing: the migrations build what schema/ declares".to_owned(), Tone::Good)
            }
            () if self.empty => (format!("{files} written, to be filled"), Tone::Good),
            () => (format!("{files} written and proved"), Tone::Good),
        }
    }

    fn next(&self) -> Vec<String> {
        match () {
            () if self.exit == Exit::Findings => vec![
                "change the declaration, or correct the files, remove the suffix, and run trueup compile"
                    .to_owned(),
            ],
            () if self.generation.files.is_empty() => Vec::new(),
            () if self.empty => vec!["trueup compile".to_owned()],
            () => vec!["trueup upgrade --dry-run".to_owned()],
        }
    }
}

/// What a migration does.
fn table(migration: &PlannedMigration, file: &str) -> Table {
    let how = if migration.transactional { "one transaction" } else { "statement by statement" };
    let when = if migration.contract { "contract, " } else { "" };
    let columns = [("step", Content::Prose), ("object", Content::Code), ("hazards", Content::Prose)];
    let mut table = Table::new(&columns).compact();
    table.title = Some(format!("{file}: {when}{how}"));
    for step in &migration.steps {
        let hazards: Vec<&str> = step.hazards.iter().map(|hazard: &Hazard| hazard.label()).collect();
        let what = format!("{} {}", step.verb, step.object.kind.spoken());
        table.push([what, step.object.to_string(), hazards.join(", ")]);
    }
    table
}

impl Report for GenerateReport {
    fn envelope(&self) -> Envelope<'_> {
        Envelope { command: Some("generate"), run: &self.run, exit: self.exit }
    }

    fn view(&self) -> View {
        let Generation { migrations, refuted, lint, notes, .. } = &self.generation;
        let mut view = View::new();
        let names = self.generation.files.iter().filter(|file| file.is_migration());
        for (migration, file) in migrations.iter().zip(names) {
            view = view.table(table(migration, &file.path.display().to_string()));
        }
        view = view.lines(self.files().into_iter().map(|file| format!("written: {file}")));
        for finding in lint {
            let place = finding.location.as_ref().map(ToString::to_string).unwrap_or_default();
            view = view
                .text(Text::new(format!("{place}  {} {}", finding.severity, finding.code)))
                .text(Text::new(finding.sentence()).indented(2));
        }
        let refuted = refuted.iter().map(|why| format!("not proved: {why}"));
        let (verdict, tone) = self.verdict();
        view.lines(refuted).notes(notes.clone()).verdict(verdict, tone).next(self.next())
    }
}

/// The body of the JSON document: `{"generated": {...}}`.
impl Serialize for GenerateReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Body<'a> {
            generated: Generated<'a>,
        }
        #[derive(Serialize)]
        struct Generated<'a> {
            files: Vec<String>,
            migrations: Vec<MigrationPart<'a>>,
            not_proved: &'a [String],
            lint: &'a [Finding],
            notes: &'a [String],
        }
        #[derive(Serialize)]
        struct MigrationPart<'a> {
            contract: bool,
            transactional: bool,
            requires_checks: &'a [String],
            steps: Vec<StepPart<'a>>,
        }
        #[derive(Serialize)]
        struct StepPart<'a> {
            action: &'a str,
            kind: &'a str,
            object: String,
            statements: &'a [String],
            hazards: &'a [Hazard],
        }
        let Generation { migrations, refuted, lint, notes, .. } = &self.generation;
        let migrations = migrations.iter().map(|migration| MigrationPart {
            contract: migration.contract,
            transactional: migration.transactional,
            requires_checks: &migration.requires,
            steps: migration
                .steps
                .iter()
                .map(|step| StepPart {
                    action: step.verb,
                    kind: step.object.kind.word(),
                    object: step.object.to_string(),
                    statements: &step.statements,
                    hazards: &step.hazards,
                })
                .collect(),
        });
        let generated = Generated {
            files: self.files(),
            migrations: migrations.collect(),
            not_proved: refuted,
            lint,
            notes,
        };
        Body { generated }.serialize(serializer)
    }
}
