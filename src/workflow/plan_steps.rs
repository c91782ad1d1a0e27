//! Converts a plan to reports and scripts, and names the history that it is recorded in.

use std::collections::BTreeMap;

use anyhow::Result;
use smol_str::SmolStr;

use crate::changes::plan::{
    Direction, EditorSession, MigrationPlan, PlanStop, PlannedStatement, Relations, Step,
};
use crate::error::{ErrorCode, Exit, Failure};
use crate::migrations::checksum::Width;
use crate::migrations::{Ledger, Migration, SquashState, ToolLedger};
use crate::model::{CompiledMigration, Effect, RowWork};
use crate::postgres::catalog::{Catalog, Kind, ObjectId};
use crate::postgres::connection::ServerVersion;
use crate::postgres::lock_mode::LockMode;
use crate::postgres::sql::{QualifiedTable, identifier, schemas_of_path};
use crate::project::Settings;
use crate::snapshot::{DatabaseSnapshot, KeptTable};
use crate::workflow::migrate::PreparedChange;
use crate::workflow::reports::footprint_report::{FootprintReport, RowWorkReport};
use crate::workflow::reports::plan_report::{
    FileAction, LockReport, PlanDirection, PlanReport, RecordedBaseline, StepReport, StopReport,
};

/// refinery's history of this database, or the one that is to be made.
///
/// # Errors
/// Exit 4 when a version does not fit into its column.
pub(crate) fn ledger(
    settings: &Settings,
    snapshot: &DatabaseSnapshot,
    migrations: &[Migration],
) -> Result<Ledger, Failure> {
    let also = tool_ledger(settings, snapshot, migrations)?;
    let versions = || migrations.iter().map(|migration| migration.version);
    let (Some(table), Some(width)) = (&snapshot.history_table, snapshot.history_width) else {
        let table = history_place(settings);
        let mut ledger = Ledger::new(&table, versions());
        ledger.awaits_schema = snapshot.catalog.get(&schema_of(&table)).is_none();
        return Ok(Ledger { also, ..ledger });
    };
    if let (Width::Four, Some(large)) = (width, versions().find(|version| i32::try_from(*version).is_err())) {
        return Err(Failure::new(
            Exit::Refused,
            format!("version {large} does not fit into {table}, whose versions are int4; nothing was changed"),
        )
        .next(format!(
            "ALTER TABLE {table} ALTER COLUMN version TYPE int8, and build the application's refinery with int8-versions"
        )));
    }
    let squashed = match &snapshot.squash {
        Some(SquashState::All { baseline, replaced, .. }) => Some((*baseline, replaced.clone())),
        _ => None,
    };
    Ok(Ledger { also, squashed, ..Ledger::existing(table, width) })
}

/// The table of the tool that the migrations were taken over from, where the project keeps it in step.
///
/// # Errors
/// Exit 4: a table of that name is not the tool's; a migration failed in it.
fn tool_ledger(
    settings: &Settings,
    snapshot: &DatabaseSnapshot,
    migrations: &[Migration],
) -> Result<Option<ToolLedger>, Failure> {
    let Some(tool) = settings.migrations.also_record_in else { return Ok(None) };
    let applied = snapshot.history.as_deref().unwrap_or_default();
    let others = || snapshot.others.iter().filter(|other| other.tool == tool.title());
    let refuse = |code: ErrorCode, what: String, next: &str| {
        Err(Failure::new(Exit::Refused, format!("{what}; nothing was changed")).code(code).next(next))
    };
    match (&snapshot.kept, others().next()) {
        (Some(KeptTable { table, rows }), _) => {
            if let Some(failed) =
                others().find_map(|other| other.failed.as_ref().filter(|_| other.table == *table))
            {
                let what = format!("{table} says that {failed} failed or was interrupted");
                return refuse(ErrorCode::HISTORY_FAILED, what, tool.history().repair);
            }
            Ok(Some(ToolLedger::existing(tool, table.as_str(), rows, migrations, applied)))
        }
        (None, Some(found)) => refuse(
            ErrorCode::HISTORY_MALFORMED,
            format!("{} is not the table of {tool}, or this role may not read it", found.table),
            "look at the table (\\d); or remove also_record_in from trueup.toml",
        ),
        (None, None) => Ok(Some(ToolLedger::new(tool, &history_place(settings).schema, migrations, applied))),
    }
}

/// What the tool that is kept in step does not know, and which rows it gets beside those of the plan.
pub(crate) fn notes_on_tool(ledger: &Ledger, plan: &MigrationPlan, migrations: &[Migration]) -> Vec<String> {
    let Some(also) = &ledger.also else { return Vec::new() };
    let tool = also.tool();
    let mut notes = Vec::new();
    let unknown = plan.steps.iter().filter(|step| !also.knows(step.version));
    let unknown: Vec<&str> = unknown.map(|step| step.title.as_str()).collect();
    if plan.direction == Direction::Up && !unknown.is_empty() {
        notes.push(format!("{tool} does not know {}: not taken over from it", unknown.join(", ")));
    }
    let missing = migrations.iter().filter(|migration| also.missing().contains(&migration.version));
    let missing: Vec<String> = missing.map(|migration| migration.id().to_string()).collect();
    if !missing.is_empty() {
        notes.push(format!("the table of {tool} gets the rows that it lacks: {}", missing.join(", ")));
    }
    notes
}

