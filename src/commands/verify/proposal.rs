//! What the fixes of the checks would do, as a look or a plan saw it: refused or not, backed up, and told.

use anyhow::Result;

use super::args::VerifyArgs;
use super::report::{self, DataCheckReport, VerifyReport};
use super::rows_of_fix;
use crate::data::checks::{self, Check, ValidatedCheck};
use crate::data::repair::{self, FixPreview, InterruptedRun, Preview};
use crate::error::{Exit, Failure};
use crate::postgres::connection::{Session, Target};
use crate::project::Settings;
use crate::snapshot::DatabaseSnapshot;
use crate::workflow::backup_policy::BackupPolicy;
use crate::workflow::data_checks::RowsToChange;
use crate::workflow::migrate::changed_meanwhile;
use crate::workflow::reports::fix_report::{FixReport, RepairStage, trigger};
use crate::workflow::reports::target::TargetReport;
use crate::workflow::{data_checks, environment_mark};

/// What would be done, as one look saw it.
pub(super) struct Proposed {
    pub(super) snapshot: DatabaseSnapshot,
    /// The checks that were asked for by name.
    pub(super) asked: Vec<String>,
    /// The checks that have fixes.
    pub(super) checks: Vec<ProposedCheck>,
    /// The runs that were interrupted before this one.
    pub(super) interrupted: Vec<InterruptedRun>,
}

/// A check, and what its fixes would do.
pub(super) struct ProposedCheck {
    pub(super) check: ValidatedCheck,
    /// What they would do. It is empty where nothing was read but whether the check fits the database.
    pub(super) preview: Preview,
}

impl Proposed {
    pub(super) fn rows(&self) -> u64 {
        self.checks.iter().flat_map(|proposed| &proposed.preview.fixes).map(|fix| fix.rows).sum()
    }

    /// Takes over what a plan found.
    pub(super) fn take_over(&mut self, seen: Vec<FixPreview>) {
        let mut seen = seen.into_iter();
        for ProposedCheck { check, preview } in &mut self.checks {
            preview.fixes = seen.by_ref().take(check.fixes.len()).collect();
        }
    }

    /// The tables that would be changed; those of all fixes before it is known.
    pub(super) fn tables(&self) -> Vec<String> {
        let unknown = |preview: &Preview| preview.fixes.is_empty();
        let any = |preview: &Preview| preview.fixes.iter().any(|fix| fix.rows > 0);
        let changing = self.checks.iter().filter(|one| unknown(&one.preview) || any(&one.preview));
        let mut tables: Vec<String> = changing
            .filter_map(|one| one.check.table.as_ref())
            .map(checks::CheckedTable::qualified)
            .collect();
        tables.sort();
        tables.dedup();
        tables
    }
}

/// What is read to propose something.
pub(super) struct ProposalRequest<'p> {
    pub(super) settings: &'p Settings,
    pub(super) args: &'p VerifyArgs,
    pub(super) target: &'p Target,
    /// The checks. Those without fixes are left out.
    pub(super) checks: &'p [Check],
    /// The role that reads.
    pub(super) role: &'p str,
    /// Whether it is read what the fixes would do, and not only whether the checks fit the database.
    pub(super) previews: bool,
}

/// Validates the checks that have fixes against the database, and reads what the fixes would do. Nothing is written.
///
/// # Errors
/// Exit 2: a check is wrong, or a query of it writes. Exit 3: this role cannot see every row, or the connection was lost.
pub(super) async fn propose(
    request: ProposalRequest<'_>,
    session: &mut Session,
) -> Result<Vec<ProposedCheck>> {
    let ProposalRequest { settings, args, target, .. } = request;
    let application = settings.application();
    let look = data_checks::look(settings, target, &application, rows_of_fix(args), args.jobs);
    let with_fixes = request.checks.iter().filter(|check| !check.fixes.is_empty()).cloned().collect();
    let mut checks = Vec::new();
    for bound in checks::begin(session, with_fixes, &look).await? {
        if let Some(obstacle) = bound.obstacles.first() {
            let name = &bound.check.name;
            let role = crate::postgres::sql::identifier(request.role).into_owned();
            return Err(Failure::cannot_tell(format!(
                "check {name}: {}; nothing was changed",
                obstacle.told()
            ))
            .next(obstacle.remedy(&role))
            .into());
        }
        let preview = match request.previews {
            true => repair::preview(session, &bound, rows_of_fix(args)).await?,
            false => Preview::default(),
        };
        checks.push(ProposedCheck { check: bound, preview });
    }
    let proof = "SELECT pg_catalog.pg_current_xact_id_if_assigned() IS NULL AS wrote_nothing; ROLLBACK";
    let wrote_nothing: bool = session.scalar(proof).await?;
    if !wrote_nothing {
        let what = "a query of the checks writes; queries only read. Nothing of it was kept";
        return Err(Failure::usage(what)
            .next("look for functions that write, and take them out of the files in checks/")
            .into());
    }
    Ok(checks)
}

