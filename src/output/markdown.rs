//! The document as Markdown.

use std::fmt::{self, Write};

use super::document::{Document, plural};
use super::escape::escape_lines as text;
use super::human::{sides, unified};
use crate::model::diagnosis::Finding;

pub(super) fn write(document: &Document, out: &mut String) -> fmt::Result {
    let target = &document.target;
    writeln!(out, "## trueup {}: {}\n", document.command, cell(&document.verdict()))?;
    writeln!(
        out,
        "Database {} on {}, PostgreSQL {}; {}, {} pending.\n",
        code(&target.database),
        code(&target.host),
        cell(&target.server_version),
        document
            .history
            .current
            .as_ref()
            .map_or("no migration applied".into(), |version| format!("at V{version}")),
        plural(document.history.pending.len(), "migration"),
    )?;
    findings(document, out)?;
    for object in &document.coverage.unmodeled {
        writeln!(out, "\nNot compared: {} {}", cell(&object.kind), code(&object.object))?;
    }
    for object in &document.coverage.invisible {
        writeln!(out, "\nNot visible to {}: {}", code(&target.role), code(object))?;
    }
    if let Some(next) = document.next(true) {
        writeln!(out, "\nNext: {}", code(&next))?;
    }
    Ok(())
}

/// The findings as a table, their definitions as diffs, and their SQL.
pub(super) fn findings(document: &Document, out: &mut String) -> fmt::Result {
    if !document.findings.is_empty() {
        writeln!(out, "| object | database | model | cause | action |\n|---|---|---|---|---|")?;
    }
    for finding in &document.findings {
        let (database, model) = sides(finding);
        writeln!(
            out,
            "| {} | {} | {} | **{}**: {} | {} |",
            code(&finding.object),
            cell(&database),
            cell(&model),
            finding.cause.kind,
            cell(&finding.cause.detail),
            action(finding),
        )?;
    }
    for finding in &document.findings {
        for attribute in &finding.attributes {
            let (declared, actual) = (attribute.declared.as_deref(), attribute.actual.as_deref());
            if [declared, actual].into_iter().flatten().any(|value| value.contains('\n')) {
                let diff = unified(finding, attribute);
                writeln!(out, "\n{} {}\n", code(&finding.object), attribute.name)?;
                fenced("diff", &diff, out)?;
            }
        }
        if let Some(sql) = &finding.remedy.sql {
            writeln!(out, "\n{}\n", code(&finding.object))?;
            fenced("sql", sql, out)?;
        }
    }
    Ok(())
}

/// The command, or where the SQL is.
fn action(finding: &Finding) -> String {
    match (&finding.remedy.command, &finding.remedy.sql) {
        (Some(command), _) => code(command),
        (None, Some(_)) => "run the SQL below".to_owned(),
        (None, None) => String::new(),
    }
}

/// Text inside of a table's cell.
pub(super) fn cell(value: &str) -> String {
    let shown = value.lines().map(|line| text(line).into_owned()).collect::<Vec<_>>().join("<br>");
    let mut cell = String::with_capacity(shown.len());
    for character in shown.replace("<br>", "\u{1}").chars() {
        match character {
            '\u{1}' => cell.push_str("<br>"),
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' => cell.extend(['\\', character]),
            '<' => cell.push_str("&lt;"),
            '&' => cell.push_str("&amp;"),
            _ => cell.push(character),
        }
    }
    cell
}

/// A code span that no backtick inside of it ends.
pub(super) fn code(value: &str) -> String {
    let shown = text(&value.replace('\n', " ")).replace('|', "\\|");
    let longest = shown.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    if longest > 0 { format!("{fence} {shown} {fence}") } else { format!("{fence}{shown}{fence}") }
}

fn fenced(language: &str, body: &str, out: &mut String) -> fmt::Result {
    let longest = body.split(|c| c != '`').map(str::len).max().unwrap_or(0).max(2);
    let fence = "`".repeat(longest + 1);
    writeln!(out, "{fence}{language}")?;
    for line in body.lines() {
        writeln!(out, "{}", text(line))?;
    }
    writeln!(out, "{fence}")
}
