//! A store in a bucket. A backup consists of the objects below `PREFIX/ID/`; its manifest is written after all
//! others.
//!
//! An object appears whole or not at all, so nothing is renamed. Objects below an identifier without a manifest are
//! no backup: it is still being written, or its process was killed. A multipart upload is recorded in an object of
//! its own ([`WRITING`]), because a bucket does not list the parts of an upload that was never completed.

mod backend;
mod download;
mod errors;
mod parts;
mod upload;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{Error, ObjectStoreExt as _, PutPayload};

use super::location::{Provider, StoreLocation};
use super::{LARGEST_MANIFEST, MANIFEST, PROBE, StoredBackup, parse_manifest};
use crate::error::{ErrorCode, Exit, Failure};
use crate::text::short_id;

use backend::Backend;
pub(super) use download::BucketDownload;
use errors::StoreDescription;
pub(super) use upload::BucketUpload;

/// The object that records the current multipart upload: the name of the member and the identifier of the upload, a
/// line each.
const WRITING: &str = "writing";
/// The object that a check of the permissions begins to upload.
const READY: &str = "ready";
/// The object that `trueup doctor` writes, reads and deletes.
const PROBE_OBJECT: &str = ".probe";
/// The number of manifests that are read at the same time.
const AT_ONCE: usize = 8;
/// Objects without a manifest count as left behind from this age on. A running upload renews its record every hour.
const LEFT_BEHIND: Duration = Duration::from_secs(24 * 3600);

/// The store.
#[derive(Debug, Clone)]
pub struct BucketStore {
    backend: Arc<dyn Backend>,
    root: Path,
    words: Arc<StoreDescription>,
}

/// The objects below one identifier.
#[derive(Debug, Default)]
struct Folder {
    objects: Vec<Path>,
    /// The time of the newest object, in seconds since 1970.
    newest: i64,
    is_backup: bool,
}

impl BucketStore {
    /// Prepares the client; nothing is sent yet.
    ///
    /// # Errors
    /// Exit 2: the settings or variables are invalid.
    pub(super) fn connect(location: &StoreLocation) -> Result<Self, Failure> {
        let root = Path::parse(&location.prefix).map_err(|error| {
            Failure::usage(format!("[backup] store: {:?} is not a prefix: {error}", location.prefix))
        })?;
        let words = StoreDescription::new(location);
        let backend = backend::connect(location, &words)?;
        Ok(Self { backend, root, words: Arc::new(words) })
    }

    pub(super) fn location(&self) -> &str {
        self.words.location()
    }

    fn path(&self, id: &str, member: &str) -> Path {
        self.root.clone().join(id).join(member)
    }

    /// Looks for credentials first: without them a request would be in vain.
    async fn find_credentials(&self, exit: Exit) -> Result<(), Failure> {
        self.words.check_credential_source(exit)?;
        let found = self.backend.find_credentials().await;
        found.map_err(|error| self.words.no_credentials(exit, &error))
    }

    /// Checks the permissions that a backup needs. A multipart upload that is begun and aborted leaves nothing
    /// behind. It does not need the permission to delete objects, which a role for backups may lack, and creates no
    /// version in a versioned bucket.
    pub(super) async fn check_writable(&self) -> Result<(), Failure> {
        self.find_credentials(Exit::Refused).await?;
        let path = self.root.clone().join(READY);
        let tried = async {
            // Azure has no request that begins a multipart upload.
            if self.words.provider() == Provider::Azure {
                self.backend.put(&path, PutPayload::default()).await?;
                return self.backend.delete(&path).await;
            }
            let upload = self.backend.create_multipart(&path).await?;
            self.backend.abort_multipart(&path, &upload).await
        };
        let refused = |error| {
            let doing = format!("a backup could not be written to {}", self.location());
            self.words.failure(Exit::Refused, doing, &error)
        };
        tried.await.map_err(refused)
    }

