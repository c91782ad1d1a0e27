//! `trueup demo`: the reference project's story on a throwaway server, told with the commands themselves. It needs no
//! project and no database, and leaves nothing behind.

pub(super) mod args;

use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow};

use super::adopt::args::AdoptArgs;
use super::check::args::CheckArgs;
use super::gate::args::GateArgs;
use super::seed::args::SeedArgs;
use super::upgrade::args::UpgradeArgs;
use super::verify::args::VerifyArgs;
use super::verify::fix;
use super::{adopt, check, gate, seed, upgrade};
use crate::backup::Programs;
use crate::cli::WriteArgs;
use crate::error::{Exit, Failure};
use crate::model::Sources;
use crate::postgres::scratch::{Scratch, ScratchDatabase, in_temporary_place};
use crate::postgres::sql::split;
use crate::project::{BackupRequired, Project, Settings};
use crate::workflow::deliver;
use crate::workflow::project_model;
use crate::writer::StopSignal;
use args::DemoArgs;

/// The reference project at the repository's root.
const FILES: &[(&str, &str)] = &[
    ("schema/api_keys.sql", include_str!("../../../schema/api_keys.sql")),
    ("schema/common.sql", include_str!("../../../schema/common.sql")),
    ("schema/organizations.sql", include_str!("../../../schema/organizations.sql")),
    ("schema/users.sql", include_str!("../../../schema/users.sql")),
    (
        "checks/api_keys_expired_are_revoked.sql",
        include_str!("../../../checks/api_keys_expired_are_revoked.sql"),
    ),
    ("checks/api_keys_have_a_user.sql", include_str!("../../../checks/api_keys_have_a_user.sql")),
    (
        "checks/organizations_deleted_have_no_users.sql",
        include_str!("../../../checks/organizations_deleted_have_no_users.sql"),
    ),
    (
        "checks/users_belong_to_an_organization.sql",
        include_str!("../../../checks/users_belong_to_an_organization.sql"),
    ),
    ("checks/users_email_is_unique.sql", include_str!("../../../checks/users_email_is_unique.sql")),
    ("schema/seeds/organizations.toml", include_str!("../../../schema/seeds/organizations.toml")),
    ("migrations/V1__baseline.sql", include_str!("../../../migrations/V1__baseline.sql")),
    ("migrations/V2__add_username.sql", include_str!("../../../migrations/V2__add_username.sql")),
    (
        "migrations/V3__password_hash_nullable.sql",
        include_str!("../../../migrations/V3__password_hash_nullable.sql"),
    ),
    ("migrations/V4__api_keys_user_id.sql", include_str!("../../../migrations/V4__api_keys_user_id.sql")),
    (
        "migrations/V5__api_keys_user_id_validate.sql",
        include_str!("../../../migrations/V5__api_keys_user_id_validate.sql"),
    ),
    (
        "migrations/V6__api_keys_user_id_index.sql",
        include_str!("../../../migrations/V6__api_keys_user_id_index.sql"),
    ),
    (
        "migrations/V7__organizations_public_id.sql",
        include_str!("../../../migrations/V7__organizations_public_id.sql"),
    ),
    (
        "migrations/V8__api_keys_user_id_required.sql",
        include_str!("../../../migrations/V8__api_keys_user_id_required.sql"),
    ),
];

/// The database of the incident `'User' object has no attribute 'username'`: nothing applied since the baseline.
const LEGACY: &str = include_str!("../../../tests/fixtures/users_without_username.sql");

/// What somebody did by hand in the night, and what the first check says to run.
const BY_HAND: &str = "DROP INDEX public.organizations_slug_key";
const MENDED: &str =
    "CREATE UNIQUE INDEX organizations_slug_key ON public.organizations (slug) WHERE deleted_at IS NULL";

/// Runs the command.
///
/// # Errors
/// When no scratch server can be had (exit 3), or the story does not end as it should (exit 70).
pub(super) async fn run(settings: &Settings, _: &DemoArgs) -> Result<Exit> {
    let started = Instant::now();
    let mut scratch = Scratch::start(&project_model::scratch_options(settings)).await?;
    say(&format!("A throwaway PostgreSQL {} is up after {:.1?}.", scratch.version(), started.elapsed()))?;
    let outcome = story(settings, &mut scratch).await;
    scratch.stop().await?;
    outcome?;
    say("The throwaway server is gone. `trueup upgrade --help` says how to do this to a database of yours.")?;
    Ok(Exit::Clean)
}

/// The story, and the database that it is about.
struct Story<'s> {
    scratch: &'s Scratch,
    database: ScratchDatabase,
    settings: Settings,
    stop: StopSignal,
}

async fn story(settings: &Settings, scratch: &mut Scratch) -> Result<()> {
    let directory = in_temporary_place(|place| tempfile::tempdir_in(place));
    let directory = directory.context("making a directory for the demo's project")?;
    let project = unpack(directory.path())?;
    let sources = Sources::read(&project.dir, &project.migrations_dir)?;
    let mut settings = settings.clone();
    settings.project = project;
    let lock = project_model::compile_on(&settings, &sources, scratch).await?;
    lock.save(&settings.project.lock_path)?;
    let (objects, migrations) = (lock.model.objects.len(), sources.migrations.len());
    say(&format!(
        "The project: {objects} objects declared in schema/, {migrations} migrations that lead there."
    ))?;

    let database = scratch.create_database().await?;
    let mut settings = settings.with_url(&scratch.url(&database));
    if Programs::find(settings.scratch.bin_dir.as_deref(), scratch.version()).is_err() {
        settings.backup.required = BackupRequired::Never;
        say("There is no pg_dump for this server here: the demo continues without backups.\n")?;
    }
    settings.output.interactive = false;
    settings.output.events = false;
    // Nobody else asks this story to stop: a signal drops it, and the server goes with it.
    let story = Story { scratch, database, settings, stop: StopSignal::channel().1 };
    story.tell().await
}

