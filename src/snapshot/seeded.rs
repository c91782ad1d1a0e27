//! The rows of the project's seeds in a database. They are read in the third message of a snapshot, and only where the
//! project has seeds.
//!
//! A statement that fails ends the whole attempt. When it failed because the role may not read a table, everything is read
//! once more, and of the seeds only which tables the role may read. When it failed because the server did not accept a
//! declared value, the value is looked for.

use std::ops::Range;

use anyhow::Result;

use super::internal_state::InternalTables;
use super::{Request, SILENCE};
use crate::data::seeds::{RowFilter, SeedQuery, SeedQueryRow, TableColumn, TableColumns};
use crate::error::{ErrorCode, Failure};
use crate::postgres::catalog::UntrustedCode;
use crate::postgres::catalog::reader::{self, Assembler};
use crate::postgres::connection::{self, Batch, ReadOnlyTransaction, Row, Session, sqlstate};
use crate::postgres::sql::literal;

/// The seeds in a database.
#[derive(Debug, Clone, Default)]
pub struct Seeded {
    /// The tables whose rows were read.
    pub asked: Vec<Asked>,
    /// The tables whose rows this role may not see, and why not. When there are any, no rows were read at all.
    pub unseen: Vec<UnseenTable>,
    /// The indexes of the project's seeds whose table does not exist with all their columns.
    pub absent: Vec<usize>,
    /// Whether it is known what was seeded last. Where there is no record, nothing was.
    pub known: bool,
    /// Whether there is a record of it.
    pub recorded: bool,
}

/// A table whose rows this role cannot all see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnseenTable {
    /// The table, qualified and quoted.
    pub table: String,
    /// Why, where that is known.
    pub why: Option<UnseenReason>,
}

/// Why a role cannot see all rows of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnseenReason {
    /// It has no right to use the schema.
    Schema,
    /// It has no right to read the table.
    Table,
    /// Row-level security hides rows.
    Rows,
    /// Reading it could run code of a weaker role.
    Code(UntrustedCode),
}

impl UnseenReason {
    fn from_word(word: &str) -> Option<Self> {
        match word {
            "schema" => Some(Self::Schema),
            "table" => Some(Self::Table),
            "rows" => Some(Self::Rows),
            _ => None,
        }
    }

    /// The reason in words.
    pub fn in_words(&self) -> String {
        match self {
            Self::Schema => "no right to use its schema".to_owned(),
            Self::Table => "no right to read it".to_owned(),
            Self::Rows => "row-level security hides rows of it".to_owned(),
            Self::Code(code) => code.sentence(),
        }
    }
}

/// One table, and its rows that differ from the declaration.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The index among the project's seeds.
    pub seed: usize,
    /// The question.
    pub question: SeedQuery,
    /// The answers.
    pub answers: Vec<SeedQueryRow>,
}

/// The reading of the seeds in one attempt.
#[derive(Debug)]
pub(super) struct SeedReading {
    asked: Vec<Asked>,
    unseen: Vec<UnseenTable>,
    absent: Vec<usize>,
    known: bool,
    recorded: bool,
    /// Whether rows are read, or only which tables this role may read.
    readable: bool,
    /// The numbers of the statements about seeds in the message.
    statements: Range<usize>,
}

impl SeedReading {
    pub(super) fn new(readable: bool) -> Self {
        Self {
            asked: Vec::new(),
            unseen: Vec::new(),
            absent: Vec::new(),
            known: false,
            recorded: false,
            readable,
            statements: 0..0,
        }
    }

    /// Finds the tables, and returns the oids of those that may run code when they are read.
    ///
    /// # Errors
    /// Exit 2: a text in a json column is no JSON.
    pub(super) fn find_tables(
        &mut self,
        request: &Request,
        assembler: &Assembler,
        tables: &InternalTables,
    ) -> Result<Vec<u32>> {
        let mut suspects = Vec::new();
        self.known = !tables.hides_seeds();
        self.recorded = tables.has_seeds();
        for (number, seed) in request.seeds.tables.iter().enumerate() {
            let table = |schema: &str, name: &str| {
                let columns = assembler.table(schema, name)?.into_iter();
                Some(columns.map(|(name, type_oid)| TableColumn { name, type_oid }).collect())
            };
            let found: Option<TableColumns> = seed.find(&request.search_path, table);
            if seed.rows.is_empty() {
                continue;
            }
            // A pending migration may create the table.
            let Some(columns) = found.filter(|columns| columns.has_all_of(seed)) else {
                self.absent.push(number);
                continue;
            };
            suspects.extend(assembler.may_run_code(&columns.table.schema, &columns.table.name));
            let question = SeedQuery::new(seed, columns)?;
            self.asked.push(Asked { seed: number, question, answers: Vec::new() });
        }
        Ok(suspects)
    }

