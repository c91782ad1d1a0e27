//! `trueup downgrade`: takes migrations back with their down scripts.

pub(super) mod args;

use std::collections::BTreeSet;

use anyhow::Result;

use crate::changes::plan::{MigrationPlan, Reversal};
use crate::cli::WriteArgs;
use crate::error::{ErrorCode, Exit, Failure};
use crate::migrations::Migration;
use crate::model::Lock;
use crate::model::diagnosis::MigrationState;
use crate::postgres::catalog::{Catalog, ObjectId};
use crate::postgres::connection::Target;
use crate::project::Settings;
use crate::snapshot::DatabaseSnapshot;
use crate::workflow::comparison::{self, Comparison};
use crate::workflow::migrate::{self, MigrateCommand, PreparedChange};
use crate::workflow::other_tool::change::{self, ToolChange, ToolGoal};
use crate::workflow::plan_steps;
use crate::workflow::project_model::ProjectModel;
use crate::workflow::reports::loss::LossReport;
use crate::workflow::reports::schema_report::SchemaReport;
use crate::workflow::signals::until_stopped;
use crate::workflow::write_command::refuse_unclear;
use crate::writer::StopSignal;
use args::DowngradeArgs;

/// Runs the command.
///
/// # Errors
/// With the exit codes of the contract.
pub(super) async fn run(settings: &Settings, args: &DowngradeArgs, stop: StopSignal) -> Result<Exit> {
    if let Some(tool) = settings.migrations.tool {
        let asked = ToolChange {
            tool,
            goal: ToolGoal::BackTo(&args.to),
            write: &args.write,
            no_backup: args.no_backup,
            strict: false,
            dry_run: args.dry_run,
        };
        return change::run(settings, &asked, stop).await;
    }
    args.version()?;
    if !args.dry_run {
        return migrate::run(settings, args, stop).await;
    }
    let (_, prepared) = until_stopped(stop, migrate::preview(settings, args)).await?;
    migrate::print(settings, args, prepared)
}

/// What the plan drops with its values.
fn lost(lock: &Lock, state: &MigrationState, plan: &MigrationPlan, live: &Catalog) -> Vec<ObjectId> {
    let reverted: BTreeSet<i64> = plan.steps.iter().map(|step| step.version).collect();
    let applied = state.applied.iter().map(|index| lock.migrations[*index].version);
    let stays = applied.filter(|version| !reverted.contains(version)).collect();
    Reversal::of(lock, &reverted, &stays).lost(live)
}

/// Refuses to go back below a baseline that replaces older migrations: their down scripts are gone with them.
fn refuse_below_baseline(migrations: &[Migration], to: i64) -> Result<(), Failure> {
    let is_above =
        |migration: &&Migration| !migration.directives.squashes.is_empty() && migration.version > to;
    let Some(baseline) = migrations.iter().find(is_above) else { return Ok(()) };
    let what = format!(
        "--to {to} is below {}, which replaces {} migrations: their down scripts are gone with them; nothing was changed",
        baseline.id(),
        baseline.directives.squashes.len()
    );
    Err(Failure::new(Exit::Refused, what)
        .code(ErrorCode::MIGRATION_UNKNOWN)
        .next(format!("trueup downgrade --to {}; or restore a backup: trueup backup list", baseline.version)))
}

impl DowngradeArgs {
    fn version(&self) -> Result<i64, Failure> {
        self.to.parse().map_err(|_| {
            Failure::usage(format!("--to {}: a version is a number", self.to))
                .code(ErrorCode::USAGE_ARGUMENTS)
                .next("trueup status lists the versions")
        })
    }
}

impl MigrateCommand for DowngradeArgs {
    fn write(&self) -> &WriteArgs {
        &self.write
    }

    fn prepare(
        &self,
        settings: &Settings,
        target: &Target,
        declared: &ProjectModel,
        snapshot: DatabaseSnapshot,
    ) -> Result<PreparedChange> {
        let Comparison { mut document, state } = comparison::compare(settings, target, declared, &snapshot)?;
        refuse_unclear(settings, &snapshot)?;
        comparison::refuse_other(settings, &document)?;
        refuse_below_baseline(&declared.migrations, self.version()?)?;
        let mut plan =
            MigrationPlan::downgrade(&declared.lock, &declared.migrations, &state, self.version()?)?;
        migrate::refuse_drift(&plan, &document, declared, None)?;
        let ledger = plan_steps::ledger(settings, &snapshot, &declared.migrations)?;
        document.notes.extend(plan_steps::notes_on_tool(&ledger, &plan, &declared.migrations));
        let mut report = plan_steps::report(settings, &mut plan, &snapshot.catalog);
        report.lost = LossReport::of(&lost(&declared.lock, &state, &plan, &snapshot.catalog));
        document.plan = Some(report);
        Ok(PreparedChange { snapshot, state, document, plan, ledger, policy: None })
    }

    fn no_backup(&self) -> bool {
        self.no_backup
    }

    /// What is pending afterwards was asked for.
    fn exit(&self, _: &MigrationPlan, _: &SchemaReport) -> Exit {
        Exit::Clean
    }
}
