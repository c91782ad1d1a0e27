//! Reads a member from a bucket in ranges. Every request is short, so that a store that does not answer is noticed,
//! and all requests ask for the same version of the object.

use bytes::Bytes;
use object_store::path::Path;
use object_store::{Error, GetOptions, GetRange, ObjectStore as _, ObjectStoreExt as _};
use tokio::task::JoinHandle;

use super::BucketStore;
use crate::error::{ErrorCode, Exit, Failure};
use crate::text::short_id;

/// The size of one range. The next range is requested ahead.
const RANGE: u64 = 8 << 20;
/// The largest number of bytes that one call returns.
const CHUNK: usize = 1 << 20;

/// The member.
#[derive(Debug)]
pub struct BucketDownload {
    store: BucketStore,
    id: String,
    name: String,
    path: Path,
    size: u64,
    etag: Option<String>,
    version: Option<String>,
    /// Where the next range begins.
    next: u64,
    /// Bytes that have arrived and were not returned yet.
    here: Bytes,
    ahead: Option<JoinHandle<Result<Bytes, Error>>>,
}

impl BucketDownload {
    pub(super) async fn open(store: &BucketStore, id: &str, name: &str) -> Result<Self, Failure> {
        let path = store.path(id, name);
        let found = store.backend.head(&path).await.map_err(|error| cannot_read(store, id, name, &error))?;
        let mut download = Self {
            store: store.clone(),
            id: id.to_owned(),
            name: name.to_owned(),
            path,
            size: found.size,
            etag: found.e_tag,
            version: found.version,
            next: 0,
            here: Bytes::new(),
            ahead: None,
        };
        download.fetch_ahead();
        Ok(download)
    }

    fn fetch_ahead(&mut self) {
        if self.next == self.size {
            return;
        }
        let end = (self.next + RANGE).min(self.size);
        let options = GetOptions {
            range: Some(GetRange::Bounded(self.next..end)),
            if_match: self.etag.clone(),
            version: self.version.clone(),
            ..GetOptions::default()
        };
        self.next = end;
        let (backend, path) = (self.store.backend.clone(), self.path.clone());
        self.ahead = Some(tokio::spawn(async move { backend.get_opts(&path, options).await?.bytes().await }));
    }

    pub(in super::super) async fn chunk(&mut self) -> Result<Option<Bytes>, Failure> {
        if self.here.is_empty() {
            let Some(ahead) = &mut self.ahead else { return Ok(None) };
            let arrived = match ahead.await {
                Ok(arrived) => arrived,
                Err(error) => Err(error.into()),
            };
            self.ahead = None;
            self.here = arrived.map_err(|error| cannot_read(&self.store, &self.id, &self.name, &error))?;
            self.fetch_ahead();
        }
        let chunk = self.here.split_to(self.here.len().min(CHUNK));
        Ok((!chunk.is_empty()).then_some(chunk))
    }
}

impl Drop for BucketDownload {
    fn drop(&mut self) {
        if let Some(ahead) = &self.ahead {
            ahead.abort();
        }
    }
}

/// An object that is gone or was replaced is damage. A store that does not answer says nothing about the backup.
fn cannot_read(store: &BucketStore, id: &str, name: &str, error: &Error) -> Failure {
    let location = store.location();
    let damaged = |what: String| {
        Failure::new(Exit::RolledBack, format!("backup {} is damaged: {what}", short_id(id)))
            .code(ErrorCode::BACKUP_DAMAGED)
            .next("use another backup: trueup backup list")
    };
    match error {
        Error::NotFound { .. } => damaged(format!("{name} is not in {location}")),
        Error::Precondition { .. } => {
            damaged(format!("{name} in {location} was replaced while it was read: it is not what was stored"))
        }
        error => {
            let doing = format!("backup {}: {name} cannot be read from {location}", short_id(id));
            store.words.failure(Exit::CannotTell, doing, error)
        }
    }
}