    /// Whether rows of this table are declared and asked for.
    pub(super) fn fills(&self, schema: &str, name: &str) -> bool {
        let mut tables = self.asked.iter().map(|asked| &asked.question.columns.table);
        tables.any(|table| table.schema == schema && table.name == name)
    }

    /// Reads no rows of any table where reading one of them could run code of a weaker role.
    pub(super) fn refuse(&mut self, code: Vec<UntrustedCode>) {
        if !code.is_empty() {
            self.asked.clear();
        }
        self.unseen.extend(
            code.into_iter().map(|code| UnseenTable {
                table: code.relation.clone(),
                why: Some(UnseenReason::Code(code)),
            }),
        );
    }

    /// The statements that read the tables.
    pub(super) fn statements(&self, request: &Request, tables: &InternalTables) -> Vec<String> {
        let sql = |asked: &Asked| match self.readable {
            true => asked.question.sql(tables.has_seeds(), request.seed_rows),
            false => visibility(&asked.question.columns),
        };
        self.asked.iter().map(sql).collect()
    }

    /// Adds the statements of [`SeedReading::statements`] to a message.
    pub(super) fn ask<'s>(&'s mut self, batch: &mut Batch<'s>, statements: Vec<String>) {
        let first = batch.len();
        self.statements = first..first + statements.len();
        batch.each_of(statements, |number, row| self.row(number, row));
    }

    fn row(&mut self, statement: usize, row: &Row<'_>) -> Result<()> {
        let asked = &mut self.asked[statement];
        if self.readable {
            let answer = asked.question.read_row(row)?;
            asked.answers.push(answer);
        } else if let Some(why) = row.get::<Option<&str>>("why")? {
            self.unseen.push(UnseenTable {
                table: asked.question.columns.path(),
                why: UnseenReason::from_word(why),
            });
        }
        Ok(())
    }

    pub(super) fn finish(&mut self) -> Seeded {
        let asked = std::mem::take(&mut self.asked);
        let mut unseen = std::mem::take(&mut self.unseen);
        let absent = std::mem::take(&mut self.absent);
        if self.readable {
            return Seeded { asked, unseen, absent, known: self.known, recorded: self.recorded };
        }
        // Reading failed for want of a right that the query does not know: no table was read.
        if unseen.is_empty() {
            let tables = asked.iter().map(|asked| asked.question.columns.path());
            unseen.extend(tables.map(|table| UnseenTable { table, why: None }));
        }
        Seeded { asked: Vec::new(), unseen, absent, known: self.known, recorded: self.recorded }
    }

    /// The table whose statement ended the message.
    fn failed(&self, session: &Session) -> Option<&Asked> {
        let done = session.statements_done();
        self.statements.contains(&done).then(|| &self.asked[done - self.statements.start])
    }

    /// Whether the attempt failed because this role may not read a table, or not all rows of it.
    pub(super) fn is_denied(&self, session: &Session, error: &anyhow::Error) -> bool {
        let denied = connection::server_error(error)
            .is_some_and(|said| connection::describe(said).is(sqlstate::INSUFFICIENT_PRIVILEGE));
        denied && self.failed(session).is_some()
    }

    /// Whether the attempt failed because the server did not accept a declared value.
    pub(super) fn is_refused(&self, session: &Session, error: &anyhow::Error) -> bool {
        let state = connection::server_error(error).and_then(|said| connection::describe(said).sqlstate);
        // A domain has checks and NOT NULL, and its checks may call functions that raise exceptions.
        let refused = state.is_some_and(|state| {
            state.starts_with(sqlstate::DATA_EXCEPTION_CLASS)
                || matches!(
                    state.as_str(),
                    sqlstate::CHECK_VIOLATION | sqlstate::NOT_NULL_VIOLATION | sqlstate::RAISE_EXCEPTION
                )
        });
        refused && self.failed(session).is_some()
    }

    /// Why the rows of a table cannot be read: something that the table uses calls a function that is found by the
    /// search_path alone. No DDL of somebody else is the reason.
    pub(super) fn relies_on_search_path(&self, session: &Session, error: &anyhow::Error) -> Option<Failure> {
        let said = connection::server_error(error).map(connection::describe)?;
        let asked = self.failed(session).filter(|_| said.is(sqlstate::UNDEFINED_FUNCTION))?;
        let what = format!("the rows of {} cannot be read: {}", asked.question.columns.path(), said.text());
        Some(Failure::cannot_tell(what).code(ErrorCode::DATA_HIDDEN).next(
            "an index, a check or a domain of the table calls a function that depends on the search_path: ALTER FUNCTION ... SET \
             search_path = ...",
        ))
    }

    /// Finds the value that the server does not accept, and returns an error that names it (exit 2). Returns the error
    /// itself when there is no such value.
    pub(super) async fn find_refused_value(
        &self,
        session: &mut Session,
        request: &Request,
        error: anyhow::Error,
    ) -> anyhow::Error {
        let Some(asked) = self.failed(session) else { return error };
        let question = &asked.question;
        let mut trial = Trial { session, request, question };
        if trial.session.execute("ROLLBACK").await.is_err() {
            return connection::server_failure(error, "reading the seeds");
        }
        let mut rows = 0..question.len();
        while rows.len() > 1 {
            let half = rows.start + rows.len() / 2;
            match trial.refuses(rows.start..half, None).await {
                Ok(Some(_)) => rows.end = half,
                Ok(None) => rows.start = half,
                Err(error) => return connection::server_failure(error, "reading the seeds"),
            }
        }
        let row = &question.seed.rows[rows.start];
        for cell in &row.cells {
            match trial.refuses(rows.clone(), Some(&cell.column)).await {
                Ok(Some(message)) => {
                    return row.error_at(cell.line, format!("{}: {message}", cell.column)).into();
                }
                Ok(None) => {}
                Err(error) => return connection::server_failure(error, "reading the seeds"),
            }
        }
        connection::server_failure(error, "reading the seeds")
    }
}

