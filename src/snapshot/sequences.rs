//! Sequences that are behind the greatest value of the column that they fill: the next INSERT of an application fails.
//!
//! The last message of a snapshot asks which of their tables have rows and may be read. Only where there are such tables, one
//! further message reads the greatest values, which an index has at its end; where a table could run code of a weaker role,
//! a message before it finds out, and the table is not read. That takes about 0.13 ms a table. What is not read is said: see
//! [`UnreadSequence`].

use anyhow::Result;

use super::Request;
use crate::postgres::catalog::reader::IndexedSequence;
use crate::postgres::catalog::{TableUse, UntrustedCode, WITHOUT_JIT};
use crate::postgres::connection::{self, Batch, ReadOnlyTransaction, Row, Session, sqlstate};
use crate::postgres::sql::identifier;
use crate::text::plural;

/// How many tables and partitions are read.
const MOST: usize = 500;
/// How many sequences a note names.
const NAMED: usize = 3;

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

/// A sequence of which it is not known whether it is behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadSequence {
    /// The sequence and its column.
    pub of: IndexedSequence,
    /// Why its table was not read.
    pub why: UnreadReason,
}

/// Why a table was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnreadReason {
    /// Another session holds a lock on it, or waits for one.
    Locked,
    /// The role may not read it, its sequence or all its rows.
    Denied,
    /// There are more tables than are read.
    TooMany,
    /// It has more partitions than are read.
    Partitions,
    /// Reading it could run code of a weaker role.
    Code,
    /// The server cancelled the reading of this table or of one before it.
    Cancelled {
        /// The table, qualified and quoted.
        table: String,
        /// The server's error message.
        message: String,
    },
}

impl UnreadReason {
    /// The reason in words.
    fn in_words(&self) -> String {
        match self {
            Self::Locked => "another session holds a lock on the table, or waits for one".to_owned(),
            Self::Denied => "this role may not read the sequence, or not all rows of the table".to_owned(),
            Self::TooMany => format!("trueup reads at most {MOST} tables for this"),
            Self::Partitions => format!("the table has more than {MOST} partitions"),
            Self::Code => "reading the table could run code of a weaker role".to_owned(),
            Self::Cancelled { table, message } => format!("reading {table}: {message}"),
        }
    }

    /// Notes for people: one for each reason.
    pub fn notes<'u>(unread: impl Iterator<Item = &'u UnreadSequence>) -> Vec<String> {
        let mut by_reason: Vec<(&Self, Vec<&str>)> = Vec::new();
        for UnreadSequence { of, why } in unread {
            match by_reason.iter_mut().find(|(reason, _)| *reason == why) {
                Some((_, sequences)) => sequences.push(&of.sequence),
                None => by_reason.push((why, vec![&of.sequence])),
            }
        }
        let note = |(why, sequences): (&Self, Vec<&str>)| {
            let mut names = sequences[..sequences.len().min(NAMED)].join(", ");
            if sequences.len() > NAMED {
                names.push_str(&format!(" and {} more", sequences.len() - NAMED));
            }
            let count = plural(sequences.len(), "sequence");
            format!("not compared: {count} with the rows of the table ({names}): {}", why.in_words())
        };
        by_reason.into_iter().map(note).collect()
    }
}

/// The sequences of tables that have rows, and what is known of them.
#[derive(Debug, Default)]
pub(super) struct SequenceReading {
    /// Those that are to be read.
    candidates: Vec<IndexedSequence>,
    /// Those that are behind.
    pub(super) behind: Vec<SequenceBehind>,
    /// Those that were not read.
    pub(super) unread: Vec<UnreadSequence>,
}

/// The statement that answers with the number, from 0, and the state of those whose tables may have rows; `None` where there
/// are no sequences. Its search_path is `pg_catalog, pg_temp`.
pub(super) fn of_tables_with_rows(sequences: &[IndexedSequence]) -> Option<String> {
    let list = |part: &dyn Fn(&IndexedSequence) -> String| -> String {
        sequences.iter().map(part).collect::<Vec<_>>().join(",")
    };
    let tables = list(&|of| of.oids.0.to_string());
    let found = list(&|of| of.oids.1.to_string());
    let columns = list(&|of| of.oids.2.to_string());
    let partitioned = list(&|of| of.partitioned.to_string());
    // The size of a locked table would be waited for. A partitioned table has no size of its own.
    (!sequences.is_empty()).then(|| {
        format!(
            "WITH locked AS MATERIALIZED ( \
               SELECT l.relation FROM pg_locks AS l \
                WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock' AND l.pid <> pg_backend_pid() \
                  AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())) \
             SELECT q.number - 1 AS number, \
                    CASE WHEN q.t IN (SELECT relation FROM locked) OR q.s IN (SELECT relation FROM locked) THEN 'locked' \
                         WHEN NOT q.partitioned AND pg_relation_size(q.t) = 0 THEN 'empty' \
                         WHEN has_column_privilege(q.t, q.a, 'SELECT') AND has_table_privilege(q.s, 'SELECT') \
                              AND NOT row_security_active(q.t) \
                              AND (SELECT bool_and(has_schema_privilege(c.relnamespace, 'USAGE')) FROM pg_class AS c \
                                    WHERE c.oid = q.t OR c.oid = q.s) THEN 'readable' \
                         ELSE 'denied' END AS state \
               FROM unnest('{{{tables}}}'::oid[], '{{{found}}}'::oid[], '{{{columns}}}'::int2[], \
                           '{{{partitioned}}}'::bool[]) WITH ORDINALITY AS q (t, s, a, partitioned, number)"
        )
    })
}

