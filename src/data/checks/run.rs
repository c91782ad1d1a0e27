//! Running the checks: one READ ONLY snapshot, row security off, on several connections that share it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use futures_util::future::join_all;

use super::resolve::bind;
use super::{Check, ValidatedCheck};
use crate::postgres::connection::{self, Batch, ReadOnlyTransaction, Session, Single, Target, sqlstate};
use crate::postgres::sql::{identifier, literal};

/// What a check's query did to its transaction.
const PROOF: &str = "SELECT pg_catalog.pg_current_xact_id_if_assigned() IS NULL AS wrote_nothing, \
    pg_catalog.current_setting('row_security') AS row_security";

/// How much longer than `statement_timeout` the server may be silent.
const SILENCE: Duration = Duration::from_secs(5);

/// How long things may take, and how much is shown.
#[derive(Debug, Clone, Copy)]
pub struct CheckLimits {
    /// `statement_timeout` of a query.
    pub statement_timeout: Duration,
    /// `lock_timeout`.
    pub lock_timeout: Duration,
    /// How many rows of each check are fetched.
    pub sample: usize,
    /// How many connections there may be.
    pub jobs: usize,
}

/// How to get there, and what for.
#[derive(Debug, Clone, Copy)]
pub struct CheckOptions<'l> {
    /// The database.
    pub target: &'l Target,
    /// `application_name`
    pub application: &'l str,
    /// `[database] set_role`
    pub set_role: Option<&'l str>,
    /// `[database] search_path`: what the queries run with.
    pub search_path: &'l str,
    /// Limits.
    pub limits: CheckLimits,
}

/// Some rows, values as the server prints them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SampleRows {
    /// The columns.
    pub columns: Vec<String>,
    /// The values, `None` for NULL.
    pub rows: Vec<Vec<Option<String>>>,
}

/// What one check found.
#[derive(Debug, Clone)]
pub struct CheckResult {
    /// The check.
    pub check: ValidatedCheck,
    /// How many rows are wrong; or why that cannot be told.
    pub rows: Result<u64, String>,
    /// Some of them.
    pub sample: SampleRows,
    /// How long it took.
    pub took: Duration,
}

impl CheckResult {
    /// Whether it is known that no row is wrong.
    pub fn is_clean(&self) -> bool {
        self.rows == Ok(0)
    }
}

/// Runs checks on a session that is in no transaction, and on others like it. Nothing is written.
///
/// # Errors
/// Exit 2: a check is wrong; exit 3 when the database cannot be reached, or the connection is lost.
pub async fn look(
    session: &mut Session,
    checks: Vec<Check>,
    look: CheckOptions<'_>,
) -> Result<Vec<CheckResult>> {
    session.give_up_after(look.limits.statement_timeout.saturating_add(SILENCE));
    let looked = looking(session, checks, look).await;
    looked.map_err(|error| connection::server_failure(error, "running the data checks"))
}

/// Begins the transaction that checks are read in, and holds them against the database. It stays open, its search_path the
/// project's.
///
/// # Errors
/// As [`look`].
pub async fn begin(
    session: &mut Session,
    checks: Vec<Check>,
    look: &CheckOptions<'_>,
) -> Result<Vec<ValidatedCheck>> {
    session.give_up_after(look.limits.statement_timeout.saturating_add(SILENCE));
    let begun = beginning(session, checks, look).await;
    begun.map_err(|error| connection::server_failure(error, "holding the data checks against the database"))
}

async fn beginning(
    session: &mut Session,
    checks: Vec<Check>,
    look: &CheckOptions<'_>,
) -> Result<Vec<ValidatedCheck>> {
    session.execute(transaction(look, None).sql()).await?;
    bind(session, checks, look.search_path).await
}

async fn looking(
    session: &mut Session,
    checks: Vec<Check>,
    look: CheckOptions<'_>,
) -> Result<Vec<CheckResult>> {
    let bound = beginning(session, checks, &look).await?;
    let helpers = look.limits.jobs.min(bound.len()).saturating_sub(1);
    let mut others = Vec::new();
    if helpers > 0 {
        let snapshot: String = session.scalar("SELECT pg_catalog.pg_export_snapshot() AS snapshot").await?;
        let path = literal(look.search_path);
        let opening = transaction(&look, Some(&snapshot)).sql();
        let opening = &format!("{opening}; SELECT pg_catalog.set_config('search_path', {path}, true)");
        let connecting = (0..helpers).map(|_| async move {
            let mut session = look.target.connect(look.application).await?;
            session.give_up_after(look.limits.statement_timeout.saturating_add(SILENCE));
            session.execute(opening.clone()).await?;
            anyhow::Ok(session)
        });
        others = join_all(connecting).await.into_iter().collect::<Result<Vec<_>>>()?;
    }
    let next = AtomicUsize::new(0);
    let sessions = std::iter::once(session).chain(others.iter_mut());
    let working = sessions.map(|session| work(session, &bound, &next, &look));
    let mut found = Vec::new();
    for part in join_all(working).await {
        found.extend(part?);
    }
    join_all(others.into_iter().map(Session::close)).await;
    found.sort_by_key(|numbered| numbered.position);
    Ok(found.into_iter().map(|numbered| numbered.found).collect())
}

