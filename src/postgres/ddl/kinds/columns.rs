//! Columns of tables.

use crate::postgres::catalog::{Attribute, Kind, Object};
use crate::postgres::sql::identifier;

use super::super::names::{alter_relation, belongings};
use super::super::options;
use super::sequences;

/// `ALTER TABLE ... ADD COLUMN`, and what it cannot say. The sequence of an identity column may be among `parts`.
pub(in crate::postgres::ddl) fn create(object: &Object, parts: &[&Object]) -> Vec<String> {
    let own = object.id.to_string();
    let sequence = parts.iter().copied().find(|part| {
        object.get(Attribute::Identity).is_some()
            && part.id.kind == Kind::Sequence
            && part.is(Attribute::OwnedBy, &own)
    });
    let said = sequence.filter(|sequence| !sequences::is_usual(sequence));
    let mut statements =
        vec![format!("{} ADD COLUMN {};", alter_relation(&object.id), definition(object, said))];
    statements.extend(extras(object));
    statements.extend(sequence.into_iter().flat_map(belongings));
    statements
}

/// The column as CREATE TABLE and ADD COLUMN take it; `sequence` is that of an identity column where its name and
/// parameters matter.
pub fn definition(object: &Object, sequence: Option<&Object>) -> String {
    let kind = object.get(Attribute::Type).unwrap_or_default();
    let mut sql = format!("{} {kind}", identifier(&object.id.name));
    if let Some(compression) = object.get(Attribute::Compression) {
        sql.push_str(&format!(" COMPRESSION {compression}"));
    }
    if let Some(collation) = object.get(Attribute::Collation) {
        sql.push_str(&format!(" COLLATE {collation}"));
    }
    sql.push_str(&value(object, sequence));
    sql
}

/// Default, generation and NOT NULL: what a partition or a table of a type may say of a column it did not define.
pub(in crate::postgres::ddl) fn value(object: &Object, sequence: Option<&Object>) -> String {
    let mut sql = String::new();
    if let Some(default) = object.get(Attribute::Default) {
        sql.push_str(&format!(" DEFAULT {default}"));
    }
    if let Some(generated) = object.get(Attribute::Generated) {
        let (expression, how) = match generated.strip_suffix(" virtual") {
            Some(expression) => (expression, "VIRTUAL"),
            None => (generated, "STORED"),
        };
        sql.push_str(&format!(" GENERATED ALWAYS AS ({expression}) {how}"));
    }
    if let Some(identity) = object.get(Attribute::Identity) {
        sql.push_str(&format!(" GENERATED {} AS IDENTITY", identity.to_uppercase()));
        if let Some(sequence) = sequence {
            sql.push_str(&format!(" ({})", sequences::identity_options(sequence)));
        }
    }
    if object.is(Attribute::Nullable, "false") && object.is(Attribute::Valid, "true") {
        sql.push_str(" NOT NULL");
        if object.is(Attribute::NoInherit, "true") {
            sql.push_str(" NO INHERIT");
        }
    }
    sql
}

/// What a column has that neither CREATE TABLE nor ADD COLUMN can say on every major.
pub(in crate::postgres::ddl) fn extras(object: &Object) -> Vec<String> {
    let attributes = [Attribute::Storage, Attribute::StatisticsTarget, Attribute::Options];
    let bare = Object { id: object.id.clone(), attributes: Default::default() };
    let stated = attributes.into_iter().filter(|attribute| object.attributes.stated(*attribute).is_some());
    let mut statements: Vec<_> = stated.filter_map(|attribute| alter(object, &bare, attribute)).collect();
    if object.is(Attribute::Valid, "false") {
        let (table, name) = (alter_relation(&object.id), identifier(&object.id.name));
        statements.push(format!("{table} ADD NOT NULL {name} NOT VALID;"));
    }
    statements
}

