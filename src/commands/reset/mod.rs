//! `trueup reset`: drops what the project has in a database of development, and builds it again.

pub(super) mod args;
mod report;

use anyhow::Result;

use crate::error::Exit;
use crate::output;
use crate::project::Settings;
use crate::text::plural;
use crate::workflow::deliver::{self, deliver};
use crate::workflow::resetting::{self, PreparedReset};
use crate::workflow::write_command::WriteCommand;
use crate::writer::{StopSignal, interrupted};
use args::ResetArgs;
use report::ResetReport;

/// Runs the command.
///
/// # Errors
/// With the exit codes of the contract.
pub(super) async fn run(settings: &Settings, args: &ResetArgs, mut stop: StopSignal) -> Result<Exit> {
    let signal = stop.clone();
    let ready = async {
        let (mut writing, declared, prepared) =
            resetting::open(settings, &args.write, args.no_backup, &signal).await?;
        if !args.dry_run {
            ask(settings, args, &prepared, &mut writing).await?;
        }
        anyhow::Ok((writing, declared, prepared))
    };
    let (mut writing, declared, shown) = tokio::select! {
        biased;
        ready = ready => ready?,
        signal = stop.wait() => return Err(interrupted(signal).into()),
    };
    if args.dry_run {
        writing.writer.close().await;
        return print(settings, &ResetReport::planned(settings, shown));
    }
    writing.lock().await?;
    let prepared = resetting::again(settings, &declared, args.no_backup, shown, &mut writing).await?;
    let marking = writing.first_mark();
    let report = writing
        .recorded(&marking, None, async |writing| {
            let (built, backup) =
                resetting::carry_out(settings, &declared, &args.write, &prepared, writing).await?;
            let report = ResetReport::done(settings, prepared, built, backup, args.strict);
            Ok((report.exit(), report))
        })
        .await?;
    print(settings, &report)
}

/// Shows what goes, and asks: at a terminal for the database's name.
async fn ask(
    settings: &Settings,
    args: &ResetArgs,
    prepared: &PreparedReset,
    writing: &mut WriteCommand<'_>,
) -> Result<()> {
    if !settings.output.quiet && (settings.output.interactive || !args.write.yes) {
        let proposal = report::proposal(settings, prepared);
        output::err(&output::shown(&proposal, deliver::style(&settings.output)));
    }
    let what = format!(
        "drop {} and build {} again",
        plural(prepared.plan.objects(), "object"),
        plural(prepared.migrations.len(), "migration")
    );
    if settings.output.interactive && !args.write.yes {
        return writing.confirmation().confirm_by_name(&format!("{what}?")).await;
    }
    writing.confirm(&what, prepared.snapshot.mark()).await
}

fn print(settings: &Settings, report: &ResetReport) -> Result<Exit> {
    deliver(&settings.output, report)?;
    Ok(report.exit())
}
