//! `23503`: a row refers to one that is not there, or is referred to.

use super::super::super::case::Case;
use super::super::super::explanation::{Explanation, reason};
use super::super::super::facts::Ask;
use super::super::ErrorKind;
use super::unique::with_checks;
use crate::findings::{Command, Finding, Remedy, Severity};
use crate::postgres::catalog::{Attribute, Kind};

pub(in super::super) const KIND: ErrorKind = ErrorKind {
    condition: "foreign_key_violation",
    sqlstate: "23503",
    patterns: &[
        "(?P<what>insert or update) on table {table} violates foreign key constraint {constraint}",
        r"(?P<what>update or delete) on table [^\n]+? violates (?:RESTRICT setting of )?foreign key constraint {constraint} on table {table}",
        // Prisma, P2003.
        r"Foreign key constraint (?:violated|failed) on the (?:constraint|field): `(?P<constraint>[^`\s]+)(?: \(index\))?`",
        r"Foreign key constraint violated: `?(?P<constraint>\w+)",
    ],
    follows: false,
    meaning: "A row refers to a row that is not there, or a row is to go that others refer to.",
    asks: &[Ask::Schema],
    judge,
};

fn judge(case: &Case<'_>) -> Explanation {
    let Some(name) = &case.names().constraint else {
        return Explanation::unknown("the text does not name the constraint", "trueup check");
    };
    let ids = case.named_of_table(&[Kind::ForeignKey], name);
    let findings: Vec<Finding> = ids.iter().flat_map(|id| case.differences_of(id)).collect();
    if !findings.is_empty() {
        return case.differs(findings);
    }
    let Some(id) = ids.iter().find(|id| case.live(id).is_some()) else {
        return Explanation::elsewhere(
            format!("neither the database {} nor schema/ has a foreign key {name}", case.database),
            "is this the database of the application? compare its URL with this one",
        );
    };
    let object = case.live(id);
    let attribute =
        |attribute| object.and_then(|object| object.get(attribute)).unwrap_or_default().to_owned();
    let (columns, target) = (attribute(Attribute::Columns), attribute(Attribute::References));
    let goes = case.names().what.as_deref() == Some("update or delete");
    let verdict = match goes {
        true => {
            format!("{id} is as declared: rows of {} still refer to the row of {target}", id.relation_path())
        }
        false => format!("{id} is as declared: the row of {target} that ({columns}) names is not there"),
    };
    let table = id.relation.clone().unwrap_or_default();
    let next = match goes {
        true => "delete or move the rows that refer to it first",
        false => {
            "write the row that it refers to first; is the value from another database, or was that row deleted?"
        }
    };
    let judged = Explanation::elsewhere(verdict, next);
    let seeded = |seed: &&String| {
        let bare = |path: &str| path.rsplit('.').next().unwrap_or(path).to_owned();
        bare(seed) == bare(&target)
    };
    let judged = match case.schema.seeded.iter().find(seeded).filter(|_| !goes) {
        None => judged,
        Some(seed) => judged.with([reason(
            "seed",
            Severity::Info,
            "seed",
            seed,
            "the project declares reference rows of this table: they may not have been inserted",
        )
        .remedy(Remedy::run(Command::Seed))]),
    };
    with_checks(case, judged, &[table.as_str(), columns.split(", ").next().unwrap_or_default()])
}
