//! What a reset drops, worked out before anybody is asked: the project's schemas, or what is in them.

use std::collections::BTreeSet;

use anyhow::Result;
use serde::Serialize;

use super::contents::{Bare, Contents, Droppable, ExistingSchema, outside};
use crate::error::{ErrorCode, Exit, Failure};
use crate::model::{Effect, Lock};
use crate::postgres::catalog::{Kind, ObjectId};
use crate::postgres::sql::{identifier, split_qualified};
use crate::project::Settings;
use crate::snapshot::{self, AllSizes, DatabaseSnapshot};
use crate::workflow::comparison::in_scope;
use crate::workflow::project_model::ProjectModel;
use crate::workflow::write_command::WriteCommand;

/// How many objects a refusal names.
const MOST_NAMED: usize = 5;

/// What is going to be dropped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ResetPlan {
    /// The schemas.
    pub(crate) schemas: Vec<SchemaPart>,
    /// What is dropped and no migration makes: it does not come back.
    pub(crate) undeclared: Vec<String>,
    /// What stands outside of these schemas and depends on something in them.
    pub(crate) outside: Vec<String>,
    /// The extensions, publications and event triggers that the migrations create again.
    pub(crate) beside: Vec<String>,
    /// What stays, and why.
    pub(crate) kept: Vec<String>,
    #[serde(skip)]
    pub(super) statements: Vec<String>,
}

/// One schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct SchemaPart {
    pub(crate) schema: String,
    pub(crate) action: SchemaAction,
    /// The objects that stand directly in it.
    pub(crate) objects: usize,
    pub(crate) tables: usize,
    /// Those of the tables that have rows.
    pub(crate) tables_with_rows: usize,
    /// The rows of all tables, by the planner's estimate.
    pub(crate) rows: u64,
    /// The tables with rows that were never analyzed: their rows are not counted.
    pub(crate) never_analyzed: usize,
}

/// What is done with a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SchemaAction {
    /// A migration creates it again.
    Drop,
    /// It stays, with its owner, its grants and its extensions; what is in it goes.
    Empty,
}

impl ResetPlan {
    /// Reads the database, and plans.
    ///
    /// # Errors
    /// Exit 4: this role may not drop it all, or what is to stay is in a schema that has to go. Exit 3: the database cannot
    /// be read.
    pub(super) async fn read(
        settings: &Settings,
        declared: &ProjectModel,
        snapshot: &DatabaseSnapshot,
        writing: &mut WriteCommand<'_>,
    ) -> Result<Self> {
        let names = project_schemas(settings, &declared.lock);
        let contents = Contents::read(writing, &names).await?;
        let names: BTreeSet<String> = contents.schemas.iter().map(|schema| schema.name.clone()).collect();
        let ignored = |object: &&Droppable| is_ignored(settings, object);
        let (kept, objects): (Vec<&Droppable>, Vec<&Droppable>) = contents.objects.iter().partition(ignored);
        let created = created_schemas(&declared.lock);
        refuse_kept_in_created(&kept, &created)?;
        refuse_foreign(&objects, &contents.schemas, &created, &snapshot.identity.role)?;
        let outside = match names.is_empty() {
            true => Vec::new(),
            false => outside(writing, &names, &kept).await?,
        };
        let sizes = match names.is_empty() {
            true => AllSizes::default(),
            false => {
                let schemas: Vec<String> = names.iter().cloned().collect();
                snapshot::all_sizes(writing.writer.read_session().await?, &schemas).await?
            }
        };
        let (beside, foreign) = bare_objects(&declared.lock, &contents.bare, &created);
        let histories = histories(snapshot);
        let counted: Vec<&Droppable> =
            objects.iter().copied().filter(|object| !histories.contains(&object.identity.as_str())).collect();
        let part = |schema: &ExistingSchema| {
            let action =
                if created.contains(&schema.name) { SchemaAction::Drop } else { SchemaAction::Empty };
            SchemaPart::of(&schema.name, action, &counted, &sizes)
        };
        let mut kept: Vec<String> =
            kept.iter().map(|object| format!("{} ([database] ignore)", object.label())).collect();
        kept.extend(foreign.iter().map(|bare| format!("{} (of another role)", bare.label())));
        Ok(Self {
            schemas: contents.schemas.iter().map(part).collect(),
            undeclared: undeclared(declared, snapshot, &names),
            outside,
            beside: beside.iter().map(|bare| bare.label()).collect(),
            kept,
            statements: statements(&objects, &contents.schemas, &beside, &created, snapshot, &names),
        })
    }

    /// How many objects are dropped.
    pub(crate) fn objects(&self) -> usize {
        self.schemas.iter().map(|schema| schema.objects).sum()
    }

