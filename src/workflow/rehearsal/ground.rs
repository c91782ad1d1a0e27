//! Where a rehearsal takes place: a throwaway server, and in it a database that has the migrations that the real one has, with
//! their rows in the history: built by them, or restored from a backup.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::Result;

use super::live::Live;
use super::marks;
use super::prepare::{Prepared, applied_versions};
use crate::changes::executor::{self, Adopt};
use crate::changes::plan::MigrationPlan;
use crate::cli::WriteArgs;
use crate::error::{ErrorCode, Exit, Failure, code_of};
use crate::migrations::{Directives, Migration};
use crate::model::diagnosis::MigrationState;
use crate::model::{TrialDatabase, diff};
use crate::postgres::connection::Session;
use crate::postgres::scratch::{Scratch, ScratchDatabase, ScratchOptions};
use crate::postgres::sql::{identifier, read_file, words_of};
use crate::project::{BackupRequired, Settings};
use crate::snapshot::{self, DatabaseSnapshot};
use crate::text::plural;
use crate::workflow::project_model::{Needs, ProjectModel, scratch_options};
use crate::workflow::write_command::WriteCommand;
use crate::workflow::{comparison, migrate, plan_steps};
use crate::writer::StopSignal;

/// Starts a server of this major version, with room for so many bytes of rows. Where there is none of that version, what is said
/// is that it is another one.
///
/// # Errors
/// Exit 3: there is no server at all. Exit 4: no disk has the room.
pub(super) async fn start(
    settings: &Settings,
    major: u32,
    rows: Option<u64>,
) -> Result<(Scratch, Option<String>)> {
    let options = ScratchOptions { rows, ..scratch_options(settings) };
    let wanted = ScratchOptions { major: Some(major), ..options.clone() };
    // The directory that was named may have another version than this database's server.
    let elsewhere = ScratchOptions { bin_dir: None, ..wanted.clone() };
    let first = Scratch::start(&wanted).await;
    let missing = |found: &Result<Scratch>| {
        found.as_ref().is_err_and(|error| code_of(error) == ErrorCode::SCRATCH_UNAVAILABLE)
    };
    if !missing(&first) {
        return Ok((first?, None));
    }
    if options.url.is_none() && options.bin_dir.is_some() {
        let second = Scratch::start(&elsewhere).await;
        if !missing(&second) {
            return Ok((second?, None));
        }
    }
    let any = Scratch::start(&ScratchOptions { major: None, ..options }).await?;
    let note = format!(
        "the programs of PostgreSQL {major} were not found: the rehearsal is on PostgreSQL {}, and another major version may \
         lock and work differently",
        any.version()
    );
    Ok((any, Some(note)))
}

