//! Takes a consistent snapshot of a live database: its identity, its catalog, its migration histories, trueup's internal
//! state and the project's seeds. It writes nothing.
//!
//! After connecting it sends three messages (manual, "Simple Query"):
//! 1. BEGIN, the settings, the identity, and which rare kinds of object exist;
//! 2. the catalog;
//! 3. the expressions that the catalog's rows have in common, each printed once; COMMIT; a second transaction, with the proof
//!    that nobody ran DDL meanwhile; the histories and the internal state, whose tables the catalog's rows have shown to be
//!    what their names say; the project's seeds; the proof that no transaction id was assigned.
//!
//! The second transaction can stay open: what is asked next sees the same rows.
//!
//! When somebody ran DDL meanwhile, everything is read again; see [`consistency`]. Where sequences fill columns of tables
//! that have rows, one or two further messages read whether one of them is behind; see [`sequences`].

mod consistency;
mod exclusive_lock;
mod histories;
mod identity;
mod internal_state;
mod seeded;
mod sequences;
mod sizes;
mod status;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::data::seeds::{RowFilter, Seeds};
use crate::error::{ErrorCode, Exit, Failure};
use crate::migrations::checksum::Width;
use crate::migrations::history::{Applied, OtherHistory, TableCandidate};
use crate::migrations::tools::MigrationTool;
use crate::migrations::{Migration, SquashState};
use crate::postgres::catalog::reader::{self, Assembler, IndexedSequence, Presence, ReadOptions};
use crate::postgres::catalog::{Catalog, TableUse, UntrustedCode};
use crate::postgres::connection::{
    self, Batch, ReadOnlyTransaction, ReadingScope, ServerVersion, Session, Single, sqlstate,
};
use crate::postgres::sql::QualifiedTable;
use crate::writer::Mark;

pub use consistency::unchanged_since;
use consistency::{Proof, SnapshotPosition};
use histories::Histories;
pub use histories::KeptTable;
pub use identity::Identity;
pub use internal_state::{
    AcceptedRecord, AttestedRecord, EarlierStatement, InternalState, LockHolder, LoggedRun, OpenRun,
    RecordedMigration, StepAction, StepState, UnfinishedStep,
};
use internal_state::{Answers, InternalQuery, InternalTables};
use seeded::SeedReading;
pub use seeded::{Asked, Seeded, UnseenReason, UnseenTable, ask_inside, has_written};
use sequences::SequenceReading;
pub use sequences::{SequenceBehind, UnreadReason, UnreadSequence};
pub use sizes::{AllSizes, Size, add_size, all_sizes, database_bytes, sizes, sizes_sql};
pub use status::{StatusDetail, StatusSnapshot, take_status};

/// How often a catalog is read that changes while it is read.
const ATTEMPTS: u32 = 3;

/// How much longer than `statement_timeout` the server may be silent.
const SILENCE: Duration = Duration::from_secs(5);

/// A database at one moment.
#[derive(Debug)]
pub struct DatabaseSnapshot {
    /// The identity of the database.
    pub identity: Identity,
    /// The server's version.
    pub version: ServerVersion,
    /// refinery's history; `None` when there is no such table, or this role may not read it (see
    /// [`DatabaseSnapshot::invisible`]).
    pub history: Option<Vec<Applied>>,
    /// The table of [`DatabaseSnapshot::history`], qualified and quoted.
    pub history_table: Option<String>,
    /// The width of the versions in [`DatabaseSnapshot::history`].
    pub history_width: Option<Width>,
    /// A table that has the history's name, but not its columns.
    pub malformed_history: Option<String>,
    /// The histories of other tools.
    pub others: Vec<OtherHistory>,
    /// The table of [`Request::kept`], where there is one that this role may read.
    pub kept: Option<KeptTable>,
    /// What the history has of migrations that a baseline of the project replaces, where it does not have that baseline: where
    /// it has all of them, [`DatabaseSnapshot::history`] has the baseline in their place.
    pub squash: Option<SquashState>,
    /// The catalog.
    pub catalog: Catalog,
    /// What trueup keeps in this database for itself; `None` where there is none of it, or none that can be read.
    pub internal: Option<InternalState>,
    /// Relations that this role may not read, though the answer needs them.
    pub invisible: Vec<String>,
    /// The state of the project's seeds.
    pub seeded: Seeded,
    /// The sequences that are behind their columns; empty unless the request asks for them.
    pub behind: Vec<SequenceBehind>,
    /// The sequences of which that is not known.
    pub unread_sequences: Vec<UnreadSequence>,
    /// Whether there are attestations, perhaps, that this role may not read.
    pub attested_hidden: bool,
    /// Remarks for people.
    pub notes: Vec<String>,
    /// `pg_current_snapshot()` of the reading transaction, for [`unchanged_since`].
    position: String,
}