/// Where the project's history is, or is to be.
pub(crate) fn history_place(settings: &Settings) -> QualifiedTable {
    let chosen = settings.migrations.history.clone();
    chosen.map_or_else(|| Ledger::place(&settings.database.search_path), |chosen| chosen.table)
}

fn schema_of(table: &QualifiedTable) -> ObjectId {
    ObjectId::bare(Kind::Schema, table.schema.as_str())
}

/// Refuses to create a history in a schema that does not exist. `first` is the migration that is run first, where any is
/// run: the history is created after it, so it may create the schema.
///
/// # Errors
/// Exit 4.
pub(crate) fn refuse_missing_schema(
    settings: &Settings,
    ledger: &Ledger,
    first: Option<&CompiledMigration>,
) -> Result<(), Failure> {
    if !ledger.awaits_schema {
        return Ok(());
    }
    let table = history_place(settings);
    let schema = schema_of(&table);
    let is_created = |effect: &Effect| matches!(effect, Effect::Created(object) if object.id == schema);
    if first.is_some_and(|first| first.effects.iter().any(is_created)) {
        return Ok(());
    }
    let (not_created, create) = match first {
        Some(_) => (
            ", and the migration that is run first does not create it",
            "create it in the first migration, or now: ",
        ),
        None => ("", ""),
    };
    let what = format!(
        "the history table {table} cannot be created: there is no schema {}{not_created}; nothing was changed",
        table.schema
    );
    let next = format!(
        "{create}CREATE SCHEMA {}; or choose another table: [migrations] history = \"schema.table\" in trueup.toml",
        identifier(&table.schema)
    );
    Err(Failure::new(Exit::Refused, what).code(ErrorCode::HISTORY_NO_SCHEMA).next(next))
}

/// The plan, with the locks that it takes. How large what it locks is, `sizes::measure` adds.
pub(crate) fn report(settings: &Settings, plan: &mut MigrationPlan, catalog: &Catalog) -> PlanReport {
    let path = schemas_of_path(&settings.database.search_path);
    plan.look_up(&Relations::of(catalog, &path));
    PlanReport {
        direction: match plan.direction {
            Direction::Up => PlanDirection::Up,
            Direction::Down => PlanDirection::Down,
        },
        steps: plan.steps.iter().map(|step| step_report(settings, step)).collect(),
        lost: Vec::new(),
        squash: None,
        backup: None,
        stop: plan.stop.as_ref().map(stop_report),
        ahead: plan.ahead.iter().map(|row| row.id().to_string()).collect(),
    }
}

/// The baseline that an upgrade records, where the history has all that it replaces.
pub(crate) fn recorded_baseline(snapshot: &DatabaseSnapshot) -> Option<RecordedBaseline> {
    match &snapshot.squash {
        Some(SquashState::All { title, replaced, .. }) => {
            Some(RecordedBaseline { baseline: title.clone(), replaces: replaced.len(), recorded: false })
        }
        _ => None,
    }
}

/// Why a plan ends early, for a report.
pub(crate) fn stop_report(stop: &PlanStop) -> StopReport {
    StopReport { why: stop.why(), next: stop.next(), waiting: stop.waiting().to_vec() }
}

fn step_report(settings: &Settings, step: &Step) -> StepReport {
    let works = step.works();
    StepReport {
        version: step.version.to_string(),
        name: step.name.clone(),
        file: settings.project.display(&step.path),
        contract: step.contract,
        transactional: step.transactional,
        action: if step.record { FileAction::Record } else { FileAction::Run },
        requires_checks: step.directives.requires_checks.clone(),
        statements: step.script.statements.iter().map(|statement| statement.summary.clone()).collect(),
        locks: step.held.iter().map(|(relation, mode)| lock_report(relation, *mode, &works)).collect(),
        footprints: footprints(settings, step),
        waiting: Vec::new(),
    }
}

fn footprints(settings: &Settings, step: &Step) -> Vec<FootprintReport> {
    let statements: Vec<_> = step.script.statements.iter().map(PlannedStatement::as_statement).collect();
    let (version, file) = (step.version.to_string(), settings.project.display(&step.path));
    FootprintReport::all(&version, &file, &statements, &step.footprints, step.transactional)
}

/// A lock, with what is done to rows while it is held.
pub(crate) fn lock_report(
    relation: &ObjectId,
    mode: LockMode,
    works: &BTreeMap<SmolStr, RowWork>,
) -> LockReport {
    let blocks = match (mode.blocks_readers(), mode.blocks_writers()) {
        (true, _) => "readers and writers",
        (false, true) => "writers",
        (false, false) => "nobody",
    };
    let name = relation.to_string();
    let work = works.get(name.as_str()).cloned().map(RowWorkReport::of);
    LockReport { relation: name, mode: mode.name(), blocks, rows: None, bytes: None, work, estimate: None }
}

/// The settings under which a script runs elsewhere.
pub(crate) fn editor_session(settings: &Settings, server: ServerVersion) -> EditorSession {
    EditorSession {
        search_path: settings.database.search_path.clone(),
        lock_timeout: settings.migrations.lock_timeout,
        set_role: settings.database.set_role.clone(),
        server,
    }
}

/// A prepared plan as one script.
pub(crate) fn script(settings: &Settings, prepared: &PreparedChange, migrations: &[Migration]) -> String {
    let session = editor_session(settings, prepared.snapshot.version);
    prepared.plan.to_sql(migrations, &prepared.ledger, &session)
}
