//! A bucket. A backup is the objects below `PREFIX/ID/`; its manifest is put when all others are there.
//!
//! An object appears whole or not at all, so nothing is renamed: what is below an identifier without a manifest is no
//! backup, be it still on its way or left by somebody who was killed. Who uploads in parts says so in an object of its own
//! ([`WRITING`]), because a bucket does not list the parts of an upload that was never completed.

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

use super::place::{Place, Provider};
use super::{LARGEST_MANIFEST, Listed, MANIFEST, parse_manifest};
use crate::error::{Exit, Failure};

use backend::Backend;
pub(super) use download::Download;
use errors::Words;
pub(super) use upload::Upload;

/// Says which upload in parts is under way: the member's name and the upload's identifier, a line each.
const WRITING: &str = "writing";
/// What is tried out to see whether something could be uploaded.
const READY: &str = "ready";
/// How many manifests are fetched at once.
const AT_ONCE: usize = 8;
/// How old what has no manifest must be to count as left behind. Who writes says so again every hour.
const LEFT_BEHIND: Duration = Duration::from_secs(24 * 3600);

/// The bucket.
#[derive(Debug, Clone)]
pub struct Object {
    backend: Arc<dyn Backend>,
    root: Path,
    words: Arc<Words>,
}

/// What is below one identifier.
#[derive(Debug, Default)]
struct Folder {
    objects: Vec<Path>,
    /// Seconds since 1970.
    newest: i64,
    is_backup: bool,
}

impl Object {
    /// The way to it; nothing is sent yet.
    ///
    /// # Errors
    /// Exit 2: settings or variables that cannot be right.
    pub(super) fn connect(place: &Place) -> Result<Self, Failure> {
        let root = Path::parse(&place.prefix).map_err(|error| {
            Failure::usage(format!("[backup] store: {:?} is no prefix: {error}", place.prefix))
        })?;
        let words = Words::new(place);
        let backend = backend::connect(place, &words)?;
        Ok(Self { backend, root, words: Arc::new(words) })
    }

    pub(super) fn place(&self) -> &str {
        self.words.place()
    }

    fn path(&self, id: &str, member: &str) -> Path {
        self.root.clone().join(id).join(member)
    }

    /// Credentials first: without any, a store would be asked in vain.
    async fn enter(&self, exit: Exit) -> Result<(), Failure> {
        self.words.could_have_credentials(exit)?;
        let found = self.backend.find_credentials().await;
        found.map_err(|error| self.words.no_credentials(exit, &error))
    }

    /// Proves the rights that a backup needs. An upload in parts that is begun and aborted leaves nothing, needs no right
    /// to delete objects, which not everybody who may back up has, and makes no version in a bucket that keeps them.
    pub(super) async fn ready(&self) -> Result<(), Failure> {
        self.enter(Exit::Refused).await?;
        let path = self.root.clone().join(READY);
        let tried = async {
            // Azure knows no beginning of an upload in parts.
            if self.words.provider() == Provider::Azure {
                self.backend.put(&path, PutPayload::default()).await?;
                return self.backend.delete(&path).await;
            }
            let upload = self.backend.create_multipart(&path).await?;
            self.backend.abort_multipart(&path, &upload).await
        };
        let refused = |error| {
            let doing = format!("a backup could not be written to {}", self.place());
            self.words.failure(Exit::Refused, doing, &error)
        };
        tried.await.map_err(refused)
    }

    pub(super) async fn begin(&self, id: &str) -> Result<Upload, Failure> {
        let folder = self.root.clone().join(id);
        let mut there = self.backend.list(Some(&folder));
        match there.try_next().await {
            Ok(None) => Ok(Upload::new(self.clone(), id)),
            Ok(Some(_)) => Err(Failure::new(
                Exit::Refused,
                format!("there is a backup {id} in {} already", self.place()),
            )),
            Err(error) => {
                let doing = format!("looking into {}", self.place());
                Err(self.words.failure(Exit::RolledBack, doing, &error))
            }
        }
    }

