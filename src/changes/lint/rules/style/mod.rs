//! Types that are found better by many. Off by default: `[lint] rules = { "style.text" = "info" }` switches one on.

pub(super) mod bigint;
pub(super) mod identity;
pub(super) mod jsonb;
pub(super) mod text;
pub(super) mod timestamptz;

use super::{LintMatch, LintRule, LintedMigration};
use crate::model::Effect;
use crate::postgres::catalog::{Attribute, Kind, Object};

/// The columns that are created, or get another type, where `bad` says of one what is wrong with it.
fn columns(
    migration: &LintedMigration<'_>,
    bad: impl Fn(&Object) -> Option<String>,
    instead: &str,
) -> Vec<LintMatch> {
    let columns = migration.compiled.effects.iter().filter_map(|effect| match effect {
        Effect::Created(object) => Some(object),
        Effect::Changed { after, attributes } if attributes.contains(&Attribute::Type) => Some(after),
        _ => None,
    });
    let found = columns.filter(|object| object.id.kind == Kind::Column).filter_map(|column| {
        let what = bad(column)?;
        let at = migration.statement_making(&column.id);
        Some(LintMatch { at, what: format!("{} {what}", column.id), instead: instead.to_owned() })
    });
    found.collect()
}

/// The type of a column, without what is in parentheses.
fn type_of(column: &Object) -> &str {
    let name = column.get(Attribute::Type).unwrap_or_default();
    name.split('(').next().unwrap_or_default()
}
