//! The backup before a change: whether one is needed, which one counts, taking it, and what it is good for when the change
//! stopped part-way.

use std::time::Duration;

use anyhow::Result;

use crate::backup::{self, External, Level, Manifest, Method, Programs, Request, Scope, Store, Verifying};
use crate::changes::plan::{Affected, Direction, Plan};
use crate::error::{Exit, Failure};
use crate::output::Progress;
use crate::postgres::catalog::Kind;
use crate::postgres::connection::{Session, Target};
use crate::project::{BackupKind, Required, Settings};
use crate::snapshot::{self, DatabaseSnapshot};
use crate::text::size;
use crate::workflow::backup_store;
use crate::workflow::reports::backup_plan::{BackupPlan, LastBackup};
use crate::workflow::write_command::WriteCommand;
use crate::writer::{Stop, WriteSession, seconds};

/// The number of the backup's row among the steps of a run: before all others.
const STEP: usize = 0;
/// How often both connections are used while the backup is taken, so that nothing between here and the server takes them
/// for forgotten.
const AWAKE: Duration = Duration::from_secs(20);

/// What is done about a backup before a change.
pub(crate) struct BackupPolicy {
    store: Store,
    external: External,
    scope: Scope,
    decision: Decision,
    /// As reports tell it.
    pub(crate) plan: BackupPlan,
}

/// What is known when it is decided.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    /// `--no-backup`
    pub(crate) no_backup: bool,
    /// Whether the environment is protected.
    pub(crate) protected: bool,
    /// Whether anything is going to be done, so that what a backup needs is proved to be there.
    pub(crate) write: bool,
}

/// What is going to be changed, as far as a backup has to know it: of a migration's plan, of a repair, of seeds.
#[derive(Debug, Clone)]
pub(crate) struct Changes {
    /// The tables whose rows or shape change.
    pub(crate) affected: Affected,
    /// Why nothing is changed that a backup could give back, where that is so.
    pub(crate) nothing: Option<&'static str>,
    /// The command that takes back what was done before a change stopped part-way, where there is one.
    pub(crate) undo: Option<String>,
    /// Whether the affected tables are enough, whatever `[backup] scope` says.
    pub(crate) only_affected: bool,
}

impl Changes {
    /// Those of a plan of migrations.
    pub(crate) fn of_plan(plan: &Plan, snapshot: &DatabaseSnapshot) -> Self {
        let nothing = plan.steps.iter().all(|step| step.record);
        let undo = match (plan.direction, plan.current) {
            (Direction::Up, Some(version)) => Some(format!("trueup downgrade --to {version}")),
            _ => None,
        };
        Self {
            affected: plan.affected(&snapshot.catalog),
            nothing: nothing.then_some("nothing but the history is changed"),
            undo,
            only_affected: false,
        }
    }
}

enum Decision {
    /// None is taken, and why; whether somebody said so, which is recorded.
    Without { said: bool },
    /// This one is young enough.
    Fresh(Box<Manifest>),
    /// One is taken.
    Take,
}

