//! The fence row: every transaction of a run ends with an UPDATE of it, which finds nothing once another run took over.
//!
//! A fence that is only read would let the old run commit after the new one took over; an UPDATE waits for the other.

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

/// Tells the fence's answer from the rows of a script.
const TAG: &str = "trueup.fence";
/// Tells the error of [`still_in`] from others.
const ENDED: &str = "trueup: not in";

/// The last statement before COMMIT, in the form of a [`super::Recurring`].
pub(super) fn advance(run: &str) -> String {
    format!(
        "AS UPDATE trueup.fence SET transactions = transactions + 1 WHERE run = {} \
         RETURNING '{TAG}', transactions, pg_current_xact_id()",
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
    format!("SELECT transactions >= {transactions} FROM trueup.fence WHERE run = {}", literal(run))
}

impl FenceToken {
    /// Reads the row, if it is the fence's.
    pub(super) fn from_row(row: &Row<'_>) -> Option<Self> {
        if row.len() != 3 || row.text(0) != Some(TAG) {
            return None;
        }
        Some(Self { transactions: row.text(1)?.parse().ok()?, transaction: row.text(2)?.to_owned() })
    }
}
