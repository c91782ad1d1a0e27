//! `trueup downgrade`: takes migrations back with their down scripts.

use anyhow::Result;

use super::change::{self, Change, Prepared};
use super::declared::Declared;
use super::writing::refuse_unclear;
use super::{comparison, planned};
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
        return change::run(settings, args, stop).await;
    }
    let (_, prepared) = change::look(settings, args).await?;
    change::tell(settings, args, prepared)
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
        change::refuse_drift(&plan, &document, declared, None)?;
        let ledger = planned::ledger(settings, &survey, &declared.migrations)?;
        document.plan = Some(planned::report(settings, &mut plan, &survey));
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
