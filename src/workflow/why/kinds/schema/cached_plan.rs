//! `0A000`: a prepared statement was planned before a migration changed what it returns.

use super::super::super::case::Case;
use super::super::super::explanation::{Explanation, reason};
use super::super::super::facts::Ask;
use super::super::ErrorKind;
use crate::findings::{Remedy, Severity};

pub(in super::super) const KIND: ErrorKind = ErrorKind {
    condition: "feature_not_supported",
    sqlstate: "0A000",
    patterns: &[
        "cached plan must not change result type",
        // asyncpg.
        "cached statement plan is invalid due to a database schema or configuration change",
    ],
    follows: false,
    meaning: "A connection still has a prepared statement from before the schema changed.",
    asks: &[Ask::Schema],
    judge,
};

fn judge(case: &Case<'_>) -> Explanation {
    let migrations = case.migrations();
    let last = migrations.iter().rev().find(|migration| case.schema.applied.contains(&migration.version));
    let (object, sentence) = match last {
        Some(last) => (
            last.id().to_string(),
            "it is the last migration that was applied; connections from before it have old plans".to_owned(),
        ),
        None => (case.database.to_owned(), "a table was changed while the connection was open".to_owned()),
    };
    let advice = "restart the application, or close its connections (in a session: DISCARD PLANS, DEALLOCATE ALL); statements \
                  that name their columns instead of * do not fail so";
    let found =
        reason("cached_plan", Severity::Info, "migration", object, sentence).remedy(Remedy::advice(advice));
    Explanation::elsewhere(
        "the schema is not the reason: the connection is older than its last change",
        advice,
    )
    .with([found])
}
