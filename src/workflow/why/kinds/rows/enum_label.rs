//! `22P02` of an enum: a value is none of its labels.

use super::super::super::case::{Case, NamedRelation};
use super::super::super::explanation::Explanation;
use super::super::super::facts::Ask;
use super::super::super::likely::likely;
use super::super::ErrorKind;
use crate::findings::Finding;
use crate::model::Effect;
use crate::postgres::catalog::{Attribute, Kind, Object};
use crate::text::one_line;

pub(in super::super) const KIND: ErrorKind = ErrorKind {
    condition: "invalid_text_representation",
    sqlstate: "22P02",
    patterns: &["invalid input value for enum (?P<type_name>[^\\s:]+): {value}"],
    follows: false,
    meaning: "A value is none of the labels of an enum type.",
    asks: &[Ask::Schema],
    judge,
};

fn judge(case: &Case<'_>) -> Explanation {
    let name = case.names().type_name.clone().unwrap_or_default();
    let sent = case.names().value.clone().unwrap_or_default();
    let ids = case.named(&[Kind::Enum], &NamedRelation::parse(&name).name);
    let findings: Vec<Finding> = ids.iter().flat_map(|id| case.differences_of(id)).collect();
    if !findings.is_empty() {
        return case.differs(findings);
    }
    let Some(id) = ids.iter().find(|id| case.live(id).is_some()) else {
        return Explanation::elsewhere(
            format!("neither the database {} nor schema/ has an enum type {name}", case.database),
            "is this the database of the application? compare its URL with this one",
        );
    };
    let labels = case.live(id).map(labels).unwrap_or_default();
    if labels.contains(&sent) {
        return case.elsewhere(&format!("label '{sent}' of {id}"));
    }
    let pending = case.migrations().iter().find(|migration| {
        migration.effects.iter().any(|effect| match effect {
            Effect::Created(after) | Effect::Changed { after, .. } => {
                after.id == *id && self::labels(after).contains(&sent)
            }
            _ => false,
        })
    });
    if let Some(migration) = pending {
        return Explanation::elsewhere(
            format!("{} gives {id} the label, and it is not there any more", migration.id()),
            "deploy the app version that goes with this schema",
        );
    }
    let alike = likely(&sent, labels.iter().map(String::as_str));
    Explanation::elsewhere(
        format!(
            "{id} is as declared, and the value is none of its labels: {}{}",
            one_line(&labels.join(", "), 120),
            Case::did_you_mean(&alike)
        ),
        "correct the value in the application; or add the label in schema/ and write its migration",
    )
}

/// The labels of an enum, raw.
fn labels(object: &Object) -> Vec<String> {
    let listed = object.get(Attribute::Labels).unwrap_or_default();
    listed.split("', '").map(|label| label.trim_matches('\'').replace("''", "'")).collect()
}
