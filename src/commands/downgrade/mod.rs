//! `trueup downgrade`: takes migrations back with their down scripts.

pub(super) mod args;

use anyhow::Result;

use crate::changes::plan::MigrationPlan;
use crate::cli::WriteArgs;
use crate::error::Exit;
use crate::postgres::connection::Target;
use crate::project::Settings;
use crate::snapshot::DatabaseSnapshot;
use crate::workflow::comparison::{self, Comparison};
use crate::workflow::migrate::{self, MigrateCommand, PreparedChange};
use crate::workflow::other_tool;
use crate::workflow::plan_steps;
use crate::workflow::project_model::ProjectModel;
use crate::workflow::reports::schema_report::SchemaReport;
use crate::workflow::write_command::{refuse_unclear, until_stopped};
use crate::writer::StopSignal;
use args::DowngradeArgs;

/// Runs the command.
///
/// # Errors
/// With the exit codes of the contract.
pub(super) async fn run(settings: &Settings, args: &DowngradeArgs, stop: StopSignal) -> Result<Exit> {
    other_tool::refuse_to_migrate(settings)?;
    if !args.dry_run {
        return migrate::run(settings, args, stop).await;
    }
    let (_, prepared) = until_stopped(stop, migrate::preview(settings, args)).await?;
    migrate::print(settings, args, prepared)
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
        let mut plan = MigrationPlan::downgrade(&declared.lock, &declared.migrations, &state, self.to)?;
        migrate::refuse_drift(&plan, &document, declared, None)?;
        let ledger = plan_steps::ledger(settings, &snapshot, &declared.migrations)?;
        document.plan = Some(plan_steps::report(settings, &mut plan, &snapshot));
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
