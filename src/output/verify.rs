//! What the data checks found, and what became of the rows that were repaired.

use std::fmt::{self, Write};
use std::time::Duration;

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use super::backup_plan::{BackupPlan, LastBackup};
use super::document::{Format, Summary, Target, plural};
use super::envelope::{sealed, written};
use super::escape::escape;
use super::markdown;
use super::repair::{FixReport, Stage};
use super::style::Style;
use crate::data::checks::{Severity, VisibilityGap};
use crate::error::Exit;
use crate::writer::seconds;

/// What `trueup verify` found, and with `--fix` did.
#[derive(Debug, Clone, Serialize)]
pub struct VerifyReport {
    /// The run's ULID.
    #[serde(skip)]
    pub run: String,
    /// The exit code.
    #[serde(skip)]
    pub exit: Exit,
    /// The database.
    pub target: Target,
    /// Checks that found rows, by severity.
    pub summary: Summary,
    /// The checks.
    pub checks: Vec<CheckReport>,
    /// How long counting took.
    pub milliseconds: u64,
    /// The checks that were asked for by name.
    #[serde(skip)]
    pub asked: Vec<String>,
    /// With `--fix`: how far it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// With `--fix`: the fixes that have rows, in the order in which they are carried out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fixes: Vec<FixReport>,
    /// What is done about a backup.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup_plan: Option<BackupPlan>,
    /// The backup that was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup: Option<LastBackup>,
    /// Remarks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What to do first, where the repair would be refused.
    #[serde(skip)]
    pub refused: Option<String>,
}

/// What one check found.
#[derive(Debug, Clone, Serialize)]
pub struct CheckReport {
    /// `api_keys_have_a_user`
    pub name: String,
    /// `checks/api_keys_have_a_user.sql`
    pub file: String,
    /// What has to be true.
    pub title: String,
    /// How bad it is.
    pub severity: Severity,
    /// `public.api_keys`
    pub table: Option<String>,
    /// How many rows are wrong; `None` when that cannot be told.
    pub rows: Option<u64>,
    /// Why it cannot be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
    /// What is in the way of seeing everything.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub obstacles: Vec<VisibilityGap>,
    /// The columns that are shown: the key first.
    pub columns: Vec<String>,
    /// Some of the rows that are wrong.
    pub sample: Vec<Vec<Option<String>>>,
    /// Its fixes.
    pub fixes: Vec<String>,
    /// After a repair: why rows are left.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<String>,
    /// How long it took.
    pub milliseconds: u64,
}

impl CheckReport {
    fn fails(&self) -> bool {
        self.rows.is_some_and(|rows| rows > 0)
    }

    fn count(&self) -> String {
        self.rows.map_or_else(|| "cannot tell".to_owned(), |rows| rows.to_string())
    }
}

/// The word of a severity.
pub(super) fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

impl VerifyReport {
    /// Counts the checks that found rows.
    pub fn summary_of(checks: &[CheckReport]) -> Summary {
        let count =
            |severity| checks.iter().filter(|check| check.fails() && check.severity == severity).count();
        Summary {
            error: count(Severity::Error),
            warning: count(Severity::Warning),
            info: count(Severity::Info),
        }
    }

    /// What is going to be done, for whoever is asked.
    pub fn proposal(&self, style: Style) -> String {
        written(|out| self.fixes_text(style, out))
    }

    /// The report as text.
    pub fn render(&self, format: Format, style: Style) -> String {
        match format {
            Format::Human => written(|out| self.human(style, out)),
            Format::Json => sealed(Some("verify"), &self.run, self.exit, self),
            Format::Markdown => written(|out| self.markdown(out)),
        }
    }

    fn human(&self, style: Style, out: &mut String) -> fmt::Result {
        if !style.quiet {
            self.target.headline(style, out)?;
            if self.stage != Some(Stage::Planned) {
                self.checks_text(style, out)?;
            }
            self.fixes_text(style, out)?;
            if let Some(backup) = &self.backup {
                writeln!(out, "backup {}", escape(&backup.told()))?;
            }
            for note in &self.notes {
                writeln!(out, "note: {}", escape(note))?;
            }
            writeln!(out)?;
        }
        let took = match self.stage {
            Some(Stage::Planned) => String::new(),
            _ => format!(" ({})", seconds(Duration::from_millis(self.milliseconds))),
        };
        let verdict = self.verdict() + &took;
        let verdict = match (self.exit, self.summary.error) {
            (Exit::Clean, _) => style.green(&verdict),
            (_, 0) => style.yellow(&verdict),
            _ => style.red(&verdict),
        };
        writeln!(out, "{}", style.bold(&verdict))?;
        for next in self.next() {
            writeln!(out, "next: {}", escape(&next))?;
        }
        Ok(())
    }

