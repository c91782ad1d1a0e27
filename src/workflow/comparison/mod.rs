//! Compares a snapshot of a live database with the declared model, and reports the result. It writes nothing.

mod recorded;
mod scope;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;

use crate::cli::FailOn;
use crate::data::seeds;
use crate::error::{ErrorCode, Exit, Failure};
use crate::findings::{Finding, LOCK_FILE, Location, Severity, Summary};
use crate::migrations::{Migration, SquashState, checksum};
use crate::model::diagnosis::{self, Basis, CatalogChange, Diagnosis, Facts, MigrationState};
use crate::model::diff;
use crate::model::{CompiledMigration, Declarations, DeclaredBy, Lock, SchemaFile};
use crate::postgres::catalog::reader::ReadOptions;
use crate::postgres::catalog::{Kind, ObjectId};
use crate::postgres::connection::{Session, Target};
use crate::postgres::sql::identifier;
use crate::project::Settings;
use crate::snapshot::{
    self, DatabaseSnapshot, Request, SequenceBehind, SequenceScope, UnreadReason, UnseenReason,
};
use crate::workflow::project_model::{Needs, ProjectModel};
use crate::workflow::reports::metrics::PendingByPhase;
use crate::workflow::reports::schema_report::{Coverage, Fixable, Hidden, History, SchemaReport};
use crate::workflow::reports::target::{ReportedMigration, TargetReport};
use crate::workflow::{environment_mark, other_tool};
use recorded::recorded_state;
use scope::{compared, is_compared, something_asked_for, unmatched};
pub(crate) use scope::{in_scope, named};

/// `statement_timeout` of the reading transaction where the project sets none: enough for 100,000 tables.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(60);
/// `lock_timeout` of the reading transaction: views and defaults are printed under ACCESS SHARE locks.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// What a comparison found.
pub(crate) struct Comparison {
    pub(crate) document: SchemaReport,
    /// Where the database stands in the migrations.
    pub(crate) state: MigrationState,
}

/// Compares what was found with what is declared.
///
/// # Errors
/// Exit 2 when `[check] severity` names a code that there is not, or `--only` names nothing. Exit 4 when the database is marked as another
/// environment's or project's than was asked for.
pub(crate) fn compare(
    settings: &Settings,
    target: &Target,
    declared: &ProjectModel,
    snapshot: &DatabaseSnapshot,
) -> Result<Comparison> {
    environment_mark::expect(settings, snapshot.mark(), &snapshot.identity.database)?;
    let severities = severities(settings)?;
    something_asked_for(settings, &snapshot.catalog, &declared.lock.model)?;
    let mut rows = seeded(settings, snapshot, &severities)?;
    rows.extend(behind(settings, snapshot, &severities));
    let Comparison { document, state } = diagnose(settings, target, declared, snapshot, &severities, rows);
    let exit = exit(settings, &document);
    Ok(Comparison { document: document.ending(exit), state })
}

/// Refuses to change a database that looks like another application's.
///
/// # Errors
/// Exit 4.
pub(crate) fn refuse_other(settings: &Settings, document: &SchemaReport) -> Result<(), Failure> {
    let Some(other) =
        document.findings.iter().find(|finding| finding.code == ErrorCode::DATABASE_OTHER.as_str())
    else {
        return Ok(());
    };
    let detail = other.cause.as_ref().map(|cause| cause.detail.as_str()).unwrap_or_default();
    Err(Failure::new(Exit::Refused, format!("{detail} Nothing was changed"))
        .code(ErrorCode::DATABASE_OTHER)
        .next(format!(
            "look at {}, the URL that this database was reached by; if it is right, name the tables that are not this \
             project's: [database] ignore in trueup.toml",
            settings.url_source()
        )))
}

