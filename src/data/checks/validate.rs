//! Holding the checks against a database before any row is read: every query is one statement that the server
//! understands, and what a fix says of its table is so.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use super::resolve::SAVEPOINT;
use super::{Action, Check, CheckQuery, CheckedColumn, CheckedTable, Fix, VisibilityGap};
use crate::error::{ErrorCode, Failure};
use crate::postgres::connection::{self, Batch, ReturnedColumn, Session, sqlstate};

/// A statement around a query.
struct Wrapper {
    before: &'static str,
    after: &'static str,
}

/// A row of a text, beside a query that is planned and never executed.
const SINGLE: Wrapper = Wrapper {
    before: "SELECT one.t FROM (SELECT ''::pg_catalog.text) AS one (t) LEFT JOIN (SELECT * FROM (\n",
    after: "\n) AS q LIMIT 0) AS q ON true",
};
/// A row of NULLs, whose columns are the query's.
const SHAPE: Wrapper = Wrapper {
    before: "SELECT q.* FROM (SELECT) AS one LEFT JOIN (SELECT * FROM (\n",
    after: "\n) AS q LIMIT 0) AS q ON true",
};

impl Wrapper {
    fn around(&self, query: &CheckQuery) -> String {
        format!("{}{}{}", self.before, query.text, self.after)
    }
}

/// What to do about a file that does not fit the database.
const NEXT: &str = "fix the file; where a migration that is pending makes what is missing: trueup upgrade";

/// A fix that fits its table.
#[derive(Debug, Clone)]
pub struct ValidatedFix {
    /// The fix.
    pub fix: Fix,
    /// The columns that it sets; empty for one that deletes.
    pub sets: Vec<String>,
    /// The types of what its query returns, by column.
    pub types: BTreeMap<String, u32>,
}

impl ValidatedCheck {
    /// The columns of the key, as the table has them.
    pub fn key(&self) -> Vec<CheckedColumn> {
        let Some(table) = &self.table else { return Vec::new() };
        self.check.key.iter().filter_map(|key| table.column(&key.name).cloned()).collect()
    }
}

impl CheckQuery {
    /// As a table in FROM. What is put between parentheses, and has none too many, stays there; the line break ends a
    /// comment.
    pub fn wrapped(&self) -> String {
        format!("(\n{}\n)", self.text)
    }
}

/// A check that this database understands.
#[derive(Debug, Clone)]
pub struct ValidatedCheck {
    /// The check.
    pub check: Check,
    /// Its table, where it names one.
    pub table: Option<CheckedTable>,
    /// Its fixes.
    pub fixes: Vec<ValidatedFix>,
    /// Why its answer cannot be trusted, or had, here.
    pub obstacles: Vec<VisibilityGap>,
}

/// A check, its table, and what is in the way of its queries.
#[derive(Debug)]
pub(super) struct LocatedCheck {
    pub(super) check: Check,
    pub(super) table: Option<CheckedTable>,
    pub(super) obstacles: Vec<VisibilityGap>,
}

impl Check {
    /// Something wrong in its file.
    pub(super) fn wrong_at(&self, line: usize, what: &str) -> Failure {
        Failure::usage(format!("{}: line {line}: {what}", self.path.display()))
            .code(ErrorCode::CHECKS_INVALID)
            .next(NEXT)
    }

    /// What it asks: for the rows that are wrong, and for those of each fix.
    pub(super) fn queries(&self) -> impl Iterator<Item = &CheckQuery> {
        [&self.find].into_iter().chain(self.fixes.iter().map(|fix| &fix.query))
    }
}