    fn checks_text(&self, style: Style, out: &mut String) -> fmt::Result {
        if !self.checks.is_empty() {
            let mut table = Table::new();
            table
                .load_style(presets::UTF8_FULL)
                .set_content_arrangement(ContentArrangement::Dynamic)
                .set_width(style.width)
                .set_header(["check", "what has to be true", "rows", "fixes"]);
            for check in &self.checks {
                let fixes = if check.fixes.is_empty() { "none".to_owned() } else { check.fixes.join("\n") };
                table.add_row([
                    format!("{}\n{}", escape(&check.name), word(check.severity)),
                    escape(&check.title).into_owned(),
                    check.count(),
                    escape(&fixes.replace('\n', ", ")).into_owned(),
                ]);
            }
            writeln!(out, "{table}")?;
        }
        for check in &self.checks {
            if let Some(why) = &check.unknown {
                writeln!(out, "{}: {}", style.bold(&escape(&check.name)), style.yellow(&escape(why)))?;
            }
            if check.fails() && !check.sample.is_empty() {
                let shown = check.sample.len() as u64;
                let some =
                    if check.rows == Some(shown) { String::new() } else { format!(", {shown} of them") };
                writeln!(
                    out,
                    "\n{}: {}{some}",
                    style.bold(&escape(&check.name)),
                    rows(check.rows.unwrap_or(0))
                )?;
                writeln!(out, "{}", rows_table(&check.columns, &check.sample, style))?;
            }
            for why in &check.left {
                writeln!(out, "{}: {}", style.bold(&escape(&check.name)), escape(why))?;
            }
        }
        Ok(())
    }

    fn fixes_text(&self, style: Style, out: &mut String) -> fmt::Result {
        for fix in &self.fixes {
            fix.write(self.stage.unwrap_or(Stage::Planned), style, out)?;
        }
        for check in self.checks.iter().filter(|_| self.stage == Some(Stage::Planned)) {
            for why in &check.left {
                writeln!(out, "{}: {}", style.bold(&escape(&check.name)), escape(why))?;
            }
        }
        if let (Some(plan), None) = (&self.backup_plan, &self.backup) {
            writeln!(out, "{}", escape(&plan.told()))?;
        }
        Ok(())
    }

    /// One line that says it all.
    pub fn verdict(&self) -> String {
        let unknown = self.checks.iter().filter(|check| check.rows.is_none()).count();
        let failing = self.checks.iter().filter(|check| check.fails()).count();
        let wrong: u64 = self.checks.iter().filter_map(|check| check.rows).sum();
        let all = plural(self.checks.len(), "check");
        let changed: u64 = self.fixes.iter().map(|fix| fix.changed).sum();
        let done = match self.stage {
            Some(Stage::Done) if changed > 0 => format!("repaired {}; ", rows(changed)),
            _ => String::new(),
        };
        if self.stage == Some(Stage::Planned) {
            let planned: u64 = self.fixes.iter().map(|fix| fix.rows).sum();
            return match planned {
                0 => "a plan, nothing was changed: no fix proposes anything".to_owned(),
                planned => format!("a plan, nothing was changed: repair {}", rows(planned)),
            };
        }
        let remarks = self.checks.iter().filter(|check| check.fails() && check.severity == Severity::Info);
        let only_remarks = remarks.count() == failing;
        match (unknown, failing) {
            (0, failing) if failing > 0 && only_remarks => {
                format!("{done}clean: {all}; {} found in passing", rows(wrong))
            }
            _ if self.checks.is_empty() => "nothing to verify: checks/ holds no check".to_owned(),
            (0, 0) => format!("{done}clean: {all}, no row is wrong"),
            (0, failing) => {
                let fail = if failing == 1 { "fails" } else { "fail" };
                format!("{done}not clean: {failing} of {all} {fail}, {}", rows(wrong))
            }
            (unknown, 0) => format!("{done}cannot tell: {unknown} of {all} cannot see everything"),
            (unknown, failing) => format!(
                "{done}cannot tell all: {unknown} of {all} cannot see everything, {failing} found {}",
                rows(wrong)
            ),
        }
    }

