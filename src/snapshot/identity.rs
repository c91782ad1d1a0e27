//! Who the database says it is.

use anyhow::Result;
use serde::Serialize;

use crate::error::Failure;
use crate::postgres::connection::Row;

/// One SELECT of one row; [`Identity::from_row`] reads it. Three columns prove that the transaction is what was asked
/// for; the one at [`SNAPSHOT`] is its snapshot.
pub(super) const SQL: &str = include_str!("identity.sql");

/// The column of the snapshot.
pub(super) const SNAPSHOT: usize = 9;

/// The identity of a database, as the server tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// `current_database()`.
    pub database: String,
    /// The database's oid: another database of the same name has another.
    pub database_oid: u32,
    /// `session_user`, as whom the connection was made.
    pub role: String,
    /// `server_version`, such as `15.18`.
    pub server_version: String,
    /// `pg_control_system()`: the same on a physical copy of the server.
    pub system_identifier: String,
    /// Whether the server is a standby.
    pub standby: bool,
}

impl Identity {
    /// Reads the row of [`SQL`], and proves that the settings of the transaction hold.
    pub(super) fn from_row(row: &Row<'_>) -> Result<Self> {
        let text = |column: usize| row.text(column).unwrap_or_default().to_owned();
        for (column, setting, wanted) in [
            (6, "search_path", "pg_catalog, pg_temp"),
            (7, "transaction_read_only", "on"),
            (8, "transaction_isolation", "repeatable read"),
        ] {
            let found = text(column);
            if found != wanted {
                return Err(Failure::cannot_tell(format!(
                    "the server did not take a setting: {setting} is {found:?}, not {wanted:?}; nothing was read"
                ))
                .next("ask what between trueup and the server (a proxy?) rewrites SET LOCAL")
                .into());
            }
        }
        let path = text(1);
        let database_oid = path.rsplit('/').nth(1).unwrap_or_default();
        Ok(Self {
            database: text(0),
            database_oid: database_oid.parse()?,
            role: text(2),
            server_version: text(3).split(' ').next().unwrap_or_default().to_owned(),
            system_identifier: text(4),
            standby: text(5) == "t",
        })
    }
}
