//! Who keeps a reader of the catalog waiting. PostgreSQL prints views and defaults under ACCESS SHARE locks, for which it
//! waits while a migration changes the relation.

use anyhow::Result;

use crate::error::{ErrorCode, Exit, Failure};
use crate::postgres::connection::{OwnedRow, RowError, Session, server_failure};
use crate::postgres::sql::brief_query;

const SQL: &str = include_str!("exclusive_lock.sql");

/// The failure of a reading that timed out waiting for a lock, with who probably holds it, where that is still so: which lock
/// it was the server does not say.
pub(super) async fn failure(session: &mut Session, error: anyhow::Error) -> anyhow::Error {
    let unnamed = server_failure(error, "reading the catalog");
    match holder(session).await {
        Ok(Some(Holder { sentence, next })) => {
            Failure::new(Exit::Busy, format!("timed out waiting for a lock, possibly because {sentence}"))
                .code(ErrorCode::LOCK_TIMEOUT)
                .next(format!("run the same command again when that is done{next}"))
                .into()
        }
        Ok(None) | Err(_) => unnamed,
    }
}

/// Who holds a lock.
struct Holder {
    /// Who, and which lock.
    sentence: String,
    /// What else can be done about it.
    next: String,
}

/// `trueup/0.1.0 upgrade (backend 4711, role app) holds public.users, in a transaction since 2026-...: ALTER TABLE ...`
async fn holder(session: &mut Session) -> Result<Option<Holder>> {
    session.execute("ROLLBACK").await?;
    // Behind a transaction-pooling proxy no setting may stay.
    let settings = "SET LOCAL search_path = pg_catalog, pg_temp; SET LOCAL statement_timeout = '5s'";
    let rows = session.query(format!("BEGIN READ ONLY; {settings}; {}; COMMIT", SQL.trim_end())).await?;
    Ok(rows.first().map(Holder::read).transpose()?)
}

impl Holder {
    fn read(row: &OwnedRow) -> Result<Self, RowError> {
        let text =
            |column| row.get::<Option<String>>(column).map(|text| text.filter(|text| !text.is_empty()));
        let pid: i32 = row.get("pid")?;
        let (application, relation) = (text("application")?, row.get::<String>("relation")?);
        let next = match &application {
            Some(name) if name.starts_with("trueup/") => ": trueup status shows a run of trueup".to_owned(),
            _ => {
                format!("; or end it where that is known to be harmless: SELECT pg_terminate_backend({pid});")
            }
        };
        let mut sentence = application.unwrap_or_else(|| "another session".to_owned());
        sentence.push_str(&format!(" (backend {pid}"));
        for (before, part) in [(", role ", text("role")?), (", from ", text("client_addr")?)] {
            if let Some(part) = part {
                sentence.push_str(&format!("{before}{part}"));
            }
        }
        sentence.push_str(&format!(") holds {relation}"));
        if let Some(since) = text("since")? {
            sentence.push_str(&format!(", in a transaction since {since}"));
        }
        if let Some(query) = text("query")? {
            sentence.push_str(&format!(": {}", brief_query(&query, false)));
        }
        Ok(Self { sentence, next })
    }
}
