//! What `trueup seed` would do, has done, and has left alone.

use std::fmt::{self, Write};

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use super::backup_plan::{BackupPlan, LastBackup};
use super::document::{Format, Target, plural};
use super::envelope::{sealed, written};
use super::escape::escape;
use super::human::keep_names_whole;
use super::markdown;
use super::style::Style;
use crate::error::Exit;

/// How much of the width the names of rows may take.
const NAMES: f64 = 0.62;
/// So many rows are shown to a person.
const MOST: usize = 20;

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Nothing is going to be done: it was only asked.
    Checked,
    /// Nothing was done: the plan was asked for.
    Planned,
    /// It is done.
    Done,
}

/// The rows of all tables.
#[derive(Debug, Clone, Serialize)]
pub struct SeedReport {
    /// The run's ULID.
    #[serde(skip)]
    pub run: String,
    /// The exit code.
    #[serde(skip)]
    pub exit: Exit,
    /// The database.
    pub target: Target,
    /// How far it is.
    pub stage: Stage,
    /// Whether what somebody else has changed is taken over.
    #[serde(skip)]
    pub overwrite: bool,
    /// The tables, in the order that they are seeded in.
    pub tables: Vec<SeedTable>,
    /// What is done about a backup.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup_plan: Option<BackupPlan>,
    /// The backup that was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup: Option<LastBackup>,
    /// Remarks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// The rows of a table.
#[derive(Debug, Clone, Serialize)]
pub struct SeedTable {
    /// `public.organizations`
    pub table: String,
    /// `schema/seeds/organizations.toml`
    pub file: String,
    /// How many rows are declared.
    pub declared: usize,
    /// How many are, or were, made.
    pub missing: usize,
    /// How many are, or were, changed.
    pub different: usize,
    /// How many somebody else has changed: left alone.
    pub edited: usize,
    /// How many have columns that were never seeded, and not what is declared: left alone.
    pub unseeded: usize,
    /// How many are only recorded as seeded.
    pub recorded: usize,
    /// How many were seeded once and are declared no more: left alone.
    pub no_longer_declared: usize,
    /// The rows that are not as declared.
    pub rows: Vec<SeedRow>,
}

/// A row that is not as declared.
#[derive(Debug, Clone, Serialize)]
pub struct SeedRow {
    /// `public.organizations[public_id=6f1c2a34]`
    pub object: String,
    /// `missing`, `different` (the declaration is newer), `edited` (somebody else has changed it) or `unseeded` (declared
    /// only after the row was seeded, and nobody knows where its value comes from).
    pub state: &'static str,
    /// Where it is declared: `schema/seeds/organizations.toml:5`.
    pub declared_at: String,
    /// The columns that differ.
    pub columns: Vec<SeedColumn>,
}

/// A column that differs.
#[derive(Debug, Clone, Serialize)]
pub struct SeedColumn {
    /// Its name.
    pub name: String,
    /// What is declared; `None` for NULL.
    pub declared: Option<String>,
    /// What the database has, or had; `None` for NULL.
    pub actual: Option<String>,
}

impl SeedReport {
    fn count(&self, of: impl Fn(&SeedTable) -> usize) -> usize {
        self.tables.iter().map(of).sum()
    }

    /// What is going to be done, for a terminal.
    pub fn proposal(&self, style: Style) -> String {
        written(|out| self.body(style, out))
    }

    /// The report as text.
    pub fn render(&self, format: Format, style: Style) -> String {
        match format {
            Format::Human => written(|out| self.human(style, out)),
            Format::Json => sealed(Some("seed"), &self.run, self.exit, self),
            Format::Markdown => written(|out| self.markdown(out)),
        }
    }

    fn body(&self, style: Style, out: &mut String) -> fmt::Result {
        let rows: Vec<&SeedRow> = self.tables.iter().flat_map(|table| &table.rows).collect();
        if !rows.is_empty() {
            let mut table = Table::new();
            table
                .load_style(presets::UTF8_FULL)
                .set_content_arrangement(ContentArrangement::Dynamic)
                .set_width(style.width)
                .set_header(["row", "database", "declared", "action"]);
            for row in rows.iter().take(MOST) {
                let side = |value: fn(&SeedColumn) -> &Option<String>| sides(row, value);
                let (database, declared) = match row.state {
                    // The folder is the same for all of them.
                    "missing" => {
                        let place = row.declared_at.rsplit('/').next().unwrap_or_default();
                        ("missing".to_owned(), escape(place).into_owned())
                    }
                    _ => (side(|column| &column.actual), side(|column| &column.declared)),
                };
                table.add_row([
                    escape(&row.object).into_owned(),
                    database,
                    declared,
                    self.action(row).to_owned(),
                ]);
            }
            keep_names_whole(&mut table, 0, (f64::from(style.width) * NAMES) as u16);
            writeln!(out, "{table}")?;
        }
        if rows.len() > MOST {
            writeln!(out, "and {} more (--format json lists all)", plural(rows.len() - MOST, "row"))?;
        }
        if let Some(plan) = &self.backup_plan
            && self.backup.is_none()
        {
            writeln!(out, "{}", escape(&plan.told()))?;
        }
        if let Some(backup) = &self.backup {
            writeln!(out, "backup {}", escape(&backup.told()))?;
        }
        for table in self.tables.iter().filter(|table| table.no_longer_declared > 0) {
            let count = plural(table.no_longer_declared, "row");
            let what = format!("{count} of {} seeded once and declared no more: left alone", table.table);
            writeln!(out, "note: {}", escape(&what))?;
        }
        for note in &self.notes {
            writeln!(out, "note: {}", escape(note))?;
        }
        Ok(())
    }

