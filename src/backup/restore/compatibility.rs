//! Checks whether a backup can be restored on a server before anything is created there: version, roles, extensions,
//! tablespaces.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use super::archive::{VerifiedArchive, major_of};
use super::run::RestoreOptions;
use super::server::RestoreServer;
use crate::error::{ErrorCode, Exit, Failure};
use crate::postgres::connection;
use crate::postgres::sql::identifier;

/// How a backup is restored on a server, and what of it has to be left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Compatibility {
    pub(super) how: RestoreOptions,
    /// What is left out, and why.
    pub left_out: Vec<String>,
}

/// From this release on `pg_restore` sets `transaction_timeout`, which older servers do not know.
const TRANSACTION_TIMEOUT_SINCE: u32 = 17;

impl Compatibility {
    /// Checks a backup against a server.
    ///
    /// # Errors
    /// Exit 4: the backup cannot be restored there.
    pub async fn of(server: &mut RestoreServer, backup: &VerifiedArchive<'_>, jobs: u32) -> Result<Self> {
        versions(server, backup)?;
        let needs = &backup.needs;
        let mut fit =
            Self { how: RestoreOptions { jobs, ..RestoreOptions::default() }, left_out: Vec::new() };
        let roles = roles(server).await?;
        let missing = |wanted: &BTreeSet<String>| -> Vec<String> {
            wanted.iter().filter(|name| !roles.contains_key(*name)).cloned().collect()
        };
        let named = missing(&needs.named);
        if !named.is_empty() {
            let statements: Vec<String> =
                named.iter().map(|name| format!("CREATE ROLE {} NOLOGIN", identifier(name))).collect();
            return Err(Failure::new(
                Exit::Refused,
                format!(
                    "policies or user mappings of the backup name roles that this server does not have: {}; nothing was \
                     changed",
                    named.join(", ")
                ),
            )
            .code(ErrorCode::RESTORE_INCOMPATIBLE)
            .next(format!("{};", statements.join("; ")))
            .into());
        }
        let owners = missing(&needs.owners);
        let others: Vec<&String> =
            needs.owners.iter().filter(|name| roles.get(*name) == Some(&false)).collect();
        fit.how.owners = owners.is_empty() && others.is_empty();
        if !owners.is_empty() {
            fit.left_out.push(format!(
                "owners: this server has no role {}; all objects will belong to {}",
                owners.join(", "),
                server.role
            ));
        } else if let Some(other) = others.first() {
            fit.left_out.push(format!(
                "owners: {} is not a member of {other}; all objects will belong to {}",
                server.role, server.role
            ));
        }
        let grantees = missing(&needs.grantees);
        fit.how.privileges = grantees.is_empty();
        if !grantees.is_empty() {
            fit.left_out.push(format!("grants: this server has no role {}", grantees.join(", ")));
        }
        fit.tablespaces(server, backup).await?;
        extensions(server, backup).await?;
        if backup.list.is_some() {
            fit.left_out.push(
                "foreign keys, triggers, policies and rules: the backup has some tables only".to_owned(),
            );
        }
        Ok(fit)
    }

    async fn tablespaces(&mut self, server: &mut RestoreServer, backup: &VerifiedArchive<'_>) -> Result<()> {
        let there = names(server, "SELECT spcname AS name FROM pg_tablespace").await?;
        let missing: Vec<String> = backup.needs.tablespaces.difference(&there).cloned().collect();
        self.how.tablespaces = missing.is_empty();
        if !missing.is_empty() {
            self.left_out.push(format!("tablespaces: this server has no {}", missing.join(", ")));
        }
        Ok(())
    }
}

fn versions(server: &RestoreServer, backup: &VerifiedArchive<'_>) -> Result<(), Failure> {
    let source = &backup.manifest.source.server_version;
    let refuse = |what: String, next: String| {
        Err(Failure::new(Exit::Refused, what).code(ErrorCode::RESTORE_INCOMPATIBLE).next(next))
    };
    if major_of(source).is_some_and(|source| source.major() > server.version.major()) {
        return refuse(
            format!(
                "the backup is of PostgreSQL {source}, and this server is {}, which is older; nothing was changed",
                server.version
            ),
            "restore into a server of the same major or a newer one".to_owned(),
        );
    }
    let program = backup.programs.version();
    let knows = server.version.major() >= TRANSACTION_TIMEOUT_SINCE;
    if !knows && backup.needs.settings.contains("transaction_timeout") {
        return refuse(
            format!(
                "pg_restore {program} makes a setting that a server of {} does not know, and the archive needs a \
                 pg_restore of {} or newer; nothing was changed",
                server.version,
                backup.manifest.tools.pg_dump.as_deref().unwrap_or("its own version")
            ),
            format!("install postgresql-client-{}, or restore into a newer server", server.version.major()),
        );
    }
    Ok(())
}

/// All roles of the server, and whether the current role may give objects to each.
async fn roles(server: &mut RestoreServer) -> Result<BTreeMap<String, bool>> {
    let right = if server.version.major() >= 16 { "SET" } else { "MEMBER" };
    let sql = format!("SELECT rolname, pg_has_role(current_user, oid, '{right}') AS may_give FROM pg_roles");
    let rows = server.session.query(sql).await;
    let rows = rows.map_err(|error| connection::server_failure(error, "looking at the roles"))?;
    let superuser = server.superuser;
    rows.iter().map(|row| Ok((row.get("rolname")?, superuser || row.get("may_give")?))).collect()
}

async fn extensions(server: &mut RestoreServer, backup: &VerifiedArchive<'_>) -> Result<()> {
    let there = names(server, "SELECT name FROM pg_available_extensions").await?;
    let missing: Vec<String> = backup.needs.extensions.difference(&there).cloned().collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(", ");
    Err(Failure::new(
        Exit::Refused,
        format!("the backup needs extensions that this server does not have: {names}; nothing was changed"),
    )
    .code(ErrorCode::RESTORE_INCOMPATIBLE)
    .next(format!("install the packages of {names} on the server's machine, or restore into another server"))
    .into())
}

/// The values of the column `name`.
async fn names(server: &mut RestoreServer, sql: &str) -> Result<BTreeSet<String>> {
    let rows = server.session.query(sql).await;
    let rows = rows.map_err(|error| connection::server_failure(error, "looking at the server"))?;
    rows.iter().map(|row| Ok(row.get("name")?)).collect()
}
