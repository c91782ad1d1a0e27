//! Which migration made something what it is: looks through the effects that the lock file keeps.

use std::collections::HashMap;

use smol_str::SmolStr;

use crate::model::{CompiledMigration, Effect};
use crate::postgres::catalog::{Attribute, Kind, ObjectId};

/// An index over the effects of all migrations.
#[derive(Debug)]
pub(super) struct Origins<'m> {
    touched: HashMap<&'m ObjectId, Vec<(usize, &'m Effect)>>,
    renames: Vec<(usize, &'m ObjectId, &'m ObjectId)>,
}

impl<'m> Origins<'m> {
    pub(super) fn new(migrations: &'m [CompiledMigration]) -> Self {
        let mut touched: HashMap<&ObjectId, Vec<(usize, &Effect)>> = HashMap::new();
        let mut renames: Vec<(usize, &ObjectId, &ObjectId)> = Vec::new();
        for (index, migration) in migrations.iter().enumerate() {
            for effect in &migration.effects {
                match effect {
                    Effect::Created(object) => touched.entry(&object.id).or_default().push((index, effect)),
                    Effect::Changed { after, .. } => {
                        touched.entry(&after.id).or_default().push((index, effect))
                    }
                    Effect::Dropped(id) => touched.entry(id).or_default().push((index, effect)),
                    Effect::Renamed { from, to } => {
                        touched.entry(from).or_default().push((index, effect));
                        touched.entry(to).or_default().push((index, effect));
                        renames.push((index, from, to));
                    }
                }
            }
        }
        Self { touched, renames }
    }

    /// The last migration among those that `within` admits that set `attribute` of the object now called `id`
    /// (or its existence, with `None`).
    pub(super) fn setter(
        &self,
        id: &ObjectId,
        attribute: Option<Attribute>,
        within: impl Fn(usize) -> bool,
    ) -> Option<usize> {
        let sets = |effect: &Effect| match effect {
            Effect::Created(_) | Effect::Dropped(_) => true,
            Effect::Renamed { .. } => attribute.is_none(),
            Effect::Changed { attributes, .. } => {
                attribute.is_some_and(|wanted| attributes.contains(&wanted))
            }
        };
        let names = self.names_of(id);
        let steps = names.iter().filter_map(|name| self.touched.get(name)).flatten();
        steps.filter(|(index, effect)| within(*index) && sets(effect)).map(|(index, _)| *index).max()
    }

    /// Whether one of these migrations touches the object in any way.
    pub(super) fn touches(&self, id: &ObjectId, within: impl Fn(usize) -> bool) -> Option<usize> {
        let names = self.names_of(id);
        let steps = names.iter().filter_map(|name| self.touched.get(name)).flatten();
        steps.map(|(index, _)| *index).filter(|index| within(*index)).max()
    }

    /// The rename that leads from one name to the other.
    pub(super) fn rename(&self, from: &ObjectId, to: &ObjectId) -> Option<usize> {
        self.renames.iter().find(|(_, old, new)| *old == from && *new == to).map(|(index, ..)| *index)
    }

    /// All names that the object has had, the present one first.
    fn names_of(&self, id: &ObjectId) -> Vec<ObjectId> {
        let mut names = vec![id.clone()];
        for (_, from, to) in self.renames.iter().rev() {
            let Some(now) = names.last() else { break };
            if now == *to {
                names.push((*from).clone());
            } else if to.kind == Kind::Table && is_part_of(now, to) {
                names.push(ObjectId {
                    schema: from.schema.clone(),
                    relation: Some(from.name.clone()),
                    ..now.clone()
                });
            }
        }
        names
    }
}

fn is_part_of(part: &ObjectId, table: &ObjectId) -> bool {
    part.relation.as_ref() == Some(&table.name) && part.schema == table.schema
}

/// `V4__api_keys_user_id`.
pub(super) fn label(migration: &CompiledMigration) -> SmolStr {
    smol_str::format_smolstr!("{}", migration.id())
}
