//! Backups: takes, lists, verifies, prunes and restores them.
//!
//! A backup exists whole or not at all. It is proved to be of the database that a change will be made to: the
//! manifest holds the identity of the database, and only a connection to that database can import the snapshot that
//! `pg_dump` works on.
//!
//! This room never asks and never prints; it reports its progress to a [`BackupObserver`].

mod archives;
mod catalog;
mod compare;
mod external;
mod handed;
mod manifest;
mod pg_dump_errors;
mod programs;
mod progress;
pub mod restore;
mod retention;
mod snapshot;
mod store;
mod take;
mod verify;
mod verify_member;

use archives::{digest, dump, full_read};
pub use external::External;
pub use manifest::{
    BackedUpRelation, BackupFormat, BackupSource, Manifest, Member, ProofLevel, Scope, Tools, Verified, Wal,
};
pub use programs::{ProcessGroup, Programs};
pub use progress::{BackupObserver, BackupProgress};
pub use retention::{RetentionPolicy, prunable};
pub use store::{Provider, Store, StoreLocation, StoredBackup};
pub use take::{BackupMethod, BackupRequest, DatabaseIdentity, SourceLabels, take};
pub use verify::{VerifyRequest, verify};
