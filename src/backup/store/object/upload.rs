//! Writes a backup to a bucket: members in parts as they arrive, the manifest last.
//!
//! Nothing is written to a disk, and the memory is bounded (see `parts`). Dropping the upload leaves objects without
//! a manifest. They are no backup, and a later [`super::BucketStore::sweep`] removes them.

use std::time::Instant;

use bytes::{Bytes, BytesMut};
use object_store::multipart::PartId;
use object_store::path::Path;
use object_store::{Error, MultipartId, ObjectStoreExt as _, PutPayload};
use tokio::task::JoinHandle;

use super::{BucketStore, LEFT_BEHIND, MANIFEST, WRITING, parts};
use crate::error::{Exit, Failure};

/// How often the record of a running upload is renewed.
const RENEW_AFTER: std::time::Duration = std::time::Duration::from_secs(LEFT_BEHIND.as_secs() / 24);

/// The backup.
#[derive(Debug)]
pub struct BucketUpload {
    store: BucketStore,
    id: String,
    /// The objects that were stored so far.
    stored: Vec<Path>,
    member: Option<Member>,
}

/// The member that is being written.
#[derive(Debug)]
struct Member {
    name: String,
    path: Path,
    /// Bytes that are not being sent yet.
    buffer: BytesMut,
    /// An unused buffer.
    spare: BytesMut,
    parts: Option<Parts>,
}

/// The multipart upload of a member that does not fit into one request.
#[derive(Debug)]
struct Parts {
    upload: MultipartId,
    stored: Vec<PartId>,
    under_way: Option<UnderWay>,
    said: Instant,
}

/// A part that is being sent.
#[derive(Debug)]
struct UnderWay {
    bytes: Bytes,
    sent: JoinHandle<Result<PartId, Error>>,
}

impl BucketUpload {
    pub(super) fn new(store: BucketStore, id: &str) -> Self {
        Self { store, id: id.to_owned(), stored: Vec::new(), member: None }
    }

    pub(in super::super) fn member(&mut self, name: &str) {
        let path = self.store.path(&self.id, name);
        self.member = Some(Member {
            name: name.to_owned(),
            path,
            buffer: BytesMut::new(),
            spare: BytesMut::new(),
            parts: None,
        });
    }

    pub(in super::super) async fn write(&mut self, mut chunk: Bytes) -> Result<(), Failure> {
        let Self { store, member: Some(member), .. } = self else { return Ok(()) };
        while !chunk.is_empty() {
            let size = parts::size(member.next_part());
            member.make_room(size);
            let fits = chunk.len().min(size - member.buffer.len());
            // Copies the bytes: a chunk may be a small piece of a large allocation, which it would keep alive.
            member.buffer.extend_from_slice(&chunk.split_to(fits));
            if member.buffer.len() == size {
                member.send(store, &self.id).await?;
            }
        }
        Ok(())
    }

    pub(in super::super) async fn end(&mut self) -> Result<(), Failure> {
        let Self { store, member: Some(member), .. } = self else { return Ok(()) };
        if member.parts.is_none() {
            let bytes = member.buffer.split().freeze();
            let put = store.backend.put(&member.path, PutPayload::from(bytes)).await;
            put.map_err(|error| member.cannot_write(store, &error))?;
        } else {
            if !member.buffer.is_empty() {
                member.send(store, &self.id).await?;
            }
            member.wait_for_part(store).await?;
            if let Some(Parts { upload, stored, .. }) = &mut member.parts {
                let stored = std::mem::take(stored);
                let whole = store.backend.complete_multipart(&member.path, upload, stored).await;
                whole.map_err(|error| member.cannot_write(store, &error))?;
            }
        }
        self.stored.extend(self.member.take().map(|member| member.path));
        Ok(())
    }

    pub(in super::super) async fn commit(mut self, manifest: String) -> Result<(), Failure> {
        // The role may lack the permission to delete. Beside a manifest the record has no meaning.
        let _ = self.store.delete(&self.store.path(&self.id, WRITING)).await;
        let path = self.store.path(&self.id, MANIFEST);
        let put = self.store.backend.put(&path, PutPayload::from(Bytes::from(manifest))).await;
        let Err(error) = put else { return Ok(()) };
        let location = self.store.location();
        let doing = format!("no backup was taken: writing its manifest to {location}");
        let mut failure = self.store.words.failure(Exit::RolledBack, doing, &error);
        // The manifest may have arrived in spite of the error: it is deleted first.
        if self.in_time(self.store.delete(&path)).await {
            self.take_back().await;
        } else {
            failure.what.push_str(
                "; whether it arrived is not known, and it could not be removed: trueup backup list shows whether it did",
            );
        }
        Err(failure)
    }

    pub(in super::super) async fn abort(mut self) {
        self.take_back().await;
    }