/// What the server said, where a lock or the statement took too long.
fn cancelled(error: &anyhow::Error) -> Option<String> {
    let said = connection::describe(connection::server_error(error)?);
    let waited = said.is(sqlstate::LOCK_NOT_AVAILABLE) || said.is(sqlstate::QUERY_CANCELED);
    waited.then_some(said.message)
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

impl SequenceReading {
    /// Reads a row of [`of_tables_with_rows`] about one of `sequences`.
    ///
    /// # Errors
    /// When it is no such row.
    pub(super) fn row(&mut self, sequences: &[IndexedSequence], row: &Row<'_>) -> Result<()> {
        let Some(of) = sequences.get(row.get::<usize>("number")?).cloned() else { return Ok(()) };
        match row.get("state")? {
            "readable" => self.candidates.push(of),
            "locked" => self.unread.push(UnreadSequence { of, why: UnreadReason::Locked }),
            "denied" => self.unread.push(UnreadSequence { of, why: UnreadReason::Denied }),
            _ => {}
        }
        Ok(())
    }

    fn leave_out(&mut self, of: impl IntoIterator<Item = IndexedSequence>, why: &UnreadReason) {
        self.unread.extend(of.into_iter().map(|of| UnreadSequence { of, why: why.clone() }));
    }

    /// Leaves out those beyond [`MOST`]; the tables that `is_seeded` come first.
    fn limit(&mut self, is_seeded: impl Fn(&IndexedSequence) -> bool) {
        let mut left = MOST;
        let (seeded, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.candidates).into_iter().partition(is_seeded);
        for of in seeded.into_iter().chain(others) {
            if of.partitions > MOST {
                self.leave_out([of], &UnreadReason::Partitions);
            } else if of.partitions.max(1) > left {
                self.leave_out([of], &UnreadReason::TooMany);
            } else {
                left -= of.partitions.max(1);
                self.candidates.push(of);
            }
        }
    }

    /// Leaves out those whose tables could run code of a weaker role.
    async fn leave_out_untrusted(&mut self, session: &mut Session, request: &Request) -> Result<()> {
        let suspects = self.candidates.iter().filter(|of| of.may_run_code).map(|of| of.oids.0);
        let suspects: Vec<u32> = suspects.collect();
        if suspects.is_empty() {
            return Ok(());
        }
        let mut untrusted: Vec<u32> = Vec::new();
        let mut batch = transaction(request).batch();
        batch.execute(WITHOUT_JIT);
        batch.each(UntrustedCode::statement(TableUse::Read, suspects), |row| {
            untrusted.push(UntrustedCode::from_row(TableUse::Read, row)?.oid);
            Ok(())
        });
        batch.end(request.scope());
        session.run(batch).await?;
        let (left_out, kept) = std::mem::take(&mut self.candidates)
            .into_iter()
            .partition::<Vec<_>, _>(|of| untrusted.contains(&of.oids.0));
        self.candidates = kept;
        self.leave_out(left_out, &UnreadReason::Code);
        Ok(())
    }

    /// Finds the sequences that are behind. The tables that `is_seeded` come first.
    ///
    /// # Errors
    /// Those of the server and the connection.
    pub(super) async fn read(
        &mut self,
        session: &mut Session,
        request: &Request,
        is_seeded: impl Fn(&IndexedSequence) -> bool,
    ) -> Result<()> {
        self.limit(is_seeded);
        self.leave_out_untrusted(session, request).await?;
        if self.candidates.is_empty() {
            return Ok(());
        }
        let candidates = std::mem::take(&mut self.candidates);
        let behind = &mut self.behind;
        let mut batch: Batch<'_> = transaction(request).batch();
        let questions = batch.each_of(candidates.iter().map(question), |number, row| {
            let (at, reached) = (row.get("at")?, row.get("reached")?);
            behind.push(SequenceBehind { of: candidates[number].clone(), at, reached });
            Ok(())
        });
        batch.end(request.scope());
        let Err(error) = session.run(batch).await else { return Ok(()) };
        let Some(message) = cancelled(&error) else { return Err(error) };
        let read = session.statements_done().saturating_sub(questions.start).min(candidates.len() - 1);
        session.execute(request.scope().end().join("; ")).await?;
        let why = UnreadReason::Cancelled { table: candidates[read].path(), message };
        self.leave_out(candidates.into_iter().skip(read), &why);
        Ok(())
    }
}

/// The reading of the greatest values.
fn transaction(request: &Request) -> ReadOnlyTransaction {
    let begun = request.scope().begin();
    begun
        .statement_timeout(request.statement_timeout)
        .lock_timeout(request.lock_timeout)
        .catalog_search_path()
        .row_security_off()
        .role(request.set_role.as_deref())
}
