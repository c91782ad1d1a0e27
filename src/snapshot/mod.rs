//! One consistent look at a live database: identity, history, catalog. It writes nothing at all.
//!
//! Three messages after connecting (manual, "Simple Query"):
//! 1. BEGIN, settings, identity, which rare kinds of object there are;
//! 2. the catalog;
//! 3. the histories and what trueup keeps, which the catalog's rows show to be what they are called; what those rows
//!    have in common and is printed once; the seeds that the project has; the proofs that no transaction id was assigned
//!    and that the catalog stood still; COMMIT.
//!
//! When the catalog did not stand still, somebody ran DDL meanwhile and all is read again; see [`stillness`].

mod consistency;
mod histories;
mod identity;
mod internal_state;
mod seeded;
mod sizes;
mod status;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow};

use crate::data::seeds::{Rows, Seeds};
use crate::error::{Exit, Failure};
use crate::migrations::Migration;
use crate::migrations::checksum::Width;
use crate::migrations::history::{Applied, Found, OtherHistory};
use crate::postgres::catalog::Catalog;
use crate::postgres::catalog::reader::{self, Assembler, Presence, ReadOptions};
use crate::postgres::connection::{self, ServerVersion, Session, sqlstate};
use crate::postgres::sql::identifier;

pub use consistency::unchanged_since;
use consistency::{Snapshot, stood_still};
use histories::Histories;
pub use identity::Identity;
use internal_state::{Answers, InternalTables};
pub use internal_state::{Holder, InternalState, LoggedRun, Recorded, Run, UnfinishedStep};
use seeded::Confirmation;
pub use seeded::{Asked, Seeded, ask_inside};
pub use sizes::{Size, database_bytes, sizes};
pub use status::{StatusSnapshot, take_status};

/// How often a catalog that changes while it is read is read anew.
const ATTEMPTS: u32 = 3;

/// How much longer than a statement may take a server may be silent.
const SILENCE: Duration = Duration::from_secs(5);

/// What one look found.
#[derive(Debug)]
pub struct DatabaseSnapshot {
    /// Who the database says it is.
    pub identity: Identity,
    /// The server's version.
    pub version: ServerVersion,
    /// refinery's history; `None` when there is no such table, or it may not be read (see [`Survey::invisible`]).
    pub history: Option<Vec<Applied>>,
    /// The table of [`Survey::history`], qualified and quoted.
    pub history_table: Option<String>,
    /// The width of the versions in [`Survey::history`].
    pub history_width: Option<Width>,
    /// A table that has the history's name and not its columns.
    pub malformed_history: Option<String>,
    /// What other tools left.
    pub others: Vec<OtherHistory>,
    /// The catalog.
    pub catalog: Catalog,
    /// What trueup keeps here for itself; `None` where there is nothing of it, or nothing that could be read.
    pub internal: Option<InternalState>,
    /// What this role may not see, though the answer needs it.
    pub invisible: Vec<String>,
    /// What the database has of the project's seeds.
    pub seeded: Seeded,
    /// What else is worth saying.
    pub notes: Vec<String>,
    /// Where the reading's snapshot stood, see [`unchanged_since`].
    snapshot: String,
}

