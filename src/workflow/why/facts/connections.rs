//! How many connections there may be, and who has them.

use std::time::Duration;

use crate::postgres::connection::{OwnedRow, RowError};

/// The limits of connections, and how far they are used. A limit of a role or database that is not set is -1.
#[derive(Debug, Clone)]
pub(crate) struct ConnectionLimits {
    /// What the server takes, without those that are reserved.
    pub(crate) server: i64,
    /// How many clients it has.
    pub(crate) clients: i64,
    /// `ALTER ROLE ... CONNECTION LIMIT`
    pub(crate) role: i64,
    /// How many connections the role has.
    pub(crate) of_role: i64,
    /// `ALTER DATABASE ... CONNECTION LIMIT`
    pub(crate) database: i64,
    /// How many connections the database has.
    pub(crate) of_database: i64,
}

/// Connections of one role, application and state.
#[derive(Debug, Clone)]
pub(crate) struct ConnectionCount {
    pub(crate) role: String,
    pub(crate) application: String,
    pub(crate) state: String,
    pub(crate) count: i64,
    /// How long the one has been so that has been so for the longest.
    pub(crate) longest: Option<Duration>,
}

/// A client's connection. What another role's session is for is not shown to a role without `pg_read_all_stats`.
const CLIENT: &str = "coalesce(a.backend_type, 'client backend') = 'client backend' AND a.datname IS NOT NULL AND a.usename IS NOT NULL";

/// One SELECT; `role` is an SQL expression.
pub(super) fn limits(role: &str) -> String {
    format!(
        "SELECT current_setting('max_connections')::int8 - current_setting('superuser_reserved_connections')::int8 \
                - coalesce(current_setting('reserved_connections', true)::int8, 0) AS server, \
                (SELECT count(*) FROM pg_stat_activity AS a WHERE {CLIENT}) AS clients, \
                coalesce((SELECT r.rolconnlimit FROM pg_roles AS r WHERE r.rolname = {role}), -1) AS role, \
                (SELECT count(*) FROM pg_stat_activity AS a WHERE {CLIENT} AND a.usename = {role}) AS of_role, \
                (SELECT d.datconnlimit FROM pg_database AS d WHERE d.datname = current_database()) AS database, \
                (SELECT count(*) FROM pg_stat_activity AS a WHERE {CLIENT} \
                    AND a.datname = current_database()) AS of_database"
    )
}

/// One SELECT of who has the connections.
pub(super) fn holders() -> String {
    format!(
        "SELECT coalesce(a.usename, '') AS role, coalesce(a.application_name, '') AS application, coalesce(a.state, '') AS state, \
           count(*) AS count, \
           extract(epoch FROM clock_timestamp() - min(coalesce(a.state_change, a.backend_start)))::int8 AS longest \
      FROM pg_stat_activity AS a WHERE {CLIENT} AND a.pid <> pg_backend_pid() \
     GROUP BY 1, 2, 3 ORDER BY count DESC, role, application, state LIMIT 3"
    )
}

impl ConnectionLimits {
    pub(super) fn read(row: &OwnedRow) -> Result<Self, RowError> {
        Ok(Self {
            server: row.get("server")?,
            clients: row.get("clients")?,
            role: row.get("role")?,
            of_role: row.get("of_role")?,
            database: row.get("database")?,
            of_database: row.get("of_database")?,
        })
    }
}

impl ConnectionCount {
    pub(super) fn read(row: &OwnedRow) -> Result<Self, RowError> {
        let longest: Option<i64> = row.get("longest")?;
        Ok(Self {
            role: row.get("role")?,
            application: row.get("application")?,
            state: row.get("state")?,
            count: row.get("count")?,
            longest: longest.and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs),
        })
    }
}
