//! How statements name objects, and the statements that need no more than a name: DROP, RENAME, COMMENT, OWNER.

use crate::postgres::catalog::{Attribute, Kind, Object, ObjectId};
use crate::postgres::sql::{identifier, literal, qualified};

use super::text::{split_lines, split_name};

/// The word that SQL has for a kind after CREATE, ALTER, DROP and COMMENT ON.
fn keyword(kind: Kind) -> &'static str {
    match kind {
        Kind::Schema => "SCHEMA",
        Kind::Extension => "EXTENSION",
        Kind::Collation => "COLLATION",
        Kind::Enum | Kind::CompositeType | Kind::RangeType => "TYPE",
        Kind::Domain => "DOMAIN",
        Kind::Sequence => "SEQUENCE",
        Kind::Table => "TABLE",
        Kind::Column => "COLUMN",
        Kind::PrimaryKey | Kind::Unique | Kind::Check | Kind::Exclusion | Kind::ForeignKey => "CONSTRAINT",
        Kind::Index => "INDEX",
        Kind::Statistics => "STATISTICS",
        Kind::View => "VIEW",
        Kind::MaterializedView => "MATERIALIZED VIEW",
        Kind::Function => "FUNCTION",
        Kind::Procedure => "PROCEDURE",
        Kind::Aggregate => "AGGREGATE",
        Kind::Trigger => "TRIGGER",
        Kind::EventTrigger => "EVENT TRIGGER",
        Kind::Policy => "POLICY",
        Kind::Rule => "RULE",
        Kind::Privilege => "PRIVILEGE",
    }
}

/// The name without argument types: `public.key_count`.
pub(super) fn qualified_id(id: &ObjectId) -> String {
    match &id.schema {
        Some(schema) => qualified(schema, &id.name),
        None => identifier(&id.name).into_owned(),
    }
}

/// Kind and name as ALTER, DROP and COMMENT ON take them: `TABLE public.users`, `TRIGGER t ON public.users`,
/// `AGGREGATE public.count_all(*)`.
pub(super) fn subject(id: &ObjectId) -> String {
    let word = keyword(id.kind);
    match id.kind {
        Kind::Column => format!("{word} {id}"),
        Kind::Aggregate if id.suffix.as_deref() == Some("") => format!("{word} {}(*)", qualified_id(id)),
        kind if kind.is_under_relation() => {
            format!("{word} {} ON {}", identifier(&id.name), id.relation_path())
        }
        _ => format!("{word} {id}"),
    }
}

/// `ALTER TABLE` of the relation that a part stands under.
pub(super) fn alter_relation(id: &ObjectId) -> String {
    format!("ALTER TABLE {}", id.relation_path())
}

/// The statement that drops an object. It never says CASCADE, so it fails where something else needs the object.
pub fn drop(id: &ObjectId) -> String {
    match id.kind {
        Kind::Privilege => super::privileges::revoke_all(id),
        Kind::Column => format!("{} DROP COLUMN {};", alter_relation(id), identifier(&id.name)),
        kind if kind.is_constraint() => {
            format!("{} DROP CONSTRAINT {};", alter_relation(id), identifier(&id.name))
        }
        _ => format!("DROP {};", subject(id)),
    }
}

/// The statement that gives an object another name, or the same name in another schema; `None` where no single
/// statement does it, and for what has no name of its own (extensions, privileges).
pub fn rename(from: &ObjectId, to: &ObjectId) -> Option<String> {
    if from.kind != to.kind || from.relation != to.relation || from.suffix != to.suffix {
        return None;
    }
    let moved = from.schema != to.schema;
    let renamed = from.name != to.name;
    let name = identifier(&to.name);
    match from.kind {
        Kind::Extension | Kind::Privilege => None,
        Kind::Column if renamed && !moved => {
            Some(format!("{} RENAME COLUMN {} TO {name};", alter_relation(from), identifier(&from.name)))
        }
        kind if kind.is_constraint() && renamed && !moved => {
            Some(format!("{} RENAME CONSTRAINT {} TO {name};", alter_relation(from), identifier(&from.name)))
        }
        _ if renamed && !moved => Some(format!("ALTER {} RENAME TO {name};", subject(from))),
        Kind::Index => None,
        kind if moved && !renamed && !kind.is_under_relation() => {
            Some(format!("ALTER {} SET SCHEMA {};", subject(from), identifier(to.schema.as_ref()?)))
        }
        _ => None,
    }
}

/// `COMMENT ON`; `None` for privileges, which have no comment.
pub(super) fn comment(id: &ObjectId, text: Option<&str>) -> Option<String> {
    let text = text.map_or("NULL".into(), literal);
    (id.kind != Kind::Privilege).then(|| format!("COMMENT ON {} IS {text};", subject(id)))
}

/// `ALTER ... OWNER TO`; `None` for what has no owner of its own.
pub(super) fn owner(id: &ObjectId, role: &str) -> Option<String> {
    let owned =
        !(id.kind.is_under_relation() || matches!(id.kind, Kind::Extension | Kind::Index | Kind::Privilege));
    owned.then(|| format!("ALTER {} OWNER TO {};", subject(id), identifier(role)))
}

/// Owner and comments of an object that has just been made.
pub(super) fn belongings(object: &Object) -> impl Iterator<Item = String> {
    let owner = object.get(Attribute::Owner).and_then(|role| owner(&object.id, role));
    let comment = object.get(Attribute::Comment).and_then(|text| comment(&object.id, Some(text)));
    let columns = column_comments(object).into_iter();
    let columns =
        columns.map(|(column, text)| format!("COMMENT ON COLUMN {}.{column} IS {text};", object.id));
    owner.into_iter().chain(comment).chain(columns)
}

/// Comments on columns that are no objects of their own: name and text, both as SQL has them.
fn column_comments(object: &Object) -> Vec<(&str, &str)> {
    let comments = split_lines(object.get(Attribute::ColumnComments).unwrap_or_default());
    comments.into_iter().filter_map(split_name).collect()
}

/// The comment of the one column whose comment differs; `None` where several do.
pub(super) fn alter_column_comments(declared: &Object, actual: &Object) -> Option<String> {
    let (wanted, found) = (column_comments(declared), column_comments(actual));
    let new = wanted.iter().filter(|comment| !found.contains(comment)).copied();
    let gone = found.iter().filter(|(column, _)| wanted.iter().all(|(kept, _)| kept != column));
    let changes: Vec<_> = new.chain(gone.map(|(column, _)| (*column, "NULL"))).collect();
    match changes[..] {
        [(column, text)] => Some(format!("COMMENT ON COLUMN {}.{column} IS {text};", actual.id)),
        _ => None,
    }
}
