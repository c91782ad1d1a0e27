//! Which version a database was found at, what differs from it, and what is recorded of it.

use std::fmt::{self, Write};

use serde::Serialize;

use super::document::{Document, Format, plural};
use super::escape::escape;
use super::markdown::cell;
use super::plan::PlanReport;
use super::style::Style;
use super::{human, markdown};
use crate::model::diagnosis::CauseKind;

/// What `adopt` found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AdoptionReport {
    /// The version that the catalog is closest to, or that was stated, or that refinery's history has.
    pub version: String,
    /// Its name.
    pub name: String,
    /// How many of the project's migrations lead to it.
    pub migrations: usize,
    /// How many migrations the project has.
    pub of: usize,
    /// Whether the operator stated the version.
    pub stated: bool,
    /// Whether refinery's history was there already, so that it stays as it is.
    pub has_history: bool,
    /// How many objects differ from what that version builds.
    pub differences: usize,
    /// Those of them that were accepted.
    pub accepted: Vec<String>,
    /// Migrations among them that change nothing that a catalog shows.
    pub rows_alone: Vec<String>,
}

impl AdoptionReport {
    fn label(&self) -> String {
        escape(&format!("V{}__{}", self.version, self.name)).into_owned()
    }

    /// What was found, in one line.
    fn found(&self) -> String {
        let place = format!("{} of {}", self.migrations, plural(self.of, "migration"));
        let differences = match (self.differences, self.accepted.len()) {
            (0, _) => "the catalog is what it builds".to_owned(),
            (differences, 0) => plural(differences, "difference"),
            (differences, accepted) => format!("{}, {accepted} accepted", plural(differences, "difference")),
        };
        match (self.has_history, self.stated) {
            (true, _) => format!("refinery's history is at {} ({place})", self.label()),
            (false, true) => format!("held against {}, as stated ({place}): {differences}", self.label()),
            (false, false) => format!("closest to {} ({place}): {differences}", self.label()),
        }
    }
}

/// What was found and is to be recorded, for a terminal, before it is asked for.
pub fn adoption_text(document: &Document, style: Style) -> String {
    let mut text = String::new();
    if let (Some(adoption), Some(plan)) = (&document.adoption, &document.plan) {
        // Writing to a String cannot fail.
        let _ = write_found(document, adoption, plan, style, &mut text);
    }
    text
}

fn write_found(
    document: &Document,
    adoption: &AdoptionReport,
    plan: &PlanReport,
    style: Style,
    out: &mut String,
) -> fmt::Result {
    human::header(document, style, out)?;
    if !adoption.has_history {
        human::differences(document, style, out)?;
    }
    human::coverage(document, out)?;
    writeln!(out, "\n{}", adoption.found())?;
    if let Some(records) = records(document, adoption, plan) {
        writeln!(out, "{records}")?;
    }
    for note in &document.notes {
        writeln!(out, "note: {}", escape(note))?;
    }
    writeln!(out)
}

/// What is, or would be, recorded.
fn records(document: &Document, adoption: &AdoptionReport, plan: &PlanReport) -> Option<String> {
    const MOST: usize = 3;
    if plan.steps.is_empty() || document.error.is_some() {
        return None;
    }
    let names: Vec<String> = plan
        .steps
        .iter()
        .map(|step| escape(&format!("V{}__{}", step.version, step.name)).into_owned())
        .collect();
    let names = match names.as_slice() {
        [first, .., last] if names.len() > MOST => {
            format!("{first} to {last} ({})", plural(names.len(), "migration"))
        }
        names => names.join(", "),
    };
    Some(match adoption.has_history {
        true => format!("to be kept in schema trueup: texts and effects of {names}; nothing else is changed"),
        false => format!(
            "to be recorded as applied, not run: {names}; tables, rows and other tools' histories stay as they are"
        ),
    })
}

