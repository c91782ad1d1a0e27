//! The lines of a lock file that name the objects that a migration creates as the model has them. The model's own lines say
//! what these objects are like, so each object is written once. A relation and its parts are one line:
//! `{"creates":{"table":"public.users","column":["email","id"],"primary_key":["users_pkey"]}}`.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};

use super::Effect;
use super::write::string;
use crate::postgres::catalog::{Catalog, Kind, Object, ObjectId};

/// The first key of such a line.
pub(super) const KEY: &str = "creates";

/// Writes the lines of the first effects, as far as they create what the model has, and returns how many those are.
pub(super) fn write(text: &mut String, effects: &[Effect], model: &Catalog) -> usize {
    let modeled = |effect: &Effect| match effect {
        Effect::Created(object) => model.get(&object.id).is_some_and(|declared| declared == object),
        Effect::Changed { .. } | Effect::Renamed { .. } | Effect::Dropped(_) => false,
    };
    let Some(first) = effects.first().filter(|effect| modeled(effect)).map(Effect::id) else { return 0 };
    text.push_str(r#"{"creates":{"#);
    string(text, first.kind.word());
    text.push(':');
    string(text, &first.to_string());
    let mut last = None;
    let parts = effects[1..].iter().take_while(|effect| is_part(effect.id(), first) && modeled(effect));
    let mut written = 1;
    for part in parts.map(Effect::id) {
        if last == Some(part.kind) {
            text.push(',');
        } else {
            text.push_str(if last.is_some() { "]," } else { "," });
            string(text, part.kind.word());
            text.push_str(":[");
            last = Some(part.kind);
        }
        string(text, &part.name);
        written += 1;
    }
    text.push_str(if last.is_some() { "]}}\n" } else { "}}\n" });
    written
}

/// Whether an object is a part of this relation.
fn is_part(id: &ObjectId, relation: &ObjectId) -> bool {
    id.kind.is_under_relation()
        && relation.relation.is_none()
        && id.schema == relation.schema
        && id.relation.as_ref() == Some(&relation.name)
}

/// Reads such a line: the objects that it names, as the model has them. Objects are in the order of their names.
///
/// # Errors
/// What was expected.
pub(super) fn read(line: &str, model: &[Arc<Object>]) -> Result<Vec<Effect>, String> {
    let CreatesLine { creates } = super::read::parse(line)?;
    let Creates { first, parts } = creates;
    let mut at = None;
    let mut effects = Vec::with_capacity(1 + parts.len());
    let mut create = |id: ObjectId| {
        // The parts of a relation follow it.
        let next = at.map_or(0, |at| at + 1);
        let found = match model.get(next) {
            Some(object) if object.id == id => Some(next),
            _ => model.binary_search_by(|object| object.id.cmp(&id)).ok(),
        };
        let found = found
            .ok_or_else(|| format!("expected the {} {id} among the lines of the model", id.kind.spoken()))?;
        at = Some(found);
        effects.push(Effect::Created(model[found].clone()));
        Ok::<_, String>(())
    };
    let of = (first.schema.clone(), first.name.clone());
    create(first)?;
    for (kind, name) in parts {
        let (Some(schema), relation) = of.clone() else {
            return Err("expected the parts of a relation after the relation".to_owned());
        };
        create(ObjectId::under(kind, schema, relation, name.as_ref()))?;
    }
    Ok(effects)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreatesLine<'l> {
    #[serde(borrow)]
    creates: Creates<'l>,
}

/// An object, and parts of it by kind and name.
struct Creates<'l> {
    first: ObjectId,
    parts: Vec<(Kind, Cow<'l, str>)>,
}

impl<'de: 'l, 'l> Deserialize<'de> for Creates<'l> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(CreatesVisitor)
    }
}

struct CreatesVisitor;

impl<'de> Visitor<'de> for CreatesVisitor {
    type Value = Creates<'de>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(
            "the name of an object and of its parts, {\"<kind>\":\"<name>\",\"<kind>\":[\"<name>\", ...]}",
        )
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let first = super::read::next_id(&mut map)?;
        let mut parts = Vec::new();
        while let Some((LineText(word), Names(names))) = map.next_entry()? {
            let kind: Kind = word.parse().map_err(|()| A::Error::custom(format!("unknown kind `{word}`")))?;
            if !kind.is_under_relation() {
                return Err(A::Error::custom(format!(
                    "expected a kind of part of a relation, found `{word}`"
                )));
            }
            parts.extend(names.into_iter().map(|LineText(name)| (kind, name)));
        }
        Ok(Creates { first, parts })
    }
}

#[derive(Deserialize)]
struct Names<'l>(#[serde(borrow)] Vec<LineText<'l>>);

/// Text that borrows from the line where it holds no escapes.
#[derive(Deserialize)]
pub(super) struct LineText<'l>(#[serde(borrow)] pub(super) Cow<'l, str>);
