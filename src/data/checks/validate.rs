//! Validates checks against a database before any row is read: the server accepts every query as one statement, and the
//! table has the columns, the key and the types that the check and its fixes need.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use super::resolve::SAVEPOINT;
use super::{Action, Check, CheckQuery, CheckedColumn, CheckedTable, Fix, VisibilityGap};
use crate::error::{ErrorCode, Failure};
use crate::postgres::connection::{self, Batch, ReturnedColumn, Session, sqlstate};

/// The oid of `text` (`pg_type.dat`).
const TEXT: u32 = 25;

/// A text around a query.
struct Wrapper {
    before: &'static str,
    after: &'static str,
}

/// What the server plans and does not run, though it looks whether the role may call every function in it. It answers with
/// texts, which is what [`Session::run_prepared`] needs.
const EXPLAIN: &str = "EXPLAIN ";
/// A text that has all columns of the query in it.
const ONE_TEXT: Wrapper = Wrapper { before: "SELECT q::pg_catalog.text FROM (\n", after: "\n) AS q" };
/// Returns one row of NULLs, which has the columns of the query. The query is planned and never run: no row can be joined by a
/// condition that is false.
const COLUMNS: Wrapper = Wrapper {
    before: "SELECT q.* FROM (SELECT) AS one LEFT JOIN (SELECT * FROM (\n",
    after: "\n) AS q) AS q ON false",
};

impl Wrapper {
    fn around(&self, query: &CheckQuery) -> String {
        format!("{}{}{}", self.before, query.text, self.after)
    }
}

/// The hint about a file that does not fit the database.
const NEXT: &str = "fix the file; where a migration that is pending makes what is missing: trueup upgrade";

/// A fix that fits its table.
#[derive(Debug, Clone)]
pub struct ValidatedFix {
    /// The fix.
    pub fix: Fix,
    /// The columns that it sets, in the order in which its query returns them. It is empty for a fix that deletes.
    pub sets: Vec<String>,
    /// The oids of the types that its query returns, by column.
    pub types: BTreeMap<String, u32>,
}

/// A check that fits this database.
#[derive(Debug, Clone)]
pub struct ValidatedCheck {
    /// The check.
    pub check: Check,
    /// The table of its rows, where it names one.
    pub table: Option<CheckedTable>,
    /// Its fixes.
    pub fixes: Vec<ValidatedFix>,
    /// Why this role may not see every row. Where there is a gap, the check is not run.
    pub gaps: Vec<VisibilityGap>,
    /// Why the check does not apply to this database: it is not run, and has no fixes.
    pub not_applicable: Option<String>,
}

impl ValidatedCheck {
    /// The columns of the key, as the table has them.
    pub fn key(&self) -> Vec<CheckedColumn> {
        let Some(table) = &self.table else { return Vec::new() };
        self.check.key.iter().filter_map(|key| table.column(&key.name).cloned()).collect()
    }

    /// A check of which no query was looked at.
    pub(super) fn unseen(located: LocatedCheck, not_applicable: Option<String>) -> Self {
        let LocatedCheck { check, table, gaps } = located;
        Self { check, table, fixes: Vec::new(), gaps, not_applicable }
    }
}

/// A check, its table, and what hides rows of its queries from the role.
#[derive(Debug)]
pub(super) struct LocatedCheck {
    pub(super) check: Check,
    pub(super) table: Option<CheckedTable>,
    pub(super) gaps: Vec<VisibilityGap>,
}

impl LocatedCheck {
    /// Why it does not apply: its table has not the columns that it is about.
    pub(super) fn not_applicable(&self) -> Option<String> {
        let table = self.table.as_ref()?;
        let lacking = self.check.while_column.iter().find(|column| table.column(&column.name).is_none())?;
        Some(format!("does not apply now: {} has no column {}", table.qualified(), lacking.name))
    }

    /// Whether reading what it names could run code of a weaker role.
    pub(super) fn has_code(&self) -> bool {
        self.gaps.iter().any(|gap| matches!(gap, VisibilityGap::Code { .. }))
    }
}

/// Why a check could not be validated.
#[derive(Debug)]
pub(super) enum ValidationError {
    /// The check's file is wrong. Other checks may still be validated.
    File(Failure),
    /// The server refused something that no file is the reason of, or the connection was lost.
    Server(anyhow::Error),
}

impl From<Failure> for ValidationError {
    fn from(failure: Failure) -> Self {
        Self::File(failure)
    }
}

impl From<anyhow::Error> for ValidationError {
    fn from(error: anyhow::Error) -> Self {
        Self::Server(error)
    }
}

