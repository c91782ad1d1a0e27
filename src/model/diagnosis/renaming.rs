//! One object under two names, compared as if it had one: what else differs in it, or in what hangs on it, is told
//! beside the rename, and not passed over with it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::diff::Difference;
use crate::postgres::catalog::{Attribute, Attributes, Kind, Object, ObjectId};
use crate::postgres::sql::{identifier, replace_name};

use super::fold::{Group, relation_of};

/// A table, view, column or type that some states have under another name than the others.
#[derive(Debug, Clone)]
pub(super) struct Renaming {
    from: ObjectId,
    to: ObjectId,
    /// Which states have it under the first name: see [`states`].
    old: [bool; 5],
}

/// The states of a difference: live, applied, recorded, last, model.
fn states(difference: &Difference) -> [Option<&Arc<Object>>; 5] {
    let Difference { live, applied, recorded, last, model, .. } = difference;
    [live, applied, recorded, last, model].map(Option::as_ref)
}

fn difference(id: ObjectId, states: [Option<Arc<Object>>; 5]) -> Difference {
    let [live, applied, recorded, last, model] = states;
    Difference { id, live, applied, recorded, last, model }
}

impl Renaming {
    /// That of a missing object and the unexpected one that it is. `None` where nothing hangs on objects of this kind.
    pub(super) fn of(missing: &Group, unexpected: &Group) -> Option<Self> {
        let (to, from) = (missing.head.id.clone(), unexpected.head.id.clone());
        let has_parts = matches!(
            to.kind,
            Kind::Schema | Kind::Table | Kind::View | Kind::MaterializedView | Kind::Column
        ) || is_type(to.kind);
        has_parts.then(|| Self { from, to, old: states(&unexpected.head).map(|state| state.is_some()) })
    }

    /// The differences that are left when all states call the object by its second name.
    pub(super) fn apply(&self, differences: Vec<Difference>) -> Vec<Difference> {
        let mut renamed: BTreeMap<ObjectId, [Option<Arc<Object>>; 5]> = BTreeMap::new();
        for difference in &differences {
            for (number, object) in states(difference).into_iter().enumerate() {
                let Some(object) = object else { continue };
                let id = if self.old[number] { self.id_of(object) } else { object.id.clone() };
                renamed.entry(id).or_default()[number].get_or_insert_with(|| Arc::clone(object));
            }
        }
        let one_name = |(id, objects): (ObjectId, [Option<Arc<Object>>; 5])| {
            let others: Vec<Arc<Object>> = (0..5)
                .filter(|number| !self.old[*number])
                .filter_map(|number| objects[number].clone())
                .collect();
            let mut number = 0;
            let objects = objects.map(|object| {
                let is_old = self.old[number];
                number += 1;
                if is_old { object.map(|object| self.object(&object, &others)) } else { object }
            });
            difference(id, objects)
        };
        let differs =
            |difference: &Difference| !difference.existence().agree() || !difference.attributes().is_empty();
        renamed.into_iter().map(one_name).filter(differs).collect()
    }

    /// The group with the object under its first name in every state.
    pub(super) fn undone(&self, group: &Group) -> Group {
        let back = Self { from: self.to.clone(), to: self.from.clone(), old: [true; 5] };
        let one = |member: &Difference| {
            let objects = states(member).map(|object| object.map(|object| back.object(object, &[])));
            let id = objects.iter().flatten().next().map(|object| object.id.clone());
            difference(id.unwrap_or_else(|| back.id(&member.id)), objects)
        };
        let all = |members: &[Difference]| members.iter().map(one).collect();
        Group {
            head: one(&group.head),
            parts: all(&group.parts),
            copies: all(&group.copies),
            consequences: all(&group.consequences),
        }
    }

    /// The name of an object: indexes and sequences go to another schema with their table.
    fn id_of(&self, object: &Object) -> ObjectId {
        let goes_with_table = matches!(object.id.kind, Kind::Index | Kind::Sequence)
            && self.from.kind != Kind::Schema
            && object.id.schema == self.from.schema
            && relation_of(object).is_some_and(|table| table == self.from.to_string());
        match goes_with_table {
            true => ObjectId { schema: self.to.schema.clone(), ..object.id.clone() },
            false => self.id(&object.id),
        }
    }

