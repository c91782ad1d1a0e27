//! The backup before a change: decides whether one is taken, takes it, and adds recovery hints to the failure of a
//! change that stopped part-way.

use anyhow::Result;

use crate::backup::{
    self, BackupMethod, BackupRequest, DatabaseIdentity, External, Manifest, Programs, ProofLevel, Scope,
    Store, VerifyRequest,
};
use crate::changes::plan::{Affected, Direction, MigrationPlan};
use crate::error::{ErrorCode, Exit, Failure, with_failure};
use crate::output::Progress;
use crate::postgres::catalog::Kind;
use crate::postgres::connection::{Session, Target};
use crate::project::{BackupKind, BackupRequired, Settings};
use crate::snapshot::{self, DatabaseSnapshot};
use crate::text::{duration, short_id, size};
use crate::workflow::backup_store;
use crate::workflow::reports::backup_plan::{BackupPlan, LastBackup};
use crate::workflow::write_command::WriteCommand;
use crate::writer::{StopSignal, WriteSession};

/// The number of the backup in the record of a run, before all other steps.
const STEP: usize = 0;

/// The decision about the backup before a change.
pub(crate) struct BackupPolicy {
    store: Store,
    external: External,
    scope: Scope,
    decision: Decision,
    /// The decision as reports show it.
    pub(crate) plan: BackupPlan,
}

/// The options that the decision depends on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BackupOptions {
    /// `--no-backup`
    pub(crate) no_backup: bool,
    /// Whether the environment is protected.
    pub(crate) protected: bool,
    /// Whether the change will be made, so that the store must be writable; `false` for a dry run.
    pub(crate) write: bool,
}

/// What a change does, as far as it matters for a backup: a plan of migrations, a repair, seeds.
#[derive(Debug, Clone)]
pub(crate) struct PlannedChanges {
    /// The tables whose rows or definitions change.
    pub(crate) affected: Affected,
    /// Why a backup would be of no use, where it would be of none.
    pub(crate) nothing: Option<&'static str>,
    /// The command that reverts a change that stopped part-way, where there is one.
    pub(crate) undo: Option<String>,
    /// Whether a backup of the affected tables is enough whatever `[backup] scope` says.
    pub(crate) only_affected: bool,
}

impl PlannedChanges {
    /// The changes of a plan of migrations.
    pub(crate) fn of_plan(plan: &MigrationPlan, snapshot: &DatabaseSnapshot) -> Self {
        let nothing = plan.steps.iter().all(|step| step.record);
        let undo = match (plan.direction, plan.current) {
            (Direction::Up, Some(version)) => Some(format!("trueup downgrade --to {version}")),
            _ => None,
        };
        Self {
            affected: plan.affected(&snapshot.catalog),
            nothing: nothing.then_some("only the history is changed"),
            undo,
            only_affected: false,
        }
    }
}

enum Decision {
    /// No backup is taken. If that was asked for, it is recorded.
    Without { asked_for: bool },
    /// This existing backup is recent enough.
    Fresh(Box<Manifest>),
    /// A backup is taken.
    Take,
}

impl BackupPolicy {
    /// Decides whether a backup is needed, and which one. Over `session` the size of the database is asked for.
    ///
    /// # Errors
    /// Exit 4: a backup is needed and could not be taken, or `--no-backup` is not allowed here.
    pub(crate) async fn plan(
        settings: &Settings,
        options: BackupOptions,
        changes: &PlannedChanges,
        snapshot: &DatabaseSnapshot,
        session: Option<&mut Session>,
    ) -> Result<Self> {
        let store = backup_store::store(settings)?;
        let external = backup_store::external(settings);
        let (scope, note) = scope(settings, changes);
        let (decision, plan) =
            if let Some((why, asked_for)) = reason_to_skip(settings, options, changes, snapshot, &scope)? {
                (Decision::Without { asked_for }, BackupPlan::none(why))
            } else {
                let identity = &snapshot.identity;
                let ours = |manifest: &Manifest| {
                    manifest.is_of(&identity.system_identifier, identity.database_oid, &identity.database)
                };
                let listed = store.list().await?.into_iter();
                let before: Vec<Manifest> =
                    listed.filter_map(|listed| listed.manifest.ok()).filter(ours).collect();
                let newest = || before.iter().rev();
                if let Some(fresh) = newest().find(|manifest| is_recent_enough(settings, manifest)) {
                    let plan = BackupPlan::fresh(fresh, backup_store::age(fresh));
                    (Decision::Fresh(Box::new(fresh.clone())), plan)
                } else {
                    if let BackupMethod::Dump { bin_dir, .. } = backup_store::method(settings, &external) {
                        Programs::find(bin_dir, snapshot.version)?;
                    }
                    if options.write {
                        store.check_writable().await?;
                    }
                    let last = newest().find(|manifest| manifest.scope == scope);
                    let bytes = match session {
                        Some(session) => snapshot::database_bytes(session).await?,
                        None => None,
                    };
                    let command = settings.backup.kind == BackupKind::Command;
                    let level = if command { None } else { Some(backup_store::level(settings)) };
                    let plan = BackupPlan::take(level, &scope, &store.location(), last, bytes, note);
                    (Decision::Take, plan)
                }
            };
        Ok(Self { store, external, scope, decision, plan })
    }