    fn action(&self, row: &SeedRow) -> &'static str {
        match (row.state, self.stage) {
            ("missing", Stage::Done) => "made",
            ("missing", _) => "make it",
            ("different", Stage::Done) => "changed",
            ("different", _) => "change it",
            ("unseeded", _) => "left alone: never seeded",
            _ => "left alone: changed by hand",
        }
    }

    fn human(&self, style: Style, out: &mut String) -> fmt::Result {
        if !style.quiet {
            self.target.headline(style, out)?;
            self.body(style, out)?;
        }
        let verdict = self.verdict();
        let verdict = if self.exit == Exit::Clean { style.green(&verdict) } else { style.yellow(&verdict) };
        writeln!(out, "{}", style.bold(&verdict))?;
        if let Some(next) = self.next() {
            writeln!(out, "next: {}", escape(&next))?;
        }
        Ok(())
    }

    /// One line that says it all.
    fn verdict(&self) -> String {
        let (missing, different) = (self.count(|table| table.missing), self.count(|table| table.different));
        let (edited, recorded) = (self.count(|table| table.edited), self.count(|table| table.recorded));
        let declared = plural(self.count(|table| table.declared), "row");
        let unseeded = self.count(|table| table.unseeded);
        let mut kept = match edited {
            0 => String::new(),
            count => format!("; {} changed by hand, left alone", plural(count, "row")),
        };
        if unseeded > 0 {
            let rows = plural(unseeded, "row");
            kept += &format!("; {rows} not as declared in columns that were never seeded, left alone");
        }
        if self.tables.is_empty() {
            return "nothing to do: schema/seeds/ declares no rows".to_owned();
        }
        match self.stage {
            Stage::Checked if missing + different + edited + unseeded == 0 => {
                format!("clean: {declared} as declared")
            }
            Stage::Checked => {
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
            Stage::Planned => {
                let made = plural(missing, "row");
                format!("a plan, nothing was changed: make {made}, change {different}{kept}")
            }
            Stage::Done if missing + different + recorded == 0 => {
                let is_all = edited + unseeded == 0;
                let as_declared = if is_all { format!(": {declared} as declared") } else { kept };
                format!("nothing to do{as_declared}")
            }
            Stage::Done if missing + different == 0 => {
                format!("done: {} as declared already, now recorded as seeded{kept}", plural(recorded, "row"))
            }
            Stage::Done => format!("done: made {}, changed {different}{kept}", plural(missing, "row")),
        }
    }

    fn next(&self) -> Option<String> {
        let to_do = self.count(|table| table.missing + table.different) > 0;
        let edited = self.count(|table| table.edited) > 0;
        match (self.stage, to_do, edited || self.count(|table| table.unseeded) > 0) {
            (Stage::Checked | Stage::Planned, true, _) if self.overwrite => {
                Some("trueup seed --overwrite".to_owned())
            }
            (Stage::Checked | Stage::Planned, true, _) => Some("trueup seed".to_owned()),
            (_, _, true) => {
                let what = if edited { "was changed by hand" } else { "is there" };
                Some(format!("to keep what {what}, put it into the file; else: trueup seed --overwrite"))
            }
            _ => None,
        }
    }

    fn markdown(&self, out: &mut String) -> fmt::Result {
        writeln!(out, "## trueup seed: {}\n", markdown::cell(&self.verdict()))?;
        let rows = || self.tables.iter().flat_map(|table| &table.rows);
        if rows().next().is_some() {
            writeln!(out, "| row | database | declared | action |\n|---|---|---|---|")?;
        }
        for row in rows() {
            let (database, declared) = match row.state {
                "missing" => ("missing".to_owned(), row.declared_at.clone()),
                _ => (sides(row, |column| &column.actual), sides(row, |column| &column.declared)),
            };
            writeln!(
                out,
                "| {} | {} | {} | {} |",
                markdown::code(&row.object),
                markdown::cell(&database),
                markdown::cell(&declared),
                self.action(row)
            )?;
        }
        for note in &self.notes {
            writeln!(out, "\nNote: {}", markdown::cell(note))?;
        }
        if let Some(next) = self.next() {
            writeln!(out, "\nNext: {}", markdown::code(&next))?;
        }
        Ok(())
    }
}

/// `name: Platform`, a line for each column.
fn sides(row: &SeedRow, value: fn(&SeedColumn) -> &Option<String>) -> String {
    let line = |column: &SeedColumn| {
        let shown = value(column).as_deref().map_or("NULL".into(), escape);
        format!("{}: {shown}", escape(&column.name))
    };
    row.columns.iter().map(line).collect::<Vec<_>>().join("\n")
}