/// `[check] severity`, its codes known to exist.
fn severities(settings: &Settings) -> Result<BTreeMap<String, Severity>, Failure> {
    let known = if settings.check.severity.is_empty() { Vec::new() } else { diagnosis::codes() };
    let overrides = settings.check.severity.iter().map(|(code, wanted)| {
        if known.contains(code) {
            return Ok((code.clone(), wanted.severity));
        }
        let likeness = |other: &&String| (strsim::jaro_winkler(code, other) * 1000.0) as u32;
        let nearest = known.iter().max_by_key(likeness).map(|nearest| format!("did you mean {nearest:?}?"));
        let file = settings.project.settings_path.display();
        Err(Failure::usage(format!(
            "{file}:{}: [check] severity: no finding has the code {code:?}",
            wanted.line
        ))
        .code(ErrorCode::PROJECT_FILE_INVALID)
        .next(nearest.unwrap_or_default()))
    });
    overrides.collect()
}

/// Reads the database, with the sequences that are behind, and closes the session.
///
/// # Errors
/// Exit 3 or 75, see [`snapshot::take`].
pub(crate) async fn take_snapshot(
    settings: &Settings,
    mut session: Session,
    needs: Needs,
) -> Result<DatabaseSnapshot> {
    let request = Request { sequences: SequenceScope::All, ..request(settings, needs) };
    let snapshot = snapshot::take(&mut session, &request).await;
    session.close().await;
    snapshot
}

/// Reads the database on a session that stays open.
///
/// # Errors
/// Exit 3 or 75, see [`snapshot::take`].
pub(crate) async fn take_snapshot_on(
    settings: &Settings,
    session: &mut Session,
    declared: &ProjectModel,
) -> Result<DatabaseSnapshot> {
    let request = Request { earlier: true, ..request(settings, declared.needs()) };
    snapshot::take(session, &request).await
}

/// What a snapshot reads, and how long that may take.
pub(crate) fn request(settings: &Settings, needs: Needs) -> Request {
    Request {
        options: ReadOptions { history: settings.migrations.history.clone(), ..needs.options },
        migrations: needs.migrations,
        texts: false,
        earlier: false,
        attested: false,
        seeds: needs.seeds,
        seed_rows: needs.seed_rows,
        sequences: SequenceScope::None,
        search_path: settings.database.search_path.clone(),
        tool: settings.migrations.tool,
        kept: settings.migrations.also_record_in,
        set_role: settings.database.set_role.clone(),
        statement_timeout: settings.database.statement_timeout.unwrap_or(STATEMENT_TIMEOUT),
        lock_timeout: settings.database.lock_timeout.unwrap_or(LOCK_TIMEOUT),
        stays_open: false,
    }
}

