//! `trueup attest`: what a person says before a deploy, as a line of a committed file. The database is only read.

pub(super) mod args;
mod report;

use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Result;
use args::AttestArgs;
use report::AttestReport;

use crate::error::{ErrorCode, Exit, Failure};
use crate::model::{FILE_NAME, Input};
use crate::project::Settings;
use crate::toml_table::nearest;
use crate::workflow::attestation::{self, ATTESTATIONS_FILE, Attestation};
use crate::workflow::deliver::deliver;
use crate::workflow::readiness::{self, ImageMigrations};
use crate::workflow::reports::target::TargetReport;
use crate::workflow::{environment_mark, git};

/// Runs the command.
///
/// # Errors
/// With the exit codes of the contract: 2, 3, 4, 75.
pub(super) async fn run(settings: &Settings, args: &AttestArgs) -> Result<Exit> {
    let name = known_name(settings, &args.name)?;
    let reason = said("--reason", &args.reason)?;
    let project = &settings.project.dir;
    let by = match &args.by {
        Some(by) => said("--by", by)?,
        None => git::user_name(project).unwrap_or_else(|| settings.caller.user.clone()),
    };
    let target = settings.target()?;
    let image = Arc::new(ImageMigrations::read(settings)?);
    let lock = std::fs::read_to_string(&settings.project.lock_path).map_err(|error| {
        Failure::usage(format!("{FILE_NAME}: {error}")).code(ErrorCode::LOCK_FILE_INVALID)
    })?;
    let mut session = target.connect(&settings.application()).await?;
    let snapshot = readiness::read(settings, &mut session, &image).await;
    session.close().await;
    let snapshot = snapshot?;
    let (mark, identity) = (snapshot.mark(), &snapshot.identity);
    environment_mark::refuse_foreign(settings, mark, &identity.database)?;
    environment_mark::expect(settings, mark, &identity.database)?;
    let pending = readiness::unapplied(&image, &snapshot)?;
    let attestation = Attestation {
        name,
        by,
        reason,
        at: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        commit: git::head(project),
        lock: Input::new(FILE_NAME, &lock).sha256,
        pending: pending.into_iter().map(|migration| migration.version).collect(),
    };
    attestation::add(project, &attestation)?;
    let report = AttestReport {
        run: settings.run.clone(),
        target: TargetReport::new(settings, &target, identity, mark),
        file: ATTESTATIONS_FILE,
        attestation,
    };
    deliver(&settings.output, &report)?;
    Ok(Exit::Clean)
}

/// The name, where the project wants something of that name.
fn known_name(settings: &Settings, name: &str) -> Result<String, Failure> {
    let known = settings.gate.around.attest.iter().map(|one| one.name.as_str());
    if known.clone().any(|known| known == name) {
        return Ok(name.to_owned());
    }
    let failure = Failure::usage(format!("trueup.toml has no [[gate.attest]] of the name {name:?}"))
        .code(ErrorCode::USAGE_ARGUMENTS);
    let all: Vec<&str> = known.clone().collect();
    Err(match nearest(name, known) {
        Some(nearest) => failure.next(format!("did you mean {nearest:?}?")),
        None if all.is_empty() => {
            failure.next(format!("add to trueup.toml: [[gate.attest]] name = {name:?}"))
        }
        None => failure.next(format!("known: {}", all.join(", "))),
    })
}

/// A text that says something.
fn said(argument: &str, text: &str) -> Result<String, Failure> {
    let text = text.trim();
    if text.is_empty() {
        let failure = Failure::usage(format!("{argument} says nothing")).code(ErrorCode::USAGE_ARGUMENTS);
        return Err(failure.next("write it so that others understand it later"));
    }
    Ok(text.to_owned())
}