impl CheckQuery {
    /// The query as a table in FROM. Its parentheses are balanced, so it cannot leave those around it. The line break ends a
    /// comment in its last line.
    pub fn wrapped(&self) -> String {
        format!("(\n{}\n)", self.text)
    }
}

impl Check {
    /// An error about a line of the check's file (exit 2).
    pub(super) fn error_at(&self, line: usize, what: &str) -> Failure {
        Failure::usage(format!("{}: line {line}: {what}", self.path.display()))
            .code(ErrorCode::CHECKS_INVALID)
            .at(self.path.display().to_string(), line, None)
            .next(NEXT)
    }

    /// The query for the wrong rows, and those of the fixes.
    pub fn queries(&self) -> impl Iterator<Item = &CheckQuery> {
        [&self.find].into_iter().chain(self.fixes.iter().map(|fix| &fix.query))
    }
}

/// Validates a check in a transaction whose search_path is the project's. `known` are the columns that its queries return,
/// as [`returned_by_all`] read them; those of further queries are asked for one by one.
///
/// # Errors
/// The check does not fit the database, or the connection was lost. The transaction may be aborted then.
pub(super) async fn validate(
    session: &mut Session,
    located: LocatedCheck,
    known: Vec<Vec<ReturnedColumn>>,
) -> Result<ValidatedCheck, ValidationError> {
    let mut validated = ValidatedCheck::unseen(located, None);
    let mut known = known.into_iter();
    match validate_queries(session, &validated, &mut known).await {
        Ok(fixes) => validated.fixes = fixes,
        Err(ValidationError::Server(error)) => match refused_privilege(&error) {
            Some(gap) if validated.gaps.is_empty() => validated.gaps.push(gap),
            Some(_) => {}
            None => return Err(error.into()),
        },
        Err(error) => return Err(error),
    }
    Ok(validated)
}

/// Validates the queries of a check, and returns its fixes.
async fn validate_queries(
    session: &mut Session,
    ValidatedCheck { check, table, .. }: &ValidatedCheck,
    known: &mut impl Iterator<Item = Vec<ReturnedColumn>>,
) -> Result<Vec<ValidatedFix>, ValidationError> {
    let found = returned(session, check, &check.find, known).await?;
    for column in check.shown() {
        let count = found.iter().filter(|returned| returned.name == column.name).count();
        if count != 1 {
            let how = if count == 0 { "does not return" } else { "returns more than once" };
            let what = format!("the query of `-- find:` {how} a column {}", column.name);
            return Err(check.error_at(column.line, &what).into());
        }
    }
    let Some(table) = table else { return Ok(Vec::new()) };
    if !check.key.is_empty()
        && let Err(why) = table.identified_by(&check.key)
    {
        return Err(check.error_at(check.key[0].line, &format!("`-- key:` {why}")).into());
    }
    let mut fixes = Vec::new();
    for fix in &check.fixes {
        let columns = returned(session, check, &fix.query, known).await?;
        let sets = columns_to_set(session, check, fix, table, &columns).await?;
        let types = columns.into_iter().map(|column| (column.name, column.type_oid)).collect();
        fixes.push(ValidatedFix { fix: fix.clone(), sets, types });
    }
    Ok(fixes)
}