/// A database in a throwaway server.
enum Origin<'s> {
    /// What the migrations build.
    Built(Box<TrialDatabase<'s>>),
    /// A restored backup.
    Restored(&'s mut Scratch, ScratchDatabase),
}

/// How a catalog differs from what migrations build: objects, with their kinds and what is wrong.
type Differences = Vec<(String, &'static str, String)>;

/// The database of a rehearsal.
pub(super) struct Ground<'s> {
    origin: Origin<'s>,
    /// The differences that were there before the rehearsal.
    known: Differences,
    /// The settings that reach it.
    pub(super) settings: Settings,
    /// A session in it, for what is no part of an upgrade.
    pub(super) session: Session,
    /// Whether the server's clock is this machine's.
    pub(super) is_local: bool,
    /// What is worth saying of it.
    pub(super) notes: Vec<String>,
}

/// A rehearsal is confirmed by being asked for.
pub(super) const CONFIRMED: WriteArgs = WriteArgs { yes: true, wait: None };

impl<'s> Ground<'s> {
    /// Makes the database: its migrations are replayed as when they are compiled, and recorded as those of an adopted database.
    ///
    /// # Errors
    /// Exit 3: the throwaway server's. Exit 2: a migration that is applied cannot be replayed.
    pub(super) async fn build(
        settings: &Settings,
        scratch: &'s mut Scratch,
        declared: &'s ProjectModel,
        state: &MigrationState,
        plan: &MigrationPlan,
        live: Option<&Live>,
    ) -> Result<Self> {
        let is_local = scratch.bin_dir().is_some();
        let notes = roles(scratch, declared, live).await?;
        let head = &declared.lock.head;
        let mut trial = TrialDatabase::new(scratch, &head.settings, head, &declared.migrations).await?;
        let applied = applied_versions(declared, state);
        let of = |wanted: &BTreeSet<i64>| -> Vec<&Migration> {
            declared.migrations.iter().filter(|migration| wanted.contains(&migration.version)).collect()
        };
        let replayed = of(&applied);
        for migration in &replayed {
            if let Some(refused) = trial.run(&migration.path, migration).await? {
                return Err(Failure {
                    what: format!("{} cannot be replayed: {}", migration.id(), refused.what),
                    ..refused
                }
                .into());
            }
        }
        if live.is_none() {
            // Nobody knows which roles the real server has: those that the migrations name are made.
            let pending = of(&plan.steps.iter().map(|step| step.version).collect());
            let down = down_scripts(pending.iter().copied());
            trial
                .in_copy(async |copy| {
                    for script in pending.into_iter().chain(&down) {
                        if copy.run(&script.path, script).await?.is_some() {
                            break;
                        }
                    }
                    Ok(())
                })
                .await?;
        }
        // What was tried before, in a copy or in an earlier rehearsal, has made roles that the migrations are to make.
        for role in roles_made_by(plan).filter(|role| live.is_none_or(|live| !live.roles.contains(role))) {
            trial.execute(&format!("DROP ROLE IF EXISTS {}", identifier(&role))).await?;
        }
        let url = trial.url();
        Self::of(
            Origin::Built(Box::new(trial)),
            reaching(settings, &url),
            (declared, &replayed),
            is_local,
            notes,
        )
        .await
    }

    /// A database that was restored from a backup; `database` is removed with its server.
    ///
    /// # Errors
    /// The throwaway server's.
    pub(super) async fn restored(
        settings: &Settings,
        scratch: &'s mut Scratch,
        database: ScratchDatabase,
        prepared: &Prepared,
    ) -> Result<Self> {
        let Prepared { declared, live, .. } = prepared;
        let is_local = scratch.bin_dir().is_some();
        let notes = roles(scratch, declared, live.as_ref()).await?;
        let settings = reaching(settings, &scratch.url(&database));
        Self::of(Origin::Restored(scratch, database), settings, (declared, &[]), is_local, notes).await
    }

    async fn of(
        origin: Origin<'s>,
        settings: Settings,
        (declared, replayed): (&ProjectModel, &[&Migration]),
        is_local: bool,
        notes: Vec<String>,
    ) -> Result<Self> {
        record(&settings, declared, replayed).await?;
        let mut session = settings.target()?.connect(&settings.application()).await?.unobserved();
        session.execute(marks::TABLE).await?;
        Ok(Self { origin, known: Vec::new(), settings, session, is_local, notes })
    }

    /// Whether its rows are those of a real database.
    pub(super) fn has_real_rows(&self) -> bool {
        matches!(self.origin, Origin::Restored(..))
    }

    /// Where it is in the migrations.
    ///
    /// # Errors
    /// The server's. Exit 4: it is another project's.
    pub(super) async fn state(&self, declared: &ProjectModel) -> Result<MigrationState> {
        let snapshot = self.snapshot(declared).await?;
        let target = self.settings.target()?;
        Ok(comparison::compare(&self.settings, &target, declared, &snapshot)?.state)
    }

    /// Reads it as a live database is read, without the rows that are to be there.
    async fn snapshot(&self, declared: &ProjectModel) -> Result<DatabaseSnapshot> {
        let needs = Needs { seeds: Arc::default(), ..declared.needs() };
        let mut session = self.settings.target()?.connect(&self.settings.application()).await?;
        let snapshot = snapshot::take(&mut session, &comparison::request(&self.settings, needs)).await;
        session.close().await;
        snapshot
    }

    /// Notes how it differs from what these migrations build, which they have. Nothing of that is a finding later.
    ///
    /// # Errors
    /// The server's.
    pub(super) async fn know_differences(
        &mut self,
        declared: &ProjectModel,
        applied: &BTreeSet<i64>,
    ) -> Result<()> {
        self.known = self.differences(declared, applied).await?;
        if !self.known.is_empty() {
            self.notes.push(format!(
                "the database that was backed up was changed by hand, which stays in the rehearsal and is no finding: {}",
                plural(self.known.len(), "difference")
            ));
        }
        Ok(())
    }

    /// How the catalog differs from what these migrations build, and did not before.
    ///
    /// # Errors
    /// The server's.
    pub(super) async fn new_differences(
        &mut self,
        declared: &ProjectModel,
        applied: &BTreeSet<i64>,
    ) -> Result<Differences> {
        let mut found = self.differences(declared, applied).await?;
        found.retain(|difference| !self.known.contains(difference));
        Ok(found)
    }

    async fn differences(&mut self, declared: &ProjectModel, applied: &BTreeSet<i64>) -> Result<Differences> {
        let lock = &declared.lock;
        let (found, server) = match &mut self.origin {
            Origin::Built(trial) => (trial.read().await?, trial.server()),
            Origin::Restored(..) => {
                let snapshot = self.snapshot(declared).await?;
                (snapshot.catalog, snapshot.version)
            }
        };
        let wanted = lock.state_after(|version| applied.contains(&version));
        let found = diff::align_majors(&found, server, lock.head.server, &wanted.objects).unwrap_or(found);
        let states = diff::States { live: &found, applied: &wanted, last: &wanted, model: &wanted };
        let differences = diff::compare(states).into_iter().filter_map(|difference| {
            let attributes = difference.attributes();
            let what = diff::deviation(
                &difference.id,
                difference.live.as_ref(),
                difference.model.as_ref(),
                |attribute| attributes.contains(&attribute),
            )?;
            Some((difference.id.to_string(), difference.id.kind.word(), what))
        });
        Ok(differences.collect())
    }

    /// Drops the database.
    ///
    /// # Errors
    /// The server's.
    pub(super) async fn finish(self) -> Result<()> {
        self.session.close().await;
        match self.origin {
            Origin::Built(trial) => trial.finish().await,
            Origin::Restored(scratch, database) => scratch.drop_database(database).await,
        }
    }
}

/// Makes the roles of the real server that the migrations name. A migration that names one which is missing there fails in the
/// rehearsal as it would there.
async fn roles(scratch: &mut Scratch, declared: &ProjectModel, live: Option<&Live>) -> Result<Vec<String>> {
    let down = down_scripts(declared.migrations.iter());
    // A name that is not quoted may be written in capital letters.
    let texts = declared.migrations.iter().chain(&down).map(|script| script.sql.to_lowercase());
    let texts: Vec<String> = texts.collect();
    let named = |role: &&String| texts.iter().any(|text| text.contains(&role.to_lowercase()));
    for role in live.iter().flat_map(|live| &live.roles).filter(named) {
        scratch.create_role(role).await?;
    }
    let assumed = &declared.lock.head.settings.assume_extensions;
    let mut notes = vec!["rights are not rehearsed: the migrations run as a superuser".to_owned()];
    if !assumed.is_empty() {
        notes.push(format!(
            "stand-ins are in the place of what the extensions {} have, where this server lacks them (assume_extensions)",
            assumed.join(", ")
        ));
    }
    Ok(notes)
}

/// The down scripts of these migrations, the newest first. What is wrong with one is said on the way down.
fn down_scripts<'m>(migrations: impl DoubleEndedIterator<Item = &'m Migration>) -> Vec<Migration> {
    let scripts = migrations.rev().filter_map(|migration| {
        let path = migration.down.clone()?;
        let sql = read_file(&path).ok()?;
        let directives = Directives::read(&path, &sql).ok()?;
        Some(Migration { path, sql, directives, ..migration.clone() })
    });
    scripts.collect()
}

