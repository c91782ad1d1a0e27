//! `trueup upgrade`: applies what is pending.

pub(super) mod args;

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;

use crate::changes::plan::{MigrationPlan, PlanStop, UpgradeGoal};
use crate::cli::WriteArgs;
use crate::error::{ErrorCode, Exit, Failure};
use crate::migrations::tools::MigrationTool;
use crate::postgres::connection::Target;
use crate::project::Settings;
use crate::snapshot::DatabaseSnapshot;
use crate::workflow::comparison::{self, Comparison};
use crate::workflow::migrate::{self, MigrateCommand, PreparedChange};
use crate::workflow::other_tool::change::{self, ToolChange, ToolGoal};
use crate::workflow::project_model::ProjectModel;
use crate::workflow::reports::schema_report::SchemaReport;
use crate::workflow::signals::until_stopped;
use crate::workflow::write_command::refuse_unclear;
use crate::workflow::{deliver, plan_steps};
use crate::writer;
use args::UpgradeArgs;

/// Runs the command.
///
/// # Errors
/// With the exit codes of the contract.
pub(super) async fn run(settings: &Settings, args: &UpgradeArgs, stop: writer::StopSignal) -> Result<Exit> {
    if let Some(tool) = settings.migrations.tool {
        return with_tool(settings, args, tool, stop).await;
    }
    if !args.dry_run && !args.sql {
        return migrate::run(settings, args, stop).await;
    }
    if args.sql {
        deliver::only_statements(&settings.output)?;
    }
    let (declared, prepared) = until_stopped(stop, migrate::preview(settings, args)).await?;
    if args.sql {
        let script = plan_steps::script(settings, &prepared, &declared.migrations);
        deliver::statements(&settings.output, &script)?;
        return Ok(Exit::Clean);
    }
    migrate::print(settings, args, prepared)
}

/// Lets the tool apply its migrations.
async fn with_tool(
    settings: &Settings,
    args: &UpgradeArgs,
    tool: MigrationTool,
    stop: writer::StopSignal,
) -> Result<Exit> {
    let flags = [
        (args.to.is_some(), "--to"),
        (args.contract, "--contract"),
        (args.sql, "--sql"),
        (args.allow_out_of_order, "--allow-out-of-order"),
        (args.record_satisfied, "--record-satisfied"),
        (args.gate.is_some(), "--gate"),
    ];
    if let Some((_, flag)) = flags.into_iter().find(|(given, _)| *given) {
        return Err(Failure::usage(format!("{flag} is for migrations of trueup: these are {tool}'s"))
            .code(ErrorCode::USAGE_ARGUMENTS)
            .next(format!("use {tool} for it; or, to apply all that is pending: trueup upgrade"))
            .into());
    }
    let asked = ToolChange {
        tool,
        goal: ToolGoal::Newest,
        write: &args.write,
        no_backup: args.no_backup,
        strict: args.strict,
        dry_run: args.dry_run,
    };
    change::run(settings, &asked, stop).await
}

impl MigrateCommand for UpgradeArgs {
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
        let lock = &declared.lock;
        let wanted = UpgradeGoal {
            to: self.to,
            // No old app version can be running on an empty database.
            contract: self.contract || state.is_new(),
            allow_out_of_order: self.allow_out_of_order,
            // Whoever runs a script elsewhere runs no checks there.
            checked: !self.sql,
        };
        let mut plan = MigrationPlan::upgrade(lock, &declared.migrations, &state, &wanted)?;
        let satisfied = plan.already_applied(lock, &state, &snapshot.catalog, snapshot.version);
        let recorded = if self.record_satisfied { satisfied.clone() } else { BTreeSet::new() };
        plan.record(&recorded);
        let first = plan.steps.first().filter(|step| satisfied.contains(&step.version));
        let instead = first.map(|step| {
            format!(
                "all that {} does is there already, done by hand: trueup upgrade --record-satisfied records it as \
                 applied; trueup check shows the rest",
                step.title
            )
        });
        migrate::refuse_drift(&plan.without(&recorded), &document, declared, instead)?;
        let ledger = plan_steps::ledger(settings, &snapshot, &declared.migrations)?;
        document.notes.extend(plan_steps::notes_on_tool(&ledger, &plan, &declared.migrations));
        if let Some(step) = plan.steps.first() {
            plan_steps::refuse_missing_schema(settings, &ledger, Some(&lock.migrations[step.index]))?;
        }
        let mut report = plan_steps::report(settings, &mut plan, &snapshot.catalog);
        report.squash = plan_steps::recorded_baseline(&snapshot);
        document.plan = Some(report);
        Ok(PreparedChange { snapshot, state, document, plan, ledger, policy: None })
    }

    fn gate(&self) -> Option<&Path> {
        self.gate.as_deref()
    }

    fn no_backup(&self) -> bool {
        self.no_backup
    }

    fn keeps_limits(&self) -> bool {
        !self.sql
    }

    fn exit(&self, plan: &MigrationPlan, document: &SchemaReport) -> Exit {
        match &plan.stop {
            Some(PlanStop::RequiresCheck { .. }) => Exit::Findings,
            _ if self.strict => document.exit,
            _ => Exit::Clean,
        }
    }
}
