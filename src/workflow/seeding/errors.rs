//! Explains why applying seeds failed: which row of which file, and what to do.

use anyhow::Result;

use super::WHAT;
use super::planning::SeedPlan;
use crate::data::seeds::{self, PlannedSeed, RowPlan, SeedQuery, StatementSubject};
use crate::error::{ErrorCode, Exit, Failure};
use crate::postgres::catalog::Catalog;
use crate::postgres::connection::{ServerError, Session, sqlstate};
use crate::project::Settings;

/// The failure of a statement that the server refused. It names the table and, where it can be found out, the row and
/// its file.
pub(super) fn refusal(
    settings: &Settings,
    seed_plan: &SeedPlan,
    error: &ServerError,
    done: usize,
) -> Failure {
    if let Some(failure) = waiting_rows(error) {
        return failure;
    }
    let script = seed_plan.script();
    let subject = script.subject(done).cloned().or_else(|| {
        // A deferred constraint is checked at the end of the transaction.
        let (schema, name) = error.table.as_ref()?;
        let is_it = |seed: &PlannedSeed<'_>| {
            let table = &seed.query.columns.table;
            table.schema == schema && table.name == name
        };
        let tables: Vec<_> = seed_plan.seeds().into_iter().filter(is_it).collect();
        (!tables.is_empty()).then_some(StatementSubject { tables, row: None })
    });
    let said = format!("the server refused, and it was rolled back: {}\nnothing was changed", error.text());
    let owner = format!(
        "grant the privilege, or work as its owner: {}; then: trueup seed --check",
        settings.role_setting()
    );
    let next = match error.sqlstate.as_deref() {
        Some(sqlstate::UNIQUE_VIOLATION) => {
            "another row has this value already: declare the key of that row, or change it; then: trueup seed --check"
        }
        Some(sqlstate::FOREIGN_KEY_VIOLATION) => {
            "declare the row that it references, or insert it first; then: trueup seed --check"
        }
        Some(sqlstate::INSUFFICIENT_PRIVILEGE) => &owner,
        _ => "declare what the table accepts; then: trueup seed --check",
    };
    let failure = |what| Failure::new(Exit::RolledBack, what).next(next);
    let Some(StatementSubject { tables, row }) = subject else {
        return failure(format!("{WHAT}: {said}"));
    };
    let context = error.context.as_deref().unwrap_or_default();
    let marked = tables
        .iter()
        .find_map(|table| Some((table.query, seeds::row_marked(table.plan, &table.query.seed, context)?)));
    let refused = || {
        let table = tables.first()?;
        let row = row.or_else(|| seeds::row_refused(table.plan, error.detail.as_deref().unwrap_or_default()));
        Some((table.query, row?))
    };
    if let Some((query, row)) = marked.or_else(refused) {
        let declared = &query.seed.rows[row.row];
        let (file, line, label) = (&declared.file, declared.line, query.label(&row.key));
        return failure(format!("{file}:{line}: {label}: {said}")).at(file.to_string(), line, None);
    }
    let files: Vec<&str> = tables.iter().map(|table| table.query.seed.file.as_str()).collect();
    let names: Vec<String> = tables.iter().map(|table| table.query.columns.path()).collect();
    failure(format!("{}: {}: {said}", files.join(", "), names.join(", "))).at(files[0], 1, None)
}

/// The failure about rows that wait for rows that do not exist: exit 2 where the project's own rows have to provide them,
/// 5 where the database lacks them.
fn waiting_rows(error: &ServerError) -> Option<Failure> {
    let by_project = error.is(seeds::NOT_DECLARED);
    if !by_project && !error.is(seeds::NOT_IN_DATABASE) {
        return None;
    }
    let detail = error.detail.as_deref().unwrap_or_default();
    let what = format!("{}; it was rolled back, and nothing was changed\n{detail}", error.message);
    let failure = match by_project {
        true => Failure::usage(what)
            .next("add the missing row to schema/seeds/, or correct the lookup; then: trueup seed --check"),
        false => Failure::new(Exit::RolledBack, what)
            .next("insert the row that is looked up, or correct the lookup; then: trueup seed --check"),
    };
    Some(failure.code(ErrorCode::SEEDS_INVALID))
}

/// Explains why a row does not exist that this transaction has inserted, where the reason is known. In the last
/// attempt no other session can be the reason: it is a trigger or a rule.
pub(super) async fn explain_missing_row(
    session: &mut Session,
    query: &SeedQuery,
    row: &RowPlan,
    catalog: &Catalog,
    is_last: bool,
) -> Result<()> {
    let declared = &query.seed.rows[row.row];
    let wrong = |what: String| {
        let what = format!("{}: {what}; it was rolled back, and nothing was changed", query.label(&row.key));
        declared.error_at(declared.line, what)
    };
    let same_key: Option<String> = session.optional_scalar(query.equal_key_query(row.row)).await?;
    if let Some(key) = same_key {
        let there = query.label(&key);
        let failure = wrong(format!("its key equals that of the existing row {there} in this database"));
        return Err(failure.next("declare the key as the database has it, then: trueup seed --check").into());
    }
    let blockers = seeds::insert_blockers(&query.columns, catalog);
    if is_last && !blockers.is_empty() {
        let failure = wrong(format!(
            "the database accepts the INSERT but does not insert the row: {}",
            blockers.join(", ")
        ));
        let next = "declare what it accepts, leave the row out, or change what prevents the INSERT";
        return Err(failure.next(next).into());
    }
    Ok(())
}

/// The failure about a row that is not as this transaction wrote it.
pub(super) fn rewritten_row(query: &SeedQuery, row: &RowPlan) -> Failure {
    let columns: Vec<&str> =
        row.skipped().chain(&row.changes).map(|difference| difference.column.as_str()).collect();
    let declared = &query.seed.rows[row.row];
    let what = format!(
        "{}: a trigger or a rule writes {} otherwise than declared; rolled back",
        query.label(&row.key),
        columns.join(", ")
    );
    declared.error_at(declared.line, what).next("declare what it writes, or leave the column out")
}
