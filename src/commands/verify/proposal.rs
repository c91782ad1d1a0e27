//! Proposes what the fixes of the checks would do: reads it, refuses what must not be done, plans the backup, reports it.

use anyhow::Result;

use super::args::VerifyArgs;
use super::report::{self, VerifyReport};
use super::rows_of_fix;
use crate::data::checks::{self, Action, Check, CheckedTable, Fix, Trigger, ValidatedCheck, ValidatedFix};
use crate::data::repair::{self, Cascade, FixPreview, InterruptedRun, Preview};
use crate::error::{Exit, Failure};
use crate::postgres::connection::{Session, Target};
use crate::postgres::sql::identifier;
use crate::project::Settings;
use crate::snapshot::DatabaseSnapshot;
use crate::text::short_id;
use crate::workflow::backup_policy::BackupPolicy;
use crate::workflow::data_checks::RowsToChange;
use crate::workflow::migrate::changed_meanwhile;
use crate::workflow::reports::data_check::{self, DataCheckReport};
use crate::workflow::reports::fix_report::{FixReport, RepairStage, trigger};
use crate::workflow::reports::target::TargetReport;
use crate::workflow::{data_checks, environment_mark};

/// What would be done to the rows of a snapshot.
pub(super) struct Proposed {
    pub(super) snapshot: DatabaseSnapshot,
    /// The names of the checks on the command line.
    pub(super) asked: Vec<String>,
    /// The checks that have fixes.
    pub(super) checks: Vec<ProposedCheck>,
    /// The runs that were interrupted before this one.
    pub(super) interrupted: Vec<InterruptedRun>,
}

/// A check, and what its fixes would do.
pub(super) struct ProposedCheck {
    pub(super) check: ValidatedCheck,
    /// What the fixes would do. It is empty where that was not read.
    pub(super) preview: Preview,
}

impl Proposed {
    /// How many rows would be changed.
    pub(super) fn rows(&self) -> u64 {
        self.checks.iter().flat_map(|proposed| &proposed.preview.fixes).map(|fix| fix.rows).sum()
    }

    /// Replaces the previews by those of a plan, which are in the order of the fixes.
    pub(super) fn replace_previews(&mut self, previews: Vec<FixPreview>) {
        let mut previews = previews.into_iter();
        for ProposedCheck { check, preview } in &mut self.checks {
            preview.fixes = previews.by_ref().take(check.fixes.len()).collect();
        }
    }

