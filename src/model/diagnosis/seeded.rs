//! Reference rows that a database lacks, or has otherwise than they are declared.

use crate::data::seeds::{Question, RowPlan, TablePlan};

use super::finding::{AttributeFinding, Cause, CauseKind, Change, Finding, Remedy, Severity, Sides};

/// The codes of these findings.
pub(super) const CODES: [&str; 2] = [MISSING, DIFFERENT];
const MISSING: &str = "seed.missing";
const DIFFERENT: &str = "seed.different";
/// What these findings are about.
const KIND: &str = "seed";
/// So many rows of a table are told one by one; where there are more, they are counted.
const MOST: usize = 20;
const SEED: &str = "trueup seed";
/// Of columns that were declared only later.
const NEVER: &str = "was never seeded: whose value is there is not known";

/// The findings of one table. `known` says whether it is known what was seeded last.
pub fn seeded(question: &Question, plan: &TablePlan, known: bool) -> Vec<Finding> {
    let file = &question.seed.file;
    let missing: Vec<&RowPlan> = plan.rows.iter().filter(|row| row.missing).collect();
    let mut findings: Vec<Finding> = Vec::new();
    let make = || Remedy::told(SEED);
    let cause = |kind, detail| Cause { kind, migration: None, detail };
    let absent = |object, cause, database: String, model: String| Finding {
        code: MISSING.to_owned(),
        severity: Severity::Error,
        kind: KIND,
        object,
        change: Change::Missing,
        attributes: Vec::new(),
        cause,
        remedy: make(),
        consequences: Vec::new(),
        sides: Some(Sides { database, model }),
    };
    if missing.len() > MOST {
        let (count, declared) = (missing.len(), plan.declared);
        let gone = missing.iter().filter(|row| row.was_seeded).count();
        let cause = match gone {
            0 => cause(CauseKind::Pending, format!("{file} declares them; they were never seeded")),
            gone => cause(CauseKind::Drift, format!("{gone} of them were seeded, and are gone")),
        };
        let sides = (format!("{count} rows missing"), format!("{declared} rows"));
        findings.push(absent(question.columns.path(), cause, sides.0, sides.1));
    } else {
        for row in missing {
            let cause = match row.was_seeded {
                true => cause(CauseKind::Drift, format!("{file} was seeded with it; it was deleted by hand")),
                false => cause(CauseKind::Pending, format!("{file} declares it; it was never seeded")),
            };
            findings.push(absent(question.label(&row.key), cause, "missing".into(), "a row".into()));
        }
    }
    let different: Vec<&RowPlan> =
        plan.rows.iter().filter(|row| row.left_alone().chain(&row.changes).next().is_some()).collect();
    let other = |object, attributes, cause, remedy, sides| Finding {
        code: DIFFERENT.to_owned(),
        severity: Severity::Warning,
        kind: KIND,
        object,
        change: Change::Different,
        attributes,
        cause,
        remedy,
        consequences: Vec::new(),
        sides,
    };
    let keep = || Remedy::told(format!("{SEED} --overwrite"));
    if different.len() > MOST {
        let edited = plan.edited().count();
        let (why, remedy) = match edited {
            0 if plan.leaves_any() => (
                cause(CauseKind::Unknown, format!("{file} declares a column of them now, which {NEVER}")),
                keep(),
            ),
            0 => (cause(CauseKind::Pending, format!("{file} was changed since it was seeded")), make()),
            edited => (
                cause(
                    CauseKind::Drift,
                    format!("{edited} of them were changed by hand; what is to stay goes into {file}"),
                ),
                keep(),
            ),
        };
        let sides = Sides {
            database: format!("{} rows differ", different.len()),
            model: format!("{} rows", plan.declared),
        };
        findings.push(other(question.columns.path(), Vec::new(), why, remedy, Some(sides)));
        return findings;
    }
    for row in different {
        let differences = row.left_alone().chain(&row.changes);
        let attributes = differences.map(|difference| AttributeFinding {
            name: difference.column.clone(),
            declared: difference.declared.clone(),
            actual: difference.actual.clone(),
            cause: None,
        });
        let (why, remedy) = match (row.edits.is_empty(), row.was_seeded, known) {
            (true, ..) if !row.unseeded.is_empty() => {
                let columns = row.unseeded.iter().map(|difference| difference.column.as_str());
                let columns = columns.collect::<Vec<_>>().join(", ");
                (cause(CauseKind::Unknown, format!("{file} declares {columns} now, which {NEVER}")), keep())
            }
            (true, ..) => {
                (cause(CauseKind::Pending, format!("{file} was changed since it was seeded")), make())
            }
            (false, true, _) => (
                cause(
                    CauseKind::Drift,
                    format!("changed by hand since it was seeded; what is to stay goes into {file}"),
                ),
                keep(),
            ),
            (false, false, true) => (
                cause(
                    CauseKind::Drift,
                    format!("made by somebody, never seeded; what is to stay goes into {file}"),
                ),
                keep(),
            ),
            (false, false, false) => (
                cause(CauseKind::Unknown, "what was seeded last is not known here".to_owned()),
                Remedy::told(SEED),
            ),
        };
        findings.push(other(question.label(&row.key), attributes.collect(), why, remedy, None));
    }
    findings
}