/// The transaction that the checks are read in; with an exported `snapshot` it sees the same rows as another one.
fn transaction(look: &CheckOptions<'_>, snapshot: Option<&str>) -> ReadOnlyTransaction {
    let transaction = ReadOnlyTransaction::repeatable_read();
    let transaction = match snapshot {
        Some(snapshot) => transaction.in_snapshot(snapshot),
        None => transaction,
    };
    transaction
        .statement_timeout(look.limits.statement_timeout)
        .lock_timeout(look.limits.lock_timeout)
        .idle_timeout(Duration::ZERO)
        .row_security_off()
        .settings("SET LOCAL standard_conforming_strings = on")
        .catalog_search_path()
        .role(look.set_role)
}

/// How many characters of a value are shown: it may have many megabytes.
const LONGEST: usize = 200;

/// What a check found, and the position of the check.
struct Numbered {
    position: usize,
    found: CheckResult,
}

/// Takes checks as long as there are some, and ends the transaction.
async fn work(
    session: &mut Session,
    checks: &[ValidatedCheck],
    next: &AtomicUsize,
    look: &CheckOptions<'_>,
) -> Result<Vec<Numbered>> {
    let mut results = Vec::new();
    loop {
        let position = next.fetch_add(1, Ordering::Relaxed);
        let Some(check) = checks.get(position) else { break };
        let found = one(session, check, look.limits.sample).await?;
        results.push(Numbered { position, found });
    }
    // Rolls back, in case a check's query managed to write.
    session.execute("ROLLBACK").await?;
    Ok(results)
}

const SAVEPOINT: &str = "SAVEPOINT trueup_check";
const ROLLBACK: &str = "ROLLBACK TO SAVEPOINT trueup_check";
const RELEASE: &str = "RELEASE SAVEPOINT trueup_check";

async fn one(session: &mut Session, check: &ValidatedCheck, sample: usize) -> Result<CheckResult> {
    let begun = Instant::now();
    let mut found = CheckResult {
        check: check.clone(),
        rows: Ok(0),
        sample: SampleRows::default(),
        took: Duration::ZERO,
    };
    if !check.obstacles.is_empty() {
        let told: Vec<String> = check.obstacles.iter().map(super::VisibilityGap::told).collect();
        found.rows = Err(told.join("; "));
        return Ok(found);
    }
    match read(session, check, sample, &mut found.sample).await {
        Ok(count) => found.rows = Ok(count),
        Err(error) => {
            // What ends the session, or is no word of the server's, ends all of it.
            let said = connection::server_error(&error)
                .map(connection::describe)
                .filter(|said| said.sqlstate.is_some());
            let Some(said) = said else { return Err(error) };
            if session.execute(format!("{ROLLBACK}; {RELEASE}")).await.is_err() {
                return Err(error);
            }
            let file = check.check.path.display();
            found.rows = Err(match said.sqlstate.as_deref() {
                Some(sqlstate::INSUFFICIENT_PRIVILEGE) => format!("this role lacks a right: {}", said.text()),
                Some(sqlstate::QUERY_CANCELED) => format!("the server stopped the query: {}", said.text()),
                _ => format!("the query failed ({file}: line {}): {}", check.check.find.line, said.text()),
            });
        }
    }
    found.took = begun.elapsed();
    Ok(found)
}

async fn read(
    session: &mut Session,
    bound: &ValidatedCheck,
    sample: usize,
    into: &mut SampleRows,
) -> Result<u64> {
    let query = bound.check.find.wrapped();
    let (mut count, mut proof) = (Single::<u64>::default(), Single::default());
    let mut batch = Batch::default();
    // What a query sets for the transaction must not hold for the next check.
    batch.execute(SAVEPOINT);
    batch.scalar(format!("SELECT pg_catalog.count(*) AS rows FROM {query} AS q"), &mut count);
    // The query itself may have changed the transaction, which is therefore looked at after it.
    batch.single(PROOF, &mut proof, |row| {
        Ok((row.get("wrote_nothing")?, row.get::<&str>("row_security")? == "off"))
    });
    batch.execute(ROLLBACK);
    batch.execute(RELEASE);
    session.run(batch).await?;
    let wrong = match proof.get()? {
        (true, true) => None,
        (true, false) => {
            Some("switches row security on: rows that are hidden from it cannot be told from none")
        }
        (false, _) => Some("writes; a check only reads. Nothing of it was kept"),
    };
    if let Some(wrong) = wrong {
        let what = format!("the query of `-- find:` {wrong}");
        let next = "take that out of the query, or out of the function that it calls";
        return Err(bound.check.wrong_at(bound.check.find.line, &what).next(next).into());
    }
    let count = count.get()?;
    let shown = bound.check.shown();
    if count > 0 && sample > 0 && !shown.is_empty() {
        let columns: Vec<String> = shown
            .iter()
            .map(|column| {
                format!("pg_catalog.left(q.{}::pg_catalog.text, {LONGEST})", identifier(&column.name))
            })
            .collect();
        into.columns = shown.iter().map(|column| column.name.clone()).collect();
        let some = format!("SELECT {} FROM {query} AS q LIMIT {sample}", columns.join(", "));
        let mut batch = Batch::default();
        batch.execute(SAVEPOINT);
        batch.each(some, |row| {
            into.rows.push(row.values());
            Ok(())
        });
        batch.execute(ROLLBACK);
        batch.execute(RELEASE);
        session.run(batch).await?;
    }
    Ok(count)
}
