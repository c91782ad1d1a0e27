//! Runs the checks in one READ ONLY snapshot with row security off, on several connections that share the snapshot.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use futures_util::future::join_all;
use tokio::sync::watch;

use super::resolve::resolve;
use super::{Check, NameAtLine, ValidatedCheck, VisibilityGap};
use crate::postgres::connection::{
    self, Batch, ReadOnlyTransaction, ReadingScope, Session, Single, Target, sqlstate,
};
use crate::postgres::sql::{identifier, literal, set_meaning};

/// The statement that shows what a check's query did to its transaction.
const PROOF: &str = "SELECT pg_catalog.pg_current_xact_id_if_assigned() IS NULL AS wrote_nothing, \
    pg_catalog.current_setting('row_security') AS row_security";

/// How much longer than `statement_timeout` the server may be silent.
const SILENCE: Duration = Duration::from_secs(5);

/// The largest number of characters of a value that is fetched: a value may have many megabytes.
const MAX_CHARACTERS: usize = 200;

const SAVEPOINT: &str = "SAVEPOINT trueup_check";
const ROLLBACK: &str = "ROLLBACK TO SAVEPOINT trueup_check";
const RELEASE: &str = "RELEASE SAVEPOINT trueup_check";

/// How long checks may take, and how much they return.
#[derive(Debug, Clone, Copy)]
pub struct CheckLimits {
    /// `statement_timeout` of a query.
    pub statement_timeout: Duration,
    /// `lock_timeout` of a query.
    pub lock_timeout: Duration,
    /// The largest number of rows that are fetched for each check.
    pub sample: usize,
    /// The largest number of connections.
    pub jobs: usize,
}

/// Where checks run, and how.
#[derive(Debug, Clone, Copy)]
pub struct CheckOptions<'o> {
    /// The database.
    pub target: &'o Target,
    /// `application_name` of the connections.
    pub application: &'o str,
    /// `[database] set_role`: the role that reads.
    pub set_role: Option<&'o str>,
    /// `[database] search_path`, which the queries run with.
    pub search_path: &'o str,
    /// The limits of a run.
    pub limits: CheckLimits,
    /// What the checks are read in. A snapshot that is open is seen over one connection only.
    pub scope: ReadingScope,
}

/// Some rows; values are texts as the server prints them, at most 200 characters of each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SampleRows {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// The values of each row, in the order of the columns; `None` for NULL.
    pub rows: Vec<Vec<Option<String>>>,
}

/// What one check found.
#[derive(Debug, Clone)]
pub struct CheckResult {
    /// The check.
    pub check: ValidatedCheck,
    /// How many rows are wrong; none where the check does not apply. The error says in words why that is not known.
    pub rows: Result<u64, String>,
    /// Some of the wrong rows.
    pub sample: SampleRows,
    /// How long the check took.
    pub took: Duration,
}

impl CheckResult {
    /// Whether it is known that no row is wrong.
    pub fn is_clean(&self) -> bool {
        self.rows == Ok(0)
    }
}

/// Runs checks on a session, and on further connections to the same database. Nothing is written. After an error the reading
/// has begun and not ended.
/// The results are in the order of the checks.
///
/// # Errors
/// Exit 2: a check is wrong. Exit 3: the database cannot be reached, or the connection is lost.
pub async fn run(
    session: &mut Session,
    checks: Vec<Check>,
    options: CheckOptions<'_>,
) -> Result<Vec<CheckResult>> {
    session.give_up_after(options.limits.statement_timeout.saturating_add(SILENCE));
    let results = run_all(session, checks, options).await;
    results.map_err(|error| connection::server_failure(error, "running the data checks"))
}

/// Begins the reading of checks, and validates the checks against the database. The reading stays open; its search_path is
/// the project's.
///
/// # Errors
/// Exit 2: a check is wrong. Exit 3: the connection is lost.
pub async fn validate(
    session: &mut Session,
    checks: Vec<Check>,
    options: &CheckOptions<'_>,
) -> Result<Vec<ValidatedCheck>> {
    session.give_up_after(options.limits.statement_timeout.saturating_add(SILENCE));
    let validated = begin_and_validate(session, checks, options).await;
    validated.map_err(|error| connection::server_failure(error, "validating the data checks"))
}

