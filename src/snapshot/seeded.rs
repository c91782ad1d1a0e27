//! What a database has of the project's seeds: asked in the third message of a look, and only where there are any.
//!
//! A statement that fails takes the look with it. When it failed because the role may not read a table, all is read once
//! more, and only asked what it may; when the server did not take a declared value, it is found out which.

use std::ops::Range;

use anyhow::Result;

use super::internal_state::InternalTables;
use super::{Request, SILENCE};
use crate::data::seeds::{Answer, Column, Columns, Question, Rows};
use crate::postgres::catalog::reader::{self, Assembler};
use crate::postgres::connection::{self, Row, Session, sqlstate};
use crate::postgres::sql::{identifier, literal};

/// What a look found of the seeds.
#[derive(Debug, Clone, Default)]
pub struct Seeded {
    /// The tables that were asked for rows.
    pub asked: Vec<Asked>,
    /// The tables whose rows this role may not see, and why not: no others were asked then.
    pub unseen: Vec<String>,
    /// Which of the project's seeds are of a table that is not there with all their columns.
    pub absent: Vec<usize>,
    /// Whether it is known what was seeded last; nothing was where there is no record.
    pub known: bool,
}

/// One table, and its rows that are not as declared.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Which of the project's seeds it is.
    pub seed: usize,
    /// What was asked.
    pub question: Question,
    /// What was answered.
    pub answers: Vec<Answer>,
}

/// The questions of one attempt.
#[derive(Debug)]
pub(super) struct Confirmation {
    asked: Vec<Asked>,
    unseen: Vec<String>,
    absent: Vec<usize>,
    known: bool,
    /// Whether rows are asked for, or only which of them this role may see.
    readable: bool,
    /// The statements of the message that are about seeds.
    statements: Range<usize>,
}

impl Confirmation {
    pub(super) fn new(readable: bool) -> Self {
        Self {
            asked: Vec::new(),
            unseen: Vec::new(),
            absent: Vec::new(),
            known: false,
            readable,
            statements: 0..0,
        }
    }

    /// The statements, of which the first is the message's `first`.
    ///
    /// # Errors
    /// Exit 2: a text in a json column is no JSON.
    pub(super) fn statements(
        &mut self,
        request: &Request,
        assembler: &Assembler,
        own: &InternalTables,
        first: usize,
    ) -> Result<Vec<String>> {
        let recorded = own.has_seeds();
        self.known = !own.hides_seeds();
        for (number, seed) in request.seeds.tables.iter().enumerate() {
            let table = |schema: &str, name: &str| {
                let columns = assembler.table(schema, name)?.into_iter();
                Some(columns.map(|(name, type_oid)| Column { name, type_oid }).collect())
            };
            let found: Option<Columns> = seed.find(&request.search_path, table);
            if seed.rows.is_empty() {
                continue;
            }
            // A pending migration may make it.
            let Some(columns) = found.filter(|columns| columns.has_all_of(seed)) else {
                self.absent.push(number);
                continue;
            };
            let question = Question::new(seed, columns)?;
            self.asked.push(Asked { seed: number, question, answers: Vec::new() });
        }
        self.statements = first..first + self.asked.len();
        let sql = |asked: &Asked| match self.readable {
            true => asked.question.sql(recorded, request.seed_rows),
            false => visibility(&asked.question.columns),
        };
        Ok(self.asked.iter().map(sql).collect())
    }

    /// Takes a row of the statement with that number.
    pub(super) fn row(&mut self, statement: usize, row: &Row<'_>) -> Result<()> {
        let asked = &mut self.asked[statement];
        if self.readable {
            let answer = asked.question.answer(row)?;
            asked.answers.push(answer);
        } else if let Some(why) = row.text(0) {
            self.unseen.push(format!("{} ({why})", asked.question.columns.path()));
        }
        Ok(())
    }

    pub(super) fn finish(&mut self) -> Seeded {
        let asked = std::mem::take(&mut self.asked);
        let mut unseen = std::mem::take(&mut self.unseen);
        let absent = std::mem::take(&mut self.absent);
        if self.readable {
            return Seeded { asked, unseen, absent, known: self.known };
        }
        // Whatever right it was that lacked: nothing was seen.
        if unseen.is_empty() {
            unseen.extend(asked.iter().map(|asked| asked.question.columns.path()));
        }
        Seeded { asked: Vec::new(), unseen, absent, known: self.known }
    }

