//! The lines of the files that findings are about.

use std::collections::HashMap;

use crate::findings::{Finding, Severity};
use crate::output::view::{Excerpt, Tone};
use crate::postgres::sql::{Statement, split_all};

/// As many lines of a statement are shown.
const LINES: usize = 3;

/// The statement of each finding. `files` are the texts of the migrations, by the names that findings have for them.
pub(super) fn excerpts(findings: &[Finding], files: &HashMap<String, &str>) -> Vec<Option<Excerpt>> {
    let mut split: HashMap<&str, Vec<Statement<'_>>> = HashMap::new();
    let of = |finding: &Finding| {
        let place = finding.location.as_ref()?;
        let (name, text) = files.get_key_value(&place.file)?;
        let statements = split.entry(name).or_insert_with(|| split_all(text).0);
        let is_it = |statement: &&Statement<'_>| {
            statement.line == place.line && place.column.is_none_or(|column| column == statement.column)
        };
        let statement = statements.iter().find(is_it)?;
        Some(excerpt(text, statement, finding.severity))
    };
    findings.iter().map(of).collect()
}

fn excerpt(text: &str, statement: &Statement<'_>, severity: Severity) -> Excerpt {
    let begin = text[..statement.offset].rfind('\n').map_or(0, |end| end + 1);
    let end = statement.offset + statement.text.len();
    let end = text[end..].find('\n').map_or(text.len(), |more| end + more);
    let lines: Vec<&str> = text[begin..end].lines().map(str::trim_end).take(LINES).collect();
    let marked = statement.offset - begin;
    let first = statement.text.lines().next().unwrap_or_default().trim_end();
    Excerpt {
        line: statement.line,
        text: lines.join("\n"),
        marked: marked..marked + first.len(),
        tone: match severity {
            Severity::Error => Tone::Bad,
            Severity::Warning => Tone::Warning,
            Severity::Info => Tone::Plain,
        },
    }
}