impl DatabaseSnapshot {
    /// The environment label of the database.
    pub fn mark(&self) -> Option<&Mark> {
        self.internal.as_ref()?.mark.as_ref()
    }
}

/// What to read, and the limits of reading.
#[derive(Debug, Clone)]
pub struct Request {
    /// What to read of the catalog beyond what is always read.
    pub options: ReadOptions,
    /// The search_path that the project's own SQL runs with. The history is looked for in its schemas first.
    pub search_path: String,
    /// The tool that keeps the project's migrations; `None` for trueup itself.
    pub tool: Option<MigrationTool>,
    /// The tool whose table is kept in step with the project's own history.
    pub kept: Option<MigrationTool>,
    /// The project's migrations. The records of applied migrations that are not among them, or were modified since, are
    /// read.
    pub migrations: Arc<[Migration]>,
    /// Whether to read which migrations have a recorded text; see [`InternalState::texts`].
    pub texts: bool,
    /// Whether to read how long statements took before; see [`InternalState::earlier`].
    pub earlier: bool,
    /// Whether to read what people have recorded for deploys; see [`InternalState::attested`].
    pub attested: bool,
    /// The rows that the project declares. Only tables that exist with all their columns are read.
    pub seeds: Arc<Seeds>,
    /// Which of those rows are answered.
    pub seed_rows: RowFilter,
    /// The tables in which sequences that are behind their columns are looked for.
    pub sequences: SequenceScope,
    /// The role to read as.
    pub set_role: Option<String>,
    /// `statement_timeout` of the reading transaction.
    pub statement_timeout: Duration,
    /// `lock_timeout` of the reading transaction.
    pub lock_timeout: Duration,
    /// Whether the transaction that has read the rows stays open when all went well, for readings of
    /// [`ReadingScope::OpenSnapshot`]. It holds no lock.
    pub stays_open: bool,
}

impl Request {
    /// What the readings of rows are in.
    fn scope(&self) -> ReadingScope {
        if self.stays_open { ReadingScope::OpenSnapshot } else { ReadingScope::Transaction }
    }
}

/// Where sequences that are behind are looked for.
#[derive(Debug, Clone, Default)]
pub enum SequenceScope {
    /// Nowhere.
    #[default]
    None,
    /// In all tables.
    All,
    /// In these tables.
    Tables(Vec<QualifiedTable>),
}

