//! What brings a database back to what its applied migrations built, where somebody changed it by hand.
//!
//! What pending migrations will do, what no migration does, and what migrations of a newer project did stays as it is: of each
//! object only what drifted is changed.

use std::collections::HashMap;
use std::sync::Arc;

use super::between::{Allowed, CatalogChange, changes_of};
use super::cause::CauseResolver;
use super::migration_state::{Basis, MigrationState};
use super::origin::Origins;
use super::{Built, Facts, objects, parents_of, resolver, rules};
use crate::findings::{Cause, CauseKind};
use crate::model::diff::{self, Difference};
use crate::postgres::catalog::{Attribute, Attributes, Catalog, Kind, Object, ObjectId};

/// The changes that bring back what drifted. Without `destructive` those that lose values have no statements.
pub fn repairs(facts: &Facts<'_>, destructive: bool) -> Vec<CatalogChange> {
    let state = facts.state();
    if rules::is_empty(facts, &state) || rules::other_database(facts).is_some() {
        return Vec::new();
    }
    let built = Built::by(facts, &state);
    let origins = Origins::new(&facts.lock.migrations);
    let ahead_origins = Origins::new(&built.ahead);
    let causes = resolver(facts, &state, &built, [&origins, &ahead_origins]);
    let differences = built.differences(facts).into_iter();
    let differences: Vec<Difference> =
        differences.filter_map(|difference| brought_back(&causes, difference)).collect();
    if differences.is_empty() {
        return Vec::new();
    }
    let target = target(facts.live, &differences);
    let state = MigrationState::first(0, 0, Basis::ModelOnly);
    let by_hand = CauseResolver {
        state: &state,
        ahead: &[],
        ahead_origins: &Origins::new(&[]),
        model: &target,
        proved: true,
        accepted: None,
        evidence: String::new(),
        allowed: Allowed::Fixes { destructive },
        ..causes
    };
    changes_of(objects::found(&by_hand, differences, &parents_of(facts.live, &target)))
}

/// A difference with what the object is to be again in the place of all states but the live one. `None` where nothing of it
/// drifted.
fn brought_back(causes: &CauseResolver<'_>, difference: Difference) -> Option<Difference> {
    let wanted = match (&difference.live, &difference.recorded) {
        (None, None) => return None,
        (Some(live), Some(built)) => Some(with_what_drifted(causes, &difference, live, built)),
        (None, Some(_)) | (Some(_), None) => {
            let values = difference.existence();
            let cause = causes.cause(&difference.id, None, values)?;
            let accepted = causes.accepted(&difference.id, None, values.live).is_some();
            if values.live == values.model || !is_by_hand(causes, &cause, [accepted, false]) {
                return None;
            }
            difference.recorded.as_ref().map(|built| owned_as_declared(&difference, built))
        }
    };
    if diff::same(difference.live.as_ref(), wanted.as_ref()) {
        return None;
    }
    let Difference { id, live, .. } = difference;
    Some(Difference {
        id,
        live,
        applied: wanted.clone(),
        recorded: wanted.clone(),
        last: wanted.clone(),
        model: wanted,
    })
}

/// The live object with the attributes that drifted as the migrations built them.
fn with_what_drifted(
    causes: &CauseResolver<'_>,
    difference: &Difference,
    live: &Arc<Object>,
    built: &Arc<Object>,
) -> Arc<Object> {
    let drifted = difference.attributes().into_iter().filter(|attribute| {
        let values = difference.values(*attribute);
        let accepted = || causes.accepted(&difference.id, Some(*attribute), values.live).is_some();
        let cause = causes.cause(&difference.id, Some(*attribute), values);
        let is_view = matches!(difference.id.kind, Kind::View | Kind::MaterializedView);
        let printed = causes.views_print_differently && is_view && *attribute == Attribute::Definition;
        values.live != values.recorded
            // What is declared no more is so by a migration that is to come.
            && (values.live != values.model || difference.model.is_none())
            && cause.is_some_and(|cause| is_by_hand(causes, &cause, [accepted(), printed]))
    });
    let mut attributes: Attributes = live.attributes.clone();
    for attribute in drifted {
        // Migrations are replayed by another role than in production.
        let source = if attribute == Attribute::Owner { difference.model.as_ref() } else { Some(built) };
        let value = source.and_then(|object| object.attributes.stated(attribute));
        attributes = attributes.with(attribute, value.map(Into::into));
    }
    Arc::new(Object { id: live.id.clone(), attributes })
}

/// What migrations built, with the owner that the model declares.
fn owned_as_declared(difference: &Difference, built: &Arc<Object>) -> Arc<Object> {
    let owner = difference.model.as_ref().and_then(|model| model.attributes.stated(Attribute::Owner));
    if owner == built.attributes.stated(Attribute::Owner) {
        return Arc::clone(built);
    }
    let attributes = built.attributes.with(Attribute::Owner, owner.map(Into::into));
    Arc::new(Object { id: built.id.clone(), attributes })
}

/// Whether somebody brought this about, as far as the database's own history, or a project without migrations, shows it.
/// `accepted`: it was there when the database was adopted; `printed`: it may be a matter of how servers print it.
fn is_by_hand(causes: &CauseResolver<'_>, cause: &Cause, [accepted, printed]: [bool; 2]) -> bool {
    match cause.kind {
        CauseKind::Drift => true,
        // How a server prints a view is nothing that somebody did.
        CauseKind::Unknown if printed => false,
        CauseKind::Unknown => causes.state.basis == Basis::ModelOnly || causes.proved && accepted,
        _ => false,
    }
}

/// The live catalog with everything brought back.
fn target(live: &Catalog, differences: &[Difference]) -> Catalog {
    let mut changed: HashMap<&ObjectId, Option<&Arc<Object>>> =
        differences.iter().map(|difference| (&difference.id, difference.model.as_ref())).collect();
    let mut objects: Vec<Arc<Object>> = Vec::with_capacity(live.objects.len());
    for object in &live.objects {
        match changed.remove(&object.id) {
            None => objects.push(Arc::clone(object)),
            Some(wanted) => objects.extend(wanted.cloned()),
        }
    }
    objects.extend(changed.into_values().flatten().cloned());
    Catalog::new(objects, live.unmodeled.clone())
}
