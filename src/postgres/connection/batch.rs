//! Several statements as one message, each with a sink of its own for its rows.

use std::ops::Range;

use anyhow::Result;

use super::row::{Row, RowBuffer, Single};
use super::value::FromValue;
use super::{ReadOnlyTransaction, ReadingScope};

type Sink<'s> = Box<dyn FnMut(usize, &Row<'_>) -> Result<()> + Send + 's>;

/// Statements that are sent together, in one round trip. Every one of them is a single statement without a semicolon.
#[derive(Default)]
pub struct Batch<'s> {
    statements: Vec<Statement>,
    sinks: Vec<Sink<'s>>,
}

struct Statement {
    sql: String,
    /// The sink of its rows, and its number there; `None` when its rows do not matter.
    sink: Option<(usize, usize)>,
}

impl<'s> Batch<'s> {
    /// Adds a statement whose rows do not matter.
    pub fn execute(&mut self, sql: impl Into<String>) {
        self.statements.push(Statement { sql: sql.into(), sink: None });
    }

    /// Adds statements whose rows do not matter.
    pub fn execute_all(&mut self, statements: impl IntoIterator<Item = String>) {
        self.statements.extend(statements.into_iter().map(|sql| Statement { sql, sink: None }));
    }

    /// Adds the statements that begin a transaction.
    pub fn begin(&mut self, transaction: ReadOnlyTransaction) {
        self.execute_all(transaction.into_statements());
    }

    /// Adds the statements that end a reading.
    pub fn end(&mut self, scope: ReadingScope) {
        self.execute_all(scope.end().iter().map(|&statement| statement.to_owned()));
    }

    /// Adds a statement whose rows `sink` takes.
    pub fn each(&mut self, sql: impl Into<String>, mut sink: impl FnMut(&Row<'_>) -> Result<()> + Send + 's) {
        self.each_of([sql.into()], move |_, row| sink(row));
    }

    /// Adds statements whose rows `sink` takes, with the number of the statement among these, from 0. Returns their
    /// numbers in the message, for [`super::Session::statements_done`].
    pub fn each_of(
        &mut self,
        statements: impl IntoIterator<Item = String>,
        sink: impl FnMut(usize, &Row<'_>) -> Result<()> + Send + 's,
    ) -> Range<usize> {
        let first = self.statements.len();
        let place = self.sinks.len();
        self.sinks.push(Box::new(sink));
        let numbered = statements.into_iter().enumerate();
        self.statements.extend(numbered.map(|(number, sql)| Statement { sql, sink: Some((place, number)) }));
        first..self.statements.len()
    }

    /// Adds a statement whose rows are collected.
    pub fn rows(&mut self, sql: impl Into<String>, rows: &'s mut RowBuffer) {
        let statement = self.statements.len();
        self.each(sql, move |row| {
            rows.push(statement, row);
            Ok(())
        });
    }

    /// Adds a statement of exactly one row, which `read` reads.
    pub fn single<T: Send>(
        &mut self,
        sql: impl Into<String>,
        single: &'s mut Single<T>,
        mut read: impl FnMut(&Row<'_>) -> Result<T> + Send + 's,
    ) {
        self.each(sql, move |row| Ok(single.set(read(row)?)?));
    }

    /// Adds a statement of exactly one row, whose first column is read.
    pub fn scalar<T>(&mut self, sql: impl Into<String>, single: &'s mut Single<T>)
    where
        T: for<'v> FromValue<'v> + Send,
    {
        self.single(sql, single, |row| Ok(row.at(0)?));
    }

    /// Whether there is no statement.
    pub fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }

    /// How many statements there are.
    pub fn len(&self) -> usize {
        self.statements.len()
    }

    /// The message.
    pub(super) fn sql(&self) -> String {
        let statements: Vec<&str> = self.statements.iter().map(|statement| statement.sql.as_str()).collect();
        statements.join(";\n")
    }

    /// Hands a row of the statement of that number to its sink.
    pub(super) fn row(&mut self, statement: usize, row: &Row<'_>) -> Result<()> {
        match self.statements.get(statement).and_then(|statement| statement.sink) {
            Some((place, number)) => (self.sinks[place])(number, row),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_keep_their_order_and_know_their_numbers() {
        let mut identity: Single<String> = Single::default();
        let mut batch = Batch::default();
        batch.execute("BEGIN");
        batch.scalar("SELECT current_database()", &mut identity);
        let seeds = batch.each_of(["SELECT 1".to_owned(), "SELECT 2".to_owned()], |_, _| Ok(()));
        batch.execute_all(["COMMIT".to_owned()]);
        assert_eq!(seeds, 2..4);
        assert_eq!(batch.len(), 5);
        assert_eq!(batch.sql(), "BEGIN;\nSELECT current_database();\nSELECT 1;\nSELECT 2;\nCOMMIT");
    }
}