    fn failed(&self, session: &Session) -> Option<&Asked> {
        let done = session.statements_done();
        self.statements.contains(&done).then(|| &self.asked[done - self.statements.start])
    }

    /// Whether a look failed because this role may not read a table, or not all rows of it.
    pub(super) fn is_denied(&self, session: &Session, error: &anyhow::Error) -> bool {
        let denied = connection::server_error(error)
            .is_some_and(|said| connection::describe(said).is(sqlstate::INSUFFICIENT_PRIVILEGE));
        denied && self.failed(session).is_some()
    }

    /// Whether a look failed because the server did not take a declared value.
    pub(super) fn is_refused(&self, session: &Session, error: &anyhow::Error) -> bool {
        let state = connection::server_error(error).and_then(|said| connection::describe(said).sqlstate);
        // data_exception, check_violation and not_null_violation of a domain, what a function in one raises.
        let refused = state.is_some_and(|state| {
            state.starts_with(sqlstate::DATA_EXCEPTION_CLASS)
                || matches!(
                    state.as_str(),
                    sqlstate::CHECK_VIOLATION | sqlstate::NOT_NULL_VIOLATION | sqlstate::RAISE_EXCEPTION
                )
        });
        refused && self.failed(session).is_some()
    }

    /// Finds the value that the server does not take, and says so (exit 2); the error itself when there is none.
    pub(super) async fn tell_what_is_wrong(
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
                Ok(Some(said)) => return row.wrong(cell.line, format!("{}: {said}", cell.column)).into(),
                Ok(None) => {}
                Err(error) => return connection::server_failure(error, "reading the seeds"),
            }
        }
        connection::server_failure(error, "reading the seeds")
    }
}

/// Attempts to have the server read rows, each in a transaction of its own.
struct Trial<'a> {
    session: &'a mut Session,
    request: &'a Request,
    question: &'a Question,
}

impl Trial<'_> {
    /// What the server says against rows, or against one column of them.
    async fn refuses(&mut self, rows: Range<usize>, column: Option<&str>) -> Result<Option<String>> {
        let role = self.request.set_role.as_ref();
        let role = role.map(|role| format!("SET LOCAL ROLE {};", identifier(role))).unwrap_or_default();
        let sql = format!(
            "BEGIN READ ONLY; SET LOCAL statement_timeout = {}; {} {role} {}; ROLLBACK",
            self.request.statement_timeout.as_millis(),
            reader::SETTINGS,
            self.question.trial(rows, column)
        );
        self.session.give_up_after(self.request.statement_timeout.saturating_add(SILENCE));
        match self.session.execute(sql).await {
            Ok(()) => Ok(None),
            Err(error) => {
                let Some(said) = connection::server_error(&error)
                    .map(connection::describe)
                    .filter(|said| said.sqlstate.is_some())
                else {
                    return Err(error);
                };
                self.session.execute("ROLLBACK").await?;
                Ok(Some(said.message))
            }
        }
    }
}

/// Why this role does not see all rows of a table: one row of one text, NULL when it does.
fn visibility(columns: &Columns) -> String {
    let path = literal(&columns.path());
    format!(
        "SELECT CASE WHEN NOT has_schema_privilege({}, 'USAGE') THEN 'no right to use its schema' \
         WHEN NOT has_table_privilege({path}, 'SELECT') THEN 'no right to read it' \
         WHEN row_security_active({path}) THEN 'row-level security hides rows of it' END",
        literal(&columns.table.0)
    )
}

/// Asks again in the transaction that is open: the answers, and the transaction's own id as rows have it. Sets
/// [`reader::SETTINGS`] for what is left of it.
///
/// # Errors
/// The server's and the connection's. The transaction is then aborted.
pub async fn ask_inside(
    session: &mut Session,
    questions: &[&Question],
) -> Result<(Vec<Vec<Answer>>, String)> {
    let own = format!("{} SELECT pg_current_xact_id()::xid::text", reader::SETTINGS);
    let own = session.rows(own).await?.into_iter().flatten().flatten().next().unwrap_or_default();
    let statements: Vec<String> = questions.iter().map(|question| question.sql(true, Rows::Odd)).collect();
    let mut answers: Vec<Vec<Answer>> = vec![Vec::new(); questions.len()];
    if statements.is_empty() {
        return Ok((answers, own));
    }
    session
        .message(statements.join(";\n"), |statement, row| {
            let answer = questions[statement].answer(&row)?;
            answers[statement].push(answer);
            Ok(())
        })
        .await?;
    Ok((answers, own))
}