impl BackupPolicy {
    /// Decides.
    ///
    /// # Errors
    /// Exit 4: a backup is needed and could not be taken, or `--no-backup` is not allowed here.
    pub(crate) async fn decide(
        settings: &Settings,
        wanted: Wanted,
        changes: &Changes,
        snapshot: &DatabaseSnapshot,
        session: &mut Session,
    ) -> Result<Self> {
        let store = backup_store::store(settings)?;
        let external = backup_store::external(settings);
        let (scope, note) = scope(settings, changes);
        let (decision, plan) =
            if let Some((why, said)) = needless(settings, wanted, changes, snapshot, &scope)? {
                (Decision::Without { said }, BackupPlan::none(why))
            } else {
                let identity = &snapshot.identity;
                let ours = |manifest: &Manifest| {
                    manifest.is_of(&identity.system_identifier, identity.database_oid, &identity.database)
                };
                let listed = store.list().await?.into_iter();
                let before: Vec<Manifest> =
                    listed.filter_map(|listed| listed.manifest.ok()).filter(ours).collect();
                let newest = || before.iter().rev();
                if let Some(fresh) = newest().find(|manifest| counts(settings, manifest)) {
                    let plan = BackupPlan::fresh(fresh, backup_store::age(fresh));
                    (Decision::Fresh(Box::new(fresh.clone())), plan)
                } else {
                    if let Method::Dump { bin_dir, .. } = backup_store::method(settings, &external) {
                        Programs::find(bin_dir, snapshot.version)?;
                    }
                    if wanted.write {
                        store.ready().await?;
                    }
                    let last = newest().find(|manifest| manifest.scope == scope);
                    let bytes = snapshot::database_bytes(session).await?;
                    let command = settings.backup.kind == BackupKind::Command;
                    let level = if command { None } else { Some(backup_store::level(settings)) };
                    let plan = BackupPlan::take(level, &scope, &store.place(), last, bytes, note);
                    (Decision::Take, plan)
                }
            };
        Ok(Self { store, external, scope, decision, plan })
    }

    /// Takes it, where one is to be taken, and records it. The door's run is begun.
    ///
    /// # Errors
    /// Exit 4, 5 or 75, see [`backup::take`]: nothing was changed.
    pub(crate) async fn before(
        &self,
        settings: &Settings,
        snapshot: &DatabaseSnapshot,
        WriteCommand { writer, target, progress, .. }: &mut WriteCommand<'_>,
    ) -> Result<Option<(Manifest, LastBackup)>> {
        let manifest = match &self.decision {
            Decision::Without { said: false } => return Ok(None),
            Decision::Without { said: true } => None,
            // What was whole then is looked at again before anything relies on it.
            Decision::Fresh(fresh) if self.is_whole(settings, fresh, writer.stop()).await => {
                Some((**fresh).clone())
            }
            Decision::Fresh(_) | Decision::Take => {
                Some(self.take(settings, snapshot, target, writer, progress).await?)
            }
        };
        let taken = manifest.map(|manifest| {
            let told = LastBackup::new(&manifest, &self.store.place());
            (manifest, told)
        });
        let detail = match &taken {
            Some((_, told)) => serde_json::to_string(told)?,
            None => "--no-backup".to_owned(),
        };
        let records = writer.step_record(STEP, "backup", None, Some(&detail));
        let what = "the record of the backup";
        writer.note(what, &records, progress).await.map_err(|trouble| trouble.failure(what, false))?;
        Ok(taken)
    }

