//! Replaces a database by a restored one: copies settings and grants, closes connections, and renames both databases
//! in one transaction.
//!
//! The old database is closed to connections until the commit. A run that is killed meanwhile leaves a comment on the
//! new database that says so, and the next run opens the old one again.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde::Serialize;

use super::server::{Database, RestoreServer, comment_of, comment_on, failed, shortened};
use crate::error::{ErrorCode, Exit, Failure, exit_of};
use crate::postgres::connection::{self, OwnedRow, sqlstate};
use crate::postgres::sql::{identifier, literal};

const CARRY: &str = include_str!("sql/carry.sql");
/// How long to wait for connections to close.
const ENDING: Duration = Duration::from_secs(20);
/// The pause between two looks at the connections.
const PAUSE: Duration = Duration::from_millis(100);
const TRIES: usize = 5;
/// The comment on a database that is about to replace another one. It identifies the leftover of a killed run.
const TAKES_ITS_PLACE: &str = "verified, about to take its place";
/// Settings whose value is a list of quoted names (GUC_LIST_QUOTE; the same list is in pg_dump's dumputils.c).
const LISTS: [&str; 6] = [
    "local_preload_libraries",
    "search_path",
    "session_preload_libraries",
    "shared_preload_libraries",
    "temp_tablespaces",
    "unix_socket_directories",
];

/// A connection to the database that is replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConnectedSession {
    /// The process id of the backend.
    pub pid: i32,
    /// The role.
    pub role: String,
    /// `application_name`
    pub application: String,
    /// The address of the client; empty for a socket.
    pub client: String,
    /// The state of the session: `active`, `idle`, ...
    pub state: String,
}

/// The connections to a database.
///
/// # Errors
/// The query fails.
pub async fn sessions(server: &mut RestoreServer, database: &Database) -> Result<Vec<ConnectedSession>> {
    let sql = format!(
        "SELECT pid, coalesce(usename, '') AS role, coalesce(application_name, '') AS application, \
         coalesce(host(client_addr), '') AS client, coalesce(state, backend_type) AS state FROM pg_stat_activity \
         WHERE datid = {} AND pid <> pg_backend_pid() AND backend_type NOT LIKE 'autovacuum%' ORDER BY backend_start",
        database.oid
    );
    let rows = server.session.query(sql).await;
    let rows = rows.map_err(|error| connection::server_failure(error, "looking who is connected"))?;
    let session = |row: &OwnedRow| {
        Ok(ConnectedSession {
            pid: row.get("pid")?,
            role: row.get("role")?,
            application: row.get("application")?,
            client: row.get("client")?,
            state: row.get("state")?,
        })
    };
    rows.iter().map(session).collect()
}

/// Checks, before anything is restored, that the role may replace a database.
///
/// # Errors
/// Exit 4: the role may not, or prepared transactions prevent it.
pub async fn check_may_replace(server: &mut RestoreServer, old: &Database) -> Result<()> {
    let refuse = |what: String, next: String| {
        Err(Failure::new(Exit::Refused, format!("{what}; nothing was changed")).next(next).into())
    };
    let (name, role) = (&old.name, server.role.clone());
    if !old.ours || !server.may_create {
        return refuse(
            format!("role {role:?} may not replace database {name:?}, which belongs to {}", old.owner),
            format!(
                "restore as a superuser; or GRANT {} TO {role}; ALTER ROLE {role} CREATEDB",
                identifier(&old.owner),
                role = identifier(&role)
            ),
        );
    }
    let sql = format!(
        "SELECT string_agg(gid, ', ') AS gids FROM pg_prepared_xacts WHERE database = {}",
        literal(name)
    );
    let gids: Result<Option<String>> = server.session.scalar(sql).await;
    if let Some(gids) = gids.map_err(|error| failed(error, "looking for prepared transactions"))? {
        return refuse(
            format!("database {name:?} has prepared transactions, with which it cannot be renamed: {gids}"),
            "COMMIT PREPARED or ROLLBACK PREPARED each of them".to_owned(),
        );
    }
    Ok(())
}

/// The new name of the database that is replaced: `platform_before_20261126T1130Z`.
///
/// # Errors
/// A query fails.
pub async fn name_for_replaced(server: &mut RestoreServer, name: &str) -> Result<String> {
    unused_name(server, name, "before").await
}

/// The name of a restored database that is incomplete and does not replace another: `platform_restored_20261126T1130Z`.
///
/// # Errors
/// A query fails.
pub async fn name_for_incomplete(server: &mut RestoreServer, name: &str) -> Result<String> {
    unused_name(server, name, "restored").await
}

async fn unused_name(server: &mut RestoreServer, name: &str, word: &str) -> Result<String> {
    let dated = format!("_{word}_{}", server.now);
    let mut number = 1;
    loop {
        let suffix = if number == 1 { dated.clone() } else { format!("{dated}_{number}") };
        let wanted = format!("{}{suffix}", shortened(name, suffix.len()));
        if server.database(&wanted).await?.is_none() {
            return Ok(wanted);
        }
        number += 1;
    }
}

