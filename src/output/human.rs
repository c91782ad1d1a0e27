//! The document for a terminal: target, table, definitions as diffs, SQL, verdict, next command.

use std::fmt::{self, Write};

use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width, presets};

use super::document::{Document, plural};
use super::escape::{escape as line, escape_lines as text};
use super::style::Style;
use crate::model::diagnosis::{self, AttributeFinding, CauseKind, Finding, Severity};

/// Below this many columns five of them have no room, and findings are told one below the other.
const NARROW: u16 = 100;

pub(super) fn write(document: &Document, style: Style, out: &mut String) -> fmt::Result {
    if !style.quiet {
        header(document, style, out)?;
        differences(document, style, out)?;
        coverage(document, out)?;
        for note in &document.notes {
            writeln!(out, "note: {}", line(note))?;
        }
        writeln!(out)?;
    }
    let verdict = document.verdict();
    let verdict = match (document.exit_code, document.summary.error) {
        (0, _) => style.green(&verdict),
        (_, 0) => style.yellow(&verdict),
        _ => style.red(&verdict),
    };
    writeln!(out, "{}", style.bold(&verdict))?;
    if let Some(next) = document.next(!style.quiet) {
        writeln!(out, "next: {}", line(&next))?;
    }
    Ok(())
}

/// The findings as a table, what does not fit into one, and the SQL that mends them.
pub(super) fn differences(document: &Document, style: Style, out: &mut String) -> fmt::Result {
    let findings = &document.findings;
    if !findings.is_empty() {
        match style.width < NARROW {
            true => blocks(findings, style, out)?,
            false => writeln!(out, "\n{}", table(findings, style))?,
        }
    }
    definitions(document, style, out)?;
    statements(document, style, out)
}

pub(super) fn header(document: &Document, style: Style, out: &mut String) -> fmt::Result {
    document.target.headline(style, out)?;
    let history = &document.history;
    let applied = match (&history.table, &history.current) {
        (None, _) if has_no_migrations(document) => "this project has no migrations".to_owned(),
        (None, _) => "no history of migrations".to_owned(),
        (Some(_), None) => "no migration applied".to_owned(),
        (Some(_), Some(current)) => {
            format!("at V{current}, {} applied", plural(history.applied, "migration"))
        }
    };
    let pending: Vec<String> = history
        .pending
        .iter()
        .map(|migration| format!("V{}__{}", migration.version, migration.name))
        .collect();
    let pending = match pending.as_slice() {
        [] => String::new(),
        names if names.len() <= 3 => format!(", pending: {}", names.join(", ")),
        names => format!(", {} pending, {} to {}", names.len(), names[0], names[names.len() - 1]),
    };
    writeln!(out, "{}{}", applied, line(&pending))?;
    for other in &history.others {
        let current = other.current.as_deref().map(|current| format!(", at {current}")).unwrap_or_default();
        writeln!(out, "{}'s history is here, too: {}{}", other.tool, line(&other.table), line(&current))?;
    }
    Ok(())
}

/// A database without history may be as the last migration leaves it: nothing is pending then, and a finding says so.
fn has_no_migrations(document: &Document) -> bool {
    document.history.pending.is_empty()
        && document.findings.iter().all(|finding| finding.code != "history.missing")
}

fn table(findings: &[Finding], style: Style) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_FULL)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(style.width)
        .set_header(["object", "database", "model", "cause", "action"]);
    for finding in findings {
        let [object, kind, database, model, cause, action] = cells(finding);
        table.add_row([format!("{object}\n{kind}"), database, model, cause, action]);
    }
    for (number, share) in [(0, 0.4), (3, 0.34)] {
        keep_names_whole(&mut table, number, (f64::from(style.width) * share) as u16);
    }
    table
}

/// The same, one below the other.
fn blocks(findings: &[Finding], style: Style, out: &mut String) -> fmt::Result {
    for finding in findings {
        let [object, kind, rest @ ..] = cells(finding);
        writeln!(out, "\n{} ({kind})", style.bold(&object))?;
        for (title, cell) in ["database", "model", "cause", "action"].into_iter().zip(rest) {
            writeln!(out, "  {title:<9} {}", cell.replace('\n', "\n            "))?;
        }
    }
    Ok(())
}

/// Object, kind and severity, database, model, cause, action.
fn cells(finding: &Finding) -> [String; 6] {
    let severity = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "info",
    };
    let (database, model) = sides(finding);
    let mut cause = format!("{}: {}", finding.cause.kind, line(&finding.cause.detail));
    for attribute in &finding.attributes {
        if let Some(own) = &attribute.cause {
            cause.push_str(&format!("\n{}: {}: {}", attribute.name, own.kind, line(&own.detail)));
        }
    }
    for consequence in &finding.consequences {
        cause.push_str(&format!("\n+ {}", line(consequence)));
    }
    let action = match (&finding.remedy.command, &finding.remedy.sql) {
        (Some(command), _) => line(command).into_owned(),
        (None, Some(_)) => "run the SQL below".into(),
        (None, None) => String::new(),
    };
    let kind = format!("{}, {severity}", finding.kind.replace('_', " "));
    [line(&finding.object).into_owned(), kind, database, model, cause, action]
}

/// Makes a column as wide as its longest word where that is no wider than `most`: people copy names.
pub(super) fn keep_names_whole(table: &mut Table, number: usize, most: u16) {
    let cells = table.column_cells_iter(number).flatten().map(|cell| cell.content());
    let words = cells.flat_map(|content| content.split_whitespace().map(|word| word.chars().count()).max());
    let longest = words.max().and_then(|longest| u16::try_from(longest).ok()).unwrap_or(most);
    if let Some(column) = table.column_mut(number) {
        column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(longest.min(most) + 2)));
    }
}

