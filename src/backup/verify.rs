//! Verifying a backup that is stored: its bytes, its contents. (Restoring it is another room's work.)

use anyhow::Result;

use super::catalog::CATALOG;
use super::client::Programs;
use super::compare::compare;
use super::digest::Hasher;
use super::dump::{ARCHIVE, DIRECTORY};
use super::external::External;
use super::follow::{Follow, Progress};
use super::full_read::FullRead;
use super::manifest::{Kind, Level, Manifest, Member, Verified};
use super::store::Store;
use super::take::now;
use crate::error::{Exit, Failure};

/// Verifies; what was proved can be written down with [`Store::restate`].
///
/// # Errors
/// Exit 5: it is not what the manifest says, and how.
pub async fn verify(
    store: &Store,
    manifest: &Manifest,
    level: Level,
    programs: Option<&Programs>,
    external: Option<&External>,
    follow: &mut dyn Follow,
) -> Result<Verified> {
    if let Some(reference) = &manifest.reference {
        let external = external.ok_or_else(|| {
            Failure::usage(format!(
                "backup {} was taken by a command; [backup] confirm is to confirm it",
                manifest.id
            ))
        })?;
        external.confirm(&manifest.id, &manifest.source, reference).await?;
        return Ok(Verified { how: Level::Quick, at: now() });
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
        hash(store, manifest, member, full_read.as_mut(), &mut progress, follow).await?;
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
            Ok(Verified { how: Level::Contents, at: now() })
        }
        None => Ok(Verified { how: Level::Quick, at: now() }),
    }
}

/// Reads a member and compares its bytes with what was stored.
async fn hash(
    store: &Store,
    manifest: &Manifest,
    member: &Member,
    mut full_read: Option<&mut FullRead>,
    progress: &mut Progress,
    follow: &mut dyn Follow,
) -> Result<()> {
    let mut download = store.open(&manifest.id, &member.name).await?;
    let mut hasher = Hasher::default();
    while let Some(chunk) = download.chunk().await? {
        hasher.update(&chunk);
        progress.bytes += chunk.len() as u64;
        if let Some(full_read) = &mut full_read {
            full_read.feed(&chunk).await?;
        }
        follow.backup(progress);
    }
    let bytes = hasher.bytes();
    let same = bytes == member.bytes && hasher.finish() == member.sha256;
    if same {
        return Ok(());
    }
    let what = match member.name.as_str() {
        CATALOG => "the catalog beside its archive",
        name => name,
    };
    let how = if bytes == member.bytes {
        "its bytes are others".to_owned()
    } else {
        format!("it has {bytes} bytes, and had {}", member.bytes)
    };
    Err(Failure::new(
        Exit::RolledBack,
        format!("backup {} is damaged: {what} is not what was stored: {how}", manifest.id),
    )
    .next("use another backup: trueup backup list")
    .into())
}
