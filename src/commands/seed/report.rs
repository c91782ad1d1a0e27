//! The report of `trueup seed`.

use serde::Serialize;

use crate::error::Exit;
use crate::findings::{Command, Finding};
use crate::output::view::{Content, Table, Text, Tone, View, or_null};
use crate::output::{Envelope, Report};
use crate::text::plural;
use crate::workflow::reports::backup_plan::{BackupPlan, LastBackup};
use crate::workflow::reports::target::TargetReport;
use crate::workflow::seeding::UndeclaredTable;

/// The most rows that people are shown; JSON has all.
const MOST: usize = 20;

/// How far the command went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum SeedStage {
    /// `--check`: rows were compared, and nothing will be done.
    Checked,
    /// `--dry-run`, or before the question: nothing is done yet.
    Planned,
    /// The rows are seeded.
    Done,
}

/// Why a row is not as declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RowState {
    /// The row does not exist.
    Missing,
    /// The declaration is newer than the row.
    Different,
    /// Somebody changed the row by hand.
    Edited,
    /// Its columns were declared only after the row was seeded, so nobody knows where their values come from.
    Unseeded,
}

/// The plan or the result for all tables.
#[derive(Debug, Clone, Serialize)]
pub(super) struct SeedReport {
    /// The ULID of the run.
    #[serde(skip)]
    pub(super) run: String,
    /// The exit code.
    #[serde(skip)]
    pub(super) exit: Exit,
    /// The database.
    pub(super) target: TargetReport,
    /// How far the command went.
    pub(super) stage: SeedStage,
    /// Whether manual edits are overwritten.
    #[serde(skip)]
    pub(super) overwrite: bool,
    /// The tables in the order of seeding.
    pub(super) tables: Vec<SeedTable>,
    /// The tables that were seeded, and of which no file declares rows any more.
    #[serde(rename = "undeclared_tables", skip_serializing_if = "Vec::is_empty")]
    pub(super) undeclared: Vec<UndeclaredTable>,
    /// The sequences that give values which the rows have already (`--check`).
    #[serde(skip)]
    pub(super) behind: Vec<BehindSequence>,
    /// The missing and different rows (`--check`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) findings: Option<Vec<Finding>>,
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

/// A sequence that gives values which its column has already.
#[derive(Debug, Clone)]
pub(super) struct BehindSequence {
    /// What it is and where.
    what: String,
    /// The statement that moves it.
    statement: String,
}

impl BehindSequence {
    /// What the finding says of it.
    pub(super) fn new(Finding { object, cause, remedy, .. }: &Finding) -> Self {
        let why = cause.as_ref().map(|cause| cause.detail.as_str()).unwrap_or_default();
        Self {
            what: format!("sequence {object} is behind: {why}"),
            statement: remedy.sql.clone().unwrap_or_default(),
        }
    }
}

/// The rows of one table.
#[derive(Debug, Clone, Serialize)]
pub(super) struct SeedTable {
    /// The table: `public.organizations`.
    pub(super) table: String,
    /// The file: `schema/seeds/organizations.toml`.
    pub(super) file: String,
    /// The number of declared rows.
    pub(super) declared: usize,
    /// The number of rows that are, or were, inserted.
    pub(super) missing: usize,
    /// The number of rows that are, or were, updated.
    pub(super) different: usize,
    /// The number of rows with manual edits, which are kept.
    pub(super) edited: usize,
    /// The number of rows with differing columns that were never seeded, which are kept.
    pub(super) unseeded: usize,
    /// The number of rows that are only recorded as seeded.
    pub(super) recorded: usize,
    /// The number of rows that were seeded once and are not declared any more, which are kept.
    pub(super) no_longer_declared: usize,
    /// These rows.
    pub(super) no_longer_declared_rows: Vec<String>,
    /// The rows that differ from the declaration.
    pub(super) rows: Vec<SeedRow>,
}

/// What is to be said of a table of which no file declares rows any more.
fn undeclared_note(undeclared: &UndeclaredTable, stage: SeedStage) -> String {
    let UndeclaredTable { table, seeded, rows, unknown, is_dropped } = undeclared;
    match unknown {
        Some(_) if *is_dropped => {
            let recorded = plural(*seeded, "seeded row");
            let removed = match stage {
                SeedStage::Done => "was removed",
                SeedStage::Checked | SeedStage::Planned => "is removed by the next `trueup seed`",
            };
            format!("table {table} does not exist any more: the record of its {recorded} {removed}")
        }
        None => {
            format!(
                "no file of schema/seeds/ declares rows of {table} any more, kept in the database: {}",
                named(rows)
            )
        }
        Some(why) => format!(
            "no file of schema/seeds/ declares rows of {table} any more, where {} seeded: {why}",
            if *seeded == 1 { "1 row was".to_owned() } else { format!("{seeded} rows were") }
        ),
    }
}

/// The names of rows, at most [`MOST`] of them.
fn named(rows: &[String]) -> String {
    let named: Vec<String> = rows.iter().take(MOST).map(|row| row.replace('\n', "\\n")).collect();
    let more = rows.len().saturating_sub(MOST);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", named.join(", "))
}

/// A row that differs from the declaration.
#[derive(Debug, Clone, Serialize)]
pub(super) struct SeedRow {
    /// The row: `public.organizations[public_id=6f1c2a34]`.
    pub(super) object: String,
    /// Why it differs.
    pub(super) state: RowState,
    /// Where it is declared: `schema/seeds/organizations.toml:5`.
    pub(super) declared_at: String,
    /// The columns that differ.
    pub(super) columns: Vec<SeedColumn>,
}

/// A column that differs.
#[derive(Debug, Clone, Serialize)]
pub(super) struct SeedColumn {
    /// The name of the column.
    pub(super) name: String,
    /// The declared value; `None` for NULL.
    pub(super) declared: Option<String>,
    /// The value in the database; `None` for NULL.
    pub(super) actual: Option<String>,
}

impl Report for SeedReport {
    fn envelope(&self) -> Envelope<'_> {
        Envelope { command: Some("seed"), run: &self.run, exit: self.exit }
    }

