//! One consistent look at a live database: identity, history, catalog. It writes nothing at all.
//!
//! Three messages after connecting (manual, "Simple Query"):
//! 1. BEGIN, settings, identity, which history tables and which rare kinds of object there are;
//! 2. the catalog and the histories;
//! 3. what the catalog's rows have in common and is printed once, the proofs that no transaction id was assigned and that the catalog stood still, COMMIT.
//!
//! When the catalog did not stand still, somebody ran DDL meanwhile and all is read again; see [`stillness`].

mod identity;
mod stillness;

use std::time::Duration;

use anyhow::{Result, anyhow};

use crate::catalog::Catalog;
use crate::catalog::reader::{self, Assembler, Presence, ReadOptions};
use crate::db::{self, ServerVersion, Session};
use crate::error::{Exit, Failure};
use crate::migrations::history::{self, Applied, HistoryTable, OtherHistory};
use crate::sql::identifier;

pub use identity::Identity;
use stillness::{Snapshot, stood_still};

/// How often a catalog that changes while it is read is read anew.
const ATTEMPTS: u32 = 3;

/// How much longer than a statement may take a server may be silent.
const SILENCE: Duration = Duration::from_secs(5);

/// What one look found.
#[derive(Debug)]
pub struct Survey {
    /// Who the database says it is.
    pub identity: Identity,
    /// The server's version.
    pub version: ServerVersion,
    /// refinery's history; `None` when there is no such table, or it may not be read (see [`Survey::invisible`]).
    pub history: Option<Vec<Applied>>,
    /// The table of [`Survey::history`], qualified and quoted.
    pub history_table: Option<String>,
    /// A table that has the history's name and not its columns.
    pub malformed_history: Option<String>,
    /// What other tools left.
    pub others: Vec<OtherHistory>,
    /// The catalog.
    pub catalog: Catalog,
    /// What this role may not see, though the answer needs it.
    pub invisible: Vec<String>,
}

/// What a look needs to know of the project.
#[derive(Debug, Clone)]
pub struct Request {
    /// What to read beside the usual.
    pub options: ReadOptions,
    /// The search_path that the project's own SQL runs with: where its history is looked for first.
    pub search_path: String,
    /// The role to read as.
    pub set_role: Option<String>,
    /// `statement_timeout` of the reading transaction.
    pub statement_timeout: Duration,
    /// `lock_timeout` of the reading transaction.
    pub lock_timeout: Duration,
}

/// Looks at a database. At most three round trips when nobody runs DDL meanwhile.
///
/// # Errors
/// Exit 3 when something cannot be read, 75 when the catalog would not stand still.
pub async fn survey(session: &mut Session, request: &Request) -> Result<Survey> {
    let version = session.server_version()?;
    if !ServerVersion::SUPPORTED.contains(&version.major()) {
        let (first, last) = (ServerVersion::SUPPORTED.start(), ServerVersion::SUPPORTED.end());
        return Err(Failure::cannot_tell(format!(
            "the server is PostgreSQL {version}; this trueup reads the catalogs of {first} to {last}"
        ))
        .next("use a trueup that knows this major")
        .into());
    }
    // The server's own limit comes first, where the server is there to keep it.
    session.give_up_after(request.statement_timeout.saturating_add(SILENCE));
    let mut unsettled = None;
    for attempt in 0..ATTEMPTS {
        match look(session, version, request).await {
            Ok(Some(survey)) => return Ok(survey),
            Ok(None) => {}
            Err(error) if changed_underneath(&error) => {
                session.execute("ROLLBACK").await?;
                unsettled = Some(error);
            }
            Err(error) => return Err(db::server_failure(error, "reading the catalog")),
        }
        tokio::time::sleep(Duration::from_millis(200 << attempt)).await;
    }
    let last = unsettled.as_ref().and_then(db::server_error).map(|error| db::describe(error).message);
    let last = last.map(|message| format!("; the last time: {message}")).unwrap_or_default();
    Err(Failure::new(
        Exit::Busy,
        format!(
            "the catalog changed each of the {ATTEMPTS} times it was read: somebody is running DDL{last}"
        ),
    )
    .next("run the same command again when the other deploy or migration is done")
    .into())
}

