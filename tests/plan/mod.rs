//! Plans against a real server: the locks that are told of statements, what cannot run in a transaction, and the script
//! for a query editor.

mod export;
pub(crate) mod locks;
mod outside;
