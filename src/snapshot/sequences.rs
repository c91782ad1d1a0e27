//! Sequences that are behind the greatest value of the column that they fill: the next INSERT of an application fails.
//!
//! The catalog is asked for them in the last message of a snapshot. Only where a table has rows and an index on the column,
//! one further message reads the greatest values, which an index has at its end. A table that could run code of a weaker
//! role is not read.

use anyhow::Result;

use super::Request;
use crate::postgres::catalog::reader::Assembler;
use crate::postgres::catalog::{TableUse, UntrustedCode};
use crate::postgres::connection::{Batch, ReadOnlyTransaction, Row, Session};
use crate::postgres::sql::{identifier, qualified};

/// The query for the sequences that could be behind. Its search_path is `pg_catalog, pg_temp`.
pub(super) const CANDIDATES: &str = include_str!("sequences.sql");

/// A sequence that fills a column with an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexedSequence {
    /// The schema of the table.
    pub schema: String,
    /// The name of the table.
    pub table: String,
    /// The column.
    pub column: String,
    /// The sequence, qualified and quoted.
    pub sequence: String,
    /// Whether the index is unique: an INSERT fails.
    pub unique: bool,
    /// Whether it counts downwards.
    descends: bool,
    /// Whether the table has partitions, all of which are read.
    partitioned: bool,
}

/// A sequence that gives values which the column has already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SequenceBehind {
    /// The sequence and its column.
    pub of: IndexedSequence,
    /// The last value that it gave, or the first that it will give.
    pub at: i64,
    /// The greatest value of the column; of a sequence that counts downwards the least.
    pub reached: i64,
}

impl IndexedSequence {
    /// Reads a row of [`CANDIDATES`].
    pub(super) fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            schema: row.get("schema")?,
            table: row.get("name")?,
            column: row.get("column")?,
            sequence: qualified(row.get("sequence_schema")?, row.get("sequence_name")?),
            unique: row.get("is_unique")?,
            descends: row.get("descends")?,
            partitioned: row.get("partitioned")?,
        })
    }

    /// The table, qualified and quoted.
    pub fn path(&self) -> String {
        qualified(&self.schema, &self.table)
    }

    /// The query that answers with a row where the sequence is behind.
    fn question(&self) -> String {
        let (end, beyond) = if self.descends { ("min", "<") } else { ("max", ">") };
        let only = if self.partitioned { "" } else { "ONLY " };
        format!(
            "SELECT s.last_value AS at, c.reached FROM (SELECT {end}(t.{}) AS reached FROM {only}{} AS t) AS c, {} AS s \
             WHERE c.reached {beyond} s.last_value OR NOT s.is_called AND c.reached = s.last_value",
            identifier(&self.column),
            self.path(),
            self.sequence
        )
    }
}

/// Finds the sequences that are behind.
///
/// # Errors
/// Those of the server and the connection.
pub(super) async fn behind(
    session: &mut Session,
    request: &Request,
    assembler: &Assembler,
    mut candidates: Vec<IndexedSequence>,
) -> Result<Vec<SequenceBehind>> {
    let suspect = |of: &IndexedSequence| assembler.may_run_code(&of.schema, &of.table);
    let suspects: Vec<u32> = candidates.iter().filter_map(suspect).collect();
    if candidates.is_empty() {
        return Ok(Vec::new());
    }
    let transaction = || {
        ReadOnlyTransaction::repeatable_read()
            .statement_timeout(request.statement_timeout)
            .lock_timeout(request.lock_timeout)
            .catalog_search_path()
            .row_security_off()
            .role(request.set_role.as_deref())
    };
    if !suspects.is_empty() {
        session.execute(transaction().sql()).await?;
        let untrusted = UntrustedCode::find(session, TableUse::Read, suspects).await?;
        session.execute("ROLLBACK").await?;
        candidates.retain(|of| suspect(of).is_none_or(|oid| !untrusted.iter().any(|code| code.oid == oid)));
    }
    let mut found = Vec::new();
    let mut batch: Batch<'_> = transaction().batch();
    batch.each_of(candidates.iter().map(IndexedSequence::question), |number, row| {
        let (at, reached) = (row.get("at")?, row.get("reached")?);
        found.push(SequenceBehind { of: candidates[number].clone(), at, reached });
        Ok(())
    });
    batch.execute("ROLLBACK");
    session.run(batch).await?;
    Ok(found)
}
