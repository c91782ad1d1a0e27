//! Determines whether a migration has already been applied by hand: the database has all its effects, and did not
//! have them before.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::MigrationPlan;
use crate::model::diagnosis::MigrationState;
use crate::model::diff::{align_majors, align_owned_sequences};
use crate::model::{Effect, Lock};
use crate::postgres::catalog::{Attribute, Catalog, Object};
use crate::postgres::connection::ServerVersion;

impl MigrationPlan {
    /// The versions of the steps that could be recorded as applied without being run: they consist of DDL only, and
    /// the live database already has all their effects. `server` is the live server's version.
    ///
    /// A catalog does not show which rows the DDL would have changed (for a column's new default): the operator has
    /// to decide that.
    pub fn already_applied(
        &self,
        lock: &Lock,
        state: &MigrationState,
        live: &Catalog,
        server: ServerVersion,
    ) -> BTreeSet<i64> {
        let candidates: Vec<_> = self.steps.iter().filter(|step| step.script.is_ddl_alone()).collect();
        if candidates.is_empty() {
            return BTreeSet::new();
        }
        let applied: BTreeSet<i64> =
            state.applied.iter().map(|index| lock.migrations[*index].version).collect();
        let before = lock.state_after(|version| applied.contains(&version));
        let made = lock.migrations.iter().flat_map(|migration| &migration.effects).filter_map(Effect::after);
        let live = match align_majors(live, server, lock.head.server, lock.initial.iter().chain(made)) {
            Some(aligned) => Cow::Owned(aligned),
            None => Cow::Borrowed(live),
        };
        let there = candidates
            .into_iter()
            .filter(|step| is_satisfied(&lock.migrations[step.index].effects, &live, &before));
        there.map(|step| step.version).collect()
    }
}

/// Whether `live` has all the effects, and `before` lacked at least one of them. Owned sequences may have another
/// name. `live` must be spelled as by the major version that compiled the effects ([`align_majors`]).
pub fn is_satisfied(effects: &[Effect], live: &Catalog, before: &Catalog) -> bool {
    // A sequence that was created by hand may have been named after the table's current name.
    let after: Vec<Arc<Object>> = effects.iter().filter_map(Effect::after).cloned().collect();
    let live = align_owned_sequences(live, &Catalog::new(after, Vec::new())).into_owned();
    effects.iter().all(|effect| holds(effect, &live)) && !effects.iter().all(|effect| holds(effect, before))
}

/// Whether a catalog has one effect.
fn holds(effect: &Effect, catalog: &Catalog) -> bool {
    match effect {
        Effect::Created(object) => catalog.get(&object.id).is_some_and(|found| equal(found, object)),
        Effect::Changed { after, attributes } => catalog.get(&after.id).is_some_and(|found| {
            attributes
                .iter()
                .copied()
                .filter(|one| counts(*one))
                .all(|one| found.attributes.agree(&after.attributes, one))
        }),
        Effect::Renamed { from, to } => catalog.get(to).is_some() && catalog.get(from).is_none(),
        Effect::Dropped(id) => catalog.get(id).is_none(),
    }
}

/// Compares like [`crate::model::diff::same`], but without the owner: migrations are compiled by another role than
/// they run as.
fn equal(found: &Object, wanted: &Object) -> bool {
    !found.attributes.differing(&wanted.attributes).into_iter().any(counts)
}

fn counts(attribute: Attribute) -> bool {
    attribute.is_compared() && attribute != Attribute::Owner
}

#[cfg(test)]
mod tests {
    use super::super::super::samples::{SampleMigration, lock_of, object};
    use super::super::super::{MigrationPlan, UpgradeGoal};
    use super::*;
    use crate::postgres::catalog::{Kind, ObjectId};

    fn table(name: &str) -> ObjectId {
        ObjectId::in_schema(Kind::Table, "public", name)
    }

    fn column(table: &str, name: &str) -> ObjectId {
        ObjectId::under(Kind::Column, "public", table, name)
    }

