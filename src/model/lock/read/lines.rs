//! What the lines of a lock file hold.

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use smol_str::SmolStr;

use super::attribute;
use crate::model::lock::creates::LineText;
use crate::postgres::catalog::{Attribute, Attributes, Kind, Object, ObjectId};

#[derive(Deserialize)]
pub(super) struct FormatLine {
    #[serde(rename = "trueup.lock")]
    pub(super) format: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    #[serde(rename = "trueup.lock")]
    _format: u32,
    #[serde(rename = "note")]
    _note: String,
    pub(super) server: String,
    pub(super) declared_by: String,
    pub(super) search_path: String,
    pub(super) assume_extensions: Vec<String>,
    #[serde(default)]
    pub(super) server_major: Option<u32>,
    #[serde(default)]
    pub(super) tool: Option<String>,
    #[serde(default)]
    pub(super) applied_table: Option<String>,
    #[serde(default)]
    pub(super) applied_column: Option<String>,
    pub(super) owners: bool,
    pub(super) privileges: bool,
    pub(super) extension_versions: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InputLine {
    pub(super) input: String,
    pub(super) sha256: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UnmodeledLine {
    pub(super) unmodeled: String,
    pub(super) object: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MigrationLine {
    pub(super) migration: String,
    pub(super) name: String,
    pub(super) revision: Option<SmolStr>,
    #[serde(default)]
    pub(super) parents: Vec<SmolStr>,
    #[serde(default)]
    pub(super) dependencies: Vec<SmolStr>,
    pub(super) file: Option<String>,
    pub(super) contract: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Renamed {
    pub(super) renamed: ParsedId,
    pub(super) to: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Dropped {
    pub(super) dropped: ParsedId,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EndLine {
    pub(super) end: End,
}

#[derive(Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(super) struct End {
    pub(super) objects: usize,
    pub(super) migrations: usize,
    pub(super) lines: usize,
}

pub(super) struct ParsedObject(pub(super) Object);

impl<'de> Deserialize<'de> for ParsedObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor).map(Self)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Object;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object of the catalog, {\"<kind>\":\"<name>\", ...}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
        let id = next_id(&mut map)?;
        let mut values: Vec<(Attribute, SmolStr)> = Vec::new();
        while let Some((LineText(word), LineText(value))) = map.next_entry()? {
            let attribute = attribute(&word).map_err(A::Error::custom)?;
            if values.last().is_some_and(|(last, _)| *last >= attribute) {
                return Err(A::Error::custom(format!("attribute `{word}` out of order or given twice")));
            }
            values.push((attribute, SmolStr::from(value)));
        }
        Ok(Object { id, attributes: Attributes::new(values) })
    }
}

pub(super) struct ParsedId(pub(super) ObjectId);

impl<'de> Deserialize<'de> for ParsedId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct IdVisitor;

        impl<'de> Visitor<'de> for IdVisitor {
            type Value = ObjectId;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("the name of an object, {\"<kind>\":\"<name>\"}")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ObjectId, A::Error> {
                let id = next_id(&mut map)?;
                match map.next_key::<LineText<'_>>()? {
                    None => Ok(id),
                    Some(LineText(key)) => Err(A::Error::custom(format!("unknown key `{key}`"))),
                }
            }
        }

        deserializer.deserialize_map(IdVisitor).map(Self)
    }
}

/// The first entry of an object: its kind and its name.
pub(in crate::model::lock) fn next_id<'de, A: MapAccess<'de>>(map: &mut A) -> Result<ObjectId, A::Error> {
    let Some((LineText(word), LineText(name))) = map.next_entry()? else {
        return Err(A::Error::custom("expected a kind and a name"));
    };
    let kind: Kind = word.parse().map_err(|()| A::Error::custom(format!("unknown kind `{word}`")))?;
    ObjectId::parse(kind, &name)
        .ok_or_else(|| A::Error::custom(format!("`{name}` is not the name of a {}", kind.spoken())))
}
