//! The version whose catalog a database without history is closest to.
//!
//! Only databases without a history pay for this: one pass over the effects of all migrations.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use crate::model::diff::{align_majors, align_owned_sequences, same};
use crate::model::{Effect, Lock};
use crate::postgres::catalog::{Catalog, Object, ObjectId};
use crate::postgres::connection::ServerVersion;

/// The numbers of first migrations (0 to all) whose results are closest to `live`, the lowest first: several where
/// migrations change nothing that a catalog shows, or where the database lies between versions.
pub fn closest(
    lock: &Lock,
    live: &Catalog,
    server: ServerVersion,
    in_scope: &dyn Fn(&ObjectId) -> bool,
) -> Vec<usize> {
    let mut live = align_owned_sequences(live, &lock.model);
    let effects = lock.migrations.iter().flat_map(|migration| &migration.effects);
    let made = effects.filter_map(|effect| match effect {
        Effect::Created(object) | Effect::Changed { after: object, .. } => Some(object),
        Effect::Dropped(_) | Effect::Renamed { .. } => None,
    });
    if let Some(aligned) = align_majors(&live, server, lock.head.server, lock.initial.iter().chain(made)) {
        live = Cow::Owned(aligned);
    }
    let mut walk = Walk::new(lock, &live, in_scope, 0);
    let mut best = (walk.wrong, vec![0]);
    for (index, migration) in lock.migrations.iter().enumerate() {
        let renames = migration.effects.iter().any(|effect| matches!(effect, Effect::Renamed { .. }));
        if renames {
            // What stands under a renamed object follows it: rare, and simpler to read again.
            walk = Walk::new(lock, &live, in_scope, index + 1);
        } else {
            migration.effects.iter().for_each(|effect| walk.apply(effect));
        }
        match walk.wrong.cmp(&best.0) {
            Ordering::Less => best = (walk.wrong, vec![index + 1]),
            Ordering::Equal => best.1.push(index + 1),
            Ordering::Greater => {}
        }
    }
    best.1
}

/// The state after some migrations, and how many objects of it are not as in the live database.
struct Walk<'c> {
    live: HashMap<&'c ObjectId, &'c Arc<Object>>,
    state: HashMap<ObjectId, Arc<Object>>,
    in_scope: &'c dyn Fn(&ObjectId) -> bool,
    wrong: usize,
}

impl<'c> Walk<'c> {
    fn new(lock: &Lock, live: &'c Catalog, in_scope: &'c dyn Fn(&ObjectId) -> bool, applied: usize) -> Self {
        let first: Vec<i64> =
            lock.migrations.iter().take(applied).map(|migration| migration.version).collect();
        let state = lock.state_after(|version| first.binary_search(&version).is_ok());
        let state = align_owned_sequences(&state, &lock.model).into_owned();
        let scoped = live.objects.iter().filter(|object| in_scope(&object.id));
        let mut walk = Self {
            live: scoped.map(|object| (&object.id, object)).collect(),
            state: HashMap::new(),
            in_scope,
            wrong: 0,
        };
        walk.wrong = walk.live.len();
        state.objects.into_iter().for_each(|object| walk.set(object));
        walk
    }

    fn apply(&mut self, effect: &Effect) {
        match effect {
            Effect::Created(object) | Effect::Changed { after: object, .. } => self.set(Arc::clone(object)),
            Effect::Dropped(id) => {
                self.wrong -= self.is_wrong(id);
                self.state.remove(id);
                self.wrong += self.is_wrong(id);
            }
            Effect::Renamed { .. } => {}
        }
    }

    fn set(&mut self, object: Arc<Object>) {
        if (self.in_scope)(&object.id) {
            self.wrong -= self.is_wrong(&object.id);
            let id = object.id.clone();
            self.state.insert(id.clone(), object);
            self.wrong += self.is_wrong(&id);
        }
    }

    /// 1 when the two differ in this object.
    fn is_wrong(&self, id: &ObjectId) -> usize {
        usize::from(!same(self.state.get(id), self.live.get(id).copied()))
    }
}