/// Has the server read some of the declared rows, each time in a transaction of its own.
struct Trial<'a> {
    session: &'a mut Session,
    request: &'a Request,
    question: &'a SeedQuery,
}

impl Trial<'_> {
    /// The server's error message about some rows, or about one column of them; `None` when it accepts them.
    async fn refuses(&mut self, rows: Range<usize>, column: Option<&str>) -> Result<Option<String>> {
        let transaction = ReadOnlyTransaction::read_committed()
            .statement_timeout(self.request.statement_timeout)
            .settings(reader::SETTINGS)
            .role(self.request.set_role.as_deref());
        let sql = format!("{}; {}; ROLLBACK", transaction.sql(), self.question.read_check(rows, column));
        self.session.give_up_after(self.request.statement_timeout.saturating_add(SILENCE));
        match self.session.execute(sql).await {
            Ok(()) => Ok(None),
            Err(error) => {
                let refusal = connection::server_error(&error)
                    .map(connection::describe)
                    .filter(|refusal| refusal.sqlstate.is_some());
                let Some(refusal) = refusal else { return Err(error) };
                self.session.execute("ROLLBACK").await?;
                Ok(Some(refusal.message))
            }
        }
    }
}

/// The query that answers why this role does not see all rows of a table, NULL when it does.
fn visibility(columns: &TableColumns) -> String {
    let path = literal(&columns.path());
    format!(
        "SELECT CASE WHEN NOT has_schema_privilege({}, 'USAGE') THEN 'schema' \
         WHEN NOT has_table_privilege({path}, 'SELECT') THEN 'table' \
         WHEN row_security_active({path}) THEN 'rows' END AS why",
        literal(&columns.table.schema)
    )
}

/// Asks again in the open transaction, and returns the answers by question. Sets [`reader::SETTINGS`] for the rest of the
/// transaction.
///
/// # Errors
/// The server's and the connection's. The transaction is then aborted.
pub async fn ask_inside(session: &mut Session, questions: &[&SeedQuery]) -> Result<Vec<Vec<SeedQueryRow>>> {
    let mut answers: Vec<Vec<SeedQueryRow>> = vec![Vec::new(); questions.len()];
    let mut batch = Batch::default();
    batch.execute_all(
        reader::SETTINGS.split(';').filter(|setting| !setting.trim().is_empty()).map(str::to_owned),
    );
    let statements: Vec<String> =
        questions.iter().map(|question| question.sql(true, RowFilter::Differing)).collect();
    batch.each_of(statements, |number, row| {
        answers[number].push(questions[number].read_row(row)?);
        Ok(())
    });
    session.run(batch).await?;
    Ok(answers)
}

/// Whether the open transaction has written a row that it sees, with this `xmin`: itself, or one of its subtransactions,
/// which are in progress as long as it is. After [`ask_inside`].
///
/// # Errors
/// The server's and the connection's.
pub async fn has_written(session: &mut Session, xmin: &str) -> Result<bool> {
    let xmin = literal(xmin);
    // A subtransaction has a greater id than its transaction. An xmin has the lower 32 bits of the id.
    session
        .scalar(format!(
            "SELECT CASE WHEN x.row = x.own % 4294967296 THEN true WHEN x.row > x.own % 4294967296 \
             THEN pg_xact_status((x.own - x.own % 4294967296 + x.row)::text::xid8) = 'in progress' ELSE false END AS own \
             FROM (SELECT {xmin}::int8 AS row, pg_current_xact_id()::text::int8 AS own) AS x"
        ))
        .await
}
