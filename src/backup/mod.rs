//! Backups: taken before a change, proved to be restorable, listed, verified, pruned, restored.
//!
//! A backup is there whole or not at all. What is dumped, what is counted and what is changed afterwards are the same
//! database: the identity travels in the manifest, and the snapshot that `pg_dump` takes over can only be had there.
//! This room asks nobody and prints nothing; it tells [`Follow`] how far it is.

mod archive;
mod catalog;
mod client;
mod compare;
mod digest;
mod dump;
mod external;
mod follow;
mod full_read;
mod manifest;
mod member;
mod pg_dump_errors;
pub mod restore;
mod retention;
mod snapshot;
mod store;
mod take;
mod verify;

pub use client::Programs;
pub use external::External;
pub use follow::{Follow, Progress};
pub use manifest::{Kind, Level, Manifest, Member, Relation, Scope, Source, Tools, Verified, Wal};
pub use retention::{Keep, prunable};
pub use store::{Listed, Place, Provider, Store};
pub use take::{Marked, Method, Request, take};
pub use verify::{Verifying, verify};
