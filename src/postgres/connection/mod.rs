//! Connections: the only owner of one. Resolving a target, connecting with words for every failure, sending
//! messages of several statements, reading identity.

mod batch;
mod connect;
mod conninfo;
mod failure;
mod password;
mod read_only;
mod row;
mod session;
pub mod sqlstate;
mod target;
mod tls;
mod url;
mod value;
mod version;

pub use batch::Batch;
pub use failure::{ServerError, describe, server_error, server_failure};
pub use password::PasswordSources;
pub use read_only::{ReadOnlyTransaction, ReadingScope};
pub use row::{OwnedRow, ReturnedColumn, Row, RowBuffer, Single};
pub use session::{
    CHECK_CLIENT, EndedStatements, IDLE_SESSION_LIMIT, IDLE_TRANSACTION_LIMIT, OBSERVED, OBSERVED_SESSION,
    Session, end_abandoned, limit_unused,
};
pub use target::Target;
pub use tls::{Distrust, ServerCertificate, ServerTls, TlsAnswer};
pub use value::{FromValue, RowError, read as read_value};
pub use version::ServerVersion;
