//! Bringing back what was changed by hand: the plan for a database as it is, what it needs, and the way it is carried out.

mod rights;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Result;

use crate::changes::drift_fix::{self, FixJob, FixPlan, ScriptPlace, SeenObjects};
use crate::changes::schema_plan;
use crate::error::{ErrorCode, Exit, Failure};
use crate::findings::{Command, Finding, Hazard, Remedy};
use crate::model::diagnosis::{Basis, CatalogChange};
use crate::output::Progress;
use crate::postgres::connection::{self, Session, Target};
use crate::postgres::sql::schemas_of_path;
use crate::project::Settings;
use crate::snapshot::{self, DatabaseSnapshot, Request, SequenceScope};
use crate::workflow::backup_policy::{BackupOptions, BackupPolicy, PlannedChanges};
use crate::workflow::comparison::{self, Comparison};
use crate::workflow::environment_mark;
use crate::workflow::migrate::defaults;
use crate::workflow::plan_steps;
use crate::workflow::project_model::ProjectModel;
use crate::workflow::reports::drift_fix::{DriftFixReport, FixStepReport, LeftReport};
use crate::workflow::reports::schema_report::{SchemaReport, to_see_all_of};
use crate::workflow::write_command::refuse_unclear;
use crate::writer::WriteSession;

/// What is to be done, and why.
pub(crate) struct PreparedFix {
    pub(crate) snapshot: DatabaseSnapshot,
    /// What the check found, with the plan.
    pub(crate) document: SchemaReport,
    pub(crate) plan: FixPlan,
}

/// Reads a database as `check` does, on a session that stays open.
///
/// # Errors
/// Exit 3 or 75, see [`snapshot::take`].
pub(crate) async fn read(
    settings: &Settings,
    declared: &ProjectModel,
    session: &mut Session,
) -> Result<DatabaseSnapshot> {
    let request = comparison::request(settings, declared.needs());
    let request = Request { sequences: SequenceScope::All, earlier: true, ..request };
    snapshot::take(session, &request).await
}

/// Plans for a database as it is, and refuses what must not be changed. `destructive`: values may be lost.
///
/// # Errors
/// Exit 3: this role cannot see everything. Exit 4: nothing says at which version the database is, or it is another
/// application's.
pub(crate) async fn prepare(
    settings: &Settings,
    target: &Target,
    declared: &ProjectModel,
    snapshot: DatabaseSnapshot,
    destructive: bool,
    session: &mut Session,
) -> Result<PreparedFix> {
    let Comparison { mut document, state } = comparison::compare(settings, target, declared, &snapshot)?;
    refuse_unclear(settings, &snapshot)?;
    comparison::refuse_other(settings, &document)?;
    refuse_unseen(&document)?;
    if state.basis == Basis::Inferred {
        return Err(refuse_unversioned(&document).into());
    }
    let changes = comparison::repairs(settings, declared, &snapshot, destructive);
    let lossy = match destructive {
        true => Vec::new(),
        false => comparison::repairs(settings, declared, &snapshot, true),
    };
    let left = left(&document.findings, &changes, &lossy);
    let path = schemas_of_path(&settings.database.search_path);
    let (parts, _) = schema_plan::repairs(changes);
    let plan = FixPlan::of(parts, &snapshot.catalog, &path)?;
    let mut steps: Vec<FixStepReport> = plan.steps.iter().map(step_report).collect();
    let relations: BTreeSet<&str> =
        steps.iter().flat_map(|step| &step.locks).map(|lock| lock.relation.as_str()).collect();
    let sizes = snapshot::sizes(session, &relations).await?;
    for lock in steps.iter_mut().flat_map(|step| &mut step.locks) {
        let size = sizes.get(&lock.relation);
        (lock.rows, lock.bytes) = (size.map(|size| size.rows), size.map(|size| size.bytes));
    }
    document.fix = Some(DriftFixReport { steps, left, backup: None, done: false });
    Ok(PreparedFix { snapshot, document, plan })
}

fn step_report(step: &drift_fix::FixStep) -> FixStepReport {
    let works = BTreeMap::new();
    let locks = step.held.iter().map(|(relation, mode)| plan_steps::lock_report(relation, *mode, &works));
    FixStepReport::of(step, locks.collect())
}

/// A partial view is no ground to change anything on.
fn refuse_unseen(document: &SchemaReport) -> Result<(), Failure> {
    let unseen: Vec<&str> = document.coverage.invisible.iter().map(|hidden| hidden.object.as_str()).collect();
    if unseen.is_empty() {
        return Ok(());
    }
    let role = &document.target.role;
    let what = format!("{role} cannot see {}; nothing was changed", unseen.join(", "));
    Err(Failure::cannot_tell(what).next(to_see_all_of(&unseen, role)))
}

/// Without a history nothing proves what was changed by hand.
fn refuse_unversioned(document: &SchemaReport) -> Failure {
    let code = ErrorCode::HISTORY_MISSING;
    let missing = document.findings.iter().find(|finding| finding.code == code.as_str());
    let next = missing.and_then(|finding| finding.remedy.summary());
    let what = "this database has no history of migrations: nothing says at which version it is to be, nor what was changed by \
                hand; nothing was changed";
    Failure::new(Exit::Refused, what).code(code).next(next.unwrap_or_else(|| "trueup adopt".to_owned()))
}