/// Holds a check against its table, in a transaction whose search_path is the project's. What its queries return is asked
/// for one by one where it is not `known`; a failure leaves the transaction aborted.
pub(super) async fn prove(
    session: &mut Session,
    placed: LocatedCheck,
    known: Vec<Vec<ReturnedColumn>>,
) -> Result<Result<ValidatedCheck, Failure>> {
    let LocatedCheck { check, table, mut obstacles } = placed;
    let mut known = known.into_iter();
    let found = match shape(session, &check, &check.find, &mut known).await {
        Err(error) if is_in_the_way(&error, &mut obstacles) => {
            return Ok(Ok(ValidatedCheck { check, table, fixes: Vec::new(), obstacles }));
        }
        shape => match shape? {
            Ok(columns) => columns,
            Err(failure) => return Ok(Err(failure)),
        },
    };
    for column in check.shown() {
        let count = found.iter().filter(|returned| returned.name == column.name).count();
        if count != 1 {
            let how = if count == 0 { "does not return" } else { "returns more than once" };
            let what = format!("the query of `-- find:` {how} a column {}", column.name);
            return Ok(Err(check.wrong_at(column.line, &what)));
        }
    }
    if let (Some(table), false) = (&table, check.key.is_empty())
        && let Err(why) = table.identified_by(&check.key)
    {
        return Ok(Err(check.wrong_at(check.key[0].line, &format!("`-- key:` {why}"))));
    }
    let mut fixes = Vec::new();
    for fix in &check.fixes {
        let Some(table) = &table else { break };
        let columns = match shape(session, &check, &fix.query, &mut known).await {
            Err(error) if is_in_the_way(&error, &mut obstacles) => {
                return Ok(Ok(ValidatedCheck {
                    table: Some(table.clone()),
                    fixes,
                    obstacles,
                    check: check.clone(),
                }));
            }
            shape => match shape? {
                Ok(columns) => columns,
                Err(failure) => return Ok(Err(failure)),
            },
        };
        match fits(session, &check, fix, table, &columns).await? {
            Ok(sets) => {
                let types = columns.into_iter().map(|column| (column.name, column.type_oid)).collect();
                fixes.push(ValidatedFix { fix: fix.clone(), sets, types });
            }
            Err(why) => return Ok(Err(check.wrong_at(fix.line, &format!("fix {}: {why}", fix.name)))),
        }
    }
    Ok(Ok(ValidatedCheck { check, table, fixes, obstacles }))
}

