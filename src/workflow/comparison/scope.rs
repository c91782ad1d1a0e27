//! What of a database is compared: `[database]`, `--ignore` and `--only`.

use crate::error::{ErrorCode, Failure};
use crate::postgres::catalog::reader::IndexedSequence;
use crate::postgres::catalog::{Catalog, Kind, ObjectId};
use crate::postgres::sql::identifier;
use crate::project::{self, Settings};
use crate::snapshot::DatabaseSnapshot;

/// `--only` that names nothing would call everything clean.
pub(super) fn something_asked_for(
    settings: &Settings,
    live: &Catalog,
    model: &Catalog,
) -> Result<(), Failure> {
    if settings.only.is_empty() || either_has(live, model, |id| named(&settings.only, id)) {
        return Ok(());
    }
    let patterns: Vec<&str> = settings.only.iter().collect();
    Err(Failure::usage(format!(
        "--only {}: neither the database nor the model has anything of that name",
        patterns.join(" --only ")
    ))
    .code(ErrorCode::USAGE_ARGUMENTS)
    .next("write the schema, too, and a * for the rest of a name: --only 'public.users*'"))
}

/// What the settings name and neither the database nor the model has: a misspelled name leaves out what it should not, or
/// leaves out nothing.
pub(super) fn unmatched(settings: &Settings, live: &Catalog, model: &Catalog) -> Vec<String> {
    let schemas = settings.database.schemas.iter().filter(|schema| {
        !either_has(live, model, |id| schema_of(id).is_some_and(|found| found == schema.as_str()))
    });
    let schemas = schemas.map(|schema| {
        format!("[database] schemas: neither the database nor the model has anything in {schema:?}")
    });
    let patterns = [("ignore", &settings.database.ignore), ("--only", &settings.only)];
    let patterns =
        patterns.into_iter().flat_map(|(from, all)| all.iter().map(move |pattern| (from, pattern)));
    let patterns = patterns.filter(|(_, pattern)| {
        let pattern = project::Patterns::new([(*pattern).to_owned()]);
        !either_has(live, model, |id| named(&pattern, id))
    });
    let patterns = patterns.map(|(from, pattern)| {
        format!("{from} {pattern}: neither the database nor the model has anything of that name")
    });
    schemas.chain(patterns).collect()
}

fn either_has(live: &Catalog, model: &Catalog, wanted: impl Fn(&ObjectId) -> bool) -> bool {
    live.objects.iter().chain(&model.objects).any(|object| wanted(&object.id))
}

fn schema_of(id: &ObjectId) -> Option<&str> {
    if id.kind == Kind::Schema { Some(&id.name) } else { id.schema.as_deref() }
}

/// Whether one of the patterns names the object, or the relation or schema that it stands in. Names may be written
/// with SQL's quotes or without.
pub(crate) fn named(patterns: &project::Patterns, id: &ObjectId) -> bool {
    if patterns.is_empty() {
        return false;
    }
    let parts = [id.schema.as_ref(), id.relation.as_ref(), Some(&id.name)];
    let raw: Vec<&str> = parts.into_iter().flatten().map(|part| part.as_str()).collect();
    (1..=raw.len()).any(|length| {
        let quoted: Vec<_> = raw[..length].iter().map(|part| identifier(part)).collect();
        patterns.matches(&raw[..length].join(".")) || patterns.matches(&quoted.join("."))
    }) || patterns.matches(&id.to_string())
}

/// Whether `[database]`, `--ignore` and `--only` leave an object in.
pub(crate) fn in_scope(settings: &Settings, id: &ObjectId) -> bool {
    let database = &settings.database;
    let schema_in = database.schemas.is_empty()
        || schema_of(id).is_none_or(|schema| database.schemas.iter().any(|wanted| wanted.as_str() == schema));
    schema_in && !named(&database.ignore, id) && (settings.only.is_empty() || named(&settings.only, id))
}

/// How many objects were compared.
pub(super) fn compared(settings: &Settings, live: &Catalog) -> usize {
    let everything = settings.database.schemas.is_empty()
        && settings.database.ignore.is_empty()
        && settings.only.is_empty();
    match everything {
        true => live.objects.len(),
        false => live.objects.iter().filter(|object| in_scope(settings, &object.id)).count(),
    }
}

/// Whether the table that a sequence fills is in scope.
pub(super) fn is_compared(settings: &Settings, snapshot: &DatabaseSnapshot, of: &IndexedSequence) -> bool {
    let table = ObjectId::in_schema(Kind::Table, of.schema.clone(), of.table.clone());
    in_scope(settings, &table) && snapshot.catalog.get(&table).is_some()
}
