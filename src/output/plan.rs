//! What is going to be done to a database, shown before it is asked for; and what was done.

use std::fmt::{self, Write};

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use super::backup_plan::BackupPlan;
use super::document::{Document, plural};
use super::escape::escape;
use super::style::Style;

/// A plan as reports tell it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlanReport {
    /// `up`, `down`, `adopt`.
    pub direction: &'static str,
    /// The steps, in order.
    pub steps: Vec<StepReport>,
    /// The backup that comes before it; `None` for what changes nothing but the history.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup: Option<BackupPlan>,
    /// Why it ends before all that is pending is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop: Option<StopReport>,
    /// What the database has and the project does not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ahead: Vec<String>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepReport {
    /// The migration's version.
    pub version: String,
    /// Its name.
    pub name: String,
    /// The file that is run.
    pub file: String,
    /// Whether old code does not survive it.
    pub contract: bool,
    /// Whether all of it is one transaction.
    pub transactional: bool,
    /// `run`, or `record`: its effect is there already.
    pub action: &'static str,
    /// The data checks that are run before it, and must pass.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub requires_checks: Vec<String>,
    /// The first lines of its statements.
    pub statements: Vec<String>,
    /// The locks that it takes on relations that are there already.
    pub locks: Vec<LockReport>,
}

/// A lock on a relation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LockReport {
    /// The relation, qualified and quoted.
    pub relation: String,
    /// The mode's name in the manual.
    pub mode: &'static str,
    /// Who waits while it is held: `readers and writers`, `writers`, `nobody`.
    pub blocks: &'static str,
    /// How many rows the relation has, by the planner's estimate.
    pub rows: Option<u64>,
    /// How large it is, by the planner's estimate, in bytes.
    pub bytes: Option<u64>,
}

/// Why a plan ends early.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StopReport {
    /// Why, in one sentence.
    pub why: String,
    /// What to run next.
    pub next: String,
    /// What waits.
    pub waiting: Vec<String>,
}

/// How many statements of a migration are shown.
const MOST_STATEMENTS: usize = 4;

/// What is shown before it is asked for: which database, and what is to be done there.
pub fn plan_proposal(document: &Document, style: Style) -> String {
    let mut text = String::new();
    if let Some(plan) = &document.plan {
        // Writing to a String cannot fail.
        let _ = super::human::header(document, style, &mut text);
        text.push_str(&plan_text(plan, style));
    }
    text
}

/// The plan for a terminal.
fn plan_text(plan: &PlanReport, style: Style) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write_plan(plan, style, &mut text);
    text
}

fn write_plan(plan: &PlanReport, style: Style, out: &mut String) -> fmt::Result {
    if !plan.steps.is_empty() {
        let mut table = Table::new();
        table
            .load_style(presets::UTF8_FULL)
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(style.width)
            .set_header(["migration", "statements", "locks"]);
        for step in &plan.steps {
            table.add_row([title(step), statements(step), locks(step)]);
        }
        writeln!(out, "{table}")?;
    }
    if let Some(backup) = &plan.backup {
        writeln!(out, "{}", escape(&backup.told()))?;
    }
    write_stop(plan, out)
}

fn write_stop(plan: &PlanReport, out: &mut String) -> fmt::Result {
    if !plan.ahead.is_empty() {
        let names = plan.ahead.iter().map(|name| escape(name)).collect::<Vec<_>>().join(", ");
        writeln!(out, "warning: the database is ahead of this project: {names}")?;
    }
    if let Some(stop) = &plan.stop {
        writeln!(out, "{}; waiting: {}", escape(&stop.why), escape(&stop.waiting.join(", ")))?;
        writeln!(out, "next: {}", escape(&stop.next))?;
    }
    Ok(())
}

fn title(step: &StepReport) -> String {
    let mut title = escape(&format!("V{}__{}", step.version, step.name)).into_owned();
    for (holds, words) in [
        (step.contract, "contract"),
        (!step.transactional, "no transaction"),
        (step.action == "record", "recorded, not run"),
    ] {
        if holds {
            title.push('\n');
            title.push_str(words);
        }
    }
    for check in step.requires_checks.iter().filter(|_| step.action != "record") {
        title.push_str(&format!("\nif data check {} passes", escape(check)));
    }
    title
}

fn statements(step: &StepReport) -> String {
    if step.action == "record" {
        return "its effect is there already".to_owned();
    }
    let mut lines: Vec<String> =
        step.statements.iter().take(MOST_STATEMENTS).map(|text| escape(text).into_owned()).collect();
    if step.statements.len() > MOST_STATEMENTS {
        lines.push(format!("and {} more", step.statements.len() - MOST_STATEMENTS));
    }
    lines.join("\n")
}

