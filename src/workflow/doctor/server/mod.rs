//! The server, the database, and what the role may do there.

pub(super) mod clock;
pub(super) mod extensions;
pub(super) mod history;
pub(super) mod identity;
pub(super) mod rights;
pub(super) mod row_security;
pub(super) mod standby;
pub(super) mod timeouts;
pub(super) mod version;
