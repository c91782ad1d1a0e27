//! Stores of backups: a local directory, or an object store. Both promise the same: a backup exists with its
//! manifest, which is written last, or it does not exist at all.
//!
//! A backup is a folder that is named by its identifier and holds the members and `manifest.json`. A store does not
//! look into the members.

mod local;
mod location;
#[cfg(feature = "objects")]
mod object;

use std::path::{Path, PathBuf};

use anyhow::Result;
use bytes::Bytes;

use super::manifest::Manifest;
use crate::error::{Exit, Failure};
use crate::text::short_id;

use local::LocalStore;
pub use location::{Provider, StoreLocation};
#[cfg(feature = "objects")]
use object::BucketStore;

/// The file name of the manifest.
const MANIFEST: &str = "manifest.json";
/// What a probe holds.
const PROBE: &[u8] = b"a probe of `trueup doctor`, which removes it\n";
/// The largest manifest that is read, in bytes; 100,000 tables need less.
const LARGEST_MANIFEST: u64 = 64 << 20;

/// A store of backups.
#[derive(Debug)]
pub enum Store {
    /// A directory of this machine.
    Local(LocalStore),
    /// A bucket of an object store.
    #[cfg(feature = "objects")]
    Object(BucketStore),
}

/// A backup that is being written. It does not exist when it is dropped before [`Upload::commit`].
#[derive(Debug)]
pub enum Upload {
    /// It is written to a directory.
    Local(local::LocalUpload),
    /// It is written to a bucket.
    #[cfg(feature = "objects")]
    Object(Box<object::BucketUpload>),
}

/// A member that is being read.
#[derive(Debug)]
pub enum Download {
    /// It is read from a file.
    File(local::LocalDownload),
    /// It is read from a bucket.
    #[cfg(feature = "objects")]
    Object(object::BucketDownload),
}

/// A backup in a store.
#[derive(Debug)]
pub struct StoredBackup {
    /// The identifier of the backup.
    pub id: String,
    /// The manifest; or why it cannot be used, as a clause.
    pub manifest: Result<Manifest, String>,
}

impl Store {
    /// The store in a directory, which may not exist yet.
    pub fn local(dir: &Path) -> Self {
        Self::Local(LocalStore::new(dir))
    }

    /// The store in a bucket. Nothing is sent yet.
    ///
    /// # Errors
    /// Exit 2: this binary was built without this protocol, or the settings are invalid.
    #[cfg(feature = "objects")]
    pub fn object(location: &StoreLocation) -> Result<Self, Failure> {
        Ok(Self::Object(BucketStore::connect(location)?))
    }

    /// The store in a bucket, which this binary was built without.
    ///
    /// # Errors
    /// Exit 2, always.
    #[cfg(not(feature = "objects"))]
    pub fn object(location: &StoreLocation) -> Result<Self, Failure> {
        Err(location.provider.missing())
    }

    /// The directory or the URL of the store, for messages.
    pub fn location(&self) -> String {
        match self {
            Self::Local(local) => local.dir().display().to_string(),
            #[cfg(feature = "objects")]
            Self::Object(object) => object.location().to_owned(),
        }
    }

    /// Checks that a backup could be written to the store.
    ///
    /// # Errors
    /// Exit 4: it could not; the error says why.
    pub async fn check_writable(&self) -> Result<()> {
        match self {
            Self::Local(local) => local.check_writable().map_err(Into::into),
            #[cfg(feature = "objects")]
            Self::Object(object) => object.check_writable().await.map_err(Into::into),
        }
    }

    /// Checks that a backup can be written, and whether a probe can be written, read back and removed. A directory that does
    /// not exist is made for that, and removed. Nothing is left behind when this is dropped meanwhile, in a bucket but for what
    /// a request that is under way does. Returns what does not work, and is not needed to take a backup.
    ///
    /// # Errors
    /// Exit 4: no backup can be written.
    pub async fn probe(&self) -> Result<Vec<Failure>> {
        match self {
            Self::Local(local) => {
                // A network drive that is away keeps whoever asks it waiting.
                let local = local.clone();
                tokio::task::spawn_blocking(move || local.probe()).await??;
                Ok(Vec::new())
            }
            #[cfg(feature = "objects")]
            Self::Object(object) => object.probe().await.map_err(Into::into),
        }
    }

