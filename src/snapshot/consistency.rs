//! The proof that the catalog stood still while it was read.
//!
//! REPEATABLE READ alone does not give one consistent catalog: `pg_get_expr` and its like look at the newest state.
//! Two proofs are enough, the first of them free:
//! - no transaction that could have written existed between the reading's snapshot and its last message: none was in
//!   progress in the snapshot, and the next transaction id is still the snapshot's;
//! - else the catalog's fingerprint in the reading's snapshot is the same as in a fresh one.
//!
//! The fingerprint is planned and computed only where the first proof fails: `query_to_xml` runs a query that a CASE
//! comes to (manual, "Mapping Tables to XML").

use anyhow::{Result, anyhow};

use super::DatabaseSnapshot;
use crate::postgres::catalog::reader;
use crate::postgres::connection::{self, ServerVersion, Session};
use crate::postgres::sql::literal;

/// Where a snapshot stands, `pg_current_snapshot()`: `xmin:xmax:xip_list`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Snapshot {
    text: String,
    /// The first transaction id that was not yet given out, where no transaction was in progress.
    still_at: Option<u64>,
}

impl Snapshot {
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

    /// A SELECT of one text for the reading transaction, at its end: NULL for the first proof, else the fingerprint.
    /// Nothing before it in the transaction may call `age()`, which keeps its first answer.
    pub(super) fn before(&self, version: ServerVersion) -> String {
        let computed = fingerprint(version);
        let Some(next) = self.still_at else { return format!("SELECT {computed}") };
        // Transaction ids have 32 bits; 3 is the first that is not special.
        let next = next & u64::from(u32::MAX);
        format!(
            "SELECT CASE WHEN NOT pg_is_in_recovery() AND (age('3'::xid)::int8 + 3) & 4294967295 = {next} \
             THEN NULL ELSE {computed} END"
        )
    }

    /// The same for a fresh transaction: NULL when its snapshot is the reading's.
    pub(super) fn after(&self, version: ServerVersion) -> String {
        let (same, computed) = (literal(&self.text), fingerprint(version));
        format!(
            "SELECT CASE WHEN NOT pg_is_in_recovery() AND pg_current_snapshot()::text = {same} \
             THEN NULL ELSE {computed} END"
        )
    }
}

/// Whether no transaction has ended since a look, and none that could write was begun: the look is as good as a new one.
///
/// # Errors
/// The server's or the connection's, in words.
pub async fn unchanged_since(session: &mut Session, survey: &DatabaseSnapshot) -> Result<bool> {
    let rows = session.rows("SELECT pg_catalog.pg_current_snapshot()").await;
    let rows =
        rows.map_err(|error| connection::server_failure(error, "asking whether anything has changed"))?;
    Ok(rows.into_iter().flatten().flatten().next().as_ref() == Some(&survey.snapshot))
}

/// Whether the two answers prove that nothing changed.
pub(super) fn stood_still(before: Option<&str>, after: Option<&str>) -> bool {
    before.is_none() || after.is_none() || before == after
}

fn fingerprint(version: ServerVersion) -> String {
    format!("query_to_xml({}, false, false, '')::text", literal(&reader::fingerprint(version)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_with_work_in_progress_is_not_still() {
        assert_eq!(Snapshot::parse("743:743:").unwrap().still_at, Some(743));
        assert_eq!(Snapshot::parse("740:743:740,741").unwrap().still_at, None);
        assert_eq!(Snapshot::parse("740:743:").unwrap().still_at, None);
        assert!(Snapshot::parse("").is_err());
    }

    #[test]
    fn only_equal_fingerprints_or_the_first_proof_are_stillness() {
        assert!(stood_still(None, Some("a")));
        assert!(stood_still(Some("a"), None));
        assert!(stood_still(Some("a"), Some("a")));
        assert!(!stood_still(Some("a"), Some("b")));
    }
}
