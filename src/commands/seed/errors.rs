//! What goes wrong while rows are made: which row of which file it is, and what comes next.

use anyhow::Result;

use super::{Judged, WHAT};
use crate::data::seeds::{self, Question, RowPlan, TablePlan};
use crate::error::{Exit, Failure};
use crate::postgres::catalog::Catalog;
use crate::postgres::connection::{ServerError, Session, sqlstate};

/// What the server refused: which table, which row of which file where that can be found out, and what comes next.
pub(super) fn refused(judged: &Judged, said: &ServerError, done: usize) -> Failure {
    let pairs = judged.pairs();
    let subject = seeds::subject(&pairs, judged.deferred, done).or_else(|| {
        // A constraint that waits for the end of the transaction.
        let (schema, name) = said.table.as_ref()?;
        let is_it = |(question, _): &(&Question, &TablePlan)| {
            question.columns.table.0 == schema && question.columns.table.1 == name
        };
        Some((pairs.iter().position(is_it)?, None))
    });
    let said_all =
        format!("the server refused, and it was rolled back: {}\nnothing was changed", said.text());
    let next = match said.sqlstate.as_deref() {
        Some(sqlstate::UNIQUE_VIOLATION) => {
            "another row has that already: declare the key that it has, or change it there; then: trueup seed --check"
        }
        Some(sqlstate::FOREIGN_KEY_VIOLATION) => {
            "declare the row that is referred to, or make it first; then: trueup seed --check"
        }
        Some(sqlstate::INSUFFICIENT_PRIVILEGE) => {
            "grant the right, or work as its owner: [database] set_role; then: trueup seed --check"
        }
        _ => "declare what the table takes; then: trueup seed --check",
    };
    let failure = |what| Failure::new(Exit::RolledBack, what).next(next);
    let Some((place, row)) = subject else { return failure(format!("{WHAT}: {said_all}")) };
    let (question, plan) = pairs[place];
    let row = row.or_else(|| seeds::refused(plan, said.detail.as_deref().unwrap_or_default()));
    let (place, label) = match row {
        Some(row) => {
            let declared = &question.seed.rows[row.row];
            (format!("{}:{}", declared.file, declared.line), question.label(&row.key))
        }
        None => (question.seed.file.clone(), question.columns.path()),
    };
    failure(format!("{place}: {label}: {said_all}"))
}

/// Says why a row is not there that this transaction has made, where that can be known. The last attempt shows what no
/// other session did: a trigger or a rule.
pub(super) async fn not_made(
    session: &mut Session,
    question: &Question,
    row: &RowPlan,
    catalog: &Catalog,
    is_last: bool,
) -> Result<()> {
    let declared = &question.seed.rows[row.row];
    let wrong = |what: String| {
        let what =
            format!("{}: {what}; it was rolled back, and nothing was changed", question.label(&row.key));
        declared.wrong(declared.line, what)
    };
    let alike = session.rows(question.alike(row.row)).await?.into_iter().flatten().flatten().next();
    if let Some(key) = alike {
        let there = question.label(&key);
        let failure =
            wrong(format!("to this database its key is the same as that of {there}, which is there"));
        return Err(failure.next("declare the key as the database has it, then: trueup seed --check").into());
    }
    let in_the_way = seeds::in_the_way(&question.columns, catalog);
    if is_last && !in_the_way.is_empty() {
        let failure =
            wrong(format!("the database takes the row and does not make it: {}", in_the_way.join(", ")));
        let next = "declare what is let through, leave the row out, or change what keeps it away";
        return Err(failure.next(next).into());
    }
    Ok(())
}

/// A row that this transaction wrote is not as it wrote it.
pub(super) fn rewritten(question: &Question, row: &RowPlan) -> Failure {
    let columns: Vec<&str> =
        row.left_alone().chain(&row.changes).map(|difference| difference.column.as_str()).collect();
    let declared = &question.seed.rows[row.row];
    let what = format!(
        "{}: a trigger or a rule writes {} otherwise than declared; rolled back",
        question.label(&row.key),
        columns.join(", ")
    );
    declared.wrong(declared.line, what).next("declare what it writes, or leave the column out")
}