    /// Takes the backup if one is to be taken, and records it. The run must have begun.
    ///
    /// # Errors
    /// Exit 4, 5 or 75, see [`backup::take`]: nothing was changed.
    pub(crate) async fn ensure(
        &self,
        settings: &Settings,
        snapshot: &DatabaseSnapshot,
        WriteCommand { writer, target, progress, .. }: &mut WriteCommand<'_>,
    ) -> Result<Option<(Manifest, LastBackup)>> {
        let manifest = match &self.decision {
            Decision::Without { asked_for: false } => return Ok(None),
            Decision::Without { asked_for: true } => None,
            // The stored bytes of an existing backup are verified again before anything relies on it.
            Decision::Fresh(fresh) if self.is_whole(settings, fresh, writer.stop_signal()).await => {
                Some((**fresh).clone())
            }
            Decision::Fresh(_) | Decision::Take => {
                Some(self.take(settings, snapshot, target, writer, progress).await?)
            }
        };
        let taken = manifest.map(|manifest| {
            let summary = LastBackup::new(&manifest, &self.store.location());
            (manifest, summary)
        });
        let detail = match &taken {
            Some((_, summary)) => serde_json::to_string(summary)?,
            None => "--no-backup".to_owned(),
        };
        let records = writer.step_record(STEP, "backup", None, Some(&detail));
        let what = "the record of the backup";
        writer.record(what, &records, progress).await.map_err(|trouble| trouble.failure(what, false))?;
        Ok(taken)
    }

    async fn is_whole(&self, settings: &Settings, manifest: &Manifest, stop: &StopSignal) -> bool {
        let verifying = VerifyRequest {
            store: &self.store,
            manifest,
            level: ProofLevel::Quick,
            programs: None,
            external: Some(&self.external),
            place: &backup_store::trial(settings),
            application: &settings.application(),
            search_path: &settings.database.search_path,
        };
        backup::verify(&verifying, stop.clone(), &mut ()).await.is_ok()
    }

    async fn take(
        &self,
        settings: &Settings,
        snapshot: &DatabaseSnapshot,
        target: &Target,
        writer: &mut WriteSession,
        progress: &mut Progress,
    ) -> Result<Manifest> {
        let stop: StopSignal = writer.stop_signal().clone();
        let place = writer.server().clone();
        let application = settings.application();
        let request = BackupRequest {
            target,
            application: &application,
            search_path: &settings.database.search_path,
            set_role: settings.database.set_role.as_deref(),
            store: &self.store,
            id: &settings.run,
            run: &settings.run,
            method: backup_store::method(settings, &self.external),
            scope: self.scope.clone(),
            level: backup_store::level(settings),
            trial: &backup_store::trial(settings),
            lock_wait: settings.database.lock_timeout.unwrap_or(backup_store::LOCK_WAIT),
            labels: backup_store::source_labels(snapshot.mark(), snapshot.history.as_deref()),
            expected: Some(DatabaseIdentity {
                system_identifier: &place.system_identifier,
                oid: place.database_oid,
                name: &place.database,
            }),
        };
        self.store.sweep().await?;
        let taken = writer.while_connected(backup::take(&request, stop, progress)).await;
        progress.end(taken.is_ok());
        // Whatever the reason is, nothing was changed.
        taken.map_err(|error| {
            with_failure(error, |failure| match failure.exit {
                Exit::CannotTell => Failure { exit: Exit::RolledBack, ..failure },
                _ => failure,
            })
        })
    }
}