    pub(super) async fn list(&self) -> Result<Vec<Listed>, Failure> {
        self.enter(Exit::CannotTell).await?;
        let cannot_tell = |error: Error| {
            self.words.failure(Exit::CannotTell, format!("{} cannot be read", self.place()), &error)
        };
        let folders = self.backend.list_with_delimiter(Some(&self.root)).await.map_err(cannot_tell)?;
        let ids = folders.common_prefixes.into_iter();
        let ids = ids.filter_map(|folder| folder.filename().map(str::to_owned));
        let manifests = futures_util::stream::iter(ids).map(async |id| {
            let text = match self.manifest(&id).await {
                // What has no manifest is no backup.
                Err(Error::NotFound { .. }) => return Ok(None),
                text => text?,
            };
            Ok(Some(Listed { manifest: text.and_then(|text| parse_manifest(&text, &id)), id }))
        });
        let listed: Vec<Option<Listed>> =
            manifests.buffer_unordered(AT_ONCE).try_collect().await.map_err(cannot_tell)?;
        Ok(listed.into_iter().flatten().collect())
    }

    /// Its text; or why that cannot be believed.
    async fn manifest(&self, id: &str) -> Result<Result<String, String>, Error> {
        let found = self.backend.get(&self.path(id, MANIFEST)).await?;
        if found.meta.size > LARGEST_MANIFEST {
            return Ok(Err(format!("its manifest is too large: {} bytes", found.meta.size)));
        }
        let text = String::from_utf8(found.bytes().await?.to_vec());
        Ok(text.map_err(|_| "its manifest is no text".to_owned()))
    }

    pub(super) async fn open(&self, id: &str, member: &str) -> Result<Download, Failure> {
        Download::open(self, id, member).await
    }

    pub(super) async fn restate(&self, id: &str, manifest: String) -> Result<(), Failure> {
        let put = self.backend.put(&self.path(id, MANIFEST), PutPayload::from(Bytes::from(manifest))).await;
        put.map(drop).map_err(|error| {
            let doing = format!("the manifest of backup {id} could not be written; it is what it was");
            self.words.failure(Exit::RolledBack, doing, &error)
        })
    }

    pub(super) async fn remove(&self, id: &str) -> Result<(), Failure> {
        let gone = async {
            self.backend.delete(&self.path(id, MANIFEST)).await?;
            self.empty(id).await
        };
        gone.await.map_err(|error| {
            let doing = format!(
                "backup {id} could not be removed whole; without its manifest it is no backup any more, and with it \
                 all of it is still there (trueup backup list)"
            );
            self.words.failure(Exit::Partial, doing, &error)
        })
    }

    /// Removes every object below an identifier.
    async fn empty(&self, id: &str) -> Result<(), Error> {
        let folder = self.root.clone().join(id);
        let objects: Vec<_> = self.backend.list(Some(&folder)).try_collect().await?;
        for object in objects {
            self.delete(&object.location).await?;
        }
        Ok(())
    }

    /// Deletes an object; one that is not there is deleted already.
    async fn delete(&self, path: &Path) -> Result<(), Error> {
        match self.backend.delete(path).await {
            Err(Error::NotFound { .. }) => Ok(()),
            done => done,
        }
    }

    /// Removes what is below an identifier without a manifest, and has not been touched for 24 hours. Whatever is younger
    /// may be a backup that somebody else is writing at this moment: an object store has no lock that would tell.
    ///
    /// Only a failure to look is an error: who may not delete can still back up.
    pub(super) async fn sweep(&self) -> Result<usize, Failure> {
        let folders = self.folders().await.map_err(|error| {
            self.words.failure(Exit::CannotTell, format!("{} cannot be read", self.place()), &error)
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
                // It may have been completed, or aborted by a rule of the bucket.
                let _ = self.backend.abort_multipart(&self.path(id, member), &upload.to_owned()).await;
            }
        }
        for object in &folder.objects {
            self.delete(object).await?;
        }
        Ok(())
    }

    /// What there is below identifiers; what is called otherwise is not ours.
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
