//! What commands about backups have in common: the store, how one is taken, which one is meant.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::Result;

use crate::backup::restore::TrialPlace;
use crate::backup::{External, Kind, Level, Listed, Manifest, Marked, Method, Place, Scope, Store};
use crate::error::{Exit, Failure};
use crate::migrations::history::Applied;
use crate::project::{BackupKind, BackupSettings, Settings, Verify};
use crate::snapshot::InternalState;
use crate::workflow::project_model;

/// How long a table that somebody changes is waited for, where the project does not say it.
pub(crate) const LOCK_WAIT: Duration = Duration::from_secs(30);

/// The project's store.
///
/// # Errors
/// Exit 2: this binary knows no such store, or its settings cannot be right.
pub(crate) fn store(settings: &Settings) -> Result<Store> {
    let BackupSettings { store, endpoint, region, store_timeout, .. } = &settings.backup;
    if !store.contains("://") {
        return Ok(Store::local(&settings.project.dir.join(store)));
    }
    let place = Place::parse(store)?;
    let variables = settings.credentials.variables().clone();
    let (endpoint, region) = (endpoint.clone(), region.clone());
    Ok(Store::object(&Place { endpoint, region, timeout: *store_timeout, variables, ..place })?)
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

/// How a backup is taken.
pub(crate) fn method<'m>(settings: &'m Settings, external: &'m External) -> Method<'m> {
    let kind = match settings.backup.kind {
        BackupKind::Command => return Method::Command(external),
        BackupKind::Custom => Kind::Custom,
        BackupKind::Directory => Kind::Directory,
    };
    Method::Dump {
        kind,
        jobs: settings.backup.jobs,
        compression: settings.backup.compression.as_deref(),
        bin_dir: programs(settings),
    }
}

/// Where a backup is restored to prove it.
pub(crate) fn trial(settings: &Settings) -> TrialPlace {
    let mut options = project_model::scratch_options(settings);
    // The major of the server that was backed up, not of the one that models are compiled on.
    options.major = None;
    TrialPlace::Scratch(options)
}

/// The directory that PostgreSQL's programs were said to be in.
pub(crate) fn programs(settings: &Settings) -> Option<&Path> {
    settings.scratch.bin_dir.as_deref().filter(|dir| has_programs(dir))
}

/// A directory that was named for a throwaway server need not have `pg_dump`.
fn has_programs(dir: &Path) -> bool {
    [dir.to_owned(), dir.join("bin")].iter().any(|dir| dir.join("pg_dump").exists())
}

/// What a database is marked as, and which version it has.
pub(crate) fn marked(internal: Option<&InternalState>, history: Option<&[Applied]>) -> Marked {
    let mark = internal.and_then(|internal| internal.mark.as_ref());
    let newest = history.into_iter().flatten().map(|row| row.version).max();
    Marked {
        environment: mark.and_then(|mark| mark.environment.clone()),
        project: mark.map(|mark| mark.project.clone()),
        mark: mark.map(|mark| mark.id.clone()),
        version: newest.map(|version| version.to_string()),
    }
}

/// How thoroughly a backup is verified.
pub(crate) fn level(settings: &Settings) -> Level {
    match settings.backup.verify {
        Verify::Quick => Level::Quick,
        Verify::Contents => Level::Contents,
        Verify::Restore => Level::Restore,
    }
}

/// Which of the backups in a store `latest` is the latest of: one store may have those of several databases.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Among<'a> {
    /// Those of the database of this name; `None`: of the only one that there are any of.
    pub(crate) database: Option<&'a str>,
    /// Only those of all of it.
    pub(crate) whole: bool,
}

impl Among<'_> {
    /// Leaves those that may be meant.
    fn retain(self, listed: &mut Vec<Listed>, store: &Store) -> Result<(), Failure> {
        let manifest = |listed: &Listed| listed.manifest.as_ref().ok().cloned();
        listed.retain(|one| manifest(one).is_some_and(|found| !self.whole || found.scope == Scope::Full));
        let databases: BTreeSet<String> =
            listed.iter().filter_map(manifest).map(|found| found.source.database).collect();
        let others = databases.iter().cloned().collect::<Vec<_>>().join(", ");
        let what = match self.database {
            Some(database) if !databases.is_empty() && !databases.contains(database) => {
                format!("there is no backup of database {database} in {}, only of {others}", store.place())
            }
            None if databases.len() > 1 => {
                format!("there are backups of several databases in {}: {others}", store.place())
            }
            Some(database) => {
                listed.retain(|one| manifest(one).is_some_and(|found| found.source.database == database));
                return Ok(());
            }
            None => return Ok(()),
        };
        Err(Failure::usage(what).next("name the one that is meant: trueup backup list --all"))
    }
}

/// The backup that a person means: an identifier, its beginning or its end, or `latest`.
///
/// # Errors
/// Exit 2: there is none, or there are several. Exit 5: its manifest cannot be believed.
pub(crate) async fn find(store: &Store, wanted: &str, among: Among<'_>) -> Result<Manifest> {
    let mut listed = store.list().await?;
    if wanted != "latest" {
        let word = wanted.to_ascii_uppercase();
        let is_meant = |listed: &Listed| {
            let id = listed.id.to_ascii_uppercase();
            id == word || word.len() >= 4 && (id.starts_with(&word) || id.ends_with(&word))
        };
        listed.retain(is_meant);
        if let Some(exact) = listed.iter().position(|listed| listed.id.eq_ignore_ascii_case(wanted)) {
            listed = vec![listed.swap_remove(exact)];
        }
        if listed.len() > 1 {
            let ids: Vec<String> = listed.into_iter().map(|listed| listed.id).collect();
            let what = format!("{wanted} may be any of {}", ids.join(", "));
            return Err(Failure::usage(what).next("say more of it").into());
        }
    } else {
        among.retain(&mut listed, store)?;
    }
    let Some(Listed { id, manifest }) = listed.pop() else {
        let what = format!("there is no backup {wanted} in {}", store.place());
        return Err(Failure::usage(what).next("trueup backup list").into());
    };
    manifest.map_err(|why| {
        Failure::new(Exit::RolledBack, format!("backup {id} is of no use: {why}"))
            .next("use another one: trueup backup list")
            .into()
    })
}

/// How long a store may take to tell what it has, where that is only worth knowing.
const LISTING: Duration = Duration::from_secs(5);

/// The backups whose manifests can be believed, the oldest first; `None` when the store does not answer in time.
pub(crate) async fn manifests(settings: &Settings) -> Option<Vec<Manifest>> {
    let store = store(settings).ok()?;
    let listed = tokio::time::timeout(LISTING, store.list()).await.ok()?.ok()?;
    Some(listed.into_iter().filter_map(|listed| listed.manifest.ok()).collect())
}

/// How old a backup is, by this machine's clock.
pub(crate) fn age(manifest: &Manifest) -> Option<Duration> {
    let taken = humantime::parse_rfc3339(&manifest.taken_at).ok()?;
    Some(SystemTime::now().duration_since(taken).unwrap_or_default())
}
