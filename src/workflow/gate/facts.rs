//! What all sections of a gate are judged by: the project, and one consistent reading of the database. What could not be read
//! is a failure in its place: it keeps no other section from an answer.

use std::collections::BTreeMap;

use anyhow::Result;

use super::session::{Deadline, GateSession, untold};
use super::{GateRequest, When};
use crate::changes::plan::{MigrationPlan, UpgradeGoal};
use crate::data::checks::Check;
use crate::data::seeds::Seeds;
use crate::error::{Exit, Failure, exit_of};
use crate::migrations::checksum;
use crate::model::diagnosis::MigrationState;
use crate::model::{FILE_NAME, Input, Lock};
use crate::postgres::catalog::Catalog;
use crate::postgres::connection::{ReadingScope, Session, Target};
use crate::project::{GateLevel, SectionName, Settings};
use crate::snapshot::{self, DatabaseSnapshot, Identity, Request, SequenceScope, StatusDetail};
use crate::workflow::attestation::{self, Attestation};
use crate::workflow::comparison::{self, Comparison};
use crate::workflow::project_model::{self, ProjectModel};
use crate::workflow::reports::plan_report::PlanReport;
use crate::workflow::reports::schema_report::SchemaReport;
use crate::workflow::reports::target::{ReportedMigration, TargetReport};
use crate::workflow::sizes::{self, MeasuredPlan};
use crate::workflow::write_command::refuse_unclear;
use crate::workflow::{data_checks, environment_mark, plan_steps};
use crate::writer::Mark;

/// What all sections are judged by.
pub(crate) struct GateFacts<'g> {
    pub(crate) settings: &'g Settings,
    pub(crate) when: When,
    pub(crate) deadline: Deadline,
    /// What the project declares.
    pub(crate) declared: ProjectModel,
    /// SHA-256 of trueup.lock.
    pub(crate) lock_hash: String,
    /// Where the database is; a failure where the project's settings refuse it.
    pub(crate) target: Result<Target, Failure>,
    /// The database that answered.
    pub(crate) database: Result<KnownDatabase, Failure>,
    /// Why it must not be changed: it is not the one that is meant.
    pub(crate) refused: Option<Failure>,
    /// Where it is in the migrations.
    pub(crate) state: Result<MigrationState, Failure>,
    /// Its schema beside the declared one.
    pub(crate) schema: Result<ComparedSchema, Failure>,
    /// Why the reference rows were not read, where they alone were not.
    pub(crate) seeds_unread: Option<Failure>,
    /// What `trueup upgrade` would do.
    pub(crate) upgrade: Result<PlannedUpgrade, Failure>,
    /// The same by the history and the project alone, where the schema could not be read.
    by_history: Option<PlannedUpgrade>,
    /// The project's data checks.
    pub(crate) checks: Vec<Check>,
    /// What people have said, in the project's file.
    pub(crate) attested: Vec<Attestation>,
}

/// Who a database says that it is.
pub(crate) struct KnownDatabase {
    pub(crate) identity: Identity,
    pub(crate) mark: Option<Mark>,
    pub(crate) report: TargetReport,
}

/// A database beside what is declared.
pub(crate) struct ComparedSchema {
    pub(crate) snapshot: DatabaseSnapshot,
    pub(crate) document: SchemaReport,
}

/// What an upgrade would do.
pub(crate) struct PlannedUpgrade {
    pub(crate) plan: MigrationPlan,
    pub(crate) report: PlanReport,
    /// How large what it locks is; a failure where that could not be read.
    pub(crate) measured: Result<MeasuredPlan, Failure>,
}

impl GateFacts<'_> {
    /// The migrations that are not applied, in the order of their versions; `None` where that is not known.
    pub(crate) fn pending(&self) -> Option<Vec<ReportedMigration>> {
        self.state.as_ref().ok().map(|state| pending(&self.declared.lock, state))
    }

    /// What an upgrade locks. That is known also where somebody has locked what the schema is read from.
    pub(crate) fn locking(&self) -> Result<&PlannedUpgrade, Failure> {
        self.upgrade.as_ref().or_else(|failure| self.by_history.as_ref().ok_or_else(|| failure.clone()))
    }
}

/// The migrations that are not applied, in the order of their versions.
pub(super) fn pending(lock: &Lock, state: &MigrationState) -> Vec<ReportedMigration> {
    let mut open: Vec<usize> = state.skipped.iter().chain(&state.pending).copied().collect();
    open.sort_unstable();
    open.into_iter().map(|index| ReportedMigration::of(lock.migrations[index].id())).collect()
}

/// SHA-256 of trueup.lock, whatever line ends a checkout gave it.
pub(super) fn lock_hash(lock: &Lock) -> String {
    Input::new(FILE_NAME, &lock.to_text()).sha256
}