    fn view(&self) -> View {
        let tone = if self.exit == Exit::Clean { Tone::Good } else { Tone::Warning };
        View::new()
            .headline(self.target.headline())
            .then(self.proposal())
            .verdict(self.verdict(), tone)
            .next(self.next())
    }

    fn findings(&self) -> Option<&[Finding]> {
        self.findings.as_deref()
    }

    fn passed(&self) -> Vec<String> {
        let whole = self.tables.iter().filter(|table| table.rows.is_empty());
        whole.map(|table| format!("{} as declared in {}", table.table, table.file)).collect()
    }
}

impl SeedReport {
    /// The sum of a count over all tables.
    fn count(&self, of: impl Fn(&SeedTable) -> usize) -> usize {
        self.tables.iter().map(of).sum()
    }

    /// The planned changes, before they are confirmed.
    pub(super) fn proposal(&self) -> View {
        let rows: Vec<&SeedRow> = self.tables.iter().flat_map(|table| &table.rows).collect();
        let titles = ["row", "database", "declared", "action"];
        let mut table = Table::new(&titles.map(|title| (title, Content::Prose)));
        table.columns[0].content = Content::Code;
        for row in rows.iter().take(MOST) {
            let (database, declared) = match row.state {
                // The folder is the same for all of them and is left out.
                RowState::Missing => {
                    let file = row.declared_at.rsplit('/').next().unwrap_or_default();
                    ("missing".to_owned(), file.to_owned())
                }
                _ => (row.values(|column| &column.actual), row.values(|column| &column.declared)),
            };
            // A value of the key may have line ends in it.
            let object = row.object.replace('\n', "\\n");
            table.push([object, database, declared, self.action(row).to_owned()]);
        }
        let mut view = View::new().table(table);
        if rows.len() > MOST {
            let more = plural(rows.len() - MOST, "row");
            view = view.line(format!("and {more} more (--format json lists all)"));
        }
        view = match (&self.backup, &self.backup_plan) {
            (Some(backup), _) => view.text(Text::new(format!("backup: {}", backup.summary()))),
            (None, Some(plan)) => view.line(plan.summary()),
            (None, None) => view,
        };
        let undeclared = self.tables.iter().filter(|table| table.no_longer_declared > 0).map(|table| {
            let rows = named(&table.no_longer_declared_rows);
            format!("no longer declared in {}, kept in the database: {rows}", table.file)
        });
        let undeclared =
            undeclared.chain(self.undeclared.iter().map(|table| undeclared_note(table, self.stage)));
        let behind = self.behind.iter().map(|behind| behind.what.clone());
        view.notes(behind.chain(undeclared).chain(self.notes.iter().cloned()))
    }

