//! `trueup attest --record database`: the attestation is a run of the database's audit log.

use anyhow::{Context as _, Result};

use super::Statement;
use super::args::AttestArgs;
use super::report::AttestReport;
use crate::error::Exit;
use crate::output;
use crate::project::Settings;
use crate::workflow::deliver::{self, deliver};
use crate::workflow::migrate::changed_meanwhile;
use crate::workflow::reports::target::TargetReport;
use crate::workflow::write_command::WriteCommand;
use crate::writer::{StopSignal, interrupted};

/// Runs the command.
///
/// # Errors
/// With the exit codes of the contract.
pub(in crate::commands) async fn run(
    settings: &Settings,
    args: &AttestArgs,
    mut stop: StopSignal,
) -> Result<Exit> {
    let statement = Statement::of(settings, args)?;
    let seen = stop.clone();
    let (mut writing, report) = tokio::select! {
        biased;
        ready = ask(settings, args, &statement, &seen) => ready?,
        signal = stop.wait() => return Err(interrupted(signal).into()),
    };
    writing.lock().await?;
    let (now, _) = statement.about(settings, writing.writer.read_session().await?).await?;
    if now.pending != report.attestation.pending {
        return Err(changed_meanwhile("what is pending").into());
    }
    let marking = writing.first_mark();
    let detail = serde_json::to_string(&report.attestation).context("the attestation as JSON")?;
    writing
        .recorded(&marking, Some(&statement.reason), async |writing| {
            let what = "recording the attestation";
            let record = writing.writer.step_record(1, "attest", None, Some(&detail));
            let recorded = writing.writer.record(what, &record, &mut writing.progress).await;
            recorded.map_err(|trouble| trouble.failure(what, false))?;
            Ok((Exit::Clean, ()))
        })
        .await?;
    deliver(&settings.output, &report)?;
    Ok(Exit::Clean)
}

/// Everything up to the operator's yes.
async fn ask<'s>(
    settings: &'s Settings,
    args: &'s AttestArgs,
    statement: &Statement,
    stop: &StopSignal,
) -> Result<(WriteCommand<'s>, AttestReport)> {
    let mut writing = WriteCommand::open(settings, &args.write, stop).await?;
    let (attestation, snapshot) = statement.about(settings, writing.writer.read_session().await?).await?;
    let mark = snapshot.mark();
    writing.check_environment(mark)?;
    let target = TargetReport::new(settings, &writing.target, &snapshot.identity, mark);
    let report = AttestReport { run: settings.run.clone(), target, file: None, attestation };
    if settings.output.interactive || !settings.output.quiet {
        output::err(&output::shown(&report.proposal(), deliver::style(&settings.output)));
    }
    writing.confirm("record it?", mark).await?;
    Ok((writing, report))
}
