//! Asks the server which tables the declared expressions read. It parses them, and nothing of them is executed.

use std::collections::BTreeSet;

use anyhow::Result;

use crate::data::seeds::{ExpressionAt, Lookup, Lookups, parsed};
use crate::error::{ErrorCode, Failure};
use crate::postgres::connection::{self, Batch, ReadOnlyTransaction, ServerError, Session};
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
            Err(error) => return Err(wrong_one(session, asked, error).await?),
        };
        for (expression, lookup) in asked.iter().zip(found) {
            if !lookup.reads.is_empty() {
                lookups.insert(expression.text.clone(), lookup);
            }
        }
    }
    Ok(lookups)
}

/// The statements that parse an expression, and undo that; the third one answers with what it reads.
fn parsing(expression: &ExpressionAt) -> [String; 5] {
    [
        format!("PREPARE trueup_lookup AS {}", parsed(&expression.text)),
        "SET LOCAL search_path = pg_catalog, pg_temp".to_owned(),
        LOCKED.to_owned(),
        "DEALLOCATE trueup_lookup".to_owned(),
        ROLLBACK.to_owned(),
    ]
}

/// What each expression reads, asked in one message.
async fn parse_together(session: &mut Session, expressions: &[&ExpressionAt]) -> Result<Vec<Lookup>> {
    let mut found = vec![Lookup::default(); expressions.len()];
    let mut batch = Batch::default();
    for (expression, Lookup { reads }) in expressions.iter().zip(&mut found) {
        batch.each_of(parsing(expression), |_, row| {
            reads.insert(qualified(row.get("schema")?, row.get("name")?));
            Ok(())
        });
    }
    session.run(batch).await?;
    Ok(found)
}

/// Names the expression that the server calls wrong. The server reads a message as a whole before it answers, so an error does
/// not tell which one it is: they are asked for one by one.
///
/// # Errors
/// Those of the connection.
async fn wrong_one(
    session: &mut Session,
    expressions: &[&ExpressionAt],
    error: anyhow::Error,
) -> Result<anyhow::Error> {
    let refused = |error: &anyhow::Error| {
        let refusal = connection::server_error(error).map(connection::describe);
        refusal.filter(ServerError::is_about_text)
    };
    if refused(&error).is_none() {
        return Ok(error);
    }
    for expression in expressions {
        session.execute(ROLLBACK).await?;
        let Err(error) = parse_together(session, &[*expression]).await else { continue };
        let Some(refusal) = refused(&error) else { return Ok(error) };
        let ExpressionAt { file, line, column, .. } = expression;
        return Ok(Failure::usage(format!("{file}:{line}: {column}: {}", refusal.text()))
            .code(ErrorCode::SEEDS_INVALID)
            .next("fix the expression; when a pending migration makes what is missing: trueup upgrade")
            .into());
    }
    Ok(error)
}
