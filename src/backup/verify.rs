//! Verifying a backup that is stored: its bytes, its contents, and that a database can be made of it again.

use anyhow::Result;

use super::client::Programs;
use super::compare::compare;
use super::dump::{ARCHIVE, DIRECTORY};
use super::external::External;
use super::follow::{Follow, Progress};
use super::full_read::FullRead;
use super::manifest::{Kind, Level, Manifest, Verified};
use super::member::hash;
use super::restore::{Trial, TrialPlace};
use super::store::Store;
use crate::error::Failure;
use crate::writer::Stop;

/// What to verify, and how.
#[derive(Debug)]
pub struct Verifying<'v> {
    /// Where it is.
    pub store: &'v Store,
    /// What it should be.
    pub manifest: &'v Manifest,
    /// How thoroughly.
    pub level: Level,
    /// What reads archives; needed for more than the bytes.
    pub programs: Option<&'v Programs>,
    /// What confirms a backup that a command took.
    pub external: Option<&'v External>,
    /// Where it is restored, for [`Level::Restore`].
    pub place: &'v TrialPlace,
    /// `application_name`
    pub application: &'v str,
}

/// Verifies; what was proved can be written down with [`Store::restate`].
///
/// # Errors
/// Exit 5: it is not what the manifest says, and how. Exit 3: it could not be restored anywhere.
pub async fn verify(verifying: &Verifying<'_>, stop: Stop, follow: &mut dyn Follow) -> Result<Verified> {
    let Verifying { store, manifest, level, programs, external, place, application } = verifying;
    let (level, programs) = (*level, *programs);
    if let Some(reference) = &manifest.reference {
        let external = external.ok_or_else(|| {
            Failure::usage(format!(
                "backup {} was taken by a command; [backup] confirm is to confirm it",
                manifest.id
            ))
        })?;
        external.confirm(&manifest.id, &manifest.source, reference).await?;
        return Ok(Verified::now(Level::Quick));
    }
    let mut progress = Progress {
        doing: "verifying",
        tables: (0, manifest.relations.iter().filter(|relation| relation.rows.is_some()).count()),
        ..Progress::default()
    };
    let contents = level >= Level::Contents;
    let mut found = None;
    for member in &manifest.members {
        let mut full_read = match (contents && member.name == ARCHIVE, programs) {
            (true, Some(programs)) => Some(FullRead::start(programs, Level::Contents)?),
            _ => None,
        };
        let inputs = full_read.as_mut().map(FullRead::inputs).unwrap_or_default();
        hash(store, manifest, member, inputs, &mut progress, follow).await?;
        if let Some(full_read) = full_read {
            found = Some(full_read.finish().await?);
        }
    }
    if let (true, Kind::Directory, Some(programs)) = (contents, manifest.kind, programs) {
        let dir = store.path(&manifest.id, DIRECTORY);
        let dir =
            dir.ok_or_else(|| Failure::usage("an archive in a directory is read from a local store alone"))?;
        found = Some(FullRead::directory(programs, &dir, Level::Contents).await?);
    }
    match found {
        Some(found) => {
            compare(&found, &manifest.relations, &manifest.scope)?;
            match (level, programs) {
                (Level::Restore, Some(programs)) => {
                    let trial = Trial::open(place, &manifest.source.server_version).await?;
                    trial.run(store, manifest, programs, application, stop, follow).await
                }
                _ => Ok(Verified::now(Level::Contents)),
            }
        }
        None => Ok(Verified::now(Level::Quick)),
    }
}
