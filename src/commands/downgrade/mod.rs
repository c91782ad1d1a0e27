//! `trueup downgrade`: takes migrations back with their down scripts.

use anyhow::Result;

use crate::workflow::migrate::{self, Change, Prepared};
use crate::workflow::project_model::Declared;
use crate::workflow::write_command::refuse_unclear;
use crate::workflow::{comparison, plan_steps};
use crate::cli::{DowngradeArgs, WriteArgs};
use crate::postgres::connection::Target;
use crate::writer::Stop;
use crate::error::Exit;
use crate::changes::plan::Plan;
use crate::project::Settings;
use crate::output::Document;
use crate::snapshot::Survey;

/// Runs the command.
///
/// # Errors
/// With the exit codes of the contract.
pub(super) async fn run(settings: &Settings, args: &DowngradeArgs, stop: Stop) -> Result<Exit> {
    if !args.dry_run {
        return migrate::run(settings, args, stop).await;
    }
    let (_, prepared) = migrate::look(settings, args).await?;
    migrate::tell(settings, args, prepared)
}

impl Change for DowngradeArgs {
    fn write(&self) -> &WriteArgs {
        &self.write
    }

    fn prepare(
        &self,
        settings: &Settings,
        target: &Target,
        declared: &Declared,
        survey: Survey,
    ) -> Result<Prepared> {
        let (mut document, standing) = comparison::judge_standing(settings, target, declared, &survey)?;
        refuse_unclear(&survey)?;
        let mut plan = Plan::downgrade(&declared.lock, &declared.migrations, &standing, self.to)?;
        migrate::refuse_drift(&plan, &document, declared, None)?;
        let ledger = plan_steps::ledger(settings, &survey, &declared.migrations)?;
        document.plan = Some(plan_steps::report(settings, &mut plan, &survey));
        Ok(Prepared { survey, standing, document, plan, ledger, backing: None })
    }

    fn no_backup(&self) -> bool {
        self.no_backup
    }

    /// What is pending afterwards was asked for.
    fn exit(&self, _: &Plan, _: &Document) -> Exit {
        Exit::Clean
    }
}
