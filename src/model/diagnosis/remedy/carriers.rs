//! Which objects of a group come and go with another one of it: the columns, indexes and owned sequences of a table, and the
//! privileges on anything.

use std::collections::HashMap;
use std::sync::Arc;

use smol_str::SmolStr;

use super::super::fold::relation_of;
use crate::postgres::catalog::{Attribute, Kind, Object, ObjectId};

/// The objects in parts: each begins with one that goes with no other, and has what goes with that.
pub(super) fn parts(objects: &[Arc<Object>]) -> Vec<Vec<Arc<Object>>> {
    let carriers = Carriers::of(objects);
    let mut parts: Vec<Vec<Arc<Object>>> = Vec::new();
    let mut places: HashMap<&ObjectId, usize> = HashMap::new();
    for object in objects.iter().filter(|object| carriers.of_object(object).is_none()) {
        places.insert(&object.id, parts.len());
        parts.push(vec![Arc::clone(object)]);
    }
    for object in objects {
        if let Some(place) = carriers.of_object(object).and_then(|carrier| places.get(carrier)) {
            parts[*place].push(Arc::clone(object));
        }
    }
    parts
}

/// The objects that others go with, by what those call them.
#[derive(Default)]
struct Carriers<'o> {
    relations: HashMap<String, &'o ObjectId>,
    /// The columns of tables that stay.
    columns: HashMap<String, &'o ObjectId>,
    /// What privileges are on.
    granted: HashMap<Granted, &'o Object>,
}

/// Schema, name, and what tells a relation, a type and a routine of the same name apart.
type Granted = (Option<SmolStr>, SmolStr, String);

impl<'o> Carriers<'o> {
    fn of(objects: &'o [Arc<Object>]) -> Self {
        let mut carriers = Self::default();
        for object in objects {
            let id = &object.id;
            match id.kind {
                Kind::Table | Kind::View | Kind::MaterializedView => {
                    carriers.relations.insert(id.to_string(), id);
                }
                Kind::Column => {
                    carriers.columns.insert(id.to_string(), id);
                }
                _ => {}
            }
            if !id.kind.is_under_relation() && id.kind != Kind::Privilege {
                carriers.granted.insert(granted(id), object);
            }
        }
        let relations = &carriers.relations;
        carriers.columns.retain(|_, column| !relations.contains_key(&column.relation_path()));
        carriers
    }

    /// The object that this one goes with.
    fn of_object(&self, object: &Object) -> Option<&'o ObjectId> {
        if object.id.kind == Kind::Privilege {
            let granted = self.granted.get(&granted(&object.id))?;
            return self.of_object(granted).or(Some(&granted.id));
        }
        let relation = relation_of(object).and_then(|relation| self.relations.get(&relation));
        let owner = object.get(Attribute::OwnedBy).and_then(|owner| self.columns.get(owner));
        relation.or(owner).copied()
    }
}

/// What a privilege is on, or how one on this object calls it.
fn granted(id: &ObjectId) -> Granted {
    let suffix = id.suffix.as_deref().unwrap_or_default();
    let what = match id.kind {
        Kind::Privilege => suffix.rsplit_once(" TO ").map_or(suffix, |(what, _)| what).to_owned(),
        Kind::Enum | Kind::Domain | Kind::CompositeType | Kind::RangeType => " TYPE".to_owned(),
        kind if kind.is_routine() => format!("({suffix})"),
        _ => String::new(),
    };
    (id.schema.clone(), id.name.clone(), what)
}
