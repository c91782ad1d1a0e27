//! Reads a member of a stored backup, and compares it with its hash in the manifest.

use anyhow::Result;
use tokio::process::ChildStdin;

use super::catalog::CATALOG;
use super::digest::Hasher;
use super::full_read::feed;
use super::manifest::{Manifest, Member};
use super::progress::{BackupObserver, BackupProgress};
use super::store::Store;
use crate::error::{ErrorCode, Exit, Failure};
use crate::text::short_id;

/// Reads a member, sends it to the given programs, and compares its size and hash with the manifest.
///
/// # Errors
/// Exit 5: the member is not what was stored.
pub(super) async fn verify_member(
    store: &Store,
    manifest: &Manifest,
    member: &Member,
    mut inputs: Vec<&mut Option<ChildStdin>>,
    progress: &mut BackupProgress,
    observer: &mut dyn BackupObserver,
) -> Result<()> {
    let mut download = store.open(&manifest.id, &member.name).await?;
    let mut hasher = Hasher::default();
    while let Some(chunk) = download.chunk().await? {
        hasher.update(&chunk);
        progress.bytes += chunk.len() as u64;
        for input in &mut inputs {
            feed(input, &chunk).await?;
        }
        observer.progress(progress);
    }
    let bytes = hasher.bytes();
    let same = bytes == member.bytes && hasher.finish() == member.sha256;
    if same {
        return Ok(());
    }
    let what = match member.name.as_str() {
        CATALOG => "the schema beside its archive",
        name => name,
    };
    let how = if bytes == member.bytes {
        "its bytes differ".to_owned()
    } else {
        format!("it has {bytes} bytes instead of {}", member.bytes)
    };
    Err(Failure::new(
        Exit::RolledBack,
        format!("backup {} is damaged: {what} was changed: {how}", short_id(&manifest.id)),
    )
    .code(ErrorCode::BACKUP_DAMAGED)
    .next("use another backup: trueup backup list")
    .into())
}
