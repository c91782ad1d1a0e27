//! Asks the database: the server's own state in one message, and the schema where the error is about it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;

use super::DETAIL;
use super::case::{Case, ComparedCatalogs};
use super::facts::{Ask, ServerFacts};
use super::text::ReadError;
use crate::data::seeds::Seeds;
use crate::error::{ErrorCode, Failure};
use crate::findings::{Change, Finding};
use crate::model::Lock;
use crate::postgres::catalog::reader::{NEEDS_LOCK, ReadOptions};
use crate::postgres::catalog::{Attribute, Kind};
use crate::postgres::connection::{Session, Target};
use crate::postgres::sql::names_in;
use crate::project::Settings;
use crate::snapshot::{self, DatabaseSnapshot, Request, SequenceScope};
use crate::workflow::project_model::{self, Needs, ProjectModel, Reading};
use crate::workflow::reports::target::TargetReport;
use crate::workflow::{comparison, data_checks, environment_mark};

/// `lock_timeout`: nobody is waited for.
const LOCK_TIMEOUT: Duration = Duration::from_millis(100);
/// `statement_timeout` where the project sets none: enough for 100,000 tables.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);

/// What the database answered.
pub(super) struct DatabaseAnswer {
    pub(super) target: TargetReport,
    pub(super) facts: ServerFacts,
    pub(super) schema: ComparedCatalogs,
    pub(super) notes: Vec<String>,
}

impl DatabaseAnswer {
    /// The error beside it.
    pub(super) fn case<'c>(&'c self, error: &'c ReadError) -> Case<'c> {
        Case { error, schema: &self.schema, facts: &self.facts, database: &self.target.database }
    }
}

/// Asks.
///
/// # Errors
/// Exit 3: the server cannot be reached, or does not tell. Exit 4: it is not the database of this environment or project. Exit
/// 75: the schema kept changing.
pub(super) async fn ask(
    settings: &Settings,
    error: &ReadError,
    role: Option<&str>,
) -> Result<DatabaseAnswer> {
    let target = settings.target()?;
    let asked_for = role;
    let role = role.or(error.names.role.as_deref());
    let set_role = settings.database.set_role.as_deref();
    if error.kind.compares() {
        let (mut session, reading) = project_model::connected(settings, &target).await?;
        let facts = facts_of(&mut session, error, (asked_for, role), set_role).await?;
        return compared(settings, &target, session, reading, error, facts).await;
    }
    let mut session = target.connect(&settings.application()).await?;
    let facts = facts_of(&mut session, error, (asked_for, role), set_role).await?;
    let request = limited(comparison::request(settings, Needs::nothing()));
    let status = snapshot::take_status(&mut session, &request, DETAIL).await;
    session.close().await;
    let status = status?;
    let (mark, identity) = (status.mark(), &status.identity);
    environment_mark::refuse_foreign(settings, mark, &identity.database)?;
    environment_mark::expect(settings, mark, &identity.database)?;
    Ok(DatabaseAnswer {
        target: TargetReport::new(settings, &target, identity, mark),
        facts,
        schema: ComparedCatalogs::nothing(),
        notes: Vec::new(),
    })
}

/// What the server says of the role that the error is about. One that somebody asked for must be there.
async fn facts_of(
    session: &mut Session,
    error: &ReadError,
    (asked_for, role): (Option<&str>, Option<&str>),
    set_role: Option<&str>,
) -> Result<ServerFacts> {
    let facts = ServerFacts::read(session, error, role, set_role).await?;
    match asked_for {
        Some(role) if !facts.settings.exists => Err(Failure::usage(format!("the server has no role {role}"))
            .code(ErrorCode::USAGE_ARGUMENTS)
            .next("give the role of the application's URL")
            .into()),
        _ => Ok(facts),
    }
}

/// Nobody is waited for.
fn limited(request: Request) -> Request {
    let statement_timeout = request.statement_timeout.min(STATEMENT_TIMEOUT);
    Request { lock_timeout: LOCK_TIMEOUT, statement_timeout, ..request }
}

/// The schema, compared as `trueup check` compares it.
async fn compared(
    settings: &Settings,
    target: &Target,
    mut session: Session,
    mut reading: Reading,
    error: &ReadError,
    facts: ServerFacts,
) -> Result<DatabaseAnswer> {
    let sequences = match error.kind.asks.contains(&Ask::Sequences) {
        true => SequenceScope::Tables(facts.of_constraint.clone()),
        false => SequenceScope::None,
    };
    let request = |needs: Needs| {
        let options = ReadOptions { without_locks: true, ..needs.options };
        let needs = Needs { options, seeds: Arc::<Seeds>::default(), ..needs };
        Request { sequences: sequences.clone(), ..limited(comparison::request(settings, needs)) }
    };
    let (snapshot, declared) = match reading.needs().await {
        // The rest of the lock file is read while the server answers.
        Some(needs) => {
            let snapshot = snapshot::take(&mut session, &request(needs)).await;
            session.close().await;
            (snapshot?, reading.finish(settings).await?)
        }
        None => {
            let declared = reading.finish(settings).await?;
            let snapshot = snapshot::take(&mut session, &request(declared.needs())).await;
            session.close().await;
            (snapshot?, declared)
        }
    };
    let document = comparison::compare(settings, target, &declared, &snapshot)?.document;
    let findings = document.findings.into_iter().filter_map(as_read).collect();
    Ok(DatabaseAnswer {
        target: document.target,
        facts,
        notes: declared.notes.clone(),
        schema: ComparedCatalogs::of(settings, declared, snapshot, findings),
    })
}

/// The finding without what was not read; `None` where nothing is left of it.
fn as_read(mut finding: Finding) -> Option<Finding> {
    let before = finding.attributes.len();
    finding.attributes.retain(|attribute| {
        let left_out = NEEDS_LOCK.iter().any(|left_out| left_out.word() == attribute.name);
        !(left_out && attribute.actual.is_none()) && attribute.name != Attribute::Comment.word()
    });
    if finding
        .sides
        .as_ref()
        .is_some_and(|sides| sides.database.is_empty() && finding.change == Change::Unexpected)
    {
        finding.sides = None;
    }
    let emptied = finding.kind == Kind::Statistics.word()
        || before > 0 && finding.attributes.is_empty() && finding.change == Change::Different;
    (!emptied).then_some(finding)
}

impl ComparedCatalogs {
    /// Of an error that no schema explains.
    fn nothing() -> Self {
        Self {
            live: Default::default(),
            lock: None,
            findings: Vec::new(),
            applied: Default::default(),
            unread: Vec::new(),
            seeded: Vec::new(),
            checks: Vec::new(),
        }
    }

    fn of(
        settings: &Settings,
        declared: ProjectModel,
        snapshot: DatabaseSnapshot,
        findings: Vec<Finding>,
    ) -> Self {
        let history = snapshot.history.iter().flatten();
        // A file of checks/ that is wrong is nothing to this error.
        let checks = data_checks::checks(settings, &[]).unwrap_or_default();
        let lock: Lock = declared.lock;
        Self {
            live: snapshot.catalog,
            lock: Some(lock),
            findings,
            applied: history.map(|row| row.version).collect(),
            unread: snapshot.unread_sequences,
            seeded: declared.seeds.tables.iter().map(|seed| seed.table.value.clone()).collect(),
            checks: checks
                .into_iter()
                .map(|check| (check.name, names_in(&check.find.text).collect()))
                .collect(),
        }
    }
}