    fn action(&self, row: &SeedRow) -> &'static str {
        match (row.state, self.stage) {
            (RowState::Missing, SeedStage::Done) => "inserted",
            (RowState::Missing, _) => "insert",
            (RowState::Different, SeedStage::Done) => "updated",
            (RowState::Different, _) => "update",
            (RowState::Unseeded, _) => "skip: never seeded",
            (RowState::Edited, _) => "skip: changed by hand",
        }
    }

    /// The result in one line.
    fn verdict(&self) -> String {
        let (missing, different) = (self.count(|table| table.missing), self.count(|table| table.different));
        let (edited, recorded) = (self.count(|table| table.edited), self.count(|table| table.recorded));
        let declared = plural(self.count(|table| table.declared), "row");
        let unseeded = self.count(|table| table.unseeded);
        let mut skipped = match edited {
            0 => String::new(),
            count => format!("; {} changed by hand, skipped", plural(count, "row")),
        };
        if unseeded > 0 {
            let rows = plural(unseeded, "row");
            skipped += &format!("; {rows} not as declared in columns that were never seeded, skipped");
        }
        if self.tables.is_empty() {
            return "nothing to do: schema/seeds/ declares no rows".to_owned();
        }
        match self.stage {
            SeedStage::Checked if missing + different + edited + unseeded == 0 => match self.behind.len() {
                0 => format!("OK: {declared} as declared"),
                behind => format!("{declared} as declared; {} behind", plural(behind, "sequence")),
            },
            SeedStage::Checked => {
                let parts = [
                    (missing, "missing"),
                    (different, "different"),
                    (edited, "changed by hand"),
                    (unseeded, "in columns never seeded"),
                ];
                let parts: Vec<String> = parts
                    .into_iter()
                    .filter(|(count, _)| *count > 0)
                    .map(|(count, word)| format!("{count} {word}"))
                    .collect();
                format!("not as declared: {}, of {declared}", parts.join(", "))
            }
            SeedStage::Planned => {
                let inserted = plural(missing, "row");
                format!(
                    "dry run: {inserted} would be inserted, {different} updated; nothing was changed{skipped}"
                )
            }
            SeedStage::Done if missing + different + recorded == 0 => {
                let is_all = edited + unseeded == 0;
                let as_declared = if is_all { format!(": {declared} as declared") } else { skipped };
                let removed = self.undeclared.iter().any(|table| table.is_dropped);
                format!("{}{as_declared}", if removed { "done" } else { "nothing to do" })
            }
            SeedStage::Done if missing + different == 0 => {
                format!(
                    "done: {} as declared already, now recorded as seeded{skipped}",
                    plural(recorded, "row")
                )
            }
            SeedStage::Done => {
                format!("done: inserted {}, updated {different}{skipped}", plural(missing, "row"))
            }
        }
    }

    fn next(&self) -> Vec<String> {
        let to_do = self.count(|table| table.missing + table.different) > 0;
        let edited = self.count(|table| table.edited) > 0;
        match (self.stage, to_do, edited || self.count(|table| table.unseeded) > 0) {
            (SeedStage::Checked | SeedStage::Planned, true, _) if self.overwrite => {
                vec![Command::SeedOverwrite.to_string()]
            }
            (SeedStage::Checked | SeedStage::Planned, true, _) => vec![Command::Seed.to_string()],
            (SeedStage::Checked, ..) if !self.behind.is_empty() => {
                self.behind.iter().map(|behind| behind.statement.clone()).collect()
            }
            (_, _, true) => {
                let what = if edited { "was changed by hand" } else { "is there" };
                vec![format!("to keep what {what}, put it into the file; else: {}", Command::SeedOverwrite)]
            }
            _ => Vec::new(),
        }
    }
}

impl SeedRow {
    /// The values of a row's columns, a line each: `name: Platform`.
    fn values(&self, value: fn(&SeedColumn) -> &Option<String>) -> String {
        let line = |column: &SeedColumn| format!("{}: {}", column.name, or_null(value(column).as_deref()));
        self.columns.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}
