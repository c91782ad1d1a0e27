//! The migration status of a database, without its catalog: its identity, its histories, trueup's internal state, and who
//! holds trueup's lock.
//!
//! After connecting it sends two messages, in one READ ONLY transaction. Unlike the catalog this is consistent by itself:
//! it consists of rows of tables, which one snapshot shows, and of the locks of the moment.

use anyhow::{Context as _, Result};

use super::histories::Histories;
use super::internal_state::{Answers, InternalQuery, InternalState, InternalTables, LockHolder, LoggedRun};
use super::{Identity, Request, SILENCE, identity, refuse_unknown_major, transaction};
use crate::migrations::SquashState;
use crate::migrations::history::{self, Applied, OtherHistory, TableCandidate};
use crate::postgres::connection::{self, Batch, Session, Single};
use crate::writer::Mark;

/// How much of what trueup keeps in a database is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusDetail {
    /// The environment mark, the runs that have not ended, and the interrupted migrations: what decides whether the schema is
    /// as the history says.
    Brief,
    /// Also the last backup, the last run, its repairs, and who holds trueup's lock.
    Summary,
    /// Also so many of the newest runs.
    Runs(u32),
}

/// The migration status of a database at one moment.
#[derive(Debug)]
pub struct StatusSnapshot {
    /// The identity of the database.
    pub identity: Identity,
    /// refinery's history; `None` when there is no such table, or this role may not read it.
    pub history: Option<Vec<Applied>>,
    /// The table of the history, qualified and quoted.
    pub history_table: Option<String>,
    /// A table that has the history's name, but not its columns.
    pub malformed_history: Option<String>,
    /// The histories of other tools.
    pub others: Vec<OtherHistory>,
    /// As [`super::DatabaseSnapshot::squash`].
    pub squash: Option<SquashState>,
    /// What trueup keeps in this database for itself.
    pub internal: Option<InternalState>,
    /// The newest runs of the audit log; `None` when they were not asked for, or cannot be read.
    pub runs: Option<Vec<LoggedRun>>,
    /// The newest run of the audit log, where it can be read.
    pub last_run: Option<LoggedRun>,
    /// Who holds trueup's lock now, where that was asked for. On a standby nobody can hold it.
    pub holder: Option<LockHolder>,
    /// Relations that this role may not read, though the answer needs them.
    pub invisible: Vec<String>,
    /// Remarks for people.
    pub notes: Vec<String>,
}

impl StatusDetail {
    /// How many of the newest runs are read, where any are.
    fn runs(self) -> Option<u32> {
        match self {
            Self::Brief => None,
            Self::Summary => Some(1),
            Self::Runs(limit) => Some(limit),
        }
    }
}

impl StatusSnapshot {
    /// The environment label of the database.
    pub fn mark(&self) -> Option<&Mark> {
        self.internal.as_ref()?.mark.as_ref()
    }
}

/// Reads the migration status of a database, in two round trips. Of `request.options` only the history counts; the seeds are
/// ignored.
///
/// # Errors
/// Exit 3 when something cannot be read, 75 when the server is too busy.
pub async fn take_status(
    session: &mut Session,
    request: &Request,
    detail: StatusDetail,
) -> Result<StatusSnapshot> {
    refuse_unknown_major(session.server_version()?)?;
    session.give_up_after(request.statement_timeout.saturating_add(SILENCE));
    let status = read(session, request, detail).await;
    status.map_err(|error| connection::server_failure(error, "reading the status of the database"))
}

async fn read(session: &mut Session, request: &Request, detail: StatusDetail) -> Result<StatusSnapshot> {
    let mut identity = Single::default();
    let mut candidates: Vec<TableCandidate> = Vec::new();
    let mut batch = transaction(request).batch();
    batch.single(identity::SQL, &mut identity, Identity::from_row);
    let chosen = request.options.history.as_ref();
    batch.each(history::probe(chosen), |row| {
        candidates.push(TableCandidate::from_row(row)?);
        Ok(())
    });
    session.run(batch).await?;
    let identity = identity.get().context("the server did not tell who it is")?;

    let mut histories = Histories::choose(&candidates, &request.search_path, chosen, request.tool, None);
    let tables = InternalTables::of(&candidates);
    let always = tables.queries();
    let any_internal = !always.is_empty();
    let mut queries = always;
    if let Some(runs) = detail.runs() {
        queries.extend(tables.backup().into_iter().chain(tables.log(runs)).chain(tables.repairs()));
        queries.push(InternalQuery::Holder);
    }
    let mut answers = Answers::default();
    let mut batch = Batch::default();
    batch.each_of(histories.queries(), |number, row| histories.row(number, row));
    let statements: Vec<String> = queries.iter().map(InternalQuery::sql).collect();
    batch.each_of(statements, |number, row| answers.row(&queries[number], row));
    batch.execute("COMMIT");
    session.run(batch).await?;
    answers.settle(&histories.applied);
    let squash = histories.fold(&request.migrations);

    let (history_table, history) = histories.ours(&request.migrations).unzip();
    Ok(StatusSnapshot {
        identity,
        history,
        history_table,
        malformed_history: histories.malformed.take(),
        others: histories.others(),
        squash,
        internal: any_internal.then_some(answers.internal),
        last_run: answers.log.first().cloned(),
        runs: (matches!(detail, StatusDetail::Runs(_)) && !tables.hides_runs()).then_some(answers.log),
        holder: answers.holder,
        invisible: histories.invisible(),
        notes: tables.notes(),
    })
}
