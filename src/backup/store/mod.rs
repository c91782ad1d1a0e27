//! Where backups are kept: a local directory, or an object store. Both give the same promise: a backup is there with its
//! manifest, which comes last, or it is not there at all.
//!
//! A backup is a folder named by its identifier: members, and `manifest.json`. The store knows nothing of what is in them.

mod local;
#[cfg(feature = "objects")]
mod object;
mod place;

use std::path::{Path, PathBuf};

use anyhow::Result;
use bytes::Bytes;

use super::manifest::Manifest;
use crate::error::{Exit, Failure};

use local::Local;
#[cfg(feature = "objects")]
use object::Object;
pub use place::{Place, Provider};

/// The manifest's name.
const MANIFEST: &str = "manifest.json";
/// More than any manifest of 100,000 tables.
const LARGEST_MANIFEST: u64 = 64 << 20;

/// A store.
#[derive(Debug)]
pub enum Store {
    /// A directory of this machine.
    Local(Local),
    /// A bucket.
    #[cfg(feature = "objects")]
    Object(Object),
}

/// A backup on its way into a store. Dropped before [`Upload::commit`], it was never there.
#[derive(Debug)]
pub enum Upload {
    /// Into a directory.
    Local(local::Upload),
    /// Into a bucket.
    #[cfg(feature = "objects")]
    Object(Box<object::Upload>),
}

/// A member on its way out of a store.
#[derive(Debug)]
pub enum Download {
    /// From a file.
    File(local::Download),
    /// From a bucket.
    #[cfg(feature = "objects")]
    Object(object::Download),
}

/// What a store lists.
#[derive(Debug)]
pub struct Listed {
    /// The backup's identifier.
    pub id: String,
    /// Its manifest; or why that cannot be believed.
    pub manifest: Result<Manifest, String>,
}

impl Store {
    /// A directory, which need not exist yet.
    pub fn local(dir: &Path) -> Self {
        Self::Local(Local::new(dir))
    }

    /// A bucket, which is not asked yet.
    ///
    /// # Errors
    /// Exit 2: this binary knows no such store, or the settings cannot be right.
    #[cfg(feature = "objects")]
    pub fn object(place: &Place) -> Result<Self, Failure> {
        Ok(Self::Object(Object::connect(place)?))
    }

    /// A bucket: this binary knows none.
    ///
    /// # Errors
    /// Exit 2.
    #[cfg(not(feature = "objects"))]
    pub fn object(place: &Place) -> Result<Self, Failure> {
        Err(place.provider.missing())
    }

    /// Where it is, for people.
    pub fn place(&self) -> String {
        match self {
            Self::Local(local) => local.dir().display().to_string(),
            #[cfg(feature = "objects")]
            Self::Object(object) => object.place().to_owned(),
        }
    }

    /// Proves, before anything else is done, that a backup could be written there.
    ///
    /// # Errors
    /// Exit 4: it cannot be, and why.
    pub async fn ready(&self) -> Result<()> {
        match self {
            Self::Local(local) => local.ready().map_err(Into::into),
            #[cfg(feature = "objects")]
            Self::Object(object) => object.ready().await.map_err(Into::into),
        }
    }

    /// Begins a backup.
    ///
    /// # Errors
    /// Exit 4 when there is one of this name, or the place is not safe; exit 5 when it cannot be written to.
    pub async fn begin(&self, id: &str) -> Result<Upload> {
        match self {
            Self::Local(local) => Ok(Upload::Local(local.begin(id)?)),
            #[cfg(feature = "objects")]
            Self::Object(object) => Ok(Upload::Object(Box::new(object.begin(id).await?))),
        }
    }

    /// What is there, the oldest first.
    ///
    /// # Errors
    /// Exit 3 when the store does not answer.
    pub async fn list(&self) -> Result<Vec<Listed>> {
        let mut listed = match self {
            Self::Local(local) => local.list()?,
            #[cfg(feature = "objects")]
            Self::Object(object) => object.list().await?,
        };
        let key = |listed: &Listed| {
            let taken_at = listed.manifest.as_ref().map(|manifest| manifest.taken_at.clone());
            (taken_at.unwrap_or_default(), listed.id.clone())
        };
        listed.sort_by_key(key);
        Ok(listed)
    }

    /// Opens a member.
    ///
    /// # Errors
    /// Exit 5 when it is not there; exit 3 when an object store does not answer.
    pub async fn open(&self, id: &str, member: &str) -> Result<Download> {
        match self {
            Self::Local(local) => Ok(Download::File(local.open(id, member)?)),
            #[cfg(feature = "objects")]
            Self::Object(object) => Ok(Download::Object(object.open(id, member).await?)),
        }
    }

