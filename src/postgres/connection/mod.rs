//! Connections: the only owner of one. Resolving a target, connecting with words for every failure, sending
//! messages of several statements, reading identity.

mod connect;
mod conninfo;
mod failure;
mod message;
mod password;
mod target;
mod url;
mod version;

pub use failure::{ServerError, describe, server_error, server_failure};
pub use message::{Row, Session};
pub use password::PasswordSources;
pub use target::Target;
pub use version::ServerVersion;