/// What must not be done.
pub(super) fn refuse(proposed: &Proposed) -> Result<(), Failure> {
    for ProposedCheck { check: bound, preview } in &proposed.checks {
        for (fix, seen) in bound.check.fixes.iter().zip(&preview.fixes) {
            let title = format!("{}/{}", bound.check.name, fix.name);
            if let Some(most) = fix.at_most.filter(|most| seen.rows > *most) {
                return Err(repair::too_many_rows(title, seen.rows, most));
            }
            if let Some(right) = missing_right(bound, fix).filter(|_| seen.rows > 0) {
                return Err(Failure::new(
                    Exit::Refused,
                    format!("fix {title}: this role lacks the right that it needs; nothing was changed"),
                )
                .next(format!(
                    "GRANT {right} TO {}, or work as a role that has it: [database] set_role",
                    crate::postgres::sql::identifier(&proposed.snapshot.identity.role)
                )));
            }
            if let Some(repair::Cascade { foreign_key, rows }) = &seen.cascade {
                let does = match fix.action {
                    checks::Action::Update => "change",
                    checks::Action::Delete => "delete",
                };
                return Err(Failure::new(
                    Exit::Refused,
                    format!(
                        "fix {title} would {does} {rows} rows that others refer to, and foreign key {foreign_key} would change \
                         those; nothing was changed"
                    ),
                )
                .next("leave these rows out of the fix, or say in a fix of its own what becomes of those that refer to them"));
            }
        }
    }
    Ok(())
}

/// Much more than was confirmed is not done.
pub(super) fn grown(shown: Option<u64>, now: u64) -> Result<(), Failure> {
    match shown.filter(|shown| now > shown + (shown / 10).max(100)) {
        Some(shown) => {
            Err(changed_meanwhile(&format!("the plan was shown, which had {shown} rows and has {now} now,")))
        }
        None => Ok(()),
    }
}

/// Decides about a backup of the tables that are changed.
pub(super) async fn back(
    settings: &Settings,
    args: &VerifyArgs,
    write: bool,
    proposed: &Proposed,
    session: &mut Session,
) -> Result<BackupPolicy> {
    let changed =
        RowsToChange { tables: proposed.tables(), undo: undoing(settings), no_backup: args.no_backup, write };
    data_checks::plan_backup(settings, changed, &proposed.snapshot, session).await
}

/// The right that a fix lacks, as GRANT writes it.
fn missing_right(bound: &ValidatedCheck, fix: &checks::Fix) -> Option<String> {
    let table = bound.table.as_ref()?;
    if fix.action == checks::Action::Delete {
        return (!table.deletable).then(|| format!("DELETE ON {}", table.qualified()));
    }
    let bound = bound.fixes.iter().find(|bound| bound.fix.name == fix.name)?;
    let lacks = |name: &&String| table.column(name).is_some_and(|column| !column.settable);
    let column = bound.sets.iter().find(lacks)?;
    Some(format!("UPDATE ({}) ON {}", crate::postgres::sql::identifier(column), table.qualified()))
}

/// The command that takes this run's repairs back.
pub(super) fn undoing(settings: &Settings) -> String {
    format!("trueup undo {}", settings.run)
}

