//! `trueup environment set`: which project and environment a database belongs to, as somebody says.

pub(super) mod args;

use anyhow::Result;

use crate::cli::WriteArgs;
use crate::error::{Exit, Failure};
use crate::output;
use crate::project::{Settings, called};
use crate::workflow::deliver::{self, deliver};
use crate::workflow::environment_mark;
use crate::workflow::migrate::changed_meanwhile;
use crate::workflow::reports::decision::{DecisionReport, Subject};
use crate::workflow::reports::target::TargetReport;
use crate::workflow::write_command::WriteCommand;
use crate::writer::{Mark, Marking, StopSignal, interrupted};
use args::{EnvironmentAction, EnvironmentArgs};

/// Runs the command.
///
/// # Errors
/// With the exit codes of the contract.
pub(super) async fn run(settings: &Settings, args: &EnvironmentArgs, mut stop: StopSignal) -> Result<Exit> {
    let EnvironmentAction::Set { name, reason, write } = &args.action;
    let seen = stop.clone();
    let (mut writing, before) = tokio::select! {
        biased;
        ready = ask(settings, name, write, &seen) => ready?,
        signal = stop.wait() => return Err(interrupted(signal).into()),
    };
    if is_so(settings, name, before.as_ref()) {
        let report = report(settings, name, &mut writing, before.clone(), before).await?;
        writing.writer.close().await;
        return print_report(settings, &report);
    }
    writing.lock().await?;
    if writing.writer.mark().await? != before {
        return Err(changed_meanwhile("the mark").into());
    }
    let marking = Marking::Set { project: settings.project.name.clone(), environment: name.clone() };
    let report = writing
        .recorded(&marking, reason.as_deref(), async |writing| {
            let after = writing.writer.mark().await?;
            Ok((Exit::Clean, report(settings, name, writing, before, after).await?))
        })
        .await?;
    print_report(settings, &report)
}

/// Everything up to the operator's yes.
async fn ask<'s>(
    settings: &'s Settings,
    name: &str,
    args: &'s WriteArgs,
    stop: &StopSignal,
) -> Result<(WriteCommand<'s>, Option<Mark>)> {
    // Whatever the mark says now must not keep it from being mended; the address was held against `expect`.
    let mut writing = WriteCommand::open(settings, args, stop).await?;
    let before = writing.writer.mark().await?;
    if !is_so(settings, name, before.as_ref()) {
        if settings.output.interactive || !settings.output.quiet {
            let proposed = report(settings, name, &mut writing, before.clone(), None).await?;
            output::err(&output::shown(&proposed.proposal(), deliver::style(&settings.output)));
        }
        confirm(settings, name, args, &mut writing, before.as_ref()).await?;
    }
    Ok((writing, before))
}

fn is_so(settings: &Settings, name: &str, mark: Option<&Mark>) -> bool {
    mark.is_some_and(|mark| {
        settings.project.owns(mark.project.as_deref())
            && (mark.project.is_some() || settings.project.name.is_none())
            && mark.environment.as_deref() == Some(name)
    })
}

/// At a terminal the database's name is typed, whatever else was given.
async fn confirm(
    settings: &Settings,
    name: &str,
    args: &WriteArgs,
    writing: &mut WriteCommand<'_>,
    before: Option<&Mark>,
) -> Result<()> {
    if settings.output.interactive {
        return writing.confirmation().confirm_by_name(&format!("mark it as environment {name}?")).await;
    }
    let refuse = |what: String, next: String| Err(Failure::new(Exit::Refused, what).next(next).into());
    if let Some(mark) = before.filter(|mark| !settings.project.owns(mark.project.as_deref())) {
        let marked = mark.project.as_deref().unwrap_or_default();
        return refuse(
            format!(
                "the database is marked as project {marked:?}'s: that is changed at a terminal alone, where the \
                 database's name is typed; nothing was changed"
            ),
            format!(
                "look at {}; if this is that project, name it: name = {} under [project] in trueup.toml; to give the \
                 database to another project, run the same command at a terminal",
                settings.url_source(),
                serde_json::Value::from(marked)
            ),
        );
    }
    if !args.yes {
        return refuse(
            "not confirmed, and there is no terminal to ask at; nothing was changed".to_owned(),
            format!("trueup environment set {name} --yes --env {name}"),
        );
    }
    // An environment that trueup.toml does not describe may be protected where it is described.
    let marked = before.filter(|mark| mark.environment.is_some());
    let was = marked.is_some_and(|mark| {
        environment_mark::marked(settings, mark).is_none_or(|found| found.settings.protected)
    });
    let becomes = settings.environment.as_ref().is_some_and(|found| found.settings.protected);
    if (was || becomes) && !settings.environment_asked_for {
        return refuse(
            "a protected environment is set or taken away: --yes alone does not do; nothing was changed"
                .to_owned(),
            format!("say which environment you mean: --yes --env {name}"),
        );
    }
    Ok(())
}

/// What is, or will be, recorded. Without `after` it is a proposal.
async fn report(
    settings: &Settings,
    name: &str,
    writing: &mut WriteCommand<'_>,
    before: Option<Mark>,
    after: Option<Mark>,
) -> Result<DecisionReport> {
    let server_version = writing.writer.read_session().await?.server_version()?.to_string();
    let place = writing.writer.server().clone();
    let project = settings.project.called();
    let describe = |mark: &Mark| {
        let environment = mark.environment.as_deref().unwrap_or("not named");
        format!("environment {environment}, {}", called(mark.project.as_deref()))
    };
    let mut notes = Vec::new();
    notes.push(match &before {
        None => "the database is not marked".to_owned(),
        Some(mark) => format!("the database is marked as {} (mark {})", describe(mark), mark.id),
    });
    if let Some(mark) = before.as_ref().filter(|mark| !settings.project.owns(mark.project.as_deref())) {
        let marked = called(mark.project.as_deref());
        notes.push(format!("that is another project: this one is {project}, that one {marked}"));
    }
    let so = before == after && after.is_some();
    let records = if so {
        Vec::new()
    } else {
        vec![
            format!("mark: environment {name}, {project}, with an identifier of its own"),
            "audit log: the mark as it was and as it is".to_owned(),
        ]
    };
    let verdict = if so {
        format!("nothing to do: database {} is marked as environment {name}", place.database)
    } else {
        format!("done: database {} is environment {name} of {project}", place.database)
    };
    Ok(DecisionReport {
        run: settings.run.clone(),
        command: settings.command,
        exit: Exit::Clean,
        target: TargetReport {
            host: writing.target.host().to_owned(),
            port: writing.target.port(),
            database: place.database,
            role: place.role,
            server_version,
            system_identifier: place.system_identifier,
            environment: after.as_ref().or(before.as_ref()).and_then(|mark| mark.environment.clone()),
            project: settings.project.name.clone(),
            labels: settings.metric_labels(),
        },
        subject: Subject::Mark { before, after },
        notes,
        diff: None,
        records,
        verdict,
        next: None,
    })
}

fn print_report(settings: &Settings, report: &DecisionReport) -> Result<Exit> {
    deliver(&settings.output, report)?;
    Ok(report.exit)
}
