//! The way to the declared schema, divided where rows must be filled before a column can be required.
//!
//! A column becomes required only when no row lacks a value in it, and trueup does not fill rows in a migration: a data check
//! finds them and its fix repairs them, in batches, with an undo. The migration that requires the column requires the check.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use super::decisions::CatalogPair;
use super::files::GeneratedFile;
use crate::changes::schema_plan::{self, PlannedMigration, lost_labels};
use crate::model::diagnosis::{Decided, needs_value};
use crate::postgres::catalog::{Attribute, Catalog, Kind, Object, ObjectId};
use crate::postgres::sql::{identifier, names_in};

/// The migrations, and the data checks that they require.
pub(super) struct DividedPlan {
    pub(super) migrations: Vec<PlannedMigration>,
    pub(super) checks: Vec<GeneratedFile>,
}

/// The way from one catalog to the other.
pub(super) fn way(states: CatalogPair<'_>, decided: &Decided) -> DividedPlan {
    let CatalogPair { head, from, to } = states;
    let later = required_later(from, to, decided);
    let direct = Decided {
        filled: decided.filled.iter().filter(|(column, _)| !later.contains(column)).cloned().collect(),
        ..decided.clone()
    };
    let nullable = with_nullable(to, &later);
    let mut migrations = schema_plan::migrations(head, from, &nullable, &direct);
    let mut checks = Vec::new();
    for (object, check) in label_checks(from, to) {
        require(&mut migrations, &object, check, &mut checks);
    }
    if !later.is_empty() {
        let mut required = schema_plan::migrations(head, &nullable, to, &Decided::default());
        for id in &later {
            let value =
                decided.filled.iter().find(|(column, _)| column == id).map(|(_, value)| value.as_str());
            if let Some(check) = value_check(to, id, value) {
                require(&mut required, id, check, &mut checks);
            }
        }
        migrations.extend(required);
    }
    DividedPlan { migrations, checks }
}

/// Lets the migrations that change an object require a data check.
fn require(
    migrations: &mut [PlannedMigration],
    object: &ObjectId,
    check: GeneratedFile,
    checks: &mut Vec<GeneratedFile>,
) {
    let concerned =
        migrations.iter_mut().filter(|migration| migration.steps.iter().any(|step| step.object == *object));
    let mut is_required = false;
    for migration in concerned {
        migration.requires.push(check.name());
        is_required = true;
    }
    if is_required {
        checks.push(check);
    }
}

/// For each enum that loses labels, the data checks that find the rows which have one of them.
fn label_checks(from: &Catalog, to: &Catalog) -> Vec<(ObjectId, GeneratedFile)> {
    let mut checks = Vec::new();
    for (labels, gone) in lost_labels(from, to) {
        let own = labels.id.to_string();
        let columns = from.objects.iter().filter(|object| {
            object.id.kind == Kind::Column && object.is(Attribute::Type, &own) && to.get(&object.id).is_some()
        });
        checks.extend(
            columns.filter_map(|column| Some((labels.id.clone(), label_check(from, &column.id, &gone)?))),
        );
    }
    checks
}

/// The columns that are to be required, and of which rows may have no value before somebody fills them.
fn required_later(from: &Catalog, to: &Catalog, decided: &Decided) -> HashSet<ObjectId> {
    let old_name = |id: &ObjectId| {
        let mut old = id.clone();
        for (before, after) in decided.renamed.iter().rev() {
            if *after == old {
                old = before.clone();
            } else if old.relation.as_ref() == Some(&after.name)
                && after.kind == Kind::Table
                && old.schema == after.schema
            {
                old.schema.clone_from(&before.schema);
                old.relation = Some(before.name.clone());
            }
        }
        old
    };
    let is_later = |column: &&Arc<Object>| {
        let is_required = column.id.kind == Kind::Column && column.is(Attribute::Nullable, "false");
        if !is_required {
            return false;
        }
        let needs_rows_filled = match from.get(&old_name(&column.id)) {
            Some(before) => before.is(Attribute::Nullable, "true"),
            None => {
                let value = decided.filled.iter().find(|(filled, _)| *filled == column.id);
                needs_value(column, to) && value.is_some_and(|(_, value)| uses_row(to, &column.id, value))
            }
        };
        needs_rows_filled && !is_in_key(to, column)
    };
    to.objects.iter().filter(is_later).map(|column| column.id.clone()).collect()
}

/// Whether a column is of the primary key, which requires it.
fn is_in_key(catalog: &Catalog, column: &Object) -> bool {
    key_of(catalog, &column.id).is_some_and(|key| key.contains(&identifier(&column.id.name).into_owned()))
}

/// The columns of the primary key of a column's table, as SQL writes them.
fn key_of(catalog: &Catalog, column: &ObjectId) -> Option<Vec<String>> {
    let is_key = |object: &&Arc<Object>| {
        object.id.kind == Kind::PrimaryKey
            && (&object.id.schema, &object.id.relation) == (&column.schema, &column.relation)
    };
    let key = catalog.objects.iter().find(is_key)?;
    Some(key.get(Attribute::Columns)?.split(", ").map(str::to_owned).collect())
}

/// Whether a value is computed from the row's other columns.
fn uses_row(catalog: &Catalog, column: &ObjectId, value: &str) -> bool {
    let names: HashSet<String> = names_in(value).collect();
    let is_beside = |object: &&Arc<Object>| {
        object.id.kind == Kind::Column
            && (&object.id.schema, &object.id.relation) == (&column.schema, &column.relation)
    };
    catalog.objects.iter().filter(is_beside).any(|other| names.contains(other.id.name.as_str()))
}

fn with_nullable(catalog: &Catalog, columns: &HashSet<ObjectId>) -> Catalog {
    let objects = catalog.objects.iter().map(|object| {
        if !columns.contains(&object.id) {
            return Arc::clone(object);
        }
        let attributes = object.attributes.with(Attribute::Nullable, Some("true".into()));
        Arc::new(Object { id: object.id.clone(), attributes })
    });
    Catalog::new(objects.collect(), catalog.unmodeled.clone())
}

/// The data check that finds the rows without a value, with a fix where it is known what they get. A table without a primary
/// key has no name for its rows.
fn value_check(catalog: &Catalog, column: &ObjectId, value: Option<&str>) -> Option<GeneratedFile> {
    let (table, name) = (column.relation_path(), identifier(&column.name));
    let mut check = check(
        catalog,
        column,
        "has_a_value",
        &format!("Every row of {table} has a value in {name}"),
        &format!("{name} IS NULL"),
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
fn label_check(catalog: &Catalog, column: &ObjectId, gone: &[&str]) -> Option<GeneratedFile> {
    let (table, name, labels) = (column.relation_path(), identifier(&column.name), gone.join(", "));
    let title = format!("No row of {table} has {labels} in {name}");
    check(catalog, column, "has_no_old_label", &title, &format!("{name}::text IN ({labels})"))
}

fn check(
    catalog: &Catalog,
    column: &ObjectId,
    what: &str,
    title: &str,
    wrong: &str,
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
    let text = format!(
        "-- title: {title}\n-- severity: error\n-- table: {table}\n-- key: {key}\n-- find:\n\
         SELECT {key} FROM {table} WHERE {wrong};\n"
    );
    Some(GeneratedFile { path: PathBuf::from("checks").join(format!("{file}.sql")), text, is_down: false })
}