/// Takes a snapshot of a database. It takes three round trips when nobody runs DDL meanwhile, and one or two more for the
/// sequences.
///
/// # Errors
/// Exit 3 when something cannot be read, 75 when the catalog changed during every attempt.
pub async fn take(session: &mut Session, request: &Request) -> Result<DatabaseSnapshot> {
    let version = session.server_version()?;
    refuse_unknown_major(version)?;
    // The server's own limit ends a statement earlier, as long as the server works.
    session.give_up_after(request.statement_timeout.saturating_add(SILENCE));
    let mut last = None;
    let mut readable = true;
    let mut attempts = 0;
    while attempts < ATTEMPTS {
        let mut seeds = SeedReading::new(readable);
        match attempt(session, version, request, &mut seeds).await {
            Ok(Some(snapshot)) => return Ok(snapshot),
            // The next attempt needs a snapshot of its own.
            Ok(None) if request.stays_open => session.execute("ROLLBACK").await?,
            Ok(None) => {}
            Err(error) if readable && seeds.is_denied(session, &error) => {
                session.execute("ROLLBACK").await?;
                readable = false;
                continue;
            }
            Err(error) if seeds.is_refused(session, &error) => {
                return Err(seeds.find_refused_value(session, request, error).await);
            }
            Err(error) if changed_underneath(&error) => {
                if let Some(failure) = seeds.relies_on_search_path(session, &error) {
                    return Err(failure.into());
                }
                session.execute("ROLLBACK").await?;
                last = Some(error);
            }
            Err(error) if is_lock_timeout(&error) => {
                return Err(exclusive_lock::failure(session, error).await);
            }
            Err(error) => return Err(connection::server_failure(error, "reading the catalog")),
        }
        tokio::time::sleep(Duration::from_millis(200 << attempts)).await;
        attempts += 1;
    }
    let last =
        last.as_ref().and_then(connection::server_error).map(|error| connection::describe(error).message);
    let last = last.map(|message| format!("; the last time: {message}")).unwrap_or_default();
    Err(Failure::new(
        Exit::Busy,
        format!(
            "the catalog changed each of the {ATTEMPTS} times it was read: somebody is running DDL{last}"
        ),
    )
    .code(ErrorCode::SCHEMA_CHANGING)
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
    .code(ErrorCode::SERVER_VERSION_UNSUPPORTED)
    .next("use a trueup that knows this major"))
}

/// Reads everything once. `None` when somebody ran DDL meanwhile.
async fn attempt(
    session: &mut Session,
    version: ServerVersion,
    request: &Request,
    seeds: &mut SeedReading,
) -> Result<Option<DatabaseSnapshot>> {
    let opened = open(session, request).await?;
    let mut assembler = read_catalog(session, version, request, &opened.presence).await?;

    let candidates: Vec<TableCandidate> = histories::found(&assembler);
    let chosen = request.options.history.as_ref();
    let mut histories =
        Histories::choose(&candidates, &request.search_path, chosen, request.tool, request.kept);
    let tables = InternalTables::of(&candidates);
    let mut queries = tables.queries();
    queries.extend(tables.texts().filter(|_| request.texts));
    queries.extend(tables.earlier().filter(|_| request.earlier));
    queries.extend(tables.attested().filter(|_| request.attested));
    let any_internal = !queries.is_empty();
    queries.extend(tables.accepted());
    queries.extend(tables.recorded(&request.migrations, histories.table()));
    let suspects = seeds.find_tables(request, &assembler, &tables)?;
    if !suspects.is_empty() {
        seeds.refuse(UntrustedCode::find(session, TableUse::Read, suspects).await?);
    }
    let seed_statements = seeds.statements(request, &tables);
    let mut answers = Answers::default();
    let sequences: Vec<IndexedSequence> = match &request.sequences {
        SequenceScope::None => Vec::new(),
        SequenceScope::All => assembler.indexed_sequences(),
        SequenceScope::Tables(tables) => {
            let mut all = assembler.indexed_sequences();
            all.retain(|of| tables.iter().any(|table| table.is(&of.schema, &of.table)));
            all
        }
    };
    let mut numbered = SequenceReading::default();
    let mut proof = Proof::default();

    let mut batch = Batch::default();
    batch.each_of(assembler.questions(), |number, row| assembler.answer(number, row));
    let open = request.stays_open.then(ReadOnlyTransaction::repeatable_read);
    let next = open.into_iter().chain([limited(request.scope().begin(), request)]);
    proof.ask(&mut batch, &opened.position, next, |batch| {
        batch.each_of(histories.queries(), |number, row| histories.row(number, row));
        let statements: Vec<String> = queries.iter().map(InternalQuery::sql).collect();
        batch.each_of(statements, |number, row| answers.row(&queries[number], row));
        seeds.ask(batch, seed_statements);
        batch.each_of(sequences::of_tables_with_rows(&sequences), |_, row| numbered.row(&sequences, row));
    });
    batch.end(request.scope());
    session.run(batch).await?;
    if !proof.prove_consistent()? {
        return Ok(None);
    }

    numbered.read(session, request, |of| seeds.fills(&of.schema, &of.table)).await?;

    answers.settle(&histories.applied);
    let squash = histories.fold(&request.migrations);
    let mut internal = answers.internal;
    if !internal.recorded.is_empty() {
        let wanted = internal_state::not_as_applied(&request.migrations, &histories.applied);
        internal.recorded.retain(|version, _| wanted.contains(version));
    }
    let history_width = histories.width();
    let (history_table, history) = histories.ours(&request.migrations).unzip();
    Ok(Some(DatabaseSnapshot {
        identity: opened.identity,
        version,
        history,
        history_table,
        history_width,
        malformed_history: histories.malformed.take(),
        others: histories.others(),
        kept: histories.kept(),
        squash,
        catalog: assembler.finish().catalog,
        internal: any_internal.then_some(internal),
        invisible: histories.invisible(),
        attested_hidden: request.attested && tables.hides_steps(),
        notes: tables.notes(),
        seeded: seeds.finish(),
        behind: numbered.behind,
        unread_sequences: numbered.unread,
        position: opened.position.text().to_owned(),
    }))
}

