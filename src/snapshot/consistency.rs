//! The proof that nobody ran DDL while the catalog was read, and before the rows were.
//!
//! REPEATABLE READ alone does not give one consistent catalog: `pg_get_expr` and its like read the newest state. So the
//! catalog is read in one transaction, the rows in the next one, and one of two proofs shows that both saw the same catalog;
//! the first of them is free:
//! - The snapshot of the second transaction is that of the first: nobody has written meanwhile.
//! - The catalog's fingerprint is the same in both.
//!
//! The fingerprint is planned and computed only where the first proof fails: `query_to_xml` runs its query only when the
//! CASE comes to it (manual, "Mapping Tables to XML"). At the end of the first transaction it is not needed when no transaction
//! could have written since its snapshot: none was in progress there, and the next transaction id is still the snapshot's. When
//! one writes in the moment before the second transaction begins, nothing is proved, and all is read again.

use anyhow::{Context as _, Result, anyhow};

use super::DatabaseSnapshot;
use crate::postgres::catalog::reader;
use crate::postgres::connection::{self, Batch, ReadOnlyTransaction, Session, Single};
use crate::postgres::sql::literal;

/// `pg_current_snapshot()` of a transaction: `xmin:xmax:xip_list`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SnapshotPosition {
    text: String,
    /// The first transaction id that was not yet assigned, where no transaction was in progress.
    still_at: Option<u64>,
}

impl SnapshotPosition {
    /// As the server wrote it.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Reads the snapshot's text.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut parts = text.split(':');
        let (Some(xmin), Some(xmax), Some(in_progress)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(anyhow!("{text:?} is no snapshot"));
        };
        let still = xmin == xmax && in_progress.is_empty();
        Ok(Self { text: text.to_owned(), still_at: still.then(|| xmax.parse()).transpose()? })
    }

    /// The query that ends the transaction of the catalog. It answers NULL where nobody can have written, else the fingerprint.
    /// Nothing before it in the transaction may call `age()`, which keeps its first answer.
    fn before(&self) -> String {
        let computed = fingerprint();
        let Some(next) = self.still_at else { return format!("SELECT {computed} AS fingerprint_before") };
        // Transaction ids have 32 bits; 3 is the first that is not special.
        let next = next & u64::from(u32::MAX);
        format!(
            "SELECT CASE WHEN NOT pg_is_in_recovery() AND (age('3'::xid)::int8 + 3) & 4294967295 = {next} \
             THEN NULL ELSE {computed} END AS fingerprint_before"
        )
    }

    /// The query that begins the next one. It answers NULL when its snapshot is the same, else the fingerprint.
    fn after(&self) -> String {
        let (same, computed) = (literal(&self.text), fingerprint());
        format!(
            "SELECT CASE WHEN NOT pg_is_in_recovery() AND pg_current_snapshot()::text = {same} \
             THEN NULL ELSE {computed} END AS fingerprint_after"
        )
    }
}

/// The answers that prove a reading consistent.
#[derive(Debug, Default)]
pub(super) struct Proof {
    wrote_nothing: Single<bool>,
    before: Single<Option<String>>,
    after: Single<Option<String>>,
}

impl Proof {
    /// Asks at the end of the transaction that has read the catalog, and ends it; asks again in `next`, which reads the rows.
    pub(super) fn ask<'s>(
        &'s mut self,
        batch: &mut Batch<'s>,
        position: &SnapshotPosition,
        next: impl IntoIterator<Item = ReadOnlyTransaction>,
        rows: impl FnOnce(&mut Batch<'s>),
    ) {
        batch.scalar(position.before(), &mut self.before);
        batch.execute("COMMIT");
        next.into_iter().for_each(|transaction| batch.begin(transaction));
        batch.scalar(position.after(), &mut self.after);
        rows(batch);
        batch.scalar(
            "SELECT pg_catalog.pg_current_xact_id_if_assigned() IS NULL AS wrote_nothing",
            &mut self.wrote_nothing,
        );
    }

    /// Whether the answers prove that nobody ran DDL meanwhile.
    ///
    /// # Errors
    /// The transaction has written; an answer is missing.
    pub(super) fn prove_consistent(self) -> Result<bool> {
        let missing = "the server did not say whether its catalog has changed";
        if !self.wrote_nothing.get().context(missing)? {
            return Err(anyhow!("a reading transaction was given a transaction id"));
        }
        let (before, after) = (self.before.get().context(missing)?, self.after.get().context(missing)?);
        Ok(prove_consistent(before.as_deref(), after.as_deref()))
    }
}

/// Whether no transaction has ended since a snapshot was taken, and none that could write was begun: the snapshot is as
/// good as a new one.
///
/// # Errors
/// The server's or the connection's, in words.
pub async fn unchanged_since(session: &mut Session, snapshot: &DatabaseSnapshot) -> Result<bool> {
    let now: Result<String> = session.scalar("SELECT pg_catalog.pg_current_snapshot()").await;
    let now =
        now.map_err(|error| connection::server_failure(error, "asking whether anything has changed"))?;
    Ok(now == snapshot.position)
}

/// Whether the two answers prove that nothing has changed.
fn prove_consistent(before: Option<&str>, after: Option<&str>) -> bool {
    after.is_none() || before == after
}

fn fingerprint() -> String {
    format!("query_to_xml({}, false, false, '')::text", literal(&reader::fingerprint()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_with_work_in_progress_is_not_still() {
        assert_eq!(SnapshotPosition::parse("743:743:").unwrap().still_at, Some(743));
        assert_eq!(SnapshotPosition::parse("740:743:740,741").unwrap().still_at, None);
        assert_eq!(SnapshotPosition::parse("740:743:").unwrap().still_at, None);
        assert!(SnapshotPosition::parse("").is_err());
    }

    #[test]
    fn only_equal_fingerprints_or_the_same_snapshot_are_consistent() {
        assert!(prove_consistent(None, None));
        assert!(!prove_consistent(None, Some("a")));
        assert!(prove_consistent(Some("a"), None));
        assert!(prove_consistent(Some("a"), Some("a")));
        assert!(!prove_consistent(Some("a"), Some("b")));
    }
}