    /// Begins a backup.
    ///
    /// # Errors
    /// Exit 4: a backup of this name exists, or the directory is not safe. Exit 5: the store cannot be written to.
    pub async fn begin(&self, id: &str) -> Result<Upload> {
        match self {
            Self::Local(local) => Ok(Upload::Local(local.begin(id)?)),
            #[cfg(feature = "objects")]
            Self::Object(object) => Ok(Upload::Object(Box::new(object.begin(id).await?))),
        }
    }

    /// The backups in the store, the oldest first.
    ///
    /// # Errors
    /// Exit 3: the store does not answer.
    pub async fn list(&self) -> Result<Vec<StoredBackup>> {
        let mut listed = match self {
            Self::Local(local) => {
                // A disk over a network that stands still keeps a thread of its own waiting, and nobody else.
                let local = local.clone();
                tokio::task::spawn_blocking(move || local.list()).await??
            }
            #[cfg(feature = "objects")]
            Self::Object(object) => object.list().await?,
        };
        let key = |listed: &StoredBackup| {
            let taken_at = listed.manifest.as_ref().map(|manifest| manifest.taken_at.clone());
            (taken_at.unwrap_or_default(), listed.id.clone())
        };
        listed.sort_by_key(key);
        Ok(listed)
    }

    /// Opens a member for reading.
    ///
    /// # Errors
    /// Exit 5: the member does not exist. Exit 3: an object store does not answer.
    pub async fn open(&self, id: &str, member: &str) -> Result<Download> {
        match self {
            Self::Local(local) => Ok(Download::File(local.open(id, member)?)),
            #[cfg(feature = "objects")]
            Self::Object(object) => Ok(Download::Object(object.open(id, member).await?)),
        }
    }

    /// The path of a member; `None` in an object store.
    pub fn path(&self, id: &str, member: &str) -> Option<PathBuf> {
        match self {
            Self::Local(local) => Some(local.path(id).join(member)),
            #[cfg(feature = "objects")]
            Self::Object(_) => None,
        }
    }

    /// Replaces the manifest of a backup.
    ///
    /// # Errors
    /// Exit 5: it cannot be written.
    pub async fn replace_manifest(&self, manifest: &Manifest) -> Result<()> {
        match self {
            Self::Local(local) => {
                local.replace_manifest(&manifest.id, &manifest.to_text()).map_err(Into::into)
            }
            #[cfg(feature = "objects")]
            Self::Object(object) => {
                object.replace_manifest(&manifest.id, manifest.to_text()).await.map_err(Into::into)
            }
        }
    }

    /// Removes a backup, its manifest first: what an interrupted removal leaves is no backup.
    ///
    /// # Errors
    /// Exit 6: a part of the backup is left.
    pub async fn remove(&self, id: &str) -> Result<()> {
        match self {
            Self::Local(local) => local.remove(id).map_err(Into::into),
            #[cfg(feature = "objects")]
            Self::Object(object) => object.remove(id).await.map_err(Into::into),
        }
    }

    /// Removes the leftovers of interrupted backups, and returns how many there were. Backups that are being written
    /// stay.
    ///
    /// # Errors
    /// Exit 3: the store does not answer.
    pub async fn sweep(&self) -> Result<usize> {
        match self {
            Self::Local(local) => local.sweep().map_err(Into::into),
            #[cfg(feature = "objects")]
            Self::Object(object) => object.sweep().await.map_err(Into::into),
        }
    }
}

impl Upload {
    /// Begins a member, after the previous one was ended.
    ///
    /// # Errors
    /// Exit 5: it cannot be written.
    pub async fn member(&mut self, name: &str) -> Result<()> {
        match self {
            Self::Local(upload) => upload.member(name).map_err(Into::into),
            #[cfg(feature = "objects")]
            Self::Object(upload) => {
                upload.member(name);
                Ok(())
            }
        }
    }