/// What was read of the database.
struct Readings {
    database: Result<KnownDatabase, Failure>,
    refused: Option<Failure>,
    state: Result<MigrationState, Failure>,
    schema: Result<ComparedSchema, Failure>,
    seeds_unread: Option<Failure>,
}

impl Readings {
    fn none(why: &Failure) -> Self {
        let why = || untold(why.clone());
        Self {
            database: Err(why()),
            refused: None,
            state: Err(why()),
            schema: Err(why()),
            seeds_unread: None,
        }
    }
}

/// Reads the project and the database.
///
/// # Errors
/// Exit 2: the project's files are wrong, or no database was given. Exit 3: the project's model is stale, and there is no server
/// to compile in.
pub(super) async fn gather<'g>(
    settings: &'g Settings,
    asked: &GateRequest,
    deadline: Deadline,
) -> Result<(GateFacts<'g>, GateSession)> {
    let target = match settings.target() {
        Err(failure) if failure.exit == Exit::Usage => return Err(failure.into()),
        target => target,
    };
    let is_asked = |section| settings.gate.level(section) != Some(GateLevel::Off);
    let checks = match is_asked(SectionName::Data) {
        true => data_checks::checks(settings, &[])?,
        false => Vec::new(),
    };
    let people = &settings.gate.around.attest;
    let attested = match is_asked(SectionName::People) && asked.when == When::Before && !people.is_empty() {
        true => attestation::read(&settings.project.dir)?,
        false => Vec::new(),
    };
    let connecting = async { anyhow::Ok(connect(settings, &target, deadline).await) };
    let (session, reading) = project_model::beside(settings, connecting).await?;
    // A database that cannot be had is said before a model is compiled for it.
    let declared = match (reading.finish(settings).await, &session) {
        (Ok(declared), _) => declared,
        (Err(error), Err(failure)) if exit_of(&error) != Exit::Usage => {
            return Err(failure.clone().into());
        }
        (Err(error), _) => return Err(error),
    };
    let no_session = session.as_ref().err().cloned();
    let mut session = GateSession::new(session, deadline, settings.database.set_role.clone());
    let readings = match (&target, no_session) {
        (Ok(target), None) => read(settings, target, &declared, &mut session).await?,
        (Err(refused), _) => Readings { refused: Some(refused.clone()), ..Readings::none(refused) },
        (_, Some(failure)) => Readings::none(&failure),
    };
    let Readings { database, refused, state, schema, seeds_unread } = readings;
    let upgrade = plan(settings, &declared, &state, &schema, &mut session).await;
    let by_history = match (&schema, &state) {
        (Err(unread), Ok(state)) => steps(settings, &declared, state, &declared.lock.model)
            .ok()
            .map(|(plan, report)| PlannedUpgrade { plan, report, measured: Err(unread.clone()) }),
        _ => None,
    };
    let lock_hash = lock_hash(&declared.lock);
    let facts = GateFacts {
        settings,
        when: asked.when,
        deadline,
        declared,
        lock_hash,
        target,
        database,
        refused,
        state,
        schema,
        seeds_unread,
        upgrade,
        by_history,
        checks,
        attested,
    };
    Ok((facts, session))
}

async fn connect(
    settings: &Settings,
    target: &Result<Target, Failure>,
    deadline: Deadline,
) -> Result<Session, Failure> {
    let mut target = target.as_ref().map_err(Clone::clone)?.clone();
    target.set_timeout(settings.database.connect_timeout.min(deadline.share()));
    deadline.within(target.connect(&settings.application())).await
}

/// Reads the database once: all of it, else without the reference rows, else where it is in the migrations alone.
async fn read(
    settings: &Settings,
    target: &Target,
    declared: &ProjectModel,
    session: &mut GateSession,
) -> Result<Readings> {
    let (whole, seeds_unread) = match snapshot(settings, declared, session, true).await {
        Err(failure) if !declared.seeds.tables.is_empty() => {
            (snapshot(settings, declared, session, false).await, Some(failure))
        }
        taken => (taken, None),
    };
    let snapshot = match whole {
        Ok(snapshot) => snapshot,
        Err(failure) => return Ok(status(settings, target, declared, session, failure).await),
    };
    let mark = snapshot.mark();
    let database = KnownDatabase {
        identity: snapshot.identity.clone(),
        mark: mark.cloned(),
        report: TargetReport::new(settings, target, &snapshot.identity, mark),
    };
    let refused = refuse(settings, target, mark, &snapshot.identity);
    if let Some(refused) = refused {
        let unread = Readings::none(&refused);
        return Ok(Readings { database: Ok(database), refused: Some(refused), ..unread });
    }
    let Comparison { document, state } = comparison::compare(settings, target, declared, &snapshot)?;
    // What is pending is not known where the history cannot be read.
    let state = refuse_unclear(settings, &snapshot).map(|()| state).map_err(untold);
    let schema = ComparedSchema { snapshot, document };
    Ok(Readings { database: Ok(database), refused: None, state, schema: Ok(schema), seeds_unread })
}