/// Replaces `old` by `new`: `old` is renamed to `aside`. Returns the number of connections that were closed. When it
/// fails, `new` is dropped.
///
/// # Errors
/// Exit 5: the old database is unchanged and open. Exit 6: it could not be opened again. Exit 7: it is not known
/// whether the databases were swapped.
pub async fn swap(server: &mut RestoreServer, old: &Database, new: &str, aside: &str) -> Result<usize> {
    match swap_databases(server, old, new, aside).await {
        Ok(ended) => Ok(ended),
        Err(error) if matches!(exit_of(&error), Exit::Unknown | Exit::Partial) => Err(error),
        Err(error) => {
            server.drop(new).await?;
            Err(failed(error, "swapping the databases"))
        }
    }
}

async fn swap_databases(server: &mut RestoreServer, old: &Database, new: &str, aside: &str) -> Result<usize> {
    server.check_identity().await?;
    if server.database(&old.name).await?.as_ref().map(|now| now.oid) != Some(old.oid) {
        let what = format!("database {:?} was dropped or renamed meanwhile; nothing was swapped", old.name);
        return Err(Failure::new(Exit::RolledBack, what)
            .code(ErrorCode::RUN_COMMIT_UNKNOWN)
            .next("run the same command again")
            .into());
    }
    let carried = settings_and_grants(server, old, new).await?;
    let carrying = format!("BEGIN; {carried}COMMIT");
    if let Err(error) = server.session.execute(carrying).await {
        let _ = server.session.execute("ROLLBACK").await;
        return Err(failed(error, "carrying settings and grants over"));
    }
    let oid = server.database(new).await?.map(|new| new.oid);
    let says = format!("{}{TAKES_ITS_PLACE}", comment_of(&old.name));
    server.comment(new, Some(&says)).await?;
    let done = close_and_rename(server, old, new, aside).await;
    let Err(error) = done else { return done };
    match reopen(server, old, oid).await {
        Ok(true) => Ok(0),
        Ok(false) => Err(failed(error, "swapping the databases")),
        Err(why) => {
            let name = identifier(&old.name);
            Err(Failure::new(
                Exit::Unknown,
                format!(
                    "whether the databases were swapped is not known: {error}; and the server does not answer: {why}; \
                     database {:?} may be closed to connections",
                    old.name
                ),
            )
            .next(format!(
                "run the same command again, which finds out; or by hand: ALTER DATABASE {name} ALLOW_CONNECTIONS true"
            ))
            .into())
        }
    }
}

async fn close_and_rename(
    server: &mut RestoreServer,
    old: &Database,
    new: &str,
    aside: &str,
) -> Result<usize> {
    let name = identifier(&old.name);
    let close = format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false");
    server.session.execute(close).await.map_err(|error| failed(error, "closing the database"))?;
    let ended = end_sessions(server, old).await?;
    let open =
        |database: &str| format!("ALTER DATABASE {} ALLOW_CONNECTIONS {}", identifier(database), old.allows);
    let mut statements = vec![
        format!("ALTER DATABASE {name} RENAME TO {}", identifier(aside)),
        format!("ALTER DATABASE {} RENAME TO {name}", identifier(new)),
        comment_on(&old.name, old.comment.as_deref()),
        open(aside),
        open(&old.name),
    ];
    if old.template {
        statements.push(format!("ALTER DATABASE {name} IS_TEMPLATE true"));
    }
    let sql = format!("BEGIN; {}; COMMIT", statements.join("; "));
    let mut tries = 0;
    loop {
        let Err(error) = server.session.execute(sql.clone()).await else { return Ok(ended) };
        let in_use = connection::server_error(&error)
            .is_some_and(|error| connection::describe(error).is(sqlstate::OBJECT_IN_USE));
        tries += 1;
        if !in_use || tries == TRIES {
            return Err(error);
        }
        // A client connected just before the database was closed.
        server.session.execute("ROLLBACK").await?;
        end_sessions(server, old).await?;
    }
}

