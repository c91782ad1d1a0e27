//! The fence row: every transaction of a run ends with an UPDATE of it, which finds nothing once another run took over.
//!
//! A fence that is only read would let the old run commit after the new one took over; an UPDATE waits for the other.

use anyhow::Result;

use crate::postgres::connection::{Row, ServerError, sqlstate};
use crate::postgres::sql::literal;

/// What the UPDATE returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FenceToken {
    /// How many transactions of this run have passed, this one included.
    pub(super) transactions: i64,
    /// The id of the transaction.
    pub(super) transaction: String,
}

/// The column, and the value, that tell the fence's answer from the rows of a script.
const TAG_COLUMN: &str = "trueup_fence";
const TAG: &str = "trueup.fence";
/// Tells the error of [`still_in`] from others.
const ENDED: &str = "trueup: not in";

/// The last statement before COMMIT, in the form of a [`super::Recurring`].
pub(super) fn advance(run: &str) -> String {
    format!(
        "AS UPDATE trueup.fence SET transactions = transactions + 1 WHERE run = {} \
         RETURNING '{TAG}' AS {TAG_COLUMN}, transactions, pg_current_xact_id() AS transaction",
        literal(run)
    )
}

/// Whether no other run has taken over so far, for the end of a condition.
pub(super) fn and_is_ours(run: &str) -> String {
    format!(
        " AND EXISTS (SELECT FROM trueup.fence WHERE fence.run OPERATOR(pg_catalog.=) {}::pg_catalog.text)",
        literal(run)
    )
}

/// Between the script and its records: fails when the script has ended its transaction, before anything is recorded.
/// The text cannot be read as a number, and the server quotes it in the error, whatever its language. In the form of a
/// [`super::Recurring`], whose value is the transaction's id.
pub(super) fn still_in() -> String {
    format!(
        "(xid8) AS SELECT CASE WHEN pg_current_xact_id() = $1 THEN 0 \
         ELSE ('{ENDED} ' || pg_current_xact_id()::text)::int4 END"
    )
}

/// Whether this is the error of [`still_in`].
pub(super) fn ended_transaction(said: &ServerError) -> bool {
    said.is(sqlstate::INVALID_TEXT_REPRESENTATION) && said.message.contains(ENDED)
}

/// The question whether the transaction that counted so far was committed: `t` or `f`, and no row when another run
/// has taken over since.
pub(super) fn ask(run: &str, transactions: i64) -> String {
    format!(
        "SELECT transactions >= {transactions} AS committed FROM trueup.fence WHERE run = {}",
        literal(run)
    )
}

impl FenceToken {
    /// Reads the row; `None` when it is not the fence's.
    ///
    /// # Errors
    /// It is the fence's, and cannot be read.
    pub(super) fn from_row(row: &Row<'_>) -> Result<Option<Self>> {
        if !matches!(row.get::<&str>(TAG_COLUMN), Ok(TAG)) {
            return Ok(None);
        }
        Ok(Some(Self { transactions: row.get("transactions")?, transaction: row.get("transaction")? }))
    }
}
