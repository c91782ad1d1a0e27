//! Nothing is read or written where that could run what a weaker role wrote: a trigger, a default, an index.

use anyhow::Result;

use crate::error::{ErrorCode, Exit, Failure};
use crate::postgres::catalog::{TableUse, UntrustedCode};
use crate::postgres::connection::{ReadOnlyTransaction, Session, server_failure};

/// Refuses to read or write rows of these tables, which are qualified and quoted, where that could run code of a weaker role.
///
/// # Errors
/// Exit 4, `data.untrusted_code`; exit 3 when the catalog cannot be read.
pub(crate) async fn refuse_untrusted(
    session: &mut Session,
    table_use: TableUse,
    tables: &[String],
) -> Result<()> {
    let transaction = ReadOnlyTransaction::repeatable_read().catalog_search_path();
    session.execute(transaction.sql()).await?;
    let found = UntrustedCode::find_by_name(session, table_use, tables).await;
    session.execute("ROLLBACK").await?;
    let found = found.map_err(|error| server_failure(error, "listing what the tables to change use"))?;
    match found.first() {
        None => Ok(()),
        Some(code) => Err(Failure::new(Exit::Refused, format!("{}; nothing was changed", code.sentence()))
            .code(ErrorCode::DATA_UNTRUSTED)
            .next(code.remedy())
            .into()),
    }
}
