//! When each statement of a transaction began: between the statements, rows with the server's clock are inserted. They are
//! committed with the transaction.

use std::collections::BTreeMap;

use anyhow::Result;

use crate::changes::plan::{PlannedStatement, Step};
use crate::migrations::script::StatementEffect;
use crate::postgres::connection::Session;

/// The table of the marks.
pub(super) const TABLE: &str =
    "CREATE TABLE trueup.rehearsed (version int8 NOT NULL, number int4 NOT NULL, at timestamptz NOT NULL)";

/// Removes all marks, before the next way through the migrations.
pub(super) const CLEAR: &str = "TRUNCATE trueup.rehearsed";

/// When statements began, and when the last of them ended, in microseconds since 1970, by the version of the migration.
pub(super) type StatementTimes = BTreeMap<i64, Vec<i64>>;

/// Puts a mark before each statement of a transaction, and one behind the last.
pub(super) fn add(step: &mut Step) {
    let version = step.version;
    let mark = |number: usize| PlannedStatement {
        text: format!(
            "INSERT INTO trueup.rehearsed VALUES ({version}, {number}, pg_catalog.clock_timestamp())"
        ),
        line: 1,
        column: 1,
        offset: 0,
        summary: String::new(),
        outside: None,
        locks: Vec::new(),
        reach: StatementEffect::Session,
    };
    let statements = std::mem::take(&mut step.script.statements);
    let count = statements.len();
    let marked = statements.into_iter().enumerate().flat_map(|(number, statement)| [mark(number), statement]);
    step.script.statements = marked.chain([mark(count)]).collect();
}

/// The microseconds since 1970 of all marks, by version and in order.
///
/// # Errors
/// The server's.
pub(super) async fn read(session: &mut Session) -> Result<StatementTimes> {
    const MARKS: &str = "SELECT version, (extract(epoch FROM at) * 1000000)::int8 AS at FROM trueup.rehearsed \
                         ORDER BY version, number";
    let mut times = StatementTimes::new();
    session
        .message(MARKS.to_owned(), |_, row| {
            times.entry(row.get("version")?).or_default().push(row.get("at")?);
            Ok(())
        })
        .await?;
    Ok(times)
}
