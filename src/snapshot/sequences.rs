//! Sequences that are behind the greatest value of the column that they fill: the next INSERT of an application fails.
//!
//! The catalog is asked for them in the last message of a snapshot. Only where a table has rows and an index on the column,
//! one further message reads the greatest values, which an index has at its end. A table that could run code of a weaker
//! role is not read. That takes half a millisecond a table: of a database with many sequences, only those of seeded tables
//! are asked for.

use anyhow::Result;

use super::Request;
use crate::postgres::catalog::reader::{Assembler, IndexedSequence};
use crate::postgres::catalog::{TableUse, UntrustedCode};
use crate::postgres::connection::{self, Batch, ReadOnlyTransaction, Session, sqlstate};
use crate::postgres::sql::identifier;

/// How many sequences are asked for, whatever their tables are, and how many partitions a table may have.
const MOST: usize = 64;

/// The sequences to ask for: all where there are few, else those of the tables that `is_seeded`.
pub(super) fn to_ask(
    assembler: &Assembler,
    is_seeded: impl Fn(&IndexedSequence) -> bool,
) -> Vec<IndexedSequence> {
    let mut sequences = assembler.indexed_sequences();
    sequences.retain(|of| !of.partitioned || assembler.count_partitions(of.oids.0) <= MOST);
    if sequences.len() > MOST {
        sequences.retain(is_seeded);
    }
    sequences
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

/// The statement that answers with the numbers, from 0, of those whose tables have rows and may be read; `None` where there
/// are no sequences. Its search_path is `pg_catalog, pg_temp`.
pub(super) fn of_readable_tables(sequences: &[IndexedSequence]) -> Option<String> {
    let list = |part: &dyn Fn(&IndexedSequence) -> String| -> String {
        sequences.iter().map(part).collect::<Vec<_>>().join(",")
    };
    let tables = list(&|of| of.oids.0.to_string());
    let found = list(&|of| of.oids.1.to_string());
    let columns = list(&|of| of.oids.2.to_string());
    let partitioned = list(&|of| of.partitioned.to_string());
    // A partitioned table has no size of its own.
    (!sequences.is_empty()).then(|| {
        format!(
            "SELECT q.number - 1 AS number \
               FROM unnest('{{{tables}}}'::oid[], '{{{found}}}'::oid[], '{{{columns}}}'::int2[], \
                           '{{{partitioned}}}'::bool[]) WITH ORDINALITY AS q (t, s, a, partitioned, number) \
              WHERE CASE WHEN q.partitioned THEN true ELSE pg_relation_size(q.t) > 0 END \
                AND has_column_privilege(q.t, q.a, 'SELECT') AND has_table_privilege(q.s, 'SELECT') \
                AND NOT row_security_active(q.t) \
                AND (SELECT bool_and(has_schema_privilege(c.relnamespace, 'USAGE')) FROM pg_class AS c \
                      WHERE c.oid = q.t OR c.oid = q.s)"
        )
    })
}

fn is_waited_for(error: &anyhow::Error) -> bool {
    let said = connection::server_error(error).map(connection::describe);
    said.is_some_and(|said| said.is(sqlstate::LOCK_NOT_AVAILABLE) || said.is(sqlstate::QUERY_CANCELED))
}

/// The query that answers with a row where the sequence is behind.
fn question(of: &IndexedSequence) -> String {
    let (end, beyond) = if of.descends { ("min", "<") } else { ("max", ">") };
    let only = if of.partitioned { "" } else { "ONLY " };
    format!(
        "SELECT s.last_value AS at, c.reached FROM (SELECT {end}(t.{}) AS reached FROM {only}{} AS t) AS c, {} AS s \
         WHERE c.reached {beyond} s.last_value OR NOT s.is_called AND c.reached = s.last_value",
        identifier(&of.column),
        of.path(),
        of.sequence
    )
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
    batch.each_of(candidates.iter().map(question), |number, row| {
        let (at, reached) = (row.get("at")?, row.get("reached")?);
        found.push(SequenceBehind { of: candidates[number].clone(), at, reached });
        Ok(())
    });
    batch.execute("ROLLBACK");
    match session.run(batch).await {
        // Somebody has the table for himself, or it is too slow: nothing is known of it.
        Err(error) if is_waited_for(&error) => {
            session.execute("ROLLBACK").await?;
            Ok(Vec::new())
        }
        done => done.map(|()| found),
    }
}