    /// Aborts the current multipart upload, and deletes what was stored. What cannot be deleted is no backup.
    async fn take_back(&mut self) {
        if let Some(member) = self.member.take()
            && let Some(Parts { upload, under_way, .. }) = member.parts
        {
            if let Some(UnderWay { sent, .. }) = under_way {
                sent.abort();
                // A part that arrives after the upload was aborted would stay.
                let _ = sent.await;
            }
            self.in_time(self.store.backend.abort_multipart(&member.path, &upload)).await;
        }
        let writing = self.store.path(&self.id, WRITING);
        for path in self.stored.iter().chain([&writing]) {
            self.in_time(self.store.delete(path)).await;
        }
    }

    /// Whether the request succeeded in time. The timeout is short, because trueup was told to stop.
    async fn in_time(&self, work: impl Future<Output = Result<(), Error>>) -> bool {
        let limit = self.store.words.timeout().min(std::time::Duration::from_secs(15));
        tokio::time::timeout(limit, work).await.is_ok_and(|done| done.is_ok())
    }
}

impl Member {
    fn next_part(&self) -> usize {
        self.parts.as_ref().map_or(0, |parts| parts.stored.len() + usize::from(parts.under_way.is_some()))
    }

    /// Makes sure that the buffer can hold a part of this size, and reuses the one that was sent last where it is
    /// large enough. A buffer that grows by itself would need twice the memory.
    fn make_room(&mut self, size: usize) {
        if self.buffer.capacity() < size && self.buffer.is_empty() {
            self.buffer = std::mem::take(&mut self.spare);
            if self.buffer.capacity() < size {
                self.buffer = BytesMut::new();
                self.buffer.reserve(size);
            }
        }
    }

    /// Sends the buffer as a part. Returns when the next part may be filled.
    async fn send(&mut self, store: &BucketStore, id: &str) -> Result<(), Failure> {
        self.renew_writing_marker(store, id).await?;
        let number = self.next_part();
        if number == parts::MOST {
            let what = format!(
                "no backup was taken: {} is larger than {} parts, which is what an object store takes",
                self.name,
                parts::MOST
            );
            return Err(Failure::new(Exit::RolledBack, what)
                .next("let the provider take a snapshot: [backup] kind = \"command\""));
        }
        self.wait_for_part(store).await?;
        let bytes = std::mem::take(&mut self.buffer).freeze();
        if let Some(parts) = &mut self.parts {
            let (backend, path, upload) = (store.backend.clone(), self.path.clone(), parts.upload.clone());
            let payload = PutPayload::from(bytes.clone());
            let sent = tokio::spawn(async move { backend.put_part(&path, &upload, number, payload).await });
            parts.under_way = Some(UnderWay { bytes, sent });
        }
        if !parts::beside_the_next(number) {
            self.wait_for_part(store).await?;
        }
        Ok(())
    }

    /// Waits for the part that is being sent.
    async fn wait_for_part(&mut self, store: &BucketStore) -> Result<(), Failure> {
        let Some(parts) = &mut self.parts else { return Ok(()) };
        let Some(under_way) = &mut parts.under_way else { return Ok(()) };
        // The task stays in its place until it ends, so that a caller that stops waiting can still abort it.
        let sent = (&mut under_way.sent).await;
        let bytes = parts.under_way.take().map(|under_way| under_way.bytes);
        let stored = match sent {
            Ok(Ok(stored)) => stored,
            Ok(Err(error)) => return Err(self.cannot_write(store, &error)),
            Err(error) => return Err(self.cannot_write(store, &error.into())),
        };
        parts.stored.push(stored);
        if let Some(Ok(mut buffer)) = bytes.map(Bytes::try_into_mut) {
            buffer.clear();
            self.spare = buffer;
        }
        Ok(())
    }

    /// Begins the multipart upload, or renews its record.
    async fn renew_writing_marker(&mut self, store: &BucketStore, id: &str) -> Result<(), Failure> {
        let begin = self.parts.is_none();
        if begin {
            let upload = store.backend.create_multipart(&self.path).await;
            let upload = upload.map_err(|error| self.cannot_write(store, &error))?;
            self.parts = Some(Parts { upload, stored: Vec::new(), under_way: None, said: Instant::now() });
        }
        let Some(parts) = &mut self.parts else { return Ok(()) };
        if !begin && parts.said.elapsed() < RENEW_AFTER {
            return Ok(());
        }
        parts.said = Instant::now();
        let words = Bytes::from(format!("{}\n{}\n", self.name, parts.upload));
        let said = store.backend.put(&store.path(id, WRITING), PutPayload::from(words)).await;
        said.map(drop).map_err(|error| self.cannot_write(store, &error))
    }

    fn cannot_write(&self, store: &BucketStore, error: &Error) -> Failure {
        let doing = format!("no backup was taken: writing {} to {}", self.name, store.location());
        store.words.failure(Exit::RolledBack, doing, error)
    }
}