/// What a look needs to know of the project.
#[derive(Debug, Clone)]
pub struct Request {
    /// What to read beside the usual.
    pub options: ReadOptions,
    /// The search_path that the project's own SQL runs with: where its history is looked for first.
    pub search_path: String,
    /// The project's migrations: what was recorded of others, and of those that were edited, is read.
    pub migrations: Arc<[Migration]>,
    /// Whether to tell of which migrations the texts are kept; see [`Own::texts`].
    pub texts: bool,
    /// The rows that are to be there; only of tables that are there with all their columns is anything asked.
    pub seeds: Arc<Seeds>,
    /// Which of them are told of.
    pub seed_rows: Rows,
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
pub async fn take(session: &mut Session, request: &Request) -> Result<DatabaseSnapshot> {
    let version = session.server_version()?;
    refuse_unknown_major(version)?;
    // The server's own limit comes first, where the server is there to keep it.
    session.give_up_after(request.statement_timeout.saturating_add(SILENCE));
    let mut unsettled = None;
    let mut readable = true;
    let mut attempt = 0;
    while attempt < ATTEMPTS {
        let mut asking = Confirmation::new(readable);
        match look(session, version, request, &mut asking).await {
            Ok(Some(survey)) => return Ok(survey),
            Ok(None) => {}
            Err(error) if readable && asking.is_denied(session, &error) => {
                session.execute("ROLLBACK").await?;
                readable = false;
                continue;
            }
            Err(error) if asking.is_refused(session, &error) => {
                return Err(asking.tell_what_is_wrong(session, request, error).await);
            }
            Err(error) if changed_underneath(&error) => {
                session.execute("ROLLBACK").await?;
                unsettled = Some(error);
            }
            Err(error) => return Err(connection::server_failure(error, "reading the catalog")),
        }
        tokio::time::sleep(Duration::from_millis(200 << attempt)).await;
        attempt += 1;
    }
    let last = unsettled
        .as_ref()
        .and_then(connection::server_error)
        .map(|error| connection::describe(error).message);
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

fn refuse_unknown_major(version: ServerVersion) -> Result<(), Failure> {
    if ServerVersion::SUPPORTED.contains(&version.major()) {
        return Ok(());
    }
    let (first, last) = (ServerVersion::SUPPORTED.start(), ServerVersion::SUPPORTED.end());
    Err(Failure::cannot_tell(format!(
        "the server is PostgreSQL {version}; this trueup reads the catalogs of {first} to {last}"
    ))
    .next("use a trueup that knows this major"))
}

/// One attempt. `None` when the fingerprints differ.
async fn look(
    session: &mut Session,
    version: ServerVersion,
    request: &Request,
    asking: &mut Confirmation,
) -> Result<Option<DatabaseSnapshot>> {
    let opening = opening(request);
    let settings = opening.len();
    let first = [identity::SQL.into(), reader::probe(version)];
    let first: Vec<String> = opening.into_iter().chain(first).collect();
    let mut identity = None;
    let mut snapshot = None;
    let mut presence = None;
    session
        .message(first.join(";\n"), |statement, row| {
            match statement.checked_sub(settings) {
                Some(0) => {
                    identity = Some(Identity::from_row(&row)?);
                    snapshot = Some(Snapshot::parse(row.text(identity::SNAPSHOT).unwrap_or_default())?);
                }
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

    let statements = reader::statements(version, &request.options, &presence);
    let mut assembler = Assembler::new(version, &request.options, &presence);
    session.message(statements.join(";\n"), |statement, row| assembler.row(statement, &row)).await?;

    let found: Vec<Found> = histories::found(&assembler);
    let mut histories = Histories::choose(&found, &request.search_path);
    let own_tables = InternalTables::of(&found);
    let mut own_queries = own_tables.queries();
    own_queries.extend(own_tables.texts().filter(|_| request.texts));
    let anything_own = !own_queries.is_empty();
    own_queries.extend(own_tables.recorded(&request.migrations, histories.table()));
    let own_statements = histories.len() + own_queries.len();
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
    let mut answers = Answers::default();
    let own_sql = own_queries.iter().map(internal_state::Query::sql);
    let seeds = asking.statements(request, &assembler, &own_tables, own_statements + asked)?;
    let seeds_asked = seeds.len();
    let third = histories.queries().chain(own_sql).chain(questions).chain(seeds).chain(proof);
    let third: Vec<String> = third.collect();
    session
        .message(third.join(";\n"), |statement, row| {
            let Some(statement) = statement.checked_sub(own_statements) else {
                return match statement.checked_sub(histories.len()) {
                    None => histories.row(statement, &row),
                    Some(own) => answers.row(&own_queries[own], &row),
                };
            };
            let text = || row.text(0).map(str::to_owned);
            if statement < asked {
                return assembler.answer(statement, &row);
            }
            if statement < asked + seeds_asked {
                return asking.row(statement - asked, &row);
            }
            match statement.checked_sub(asked + seeds_asked) {
                None => {}
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

    let (mut own, ..) = answers.finish(&histories.applied);
    if !own.recorded.is_empty() {
        let wanted = internal_state::not_as_applied(&request.migrations, &histories.applied);
        own.recorded.retain(|version, _| wanted.contains(version));
    }
    let history_width = histories.width();
    let (history_table, history) = histories.ours().unzip();
    Ok(Some(DatabaseSnapshot {
        identity,
        version,
        history,
        history_table,
        history_width,
        malformed_history: histories.malformed.take(),
        others: histories.others(),
        catalog: assembler.finish()?.catalog,
        internal: anything_own.then_some(own),
        invisible: histories.invisible(),
        notes: own_tables.notes(),
        seeded: asking.finish(),
        snapshot: snapshot.text().to_owned(),
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
    let Some(error) = connection::server_error(error).map(connection::describe) else { return false };
    // internal_error ("could not open relation with OID", "cache lookup failed"), undefined_*
    matches!(
        error.sqlstate.as_deref(),
        Some(
            sqlstate::INTERNAL_ERROR
                | sqlstate::UNDEFINED_TABLE
                | sqlstate::UNDEFINED_OBJECT
                | sqlstate::UNDEFINED_COLUMN
                | sqlstate::UNDEFINED_FUNCTION
                | sqlstate::INVALID_SCHEMA_NAME
        )
    )
}