    async fn is_whole(&self, settings: &Settings, manifest: &Manifest, stop: &Stop) -> bool {
        let verifying = Verifying {
            store: &self.store,
            manifest,
            level: Level::Quick,
            programs: None,
            external: Some(&self.external),
            place: &backup_store::trial(settings),
            application: &settings.application(),
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
        let stop: Stop = writer.stop().clone();
        let place = writer.place().clone();
        let application = settings.application();
        let request = Request {
            target,
            application: &application,
            set_role: settings.database.set_role.as_deref(),
            store: &self.store,
            id: &settings.run,
            run: &settings.run,
            method: backup_store::method(settings, &self.external),
            scope: self.scope.clone(),
            level: backup_store::level(settings),
            trial: &backup_store::trial(settings),
            lock_wait: settings.database.lock_timeout.unwrap_or(backup_store::LOCK_WAIT),
            marked: backup_store::marked(snapshot.internal.as_ref(), snapshot.history.as_deref()),
            expected: Some((&place.system_identifier, place.database_oid, &place.database)),
        };
        self.store.sweep().await?;
        let taken = tokio::select! {
            taken = backup::take(&request, stop, progress) => taken,
            error = writer.stay_awake(AWAKE) => Err(error),
        };
        progress.clear();
        // Whatever could not be told, nothing was changed.
        taken.map_err(|error| match error.downcast::<Failure>() {
            Ok(failure) if failure.exit == Exit::CannotTell => {
                Failure { exit: Exit::RolledBack, ..failure }.into()
            }
            Ok(failure) => failure.into(),
            Err(error) => error,
        })
    }
}

/// What an operator has in hand when a change stopped part-way: going on comes first, restoring last. One that was rolled
/// back needs none of it.
pub(crate) async fn last_resort(
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
    let mut next = format!("to go on: {}", failure.next);
    if let Some(command) = undo {
        next.push_str(&format!("\nto take back what was done: {command}"));
    }
    let age = backup_store::age(manifest).map(seconds).unwrap_or_default();
    let written = match &manifest.wal.after {
        Some(position) => writer.written_since(position).await,
        None => None,
    };
    let written = written.map(|bytes| format!(" ({} of WAL)", size(bytes))).unwrap_or_default();
    let id = &manifest.id;
    let restore = match (&manifest.reference, &manifest.scope) {
        (Some(reference), _) => format!("restore {reference} where it was taken"),
        (None, Scope::Full) => format!("trueup restore {id} --into URL --replace"),
        (None, Scope::Tables(tables)) => {
            format!(
                "trueup restore {id} --into URL, of a new database, for the rows of {}",
                tables.join(", ")
            )
        }
    };
    next.push_str(&format!(
        "\nas the last resort: {restore}; what was written since the backup, {age} ago{written}, is lost then"
    ));
    Failure { next, ..failure }.into()
}

/// Why no backup is needed, and whether somebody said so.
fn needless(
    settings: &Settings,
    Wanted { no_backup, protected, .. }: Wanted,
    changes: &Changes,
    snapshot: &DatabaseSnapshot,
    scope: &Scope,
) -> Result<Option<(&'static str, bool)>, Failure> {
    if no_backup && protected {
        return Err(Failure::new(
            Exit::Refused,
            "--no-backup is not allowed on a protected environment; nothing was changed",
        )
        .next("leave it out; or, when a backup is taken elsewhere: [backup] kind = \"command\""));
    }
    let has_rows = |kind| matches!(kind, Kind::Table | Kind::MaterializedView | Kind::Sequence);
    let catalog = &snapshot.catalog;
    let is_new =
        catalog.unmodeled.is_empty() && !catalog.objects.iter().any(|object| has_rows(object.id.kind));
    let required = settings.backup.required;
    let reasons = [
        (no_backup, "--no-backup was said"),
        (required == Required::Never, "[backup] required = \"never\""),
        (
            required == Required::Protected && !protected,
            "[backup] required = \"protected\", and this environment is not",
        ),
        (changes.nothing.is_some(), changes.nothing.unwrap_or_default()),
        (is_new, "there is no table in this database yet"),
        (*scope == Scope::Tables(Vec::new()), "no table that is there is changed"),
    ];
    Ok(reasons.into_iter().find(|(holds, _)| *holds).map(|(_, why)| (why, no_backup)))
}

/// Whether a backup that is there counts: whole, proved as thoroughly as one that would be taken, and young enough.
fn counts(settings: &Settings, manifest: &Manifest) -> bool {
    let fresh_for = settings.backup.fresh_for;
    let wanted = if manifest.reference.is_some() { Level::Quick } else { backup_store::level(settings) };
    let proved = manifest.verified.as_ref().is_some_and(|verified| verified.how >= wanted)
        || wanted == Level::Quick && manifest.reference.is_none();
    manifest.scope == Scope::Full
        && proved
        && !fresh_for.is_zero()
        && backup_store::age(manifest).is_some_and(|age| age <= fresh_for)
}

/// What of the database is backed up, and why it is more than was asked for.
fn scope(settings: &Settings, changes: &Changes) -> (Scope, Option<String>) {
    let whole = !settings.backup.affected && !changes.only_affected;
    if whole || settings.backup.kind == BackupKind::Command {
        return (Scope::Full, None);
    }
    match &changes.affected {
        Affected::Tables(tables) => (Scope::Tables(tables.iter().map(ToString::to_string).collect()), None),
        Affected::Unknown(why) => (Scope::Full, Some(why.clone())),
    }
}