    /// The path of a member, where programs can read it as a file.
    pub fn path(&self, id: &str, member: &str) -> Option<PathBuf> {
        match self {
            Self::Local(local) => Some(local.path(id).join(member)),
            #[cfg(feature = "objects")]
            Self::Object(_) => None,
        }
    }

    /// Writes a manifest in the place of the one that is there.
    ///
    /// # Errors
    /// Exit 5 when it cannot be written.
    pub async fn restate(&self, manifest: &Manifest) -> Result<()> {
        match self {
            Self::Local(local) => local.restate(&manifest.id, &manifest.to_text()).map_err(Into::into),
            #[cfg(feature = "objects")]
            Self::Object(object) => {
                object.restate(&manifest.id, manifest.to_text()).await.map_err(Into::into)
            }
        }
    }

    /// Removes a backup, its manifest first: what is left of a removal that broke off is no backup.
    ///
    /// # Errors
    /// Exit 6 when part of it stays.
    pub async fn remove(&self, id: &str) -> Result<()> {
        match self {
            Self::Local(local) => local.remove(id).map_err(Into::into),
            #[cfg(feature = "objects")]
            Self::Object(object) => object.remove(id).await.map_err(Into::into),
        }
    }

    /// Removes what backups that broke off have left, and tells how many there were. Those that somebody still writes
    /// stay.
    ///
    /// # Errors
    /// Exit 3 when the store does not answer.
    pub async fn sweep(&self) -> Result<usize> {
        match self {
            Self::Local(local) => local.sweep().map_err(Into::into),
            #[cfg(feature = "objects")]
            Self::Object(object) => object.sweep().await.map_err(Into::into),
        }
    }
}

impl Upload {
    /// Begins a member; the one before must be ended.
    ///
    /// # Errors
    /// Exit 5 when it cannot be written.
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

    /// Adds to the member that was begun.
    ///
    /// # Errors
    /// Exit 5: the disk is full, the store is gone.
    pub async fn write(&mut self, chunk: Bytes) -> Result<()> {
        match self {
            Self::Local(upload) => upload.write(&chunk).map_err(Into::into),
            #[cfg(feature = "objects")]
            Self::Object(upload) => upload.write(chunk).await.map_err(Into::into),
        }
    }

    /// Ends the member: it is stored for good, though nobody sees it yet.
    ///
    /// # Errors
    /// As [`Upload::write`].
    pub async fn end(&mut self) -> Result<()> {
        match self {
            Self::Local(upload) => upload.end().await.map_err(Into::into),
            #[cfg(feature = "objects")]
            Self::Object(upload) => upload.end().await.map_err(Into::into),
        }
    }

    /// A directory that a program may write members into by itself, named by its prefix, and which
    /// [`Upload::adopt`] takes over; only where there is a disk.
    pub fn directory(&self, prefix: &str) -> Option<PathBuf> {
        match self {
            Self::Local(upload) => Some(upload.path().join(prefix)),
            #[cfg(feature = "objects")]
            Self::Object(_) => None,
        }
    }

    /// Takes over what a program has written into [`Upload::directory`]: the names of the members, stored for good.
    ///
    /// # Errors
    /// As [`Upload::write`].
    pub async fn adopt(&mut self, prefix: &str) -> Result<Vec<String>> {
        match self {
            Self::Local(upload) => upload.adopt(prefix).await.map_err(Into::into),
            #[cfg(feature = "objects")]
            Self::Object(_) => {
                Err(Failure::usage(format!("{prefix} is a directory, and an object store has none")).into())
            }
        }
    }

    /// Makes it a backup: manifest last.
    ///
    /// # Errors
    /// As [`Upload::write`].
    pub async fn commit(self, manifest: &Manifest) -> Result<()> {
        match self {
            Self::Local(upload) => upload.commit(&manifest.to_text()).await.map_err(Into::into),
            #[cfg(feature = "objects")]
            Self::Object(upload) => upload.commit(manifest.to_text()).await.map_err(Into::into),
        }
    }

    /// Takes back what was written.
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
    /// Exit 5 when it cannot be read to the end, or was exchanged meanwhile; exit 3 when an object store does not answer.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>> {
        match self {
            Self::File(file) => file.chunk().map_err(Into::into),
            #[cfg(feature = "objects")]
            Self::Object(object) => object.chunk().await.map_err(Into::into),
        }
    }
}

/// The manifest of a backup, or why it cannot be believed.
fn parse_manifest(text: &str, id: &str) -> Result<Manifest, String> {
    let manifest = Manifest::parse(text).map_err(|why| format!("its manifest {why}"))?;
    if manifest.id != id {
        return Err(format!("its manifest is that of backup {}", manifest.id));
    }
    Ok(manifest)
}

/// A store that does not do what it is for.
fn broken(doing: impl std::fmt::Display, why: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::RolledBack, format!("{doing}: {why}"))
}
