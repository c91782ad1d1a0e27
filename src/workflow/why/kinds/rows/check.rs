//! `23514`: a row breaks a CHECK constraint.

use super::super::super::case::Case;
use super::super::super::explanation::Explanation;
use super::super::super::facts::Ask;
use super::super::ErrorKind;
use super::unique::with_checks;
use crate::findings::Finding;
use crate::postgres::catalog::{Attribute, Kind};
use crate::text::one_line;

pub(in super::super) const KIND: ErrorKind = ErrorKind {
    condition: "check_violation",
    sqlstate: "23514",
    patterns: &[
        "new row for relation {table} violates check constraint {constraint}",
        "value for domain (?P<type_name>[^\\s\"]+) violates check constraint {constraint}",
        "no partition of relation {table} found for row",
    ],
    follows: false,
    meaning: "A row breaks a rule of its table or domain.",
    asks: &[Ask::Schema],
    judge,
};

fn judge(case: &Case<'_>) -> Explanation {
    let names = case.names();
    let Some(name) = &names.constraint else {
        let table = names.table.clone().unwrap_or_default();
        return Explanation::elsewhere(
            format!("no partition of {table} takes the row"),
            "create the partition, or a default one: schema/ and a migration",
        );
    };
    let ids = case.named_of_table(&[Kind::Check], name);
    let domains = names.type_name.iter().flat_map(|domain| {
        let name = domain.rsplit('.').next().unwrap_or(domain);
        case.named(&[Kind::Domain], name)
    });
    let ids: Vec<_> = ids.into_iter().chain(domains).collect();
    let findings: Vec<Finding> = ids.iter().flat_map(|id| case.differences_of(id)).collect();
    if !findings.is_empty() {
        return case.differs(findings);
    }
    let Some(id) = ids.iter().find(|id| case.live(id).is_some()) else {
        return Explanation::elsewhere(
            format!("neither the database {} nor schema/ has a check {name}", case.database),
            "is this the database of the application? compare its URL with this one",
        );
    };
    let declared = case.declared(id);
    let rule =
        declared.and_then(|object| object.get(Attribute::Expression).or(object.get(Attribute::Checks)));
    let rule = rule.map(|rule| format!(": schema/ declares {}", one_line(rule, 120))).unwrap_or_default();
    let table = names.table.clone().unwrap_or_default();
    let judged = Explanation::elsewhere(
        format!("{id} is there as declared, and the value breaks it{rule}"),
        "correct the value in the application; or change the rule in schema/ and write its migration",
    );
    with_checks(case, judged, &[table.as_str()])
}
