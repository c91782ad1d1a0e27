//! Asks the server which tables the declared expressions read. It parses them, and nothing of them is executed.

use std::collections::BTreeSet;

use anyhow::Result;

use crate::data::seeds::{ExpressionAt, Lookup, Lookups, parsed};
use crate::error::{ErrorCode, Failure};
use crate::postgres::connection::{self, Batch, ReadOnlyTransaction, Session, sqlstate};
use crate::postgres::sql::{literal, qualified, set_meaning};
use crate::project::Settings;
use crate::workflow::comparison;
use crate::workflow::project_model::Needs;

const SAVEPOINT: &str = "SAVEPOINT trueup_lookup";
const ROLLBACK: &str = "ROLLBACK TO SAVEPOINT trueup_lookup";

/// The relations that the transaction has locked since the savepoint. The parser locks those that a statement names, and
/// those of the views among them.
const LOCKED: &str = "SELECT n.nspname AS schema, c.relname AS name FROM pg_locks AS l \
    JOIN pg_class AS c ON c.oid = l.relation JOIN pg_namespace AS n ON n.oid = c.relnamespace \
    WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation' AND c.relkind IN ('r', 'p', 'f', 'm') \
    AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database()) \
    AND n.nspname NOT IN ('pg_catalog', 'information_schema')";

/// How many expressions are parsed in one message.
const TOGETHER: usize = 500;

/// Finds the lookups among expressions.
///
/// # Errors
/// Exit 2: an expression is wrong. Exit 3: the server cannot be asked.
pub(super) async fn read(
    settings: &Settings,
    session: &mut Session,
    expressions: &[ExpressionAt],
) -> Result<Lookups> {
    if expressions.is_empty() {
        return Ok(Lookups::default());
    }
    let request = comparison::request(settings, Needs::nothing());
    let transaction = ReadOnlyTransaction::read_committed()
        .statement_timeout(request.statement_timeout)
        .lock_timeout(request.lock_timeout)
        .settings(&set_meaning("SET LOCAL"))
        .role(request.set_role.as_deref());
    let path = literal(&request.search_path);
    let opening = format!(
        "{}; SELECT pg_catalog.set_config('search_path', {path}, true); {SAVEPOINT}",
        transaction.sql()
    );
    let found = find(session, opening, expressions).await;
    // The session is used again, whatever came of it.
    let ended = session.execute("ROLLBACK").await;
    let failed = |error| connection::server_failure(error, "reading the lookups of schema/seeds/");
    let lookups = found.map_err(failed)?;
    ended.map_err(failed)?;
    Ok(lookups)
}

/// Finds the lookups in a transaction that `opening` begins, and that stays open.
async fn find(session: &mut Session, opening: String, expressions: &[ExpressionAt]) -> Result<Lookups> {
    session.execute(opening).await?;
    let mut seen = BTreeSet::new();
    let asked: Vec<&ExpressionAt> =
        expressions.iter().filter(|expression| seen.insert(expression.text.as_str())).collect();
    let mut lookups = Lookups::default();
    for asked in asked.chunks(TOGETHER) {
        let found = match parse_together(session, asked).await {
            Ok(found) => found,
            // One of them is wrong, or no query although it begins like one.
            Err(error) if is_refusal(&error) => {
                session.execute(ROLLBACK).await?;
                parse_one_by_one(session, asked).await?
            }
            Err(error) => return Err(error),
        };
        for (expression, lookup) in asked.iter().zip(found) {
            if !lookup.reads.is_empty() {
                lookups.insert(expression.text.clone(), lookup);
            }
        }
    }
    Ok(lookups)
}

/// The statements that parse an expression, and undo that; the second part answers with what it reads.
fn parsing(expression: &ExpressionAt, is_query: bool) -> [String; 5] {
    [
        format!("PREPARE trueup_lookup AS {}", parsed(&expression.text, is_query)),
        "SET LOCAL search_path = pg_catalog, pg_temp".to_owned(),
        LOCKED.to_owned(),
        "DEALLOCATE trueup_lookup".to_owned(),
        ROLLBACK.to_owned(),
    ]
}

/// What each expression reads, asked in one message.
async fn parse_together(session: &mut Session, expressions: &[&ExpressionAt]) -> Result<Vec<Lookup>> {
    let lookup = |expression: &&ExpressionAt| Lookup {
        is_query: expression.begins_like_a_query(),
        reads: BTreeSet::new(),
    };
    let mut found: Vec<Lookup> = expressions.iter().map(lookup).collect();
    let mut batch = Batch::default();
    for (expression, Lookup { is_query, reads }) in expressions.iter().zip(&mut found) {
        batch.each_of(parsing(expression, *is_query), |_, row| {
            reads.insert(qualified(row.get("schema")?, row.get("name")?));
            Ok(())
        });
    }
    session.run(batch).await?;
    Ok(found)
}

async fn parse_one_by_one(session: &mut Session, expressions: &[&ExpressionAt]) -> Result<Vec<Lookup>> {
    let mut found = Vec::with_capacity(expressions.len());
    for expression in expressions {
        found.push(parse(session, expression).await?);
    }
    Ok(found)
}

/// What an expression reads.
async fn parse(session: &mut Session, expression: &ExpressionAt) -> Result<Lookup> {
    let mut is_query = expression.begins_like_a_query();
    loop {
        let mut reads = BTreeSet::new();
        let answer = session
            .message(parsing(expression, is_query).join("; "), |_, row| {
                reads.insert(qualified(row.get("schema")?, row.get("name")?));
                Ok(())
            })
            .await;
        let Err(error) = answer else { return Ok(Lookup { is_query, reads }) };
        // What is no query is a syntax error in the place of one.
        let refusal = connection::server_error(&error).map(connection::describe).unwrap_or_default();
        if !(is_query && refusal.is(sqlstate::SYNTAX_ERROR)) {
            return Err(explained(error, expression));
        }
        session.execute(ROLLBACK).await?;
        is_query = false;
    }
}

/// Whether the server refused something.
fn is_refusal(error: &anyhow::Error) -> bool {
    connection::server_error(error).is_some_and(|error| connection::describe(error).sqlstate.is_some())
}

/// Names the expression that the server calls wrong.
fn explained(error: anyhow::Error, expression: &ExpressionAt) -> anyhow::Error {
    let refusal = connection::server_error(&error).map(connection::describe).unwrap_or_default();
    let state = refusal.sqlstate.as_deref().unwrap_or_default();
    if !state.starts_with(sqlstate::SYNTAX_OR_ACCESS_CLASS) || refusal.is(sqlstate::INSUFFICIENT_PRIVILEGE) {
        return error;
    }
    let ExpressionAt { file, line, column, .. } = expression;
    Failure::usage(format!("{file}:{line}: {column}: {}", refusal.text()))
        .code(ErrorCode::SEEDS_INVALID)
        .next("fix the expression; when a pending migration makes what is missing: trueup upgrade")
        .into()
}
