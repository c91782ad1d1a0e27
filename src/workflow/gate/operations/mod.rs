//! The sections about what goes on around a deploy: how long others wait, rows, backups, sessions, standbys, rehearsals.

pub(super) mod backup;
pub(super) mod blockers;
pub(super) mod data;
pub(super) mod hazards;
pub(super) mod rehearsal;
pub(super) mod replicas;
