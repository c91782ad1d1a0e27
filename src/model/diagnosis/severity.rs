//! How bad a difference is, and what it is called: error when the application can break, warning for what costs
//! later. A project may set it otherwise per code.

use crate::findings::{Change, Severity};
use crate::model::diff::Difference;
use crate::postgres::catalog::{Attribute, Kind, Object};

/// The last part of a finding's code for a differing attribute.
pub(super) fn suffix(kind: Kind, attribute: Attribute) -> &'static str {
    match attribute {
        Attribute::Nullable => "nullability",
        Attribute::Valid if kind.is_constraint() => "not_valid",
        Attribute::Valid => "invalid",
        Attribute::Enabled => "enabled",
        other => other.word(),
    }
}

/// The severity of a missing object.
pub(super) fn missing(difference: &Difference) -> Severity {
    match difference.id.kind {
        Kind::Index => {
            let unique = difference.model.as_ref().is_some_and(|index| index.is(Attribute::IsUnique, "true"));
            if unique { Severity::Error } else { Severity::Warning }
        }
        Kind::Statistics => Severity::Warning,
        _ => Severity::Error,
    }
}

/// The severity of an object that the model does not have.
pub(super) fn unexpected(difference: &Difference) -> Severity {
    let Some(live) = &difference.live else { return Severity::Warning };
    let required = difference.id.kind == Kind::Column
        && live.is(Attribute::Nullable, "false")
        && [Attribute::Default, Attribute::Identity, Attribute::Generated]
            .iter()
            .all(|a| live.get(*a).is_none());
    // An INSERT of an application that does not know the column fails.
    if required { Severity::Error } else { Severity::Warning }
}

/// The severity of one differing attribute.
pub(super) fn different(declared: &Object, attribute: Attribute) -> Severity {
    use Attribute as A;
    let kind = declared.id.kind;
    let guards = kind == Kind::Index && declared.is(A::IsUnique, "true");
    match attribute {
        A::Comment
        | A::ColumnComments
        | A::Owner
        | A::Storage
        | A::Compression
        | A::StatisticsTarget
        | A::Options
        | A::Cost
        | A::Rows
        | A::Parallel
        | A::Support
        | A::AccessMethod
        | A::Cache
        | A::Start
        | A::OwnedBy
        | A::ReplicaIdentity
        | A::ClusterOn
        | A::IndexComment
        | A::Version
        | A::Schema
        | A::Multirange => Severity::Warning,
        // NOT VALID costs later; an invalid index serves nobody, and a unique one protects nothing.
        A::Valid if kind != Kind::Index => Severity::Warning,
        A::Valid | A::IsUnique | A::NullsNotDistinct => Severity::Error,
        // What a unique index is over is what it forbids.
        A::Columns | A::Predicate | A::OnTable if guards => Severity::Error,
        _ if kind == Kind::Index || kind == Kind::Statistics => Severity::Warning,
        A::Increment | A::Minimum if kind == Kind::Sequence => Severity::Warning,
        _ => Severity::Error,
    }
}

/// Every code that a finding can have.
pub(super) fn codes() -> Vec<String> {
    let rules = super::rules::RULES.iter().map(|rule| rule.code.to_owned());
    let objects = Kind::ALL.iter().flat_map(|kind| {
        let whole = ["missing", "unexpected", "renamed", "by_hand"].into_iter();
        let attributes = Attribute::ALL.iter().filter(|attribute| attribute.is_compared());
        let suffixes = whole.chain(attributes.map(|attribute| suffix(*kind, *attribute)));
        suffixes.map(move |suffix| format!("{kind}.{suffix}"))
    });
    let rows = super::rows::CODES.iter().map(|code| (*code).to_owned());
    rules.chain(objects).chain(rows).collect()
}

/// The code of a finding: `column.missing`, `column.nullability`.
pub(super) fn code(kind: Kind, change: Change, attribute: Option<Attribute>) -> String {
    let suffix = match (change, attribute) {
        (Change::Missing, _) => "missing",
        (Change::Unexpected, _) => "unexpected",
        (Change::Different, Some(attribute)) => suffix(kind, attribute),
        (Change::Different, None) => "different",
    };
    format!("{kind}.{suffix}")
}
