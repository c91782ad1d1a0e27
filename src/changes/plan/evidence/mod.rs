//! Which migrations have their effect in the database already.

pub(super) mod already_applied;
pub(super) mod applied_evidence;