async fn begin_and_validate(
    session: &mut Session,
    checks: Vec<Check>,
    options: &CheckOptions<'_>,
) -> Result<Vec<ValidatedCheck>> {
    session.execute(transaction(options, None).sql()).await?;
    resolve(session, checks, options.search_path).await
}

async fn run_all(
    session: &mut Session,
    checks: Vec<Check>,
    options: CheckOptions<'_>,
) -> Result<Vec<CheckResult>> {
    let checks = begin_and_validate(session, checks, &options).await?;
    // A part of a transaction cannot export its snapshot.
    let jobs = if options.scope == ReadingScope::OpenSnapshot { 1 } else { options.limits.jobs };
    let helpers = jobs.min(checks.len()).saturating_sub(1);
    let mut opening = String::new();
    if helpers > 0 {
        let snapshot: String = session.scalar("SELECT pg_catalog.pg_export_snapshot() AS snapshot").await?;
        let path = literal(options.search_path);
        opening = transaction(&options, Some(&snapshot)).sql();
        opening.push_str(&format!("; SELECT pg_catalog.set_config('search_path', {path}, true)"));
    }
    let next = AtomicUsize::new(0);
    let (finished, watched) = watch::channel(false);
    let own = async {
        let results = run_remaining(session, &checks, &next, &options).await;
        finished.send_replace(true);
        results
    };
    let helpers = (0..helpers).map(|_| help(&opening, &checks, &next, &options, watched.clone()));
    let (own, others) = tokio::join!(own, join_all(helpers));
    let mut results = own?;
    for of_helper in others {
        results.extend(of_helper?);
    }
    // Rolls back, in case a check's query managed to write. Until here the others could take the snapshot.
    session.execute(options.scope.end().join("; ")).await?;
    results.sort_by_key(|numbered| numbered.position);
    Ok(results.into_iter().map(|numbered| numbered.result).collect())
}

/// Runs checks on a further connection, unless there are none left before it is there: behind a pooler that has no more
/// connections it would wait for the first one to be given back.
async fn help(
    opening: &str,
    checks: &[ValidatedCheck],
    next: &AtomicUsize,
    options: &CheckOptions<'_>,
    mut finished: watch::Receiver<bool>,
) -> Result<Vec<NumberedResult>> {
    let connecting = async {
        let mut session = options.target.connect(options.application).await?;
        session.give_up_after(options.limits.statement_timeout.saturating_add(SILENCE));
        session.execute(opening).await?;
        anyhow::Ok(session)
    };
    let mut session = tokio::select! {
        biased;
        session = connecting => session?,
        _ = finished.wait_for(|finished| *finished) => return Ok(Vec::new()),
    };
    let results = run_remaining(&mut session, checks, next, options).await?;
    session.execute("ROLLBACK").await?;
    session.close().await;
    Ok(results)
}

/// The transaction that checks are read in. With an exported `snapshot` it sees the same rows as the transaction that
/// exported it.
fn transaction(options: &CheckOptions<'_>, snapshot: Option<&str>) -> ReadOnlyTransaction {
    let transaction = match snapshot {
        Some(snapshot) => ReadOnlyTransaction::repeatable_read().in_snapshot(snapshot),
        None => options.scope.begin(),
    };
    transaction
        .statement_timeout(options.limits.statement_timeout)
        .lock_timeout(options.limits.lock_timeout)
        .row_security_off()
        .settings(&set_meaning("SET LOCAL"))
        .catalog_search_path()
        .role(options.set_role)
}

/// A result, and the position of its check.
struct NumberedResult {
    position: usize,
    result: CheckResult,
}

/// Runs the checks that no other connection has taken. `next` is the position of the next check.
async fn run_remaining(
    session: &mut Session,
    checks: &[ValidatedCheck],
    next: &AtomicUsize,
    options: &CheckOptions<'_>,
) -> Result<Vec<NumberedResult>> {
    let mut results = Vec::new();
    loop {
        let position = next.fetch_add(1, Ordering::Relaxed);
        let Some(check) = checks.get(position) else { break };
        let result = run_one(session, check, options.limits.sample).await?;
        results.push(NumberedResult { position, result });
    }
    Ok(results)
}