    /// The tables that would be changed, qualified and quoted. Of a check without a preview, the table counts as changed.
    pub(super) fn tables(&self) -> Vec<String> {
        let changes =
            |preview: &Preview| preview.fixes.is_empty() || preview.fixes.iter().any(|fix| fix.rows > 0);
        let changing = self.checks.iter().filter(|one| changes(&one.preview));
        let mut tables: Vec<String> =
            changing.filter_map(|one| one.check.table.as_ref()).map(CheckedTable::qualified).collect();
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
    /// Whether the fixes are previewed. Otherwise the checks are only validated.
    pub(super) previews: bool,
}

/// Validates the checks that have fixes against the database, and previews the fixes. Nothing is written.
///
/// # Errors
/// Exit 2: a check is wrong, or a query of it writes. Exit 3: this role cannot see every row, or the connection was lost.
pub(super) async fn propose(
    request: ProposalRequest<'_>,
    session: &mut Session,
) -> Result<Vec<ProposedCheck>> {
    let ProposalRequest { settings, args, target, .. } = request;
    let application = settings.application();
    let options = data_checks::options(settings, target, &application, rows_of_fix(args), args.jobs);
    let with_fixes = request.checks.iter().filter(|check| !check.fixes.is_empty()).cloned().collect();
    let mut proposed = Vec::new();
    let validated = checks::validate(session, with_fixes, &options).await?;
    for check in validated.into_iter().filter(|check| check.not_applicable.is_none()) {
        if let Some(gap) = check.gaps.first() {
            let (name, why) = (&check.check.name, gap.describe());
            let failure = Failure::cannot_tell(format!("check {name}: {why}; nothing was changed"));
            return Err(failure.next(gap.remedy(&identifier(request.role), settings.role_setting())).into());
        }
        let preview = match request.previews {
            true => repair::preview(session, &check, rows_of_fix(args)).await?,
            false => Preview::default(),
        };
        proposed.push(ProposedCheck { check, preview });
    }
    let proof = "SELECT pg_catalog.pg_current_xact_id_if_assigned() IS NULL AS wrote_nothing; ROLLBACK";
    let wrote_nothing: bool = session.scalar(proof).await?;
    if !wrote_nothing {
        let what = "a query of the checks writes; queries only read. Nothing of it was kept";
        return Err(Failure::usage(what)
            .next("look for functions that write, and take them out of the files in checks/")
            .into());
    }
    Ok(proposed)
}

/// Refuses a proposal that must not be carried out.
///
/// # Errors
/// Exit 4: a fix has more rows than its file allows, this role lacks a privilege, or a foreign key would change further rows.
pub(super) fn refuse(settings: &Settings, proposed: &Proposed) -> Result<(), Failure> {
    for ProposedCheck { check, preview } in &proposed.checks {
        for (fix, preview) in check.check.fixes.iter().zip(&preview.fixes) {
            let title = format!("{}/{}", check.check.name, fix.name);
            if let Some(most) = fix.at_most.filter(|most| preview.rows > *most) {
                return Err(repair::too_many_rows(title, preview.rows, most));
            }
            if let Some(privilege) = missing_privilege(check, fix).filter(|_| preview.rows > 0) {
                return Err(Failure::new(
                    Exit::Refused,
                    format!("fix {title}: this role lacks the right that it needs; nothing was changed"),
                )
                .next(format!(
                    "GRANT {privilege} TO {}, or work as a role that has it: {}",
                    identifier(&proposed.snapshot.identity.role),
                    settings.role_setting()
                )));
            }
            if let Some(Cascade { foreign_key, rows }) = &preview.cascade {
                let does = match fix.action {
                    Action::Update => "change",
                    Action::Delete => "delete",
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

/// Refuses a plan that has many more rows than were confirmed: more than 100, and more than a tenth.
///
/// # Errors
/// Exit 4: the plan has grown.
pub(super) fn refuse_growth(confirmed: Option<u64>, now: u64) -> Result<(), Failure> {
    match confirmed.filter(|confirmed| now > confirmed + (confirmed / 10).max(100)) {
        Some(confirmed) => Err(changed_meanwhile(&format!(
            "the plan was shown, which had {confirmed} rows and has {now} now,"
        ))),
        None => Ok(()),
    }
}

/// Plans the backup of the tables that are changed. `write` says whether rows will be changed.
pub(super) async fn plan_backup(
    settings: &Settings,
    args: &VerifyArgs,
    write: bool,
    proposed: &Proposed,
    session: &mut Session,
) -> Result<BackupPolicy> {
    let changed = RowsToChange {
        tables: proposed.tables(),
        undo: undo_command(settings),
        no_backup: args.no_backup,
        write,
    };
    data_checks::plan_backup(settings, changed, &proposed.snapshot, session).await
}

/// The privilege that the role lacks for a fix, as GRANT writes it.
fn missing_privilege(check: &ValidatedCheck, fix: &Fix) -> Option<String> {
    let table = check.table.as_ref()?;
    if fix.action == Action::Delete {
        return (!table.deletable).then(|| format!("DELETE ON {}", table.qualified()));
    }
    let validated = check.fixes.iter().find(|validated| validated.fix.name == fix.name)?;
    let lacks = |name: &&String| table.column(name).is_some_and(|column| !column.settable);
    let column = validated.sets.iter().find(lacks)?;
    Some(format!("UPDATE ({}) ON {}", identifier(column), table.qualified()))
}

/// The command that undoes the repairs of this run.
pub(super) fn undo_command(settings: &Settings) -> String {
    format!("trueup undo {}", short_id(&settings.run))
}

/// The report of a proposal, or of a repair whose checks were run again.
pub(super) fn report(
    settings: &Settings,
    target: &Target,
    proposed: &Proposed,
    checks: Vec<DataCheckReport>,
    stage: RepairStage,
) -> VerifyReport {
    let mark = proposed.snapshot.mark();
    let checks = match stage {
        RepairStage::Done => checks,
        RepairStage::Planned => proposed.checks.iter().map(planned).collect(),
    };
    let exit = report::exit(&checks);
    let interrupted = proposed.interrupted.iter().map(|InterruptedRun { run, rows }| {
        let run = short_id(run);
        format!("run {run} was interrupted before, after {rows} rows: trueup undo {run} restores those")
    });
    let findings = data_check::findings(&checks);
    VerifyReport {
        run: settings.run.clone(),
        exit,
        role_setting: settings.role_setting(),
        target: TargetReport::new(settings, target, &proposed.snapshot.identity, mark),
        summary: data_check::summary(&findings),
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

/// The report of a check before its repair.
fn planned(ProposedCheck { check, preview }: &ProposedCheck) -> DataCheckReport {
    let table = check.table.as_ref().map(CheckedTable::qualified);
    let check = check.check.clone();
    let left = match preview.left {
        0 => Vec::new(),
        left => vec![format!("{left} of {} rows have no automatic fix: decide by hand", preview.found)],
    };
    DataCheckReport {
        name: check.name,
        file: check.path.display().to_string(),
        title: check.title,
        severity: check.severity,
        table,
        rows: Some(preview.found),
        unknown: None,
        not_applicable: None,
        obstacles: Vec::new(),
        columns: Vec::new(),
        sample: Vec::new(),
        fixes: check.fixes.into_iter().map(|fix| fix.name).collect(),
        left,
        milliseconds: 0,
    }
}

/// The reports of all fixes, before they have changed anything.
pub(super) fn fix_reports(proposed: &Proposed) -> Vec<FixReport> {
    let of = |ProposedCheck { check, preview }: &ProposedCheck| -> Vec<FixReport> {
        let fixes = check.fixes.iter().zip(&preview.fixes);
        fixes.filter_map(|(fix, preview)| fix_report(check, fix, preview)).collect()
    };
    proposed.checks.iter().flat_map(of).collect()
}

fn fix_report(check: &ValidatedCheck, validated: &ValidatedFix, preview: &FixPreview) -> Option<FixReport> {
    let ValidatedFix { fix, sets, .. } = validated;
    let table = check.table.as_ref()?;
    let deletes = fix.action == Action::Delete;
    let fires = |trigger: &&Trigger| match deletes {
        true => trigger.delete,
        false => {
            let columns = trigger.columns.as_deref().unwrap_or_default();
            trigger.update && (columns.is_empty() || columns.iter().any(|column| sets.contains(column)))
        }
    };
    // Of a row that is deleted, the same columns are shown as of a wrong row.
    let is_shown = |name: &str| check.check.shown().iter().any(|column| column.name == name);
    let columns: Vec<String> = match deletes {
        true => {
            let recorded = table.columns.iter().filter(|column| !column.generated);
            recorded.map(|column| column.name.clone()).collect()
        }
        false => sets.clone(),
    };
    let mut sample = preview.sample.clone();
    for change in sample.iter_mut().filter(|_| deletes) {
        let named = columns.iter().zip(std::mem::take(&mut change.before));
        change.before = named.filter(|(name, _)| is_shown(name)).map(|(_, value)| value).collect();
    }
    let columns = columns.into_iter().filter(|name| !deletes || is_shown(name)).collect();
    Some(FixReport {
        check: check.check.name.clone(),
        fix: fix.name.clone(),
        description: fix.description.clone(),
        action: fix.action,
        table: table.qualified(),
        key: check.check.key.iter().map(|key| key.name.clone()).collect(),
        columns,
        rows: preview.rows,
        ambiguous: preview.ambiguous,
        sample,
        candidates: preview.candidates.clone(),
        triggers: table.triggers.iter().filter(fires).map(trigger).collect(),
        changed: 0,
        skipped: 0,
        refused: 0,
        refused_rows: Vec::new(),
        batches: 0,
        longest_batch_milliseconds: 0,
    })
}