async fn end_sessions(server: &mut RestoreServer, old: &Database) -> Result<usize> {
    let begun = Instant::now();
    let mut ended = std::collections::BTreeSet::new();
    loop {
        let connected = sessions(server, old).await?;
        if connected.is_empty() {
            return Ok(ended.len());
        }
        if begun.elapsed() > ENDING {
            let who: Vec<String> =
                connected.iter().map(|session| format!("pid {} ({})", session.pid, session.role)).collect();
            let what = format!("connections to {:?} do not close: {}", old.name, who.join(", "));
            return Err(Failure::new(Exit::RolledBack, what).next("see pg_stat_activity").into());
        }
        for session in connected {
            let sql = format!("SELECT pg_terminate_backend({})", session.pid);
            server.session.execute(sql).await.map_err(|error| failed(error, "closing a connection"))?;
            ended.insert(session.pid);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Finds out after a failure whether the databases were swapped. If they were not, opens the old one again.
async fn reopen(server: &mut RestoreServer, old: &Database, new: Option<u32>) -> Result<bool> {
    if server.session.execute("ROLLBACK").await.is_err() {
        // The connection was lost, and perhaps the answer to the COMMIT with it.
        server.reconnect().await?;
    }
    let now = server.database(&old.name).await?;
    if now.as_ref().is_some_and(|now| Some(now.oid) == new) {
        return Ok(true);
    }
    open(server, &old.name, old.allows).await?;
    Ok(false)
}

async fn open(server: &mut RestoreServer, name: &str, allows: bool) -> Result<()> {
    let sql = format!("ALTER DATABASE {} ALLOW_CONNECTIONS {allows}", identifier(name));
    server.session.execute(sql).await
}

/// Opens a database that a killed run has closed, and drops what such runs have left behind. Returns what was done, a
/// sentence each. The lock must be held.
///
/// # Errors
/// Exit 6: the database could not be opened.
pub async fn recover(server: &mut RestoreServer, name: &str) -> Result<Vec<String>> {
    let mut notes = Vec::new();
    for left in server.leftovers(name).await? {
        let swapping = left.comment.as_deref() == Some(&format!("{}{TAKES_ITS_PLACE}", comment_of(name)));
        let closed = server.database(name).await?.is_some_and(|old| !old.allows);
        if swapping && closed {
            open(server, name, true).await.map_err(|error| {
                Failure::new(
                    Exit::Partial,
                    format!("database {name:?}, which a killed restore has closed to connections: {error}"),
                )
                .next(format!("ALTER DATABASE {} ALLOW_CONNECTIONS true", identifier(name)))
            })?;
            notes.push(format!(
                "database {name} was closed to connections by a killed restore: it is open again"
            ));
        }
        match server.drop(&left.name).await {
            Ok(()) => notes.push(format!("dropped {}, left behind by a killed restore", left.name)),
            Err(error) => notes.push(error.to_string()),
        }
    }
    Ok(notes)
}

/// The statements that give `new` the owner, connection limit, settings and grants of `old`.
async fn settings_and_grants(server: &mut RestoreServer, old: &Database, new: &str) -> Result<String> {
    let rows = server.session.query(CARRY.replace("$oid", &old.oid.to_string())).await;
    let rows = rows.map_err(|error| failed(error, "reading settings and grants"))?;
    let name = identifier(new);
    let owner = identifier(&old.owner);
    let mut sql = format!(
        "ALTER DATABASE {name} OWNER TO {owner}; ALTER DATABASE {name} CONNECTION LIMIT {}; ",
        old.connection_limit
    );
    for row in rows {
        let role: Option<&str> = row.get("role")?;
        match row.get("kind")? {
            "revoke" => sql.push_str(&format!("REVOKE ALL ON DATABASE {name} FROM PUBLIC, {owner}; ")),
            "grant" => {
                let privilege: &str = row.get("name")?;
                let grantee = role.map_or("PUBLIC".into(), identifier);
                let option = if row.get::<&str>("value")? == "true" { " WITH GRANT OPTION" } else { "" };
                sql.push_str(&format!("GRANT {privilege} ON DATABASE {name} TO {grantee}{option}; "));
            }
            "setting" => {
                let what: &str = row.get("name")?;
                let value = setting(what, row.get("value")?);
                let whose = match role {
                    Some(role) => format!("ALTER ROLE {} IN DATABASE {name}", identifier(role)),
                    None => format!("ALTER DATABASE {name}"),
                };
                sql.push_str(&format!("{whose} SET {} TO {value}; ", setting_name(what)));
            }
            other => bail!("{other:?} is neither a setting nor a grant of a database"),
        }
    }
    Ok(sql)
}

/// `app.tenant` consists of two names.
fn setting_name(name: &str) -> String {
    name.split('.').map(identifier).collect::<Vec<_>>().join(".")
}

/// The value of a setting as `SET` takes it.
pub(super) fn setting(name: &str, value: &str) -> String {
    if !LISTS.contains(&name.to_ascii_lowercase().as_str()) {
        return literal(value);
    }
    let mut names = Vec::new();
    let mut quoted = false;
    let mut current = String::new();
    let mut characters = value.chars().peekable();
    while let Some(found) = characters.next() {
        match found {
            '"' if quoted && characters.peek() == Some(&'"') => current.extend(characters.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => names.push(std::mem::take(&mut current)),
            ' ' if !quoted => {}
            other => current.push(other),
        }
    }
    names.push(current);
    names.iter().map(|name| literal(name)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_said_as_it_was() {
        assert_eq!(setting("work_mem", "64MB"), "'64MB'");
        assert_eq!(setting("search_path", r#""$user", public, "a ""b,c""#), r#"'$user', 'public', 'a "b,c'"#);
        assert_eq!(setting("search_path", r#""""#), "''");
        assert_eq!(setting_name("app.tenant"), "app.tenant");
    }
}