/// One attempt. `None` when the fingerprints differ.
async fn look(session: &mut Session, version: ServerVersion, request: &Request) -> Result<Option<Survey>> {
    let opening = opening(request);
    let settings = opening.len();
    let first = [identity::SQL.into(), history::PROBE.into(), reader::probe(version)];
    let first: Vec<String> = opening.into_iter().chain(first).collect();
    let mut identity = None;
    let mut snapshot = None;
    let mut tables: Vec<HistoryTable> = Vec::new();
    let mut presence = None;
    session
        .message(first.join(";\n"), |statement, row| {
            match statement.checked_sub(settings) {
                Some(0) => {
                    identity = Some(Identity::from_row(&row)?);
                    snapshot = Some(Snapshot::parse(row.text(identity::SNAPSHOT).unwrap_or_default())?);
                }
                Some(1) => tables.extend(HistoryTable::from_row(&row)),
                Some(_) => presence = Some(Presence::from_row(&row)?),
                None => {}
            }
            Ok(())
        })
        .await?;
    let (Some(identity), Some(snapshot)) = (identity, snapshot) else {
        return Err(anyhow!("the server did not tell who it is"));
    };
    let presence =
        presence.ok_or_else(|| anyhow!("the server did not answer what kinds of object it has"))?;

    let mut statements = reader::statements(version, &request.options, &presence);
    let catalog_statements = statements.len();
    let named = history::ours(&tables, &request.search_path).cloned();
    let (ours, malformed) = match named {
        Some(table) if !table.genuine => (None, Some(table.path())),
        named => (named, None),
    };
    let readable: Vec<&HistoryTable> = tables
        .iter()
        .filter(|table| table.readable && table.genuine)
        .filter(|table| table.tool().is_some() || Some(*table) == ours.as_ref())
        .collect();
    statements.extend(readable.iter().map(|table| table.query()));

    let mut assembler = Assembler::new(version, &request.options, &presence);
    let mut applied = Vec::new();
    let mut others = Vec::new();
    session
        .message(statements.join(";\n"), |statement, row| {
            if statement < catalog_statements {
                return assembler.row(statement, &row);
            }
            let table = readable[statement - catalog_statements];
            match table.tool() {
                Some(tool) => {
                    let current = row.text(0).map(str::to_owned);
                    others.push(OtherHistory { tool, table: table.path(), current });
                }
                None => applied.push(Applied::from_row(&row)?),
            }
            Ok(())
        })
        .await?;

    let questions = assembler.questions();
    let asked = questions.len();
    let proof = [
        "SELECT pg_catalog.pg_current_xact_id_if_assigned() IS NULL".to_owned(),
        snapshot.before(version),
        "COMMIT".into(),
        "BEGIN READ ONLY".into(),
        "SET LOCAL search_path = pg_catalog, pg_temp".into(),
        format!("SET LOCAL statement_timeout = {}", request.statement_timeout.as_millis()),
        snapshot.after(version),
        "COMMIT".into(),
    ];
    let mut wrote_nothing = false;
    // None: no answer; Some(None): NULL.
    let (mut before, mut after) = (None, None);
    let third: Vec<String> = questions.into_iter().chain(proof).collect();
    session
        .message(third.join(";\n"), |statement, row| {
            let text = || row.text(0).map(str::to_owned);
            match statement.checked_sub(asked) {
                None => assembler.answer(statement, &row)?,
                Some(0) => wrote_nothing = row.text(0) == Some("t"),
                Some(1) => before = Some(text()),
                Some(_) => after = Some(text()),
            }
            Ok(())
        })
        .await?;
    if !wrote_nothing {
        return Err(anyhow!("a reading transaction was given a transaction id"));
    }
    let (Some(before), Some(after)) = (before, after) else {
        return Err(anyhow!("the server did not say whether its catalog stood still"));
    };
    if !stood_still(before.as_deref(), after.as_deref()) {
        return Ok(None);
    }

    for table in &tables {
        let told = others.iter().any(|other| other.table == table.path());
        if let (Some(tool), false) = (table.tool(), told) {
            others.push(OtherHistory { tool, table: table.path(), current: None });
        }
    }
    let invisible = ours.iter().filter(|table| !table.readable).map(HistoryTable::path).collect();
    let readable_ours = ours.filter(|table| table.readable);
    Ok(Some(Survey {
        identity,
        version,
        history_table: readable_ours.as_ref().map(HistoryTable::path),
        history: readable_ours.map(|_| applied),
        malformed_history: malformed,
        others,
        catalog: assembler.finish()?.catalog,
        invisible,
    }))
}

/// The reading transaction and its settings, all of them local to it: behind a pooler nothing stays.
fn opening(request: &Request) -> Vec<String> {
    let limits = [
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY".to_owned(),
        format!("SET LOCAL statement_timeout = {}", request.statement_timeout.as_millis()),
        format!("SET LOCAL lock_timeout = {}", request.lock_timeout.as_millis()),
        "SET LOCAL idle_in_transaction_session_timeout = 60000".into(),
    ];
    let settings = reader::SETTINGS.split(';').map(str::trim).filter(|setting| !setting.is_empty());
    let role = request.set_role.as_ref().map(|role| format!("SET LOCAL ROLE {}", identifier(role)));
    limits.into_iter().chain(settings.map(str::to_owned)).chain(role).collect()
}

/// Whether an error is what DDL of somebody else does to a reader: an object that was there is gone.
fn changed_underneath(error: &anyhow::Error) -> bool {
    let Some(error) = db::server_error(error).map(db::describe) else { return false };
    // internal_error ("could not open relation with OID", "cache lookup failed"), undefined_*
    matches!(error.sqlstate.as_deref(), Some("XX000" | "42P01" | "42704" | "42703" | "42883" | "3F000"))
}