/// What the database has and what the model says.
pub(super) fn sides(finding: &Finding) -> (String, String) {
    match &finding.sides {
        Some(sides) if finding.attributes.is_empty() => {
            (line(&sides.database).into(), line(&sides.model).into())
        }
        _ => {
            let side = |value: fn(&AttributeFinding) -> &Option<String>| {
                let attributes = finding.attributes.iter();
                let lines = attributes.map(|attribute| value_line(attribute, value(attribute).as_deref()));
                lines.collect::<Vec<_>>().join("\n")
            };
            (side(|attribute| &attribute.actual), side(|attribute| &attribute.declared))
        }
    }
}

fn value_line(attribute: &AttributeFinding, value: Option<&str>) -> String {
    let shown = match value {
        None => "none".into(),
        Some(value) if is_long(value) => "(see below)".into(),
        Some(value) => line(value),
    };
    format!("{}: {shown}", attribute.name)
}

fn is_long(value: &str) -> bool {
    value.contains('\n') || value.chars().count() > 80
}

/// Definitions of views, bodies of functions and other long values, as unified diffs from the model to the database.
fn definitions(document: &Document, style: Style, out: &mut String) -> fmt::Result {
    for finding in &document.findings {
        for attribute in &finding.attributes {
            let (declared, actual) = (attribute.declared.as_deref(), attribute.actual.as_deref());
            if ![declared, actual].into_iter().flatten().any(is_long) {
                continue;
            }
            let title = format!("{} {}: {}", finding.kind.replace('_', " "), finding.object, attribute.name);
            writeln!(out, "\n{}", style.bold(&line(&title)))?;
            for diff_line in unified(finding, attribute).lines() {
                let shown = text(diff_line);
                let shown = match diff_line.as_bytes().first() {
                    Some(b'-') => style.red(&shown),
                    Some(b'+') => style.green(&shown),
                    _ => shown.into_owned(),
                };
                writeln!(out, "{shown}")?;
            }
        }
    }
    Ok(())
}

/// A unified diff from what the model says, or the migration's file, to what the database has.
pub(super) fn unified(finding: &Finding, attribute: &AttributeFinding) -> String {
    let value = |side: &Option<String>| side.clone().unwrap_or_default();
    let (declared, actual) = (value(&attribute.declared), value(&attribute.actual));
    let ours = if finding.kind == "migration" { "file" } else { "model" };
    crate::postgres::sql::unified((ours, &declared), ("database", &actual))
}

/// The SQL of findings that no pending migration mends. It begins at the line's edge: it is there to be pasted, and
/// spaces before a line would become a part of a function's body or of a text of several lines.
fn statements(document: &Document, style: Style, out: &mut String) -> fmt::Result {
    let by_hand = |finding: &&Finding| {
        !matches!(finding.cause.kind, CauseKind::Pending | CauseKind::Unmigrated | CauseKind::Unfinished)
    };
    let script = diagnosis::script(document.findings.iter().filter(by_hand));
    if script.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "\n{}",
        style.bold("SQL that makes the database as declared (read it before you run it):")
    )?;
    for sql_line in script.iter().flat_map(|statement| statement.lines()) {
        writeln!(out, "{}", text(sql_line))?;
    }
    Ok(())
}

pub(super) fn coverage(document: &Document, out: &mut String) -> fmt::Result {
    let coverage = &document.coverage;
    if !coverage.unmodeled.is_empty() {
        let shown =
            coverage.unmodeled.iter().take(10).map(|object| format!("{} {}", object.kind, object.object));
        let more = coverage.unmodeled.len().saturating_sub(10);
        let more =
            if more > 0 { format!(" and {more} more (--format json lists all)") } else { String::new() };
        writeln!(out, "\nnot compared: {}{more}", line(&shown.collect::<Vec<_>>().join(", ")))?;
    }
    for invisible in &coverage.invisible {
        writeln!(out, "\nnot visible to {}: {}", line(&document.target.role), line(invisible))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::diagnosis::{Cause, Change, Remedy, Sides};

    fn finding() -> Finding {
        Finding {
            code: "column.missing".into(),
            severity: Severity::Error,
            kind: "column",
            object: "public.users.username".into(),
            change: Change::Missing,
            attributes: Vec::new(),
            cause: Cause {
                kind: CauseKind::Drift,
                migration: Some("2".into()),
                detail: "V2__add_username created it; it was dropped by hand".into(),
            },
            remedy: Remedy { sql: Some("ALTER TABLE ...;".into()), ..Remedy::default() },
            consequences: vec!["index public.users_username_key".into()],
            sides: Some(Sides { database: "missing".into(), model: "text".into() }),
        }
    }

    #[test]
    fn a_narrow_terminal_is_told_one_below_the_other() {
        let mut out = String::new();
        blocks(&[finding()], Style { width: 80, ..Style::default() }, &mut out).unwrap();
        let expected = "
public.users.username (column, error)
  database  missing
  model     text
  cause     drift: V2__add_username created it; it was dropped by hand
            + index public.users_username_key
  action    run the SQL below
";
        assert_eq!(out, expected);
    }

    #[test]
    fn names_stay_whole_in_a_table_and_the_table_in_the_terminal() {
        for width in [NARROW, 120, 200] {
            let table = table(&[finding()], Style { width, ..Style::default() }).to_string();
            assert!(table.contains("public.users.username "), "{table}");
            assert!(table.lines().all(|line| line.chars().count() <= usize::from(width)), "{table}");
        }
    }
}
