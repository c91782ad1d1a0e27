//! Connections: the only owner of one. Resolving a target, connecting with words for every failure, sending
//! messages of several statements, reading identity.

mod abandoned;
mod batch;
mod connect;
mod conninfo;
mod failure;
mod heartbeat;
mod message;
mod password;
mod read_only;
mod row;
pub mod sqlstate;
mod target;
mod url;
mod value;
mod version;

pub use abandoned::{CHECK_CLIENT, EndedStatements, OBSERVED, OBSERVED_SESSION, end_abandoned};
pub use batch::Batch;
pub use failure::{ServerError, describe, server_error, server_failure};
pub use heartbeat::{IDLE_SESSION_LIMIT, IDLE_TRANSACTION_LIMIT, limit_unused};
pub use message::Session;
pub use password::PasswordSources;
pub use read_only::ReadOnlyTransaction;
pub use row::{OwnedRow, ReturnedColumn, Row, RowBuffer, Single};
pub use target::Target;
pub use value::{FromValue, RowError, read as read_value};
pub use version::ServerVersion;
