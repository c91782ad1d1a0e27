//! Determines what a catalog shows of one migration: which of its effects exist.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::super::touches;
use crate::model::diff;
use crate::model::{Effect, Lock};
use crate::postgres::catalog::{Attribute, Catalog, ObjectId};
use crate::postgres::connection::ServerVersion;

/// What a catalog shows of one migration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Objects that are as the migration leaves them, and would not be so without it.
    pub shown: Vec<ObjectId>,
    /// Differences from the migration's result, as sentences.
    pub missing: Vec<String>,
}

impl Evidence {
    /// Compares the effects of the migration at `index` with a live catalog in which `applied` are applied, whether
    /// or not it is among them. Effects that a later migration has overwritten show nothing. Only what the migration
    /// itself changes is compared.
    ///
    /// Owners are not compared: migrations are compiled by another role than they run as.
    pub fn of(
        lock: &Lock,
        index: usize,
        applied: &BTreeSet<usize>,
        live: &Catalog,
        server: ServerVersion,
    ) -> Self {
        let itself = &lock.migrations[index];
        let others: BTreeSet<i64> = applied
            .iter()
            .filter(|other| **other != index)
            .map(|other| lock.migrations[*other].version)
            .collect();
        let without = lock.state_after(|version| others.contains(&version));
        let with = lock.state_after(|version| version == itself.version || others.contains(&version));
        let live = match diff::align_majors(live, server, lock.head.server, &with.objects) {
            Some(aligned) => Cow::Owned(aligned),
            None => Cow::Borrowed(live),
        };
        let live = diff::align_owned_sequences(&live, &with);
        let all = with.objects.iter().chain(&without.objects).map(|object| &object.id);
        let mut ids: BTreeSet<ObjectId> =
            all.filter(|id| !diff::same(with.get(id), without.get(id))).cloned().collect();
        // A change by a later migration contains an object that only this one creates.
        let made = |place: usize| {
            lock.migrations[place].effects.iter().filter_map(|effect| match effect {
                Effect::Created(object) => Some(&object.id),
                _ => None,
            })
        };
        let elsewhere: BTreeSet<&ObjectId> =
            applied.iter().filter(|other| **other != index).flat_map(|other| made(*other)).collect();
        ids.extend(made(index).filter(|id| !elsewhere.contains(id) && with.get(id).is_some()).cloned());
        let telling = ids.clone();
        ids.extend(touches(itself));
        let mut evidence = Self::default();
        for id in ids {
            let counts = |attribute: Attribute| attribute.is_compared() && attribute != Attribute::Owner;
            match diff::deviation(&id, live.get(&id), with.get(&id), counts) {
                Some(words) => evidence.missing.push(words),
                None if telling.contains(&id) => evidence.shown.push(id),
                None => {}
            }
        }
        evidence
    }

    /// Whether the catalog shows nothing about the migration.
    pub fn is_silent(&self) -> bool {
        self.shown.is_empty() && self.missing.is_empty()
    }

    /// Whether the catalog shows all effects that it can show.
    pub fn is_whole(&self) -> bool {
        !self.shown.is_empty() && self.missing.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::super::samples::{SampleMigration, lock_of, object};
    use super::*;
    use crate::postgres::catalog::{Kind, Object};

    const SERVER: ServerVersion = ServerVersion(150_018);

    fn table(name: &str) -> ObjectId {
        ObjectId::in_schema(Kind::Table, "public", name)
    }

    fn catalog(objects: &[Arc<Object>]) -> Catalog {
        Catalog::new(objects.to_vec(), Vec::new())
    }

    fn of(samples: &[SampleMigration], index: usize, applied: &[usize], live: &[Arc<Object>]) -> Evidence {
        let (lock, _) = lock_of(samples);
        Evidence::of(&lock, index, &applied.iter().copied().collect(), &catalog(live), SERVER)
    }

    #[test]
    fn what_is_there_and_what_is_not() {
        let (a, b) = (object(table("a"), &[]), object(table("b"), &[]));
        let samples = [
            SampleMigration::new(1, "create table a ();").doing(vec![Effect::Created(a.clone())]),
            SampleMigration::new(2, "create table b ();").doing(vec![Effect::Created(b.clone())]),
            SampleMigration::new(3, "update a set x = 1;"),
        ];
        let there = of(&samples, 1, &[0], &[a.clone(), b.clone()]);
        assert!(there.is_whole());
        assert_eq!(there.shown, [table("b")]);
        let gone = of(&samples, 1, &[0, 1], std::slice::from_ref(&a));
        assert_eq!(gone.missing, ["table public.b is not there"]);
        assert!(of(&samples, 2, &[0, 1], &[a, b]).is_silent());
    }

    #[test]
    fn what_a_later_one_has_overwritten_shows_nothing() {
        let (plain, told) = (object(table("a"), &[]), object(table("a"), &[(Attribute::Comment, "told")]));
        let change = |after: &Arc<Object>| {
            vec![Effect::Changed { after: after.clone(), attributes: vec![Attribute::Comment] }]
        };
        let samples = [
            SampleMigration::new(1, "create table a ();").doing(vec![Effect::Created(plain.clone())]),
            SampleMigration::new(2, "comment on table a is 'told';").doing(change(&told)),
            SampleMigration::new(3, "comment on table a is null;").doing(change(&plain)),
        ];
        assert!(of(&samples, 1, &[0, 2], std::slice::from_ref(&plain)).is_silent());
        assert!(of(&samples, 1, &[0], std::slice::from_ref(&told)).is_whole());
        let missing = of(&samples, 1, &[0], &[plain]).missing;
        assert_eq!(missing, ["table public.a: comment is not set, not told"]);
    }
}