    /// The name of an object that is the renamed one, stands under it, or takes values of it.
    fn id(&self, id: &ObjectId) -> ObjectId {
        let Self { from, to, .. } = self;
        if id == from {
            return to.clone();
        }
        let suffix = id.suffix.as_deref().unwrap_or_default();
        if from.kind == Kind::Schema {
            let is_grant = id.kind == Kind::Privilege && id.schema.is_none() && suffix.starts_with(" TO ");
            return match &id.schema {
                Some(schema) if *schema == from.name => ObjectId {
                    schema: Some(to.name.clone()),
                    suffix: id
                        .suffix
                        .as_ref()
                        .map(|suffix| replace_schema(suffix, &from.name, &to.name).into()),
                    ..id.clone()
                },
                None if is_grant && id.name == from.name => id.named(to.name.clone()),
                _ => id.clone(),
            };
        }
        if is_type(from.kind) && id.kind.is_routine() {
            let types = replace_name(suffix, &from.to_string(), &to.to_string());
            return ObjectId { suffix: Some(types.into()), ..id.clone() };
        }
        if from.kind == Kind::Column || id.schema != from.schema {
            return id.clone();
        }
        // A grant is called by the name of what it is on.
        let of = if is_type(from.kind) { " TYPE TO " } else { " TO " };
        if id.kind == Kind::Privilege && suffix.starts_with(of) && id.name == from.name {
            return ObjectId { schema: to.schema.clone(), ..id.named(to.name.clone()) };
        }
        match id.relation.as_ref() == Some(&from.name) {
            true => ObjectId { schema: to.schema.clone(), relation: Some(to.name.clone()), ..id.clone() },
            false => id.clone(),
        }
    }

    /// The object with the second name in place of the first, but where another state says the same as it does now.
    fn object(&self, object: &Object, others: &[Arc<Object>]) -> Arc<Object> {
        let attributes = object.attributes.iter().map(|(attribute, value)| {
            let as_others = others.iter().any(|other| other.is(attribute, value));
            let renamed = if as_others { None } else { self.value(object, attribute, value) };
            (attribute, renamed.map_or_else(|| value.clone(), Into::into))
        });
        let attributes = Attributes::new(attributes.collect());
        Arc::new(Object { id: self.id_of(object), attributes })
    }

    /// The attribute's value with the second name in place of the first, where it speaks of the object.
    fn value(&self, object: &Object, attribute: Attribute, value: &str) -> Option<String> {
        let Self { from, to, .. } = self;
        // The server keeps the text of a function as it was written, whatever is renamed.
        let is_written = matches!(attribute, Attribute::Comment | Attribute::ColumnComments)
            || attribute == Attribute::Body && object.is(Attribute::BodyStyle, "string");
        if is_written {
            return None;
        }
        if from.kind == Kind::Schema {
            return Some(replace_schema(value, &from.name, &to.name));
        }
        if from.kind != Kind::Column {
            return Some(replace_name(value, &from.to_string(), &to.to_string()));
        }
        let path = from.relation_path();
        let own = relation_of(object).is_some_and(|relation| relation == path);
        let referred = attribute == Attribute::ReferencedColumns && object.is(Attribute::References, &path);
        let speaks = if attribute == Attribute::ReferencedColumns { referred } else { own };
        let (old, new) = (identifier(&from.name), identifier(&to.name));
        speaks.then(|| replace_name(value, &old, &new))
    }
}

/// The text with one schema in place of another, where a dotted name begins with it.
fn replace_schema(text: &str, from: &str, to: &str) -> String {
    let (from, to) = (format!("{}.", identifier(from)), format!("{}.", identifier(to)));
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '"' | '$' | '.');
    let mut replaced = String::with_capacity(text.len());
    let mut end = 0;
    for (at, _) in text.match_indices(&from) {
        if !text[..at].chars().next_back().is_some_and(is_name) {
            replaced.push_str(&text[end..at]);
            replaced.push_str(&to);
            end = at + from.len();
        }
    }
    replaced + &text[end..]
}

fn is_type(kind: Kind) -> bool {
    matches!(kind, Kind::Enum | Kind::Domain | Kind::CompositeType | Kind::RangeType)
}
