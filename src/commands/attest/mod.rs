//! `trueup attest`: what a person says before a deploy, as a line of a committed file, or as a run of the database's audit log.

pub(super) mod args;
pub(super) mod record;
mod report;

use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Result;
use args::AttestArgs;
use report::AttestReport;

use crate::error::{ErrorCode, Exit, Failure};
use crate::model::{FILE_NAME, Input};
use crate::output::is_invisible;
use crate::postgres::connection::Session;
use crate::project::Settings;
use crate::snapshot::StatusSnapshot;
use crate::toml_table::nearest;
use crate::workflow::attestation::{self, ATTESTATIONS_FILE, Attestation};
use crate::workflow::deliver::deliver;
use crate::workflow::readiness::{self, ImageMigrations};
use crate::workflow::reports::target::TargetReport;
use crate::workflow::{environment_mark, git};

/// Runs the command, where the attestation becomes a line of the file.
///
/// # Errors
/// With the exit codes of the contract: 2, 3, 4, 75.
pub(super) async fn run(settings: &Settings, args: &AttestArgs) -> Result<Exit> {
    let statement = Statement::of(settings, args)?;
    let target = settings.target()?;
    let mut session = target.connect(&settings.application()).await?;
    let attested = statement.about(settings, &mut session).await;
    session.close().await;
    let (attestation, snapshot) = attested?;
    attestation::add(&settings.project.dir, &attestation)?;
    let report = AttestReport {
        run: settings.run.clone(),
        target: TargetReport::new(settings, &target, &snapshot.identity, snapshot.mark()),
        file: Some(ATTESTATIONS_FILE),
        attestation,
    };
    deliver(&settings.output, &report)?;
    Ok(Exit::Clean)
}

/// What somebody says, before it is known of which state.
struct Statement {
    name: String,
    by: String,
    reason: String,
    image: Arc<ImageMigrations>,
    lock_hash: String,
}

impl Statement {
    fn of(settings: &Settings, args: &AttestArgs) -> Result<Self> {
        let name = known_name(settings, &args.name)?;
        let reason = said("--reason", &args.reason)?;
        let by = match &args.by {
            Some(by) => visible(said("--by", by)?)?,
            None => git::user_name(&settings.project.dir).unwrap_or_else(|| settings.caller.user.clone()),
        };
        let image = Arc::new(ImageMigrations::read(settings)?);
        let lock = std::fs::read_to_string(&settings.project.lock_path).map_err(|error| {
            Failure::usage(format!("{FILE_NAME}: {error}")).code(ErrorCode::LOCK_FILE_INVALID)
        })?;
        Ok(Self { name, by, reason, image, lock_hash: Input::new(FILE_NAME, &lock).sha256 })
    }

    /// Makes it an attestation of the state that the database is in.
    ///
    /// # Errors
    /// Exit 3: what is pending cannot be read. Exit 4: the database is of another environment or project.
    async fn about(
        &self,
        settings: &Settings,
        session: &mut Session,
    ) -> Result<(Attestation, StatusSnapshot)> {
        let snapshot = readiness::read(settings, session, &self.image).await?;
        let (mark, identity) = (snapshot.mark(), &snapshot.identity);
        environment_mark::refuse_foreign(settings, mark, &identity.database)?;
        environment_mark::expect(settings, mark, &identity.database)?;
        let pending = readiness::unapplied(&self.image, &snapshot)?;
        let attestation = Attestation {
            name: self.name.clone(),
            by: self.by.clone(),
            reason: self.reason.clone(),
            at: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            commit: git::head(&settings.project.dir),
            lock: self.lock_hash.clone(),
            pending: pending.into_iter().map(|migration| migration.version).collect(),
        };
        Ok((attestation, snapshot))
    }
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

/// A name in which there is nothing that nobody sees: it would look like another one.
fn visible(name: String) -> Result<String, Failure> {
    if name.chars().any(is_invisible) {
        let failure =
            Failure::usage("--by has a character that nobody sees").code(ErrorCode::USAGE_ARGUMENTS);
        return Err(failure.next("write the name without it"));
    }
    Ok(name)
}
