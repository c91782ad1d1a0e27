//! What commands about backups share: the store, the backup method, finding a backup by its identifier.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use tokio::task::JoinHandle;

use crate::backup::restore::TrialTarget;
use crate::backup::{
    BackupFormat, BackupMethod, External, Manifest, ProofLevel, Scope, SourceLabels, Store, StoreLocation,
    StoredBackup,
};
use crate::error::{ErrorCode, Exit, Failure};
use crate::migrations::history::Applied;
use crate::project::{BackupKind, BackupSettings, Settings, VerifySetting};
use crate::text::short_id;
use crate::workflow::project_model;
use crate::writer::{IdKind, Mark};

/// How long to wait for the lock of a table, where the project has no `lock_timeout`.
pub(crate) const LOCK_WAIT: Duration = Duration::from_secs(30);

/// The store of the project.
///
/// # Errors
/// Exit 2: this binary was built without the store, or its settings are invalid.
pub(crate) fn store(settings: &Settings) -> Result<Store> {
    let BackupSettings { store, endpoint, region, store_timeout, .. } = &settings.backup;
    if !store.contains("://") {
        return Ok(Store::local(&settings.project.dir.join(store)));
    }
    let location = StoreLocation::parse(store)?;
    let variables = settings.credentials.variables().clone();
    let (endpoint, region) = (endpoint.clone(), region.clone());
    Ok(Store::object(&StoreLocation { endpoint, region, timeout: *store_timeout, variables, ..location })?)
}

/// The commands of `kind = "command"`.
pub(crate) fn external(settings: &Settings) -> External {
    let hidden = settings.environments.values().filter_map(|environment| environment.url_env.clone());
    External {
        command: settings.backup.command.clone(),
        confirm: settings.backup.confirm.clone(),
        timeout: settings.backup.timeout,
        hidden: hidden.chain([settings.database.url_env.clone()]).collect(),
    }
}

/// How backups of the project are taken.
pub(crate) fn method<'m>(settings: &'m Settings, external: &'m External) -> BackupMethod<'m> {
    let kind = match settings.backup.kind {
        BackupKind::Command => return BackupMethod::Command(external),
        BackupKind::Custom => BackupFormat::Custom,
        BackupKind::Directory => BackupFormat::Directory,
    };
    BackupMethod::Dump {
        kind,
        jobs: settings.backup.jobs,
        compression: settings.backup.compression.as_deref(),
        bin_dir: programs(settings),
    }
}

/// Where a backup is restored to verify it.
pub(crate) fn trial(settings: &Settings) -> TrialTarget {
    let mut options = project_model::scratch_options(settings);
    // The trial needs the major version of the server that was backed up, not the one that models are compiled on.
    options.major = None;
    // Nobody but trueup reaches the rows of a backup.
    options.loopback = false;
    TrialTarget::Scratch(options)
}

/// The directory of PostgreSQL's programs, where one was given.
pub(crate) fn programs(settings: &Settings) -> Option<&Path> {
    settings.scratch.bin_dir.as_deref().filter(|dir| has_programs(dir))
}

/// A directory that was given for a throwaway server may lack `pg_dump`.
fn has_programs(dir: &Path) -> bool {
    [dir.to_owned(), dir.join("bin")].iter().any(|dir| dir.join("pg_dump").exists())
}

/// The environment label and the migration version of a database.
pub(crate) fn source_labels(mark: Option<&Mark>, history: Option<&[Applied]>) -> SourceLabels {
    let newest = history.into_iter().flatten().max_by_key(|row| row.version).map(Applied::id);
    SourceLabels {
        environment: mark.and_then(|mark| mark.environment.clone()),
        project: mark.and_then(|mark| mark.project.clone()),
        mark: mark.map(|mark| mark.id.clone()),
        version: newest.map(|id| id.version_text()),
        tool: newest.and_then(|id| id.revision).map(|revision| revision.tool.label().to_owned()),
    }
}

/// How thoroughly backups of the project are verified.
pub(crate) fn level(settings: &Settings) -> ProofLevel {
    match settings.backup.verify {
        VerifySetting::Quick => ProofLevel::Quick,
        VerifySetting::Contents => ProofLevel::Contents,
        VerifySetting::Restore => ProofLevel::Restore,
    }
}

/// Selects the backup that `latest` stands for: one store may hold backups of several databases.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LatestOf<'a> {
    /// The name of the database; `None` when the store holds backups of a single one.
    pub(crate) database: Option<&'a str>,
    /// Whether only full backups count.
    pub(crate) whole: bool,
}

