//! Which changes code does not survive that was written for the schema before.

use crate::postgres::catalog::{Attribute, Kind, Object};
use crate::postgres::ddl::{self, DdlAction, DdlChange};

/// Whether a change waits until no code runs any more that knows the schema before it.
pub(super) fn is_contract(change: &DdlChange) -> bool {
    let Some(object) = change.objects.first() else { return false };
    let kind = object.id.kind;
    match change.action {
        DdlAction::Drop => kind.is_used_by_code() || kind == Kind::Extension || kind == Kind::Privilege,
        DdlAction::Rename => kind.is_used_by_code(),
        DdlAction::Replace => kind == Kind::Enum,
        DdlAction::Alter => change.before.as_ref().is_some_and(|before| takes_away(before, object)),
        DdlAction::Make | DdlAction::Finish => false,
    }
}

/// Whether an object takes or gives something else than it did.
fn takes_away(before: &Object, after: &Object) -> bool {
    let differs = |attribute| before.get(attribute) != after.get(attribute);
    match after.id.kind {
        Kind::Column => {
            let becomes_required = differs(Attribute::Nullable) && after.is(Attribute::Nullable, "false");
            let loses_default = after.is(Attribute::Nullable, "false")
                && differs(Attribute::Default)
                && after.get(Attribute::Default).is_none();
            becomes_required || loses_default || differs(Attribute::Type) && !is_wider(before, after)
        }
        Kind::Enum => ddl::renamed_label(after, before).is_some(),
        _ => false,
    }
}

/// Whether a column keeps its type but for a length, and takes every value that it took.
fn is_wider(before: &Object, after: &Object) -> bool {
    let (Some(from), Some(to)) = (before.get(Attribute::Type), after.get(Attribute::Type)) else {
        return false;
    };
    let is_text =
        |name: &str| ["text", "character varying"].contains(&name.split('(').next().unwrap_or_default());
    ddl::keeps_values(from, to)
        && (is_text(from) && is_text(to) || from.split('(').next() == to.split('(').next())
}
