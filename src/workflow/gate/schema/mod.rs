//! The sections that are judged by the schema, its history and its rows, as one reading of the database shows them.

pub(super) mod drift;
pub(super) mod history;
pub(super) mod identity;
pub(super) mod pending;
pub(super) mod rights;
pub(super) mod seeds;
