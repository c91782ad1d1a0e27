//! The project, and what this machine has.

pub(super) mod locale;
pub(super) mod pg_dump;
pub(super) mod project;
pub(super) mod scratch;
pub(super) mod settings;
pub(super) mod store;
pub(super) mod terminal;