async fn run_one(session: &mut Session, check: &ValidatedCheck, sample: usize) -> Result<CheckResult> {
    let begun = Instant::now();
    let mut result = CheckResult {
        check: check.clone(),
        rows: Ok(0),
        sample: SampleRows::default(),
        took: Duration::ZERO,
    };
    if check.not_applicable.is_some() {
        return Ok(result);
    }
    if !check.gaps.is_empty() {
        let gaps: Vec<String> = check.gaps.iter().map(VisibilityGap::describe).collect();
        result.rows = Err(gaps.join("; "));
        return Ok(result);
    }
    match read(session, check, sample, &mut result.sample).await {
        Ok(count) => result.rows = Ok(count),
        Err(error) => {
            // An error that ends the session, or that is not the server's, ends the run of all checks.
            let refusal = connection::server_error(&error)
                .map(connection::describe)
                .filter(|refusal| refusal.sqlstate.is_some());
            let Some(refusal) = refusal else { return Err(error) };
            if session.execute(format!("{ROLLBACK}; {RELEASE}")).await.is_err() {
                return Err(error);
            }
            let (file, text) = (check.check.path.display(), refusal.text());
            result.rows = Err(match refusal.sqlstate.as_deref() {
                Some(sqlstate::INSUFFICIENT_PRIVILEGE) => {
                    let gap = VisibilityGap::Denied { message: text };
                    let told = gap.describe();
                    result.check.gaps.push(gap);
                    told
                }
                Some(sqlstate::QUERY_CANCELED) => format!("the server stopped the query: {text}"),
                _ => format!("the query failed ({file}: line {}): {text}", check.check.find.line),
            });
        }
    }
    result.took = begun.elapsed();
    Ok(result)
}

/// Counts the wrong rows of a check and fetches some of them, in one run of its query.
async fn read(
    session: &mut Session,
    validated: &ValidatedCheck,
    sample: usize,
    into: &mut SampleRows,
) -> Result<u64> {
    let query = validated.check.find.wrapped();
    let shown = if sample > 0 { validated.check.shown() } else { Vec::new() };
    let (mut counted, mut proof) = (Single::<(u64, Option<String>)>::default(), Single::default());
    let mut batch = Batch::default();
    // What a query sets for the transaction must not hold for the next check.
    batch.execute(SAVEPOINT);
    batch.single(counting(&query, &shown, sample), &mut counted, |row| {
        Ok((row.get("rows")?, row.get("sample")?))
    });
    // The query itself may change the transaction, so the proof is read after it.
    batch.single(PROOF, &mut proof, |row| {
        Ok((row.get("wrote_nothing")?, row.get::<&str>("row_security")? == "off"))
    });
    batch.execute(ROLLBACK);
    batch.execute(RELEASE);
    session.run(batch).await?;
    let problem = match proof.get()? {
        (true, true) => None,
        (true, false) => {
            Some("switches row security on: rows that are hidden from it cannot be told from none")
        }
        (false, _) => Some("writes; a check only reads. Nothing of it was kept"),
    };
    if let Some(problem) = problem {
        let what = format!("the query of `-- find:` {problem}");
        let next = "take that out of the query, or out of the function that it calls";
        return Err(validated.check.error_at(validated.check.find.line, &what).next(next).into());
    }
    let (count, rows) = counted.get()?;
    if let Some(rows) = rows {
        into.columns = shown.iter().map(|column| column.name.clone()).collect();
        into.rows = serde_json::from_str(&rows)?;
    }
    Ok(count)
}

/// The query that counts the rows of a check's query, and answers with the `shown` columns of the first of them as JSON.
fn counting(query: &str, shown: &[&NameAtLine], sample: usize) -> String {
    if shown.is_empty() {
        return format!("SELECT pg_catalog.count(*) AS rows, NULL AS sample FROM {query} AS q");
    }
    let columns = shown.iter().map(|column| {
        format!("pg_catalog.left(q.{}::pg_catalog.text, {MAX_CHARACTERS})", identifier(&column.name))
    });
    let columns: Vec<String> = columns.collect();
    format!(
        "SELECT pg_catalog.count(*) AS rows, pg_catalog.to_jsonb(pg_catalog.array_agg(ARRAY[{}]) \
         FILTER (WHERE q.trueup_number OPERATOR(pg_catalog.<=) {sample}))::pg_catalog.text AS sample \
         FROM (SELECT q.*, pg_catalog.row_number() OVER () AS trueup_number FROM {query} AS q) AS q",
        columns.join(", ")
    )
}
