//! The identity of a database, as the server tells it.

use anyhow::Result;
use serde::Serialize;

use crate::error::Failure;
use crate::postgres::connection::Row;

/// One SELECT of one row, which [`Identity::from_row`] reads. Three of its columns prove that the transaction has the
/// settings that were asked for; `snapshot` is its snapshot.
pub(super) const SQL: &str = include_str!("identity.sql");

/// Settings that must hold in the transaction that reads.
const REQUIRED: [(&str, &str); 3] = [
    ("search_path", "pg_catalog, pg_temp"),
    ("transaction_read_only", "on"),
    ("transaction_isolation", "repeatable read"),
];

/// The identity of a database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// `current_database()`.
    pub database: String,
    /// The database's oid: another database of the same name has another.
    pub database_oid: u32,
    /// `session_user`: the role that the connection was made as.
    pub role: String,
    /// `server_version`, such as `15.18`.
    pub server_version: String,
    /// `pg_control_system()`: a physical copy of the server has the same.
    pub system_identifier: String,
    /// Whether the server is a standby.
    pub standby: bool,
}

impl Identity {
    /// Reads the row of [`SQL`], and proves that the settings of the transaction hold.
    ///
    /// # Errors
    /// Exit 3: a setting does not hold; the row cannot be read.
    pub(super) fn from_row(row: &Row<'_>) -> Result<Self> {
        for (setting, required) in REQUIRED {
            let value: &str = row.get(setting)?;
            if value != required {
                return Err(Failure::cannot_tell(format!(
                    "the server did not take a setting: {setting} is {value:?}, not {required:?}; nothing was read"
                ))
                .next("ask what between trueup and the server (a proxy?) rewrites SET LOCAL")
                .into());
            }
        }
        let path: &str = row.get("path")?;
        let version: &str = row.get("server_version")?;
        Ok(Self {
            database: row.get("database")?,
            database_oid: path.rsplit('/').nth(1).unwrap_or_default().parse()?,
            role: row.get("role")?,
            server_version: version.split(' ').next().unwrap_or_default().to_owned(),
            system_identifier: row.get("system_identifier")?,
            standby: row.get("standby")?,
        })
    }
}