/// What the first message answers.
struct Opened {
    identity: Identity,
    position: SnapshotPosition,
    presence: Presence,
}

/// Sends the first message: it begins the transaction, and asks who the database is and which kinds of object it has.
async fn open(session: &mut Session, request: &Request) -> Result<Opened> {
    let mut identity = Single::default();
    let mut presence = Single::default();
    let mut batch = transaction(request).batch();
    batch.single(identity::SQL, &mut identity, |row| {
        Ok((Identity::from_row(row)?, SnapshotPosition::parse(row.get("snapshot")?)?))
    });
    batch.single(reader::probe(), &mut presence, Presence::from_row);
    session.run(batch).await?;
    let (identity, position) = identity.get().context("the server did not tell who it is")?;
    let presence = presence.get().context("the server did not answer what kinds of object it has")?;
    Ok(Opened { identity, position, presence })
}

/// Sends the second message, which reads the catalog.
async fn read_catalog(
    session: &mut Session,
    version: ServerVersion,
    request: &Request,
    presence: &Presence,
) -> Result<Assembler> {
    let statements = reader::statements(version, &request.options, presence);
    let mut assembler = Assembler::new(&request.options, presence);
    session.message(statements.join(";\n"), |statement, row| assembler.row(statement, &row)).await?;
    Ok(assembler)
}

/// A reading transaction and its settings.
fn transaction(request: &Request) -> ReadOnlyTransaction {
    limited(ReadOnlyTransaction::repeatable_read(), request)
}

/// A reading that has just begun, with its settings.
fn limited(begun: ReadOnlyTransaction, request: &Request) -> ReadOnlyTransaction {
    begun
        .statement_timeout(request.statement_timeout)
        .lock_timeout(request.lock_timeout)
        .settings(reader::SETTINGS)
        .role(request.set_role.as_deref())
}

fn is_lock_timeout(error: &anyhow::Error) -> bool {
    let said = connection::server_error(error).map(connection::describe);
    said.is_some_and(|said| said.is(sqlstate::LOCK_NOT_AVAILABLE))
}

/// Whether an error is what a reader sees when somebody else runs DDL: an object that existed is gone.
fn changed_underneath(error: &anyhow::Error) -> bool {
    let Some(error) = connection::server_error(error).map(connection::describe) else { return false };
    // internal_error is "could not open relation with OID" and "cache lookup failed".
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
