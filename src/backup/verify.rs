//! Verifies a stored backup: its bytes, the contents of its archive, and that it can be restored.

use anyhow::Result;

use super::compare::compare;
use super::dump::{ARCHIVE, DIRECTORY};
use super::external::External;
use super::full_read::FullRead;
use super::manifest::{BackupFormat, Manifest, ProofLevel, Verified};
use super::programs::Programs;
use super::progress::{BackupObserver, BackupProgress};
use super::restore::{TrialRestore, TrialTarget};
use super::store::Store;
use super::verify_member::verify_member;
use crate::error::Failure;
use crate::text::short_id;
use crate::writer::StopSignal;

/// What to verify, and how.
#[derive(Debug)]
pub struct VerifyRequest<'v> {
    /// The store of the backup.
    pub store: &'v Store,
    /// The manifest of the backup.
    pub manifest: &'v Manifest,
    /// How thoroughly to verify.
    pub level: ProofLevel,
    /// The programs that read archives; needed from [`ProofLevel::Contents`] on.
    pub programs: Option<&'v Programs>,
    /// The command that confirms a backup that a command took.
    pub external: Option<&'v External>,
    /// Where the backup is restored at the level [`ProofLevel::Restore`].
    pub place: &'v TrialTarget,
    /// `application_name`
    pub application: &'v str,
    /// The search_path of the project, for what relies on one.
    pub search_path: &'v str,
}

/// Verifies a backup. [`Store::replace_manifest`] can record the result.
///
/// # Errors
/// Exit 5: the backup is not what the manifest says; the error says how. Exit 3: there is no server to restore it
/// into.
pub async fn verify(
    verifying: &VerifyRequest<'_>,
    stop: StopSignal,
    observer: &mut dyn BackupObserver,
) -> Result<Verified> {
    let VerifyRequest { store, manifest, level, programs, external, place, application, search_path } =
        verifying;
    let (level, programs) = (*level, *programs);
    if let Some(reference) = &manifest.reference {
        let external = external.ok_or_else(|| {
            Failure::usage(format!(
                "backup {} was taken by a command; [backup] confirm has to confirm it",
                short_id(&manifest.id)
            ))
        })?;
        external.confirm(&manifest.id, &manifest.source, reference).await?;
        return Ok(Verified::now(ProofLevel::Quick));
    }
    let mut progress = BackupProgress {
        doing: "verifying",
        total: manifest.bytes,
        tables: (0, manifest.relations.iter().filter(|relation| relation.rows.is_some()).count()),
        ..BackupProgress::default()
    };
    let contents = level >= ProofLevel::Contents;
    let mut found = None;
    for member in &manifest.members {
        let mut full_read = match (contents && member.name == ARCHIVE, programs) {
            (true, Some(programs)) => Some(FullRead::start(programs, ProofLevel::Contents)?),
            _ => None,
        };
        let inputs = full_read.as_mut().map(FullRead::inputs).unwrap_or_default();
        verify_member(store, manifest, member, inputs, &mut progress, observer).await?;
        if let Some(full_read) = full_read {
            found = Some(full_read.finish().await?);
        }
    }
    if let (true, BackupFormat::Directory, Some(programs)) = (contents, manifest.kind, programs) {
        let dir = store.path(&manifest.id, DIRECTORY);
        let dir =
            dir.ok_or_else(|| Failure::usage("an archive in a directory is read from a local store alone"))?;
        found = Some(FullRead::directory(programs, &dir, ProofLevel::Contents).await?);
    }
    match found {
        Some(found) => {
            compare(&found, &manifest.relations, &manifest.scope)?;
            match (level, programs) {
                (ProofLevel::Restore, Some(programs)) => {
                    let trial = TrialRestore::open(place, &manifest.source.server_version).await?;
                    trial.run(store, manifest, programs, (application, search_path), stop, observer).await
                }
                _ => Ok(Verified::now(ProofLevel::Contents)),
            }
        }
        None => Ok(Verified::now(ProofLevel::Quick)),
    }
}