    /// Tries what a backup needs, then writes, reads and deletes a probe; whoever only takes backups may lack the rights to
    /// read and to delete. What these came to is returned. The requests go on when this is dropped: a probe that was written
    /// is removed. Each has a time limit of its own.
    pub(super) async fn probe(&self) -> Result<Vec<Failure>, Failure> {
        self.check_writable().await?;
        // Always the same object: one that may not be deleted is the only one.
        let path = self.root.clone().join(PROBE_OBJECT);
        let (store, probe) = (self.clone(), path.clone());
        let probing = tokio::spawn(async move {
            store.backend.put(&probe, PutPayload::from_static(PROBE)).await?;
            let read = async { store.backend.get(&probe).await?.bytes().await }.await;
            Ok::<_, Error>((read, store.delete(&probe).await))
        });
        let failure = |done: &str, error: &Error| {
            let doing = format!("the probe {path} could not be {done} {}", self.location());
            self.words.failure(Exit::Refused, doing, error)
        };
        let unended = |error: tokio::task::JoinError| {
            let what = format!("the probe {path} in {}: {error}", self.location());
            Failure::new(Exit::Refused, what).code(ErrorCode::BACKUP_STORE_UNAVAILABLE)
        };
        let (read, deleted) =
            probing.await.map_err(unended)?.map_err(|error| failure("written to", &error))?;
        let mut failed = Vec::new();
        match read {
            Ok(read) if read == PROBE => {}
            Ok(_) => {
                let what =
                    format!("{} answers with another object than was written: {path}", self.location());
                return Err(Failure::new(Exit::Refused, what).code(ErrorCode::BACKUP_STORE_UNAVAILABLE));
            }
            Err(error) => failed.push(failure("read from", &error)),
        }
        failed.extend(deleted.err().map(|error| failure("removed from", &error)));
        Ok(failed)
    }

    pub(super) async fn begin(&self, id: &str) -> Result<BucketUpload, Failure> {
        let folder = self.root.clone().join(id);
        let mut there = self.backend.list(Some(&folder));
        match there.try_next().await {
            Ok(None) => Ok(BucketUpload::new(self.clone(), id)),
            Ok(Some(_)) => Err(Failure::new(
                Exit::Refused,
                format!("backup {} exists in {} already", short_id(id), self.location()),
            )),
            Err(error) => {
                let doing = format!("looking into {}", self.location());
                Err(self.words.failure(Exit::RolledBack, doing, &error))
            }
        }
    }

    pub(super) async fn list(&self) -> Result<Vec<StoredBackup>, Failure> {
        self.find_credentials(Exit::CannotTell).await?;
        let cannot_tell = |error: Error| {
            self.words.failure(Exit::CannotTell, format!("{} cannot be read", self.location()), &error)
        };
        let folders = self.backend.list_with_delimiter(Some(&self.root)).await.map_err(cannot_tell)?;
        let ids = folders.common_prefixes.into_iter();
        let ids = ids.filter_map(|folder| folder.filename().map(str::to_owned));
        let manifests = futures_util::stream::iter(ids).map(async |id| {
            let text = match self.manifest(&id).await {
                // A folder without a manifest is no backup.
                Err(Error::NotFound { .. }) => return Ok(None),
                text => text?,
            };
            Ok(Some(StoredBackup { manifest: text.and_then(|text| parse_manifest(&text, &id)), id }))
        });
        let listed: Vec<Option<StoredBackup>> =
            manifests.buffer_unordered(AT_ONCE).try_collect().await.map_err(cannot_tell)?;
        Ok(listed.into_iter().flatten().collect())
    }

    /// The text of a manifest; or why it cannot be used.
    async fn manifest(&self, id: &str) -> Result<Result<String, String>, Error> {
        let found = self.backend.get(&self.path(id, MANIFEST)).await?;
        if found.meta.size > LARGEST_MANIFEST {
            return Ok(Err(format!("its manifest is too large: {} bytes", found.meta.size)));
        }
        let text = String::from_utf8(found.bytes().await?.to_vec());
        Ok(text.map_err(|_| "its manifest is not text".to_owned()))
    }

    pub(super) async fn open(&self, id: &str, member: &str) -> Result<BucketDownload, Failure> {
        BucketDownload::open(self, id, member).await
    }