/// Why a database that answered is not the one that is meant, by what it says of itself.
fn refuse(settings: &Settings, target: &Target, mark: Option<&Mark>, identity: &Identity) -> Option<Failure> {
    let marked = environment_mark::expect(settings, mark, &identity.database)
        .and_then(|()| environment_mark::refuse_foreign(settings, mark, &identity.database));
    // A restored copy has the label of the original. Its address tells the two apart.
    let addressed = || match environment_mark::environment_of(settings, mark) {
        Some(environment) => environment.expect(target, settings.url_source()),
        None => Ok(()),
    };
    marked.and_then(|()| addressed()).err()
}

/// One consistent reading, with or without the rows that the project declares.
async fn snapshot(
    settings: &Settings,
    declared: &ProjectModel,
    session: &mut GateSession,
    rows: bool,
) -> Result<DatabaseSnapshot, Failure> {
    let mut request = request(settings, declared, session.deadline);
    request.stays_open = true;
    request.attested = !settings.gate.around.attest.is_empty();
    if rows {
        request.sequences = SequenceScope::All;
    } else {
        request.seeds = std::sync::Arc::<Seeds>::default();
    }
    let taken = session.lend(async move |session| snapshot::take(session, &request).await).await?;
    session.scope = ReadingScope::OpenSnapshot;
    Ok(taken)
}

/// Where the database is in the migrations, when its schema could not be read.
async fn status(
    settings: &Settings,
    target: &Target,
    declared: &ProjectModel,
    session: &mut GateSession,
    failure: Failure,
) -> Readings {
    let request = request(settings, declared, session.deadline);
    let status = session
        .lend(async move |session| snapshot::take_status(session, &request, StatusDetail::Brief).await)
        .await;
    let Ok(status) = status else { return Readings::none(&failure) };
    let mark = status.mark();
    let database = KnownDatabase {
        identity: status.identity.clone(),
        mark: mark.cloned(),
        report: TargetReport::new(settings, target, &status.identity, mark),
    };
    let refused = refuse(settings, target, mark, &status.identity);
    let unread = Readings::none(refused.as_ref().unwrap_or(&failure));
    let rows = status.history.as_deref().unwrap_or_default();
    let known = refused.is_none() && status.invisible.is_empty() && status.malformed_history.is_none();
    let state = if known && status.history.is_some() {
        let unchanged = checksum::unchanged(&declared.migrations, rows);
        Ok(MigrationState::from_history(&declared.lock.migrations, rows, &unchanged))
    } else {
        unread.state
    };
    Readings { database: Ok(database), refused, state, ..unread }
}

/// A reading that ends in time.
fn request(settings: &Settings, declared: &ProjectModel, deadline: Deadline) -> Request {
    let request = comparison::request(settings, declared.needs());
    Request {
        statement_timeout: request.statement_timeout.min(deadline.share()),
        lock_timeout: request.lock_timeout.min(deadline.lock_wait()),
        ..request
    }
}

/// Plans the upgrade, with the sizes of what it locks.
async fn plan(
    settings: &Settings,
    declared: &ProjectModel,
    state: &Result<MigrationState, Failure>,
    schema: &Result<ComparedSchema, Failure>,
    session: &mut GateSession,
) -> Result<PlannedUpgrade, Failure> {
    let schema = schema.as_ref().map_err(Clone::clone)?;
    let state = state.as_ref().map_err(Clone::clone)?;
    let (plan, mut report) = steps(settings, declared, state, &schema.snapshot.catalog)?;
    let snapshot = &schema.snapshot;
    let mut found = BTreeMap::new();
    let measured = match snapshot::sizes_sql(&sizes::relations(&plan, &report)) {
        None => Ok(()),
        Some(sql) => {
            let doing = "reading how large the tables are";
            session.ask(doing, |batch| batch.each(sql, |row| snapshot::add_size(&mut found, row))).await
        }
    };
    let measured =
        measured.map(|()| sizes::measured(settings, declared, &plan, &mut report, snapshot, found));
    Ok(PlannedUpgrade { plan, report, measured })
}

/// The steps of the upgrade in a database with this schema.
fn steps(
    settings: &Settings,
    declared: &ProjectModel,
    state: &MigrationState,
    catalog: &Catalog,
) -> Result<(MigrationPlan, PlanReport), Failure> {
    // No old app version can be running on an empty database.
    let goal = UpgradeGoal { contract: state.is_new(), checked: true, ..UpgradeGoal::default() };
    let mut plan = MigrationPlan::upgrade(&declared.lock, &declared.migrations, state, &goal)?;
    let report = plan_steps::report(settings, &mut plan, catalog);
    Ok((plan, report))
}