/// Works with everything that is known of a database and of the project. Remarks on that are added to `notes`.
fn with_facts<T>(
    settings: &Settings,
    declared: &ProjectModel,
    snapshot: &DatabaseSnapshot,
    severities: &BTreeMap<String, Severity>,
    notes: &mut Vec<String>,
    work: impl FnOnce(&Facts<'_>) -> T,
) -> T {
    let ProjectModel { lock, last, migrations, .. } = declared;
    let rows = snapshot.history.as_deref().unwrap_or_default();
    let unchanged = match declared.texts_known {
        true => checksum::unchanged(migrations, rows),
        false => migrations.iter().map(|migration| migration.version).collect(),
    };
    let internal = snapshot.internal.as_ref();
    let mut recorded =
        internal.map(|internal| recorded_state(internal, migrations, notes)).unwrap_or_default();
    let partly = match &snapshot.squash {
        Some(partly @ SquashState::Some { .. }) => Some(partly.in_words()),
        _ => None,
    };
    recorded.renumbered = checksum::renumbered(migrations, rows, &unchanged);
    work(&Facts {
        database: &snapshot.identity.database,
        server: snapshot.version,
        partly_squashed: partly.as_deref(),
        live: &snapshot.catalog,
        history: snapshot.history.as_deref(),
        assumed: false,
        others: &snapshot.others,
        recorded: &recorded,
        lock,
        last,
        unchanged: &unchanged,
        in_scope: &|id| in_scope(settings, id),
        ignored: &|id| named(&settings.database.ignore, id),
        history_hidden: !snapshot.invisible.is_empty(),
        malformed_history: snapshot.malformed_history.as_deref(),
        severities,
    })
}

/// The changes that bring back what was changed by hand, of the codes that were asked for. Without `destructive` those that
/// lose values have no statements.
pub(crate) fn repairs(
    settings: &Settings,
    declared: &ProjectModel,
    snapshot: &DatabaseSnapshot,
    destructive: bool,
) -> Vec<CatalogChange> {
    let repairs = |facts: &Facts<'_>| diagnosis::repairs(facts, destructive);
    let mut changes = with_facts(settings, declared, snapshot, &BTreeMap::new(), &mut Vec::new(), repairs);
    changes.retain(|change| is_asked_for(settings, &change.code));
    changes
}

/// Whether findings of a code are asked for.
fn is_asked_for(settings: &Settings, code: &str) -> bool {
    settings.only_codes.is_empty() || settings.only_codes.iter().any(|wanted| wanted == code)
}

/// Compares everything that is known of the database with the project.
fn diagnose(
    settings: &Settings,
    target: &Target,
    declared: &ProjectModel,
    snapshot: &DatabaseSnapshot,
    severities: &BTreeMap<String, Severity>,
    of_rows: Vec<Finding>,
) -> Comparison {
    let ProjectModel { lock, migrations, notes, .. } = declared;
    let mut notes = notes.clone();
    let (Diagnosis { mut findings, state }, is_interrupted) =
        with_facts(settings, declared, snapshot, severities, &mut notes, |facts| {
            (diagnosis::diagnose(facts), !facts.recorded.unfinished.is_empty())
        });

    let is_other = findings.iter().any(|finding| finding.code == ErrorCode::DATABASE_OTHER.as_str());
    findings.extend(of_rows.into_iter().filter(|_| !is_other));
    if let Some(tool) = settings.migrations.tool {
        other_tool::hand_over(tool, &mut findings);
    }
    findings.retain(|finding| is_asked_for(settings, &finding.code));
    locate(settings, migrations, &mut findings);
    if let Some(squash @ SquashState::All { .. }) =
        snapshot.squash.as_ref().filter(|_| settings.command != "upgrade")
    {
        notes.push(squash.in_words());
    }
    notes.extend(absent_seeds(declared, snapshot, &state));
    notes.extend(environment_mark::note(settings, target, snapshot.mark()));
    if snapshot.identity.standby && is_interrupted {
        notes.push("this is a standby: only the primary shows whether a run is still running".to_owned());
    }
    notes.extend(snapshot.notes.iter().cloned());
    let unread = snapshot.unread_sequences.iter();
    notes.extend(UnreadReason::notes(unread.filter(|unread| is_compared(settings, snapshot, &unread.of))));
    notes.extend(settings_notes(settings, target, declared, snapshot));
    let document = SchemaReport {
        command: settings.command,
        run: settings.run.clone(),
        exit: Exit::Clean,
        target: TargetReport::new(settings, target, &snapshot.identity, snapshot.mark()),
        history: history(snapshot, lock, &state),
        coverage: coverage(snapshot, lock),
        summary: Summary::of(&findings),
        declared: match lock.head.declared_by {
            DeclaredBy::Schema => "the schema in schema/",
            DeclaredBy::Migrations => "what the migrations build",
        },
        migrations: migrations.len(),
        compared: compared(settings, &snapshot.catalog),
        findings,
        notes,
        plan: None,
        adoption: None,
        fix: None,
        fixable: fixable(snapshot, lock, &state),
        backup: None,
        error: None,
        applied: Vec::new(),
    };
    Comparison { document, state }
}

/// What `check --fix` can bring back here.
fn fixable(snapshot: &DatabaseSnapshot, lock: &Lock, state: &MigrationState) -> Fixable {
    Fixable {
        drift: state.basis != Basis::Inferred && !snapshot.identity.standby,
        unknown: state.basis == Basis::ModelOnly && !snapshot.identity.standby,
        views: !diff::crosses_view_printing_change(snapshot.version, lock.head.server),
    }
}

/// The history of migrations held against the project's files.
fn history(snapshot: &DatabaseSnapshot, lock: &Lock, state: &MigrationState) -> History {
    let rows = snapshot.history.as_deref().unwrap_or_default();
    let newest = rows.iter().max_by_key(|row| row.version).map(|row| row.id());
    let known = state.basis == Basis::History && snapshot.history.is_some();
    let pending: Vec<&CompiledMigration> =
        state.skipped.iter().chain(&state.pending).map(|index| &lock.migrations[*index]).collect();
    let contract = pending.iter().filter(|migration| migration.contract).count();
    let by_phase = PendingByPhase { expand: pending.len() - contract, contract };
    let pending = pending.into_iter().map(|migration| ReportedMigration::of(migration.id()));
    let internal = snapshot.internal.as_ref();
    History {
        table: snapshot.history_table.clone(),
        applied: rows.len(),
        at: newest.map(|id| id.at()),
        current: newest.map(|id| id.version_text()),
        pending: if known || rows.is_empty() { pending.collect() } else { Vec::new() },
        others: snapshot.others.clone(),
        by_phase: (known || rows.is_empty() && snapshot.invisible.is_empty()).then_some(by_phase),
        unfinished: internal.map_or(0, |internal| internal.unfinished.len()),
    }
}

/// What was not compared, and what this role cannot see.
fn coverage(snapshot: &DatabaseSnapshot, lock: &Lock) -> Coverage {
    // What the model has of such kinds is not compared either.
    let mut unmodeled = snapshot.catalog.unmodeled.clone();
    unmodeled.extend(lock.model.unmodeled.iter().cloned());
    unmodeled.sort();
    unmodeled.dedup();
    let complete = snapshot.invisible.is_empty() && snapshot.seeded.unseen.is_empty() && unmodeled.is_empty();
    Coverage { complete, unmodeled, invisible: hidden(snapshot) }
}

/// The seeds whose table is not there, where no migration that is still to be applied creates it.
fn absent_seeds(declared: &ProjectModel, snapshot: &DatabaseSnapshot, state: &MigrationState) -> Vec<String> {
    if !state.pending.is_empty() || !state.skipped.is_empty() {
        return Vec::new();
    }
    let absent = snapshot.seeded.absent.iter().map(|seed| &declared.seeds.tables[*seed]);
    let note = |seed: &Arc<seeds::Seed>| {
        let table = &seed.table.value;
        format!("{}: not compared: table {table}, or a column of it, does not exist", seed.file)
    };
    absent.map(note).collect()
}

/// What the settings leave out, and where the connection comes from.
fn settings_notes(
    settings: &Settings,
    target: &Target,
    declared: &ProjectModel,
    snapshot: &DatabaseSnapshot,
) -> Vec<String> {
    let mut notes = unmatched(settings, &snapshot.catalog, &declared.lock.model);
    let ignored: Vec<&str> = settings.database.ignore.iter().collect();
    if !ignored.is_empty() {
        notes.push(format!("ignored: {}", ignored.join(", ")));
    }
    if settings.output.verbose {
        notes.push(format!("the connection's URL is from {}", settings.url_source()));
        notes.extend(target.notes().iter().cloned());
    }
    notes
}

/// Says where the project's files have what the findings are about. The schema files are read for that only where
/// something was found, and one that cannot be read changes nothing but the place.
fn locate(settings: &Settings, migrations: &[Migration], findings: &mut [Finding]) {
    if findings.iter().all(|finding| finding.location.is_some()) {
        return;
    }
    let project = &settings.project.dir;
    let schema = SchemaFile::readable(project);
    let declarations = Declarations::new(&schema, migrations, project, &settings.database.search_path);
    for finding in findings.iter_mut().filter(|finding| finding.location.is_none()) {
        let place = declarations.locate(finding);
        if let Some(undeclared) = &finding.undeclared {
            let file = declarations.file_for(undeclared.relation.as_deref(), finding);
            finding.remedy.advice = Some(undeclared.advice(&file, place.as_ref()));
        }
        finding.location = Some(place.unwrap_or_else(|| Location::new(LOCK_FILE, 1)));
    }
}

/// What this role cannot see, though the answer needs it.
fn hidden(snapshot: &DatabaseSnapshot) -> Vec<Hidden> {
    let unread = snapshot.invisible.iter();
    let unread = unread.map(|object| Hidden::unread(object));
    let unseen = snapshot.seeded.unseen.iter().map(|unseen| Hidden {
        object: unseen.table.clone(),
        why: unseen.why.as_ref().map(UnseenReason::in_words),
        code: match &unseen.why {
            Some(UnseenReason::Code(code)) => Some(code.remedy()),
            _ => None,
        },
    });
    unread.chain(unseen).collect()
}

/// The seeds that are missing or different, of the tables in scope.
fn seeded(
    settings: &Settings,
    snapshot: &DatabaseSnapshot,
    severities: &BTreeMap<String, Severity>,
) -> Result<Vec<Finding>, Failure> {
    let mut findings = Vec::new();
    for asked in &snapshot.seeded.asked {
        let seeds::TableName { schema, name } = &asked.question.columns.table;
        if in_scope(settings, &ObjectId::in_schema(Kind::Table, schema.clone(), name.clone())) {
            let defaults = seeds::defaults(&asked.question.columns, &snapshot.catalog);
            let plan = seeds::plan(&asked.question, &asked.answers, &defaults, false)?;
            findings.extend(diagnosis::seeded(&asked.question, &plan, snapshot.seeded.known));
        }
    }
    set_severities(&mut findings, severities);
    Ok(findings)
}

/// The sequences that are behind, of the tables in scope.
fn behind(
    settings: &Settings,
    snapshot: &DatabaseSnapshot,
    severities: &BTreeMap<String, Severity>,
) -> Vec<Finding> {
    let compared = snapshot.behind.iter().filter(|behind| is_compared(settings, snapshot, &behind.of));
    let mut findings: Vec<Finding> = compared.map(sequence_behind).collect();
    set_severities(&mut findings, severities);
    findings
}

/// The finding about a sequence that is behind.
pub(crate) fn sequence_behind(SequenceBehind { of, at, reached }: &SequenceBehind) -> Finding {
    diagnosis::sequence_behind(&diagnosis::BehindColumn {
        sequence: &of.sequence,
        column: &format!("{}.{}", of.path(), identifier(&of.column)),
        unique: of.unique,
        at: *at,
        reached: *reached,
    })
}

fn set_severities(findings: &mut [Finding], severities: &BTreeMap<String, Severity>) {
    for finding in findings {
        if let Some(severity) = severities.get(&finding.code) {
            finding.severity = *severity;
        }
    }
}

/// The exit code: an incomplete view is never called clean.
fn exit(settings: &Settings, document: &SchemaReport) -> Exit {
    if !document.coverage.invisible.is_empty() {
        return Exit::CannotTell;
    }
    if document.findings.iter().any(|finding| fails(settings, finding)) {
        Exit::Findings
    } else {
        Exit::Clean
    }
}

/// Whether a command that finds this ends with 1.
pub(crate) fn fails(settings: &Settings, finding: &Finding) -> bool {
    match settings.check.fail_on.as_slice() {
        [] => finding.severity >= Severity::Warning,
        wanted => wanted.iter().any(|wanted| fails_on(*wanted, finding)),
    }
}

fn fails_on(chosen: FailOn, finding: &Finding) -> bool {
    match chosen {
        FailOn::Severity(severity) => finding.severity >= severity,
        FailOn::Cause(kind) => finding.has_cause(kind),
    }
}
