//! Where a database stands, without its catalog: identity, histories, what trueup keeps there, who holds its lock.
//!
//! Two messages after connecting, in one READ ONLY transaction. Unlike a look at the catalog this one is consistent by
//! itself: all of it are rows of tables, read in one snapshot, and the locks of the moment.

use anyhow::{Result, anyhow};

use super::histories::Histories;
use super::internal_state::{Answers, Holder, InternalState, InternalTables, LoggedRun, Query};
use super::{Identity, Request, SILENCE, identity, opening, refuse_unknown_major};
use crate::migrations::history::{self, Applied, Found, OtherHistory};
use crate::postgres::connection::{self, Session};

/// What one look found.
#[derive(Debug)]
pub struct StatusSnapshot {
    /// Who the database says it is.
    pub identity: Identity,
    /// refinery's history; `None` when there is no such table, or it may not be read.
    pub history: Option<Vec<Applied>>,
    /// The table of the history, qualified and quoted.
    pub history_table: Option<String>,
    /// A table that has the history's name and not its columns.
    pub malformed_history: Option<String>,
    /// What other tools left.
    pub others: Vec<OtherHistory>,
    /// What trueup keeps here for itself.
    pub internal: Option<InternalState>,
    /// The newest runs of the audit log, when they were asked for; `None`, too, where they cannot be read.
    pub runs: Option<Vec<LoggedRun>>,
    /// Who holds trueup's lock now. Nobody can on a standby.
    pub holder: Option<Holder>,
    /// What this role may not see, though the answer needs it.
    pub invisible: Vec<String>,
    /// What else is worth saying.
    pub notes: Vec<String>,
}

/// Looks where a database stands; `log` asks for so many of the newest runs. Two round trips. Of the request, what
/// is about the catalog does not count.
///
/// # Errors
/// Exit 3 when something cannot be read, 75 when the server is too busy.
pub async fn take_status(
    session: &mut Session,
    request: &Request,
    log: Option<u32>,
) -> Result<StatusSnapshot> {
    refuse_unknown_major(session.server_version()?)?;
    session.give_up_after(request.statement_timeout.saturating_add(SILENCE));
    let looked = look(session, request, log).await;
    looked.map_err(|error| connection::server_failure(error, "reading where the database stands"))
}

async fn look(session: &mut Session, request: &Request, log: Option<u32>) -> Result<StatusSnapshot> {
    let opening = opening(request);
    let settings = opening.len();
    let first = opening.into_iter().chain([identity::SQL.into(), history::PROBE.into()]);
    let mut identity = None;
    let mut found: Vec<Found> = Vec::new();
    session
        .message(first.collect::<Vec<_>>().join(";\n"), |statement, row| {
            match statement.checked_sub(settings) {
                Some(0) => identity = Some(Identity::from_row(&row)?),
                Some(_) => found.push(Found::from_row(&row)),
                None => {}
            }
            Ok(())
        })
        .await?;
    let identity = identity.ok_or_else(|| anyhow!("the server did not tell who it is"))?;

    let mut histories = Histories::choose(&found, &request.search_path);
    let own_tables = InternalTables::of(&found);
    let own_queries = own_tables.queries();
    let anything = !own_queries.is_empty();
    let logged = log.and_then(|limit| own_tables.log(limit));
    let repaired = own_tables.repairs();
    let queries: Vec<Query> = own_queries
        .into_iter()
        .chain(own_tables.backup())
        .chain(logged)
        .chain(repaired)
        .chain([Query::Holder])
        .collect();
    let own_statements = queries.iter().map(Query::sql);
    let second: Vec<String> = histories.queries().chain(own_statements).chain(["COMMIT".into()]).collect();
    let histories_end = histories.len();
    let mut answers = Answers::default();
    session
        .message(second.join(";\n"), |statement, row| match statement.checked_sub(histories_end) {
            None => histories.row(statement, &row),
            Some(own) => answers.row(&queries[own], &row),
        })
        .await?;
    let (own, runs, holder) = answers.finish(&histories.applied);
    let ours = histories.ours();
    let (history_table, history) = ours.unzip();
    Ok(StatusSnapshot {
        identity,
        history,
        history_table,
        malformed_history: histories.malformed.take(),
        others: histories.others(),
        internal: anything.then_some(own),
        runs: (log.is_some() && !own_tables.hides_runs()).then_some(runs),
        holder,
        invisible: histories.invisible(),
        notes: own_tables.notes(),
    })
}
