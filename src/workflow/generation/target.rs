//! The way to the declared schema, divided where rows must be filled before a column can be required.
//!
//! A column becomes required only when no row lacks a value in it, and trueup does not fill rows in a migration: a data check
//! finds them and its fix repairs them, in batches, with an undo. The migration that requires the column requires the check.

use std::collections::HashSet;
use std::sync::Arc;

use super::checks::{key_of, label_check, second_column_check, value_check};
use super::decisions::CatalogPair;
use super::files::GeneratedFile;
use crate::changes::schema_plan::retype::{self, RetypedColumns};
use crate::changes::schema_plan::{self, PlannedMigration, kept, lost_labels};
use crate::model::diagnosis::{Decided, needs_value};
use crate::postgres::catalog::{Attribute, Catalog, Kind, Object, ObjectId};
use crate::postgres::sql::{identifier, names_in};

/// The migrations, and the data checks that they require.
#[derive(Default)]
pub(super) struct DividedPlan {
    pub(super) migrations: Vec<PlannedMigration>,
    pub(super) checks: Vec<GeneratedFile>,
    /// The columns that get another type by a second column. The swap is the last migration, and is not complete yet.
    pub(super) retyped: Option<RetypedColumns>,
    pub(super) notes: Vec<String>,
}

/// How a plan is to be made.
pub(super) struct PlanOptions<'o> {
    /// Whether a table, by its qualified and quoted name, has few rows.
    pub(super) is_small: &'o dyn Fn(&str) -> bool,
    /// The suffix of what is put aside before it is dropped; `None` where it is dropped at once.
    pub(super) kept_suffix: Option<&'o str>,
}

/// The first migrations of the way from one catalog to the other: those that others have to wait for are planned by [`way`] when
/// the database is as these leave it.
pub(super) fn first_part(
    states: CatalogPair<'_>,
    decided: &Decided,
    options: &PlanOptions<'_>,
) -> DividedPlan {
    let CatalogPair { head, from, to } = states;
    let kept = options.kept_suffix.and_then(|suffix| kept::put_aside([from, to], decided, suffix));
    let to = kept.as_ref().map_or(to, |kept| &kept.until);
    let (retyped, in_place) = retype::find([from, to], decided, options.is_small);
    let until = retyped.as_ref().map(RetypedColumns::postponed);
    let mut plan = way(CatalogPair { head, from, to: until.as_ref().unwrap_or(to) }, decided);
    plan.notes.extend(in_place.into_iter().map(|(column, why)| {
        format!(
            "{column} gets its type in place, which may rewrite the table while nobody can read it: {why}"
        )
    }));
    if let Some(kept) = kept {
        plan.notes.push(kept.note());
        plan.migrations.push(kept.migration);
    }
    if let Some(retyped) = retyped {
        // A new type is made before.
        let at = plan.migrations.iter().take_while(|migration| !migration.contract).count();
        plan.migrations.insert(at, retyped.expand());
        let mut last = vec![retyped.prepare(), retyped.swap()];
        last.retain(|migration| !migration.steps.is_empty());
        for column in &retyped.columns {
            let Some(check) = second_column_check(from, column) else { continue };
            last.iter_mut().for_each(|migration| migration.requires.push(check.name()));
            plan.checks.push(check);
        }
        plan.migrations.extend(last);
        plan.retyped = Some(retyped);
    }
    plan
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
    DividedPlan { migrations, checks, ..DividedPlan::default() }
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
