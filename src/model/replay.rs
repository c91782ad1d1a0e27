//! Replays the migrations in a scratch database, one after the other, and reads the catalog after each.
//!
//! A migration runs as one transaction, as when it is applied, unless it is marked `no-transaction`, contains a
//! statement that cannot run in one, or consists of thousands of statements of plain DDL: only its effect is
//! determined here, not how it should run.

use std::sync::Arc;

use anyhow::Result;

use super::effects::{effects, share};
use super::load::SqlScript;
use super::lock::CompiledMigration;
use super::progress::CompileProgress;
use super::recognise::{Class, classify};
use super::runner::{MOST_ROLES, Runner};
use super::server_error::StatementError;
use crate::error::{ErrorCode, Failure};
use crate::migrations::Migration;
use crate::postgres::catalog::reader::ReadOptions;
use crate::postgres::catalog::{Catalog, Object};
use crate::postgres::connection::sqlstate;

/// The result of a replay.
pub(super) struct Replayed {
    /// The objects of a new database, before the first migration.
    pub(super) initial: Vec<Arc<Object>>,
    /// The migrations with their effects.
    pub(super) migrations: Vec<CompiledMigration>,
    /// The catalog after the last.
    pub(super) catalog: Catalog,
}

/// Runs the migrations; `scripts` are theirs, in the same order.
///
/// # Errors
/// Exit 2: what the server refuses, with file, line and statement.
pub(super) async fn replay(
    runner: &mut Runner<'_>,
    migrations: &[Migration],
    scripts: &[SqlScript<'_>],
    options: &ReadOptions,
    progress: &mut dyn FnMut(CompileProgress<'_>),
) -> Result<Replayed> {
    let options = ReadOptions { oids: true, ..options.clone() };
    let mut before = runner.read(&options).await?;
    let initial = before.catalog.objects.clone();
    let mut compiled = Vec::with_capacity(migrations.len());
    for (done, (migration, script)) in migrations.iter().zip(scripts).enumerate() {
        progress(CompileProgress::Migrations { done, total: migrations.len(), path: script.path });
        run(runner, migration, script).await?;
        runner.reset().await?;
        let mut after = runner.read(&options).await?;
        share(&before.catalog, &mut after.catalog);
        compiled.push(CompiledMigration {
            version: migration.version,
            name: migration.name.clone(),
            contract: migration.directives.contract,
            effects: effects(&before, &after),
        });
        before = after;
    }
    progress(CompileProgress::Migrations { done: migrations.len(), total: migrations.len(), path: "" });
    Ok(Replayed { initial, migrations: compiled, catalog: before.catalog })
}

/// `active_sql_transaction` and `unsafe_new_enum_value_usage`: outside of a transaction it works.
const NEEDS_NO_TRANSACTION: [&str; 2] =
    [sqlstate::ACTIVE_SQL_TRANSACTION, sqlstate::UNSAFE_NEW_ENUM_VALUE_USAGE];

async fn run(runner: &mut Runner<'_>, migration: &Migration, script: &SqlScript<'_>) -> Result<()> {
    for statement in &script.statements {
        let what = match classify(statement) {
            Class::Cluster(thing) => format!("creates or changes {thing}; a migration changes one database"),
            Class::Rollback => "ROLLBACK is not allowed: the migration would undo its own changes".to_owned(),
            _ => continue,
        };
        let (line, summary) = (statement.line, statement.summary());
        return Err(Failure::usage(format!("{}: line {line}: {what}\n  statement: {summary}", script.path))
            .code(ErrorCode::MIGRATIONS_INVALID)
            .into());
    }
    // A stand-in is created after a statement failed for lack of it, which ends a transaction.
    if !migration.directives.no_transaction && !runner.assumes() && !is_long_and_plain(script) {
        let mut roles = 0;
        loop {
            runner.reset().await?;
            let Some((index, error)) = in_transaction(runner, script).await? else { return Ok(()) };
            if NEEDS_NO_TRANSACTION.contains(&error.code.as_str()) {
                break;
            }
            // It starts again at the first statement: a savepoint before every statement would cost the server
            // quadratic time.
            if roles == MOST_ROLES || !runner.make_missing_role(&error).await? {
                return Err(error
                    .in_statement(script.path, &script.statements[index])
                    .code(ErrorCode::MIGRATIONS_INVALID)
                    .into());
            }
            roles += 1;
        }
    }
    runner.reset().await?;
    one_by_one(runner, script).await
}

/// The number of statements from which on a migration is long.
const LONG: usize = 2_000;

/// Whether a migration is long and has nothing but DDL that means the same outside of a transaction. In one
/// transaction every statement that takes more than a few locks costs the server a walk over all that are held
/// (`LockReassignCurrentOwner`): quadratic time.
fn is_long_and_plain(script: &SqlScript<'_>) -> bool {
    script.statements.len() >= LONG
        && script.statements.iter().all(|statement| match classify(statement) {
            Class::Transaction | Class::SetValue | Class::Role | Class::Setting => true,
            _ => {
                let ddl = ["create", "alter", "comment", "drop", "grant", "revoke"];
                let local = |word: &str| matches!(word, "temp" | "temporary" | "pg_temp");
                statement.words().next().is_some_and(|word| ddl.iter().any(|verb| word == *verb))
                    && !statement.words().any(|word| local(word.as_ref()))
            }
        })
}

/// Runs a script as one transaction. Returns the error of the statement that the server refuses, with the statement's
/// index; `None` when the transaction is committed.
async fn in_transaction(
    runner: &mut Runner<'_>,
    script: &SqlScript<'_>,
) -> Result<Option<(usize, StatementError)>> {
    runner.begin().await?;
    for (index, statement) in script.statements.iter().enumerate() {
        if let Some(error) = runner.run(script.path, statement).await?.refusal() {
            return Ok(Some((index, error)));
        }
    }
    let last = script.statements.len().saturating_sub(1);
    Ok(runner.commit().await?.refusal().map(|error| (last, error)))
}

async fn one_by_one(runner: &mut Runner<'_>, script: &SqlScript<'_>) -> Result<()> {
    for statement in &script.statements {
        while let Some(error) = runner.run(script.path, statement).await?.refusal() {
            let Runner { session, assumed, .. } = &mut *runner;
            if !assumed.stand_in(session, statement, &error).await? {
                return Err(error
                    .in_statement(script.path, statement)
                    .code(ErrorCode::MIGRATIONS_INVALID)
                    .into());
            }
        }
    }
    Ok(())
}
