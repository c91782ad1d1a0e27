//! Asks the server which tables the declared expressions read. It parses them, and nothing of them is executed.

use std::collections::BTreeSet;

use anyhow::Result;

use crate::data::seeds::{ExpressionAt, Lookup, Lookups, parsed};
use crate::error::{ErrorCode, Failure};
use crate::postgres::connection::{self, ReadOnlyTransaction, Session, sqlstate};
use crate::postgres::sql::{literal, qualified};
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

/// Finds the lookups among expressions.
///
/// # Errors
/// Exit 2: an expression is wrong. Exit 3: the server cannot be asked.
pub(super) async fn read(
    settings: &Settings,
    session: &mut Session,
    expressions: &[ExpressionAt],
) -> Result<Lookups> {
    let mut lookups = Lookups::default();
    if expressions.is_empty() {
        return Ok(lookups);
    }
    let request = comparison::request(settings, Needs::nothing());
    let transaction = ReadOnlyTransaction::read_committed()
        .statement_timeout(request.statement_timeout)
        .lock_timeout(request.lock_timeout)
        .role(request.set_role.as_deref());
    let path = literal(&request.search_path);
    let opening = format!(
        "{}; SELECT pg_catalog.set_config('search_path', {path}, true); {SAVEPOINT}",
        transaction.sql()
    );
    let failed = |error| connection::server_failure(error, "reading the lookups of schema/seeds/");
    session.execute(opening).await.map_err(failed)?;
    let mut seen = BTreeSet::new();
    let asked = expressions.iter().filter(|expression| seen.insert(expression.text.as_str()));
    for expression in asked {
        if let Some(lookup) = ask(session, expression).await.map_err(failed)? {
            lookups.insert(expression.text.clone(), lookup);
        }
    }
    session.execute("ROLLBACK").await.map_err(failed)?;
    Ok(lookups)
}

/// What an expression reads; `None` when it reads no table.
async fn ask(session: &mut Session, expression: &ExpressionAt) -> Result<Option<Lookup>> {
    for is_query in [true, false] {
        let sql = format!(
            "PREPARE trueup_lookup AS {}; SET LOCAL search_path = pg_catalog, pg_temp; {LOCKED}; \
             DEALLOCATE trueup_lookup; {ROLLBACK}",
            parsed(&expression.text, is_query)
        );
        let mut reads = BTreeSet::new();
        let answer = session
            .message(sql, |_, row| {
                reads.insert(qualified(row.get("schema")?, row.get("name")?));
                Ok(())
            })
            .await;
        let Err(error) = answer else {
            return Ok((!reads.is_empty()).then_some(Lookup { is_query, reads }));
        };
        let refusal = connection::server_error(&error).map(connection::describe).unwrap_or_default();
        if refusal.sqlstate.is_none() {
            return Err(error);
        }
        // What is no query is a syntax error in the place of one.
        if is_query && refusal.is(sqlstate::SYNTAX_ERROR) {
            session.execute(ROLLBACK).await?;
            continue;
        }
        let state = refusal.sqlstate.as_deref().unwrap_or_default();
        if !state.starts_with(sqlstate::SYNTAX_OR_ACCESS_CLASS)
            || refusal.is(sqlstate::INSUFFICIENT_PRIVILEGE)
        {
            return Err(error);
        }
        let ExpressionAt { file, line, column, .. } = expression;
        return Err(Failure::usage(format!("{file}:{line}: {column}: {}", refusal.text()))
            .code(ErrorCode::SEEDS_INVALID)
            .next("fix the expression; when a pending migration makes what is missing: trueup upgrade")
            .into());
    }
    Ok(None)
}
