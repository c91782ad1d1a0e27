//! Checks whether a backup can be restored on a server before anything is created there: version, roles, extensions,
//! tablespaces.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use super::archive::{VerifiedArchive, major_of};
use super::requirements::{ArchiveRequirements, RoleStatement};
use super::run::RestoreOptions;
use super::server::RestoreServer;
use crate::error::{ErrorCode, Exit, Failure};
use crate::postgres::connection;
use crate::postgres::sql::identifier;
use crate::text::plural;

/// How a backup is restored on a server, and what of it has to be left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Compatibility {
    pub(super) how: RestoreOptions,
    /// The statements that give objects to the owners that are there, where `pg_restore` gives none.
    pub(super) ownership: Vec<String>,
    /// The statements that grant to the roles that are there, where `pg_restore` grants nothing.
    pub(super) privileges: Vec<String>,
    /// What is left out, and why.
    pub left_out: Vec<String>,
}

impl Compatibility {
    /// Checks a backup against a server.
    ///
    /// # Errors
    /// Exit 4: the backup cannot be restored there.
    pub async fn of(server: &mut RestoreServer, backup: &VerifiedArchive<'_>, jobs: u32) -> Result<Self> {
        versions(server, backup)?;
        let needs = &backup.needs;
        let mut fit = Self { how: RestoreOptions { jobs, ..RestoreOptions::default() }, ..Self::default() };
        let roles = roles(server).await?;
        let named: BTreeSet<String> =
            needs.named.iter().filter(|name| !roles.contains_key(*name)).cloned().collect();
        if !named.is_empty() {
            return Err(Failure::new(
                Exit::Refused,
                format!(
                    "policies or user mappings of the backup name roles that this server does not have: {}; nothing was \
                     changed",
                    listed(&named)
                ),
            )
            .code(ErrorCode::RESTORE_INCOMPATIBLE)
            .next(create_roles(&named))
            .into());
        }
        fit.owners(needs, &roles, &server.role);
        fit.privileges(needs, &roles);
        fit.settings(server, backup).await?;
        fit.tablespaces(server, backup).await?;
        extensions(server, backup).await?;
        if backup.list.is_some() {
            fit.left_out.push(
                "foreign keys, triggers, policies and rules: the backup has some tables only".to_owned(),
            );
        }
        Ok(fit)
    }

    /// An object whose owner is missing, or may not be given to by this role, belongs to the role that restores. All others
    /// get their owners.
    fn owners(&mut self, needs: &ArchiveRequirements, roles: &BTreeMap<String, bool>, own: &str) {
        let (mut missing, mut others) = (BTreeSet::new(), BTreeSet::new());
        for owner in &needs.owners {
            match roles.get(owner) {
                None => missing.insert(owner.clone()),
                Some(false) => others.insert(owner.clone()),
                Some(true) => continue,
            };
        }
        self.how.owners = missing.is_empty() && others.is_empty();
        if self.how.owners {
            return;
        }
        let given = |statement: &&RoleStatement| {
            statement.roles.iter().all(|role| !missing.contains(role) && !others.contains(role))
        };
        self.ownership =
            needs.ownership.iter().filter(given).map(|statement| statement.sql.clone()).collect();
        if !missing.is_empty() {
            self.left_out.push(format!(
                "owners: this server has no role {}; their objects will belong to {own}; to keep them, before the restore: {}",
                listed(&missing),
                create_roles(&missing)
            ));
        }
        if !others.is_empty() {
            self.left_out.push(format!(
                "owners: {own} is not a member of {}; their objects will belong to {own}",
                listed(&others)
            ));
        }
    }

    /// What is granted to a role that is missing, or was granted by it, is left out.
    fn privileges(&mut self, needs: &ArchiveRequirements, roles: &BTreeMap<String, bool>) {
        let missing: BTreeSet<String> =
            needs.grantees.iter().filter(|name| !roles.contains_key(*name)).cloned().collect();
        // Privileges that an archive grants go to owners, too: they come after the owners have got their objects.
        self.how.privileges = missing.is_empty() && self.how.owners;
        if self.how.privileges {
            return;
        }
        let granted = |statement: &&RoleStatement| statement.roles.is_disjoint(&missing);
        self.privileges =
            needs.privileges.iter().filter(granted).map(|statement| statement.sql.clone()).collect();
        if !missing.is_empty() {
            let left_out = needs.privileges.len() - self.privileges.len();
            self.left_out.push(format!(
                "grants ({}): this server has no role {}; to keep them, before the restore: {}",
                plural(left_out, "statement"),
                listed(&missing),
                create_roles(&missing)
            ));
        }
    }

    /// Settings that a `pg_restore` makes and an older server does not know are passed over: none of them changes what is
    /// restored.
    async fn settings(&mut self, server: &mut RestoreServer, backup: &VerifiedArchive<'_>) -> Result<()> {
        let known = names(server, "SELECT lower(name) AS name FROM pg_settings").await?;
        self.how.unknown_settings = backup.needs.settings.difference(&known).cloned().collect();
        if !self.how.unknown_settings.is_empty() {
            self.left_out.push(format!(
                "settings: pg_restore {} sets {}, which a server of {} does not know; one connection restores the backup",
                backup.programs.version(),
                listed(&self.how.unknown_settings),
                server.version
            ));
        }
        Ok(())
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
    Ok(())
}

fn listed(names: &BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// The statements that create these roles.
fn create_roles(names: &BTreeSet<String>) -> String {
    let create = names.iter().map(|name| format!("CREATE ROLE {} NOLOGIN;", identifier(name)));
    create.collect::<Vec<_>>().join(" ")
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
