//! The data checks that migrations require: no migration fills rows.

use std::path::PathBuf;

use super::files::GeneratedFile;
use crate::changes::schema_plan::retype::RetypedColumn;
use crate::postgres::catalog::{Attribute, Catalog, Kind, Object, ObjectId};
use crate::postgres::sql::identifier;
use std::sync::Arc;

/// The columns of the primary key of a column's table, as SQL writes them.
pub(super) fn key_of(catalog: &Catalog, column: &ObjectId) -> Option<Vec<String>> {
    let is_key = |object: &&Arc<Object>| {
        object.id.kind == Kind::PrimaryKey
            && (&object.id.schema, &object.id.relation) == (&column.schema, &column.relation)
    };
    let key = catalog.objects.iter().find(is_key)?;
    Some(key.get(Attribute::Columns)?.split(", ").map(str::to_owned).collect())
}

/// The data check that finds the rows without a value, with a fix where it is known what they get. A table without a primary
/// key has no name for its rows.
pub(super) fn value_check(
    catalog: &Catalog,
    column: &ObjectId,
    value: Option<&str>,
) -> Option<GeneratedFile> {
    let (table, name) = (column.relation_path(), identifier(&column.name));
    let mut check = check(
        catalog,
        column,
        "has_a_value",
        &format!("Every row of {table} has a value in {name}"),
        &format!("{name} IS NULL"),
        None,
    )?;
    if let Some(value) = value {
        let key = key_of(catalog, column)?.join(", ");
        check.text.push_str(&format!(
            "\n-- fix: fill   The value that schema/ or --decide gave\n-- action: update\n\
             SELECT {key}, {value} AS {name} FROM {table} WHERE {name} IS NULL;\n"
        ));
    }
    Some(check)
}

/// The data check that finds the rows with labels that go.
pub(super) fn label_check(catalog: &Catalog, column: &ObjectId, gone: &[&str]) -> Option<GeneratedFile> {
    let (table, name, labels) = (column.relation_path(), identifier(&column.name), gone.join(", "));
    let title = format!("No row of {table} has {labels} in {name}");
    check(catalog, column, "has_no_old_label", &title, &format!("{name}::text IN ({labels})"), None)
}

fn check(
    catalog: &Catalog,
    column: &ObjectId,
    what: &str,
    title: &str,
    wrong: &str,
    while_column: Option<&str>,
) -> Option<GeneratedFile> {
    let key = key_of(catalog, column)?.join(", ");
    let table = column.relation_path();
    let word = |text: &str| -> String {
        text.chars()
            .map(|found| if found.is_ascii_alphanumeric() { found.to_ascii_lowercase() } else { '_' })
            .collect()
    };
    let file =
        format!("{}_{}_{what}", word(column.relation.as_deref().unwrap_or_default()), word(&column.name));
    let only = while_column.map(|column| format!("-- while-column: {}\n", identifier(column)));
    let only = only.unwrap_or_default();
    let text = format!(
        "-- title: {title}\n-- severity: error\n-- table: {table}\n-- key: {key}\n{only}-- find:\n\
         SELECT {key} FROM {table} WHERE {wrong};\n"
    );
    Some(GeneratedFile { path: PathBuf::from("checks").join(format!("{file}.sql")), text, is_down: false })
}

/// The data check that finds the rows whose value a second column has not yet, with a fix. It says nothing before that column is
/// there, and after it has taken the place of the first.
pub(super) fn second_column_check(catalog: &Catalog, column: &RetypedColumn) -> Option<GeneratedFile> {
    let id = &column.before.id;
    let (table, first, second) =
        (id.relation_path(), identifier(&id.name).into_owned(), identifier(&column.second));
    let wrong = format!("{first} IS NOT NULL AND {second} IS NULL");
    let title = format!("Every row of {table} has its value of {first} in {second}");
    let mut check = check(catalog, id, "is_in_the_new_type", &title, &wrong, Some(&column.second))?;
    let key = key_of(catalog, id)?.join(", ");
    check.text.push_str(&format!(
        "\n-- fix: fill   The same value in the new type\n-- action: update\n\
         SELECT {key}, {} AS {second} FROM {table} WHERE {wrong};\n",
        column.value(&first)
    ));
    Some(check)
}
