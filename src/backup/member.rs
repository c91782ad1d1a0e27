//! A member of a stored backup on its way out of the store, held against its hash.

use anyhow::Result;
use tokio::process::ChildStdin;

use super::catalog::CATALOG;
use super::digest::Hasher;
use super::follow::{Follow, Progress};
use super::full_read::feed;
use super::manifest::{Manifest, Member};
use super::store::Store;
use crate::error::{Exit, Failure};

/// Reads a member, hands it on, and compares its bytes with what was stored.
///
/// # Errors
/// Exit 5: they are others.
pub(super) async fn hash(
    store: &Store,
    manifest: &Manifest,
    member: &Member,
    mut inputs: Vec<&mut Option<ChildStdin>>,
    progress: &mut Progress,
    follow: &mut dyn Follow,
) -> Result<()> {
    let mut download = store.open(&manifest.id, &member.name).await?;
    let mut hasher = Hasher::default();
    while let Some(chunk) = download.chunk().await? {
        hasher.update(&chunk);
        progress.bytes += chunk.len() as u64;
        for input in &mut inputs {
            feed(input, &chunk).await?;
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
