//! What it means to take migrations back, whoever does it: which objects with rows are lost, and what the catalog has to be
//! afterwards.

use std::collections::BTreeSet;

use super::{is_left_on_purpose, touches};
use crate::migrations::Left;
use crate::model::Lock;
use crate::model::diff;
use crate::postgres::catalog::{Attribute, Catalog, Kind, ObjectId};
use crate::postgres::connection::ServerVersion;

/// Migrations that are taken back together.
#[derive(Debug)]
pub struct Reversal<'l> {
    lock: &'l Lock,
    /// What they build together with those that stay.
    built: Catalog,
    /// What those that stay build.
    target: Catalog,
    /// What of that is not dropped, under the names of now.
    kept: Catalog,
    touches: BTreeSet<ObjectId>,
}

impl<'l> Reversal<'l> {
    /// The migrations of these versions are taken back, and those stay applied.
    pub fn of(lock: &'l Lock, reverted: &BTreeSet<i64>, stays: &BTreeSet<i64>) -> Self {
        let compiled = lock.migrations.iter().filter(|migration| reverted.contains(&migration.version));
        Self {
            lock,
            built: lock.state_after(|version| reverted.contains(&version) || stays.contains(&version)),
            target: lock.state_after(|version| stays.contains(&version)),
            kept: lock.left_of(|version| stays.contains(&version), |version| reverted.contains(&version)),
            touches: compiled.flat_map(touches).collect(),
        }
    }

    /// The tables, and the columns of other tables, that are dropped with their values: those that a database has, and the
    /// migrations have created.
    pub fn lost(&self, live: &Catalog) -> Vec<ObjectId> {
        let is_lost = |id: &ObjectId| {
            self.built.get(id).is_some() && self.kept.get(id).is_none() && live.get(id).is_some()
        };
        let of_table = |id: &ObjectId| ObjectId::parse(Kind::Table, &id.relation_path());
        let all = live.objects.iter().map(|object| &object.id);
        let lost = all.filter(|id| match id.kind {
            Kind::Table => is_lost(id),
            Kind::Column => is_lost(id) && of_table(id).is_some_and(|table| !is_lost(&table)),
            _ => false,
        });
        lost.cloned().collect()
    }

    /// What is wrong with the catalog afterwards. The objects that the migrations touch must be as those that stay leave
    /// them, and all others as they were. An object that differs between the two is touched, too, such as the columns of a
    /// table that a migration renames.
    pub fn wrong(
        &self,
        server: ServerVersion,
        leaves: &[Left],
        [before, after]: [&Catalog; 2],
    ) -> Vec<(ObjectId, String)> {
        let aligned = |live: &Catalog| {
            let live = diff::align_majors(live, server, self.lock.head.server, &self.target.objects)
                .unwrap_or_else(|| live.clone());
            diff::align_owned_sequences(&live, &self.lock.model).into_owned()
        };
        let (before, after) = (aligned(before), aligned(after));
        let [built, target] =
            [&self.built, &self.target].map(|catalog| diff::align_owned_sequences(catalog, &self.lock.model));
        let ids: BTreeSet<&ObjectId> = [&before, &after, &target]
            .into_iter()
            .flat_map(|catalog| &catalog.objects)
            .map(|object| &object.id)
            .collect();
        let wrong = ids.into_iter().filter_map(|id| {
            let (was, is) = (before.get(id), after.get(id));
            let touched = self.touches.contains(id) || !diff::same(built.get(id), target.get(id));
            let wanted = if touched { target.get(id) } else { was };
            // Owners are not compared: migrations are compiled by another role than they run as.
            let counts =
                |attribute: Attribute| attribute.is_compared() && !(touched && attribute == Attribute::Owner);
            let wrong = diff::deviation(id, is, wanted, counts)?;
            (!is_left_on_purpose(leaves, id, [is, wanted], counts)).then(|| (id.clone(), wrong))
        });
        wrong.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{SampleMigration, lock_of, object};
    use super::*;
    use crate::model::Effect;

    #[test]
    fn what_is_renamed_is_not_lost() {
        let table = |name: &str| ObjectId::in_schema(Kind::Table, "public", name);
        let column = |table: &str, name: &str| ObjectId::under(Kind::Column, "public", table, name);
        let created = |id: ObjectId| Effect::Created(object(id, &[]));
        let renamed = |from: ObjectId, to: ObjectId| Effect::Renamed { from: from.into(), to: to.into() };
        let (lock, _) = lock_of(&[
            SampleMigration::new(1, "").doing(vec![
                created(table("people")),
                created(column("people", "id")),
                created(column("people", "name")),
            ]),
            SampleMigration::new(2, "").doing(vec![
                renamed(table("people"), table("users")),
                renamed(column("users", "name"), column("users", "title")),
                created(column("users", "email")),
            ]),
            SampleMigration::new(3, "").doing(vec![
                created(table("keys")),
                created(column("keys", "id")),
                Effect::Dropped(column("users", "id").into()),
                created(column("users", "key")),
            ]),
        ]);
        let live = lock.state_after(|_| true);
        let lost = |reverted: &[i64], stays: &[i64]| -> Vec<String> {
            let set = |versions: &[i64]| versions.iter().copied().collect();
            let lost = Reversal::of(&lock, &set(reverted), &set(stays)).lost(&live);
            lost.iter().map(ToString::to_string).collect()
        };
        assert_eq!(lost(&[3], &[1, 2]), ["public.keys", "public.users.key"]);
        assert_eq!(lost(&[2, 3], &[1]), ["public.keys", "public.users.email", "public.users.key"]);
        assert_eq!(lost(&[1, 2, 3], &[]), ["public.keys", "public.users"]);
    }
}