/// Adds the ways out to the failure of a change that stopped part-way: resume, revert, restore, in this order. A
/// change that was rolled back needs none.
pub(crate) async fn add_recovery_hints(
    settings: &Settings,
    error: anyhow::Error,
    manifest: &Manifest,
    undo: Option<&str>,
    writer: &mut WriteSession,
) -> anyhow::Error {
    let failure = match error.downcast::<Failure>() {
        Ok(failure) if failure.exit == Exit::Partial => failure,
        Ok(failure) => return failure.into(),
        Err(error) => return error,
    };
    let mut next = format!("to continue: {}", failure.next);
    if let Some(command) = undo {
        let same = settings.same_database("--database-url");
        next.push_str(&format!("\nto revert what was done: {command}{same}"));
    }
    let age = backup_store::age(manifest).map(duration).unwrap_or_default();
    let written = match &manifest.wal.after {
        Some(position) => writer.written_since(position).await,
        None => None,
    };
    let written = written.map(|bytes| format!(" ({} of WAL)", size(bytes))).unwrap_or_default();
    let id = short_id(&manifest.id);
    let restore = match (&manifest.reference, &manifest.scope) {
        (Some(reference), _) => format!("restore {reference} where it was taken"),
        (None, Scope::Full) => {
            format!("trueup restore {id} --replace{}", settings.same_database("--into"))
        }
        (None, Scope::Tables(tables)) => {
            format!(
                "trueup restore {id} --into URL, of a new database, for the rows of {}",
                tables.join(", ")
            )
        }
    };
    next.push_str(&format!(
        "\nas the last resort: {restore}; this loses what was written since the backup, {age} ago{written}"
    ));
    Failure { next, ..failure }.into()
}

/// Why no backup is taken, and whether that was asked for; `None` when one is needed.
fn reason_to_skip(
    settings: &Settings,
    BackupOptions { no_backup, protected, .. }: BackupOptions,
    changes: &PlannedChanges,
    snapshot: &DatabaseSnapshot,
    scope: &Scope,
) -> Result<Option<(&'static str, bool)>, Failure> {
    if no_backup && protected {
        return Err(Failure::new(
            Exit::Refused,
            "--no-backup is not allowed on a protected environment; nothing was changed",
        )
        .code(ErrorCode::BACKUP_REQUIRED)
        .next("leave it out; or, when a backup is taken elsewhere: [backup] kind = \"command\""));
    }
    let has_rows = |kind| matches!(kind, Kind::Table | Kind::MaterializedView | Kind::Sequence);
    let catalog = &snapshot.catalog;
    let is_new =
        catalog.unmodeled.is_empty() && !catalog.objects.iter().any(|object| has_rows(object.id.kind));
    let required = settings.backup.required;
    let reasons = [
        (no_backup, "--no-backup"),
        (required == BackupRequired::Never, "[backup] required = \"never\""),
        (
            required == BackupRequired::Protected && !protected,
            "[backup] required = \"protected\", and this environment is not",
        ),
        (changes.nothing.is_some(), changes.nothing.unwrap_or_default()),
        (is_new, "the database has no tables yet"),
        (*scope == Scope::Tables(Vec::new()), "no existing table is changed"),
    ];
    Ok(reasons.into_iter().find(|(holds, _)| *holds).map(|(_, why)| (why, no_backup)))
}

/// Whether an existing backup can be used: it is full, verified as thoroughly as a new one would be, and recent
/// enough.
fn is_recent_enough(settings: &Settings, manifest: &Manifest) -> bool {
    let fresh_for = settings.backup.fresh_for;
    let wanted = if manifest.reference.is_some() { ProofLevel::Quick } else { backup_store::level(settings) };
    let proved = manifest.verified.as_ref().is_some_and(|verified| verified.how >= wanted)
        || wanted == ProofLevel::Quick && manifest.reference.is_none();
    manifest.scope == Scope::Full
        && proved
        && !fresh_for.is_zero()
        && backup_store::age(manifest).is_some_and(|age| age <= fresh_for)
}

/// The part of the database to back up, and why it is the whole one although less was asked for.
fn scope(settings: &Settings, changes: &PlannedChanges) -> (Scope, Option<String>) {
    let whole = !settings.backup.affected && !changes.only_affected;
    if whole || settings.backup.kind == BackupKind::Command {
        return (Scope::Full, None);
    }
    match &changes.affected {
        Affected::Tables(tables) => (Scope::Tables(tables.iter().map(ToString::to_string).collect()), None),
        Affected::Unknown(why) => (Scope::Full, Some(why.clone())),
    }
}
