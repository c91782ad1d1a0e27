//! Code of weaker roles that reading a relation could run with the session's rights.
//!
//! Planning a query evaluates immutable functions: in the predicate of an index, in statistics, in a check, in a domain. Who
//! owns a table decides what those are, and with them what a superuser runs who only counts the table's rows. So relations
//! are looked at in the catalog first. A relation is harmless where all that it uses belongs to the server, or to a role that
//! can do what the session's role can do anyway. `SET ROLE` is no fence: the code can `RESET` it.

use anyhow::Result;

use crate::postgres::connection::{Row, Session};
use crate::postgres::sql::literal;

/// The statement below is estimated to be expensive, and is not: compiling it takes longer than running it.
pub const WITHOUT_JIT: &str = "SET LOCAL jit = off";

const UNTRUSTED: &str = include_str!("sql/untrusted.sql");

/// What is to be done with relations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableUse {
    /// Rows are read.
    Read,
    /// Rows are inserted, updated or deleted: triggers, defaults and rules run, too.
    Write,
}

impl TableUse {
    fn gerund(self) -> &'static str {
        match self {
            Self::Read => "reading",
            Self::Write => "writing",
        }
    }
}

/// Why a relation is not read, or not written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UntrustedCode {
    /// What was to be done.
    pub table_use: TableUse,
    /// The relation's oid.
    pub oid: u32,
    /// Its name, qualified and quoted where the search_path needs it.
    pub relation: String,
    /// What uses the code: `index trap`.
    pub object: String,
    /// The code: `function p()`; `None` for a view, a foreign table, and a table with policies.
    pub uses: Option<String>,
    /// Who owns the code, quoted.
    pub owner: String,
}

impl UntrustedCode {
    /// The statement that finds them for some relations, one row for each that is not harmless. The session's search_path is
    /// `pg_catalog, pg_temp`.
    pub fn statement(table_use: TableUse, relations: impl IntoIterator<Item = u32>) -> String {
        let oids: Vec<String> = relations.into_iter().map(|oid| oid.to_string()).collect();
        Self::statement_of(table_use, &format!("'{{{}}}'::oid[]", oids.join(",")))
    }

    /// As [`UntrustedCode::statement`], for an expression of type `oid[]`.
    pub fn statement_of(table_use: TableUse, relations: &str) -> String {
        let writes = (table_use == TableUse::Write).to_string();
        UNTRUSTED.replace("{writes}", &writes).replace("{oids}", relations)
    }

    /// Reads a row of that statement.
    ///
    /// # Errors
    /// When it is no such row.
    pub fn from_row(table_use: TableUse, row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            table_use,
            oid: row.get("root")?,
            relation: row.get("relation")?,
            object: row.get("object")?,
            uses: row.get("uses")?,
            owner: row.get("owner")?,
        })
    }

    /// Finds them, in the open transaction, in which [`WITHOUT_JIT`] holds afterwards.
    ///
    /// # Errors
    /// The server's and the connection's.
    pub async fn find(
        session: &mut Session,
        table_use: TableUse,
        relations: impl IntoIterator<Item = u32>,
    ) -> Result<Vec<Self>> {
        let mut found = Vec::new();
        session
            .message(format!("{WITHOUT_JIT}; {}", Self::statement(table_use, relations)), |_, row| {
                found.push(Self::from_row(table_use, &row)?);
                Ok(())
            })
            .await?;
        Ok(found)
    }

    /// Finds them for tables by their names, qualified and quoted. The session's search_path is `pg_catalog, pg_temp`.
    ///
    /// # Errors
    /// As [`UntrustedCode::find`].
    pub async fn find_by_name(
        session: &mut Session,
        table_use: TableUse,
        tables: &[String],
    ) -> Result<Vec<Self>> {
        let names: Vec<String> =
            tables.iter().map(|name| format!("to_regclass({})::oid", literal(name))).collect();
        let mut oids: Vec<u32> = Vec::new();
        let sql = format!(
            "SELECT oid FROM unnest(ARRAY[{}]::oid[]) AS named (oid) WHERE oid IS NOT NULL",
            names.join(", ")
        );
        session
            .message(sql, |_, row| {
                oids.push(row.get("oid")?);
                Ok(())
            })
            .await?;
        Self::find(session, table_use, oids).await
    }

    /// In words.
    pub fn sentence(&self) -> String {
        let Self { relation, object, uses, owner, table_use, .. } = self;
        let doing = table_use.gerund();
        match uses {
            Some(uses) => format!("{doing} {relation} could run {uses} of role {owner}, which {object} uses"),
            None => format!("{doing} {relation} could run what role {owner} wrote ({object})"),
        }
    }

    /// What to do.
    pub fn remedy(&self) -> String {
        let Self { uses, object, owner, .. } = self;
        Self::remedy_for(uses.as_ref().unwrap_or(object), owner)
    }

    /// What to do about code of a role.
    pub fn remedy_for(code: &str, owner: &str) -> String {
        format!(
            "connect as {owner}; or read {code}, and if you trust it, let a superuser own it: ALTER ... OWNER TO ..."
        )
    }
}
