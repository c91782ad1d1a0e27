//! An object in a few words, for the table that people read.

use crate::postgres::catalog::{Attribute, Kind, Object};

use super::fold::Group;

/// What the object is, beyond its name: a column's type, an index's keys, how many columns a table has.
pub(super) fn brief(object: &Object, group: Option<&Group>) -> String {
    let value = |attribute| object.get(attribute).unwrap_or_default();
    match object.id.kind {
        Kind::Column => {
            let mut brief = value(Attribute::Type).to_owned();
            if object.is(Attribute::Nullable, "false") {
                brief.push_str(" NOT NULL");
            }
            if let Some(default) = object.get(Attribute::Default) {
                brief.push_str(&format!(" DEFAULT {default}"));
            }
            brief
        }
        Kind::Table => {
            let parts = group.map_or(&[][..], |group| &group.parts);
            match parts.iter().filter(|part| part.id.kind == Kind::Column).count() {
                0 => "exists".into(),
                1 => "1 column".into(),
                columns => format!("{columns} columns"),
            }
        }
        Kind::PrimaryKey | Kind::Unique => format!("({})", value(Attribute::Columns)),
        Kind::ForeignKey => format!(
            "({}) -> {} ({})",
            value(Attribute::Columns),
            value(Attribute::References),
            value(Attribute::ReferencedColumns)
        ),
        Kind::Index => {
            let unique = if object.is(Attribute::IsUnique, "true") { "unique " } else { "" };
            format!("{unique}({})", value(Attribute::Columns))
        }
        Kind::Check => short(value(Attribute::Expression)),
        Kind::Enum => short(value(Attribute::Labels)),
        Kind::Sequence | Kind::Domain => value(Attribute::Type).to_owned(),
        Kind::Privilege => value(Attribute::Privileges).to_owned(),
        kind if kind.is_routine() => {
            format!("returns {}", object.get(Attribute::Returns).unwrap_or("nothing"))
        }
        _ => "exists".into(),
    }
}

fn short(text: &str) -> String {
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= 60 { line } else { line.chars().take(57).chain("...".chars()).collect() }
}
