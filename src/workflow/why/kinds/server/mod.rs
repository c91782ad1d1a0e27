//! Errors about the server: privileges, connections, locks, limits of time.

pub(super) mod aborted;
pub(super) mod attribute;
pub(super) mod connections;
pub(super) mod deadlock;
pub(super) mod lock_not_available;
pub(super) mod login;
pub(super) mod prepared_statement;
pub(super) mod privilege;
pub(super) mod read_only;
pub(super) mod resources;
pub(super) mod serialization;
pub(super) mod statement_timeout;
pub(super) mod undefined_database;
pub(super) mod unreachable;