    /// Whether this drops nothing but what `shown` does, with no more tables that have rows.
    pub(super) fn is_part_of(&self, shown: &Self) -> bool {
        let with_rows =
            |plan: &Self| plan.schemas.iter().map(|schema| schema.tables_with_rows).sum::<usize>();
        self.statements.iter().all(|statement| shown.statements.contains(statement))
            && self.outside.iter().all(|object| shown.outside.contains(object))
            && with_rows(self) <= with_rows(shown)
    }
}

impl SchemaPart {
    fn of(schema: &str, action: SchemaAction, objects: &[&Droppable], sizes: &AllSizes) -> Self {
        let inside: Vec<&&Droppable> = objects.iter().filter(|object| object.schema == schema).collect();
        let mut part = Self {
            schema: schema.to_owned(),
            action,
            objects: inside.len(),
            tables: 0,
            tables_with_rows: 0,
            rows: 0,
            never_analyzed: 0,
        };
        for table in inside.into_iter().filter(|object| object.has_rows) {
            part.tables += 1;
            match sizes.relations.get(&table.identity) {
                Some(Some(size)) => {
                    part.tables_with_rows += usize::from(size.rows > 0);
                    part.rows += size.rows;
                }
                Some(None) => {
                    part.tables_with_rows += 1;
                    part.never_analyzed += 1;
                }
                None => {}
            }
        }
        part
    }
}

/// The schemas in which the project declares objects, or its migrations make some.
fn project_schemas(settings: &Settings, lock: &Lock) -> BTreeSet<String> {
    let declared = lock.model.objects.iter().map(|object| &object.id);
    let effects = lock.migrations.iter().flat_map(|migration| &migration.effects);
    let made = effects.flat_map(|effect| match effect {
        Effect::Renamed { from, to } => vec![&**from, &**to],
        other => vec![other.id()],
    });
    let schemas = declared.chain(made).filter_map(|id| match id.kind {
        Kind::Schema => Some(&id.name),
        _ => id.schema.as_ref(),
    });
    let names: BTreeSet<String> = schemas.map(ToString::to_string).collect();
    let is_own = |schema: &String| {
        schema != "trueup" && in_scope(settings, &ObjectId::bare(Kind::Schema, schema.as_str()))
    };
    names.into_iter().filter(is_own).collect()
}

/// What migrations create of a kind that stands in no schema.
fn created(lock: &Lock, kind: Kind) -> BTreeSet<String> {
    let effects = lock.migrations.iter().flat_map(|migration| &migration.effects);
    let names = effects.filter_map(|effect| match effect {
        Effect::Created(object) if object.id.kind == kind => Some(object.id.name.to_string()),
        Effect::Renamed { to, .. } if to.kind == kind => Some(to.name.to_string()),
        _ => None,
    });
    names.collect()
}

/// The schemas that migrations create, and would not create where they are already. `public` is never dropped.
fn created_schemas(lock: &Lock) -> BTreeSet<String> {
    let mut created = created(lock, Kind::Schema);
    created.remove("public");
    created
}

/// Whether the settings say that an object is not the project's.
fn is_ignored(settings: &Settings, object: &Droppable) -> bool {
    let ignore = &settings.database.ignore;
    let raw = split_qualified(&object.identity).map(|parts| parts.join("."));
    ignore.matches(&object.schema)
        || ignore.matches(&object.identity)
        || raw.is_some_and(|raw| ignore.matches(&raw))
}

/// The objects of no schema that migrations create: those that are dropped, and those of other roles, which stay.
fn bare_objects<'b>(
    lock: &Lock,
    bare: &'b [Bare],
    created_schemas: &BTreeSet<String>,
) -> (Vec<&'b Bare>, Vec<&'b Bare>) {
    let extensions = created(lock, Kind::Extension);
    let triggers = created(lock, Kind::EventTrigger);
    let is_created = |bare: &&Bare| match bare.kind.as_str() {
        "extension" => extensions.contains(&bare.name) || created_schemas.contains(&bare.schema),
        "event trigger" => triggers.contains(&bare.name),
        kind => {
            let kind = kind.replace([' ', '-'], "_");
            lock.model.unmodeled.iter().any(|other| other.kind == kind && other.object == bare.name)
        }
    };
    bare.iter().filter(is_created).partition(|bare| bare.may_drop)
}

