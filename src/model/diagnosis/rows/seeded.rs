//! Reference rows that a database lacks, or has otherwise than they are declared.

use crate::data::seeds::{RowPlan, SeedQuery, TablePlan};

use crate::findings::{
    AttributeFinding, Cause, CauseKind, Change, Command, Finding, Location, Remedy, Severity, Sides,
};

/// A declared row does not exist.
pub(super) const MISSING: &str = "seed.missing";
/// A row has other values than are declared.
pub(super) const DIFFERENT: &str = "seed.different";
/// What these findings are about.
const KIND: &str = "seed";
/// The largest number of rows of a table that become findings of their own. More rows are counted in one finding.
const MOST: usize = 20;
/// Of columns that were declared only later.
const NEVER: &str = "was never seeded: whose value is there is not known";

/// The findings of one table. `known` says whether it is known what was seeded last.
pub fn seeded(question: &SeedQuery, plan: &TablePlan, known: bool) -> Vec<Finding> {
    let file = &question.seed.file;
    let missing: Vec<&RowPlan> = plan.rows.iter().filter(|row| row.missing).collect();
    let mut findings: Vec<Finding> = Vec::new();
    let make = || Remedy::run(Command::Seed);
    let cause = |kind, detail| Cause { kind, migration: None, detail };
    let whole_file = || Location::new(file, question.seed.table.line);
    let declared_at = |row: &RowPlan| {
        let declared = question.seed.rows.get(row.row);
        declared.map_or_else(whole_file, |declared| Location::new(&*declared.file, declared.line))
    };
    let absent = |object: String, at, cause, sides| {
        let finding = Finding::new(MISSING, Severity::Error, KIND, object, Change::Missing);
        finding.at(at).cause(cause).remedy(make()).sides(sides)
    };
    if missing.len() > MOST {
        let (count, declared) = (missing.len(), plan.declared);
        let gone = missing.iter().filter(|row| row.was_seeded).count();
        let cause = match gone {
            0 => cause(CauseKind::Pending, format!("{file} declares them; they were never seeded")),
            gone => cause(CauseKind::Drift, format!("{gone} of them were seeded, and were deleted since")),
        };
        let sides = Sides::new(format!("{count} rows missing"), format!("{declared} rows"));
        findings.push(absent(question.columns.path(), whole_file(), cause, sides));
    } else {
        for row in missing {
            let cause = match row.was_seeded {
                true => cause(CauseKind::Drift, format!("{file} was seeded with it; it was deleted by hand")),
                false => cause(CauseKind::Pending, format!("{file} declares it; it was never seeded")),
            };
            let sides = Sides::new("missing", "a row");
            findings.push(absent(question.label(&row.key), declared_at(row), cause, sides));
        }
    }
    let different: Vec<&RowPlan> =
        plan.rows.iter().filter(|row| row.skipped().chain(&row.changes).next().is_some()).collect();
    let other = |object: String, at, cause, remedy| {
        let finding = Finding::new(DIFFERENT, Severity::Warning, KIND, object, Change::Different);
        finding.at(at).cause(cause).remedy(remedy)
    };
    let keep = || Remedy::run(Command::SeedOverwrite);
    if different.len() > MOST {
        let edited = plan.edited().count();
        let (why, remedy) = match edited {
            0 if plan.skips_any() => (
                cause(CauseKind::Unknown, format!("{file} declares a column of them now, which {NEVER}")),
                keep(),
            ),
            0 => (cause(CauseKind::Pending, format!("{file} was changed since it was seeded")), make()),
            edited => (
                cause(
                    CauseKind::Drift,
                    format!("{edited} of them were changed by hand; put what has to stay into {file}"),
                ),
                keep(),
            ),
        };
        let sides = Sides::new(format!("{} rows differ", different.len()), format!("{} rows", plan.declared));
        findings.push(other(question.columns.path(), whole_file(), why, remedy).sides(sides));
        return findings;
    }
    for row in different {
        let differences = row.skipped().chain(&row.changes);
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
                    format!("changed by hand since it was seeded; put what has to stay into {file}"),
                ),
                keep(),
            ),
            (false, false, true) => (
                cause(
                    CauseKind::Drift,
                    format!("inserted by hand, never seeded; put what has to stay into {file}"),
                ),
                keep(),
            ),
            (false, false, false) => (
                cause(CauseKind::Unknown, "what was seeded last is not known here".to_owned()),
                Remedy::run(Command::Seed),
            ),
        };
        let mut finding = other(question.label(&row.key), declared_at(row), why, remedy);
        finding.attributes.extend(attributes);
        findings.push(finding);
    }
    findings
}
