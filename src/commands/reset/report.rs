//! The report of `trueup reset`.

use serde::{Serialize, Serializer};

use crate::error::Exit;
use crate::findings::Finding;
use crate::output::view::{Content, Table, Text, Tone, View};
use crate::output::{Envelope, Report};
use crate::project::Settings;
use crate::text::plural;
use crate::workflow::reports::backup_plan::{BackupPlan, LastBackup};
use crate::workflow::reports::schema_report::SchemaReport;
use crate::workflow::resetting::{Built, PreparedReset, ResetPlan, SchemaAction};

/// How many names a line has.
const MOST_NAMED: usize = 8;

/// What was, or would be, done, and the check afterwards.
#[derive(Debug)]
pub(super) struct ResetReport {
    check: SchemaReport,
    plan: ResetPlan,
    tool: Option<&'static str>,
    migrations: Vec<String>,
    backup_plan: BackupPlan,
    /// What was done; `None` for a dry run.
    seeded: Option<usize>,
}

impl ResetReport {
    pub(super) fn planned(settings: &Settings, prepared: PreparedReset) -> Self {
        Self {
            check: prepared.check.ending(Exit::Clean),
            plan: prepared.plan,
            tool: settings.migrations.tool.map(|tool| tool.title()),
            migrations: prepared.migrations,
            backup_plan: prepared.policy.plan,
            seeded: None,
        }
    }

    pub(super) fn done(
        settings: &Settings,
        prepared: PreparedReset,
        built: Built,
        backup: Option<LastBackup>,
        strict: bool,
    ) -> Self {
        let exit = if strict { built.check.exit } else { Exit::Clean };
        let check = SchemaReport { backup, ..built.check.ending(exit) };
        let planned = Self::planned(settings, prepared);
        Self { check, migrations: built.applied, seeded: Some(built.seeded), ..planned }
    }

    pub(super) fn exit(&self) -> Exit {
        self.check.exit
    }

    fn verdict(&self) -> (String, Tone) {
        let objects = plural(self.plan.objects(), "object");
        let migrations = plural(self.migrations.len(), "migration");
        match self.seeded {
            None => (
                format!("dry run: {objects} would be dropped, {migrations} applied; nothing was changed"),
                Tone::Good,
            ),
            Some(rows) => {
                let seeds =
                    if rows > 0 { format!(", inserted {}", plural(rows, "row")) } else { String::new() };
                let tone = if self.exit() == Exit::Clean { Tone::Good } else { Tone::Warning };
                (format!("done: dropped {objects}, applied {migrations}{seeds}"), tone)
            }
        }
    }
}

/// What is shown before the question.
pub(super) fn proposal(settings: &Settings, prepared: &PreparedReset) -> View {
    let by = settings.migrations.tool.map(|tool| tool.title());
    View::new().headline(prepared.check.headline()).then(what_goes(&prepared.plan)).then(what_comes(
        &prepared.migrations,
        by,
        &prepared.policy.plan,
    ))
}

/// The schemas, and everything that does not come back.
fn what_goes(plan: &ResetPlan) -> View {
    let columns = [
        ("schema", Content::Code),
        ("is", Content::Prose),
        ("objects", Content::Number),
        ("tables", Content::Number),
        ("with rows", Content::Number),
        ("rows (estimated)", Content::Number),
    ];
    let mut table = Table::new(&columns).compact();
    for part in &plan.schemas {
        let action = match part.action {
            SchemaAction::Drop => "dropped",
            SchemaAction::Empty => "emptied",
        };
        let rows = match part.never_analyzed {
            0 => part.rows.to_string(),
            tables => format!("{} and those of {}", part.rows, plural(tables, "table")),
        };
        let counts = [part.objects, part.tables, part.tables_with_rows].map(|count| count.to_string());
        let [objects, tables, with_rows] = counts;
        table.push([part.schema.clone(), action.to_owned(), objects, tables, with_rows, rows]);
    }
    let lost = [
        ("no migration makes these, and they do not come back", &plan.undeclared),
        ("dropped, too, because it depends on that", &plan.outside),
    ];
    let lost = lost.into_iter().filter(|(_, names)| !names.is_empty());
    let view = lost
        .map(|(title, names)| Text::labelled(title, named(names)).tone(Tone::Warning))
        .fold(View::new().table(table), View::text);
    let others = [("dropped, too, and created again", &plan.beside), ("kept", &plan.kept)];
    let others = others.into_iter().filter(|(_, names)| !names.is_empty());
    others.map(|(title, names)| Text::labelled(title, named(names))).fold(view, View::text)
}

/// What is done then.
fn what_comes(migrations: &[String], tool: Option<&str>, backup: &BackupPlan) -> View {
    let which = match migrations {
        [] => "none".to_owned(),
        [only] => only.clone(),
        [first, .., last] => format!("{}, {first} to {last}", migrations.len()),
    };
    let by = tool.map(|tool| format!(" (by {tool})")).unwrap_or_default();
    View::new().text(Text::labelled("migrations", format!("{which}{by}"))).line(backup.summary())
}

/// The first of some names, and how many more there are.
fn named(names: &[String]) -> String {
    let first: Vec<&str> = names.iter().take(MOST_NAMED).map(String::as_str).collect();
    match names.len().saturating_sub(MOST_NAMED) {
        0 => first.join(", "),
        more => format!("{} and {more} more (--format json lists all)", first.join(", ")),
    }
}

impl Report for ResetReport {
    fn envelope(&self) -> Envelope<'_> {
        self.check.envelope()
    }

    fn findings(&self) -> Option<&[Finding]> {
        self.seeded.and_then(|_| self.check.findings())
    }

    fn view(&self) -> View {
        let mut view = View::new().headline(self.check.headline()).then(what_goes(&self.plan));
        if self.seeded.is_none() {
            view = view.then(what_comes(&self.migrations, self.tool, &self.backup_plan));
        }
        if let Some(backup) = &self.check.backup {
            view = view.line(format!("backup: {}", backup.summary()));
        }
        let (verdict, tone) = self.verdict();
        let view = view.notes(&self.check.notes).verdict(verdict, tone);
        match self.check.findings.len() {
            0 => view,
            _ if self.seeded.is_none() => view,
            some => {
                view.text(Text::new(format!("{}: trueup check", plural(some, "difference"))).when_quiet(true))
            }
        }
    }
}

/// The body of the JSON document: that of `check` after the reset, and `reset`.
impl Serialize for ResetReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Body<'a> {
            #[serde(flatten)]
            check: &'a SchemaReport,
            reset: Reset<'a>,
        }
        #[derive(Serialize)]
        struct Reset<'a> {
            done: bool,
            #[serde(flatten)]
            plan: &'a ResetPlan,
            migrations: &'a [String],
            seeded: Option<usize>,
            backup_plan: &'a BackupPlan,
        }
        let Self { check, plan, migrations, backup_plan, seeded, .. } = self;
        let done = seeded.is_some();
        let reset = Reset { done, plan, migrations, seeded: *seeded, backup_plan };
        Body { check, reset }.serialize(serializer)
    }
}