    /// Appends to the current member.
    ///
    /// # Errors
    /// Exit 5: the disk is full, or the store does not answer.
    pub async fn write(&mut self, chunk: Bytes) -> Result<()> {
        match self {
            Self::Local(upload) => upload.write(&chunk).map_err(Into::into),
            #[cfg(feature = "objects")]
            Self::Object(upload) => upload.write(chunk).await.map_err(Into::into),
        }
    }

    /// Ends the current member: it is stored durably, though not yet visible.
    ///
    /// # Errors
    /// The same as [`Upload::write`].
    pub async fn end(&mut self) -> Result<()> {
        match self {
            Self::Local(upload) => upload.end().await.map_err(Into::into),
            #[cfg(feature = "objects")]
            Self::Object(upload) => upload.end().await.map_err(Into::into),
        }
    }

    /// A directory into which a program may write members by itself. [`Upload::take_over`] adds them to the backup.
    /// `None` in an object store.
    pub fn directory(&self, prefix: &str) -> Option<PathBuf> {
        match self {
            Self::Local(upload) => Some(upload.path().join(prefix)),
            #[cfg(feature = "objects")]
            Self::Object(_) => None,
        }
    }

    /// Adds the files that a program has written into [`Upload::directory`] as members, stored durably. Returns their
    /// names.
    ///
    /// # Errors
    /// The same as [`Upload::write`].
    pub async fn take_over(&mut self, prefix: &str) -> Result<Vec<String>> {
        match self {
            Self::Local(upload) => upload.take_over(prefix).await.map_err(Into::into),
            #[cfg(feature = "objects")]
            Self::Object(_) => {
                Err(Failure::usage(format!("{prefix} is a directory, and an object store has none")).into())
            }
        }
    }

    /// Completes the backup by writing its manifest.
    ///
    /// # Errors
    /// The same as [`Upload::write`].
    pub async fn commit(self, manifest: &Manifest) -> Result<()> {
        match self {
            Self::Local(upload) => upload.commit(&manifest.to_text()).await.map_err(Into::into),
            #[cfg(feature = "objects")]
            Self::Object(upload) => upload.commit(manifest.to_text()).await.map_err(Into::into),
        }
    }

    /// Removes what was written.
    pub async fn abort(self) {
        match self {
            Self::Local(upload) => drop(upload),
            #[cfg(feature = "objects")]
            Self::Object(upload) => upload.abort().await,
        }
    }
}

impl Download {
    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// Exit 5: the member cannot be read to its end, or was replaced meanwhile. Exit 3: an object store does not
    /// answer.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>> {
        match self {
            Self::File(file) => file.chunk().map_err(Into::into),
            #[cfg(feature = "objects")]
            Self::Object(object) => object.chunk().await.map_err(Into::into),
        }
    }
}

/// Parses the manifest of a backup. The error is a clause that says why it cannot be used.
fn parse_manifest(text: &str, id: &str) -> Result<Manifest, String> {
    let manifest = Manifest::parse(text).map_err(|why| format!("its manifest {why}"))?;
    if manifest.id != id {
        return Err(format!("its manifest is that of backup {}", short_id(&manifest.id)));
    }
    Ok(manifest)
}

/// The failure of a store.
fn broken(doing: impl std::fmt::Display, why: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::RolledBack, format!("{doing}: {why}"))
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::sync::mpsc;
    use std::task::Poll;

    use super::*;

    #[test]
    fn a_directory_that_does_not_answer_keeps_nobody_else_waiting() {
        let builder = &mut tokio::runtime::Builder::new_current_thread();
        let runtime = builder.max_blocking_threads(1).build().unwrap();
        let dir = tempfile::tempdir().unwrap();
        runtime.block_on(async {
            // Nothing that blocks begins before this has ended.
            let (goes_on, waits) = mpsc::channel::<()>();
            let busy = tokio::task::spawn_blocking(move || waits.recv());
            let store = Store::local(dir.path());
            let mut probing = pin!(store.probe());
            let is_pending =
                poll_fn(|context| Poll::Ready(probing.as_mut().poll(context).is_pending())).await;
            assert!(is_pending, "it was asked on the thread that everything else needs");
            drop(goes_on);
            assert!(busy.await.unwrap().is_err() && probing.await.unwrap().is_empty());
        });
    }
}
