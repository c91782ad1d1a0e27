//! The archive that pg_dump writes: written, hashed and read back.

pub(super) mod archive;
pub(super) mod digest;
pub(super) mod dump;
pub(super) mod full_read;