fn locks(step: &StepReport) -> String {
    let line = |lock: &LockReport| {
        let size = match (lock.rows, lock.bytes) {
            (Some(rows), Some(bytes)) => format!(" (about {rows} rows, {})", size(bytes)),
            _ => String::new(),
        };
        let blocks = if lock.blocks == "nobody" { String::new() } else { format!(": {} wait", lock.blocks) };
        format!("{} {}{size}{blocks}", lock.mode, escape(&lock.relation))
    };
    let lines: Vec<String> = step.locks.iter().map(line).collect();
    if lines.is_empty() { "none on what is there".to_owned() } else { lines.join("\n") }
}

/// `8 kB`, `1.2 GB`.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if value >= 10.0 || unit == 0 {
        format!("{value:.0} {}", UNITS[unit])
    } else {
        format!("{value:.1} {}", UNITS[unit])
    }
}

/// What was done, and what the check afterwards found.
pub(super) fn write_outcome(
    document: &Document,
    plan: &PlanReport,
    style: Style,
    out: &mut String,
) -> fmt::Result {
    if !style.quiet {
        super::human::header(document, style, out)?;
        if document.applied.is_empty() {
            out.push_str(&plan_text(plan, style));
        }
        if let Some(backup) = &document.backup {
            writeln!(out, "backup {}", escape(&backup.told()))?;
        }
        for done in &document.applied {
            let verb = verb(plan);
            let name = format!("V{}__{}", done.version, done.name);
            writeln!(out, "{verb} {} ({})", escape(&name), milliseconds(done.milliseconds))?;
        }
        for note in &document.notes {
            writeln!(out, "note: {}", escape(note))?;
        }
    }
    // Where it is why the command ends with another code, it is more than a detail.
    let stopped_short = style.quiet && document.exit_code != 0;
    if stopped_short || !style.quiet && !document.applied.is_empty() {
        write_stop(plan, out)?;
    }
    let verdict = verdict(document, plan);
    let verdict = if document.exit_code == 0 { style.green(&verdict) } else { style.yellow(&verdict) };
    writeln!(out, "{}", style.bold(&verdict))?;
    let seeds = document.findings.iter().filter(|finding| finding.kind == "seed").count();
    if seeds > 0 {
        let differ = if seeds == 1 { "is" } else { "are" };
        writeln!(out, "{} {differ} missing or different; next: trueup seed", plural(seeds, "seed"))?;
    }
    let told = document.findings.iter().filter(|finding| {
        finding.kind != "seed" && finding.cause.kind != crate::model::diagnosis::CauseKind::Pending
    });
    let count = told.count();
    if count > 0 {
        writeln!(
            out,
            "the check found {}, other than what is pending; next: trueup check",
            plural(count, "difference")
        )?;
    }
    Ok(())
}

fn verb(plan: &PlanReport) -> &'static str {
    match plan.direction {
        "up" => "applied",
        "down" => "took back",
        _ => "recorded",
    }
}

fn verdict(document: &Document, plan: &PlanReport) -> String {
    let current = document
        .history
        .current
        .as_deref()
        .map_or_else(|| "nothing is applied".to_owned(), |current| format!("the database is at V{current}"));
    match (document.applied.len(), plan.steps.len()) {
        (0, 0) if plan.stop.is_some() => format!("nothing was applied: {current}"),
        (0, 0) => format!("nothing to do: {current}"),
        (0, steps) => format!("a plan of {}, nothing was changed: {current}", plural(steps, "migration")),
        (done, _) => format!("done: {} {}; {current}", verb(plan), plural(done, "migration")),
    }
}

fn milliseconds(count: u64) -> String {
    if count < 1000 { format!("{count} ms") } else { format!("{:.1} s", count as f64 / 1000.0) }
}

/// The same in Markdown.
pub(super) fn write_markdown(document: &Document, plan: &PlanReport, out: &mut String) -> fmt::Result {
    let cell = |text: &str| escape(text).replace('|', "\\|");
    writeln!(out, "## {}\n", cell(&verdict(document, plan)))?;
    writeln!(out, "| migration | locks |\n|---|---|")?;
    for step in &plan.steps {
        writeln!(
            out,
            "| {} | {} |",
            cell(&title(step).replace('\n', ", ")),
            cell(&locks(step).replace('\n', "; "))
        )?;
    }
    let mut rest = String::new();
    if let Some(backup) = &plan.backup {
        writeln!(rest, "{}\n", cell(&backup.told()))?;
    }
    write_stop(plan, &mut rest)?;
    if !rest.is_empty() {
        writeln!(out, "\n{rest}")?;
    }
    Ok(())
}