/// What all these queries return, in three round trips: together they are one prepared statement, of which the server
/// accepts no two in one message. Releases the savepoint: no snapshot is exported from a subtransaction. `None` when the
/// server refuses one of them; the transaction is aborted then.
pub(super) async fn shapes(
    session: &mut Session,
    queries: &[&CheckQuery],
) -> Result<Option<Vec<Vec<ReturnedColumn>>>> {
    let mut columns = Vec::new();
    let together: Vec<String> = queries.iter().map(|query| SINGLE.around(query)).collect();
    let answer = match session.run_prepared(together.join("\nUNION ALL\n")).await {
        Ok(()) => {
            let mut batch = Batch::default();
            batch.each_of(queries.iter().map(|query| SHAPE.around(query)), |_, row| {
                columns.push(row.columns());
                Ok(())
            });
            batch.execute(format!("RELEASE SAVEPOINT {SAVEPOINT}"));
            session.run(batch).await
        }
        Err(error) => Err(error),
    };
    match answer {
        Ok(()) => Ok(Some(columns)),
        Err(error)
            if connection::server_error(&error)
                .map(connection::describe)
                .is_some_and(|said| said.sqlstate.is_some()) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Whether a query was refused for want of a right (insufficient_privilege: also what a policy says where row security is
/// off): no more can be said of the file then. A right that was not looked for (to run a function, to read one column) is
/// told as the server told it.
fn is_in_the_way(error: &anyhow::Error, obstacles: &mut Vec<VisibilityGap>) -> bool {
    let said = connection::server_error(error)
        .map(connection::describe)
        .filter(|said| said.is(sqlstate::INSUFFICIENT_PRIVILEGE));
    let Some(said) = said else { return false };
    if obstacles.is_empty() {
        obstacles.push(VisibilityGap::Denied { said: said.text() });
    }
    true
}

/// What a query returns; taken from what is known, or asked for.
async fn shape(
    session: &mut Session,
    check: &Check,
    query: &CheckQuery,
    known: &mut impl Iterator<Item = Vec<ReturnedColumn>>,
) -> Result<Result<Vec<ReturnedColumn>, Failure>> {
    if let Some(columns) = known.next() {
        return Ok(Ok(columns));
    }
    let mut columns = Vec::new();
    let answer = match session.run_prepared(SINGLE.around(query)).await {
        Ok(()) => {
            let read = session.message(SHAPE.around(query), |_, row| {
                columns = row.columns();
                Ok(())
            });
            read.await
        }
        Err(error) => Err(error),
    };
    let Err(error) = answer else { return Ok(Ok(columns)) };
    let Some(server) = connection::server_error(&error) else { return Err(error) };
    let said = connection::describe(server);
    // syntax_error_or_access_rule_violation and its like, feature_not_supported, no data of a row yet.
    let of_the_file = said.sqlstate.as_deref().is_some_and(|state| {
        state.starts_with(sqlstate::SYNTAX_OR_ACCESS_CLASS) && state != sqlstate::INSUFFICIENT_PRIVILEGE
            || matches!(
                state,
                sqlstate::FEATURE_NOT_SUPPORTED
                    | sqlstate::INVALID_TEXT_REPRESENTATION
                    | sqlstate::INVALID_DATETIME_FORMAT
                    | sqlstate::READ_ONLY_SQL_TRANSACTION
                    | sqlstate::INVALID_SCHEMA_NAME
            )
    });
    if !of_the_file {
        return Err(error);
    }
    let line = said.position.map_or(query.line, |position| {
        let within = position.saturating_sub(SINGLE.before.chars().count() + 1);
        query.line + query.text.chars().take(within).filter(|found| *found == '\n').count()
    });
    Ok(Err(check.wrong_at(line, &said.text())))
}

/// The columns that a fix sets; or why it does not fit its table.
async fn fits(
    session: &mut Session,
    check: &Check,
    fix: &Fix,
    table: &CheckedTable,
    columns: &[ReturnedColumn],
) -> Result<Result<Vec<String>, String>> {
    let table_name = table.qualified();
    let is_table = matches!(table.kind.as_str(), "r" | "p");
    if !is_table {
        return Ok(Err(format!("{table_name} is no table")));
    }
    if table.has_children {
        return Ok(Err(format!(
            "{table_name} has tables that inherit from it, which a unique index does not cover"
        )));
    }
    if let Some(rule) = table.rules.first() {
        return Ok(Err(format!(
            "{table_name} has a rule, {rule}, which replaces the change by something else"
        )));
    }
    let mut seen = BTreeSet::new();
    for ReturnedColumn { name, .. } in columns {
        if !seen.insert(name) {
            return Ok(Err(format!("its query returns column {name} twice")));
        }
    }
    for key in &check.key {
        if !seen.contains(&key.name) {
            return Ok(Err(format!("its query does not return {}, of the key", key.name)));
        }
    }
    let is_key = |column: &&ReturnedColumn| check.key.iter().any(|key| key.name == column.name);
    let (keys, others): (Vec<_>, Vec<_>) = columns.iter().partition(is_key);
    for ReturnedColumn { name, type_oid } in keys {
        if let Some(target) = table.column(name)
            && !assignable(session, *type_oid, target.type_oid).await?
        {
            return Ok(Err(format!(
                "{name}, of the key, is of type {} in {table_name}; cast it there",
                target.type_name
            )));
        }
    }
    match (fix.action, others.as_slice()) {
        (Action::Delete, []) => return Ok(Ok(Vec::new())),
        (Action::Delete, _) => {
            return Ok(Err("it deletes: its query returns the key and nothing else".to_owned()));
        }
        (Action::Update, []) => {
            return Ok(Err(
                "its query returns the key and no column to set; `-- action: delete` deletes the rows"
                    .to_owned(),
            ));
        }
        (Action::Update, _) => {}
    }
    for ReturnedColumn { name, type_oid } in &others {
        let Some(target) = table.column(name) else {
            return Ok(Err(format!("{table_name} has no column {name}{}", table.near(name))));
        };
        if target.generated || target.identity {
            return Ok(Err(format!("column {name} of {table_name} is generated: it cannot be set")));
        }
        if !assignable(session, *type_oid, target.type_oid).await? {
            return Ok(Err(format!(
                "column {name} of {table_name} is of type {}, which what the query returns cannot be assigned to; cast it \
                 there",
                target.type_name
            )));
        }
    }
    Ok(Ok(others.into_iter().map(|column| column.name.clone()).collect()))
}

/// Whether a value can be assigned as an INSERT does it (manual, "Value Storage"); text to anything, as a literal is.
async fn assignable(session: &mut Session, from: u32, to: u32) -> Result<bool> {
    const TEXT: u32 = 25;
    if from == to || from == TEXT {
        return Ok(true);
    }
    let sql = format!(
        "WITH RECURSIVE under(oid) AS (SELECT '{to}'::pg_catalog.oid UNION ALL SELECT t.typbasetype FROM under JOIN \
         pg_catalog.pg_type AS t ON t.oid OPERATOR(pg_catalog.=) under.oid AND t.typtype OPERATOR(pg_catalog.=) 'd'), \
         given(oid) AS (SELECT '{from}'::pg_catalog.oid UNION ALL SELECT t.typbasetype FROM given JOIN \
         pg_catalog.pg_type AS t ON t.oid OPERATOR(pg_catalog.=) given.oid AND t.typtype OPERATOR(pg_catalog.=) 'd') \
         SELECT EXISTS (SELECT FROM under JOIN given ON under.oid OPERATOR(pg_catalog.=) given.oid) OR EXISTS (SELECT FROM \
         pg_catalog.pg_cast AS c JOIN under ON under.oid OPERATOR(pg_catalog.=) c.casttarget JOIN given ON given.oid \
         OPERATOR(pg_catalog.=) c.castsource WHERE c.castcontext OPERATOR(pg_catalog.<>) 'e') AS assignable"
    );
    session.scalar(sql).await
}