/// What was found and has no step, with what to do about it.
fn left(findings: &[Finding], changes: &[CatalogChange], lossy: &[CatalogChange]) -> Vec<LeftReport> {
    let of = |changes: &[CatalogChange], finding: &Finding| {
        let is_it = |change: &&CatalogChange| {
            change.object.kind.word() == finding.kind && change.object.to_string() == finding.object
        };
        changes.iter().find(is_it).map(|change| (!change.changes.is_empty(), change.why.clone()))
    };
    let report = |finding: &Finding, next: Option<String>| LeftReport {
        kind: finding.kind,
        object: finding.object_in_line(),
        cause: finding.cause_kind().map(|kind| kind.label()),
        is_news: next.is_some() && next != finding.remedy.summary(),
        next: next.or_else(|| by_hand(finding)).unwrap_or_default(),
    };
    let left = findings.iter().filter_map(|finding| match of(changes, finding) {
        Some((true, _)) => None,
        Some((false, why)) => Some(match of(lossy, finding) {
            Some((true, _)) => {
                let is_it = |change: &&CatalogChange| change.object.to_string() == finding.object;
                let loses = lossy.iter().find(is_it).is_some_and(loses_data);
                let why = if loses { "it loses data" } else { "what needs it is created again, too" };
                report(finding, Some(format!("{why}: --destructive")))
            }
            _ => report(finding, why),
        }),
        None => Some(report(finding, None)),
    });
    left.collect()
}

fn loses_data(change: &CatalogChange) -> bool {
    change.hazards.contains(&Hazard::LosesData)
}

/// What to do about a finding that has no step. Its SQL is printed by a check.
fn by_hand(finding: &Finding) -> Option<String> {
    let Remedy { run: None, advice: None, sql: Some(_), .. } = &finding.remedy else {
        return finding.remedy.summary();
    };
    Some(format!("run its SQL, which `{}` prints", Command::Check))
}

/// Decides about the backup before the first step, and puts it into the report.
///
/// # Errors
/// As [`BackupPolicy::plan`].
pub(crate) async fn plan_backup(
    settings: &Settings,
    no_backup: bool,
    write: bool,
    prepared: &mut PreparedFix,
    session: &mut Session,
) -> Result<BackupPolicy> {
    let PreparedFix { snapshot, document, plan } = prepared;
    let changes = PlannedChanges {
        affected: plan.affected(&snapshot.catalog),
        nothing: None,
        undo: None,
        only_affected: false,
    };
    let protected = environment_mark::protected(settings, snapshot.mark()).is_some();
    let options = BackupOptions { no_backup, protected, write };
    let policy = BackupPolicy::plan(settings, options, &changes, snapshot, Some(session)).await?;
    if let Some(fix) = &mut document.fix {
        fix.backup = Some(policy.plan.clone());
    }
    Ok(policy)
}

/// Refuses a plan that the role has no right to carry out.
///
/// # Errors
/// Exit 4.
pub(crate) async fn check_rights(settings: &Settings, plan: &FixPlan, session: &mut Session) -> Result<()> {
    rights::check(settings, plan, session).await
}

/// What a plan changes, as it is now.
///
/// # Errors
/// The server's or the connection's, in words.
pub(crate) async fn seen(plan: &FixPlan, session: &mut Session) -> Result<SeenObjects> {
    let guarded = plan.to_see();
    let Some(question) = drift_fix::question(&guarded) else { return Ok(SeenObjects::new()) };
    let failed = |error| connection::server_failure(error, "reading what is to be changed");
    let rows = session.query(question).await.map_err(failed)?;
    drift_fix::answer(&guarded, &rows).map_err(|error| failed(error.into()))
}

/// Carries a plan out, in a run that has been started. Returns how long its steps took, and why it ended before the last.
pub(crate) async fn carry_out(
    settings: &Settings,
    declared: &ProjectModel,
    prepared: &PreparedFix,
    seen: &SeenObjects,
    writer: &mut WriteSession,
    watch: &mut Progress,
) -> drift_fix::FixOutcome {
    let job = FixJob {
        writer,
        watch,
        plan: &prepared.plan,
        seen,
        limits: defaults(settings),
        version: prepared.snapshot.version,
        options: &declared.lock.head.options,
        role: settings.database.set_role.as_deref().unwrap_or(&prepared.snapshot.identity.role),
    };
    drift_fix::run(job).await
}

/// Adds to a report that steps were carried out, and how long each took.
pub(crate) fn done(fix: &mut DriftFixReport, took: &[Duration]) {
    fix.done = true;
    for (step, took) in fix.steps.iter_mut().zip(took) {
        step.milliseconds = Some(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
    }
}

/// The plan as one script.
///
/// # Errors
/// The server's or the connection's, in words.
pub(crate) async fn script(
    settings: &Settings,
    prepared: &PreparedFix,
    seen: &SeenObjects,
    session: &mut Session,
) -> Result<String> {
    let snapshot = &prepared.snapshot;
    let history = match &snapshot.history_table {
        Some(table) => {
            let state = session.scalar(ScriptPlace::history_state(table)).await;
            let state = state.map_err(|error| connection::server_failure(error, "reading the history"))?;
            Some((table.clone(), state))
        }
        None => None,
    };
    let place = ScriptPlace {
        database: snapshot.identity.database.clone(),
        history,
        at: prepared.document.history.at.clone().unwrap_or_else(|| "schema/".to_owned()),
        session: plan_steps::editor_session(settings, snapshot.version),
    };
    Ok(drift_fix::to_sql(&prepared.plan, seen, &place))
}