pub(in crate::postgres::ddl) fn alter(
    declared: &Object,
    actual: &Object,
    attribute: Attribute,
) -> Option<String> {
    let column = format!("ALTER COLUMN {}", identifier(&actual.id.name));
    let wanted = declared.get(attribute);
    let action = match attribute {
        Attribute::Type | Attribute::Collation => {
            // The server gives the column the storage of the new type.
            let kept = [(Attribute::Storage, "STORAGE"), (Attribute::Compression, "COMPRESSION")];
            let kept = kept.into_iter().filter_map(|(attribute, word)| {
                let value = declared.attributes.stated(attribute)?.to_uppercase();
                Some(format!(", {column} SET {word} {value}"))
            });
            format!("{column} {}{}", change_type(declared, actual)?, kept.collect::<String>())
        }
        Attribute::Nullable if declared.is(attribute, "false") => set_not_null(declared, &column),
        Attribute::Nullable => format!("{column} DROP NOT NULL"),
        Attribute::NoInherit if declared.get(Attribute::Nullable) != actual.get(Attribute::Nullable) => {
            return alter(declared, actual, Attribute::Nullable);
        }
        Attribute::NoInherit => format!("{column} DROP NOT NULL, {}", set_not_null(declared, &column)),
        Attribute::Default => match wanted {
            // The server refuses a default for these until they have lost their own.
            Some(_) if has_own_value(actual) => return None,
            Some(default) => format!("{column} SET DEFAULT {default}"),
            None => format!("{column} DROP DEFAULT"),
        },
        Attribute::Identity => match (wanted, actual.get(attribute)) {
            (Some(identity), Some(_)) => format!("{column} SET GENERATED {}", identity.to_uppercase()),
            (None, _) => format!("{column} DROP IDENTITY"),
            (Some(_), None) if actual.get(Attribute::Default).is_some() || has_own_value(actual) => {
                return None;
            }
            (Some(_), None) if actual.is(Attribute::Nullable, "true") => return None,
            (Some(identity), None) => {
                format!("{column} ADD GENERATED {} AS IDENTITY", identity.to_uppercase())
            }
        },
        // Only a stored column can become an ordinary one, and none can become a generated one.
        Attribute::Generated if wanted.is_none() && !actual.get(attribute)?.ends_with(" virtual") => {
            format!("{column} DROP EXPRESSION")
        }
        Attribute::Storage => {
            let wanted = wanted.or_else(|| storage_of(declared.get(Attribute::Type)?))?;
            format!("{column} SET STORAGE {}", wanted.to_uppercase())
        }
        Attribute::Compression => format!("{column} SET COMPRESSION {}", wanted.unwrap_or("default")),
        Attribute::StatisticsTarget => format!("{column} SET STATISTICS {}", wanted.unwrap_or("-1")),
        Attribute::Options => {
            options::actions(&format!("{column} "), wanted, actual.get(attribute)).join(", ")
        }
        _ => return None,
    };
    Some(format!("{} {action};", alter_relation(&actual.id)))
}

fn set_not_null(declared: &Object, column: &str) -> String {
    match declared.is(Attribute::NoInherit, "true") {
        true => format!("ADD NOT NULL {} NO INHERIT", identifier(&declared.id.name)),
        false => format!("{column} SET NOT NULL"),
    }
}

fn has_own_value(column: &Object) -> bool {
    column.get(Attribute::Identity).is_some() || column.get(Attribute::Generated).is_some()
}

/// `TYPE ... [COLLATE ...] [USING ...]`. Without COLLATE the column gets its type's own. USING is left away where
/// PostgreSQL has an assignment cast: an explicit cast would cut `varchar` values off in silence.
fn change_type(declared: &Object, actual: &Object) -> Option<String> {
    let (wanted, found) = (declared.get(Attribute::Type)?, actual.get(Attribute::Type)?);
    let mut sql = format!("TYPE {wanted}");
    if let Some(collation) = declared.get(Attribute::Collation) {
        sql.push_str(&format!(" COLLATE {collation}"));
    }
    let (to, from) = (family(wanted), family(found));
    let assignable = to == Family::Text || (to == from && to != Family::Other) || base(wanted) == base(found);
    if !assignable {
        sql.push_str(&format!(" USING {}", converted(&identifier(&actual.id.name), actual, declared)));
    }
    Some(sql)
}

/// A value of the column as it is, as one of the column as declared.
pub fn converted(value: &str, actual: &Object, declared: &Object) -> String {
    let kind = |column: &Object| column.get(Attribute::Type).unwrap_or_default().to_owned();
    let (wanted, found) = (kind(declared), kind(actual));
    // Types that users make have no casts to each other; each has one to text and back.
    let through = if found.contains('.') && wanted.contains('.') { "::text" } else { "" };
    format!("{value}{through}::{wanted}")
}

/// Types between which assignment casts exist in every direction; anything can be assigned to text.
#[derive(PartialEq, Eq)]
enum Family {
    Text,
    Number,
    Moment,
    Other,
}

fn family(kind: &str) -> Family {
    match base(kind).as_str() {
        "text" | "character varying" | "character" => Family::Text,
        "smallint" | "integer" | "bigint" | "numeric" | "real" | "double precision" => Family::Number,
        "date" | "timestamp without time zone" | "timestamp with time zone" => Family::Moment,
        _ => Family::Other,
    }
}

/// The type without its modifier: `timestamp with time zone` of `timestamp(3) with time zone`.
fn base(kind: &str) -> String {
    match (kind.find('('), kind.find(')')) {
        (Some(open), Some(close)) if open < close && !kind.contains('"') => {
            format!("{}{}", &kind[..open], &kind[close + 1..])
        }
        _ => kind.to_owned(),
    }
}

/// The storage that a column of a built-in type has when nothing is said (`pg_type.typstorage`).
fn storage_of(kind: &str) -> Option<&'static str> {
    match base(kind).as_str() {
        "text" | "character varying" | "character" | "bytea" | "json" | "jsonb" | "xml" | "tsvector"
        | "bit varying" | "bit" => Some("extended"),
        "numeric" | "inet" | "cidr" => Some("main"),
        array if array.ends_with("[]") => Some("extended"),
        _ => None,
    }
}