impl LatestOf<'_> {
    /// Keeps the backups that `latest` may stand for.
    fn retain(self, listed: &mut Vec<StoredBackup>, store: &Store) -> Result<(), Failure> {
        let manifest = |listed: &StoredBackup| listed.manifest.as_ref().ok().cloned();
        listed.retain(|one| manifest(one).is_some_and(|found| !self.whole || found.scope == Scope::Full));
        let databases: BTreeSet<String> =
            listed.iter().filter_map(manifest).map(|found| found.source.database).collect();
        let others = databases.iter().cloned().collect::<Vec<_>>().join(", ");
        let what = match self.database {
            Some(database) if !databases.is_empty() && !databases.contains(database) => {
                format!("there is no backup of database {database} in {}, only of {others}", store.location())
            }
            None if databases.len() > 1 => {
                format!("there are backups of several databases in {}: {others}", store.location())
            }
            Some(database) => {
                listed.retain(|one| manifest(one).is_some_and(|found| found.source.database == database));
                return Ok(());
            }
            None => return Ok(()),
        };
        Err(Failure::usage(what)
            .code(ErrorCode::BACKUP_NOT_FOUND)
            .next("name the one that is meant: trueup backup list --all"))
    }
}

/// Stands for the newest backup in place of an identifier.
const LATEST: &str = "latest";

/// The backup of an identifier, of at least ten characters of its beginning or end, or of `latest`.
///
/// # Errors
/// Exit 2: the identifier is empty or too short, no backup has it, or several have. Exit 5: the manifest of the
/// backup cannot be used.
pub(crate) async fn find(store: &Store, typed: &str, latest_of: LatestOf<'_>) -> Result<Manifest> {
    let mut listed = store.list().await?;
    if typed == LATEST {
        latest_of.retain(&mut listed, store)?;
    } else {
        let ids = listed.iter().map(|stored| stored.id.clone());
        let id = IdKind::Backup.complete(typed, ids)?;
        listed.retain(|stored| Some(&stored.id) == id.as_ref());
    }
    let Some(StoredBackup { id, manifest }) = listed.pop() else {
        let what = format!("there is no backup {typed} in {}", store.location());
        return Err(Failure::usage(what).code(ErrorCode::BACKUP_NOT_FOUND).next("trueup backup list").into());
    };
    manifest.map_err(|why| {
        Failure::new(Exit::RolledBack, format!("backup {} cannot be used: {why}", short_id(&id)))
            .code(ErrorCode::BACKUP_DAMAGED)
            .next("use another backup: trueup backup list")
            .into()
    })
}

/// How long a store may take to list backups for mere information.
const LISTING: Duration = Duration::from_secs(5);

/// The usable manifests, the oldest first; `None` when the store does not answer in time.
pub(crate) async fn manifests(settings: &Settings) -> Option<Vec<Manifest>> {
    Listing::default().manifests(settings).await
}

/// A listing that is repeated. One that a store did not answer in time goes on; none begins beside it, so that a store that
/// stands still keeps one thread and no more.
#[derive(Debug, Default)]
pub(crate) struct Listing(Option<JoinHandle<Option<Vec<Manifest>>>>);

impl Listing {
    /// The usable manifests, the oldest first; `None` when the store does not answer in time.
    pub(crate) async fn manifests(&mut self, settings: &Settings) -> Option<Vec<Manifest>> {
        // What was answered too late is of a moment that nobody knows.
        let late = self.0.take().filter(|listing| !listing.is_finished());
        let listing = self.0.insert(late.unwrap_or_else(|| tokio::spawn(usable_manifests(settings.clone()))));
        let answer = tokio::time::timeout(LISTING, listing).await.ok()?;
        self.0 = None;
        answer.ok()?
    }
}

async fn usable_manifests(settings: Settings) -> Option<Vec<Manifest>> {
    let listed = store(&settings).ok()?.list().await.ok()?;
    Some(listed.into_iter().filter_map(|listed| listed.manifest.ok()).collect())
}

/// The age of a backup by the clock of this machine.
pub(crate) fn age(manifest: &Manifest) -> Option<Duration> {
    let taken = humantime::parse_rfc3339(&manifest.taken_at).ok()?;
    Some(SystemTime::now().duration_since(taken).unwrap_or_default())
}