    /// What to run next.
    pub fn next(&self) -> Vec<String> {
        let mut next = Vec::new();
        if let Some(check) = self.checks.iter().find(|check| check.rows.is_none()) {
            let role = crate::postgres::sql::identifier(&self.target.role).into_owned();
            next.push(match check.obstacles.first() {
                Some(obstacle) => obstacle.remedy(&role),
                None => format!("look at {}", check.file),
            });
        }
        let names = |of: &dyn Fn(&&CheckReport) -> bool| -> String {
            let all = self.checks.iter().filter(|check| check.fails()).count();
            let found: Vec<&str> = self
                .checks
                .iter()
                .filter(|check| check.fails())
                .filter(of)
                .map(|check| check.name.as_str())
                .collect();
            if found.len() == all { String::new() } else { format!(" {}", found.join(" ")) }
        };
        let fixable = |check: &&CheckReport| !check.fixes.is_empty();
        let any = self.checks.iter().any(|check| check.fails() && fixable(&check));
        match self.stage {
            None if any => next.push(format!("trueup verify --fix{} --dry-run", names(&fixable))),
            Some(Stage::Planned) if self.refused.is_some() => next.extend(self.refused.clone()),
            Some(Stage::Planned) if self.fixes.iter().any(|fix| fix.rows > 0) => {
                let named: String = self.asked.iter().map(|name| format!(" {name}")).collect();
                next.push(format!("trueup verify --fix{named}"));
            }
            Some(Stage::Done) if self.fixes.iter().any(|fix| fix.changed > 0) => {
                next.push(format!("to take it back: trueup undo {}", self.run));
            }
            _ => {}
        }
        next
    }

    fn markdown(&self, out: &mut String) -> fmt::Result {
        writeln!(out, "## trueup verify: {}\n", markdown::cell(&self.verdict()))?;
        if !self.checks.is_empty() {
            writeln!(out, "| check | severity | what has to be true | rows |\n|---|---|---|--:|")?;
        }
        for check in &self.checks {
            writeln!(
                out,
                "| {} | {} | {} | {} |",
                markdown::code(&check.name),
                word(check.severity),
                markdown::cell(&check.title),
                check.count()
            )?;
        }
        for check in &self.checks {
            if let Some(why) = &check.unknown {
                writeln!(out, "\n{}: {}", markdown::code(&check.name), markdown::cell(why))?;
            }
            if !check.sample.is_empty() {
                writeln!(out, "\n{}\n", markdown::code(&check.name))?;
                markdown_rows(&check.columns, &check.sample, out)?;
            }
            for why in &check.left {
                writeln!(out, "\n{}: {}", markdown::code(&check.name), markdown::cell(why))?;
            }
        }
        for fix in &self.fixes {
            fix.markdown(self.stage.unwrap_or(Stage::Planned), out)?;
        }
        for note in &self.notes {
            writeln!(out, "\nNote: {}", markdown::cell(note))?;
        }
        for next in self.next() {
            writeln!(out, "\nNext: {}", markdown::code(&next))?;
        }
        Ok(())
    }
}

/// `1 row`, `12 rows`
pub(super) fn rows(count: u64) -> String {
    plural(usize::try_from(count).unwrap_or(usize::MAX), "row")
}

/// A value for a person.
pub(super) fn shown(value: &Option<String>) -> String {
    value.as_deref().map_or("NULL".into(), escape).into_owned()
}

pub(super) fn rows_table(columns: &[String], rows: &[Vec<Option<String>>], style: Style) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(style.width)
        .set_header(columns.iter().map(|column| escape(column).into_owned()));
    for row in rows {
        table.add_row(row.iter().map(shown));
    }
    table
}

pub(super) fn markdown_rows(
    columns: &[String],
    rows: &[Vec<Option<String>>],
    out: &mut String,
) -> fmt::Result {
    let line = |cells: Vec<String>| format!("| {} |", cells.join(" | "));
    writeln!(out, "{}", line(columns.iter().map(|column| markdown::cell(column)).collect()))?;
    writeln!(out, "{}", line(columns.iter().map(|_| "---".to_owned()).collect()))?;
    for row in rows {
        let cell =
            |value: &Option<String>| value.as_deref().map_or_else(|| "NULL".to_owned(), markdown::cell);
        writeln!(out, "{}", line(row.iter().map(cell).collect()))?;
    }
    Ok(())
}