impl Story<'_> {
    async fn tell(&self) -> Result<()> {
        let yes = WriteArgs { yes: true, wait: None };
        let upgrade = UpgradeArgs { write: yes.clone(), ..UpgradeArgs::default() };

        self.execute(LEGACY).await?;
        self.execute(BY_HAND).await?;
        say("A legacy database: nobody kept a history of what was applied, the application says\n\
             \x20   'User' object has no attribute 'username'\n\
             and somebody dropped an index by hand in the night.")?;
        self.check(Exit::Findings).await?;

        say(
            "The index is created again with the SQL above. Then trueup adopts the database: its schema proves which \
             version it is at.",
        )?;
        self.execute(MENDED).await?;
        let adopted = AdoptArgs { write: yes.clone(), ..AdoptArgs::default() };
        let settings = self.command("adopt", "adopt --yes")?;
        expect(
            adopt::run(&settings, &adopted, self.stop.clone()).await? == Exit::Clean,
            "the database was not adopted",
        )?;

        say(
            "\nThe pending migrations are applied before the new code is deployed, and a verified backup is taken first.",
        )?;
        let settings = self.command("upgrade", "upgrade --yes")?;
        let outcome = upgrade::run(&settings, &upgrade, self.stop.clone()).await?;
        expect(outcome == Exit::Clean, "the pending migrations were not applied")?;

        say("\nThe new code needs two organizations that nobody has inserted: the project declares them.")?;
        let settings = self.command("seed", "seed --yes")?;
        let seeded = SeedArgs { write: yes.clone(), ..SeedArgs::default() };
        let outcome = seed::run(&settings, &seeded, self.stop.clone()).await?;
        expect(outcome == Exit::Clean, "the organizations were not inserted")?;

        say(
            "\nThe new code is deployed, no old app version is running any more. May the last migration follow? The gate \
             reads everything that speaks for or against it.",
        )?;
        self.gate(Exit::Findings).await?;

        say(
            "Some keys belong to nobody. The check's file says how each of them can be repaired. Every old value is kept: \
             undo restores it.",
        )?;
        let settings = self.command("verify", "verify --fix --yes")?;
        let repair = VerifyArgs { fix: true, jobs: 1, write: yes, ..VerifyArgs::default() };
        let outcome = fix::run(&settings, &repair, self.stop.clone()).await?;
        expect(outcome == Exit::Clean, "the keys were not repaired")?;

        say("\nNow the last migration.")?;
        let contract = UpgradeArgs { contract: true, ..upgrade };
        let settings = self.command("upgrade", "upgrade --contract --yes")?;
        let outcome = upgrade::run(&settings, &contract, self.stop.clone()).await?;
        expect(outcome == Exit::Clean, "the contract migration was not applied")?;
        deliver::print("\n")?;
        self.gate(Exit::Clean).await
    }

    async fn gate(&self, expected: Exit) -> Result<()> {
        let settings = self.command("gate", "gate")?;
        expect(
            gate::run(&settings, &GateArgs::default()).await? == expected,
            "the gate did not end as it should",
        )?;
        Ok(deliver::print("\n")?)
    }

    async fn check(&self, expected: Exit) -> Result<()> {
        let settings = self.command("check", "check")?;
        expect(
            check::run(&settings, &CheckArgs::default()).await? == expected,
            "the check did not end as it should",
        )?;
        Ok(deliver::print("\n")?)
    }

    /// Says which command is run, and returns its settings.
    fn command(&self, command: &'static str, shown: &str) -> Result<Settings> {
        say(&format!("$ trueup {shown}"))?;
        let mut settings = self.settings.clone();
        settings.command = command;
        settings.run = ulid::Ulid::generate().to_string();
        Ok(settings)
    }

    async fn execute(&self, script: &str) -> Result<()> {
        let mut session = self.scratch.connect(&self.database).await?;
        for statement in split(script).map_err(|error| anyhow!("{error}"))? {
            session.execute(statement.text).await?;
        }
        session.close().await;
        Ok(())
    }
}

/// Writes the project into a directory.
fn unpack(directory: &Path) -> Result<Project> {
    for (name, text) in FILES {
        let path = directory.join(name);
        let folder = path.parent().ok_or_else(|| anyhow!("{name} has no folder"))?;
        std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(&path, text))
            .context("writing the demo's project")?;
    }
    Ok(Project::new(directory.to_owned(), Some("platform".to_owned()), "migrations"))
}

fn say(text: &str) -> Result<(), Failure> {
    deliver::print(&format!("{text}\n\n"))
}

fn expect(held: bool, otherwise: &'static str) -> Result<()> {
    if held { Ok(()) } else { Err(anyhow!(otherwise)) }
}
