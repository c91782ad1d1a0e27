//! Plans against a real server: the locks that are told of statements, what cannot run in a transaction, and the script
//! for a query editor.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod export;
mod locks;
mod outside;
#[path = "../support/mod.rs"]
mod support;