/// What the database has in these schemas, and no migration makes: drift, and histories of other tools.
fn undeclared(
    declared: &ProjectModel,
    snapshot: &DatabaseSnapshot,
    schemas: &BTreeSet<String>,
) -> Vec<String> {
    let is_inside =
        |id: &ObjectId| id.schema.as_ref().is_some_and(|schema| schemas.contains(schema.as_str()));
    let of_nobody = snapshot.catalog.objects.iter().map(|object| &object.id).filter(|id| {
        id.kind != Kind::Column
            && id.kind.is_used_by_code()
            && is_inside(id)
            && declared.last.get(id).is_none()
    });
    let labels = of_nobody.map(|id| format!("{} {id}", id.kind.spoken()));
    let histories = snapshot.others.iter().filter(|other| {
        let schema = split_qualified(&other.table).and_then(|parts| parts.first().cloned());
        schema.is_some_and(|schema| schemas.contains(schema.as_str()))
    });
    labels.chain(histories.map(|other| format!("table {} ({})", other.table, other.tool))).collect()
}

/// The tables that say which migrations are applied.
fn histories(snapshot: &DatabaseSnapshot) -> Vec<&str> {
    let own = snapshot.history_table.iter().map(String::as_str);
    own.chain(snapshot.kept.iter().map(|kept| kept.table.as_str())).collect()
}

/// The statements, in their order: what could watch them first, then the histories, so that a database that is emptied in
/// part is not taken for a whole one.
fn statements(
    objects: &[&Droppable],
    schemas: &[ExistingSchema],
    beside: &[&Bare],
    created: &BTreeSet<String>,
    snapshot: &DatabaseSnapshot,
    names: &BTreeSet<String>,
) -> Vec<String> {
    let (watching, others): (Vec<&&Bare>, Vec<&&Bare>) =
        beside.iter().partition(|bare| bare.kind == "event trigger");
    let histories = histories(snapshot);
    let is_history = |object: &&&Droppable| histories.contains(&object.identity.as_str());
    let (first, rest): (Vec<&&Droppable>, Vec<&&Droppable>) = objects.iter().partition(is_history);
    // A tool may keep its history in a schema of its own.
    let elsewhere = histories.iter().filter(|table| {
        let schema = split_qualified(table).and_then(|parts| parts.first().cloned());
        schema.is_none_or(|schema| !names.contains(schema.as_str()))
    });
    let dropped = schemas.iter().filter(|schema| created.contains(&schema.name));
    watching
        .into_iter()
        .map(|bare| bare.drop())
        .chain(elsewhere.map(|table| format!("DROP TABLE IF EXISTS {table} CASCADE")))
        .chain(first.into_iter().chain(rest).map(|object| object.drop()))
        .chain(others.into_iter().map(|bare| bare.drop()))
        .chain(dropped.map(|schema| format!("DROP SCHEMA IF EXISTS {} CASCADE", identifier(&schema.name))))
        .collect()
}

/// Refuses what is to stay in a schema that is dropped.
fn refuse_kept_in_created(kept: &[&Droppable], created: &BTreeSet<String>) -> Result<(), Failure> {
    let Some(object) = kept.iter().find(|object| created.contains(&object.schema)) else { return Ok(()) };
    let what = format!(
        "[database] ignore names {}, and a migration creates schema {}, which therefore has to be dropped; nothing was \
         changed",
        object.label(),
        object.schema
    );
    Err(Failure::new(Exit::Refused, what).code(ErrorCode::RESET_NOT_ALLOWED).next(format!(
        "move it to another schema: ALTER ... {} SET SCHEMA ...; or drop it by hand",
        object.identity
    )))
}

/// Refuses what this role may not drop.
fn refuse_foreign(
    objects: &[&Droppable],
    schemas: &[ExistingSchema],
    created: &BTreeSet<String>,
    role: &str,
) -> Result<(), Failure> {
    let of_schemas = schemas
        .iter()
        .filter(|schema| created.contains(&schema.name) && !schema.may_drop)
        .map(|schema| (format!("schema {}", identifier(&schema.name)), schema.owner.as_str()));
    let of_objects = objects.iter().filter_map(|object| Some((object.label(), object.owned_by_another()?)));
    let foreign: Vec<(String, &str)> = of_schemas.chain(of_objects).collect();
    let Some((_, owner)) = foreign.first() else { return Ok(()) };
    let named: Vec<&str> = foreign.iter().take(MOST_NAMED).map(|(label, _)| label.as_str()).collect();
    let more = match foreign.len().saturating_sub(MOST_NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let what =
        format!("role {role} may not drop {}{more}: of role {owner}; nothing was changed", named.join(", "));
    Err(Failure::new(Exit::Refused, what).code(ErrorCode::PERMISSION_MISSING).next(format!(
        "GRANT {} TO {}; or work as that role",
        identifier(owner),
        identifier(role)
    )))
}
