//! The DDL of each kind of object.

pub(super) mod columns;
pub(super) mod constraints;
pub(super) mod indexes;
pub(super) mod numbering;
pub(super) mod partitions;
pub(super) mod policies;
pub(super) mod routines;
pub(super) mod sequences;
pub(super) mod tables;
pub(super) mod triggers;
pub(super) mod types;
pub(super) mod views;