/// The roles that the pending migrations create.
fn roles_made_by(plan: &MigrationPlan) -> impl Iterator<Item = String> {
    let statements = plan.steps.iter().flat_map(|step| &step.script.statements);
    statements.filter_map(|statement| {
        let words: Vec<String> = words_of(&statement.text).take(3).map(str::to_owned).collect();
        let is =
            |index: usize, word: &str| words.get(index).is_some_and(|other| other.eq_ignore_ascii_case(word));
        let role = words.get(2).filter(|_| is(0, "create") && (is(1, "role") || is(1, "user")))?;
        let quoted = role.strip_prefix('"').and_then(|inner| inner.strip_suffix('"'));
        Some(quoted.map_or_else(|| role.to_lowercase(), |inner| inner.replace("\"\"", "\"")))
    })
}

/// The settings of an upgrade of that database: no environment is meant, nobody is asked, nothing is backed up.
fn reaching(settings: &Settings, url: &str) -> Settings {
    let mut settings = settings.reaching(url, "the throwaway server");
    settings.environment = None;
    settings.environment_asked_for = false;
    // A restored copy has the mark of its original, and is none of its environments.
    settings.environments.clear();
    settings.database.set_role = None;
    settings.output.interactive = false;
    settings.output.events = false;
    settings.backup.required = BackupRequired::Never;
    settings.run = ulid::Ulid::generate().to_string();
    settings
}

/// Records the migrations as applied.
async fn record(settings: &Settings, declared: &ProjectModel, applied: &[&Migration]) -> Result<()> {
    let stop = StopSignal::channel().1;
    let mut writing = WriteCommand::open(settings, &CONFIRMED, &stop).await?;
    let snapshot = writing.take_snapshot(declared).await?;
    let ledger = plan_steps::ledger(settings, &snapshot, &declared.migrations)?;
    writing.lock().await?;
    let marking = writing.first_mark();
    writing
        .recorded(&marking, None, async |writing| {
            if !applied.is_empty() {
                let adopt = Adopt {
                    writer: &mut writing.writer,
                    watch: &mut writing.progress,
                    lock: &declared.lock,
                    migrations: applied,
                    ledger: Some(&ledger),
                    detail: "for a rehearsal",
                    accepted: &[],
                    limits: migrate::defaults(settings).transaction,
                    version: snapshot.version,
                    options: &declared.lock.head.options,
                };
                executor::adopt(adopt, |_| Ok(())).await?;
            }
            Ok((Exit::Clean, ()))
        })
        .await
}