fn verdict(document: &Document, adoption: &AdoptionReport, plan: &PlanReport) -> String {
    let current = match &document.history.current {
        Some(current) => format!("the database is at V{}", escape(current)),
        None => "nothing is recorded".to_owned(),
    };
    match (&document.error, document.applied.len(), plan.steps.len()) {
        (Some(_), ..) => format!("not adopted: the database is not what {} builds", adoption.label()),
        (None, 0, 0) => format!("nothing to do: {current}"),
        (None, 0, steps) => {
            let would = if adoption.has_history { "take over the records of" } else { "record as applied:" };
            format!("a plan to {would} {}; nothing was changed", plural(steps, "migration"))
        }
        (None, done, _) if adoption.has_history => {
            format!("done: took over the records of {}; {current}", plural(done, "migration"))
        }
        (None, done, _) => format!("done: recorded {} as applied; {current}", plural(done, "migration")),
    }
}

/// What the check says of a database whose history is recorded, other than what the pending migrations change.
fn checked(document: &Document, adoption: &AdoptionReport) -> Option<String> {
    let recorded = adoption.has_history || !document.applied.is_empty();
    let other = document.findings.iter().filter(|finding| finding.cause.kind != CauseKind::Pending);
    let count = if recorded { other.count() } else { 0 };
    let differences = plural(count, "difference");
    (count > 0).then(|| format!("the check found {differences}, other than what is pending: trueup check"))
}

/// What to run next.
fn next(document: &Document) -> Option<String> {
    match (&document.error, document.applied.is_empty()) {
        // Standard error says it.
        (Some(_), _) => None,
        (None, true) if document.plan.as_ref().is_some_and(|plan| !plan.steps.is_empty()) => {
            Some("trueup adopt, without --dry-run".to_owned())
        }
        (None, _) => (!document.history.pending.is_empty()).then(|| "trueup upgrade".to_owned()),
    }
}

pub(super) fn write(document: &Document, format: Format, style: Style, out: &mut String) -> fmt::Result {
    let (Some(adoption), Some(plan)) = (&document.adoption, &document.plan) else { return Ok(()) };
    let verdict = verdict(document, adoption, plan);
    if format == Format::Markdown {
        return write_markdown(document, (adoption, plan), &verdict, out);
    }
    if !style.quiet {
        if document.applied.is_empty() {
            write_found(document, adoption, plan, style, out)?;
        } else {
            human::header(document, style, out)?;
            for note in &document.notes {
                writeln!(out, "note: {}", escape(note))?;
            }
        }
    }
    let verdict = if document.exit_code == 0 { style.green(&verdict) } else { style.yellow(&verdict) };
    writeln!(out, "{}", style.bold(&verdict))?;
    if let Some(checked) = checked(document, adoption) {
        writeln!(out, "{checked}")?;
    }
    if let Some(next) = next(document) {
        writeln!(out, "next: {next}")?;
    }
    Ok(())
}

fn write_markdown(
    document: &Document,
    (adoption, plan): (&AdoptionReport, &PlanReport),
    verdict: &str,
    out: &mut String,
) -> fmt::Result {
    writeln!(out, "## trueup {}: {}\n", document.command, cell(verdict))?;
    for other in &document.history.others {
        let current = other.current.as_deref().map(|current| format!(", at {current}")).unwrap_or_default();
        writeln!(out, "{}: {}{}\n", other.tool, markdown::code(&other.table), cell(&current))?;
    }
    writeln!(out, "{}.\n", cell(&adoption.found()))?;
    if document.applied.is_empty() && !adoption.has_history {
        markdown::findings(document, out)?;
    }
    if let (Some(records), true) = (records(document, adoption, plan), document.applied.is_empty()) {
        writeln!(out, "\n{}", cell(&records))?;
    } else {
        for done in &document.applied {
            writeln!(out, "- {}", cell(&format!("V{}__{}", done.version, done.name)))?;
        }
    }
    if let Some(checked) = checked(document, adoption) {
        writeln!(out, "\n{checked}")?;
    }
    if let Some(next) = next(document) {
        writeln!(out, "\nNext: {}", markdown::code(&next))?;
    }
    Ok(())
}
