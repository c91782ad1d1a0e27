//! The settings of a role in this database, and where each of them was set.

use std::collections::BTreeMap;

use crate::postgres::connection::{OwnedRow, RowError};

/// A role, and what a new session of it has.
#[derive(Debug, Clone, Default)]
pub(crate) struct RoleSettings {
    /// The role.
    pub(crate) role: String,
    /// Whether the server has it.
    pub(crate) exists: bool,
    /// Whether it may log in.
    pub(crate) can_login: bool,
    /// What else it may: `SUPERUSER`, `CREATEROLE`, `CREATEDB`, `REPLICATION`.
    pub(crate) attributes: Vec<String>,
    /// Whether the server is a standby.
    pub(crate) standby: bool,
    values: BTreeMap<String, EffectiveSetting>,
}

/// A setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EffectiveSetting {
    /// Its value.
    pub(crate) value: String,
    /// The statement that set it for the role or the database; empty where the server's own configuration did.
    pub(crate) origin: String,
}

/// One SELECT; `role` is an SQL expression. What a session has is what its role has in this database, else the role, else the
/// database, else all roles (manual, ALTER ROLE); below these, what trueup's own session would have without settings of its own.
pub(super) fn statement(role: &str) -> String {
    include_str!("settings.sql").trim_end().replace("{role}", role)
}

impl RoleSettings {
    pub(super) fn read(rows: &[OwnedRow]) -> Result<Self, RowError> {
        let mut read = Self::default();
        for row in rows {
            read.role = row.get("role")?;
            read.exists = row.get("role_exists")?;
            read.can_login = row.get("can_login")?;
            let attributes: String = row.get("attributes")?;
            read.attributes =
                attributes.split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect();
            read.standby = row.get("standby")?;
            let setting = EffectiveSetting { value: row.get("value")?, origin: row.get("origin")? };
            read.values.insert(row.get("name")?, setting);
        }
        Ok(read)
    }

    /// A setting of [`statement`].
    pub(crate) fn of(&self, name: &str) -> Option<&EffectiveSetting> {
        self.values.get(name)
    }
}