    pub(super) async fn replace_manifest(&self, id: &str, manifest: String) -> Result<(), Failure> {
        let put = self.backend.put(&self.path(id, MANIFEST), PutPayload::from(Bytes::from(manifest))).await;
        put.map(drop).map_err(|error| {
            let doing =
                format!("the manifest of backup {} could not be written; it is what it was", short_id(id));
            self.words.failure(Exit::RolledBack, doing, &error)
        })
    }

    pub(super) async fn remove(&self, id: &str) -> Result<(), Failure> {
        let gone = async {
            self.backend.delete(&self.path(id, MANIFEST)).await?;
            self.delete_folder(id).await
        };
        gone.await.map_err(|error| {
            let doing = format!(
                "backup {} could not be removed whole; without its manifest it is no backup any more, and with it \
                 all of it is still there (trueup backup list)",
                short_id(id)
            );
            self.words.failure(Exit::Partial, doing, &error)
        })
    }

    /// Deletes every object below an identifier.
    async fn delete_folder(&self, id: &str) -> Result<(), Error> {
        let folder = self.root.clone().join(id);
        let objects: Vec<_> = self.backend.list(Some(&folder)).try_collect().await?;
        for object in objects {
            self.delete(&object.location).await?;
        }
        Ok(())
    }

    /// Deletes an object. An object that does not exist counts as deleted.
    async fn delete(&self, path: &Path) -> Result<(), Error> {
        match self.backend.delete(path).await {
            Err(Error::NotFound { .. }) => Ok(()),
            done => done,
        }
    }

    /// Removes objects below an identifier that has no manifest and was not written to for 24 hours. Younger objects
    /// may belong to a backup that is being written: an object store has no locks.
    ///
    /// Only a failure to list the objects is an error: a role that may not delete can still back up.
    pub(super) async fn sweep(&self) -> Result<usize, Failure> {
        let folders = self.folders().await.map_err(|error| {
            self.words.failure(Exit::CannotTell, format!("{} cannot be read", self.location()), &error)
        })?;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let before = now.saturating_sub(LEFT_BEHIND).as_secs();
        let old = |folder: &Folder| u64::try_from(folder.newest).is_ok_and(|newest| newest < before);
        let mut swept = 0;
        for (id, folder) in folders.iter().filter(|(_, folder)| !folder.is_backup && old(folder)) {
            if self.sweep_one(id, folder).await.is_ok() {
                swept += 1;
            }
        }
        Ok(swept)
    }

    async fn sweep_one(&self, id: &str, folder: &Folder) -> Result<(), Error> {
        let writing = self.path(id, WRITING);
        if folder.objects.contains(&writing) {
            let said = self.backend.get(&writing).await?.bytes().await?;
            let said = String::from_utf8_lossy(&said);
            if let Some((member, upload)) = said.trim_end().split_once('\n') {
                // The upload may have been completed, or aborted by a lifecycle rule.
                let _ = self.backend.abort_multipart(&self.path(id, member), &upload.to_owned()).await;
            }
        }
        for object in &folder.objects {
            self.delete(object).await?;
        }
        Ok(())
    }

    /// The objects below each identifier. Objects with other names are ignored.
    async fn folders(&self) -> Result<BTreeMap<String, Folder>, Error> {
        let mut folders: BTreeMap<String, Folder> = BTreeMap::new();
        let mut objects = self.backend.list(Some(&self.root));
        while let Some(object) = objects.try_next().await? {
            let parts: Option<Vec<String>> = object
                .location
                .prefix_match(&self.root)
                .map(|parts| parts.map(|part| part.as_ref().to_owned()).collect());
            let Some([id, member]) = parts.as_deref() else { continue };
            if ulid::Ulid::from_string(id).is_err() {
                continue;
            }
            let folder = folders.entry(id.clone()).or_default();
            folder.newest = folder.newest.max(object.last_modified.timestamp());
            folder.is_backup |= member == MANIFEST;
            folder.objects.push(object.location);
        }
        Ok(folders)
    }
}