pub(super) fn report(
    settings: &Settings,
    target: &Target,
    proposed: &Proposed,
    checks: Vec<DataCheckReport>,
    stage: RepairStage,
) -> VerifyReport {
    let mark = proposed.snapshot.internal.as_ref().and_then(|internal| internal.mark.as_ref());
    let checks = match stage {
        RepairStage::Done => checks,
        RepairStage::Planned => proposed.checks.iter().map(planned).collect(),
    };
    let exit = report::exit(&checks);
    let interrupted = proposed.interrupted.iter().map(|InterruptedRun { run, rows }| {
        format!("run {run} was interrupted before, after {rows} rows: trueup undo {run} restores those")
    });
    let (findings, summary) = VerifyReport::findings_of(&checks);
    VerifyReport {
        run: settings.run.clone(),
        exit,
        target: TargetReport::new(settings, target, &proposed.snapshot.identity, mark),
        summary,
        findings,
        milliseconds: checks.iter().map(|check| check.milliseconds).sum(),
        checks,
        asked: proposed.asked.clone(),
        stage: Some(stage),
        fixes: fix_reports(proposed).into_iter().filter(|fix| fix.rows + fix.ambiguous > 0).collect(),
        backup_plan: None,
        backup: None,
        notes: environment_mark::note(settings, target, mark).into_iter().chain(interrupted).collect(),
        refused: None,
    }
}

/// A check before its repair.
fn planned(ProposedCheck { check: bound, preview }: &ProposedCheck) -> DataCheckReport {
    let check = bound.check.clone();
    let left = match preview.left {
        0 => Vec::new(),
        left => vec![format!("{left} of {} rows have no automatic fix: decide by hand", preview.found)],
    };
    DataCheckReport {
        name: check.name,
        file: check.path.display().to_string(),
        title: check.title,
        severity: check.severity,
        table: bound.table.as_ref().map(checks::CheckedTable::qualified),
        rows: Some(preview.found),
        unknown: None,
        obstacles: Vec::new(),
        columns: Vec::new(),
        sample: Vec::new(),
        fixes: check.fixes.into_iter().map(|fix| fix.name).collect(),
        left,
        milliseconds: 0,
    }
}

pub(super) fn fix_reports(proposed: &Proposed) -> Vec<FixReport> {
    let of = |ProposedCheck { check: bound, preview }: &ProposedCheck| -> Vec<FixReport> {
        let fixes = bound.fixes.iter().zip(&preview.fixes);
        fixes.filter_map(|(fix, seen)| fix_report(bound, &fix.fix, &fix.sets, seen)).collect()
    };
    proposed.checks.iter().flat_map(of).collect()
}

fn fix_report(
    bound: &ValidatedCheck,
    fix: &checks::Fix,
    sets: &[String],
    seen: &FixPreview,
) -> Option<FixReport> {
    let table = bound.table.as_ref()?;
    let deletes = fix.action == checks::Action::Delete;
    let fires = |trigger: &&checks::Trigger| match deletes {
        true => trigger.delete,
        false => {
            let columns = trigger.columns.as_deref().unwrap_or_default();
            trigger.update && (columns.is_empty() || columns.iter().any(|column| sets.contains(column)))
        }
    };
    // Of a row that is deleted no more is shown than of one that is wrong.
    let shown = |name: &str| bound.check.shown().iter().any(|column| column.name == name);
    let columns: Vec<String> = match deletes {
        true => {
            let kept = table.columns.iter().filter(|column| !column.generated);
            kept.map(|column| column.name.clone()).collect()
        }
        false => sets.to_vec(),
    };
    let mut sample = seen.sample.clone();
    for change in sample.iter_mut().filter(|_| deletes) {
        let named = columns.iter().zip(std::mem::take(&mut change.before));
        change.before = named.filter(|(name, _)| shown(name)).map(|(_, value)| value).collect();
    }
    let columns = columns.into_iter().filter(|name| !deletes || shown(name)).collect();
    Some(FixReport {
        check: bound.check.name.clone(),
        fix: fix.name.clone(),
        description: fix.description.clone(),
        action: fix.action,
        table: table.qualified(),
        key: bound.check.key.iter().map(|key| key.name.clone()).collect(),
        columns,
        rows: seen.rows,
        ambiguous: seen.ambiguous,
        sample,
        candidates: seen.candidates.clone(),
        triggers: table.triggers.iter().filter(fires).map(trigger).collect(),
        changed: 0,
        skipped: 0,
        batches: 0,
        longest_batch_milliseconds: 0,
    })
}
