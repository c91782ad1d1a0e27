//! The statements that findings are about: their text for people, and what they do for programs.

use std::collections::HashMap;

use crate::findings::{Finding, Severity};
use crate::migrations::Migration;
use crate::model::Lock;
use crate::output::view::{Excerpt, Tone};
use crate::postgres::sql::{Statement, split_all};
use crate::workflow::reports::footprint_report::FootprintReport;

/// As many lines of a statement are shown.
const LINES: usize = 3;

/// A statement that something was found in.
#[derive(Debug, Clone)]
pub(super) struct FoundStatement {
    /// Its lines in the file.
    pub(super) excerpt: Excerpt,
    /// Where it is and what it does.
    pub(super) report: FootprintReport,
}

/// The statement of each finding. `shown` is how findings name a migration's file.
pub(super) fn of(
    findings: &[Finding],
    lock: &Lock,
    migrations: &[Migration],
    shown: impl Fn(&Migration) -> String,
) -> Vec<Option<FoundStatement>> {
    let named: HashMap<String, &Migration> = migrations.iter().map(|file| (shown(file), file)).collect();
    let mut read: HashMap<&str, Script<'_>> = HashMap::new();
    let of = |finding: &Finding| {
        let place = finding.location.as_ref()?;
        let (name, file) = named.get_key_value(&place.file)?;
        let script = read.entry(name).or_insert_with(|| Script::read(name, file, lock));
        let is_it = |statement: &&Statement<'_>| {
            statement.line == place.line && place.column.is_none_or(|column| column == statement.column)
        };
        let statement = script.statements.iter().find(is_it)?;
        Some(FoundStatement {
            excerpt: excerpt(&file.sql, statement, finding.severity),
            report: script.report(name, file, statement),
        })
    };
    findings.iter().map(of).collect()
}

/// A migration that something was found in.
struct Script<'m> {
    statements: Vec<Statement<'m>>,
    reports: Vec<FootprintReport>,
}

impl<'m> Script<'m> {
    fn read(name: &str, file: &'m Migration, lock: &Lock) -> Self {
        let statements = split_all(&file.sql).0;
        let compiled = lock.migrations.binary_search_by_key(&file.version, |compiled| compiled.version);
        let footprints = compiled.map_or(&[][..], |index| &lock.migrations[index].footprints);
        let version = file.version.to_string();
        let transactional = !file.directives.no_transaction;
        let reports = FootprintReport::all(&version, name, &statements, footprints, transactional);
        Self { statements, reports }
    }

    fn report(&self, name: &str, file: &Migration, statement: &Statement<'_>) -> FootprintReport {
        let place = (statement.line, statement.column);
        let found =
            self.reports.iter().find(|report| (report.statement.line, report.statement.column) == place);
        let without = || FootprintReport::of_rows(&file.version.to_string(), name, statement, []);
        found.cloned().unwrap_or_else(without)
    }
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
