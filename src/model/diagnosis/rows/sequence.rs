//! Sequences that give values which their columns have already.

use crate::findings::{AttributeFinding, Cause, CauseKind, Change, Finding, Remedy, Severity};
use crate::postgres::ddl::{DdlAction, DdlChange};
use crate::postgres::sql::literal;

/// The code of these findings.
pub(super) const BEHIND: &str = "sequence.behind";

/// A sequence, and the column that it fills.
#[derive(Debug, Clone, Copy)]
pub struct BehindColumn<'b> {
    /// The sequence, qualified and quoted.
    pub sequence: &'b str,
    /// The column, qualified and quoted.
    pub column: &'b str,
    /// Whether the column is unique.
    pub unique: bool,
    /// Where the sequence is.
    pub at: i64,
    /// Where the column is.
    pub reached: i64,
}

/// The finding about it.
pub fn sequence_behind(behind: &BehindColumn<'_>) -> Finding {
    let BehindColumn { sequence, column, unique, at, reached } = behind;
    let (severity, then) = match unique {
        true => (Severity::Error, "the next INSERT fails"),
        false => (Severity::Warning, "the next INSERT repeats a value"),
    };
    let detail = format!(
        "{column} has {reached} already: {then}. Rows were inserted with values of their own (by hand, a seed or a load)"
    );
    let statement = format!("SELECT pg_catalog.setval({}, {reached})", literal(sequence));
    let moved = DdlChange {
        action: DdlAction::Alter,
        objects: Vec::new(),
        before: None,
        statements: vec![statement],
    };
    let mut finding = Finding::new(BEHIND, severity, "sequence", *sequence, Change::Different)
        .cause(Cause { kind: CauseKind::Drift, migration: None, detail })
        .remedy(Remedy::default().with_changes(vec![moved]));
    finding.attributes.push(AttributeFinding {
        name: "last_value".to_owned(),
        declared: Some(format!("{reached} or beyond")),
        actual: Some(at.to_string()),
        cause: None,
    });
    finding
}
