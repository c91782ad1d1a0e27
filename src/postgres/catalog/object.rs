//! One object of a catalog, and its name.

use std::fmt::{self, Write as _};

use smol_str::SmolStr;

use super::attribute::{Attribute, Attributes};
use super::kind::Kind;
use crate::postgres::sql::{identifier, split_qualified};

/// What an object is called: its kind and its qualified name. Parts are raw, as `pg_catalog` has them;
/// [`fmt::Display`] quotes them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ObjectId {
    /// What it is.
    pub kind: Kind,
    /// The schema it is in; `None` for schemas, extensions, event triggers and default privileges.
    pub schema: Option<SmolStr>,
    /// The relation that columns, constraints, triggers, policies and rules stand under.
    pub relation: Option<SmolStr>,
    /// Its own name.
    pub name: SmolStr,
    /// routine: input argument types joined with `, `, as printed. privilege: the rest of the grant's subject after
    /// the name, ready to print: ` TO reporting` (tables, sequences, views, schemas), ` TYPE TO reporting`,
    /// `(bigint) TO reporting` (routines); ` FOR ROLE owner IN SCHEMA s ON TABLES TO reporting` after the bare name
    /// `default_privileges`.
    pub suffix: Option<SmolStr>,
}

impl ObjectId {
    /// An object outside every schema.
    pub fn bare(kind: Kind, name: impl Into<SmolStr>) -> Self {
        Self { kind, schema: None, relation: None, name: name.into(), suffix: None }
    }

    /// An object in a schema.
    pub fn in_schema(kind: Kind, schema: impl Into<SmolStr>, name: impl Into<SmolStr>) -> Self {
        Self { kind, schema: Some(schema.into()), relation: None, name: name.into(), suffix: None }
    }

    /// A part of a relation: a column, constraint, trigger, policy or rule.
    pub fn under(
        kind: Kind,
        schema: impl Into<SmolStr>,
        relation: impl Into<SmolStr>,
        name: impl Into<SmolStr>,
    ) -> Self {
        let relation = Some(relation.into());
        Self { kind, schema: Some(schema.into()), relation, name: name.into(), suffix: None }
    }

    /// A function, procedure or aggregate.
    pub fn routine(kind: Kind, schema: impl Into<SmolStr>, name: impl Into<SmolStr>, types: &str) -> Self {
        let suffix = Some(SmolStr::from(types));
        Self { kind, schema: Some(schema.into()), relation: None, name: name.into(), suffix }
    }

    /// The same name with another last part.
    #[must_use]
    pub fn named(&self, name: impl Into<SmolStr>) -> Self {
        Self { name: name.into(), ..self.clone() }
    }

    /// Reads back what [`fmt::Display`] wrote.
    ///
    /// # Errors
    /// `None` when the text is no name of that kind.
    pub fn parse(kind: Kind, text: &str) -> Option<Self> {
        let (text, suffix) = if kind.is_routine() {
            let open = find_unquoted(text, '(')?;
            (&text[..open], Some(SmolStr::from(text[open + 1..].strip_suffix(')')?)))
        } else if kind == Kind::Privilege {
            let end = find_unquoted(text, ' ')?.min(find_unquoted(text, '(').unwrap_or(text.len()));
            (&text[..end], Some(SmolStr::from(&text[end..])))
        } else {
            (text, None)
        };
        let mut parts = split_qualified(text)?;
        let name = parts.pop()?;
        let (schema, relation) = match parts.len() {
            0 => (None, None),
            1 => (parts.pop(), None),
            2 => {
                let relation = parts.pop();
                (parts.pop(), relation)
            }
            _ => return None,
        };
        let id = Self { kind, schema, relation, name, suffix };
        let shape = (id.schema.is_some(), id.relation.is_some());
        let right = match kind {
            Kind::Privilege => true,
            _ if kind.is_bare() => shape == (false, false),
            _ if kind.is_under_relation() => shape == (true, true),
            _ => shape == (true, false),
        };
        right.then_some(id)
    }

    /// The relation that this is or stands under, qualified and quoted: `public.users`.
    pub fn relation_path(&self) -> String {
        let mut path = String::new();
        if let Some(schema) = &self.schema {
            path.push_str(&identifier(schema));
            path.push('.');
        }
        path.push_str(&identifier(self.relation.as_ref().unwrap_or(&self.name)));
        path
    }

    /// The name of the relation that this stands under, or its own.
    pub(super) fn head(&self) -> &str {
        self.relation.as_ref().unwrap_or(&self.name)
    }

    /// The key that catalogs are sorted by: an object's parts follow it.
    fn sort_key(&self) -> (Option<&str>, &str, Kind, &str, Option<&str>) {
        (self.schema.as_deref(), self.head(), self.kind, &self.name, self.suffix.as_deref())
    }
}

fn find_unquoted(text: &str, wanted: char) -> Option<usize> {
    let mut quoted = false;
    text.char_indices().find_map(|(index, found)| {
        quoted ^= found == '"';
        (!quoted && found == wanted).then_some(index)
    })
}

impl Ord for ObjectId {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.sort_key().cmp(&other.sort_key())
    }
}

impl PartialOrd for ObjectId {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in [&self.schema, &self.relation].into_iter().flatten() {
            f.write_str(&identifier(part))?;
            f.write_char('.')?;
        }
        f.write_str(&identifier(&self.name))?;
        match &self.suffix {
            Some(types) if self.kind.is_routine() => write!(f, "({types})"),
            Some(suffix) => f.write_str(suffix),
            None => Ok(()),
        }
    }
}

/// One object: what it is called, and all that is not at its default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Kind and name.
    pub id: ObjectId,
    /// Attributes that are not at their defaults.
    pub attributes: Attributes,
}

impl Object {
    /// The value of an attribute; see [`Attributes::get`].
    pub fn get(&self, attribute: Attribute) -> Option<&str> {
        self.attributes.get(attribute)
    }

    /// Whether an attribute has this value.
    pub fn is(&self, attribute: Attribute, value: &str) -> bool {
        self.get(attribute) == Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        let ids = [
            ObjectId::bare(Kind::Schema, "Odd.Name"),
            ObjectId::in_schema(Kind::Table, "public", "user"),
            ObjectId::under(Kind::Column, "public", "a\"b", "c.d"),
            ObjectId::routine(Kind::Function, "public", "f(x", "bigint, public.\"T(\""),
            ObjectId {
                suffix: Some("(bigint, text) TO reporting".into()),
                ..ObjectId::in_schema(Kind::Privilege, "public", "f")
            },
            ObjectId {
                suffix: Some(" FOR ROLE a IN SCHEMA \"(\" ON TABLES TO PUBLIC".into()),
                ..ObjectId::bare(Kind::Privilege, "default_privileges")
            },
            ObjectId {
                suffix: Some(" TABLE TO \"Report ing\"".into()),
                ..ObjectId::in_schema(Kind::Privilege, "public", "users")
            },
        ];
        for id in ids {
            assert_eq!(ObjectId::parse(id.kind, &id.to_string()).as_ref(), Some(&id), "{id}");
        }
        assert_eq!(ObjectId::parse(Kind::Column, "public.users"), None);
        assert_eq!(ObjectId::parse(Kind::Function, "public.f"), None);
    }
}