    fn catalog(objects: &[&Arc<Object>]) -> Catalog {
        Catalog::new(objects.iter().map(|object| Arc::clone(object)).collect(), Vec::new())
    }

    #[test]
    fn all_of_it_must_be_there() {
        let users = object(table("users"), &[]);
        let name = object(column("users", "name"), &[(Attribute::Type, "text"), (Attribute::Position, "3")]);
        let required = object(
            column("users", "name"),
            &[(Attribute::Type, "text"), (Attribute::Nullable, "false"), (Attribute::Position, "2")],
        );
        let adds = [Effect::Created(name.clone())];
        let requires = [Effect::Changed { after: required.clone(), attributes: vec![Attribute::Nullable] }];
        let before = catalog(&[&users]);
        assert!(is_satisfied(&adds, &catalog(&[&users, &name]), &before));
        assert!(!is_satisfied(&adds, &before, &before), "not there");
        assert!(!is_satisfied(&adds, &catalog(&[&users, &required]), &before), "another column");
        assert!(is_satisfied(&requires, &catalog(&[&users, &required]), &catalog(&[&users, &name])));
        assert!(!is_satisfied(&requires, &catalog(&[&users, &name]), &catalog(&[&users, &name])));
        assert!(
            !is_satisfied(&requires, &catalog(&[&users, &required]), &catalog(&[&users, &required])),
            "before"
        );
        let drops = [Effect::Dropped(Box::new(name.id.clone()))];
        assert!(is_satisfied(&drops, &before, &catalog(&[&users, &name])));
        assert!(!is_satisfied(&drops, &catalog(&[&users, &name]), &catalog(&[&users, &name])));
        let people = object(table("people"), &[]);
        let renames = [Effect::Renamed { from: Box::new(users.id.clone()), to: Box::new(people.id.clone()) }];
        assert!(is_satisfied(&renames, &catalog(&[&people]), &before));
        assert!(!is_satisfied(&renames, &catalog(&[&people, &users]), &before), "both are there");
        assert!(!is_satisfied(&[], &before, &before), "nothing is no proof");
    }

    #[test]
    fn a_sequence_goes_by_its_column() {
        let id = |default: &str| {
            object(column("people", "id"), &[(Attribute::Type, "bigint"), (Attribute::Default, default)])
        };
        let sequence = |name: &str| {
            object(
                ObjectId::in_schema(Kind::Sequence, "public", name),
                &[(Attribute::Type, "bigint"), (Attribute::OwnedBy, "public.people.id")],
            )
        };
        let wanted = [sequence("people_id_seq"), id("nextval('public.people_id_seq'::regclass)")];
        let by_hand = [sequence("users_id_seq"), id("nextval('public.users_id_seq'::regclass)")];
        let effects: Vec<Effect> = wanted.into_iter().map(Effect::Created).collect();
        let live = Catalog::new(by_hand.to_vec(), Vec::new());
        assert!(is_satisfied(&effects, &live, &Catalog::default()));
    }

    #[test]
    fn only_steps_of_ddl_alone_are_offered() {
        let users = object(table("users"), &[]);
        let made = || vec![Effect::Created(users.clone())];
        for (sql, expected) in [
            ("create table users ();", &[1][..]),
            ("create table users (); insert into users default values;", &[]),
            ("create table users (); create publication p for table users;", &[]),
        ] {
            let (lock, files) = lock_of(&[SampleMigration::new(1, sql).doing(made())]);
            let state = MigrationState::from_history(&lock.migrations, &[], &BTreeSet::new());
            let plan =
                MigrationPlan::upgrade(&lock, &files, &state, &UpgradeGoal::default()).expect("a plan");
            let live = catalog(&[&users]);
            let found = plan.already_applied(&lock, &state, &live, ServerVersion(150_018));
            assert_eq!(found.into_iter().collect::<Vec<_>>(), expected, "{sql}");
            let empty = plan.already_applied(&lock, &state, &Catalog::default(), ServerVersion(150_018));
            assert!(empty.is_empty());
        }
    }
}