/// The columns that each of these queries returns, in three round trips: all of them are one prepared statement, because the
/// server accepts only one of those in a message. Releases the savepoint, because no snapshot can be exported from a
/// subtransaction. `None` when the server refuses one of the queries; then the transaction is aborted.
///
/// # Errors
/// Those of the connection.
pub(super) async fn returned_by_all(
    session: &mut Session,
    queries: &[&CheckQuery],
) -> Result<Option<Vec<Vec<ReturnedColumn>>>> {
    let mut columns = Vec::new();
    let together: Vec<String> = queries.iter().map(|query| ONE_TEXT.around(query)).collect();
    let answer = match session.run_prepared(format!("{EXPLAIN}{}", together.join("\nUNION ALL\n"))).await {
        Ok(()) => {
            let mut batch = Batch::default();
            batch.each_of(queries.iter().map(|query| COLUMNS.around(query)), |_, row| {
                columns.push(row.columns());
                Ok(())
            });
            // What was planned keeps no lock: another check may be slow.
            batch.execute(format!("ROLLBACK TO SAVEPOINT {SAVEPOINT}"));
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
                .is_some_and(|refusal| refusal.sqlstate.is_some()) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The privilege that the server says is missing: one that `visibility` does not look for, such as to run a function or to read one
/// column, or what a policy hides where row security is off. No more can be said about the check then.
fn refused_privilege(error: &anyhow::Error) -> Option<VisibilityGap> {
    let refusal = connection::describe(connection::server_error(error)?);
    refusal.is(sqlstate::INSUFFICIENT_PRIVILEGE).then(|| VisibilityGap::Denied { message: refusal.text() })
}

/// The columns that a query returns. They are taken from those that are `known`, or read from the server.
async fn returned(
    session: &mut Session,
    check: &Check,
    query: &CheckQuery,
    known: &mut impl Iterator<Item = Vec<ReturnedColumn>>,
) -> Result<Vec<ReturnedColumn>, ValidationError> {
    if let Some(columns) = known.next() {
        return Ok(columns);
    }
    let mut columns = Vec::new();
    let answer = match session.run_prepared(format!("{EXPLAIN}{}", ONE_TEXT.around(query))).await {
        Ok(()) => {
            let read = session.message(COLUMNS.around(query), |_, row| {
                columns = row.columns();
                Ok(())
            });
            read.await
        }
        Err(error) => Err(error),
    };
    let Err(error) = answer else { return Ok(columns) };
    let Some(server) = connection::server_error(&error) else { return Err(error.into()) };
    let refusal = connection::describe(server);
    if !refusal.is_about_text() {
        return Err(error.into());
    }
    let line = refusal.position.map_or(query.line, |position| {
        let within = position.saturating_sub(EXPLAIN.len() + ONE_TEXT.before.chars().count() + 1);
        query.line + query.text.chars().take(within).filter(|character| *character == '\n').count()
    });
    Err(check.error_at(line, &refusal.text()).into())
}

/// Checks that a fix fits its table, and returns the columns that it sets. `columns` are those that its query returns.
async fn columns_to_set(
    session: &mut Session,
    check: &Check,
    fix: &Fix,
    table: &CheckedTable,
    columns: &[ReturnedColumn],
) -> Result<Vec<String>, ValidationError> {
    let refuse = |why: String| Err(check.error_at(fix.line, &format!("fix {}: {why}", fix.name)).into());
    let table_name = table.qualified();
    let is_table = matches!(table.kind.as_str(), "r" | "p");
    if !is_table {
        return refuse(format!("{table_name} is no table"));
    }
    if table.has_children {
        return refuse(format!(
            "{table_name} has tables that inherit from it, which a unique index does not cover"
        ));
    }
    if let Some(rule) = table.rules.first() {
        return refuse(format!(
            "{table_name} has a rule, {rule}, which replaces the change by something else"
        ));
    }
    let mut seen = BTreeSet::new();
    for ReturnedColumn { name, .. } in columns {
        if !seen.insert(name) {
            return refuse(format!("its query returns column {name} twice"));
        }
    }
    for key in &check.key {
        if !seen.contains(&key.name) {
            return refuse(format!("its query does not return {}, of the key", key.name));
        }
    }
    let is_key = |column: &&ReturnedColumn| check.key.iter().any(|key| key.name == column.name);
    let (keys, others): (Vec<_>, Vec<_>) = columns.iter().partition(is_key);
    for ReturnedColumn { name, type_oid } in keys {
        if let Some(target) = table.column(name)
            && !is_assignable(session, *type_oid, target.type_oid).await?
        {
            return refuse(format!(
                "{name}, of the key, is of type {} in {table_name}; cast it there",
                target.type_name
            ));
        }
    }
    match (fix.action, others.as_slice()) {
        (Action::Delete, []) => return Ok(Vec::new()),
        (Action::Delete, _) => {
            return refuse("it deletes: its query returns the key and nothing else".to_owned());
        }
        (Action::Update, []) => {
            return refuse(
                "its query returns the key and no column to set; `-- action: delete` deletes the rows"
                    .to_owned(),
            );
        }
        (Action::Update, _) => {}
    }
    for ReturnedColumn { name, type_oid } in &others {
        let Some(target) = table.column(name) else {
            return refuse(format!("{table_name} has no column {name}{}", table.suggestion(name)));
        };
        if target.generated || target.identity {
            return refuse(format!("column {name} of {table_name} is generated: it cannot be set"));
        }
        if !is_assignable(session, *type_oid, target.type_oid).await? {
            return refuse(format!(
                "column {name} of {table_name} is of type {}, which what the query returns cannot be assigned to; cast it \
                 there",
                target.type_name
            ));
        }
    }
    Ok(others.into_iter().map(|column| column.name.clone()).collect())
}

/// Whether a value of one type can be assigned to a column of another, as in an INSERT (manual, "Value Storage"). A text can
/// be assigned to any type, as a literal can.
async fn is_assignable(session: &mut Session, from: u32, to: u32) -> Result<bool> {
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
