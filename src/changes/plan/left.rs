//! What down scripts leave on purpose: objects, and labels of enums, which PostgreSQL cannot drop.

use std::sync::Arc;

use super::LeftBehind;
use super::conflicts::contains;
use crate::findings::Finding;
use crate::migrations::Left;
use crate::model::diff;
use crate::postgres::catalog::{Attribute, Object, ObjectId};
use crate::postgres::sql::{Part, Statement, literal};

/// Whether what is wrong with an object is what a down script says that it leaves.
pub(super) fn is_left_on_purpose(
    leaves: &[Left],
    id: &ObjectId,
    [is, wanted]: [Option<&Arc<Object>>; 2],
    counts: impl Fn(Attribute) -> bool,
) -> bool {
    let table = || is.or(wanted).and_then(|object| object.get(Attribute::OnTable));
    let is_object =
        |left: &Left| matches!(left, Left::Object(left) if left == id || contains(left, id, table()));
    if leaves.iter().any(is_object) {
        return true;
    }
    let labels = left_labels(leaves.iter(), id);
    let Some(is) = is.filter(|_| !labels.is_empty()) else { return false };
    let kept = without_labels(is.get(Attribute::Labels).unwrap_or_default(), &labels);
    let attributes = is.attributes.with(Attribute::Labels, Some(kept.into()));
    let without = Arc::new(Object { id: id.clone(), attributes });
    diff::deviation(id, Some(&without), wanted, counts).is_none()
}

/// Whether a finding is what the down scripts of migrations that are not applied any more have left.
pub(super) fn is_finding_left(finding: &Finding, all: &[LeftBehind]) -> bool {
    all.iter().any(|LeftBehind { version, left, labels }| {
        let id = match left {
            Left::Object(id) | Left::EnumValue { of: id, .. } => id,
        };
        let version = version.to_string();
        let is_its = finding.kind == id.kind.word()
            && finding.object == id.to_string()
            && finding.causes().all(|cause| cause.migration.as_deref() == Some(version.as_str()));
        is_its
            && labels.as_deref().is_none_or(|labels| {
                let left = left_labels(all.iter().map(|other| &other.left), id);
                finding.attributes.iter().all(|attribute| {
                    let actual = attribute.actual.as_deref().unwrap_or_default();
                    attribute.name == Attribute::Labels.word() && without_labels(actual, &left) == labels
                })
            })
    })
}

/// The labels of an enum that are left, as literals.
fn left_labels<'l>(leaves: impl Iterator<Item = &'l Left>, id: &ObjectId) -> Vec<String> {
    leaves
        .filter_map(|left| match left {
            Left::EnumValue { of, label } if of == id => Some(literal(label)),
            _ => None,
        })
        .collect()
}

/// A list of literals without some of them.
fn without_labels(list: &str, labels: &[String]) -> String {
    let statement = Statement { text: list, line: 1, column: 1, offset: 0 };
    let parts = statement.placed_parts();
    let found = parts.filter_map(|(place, part)| matches!(part, Part::Literal(_)).then(|| &list[place]));
    let kept: Vec<&str> = found.filter(|found| !labels.iter().any(|label| label == found)).collect();
    kept.join(", ")
}
