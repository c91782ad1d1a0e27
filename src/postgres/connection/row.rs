//! Rows of an answer, read by the column's name and type.

use std::sync::Arc;

use sqlx::postgres::{PgRow, PgValueRef};
use sqlx::{Column as _, Row as _, ValueRef as _};

use super::value::{FromValue, RowError, read};

/// A column of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnedColumn {
    /// The name of the column.
    pub name: String,
    /// The oid of its type; 0 where it is not known.
    pub type_oid: u32,
}

/// One row while it arrives, its values in the server's text format.
#[derive(Debug)]
pub struct Row<'r>(&'r PgRow);

impl<'r> Row<'r> {
    pub(super) fn new(row: &'r PgRow) -> Self {
        Self(row)
    }

    /// The value of the column of that name.
    ///
    /// # Errors
    /// There is no such column, or its value is not of the type.
    pub fn get<T: FromValue<'r>>(&self, column: &str) -> Result<T, RowError> {
        read_raw(column, self.0.try_get_raw(column).ok())
    }

    /// The value of a column by its position, from 0: for queries whose columns have no names of their own.
    ///
    /// # Errors
    /// There is no such column, or its value is not of the type.
    pub fn at<T: FromValue<'r>>(&self, position: usize) -> Result<T, RowError> {
        let Some(column) = self.0.columns().get(position) else {
            return Err(RowError::NoColumn { column: position.to_string() });
        };
        read_raw(column.name(), self.0.try_get_raw(position).ok())
    }

    /// The value of a column, `None` for NULL: for the catalog reader, which reads many rows from left to right.
    ///
    /// # Panics
    /// When the statement has no such column.
    pub fn text(&self, column: usize) -> Option<&'r str> {
        let value = self.0.try_get_raw(column).expect("a column of the statement");
        if value.is_null() { None } else { Some(value.as_str().expect("client_encoding is UTF8")) }
    }

    /// The columns, from left to right.
    pub fn columns(&self) -> Vec<ReturnedColumn> {
        let columns = self.0.columns().iter().map(|column| ReturnedColumn {
            name: column.name().to_owned(),
            type_oid: column.type_info().oid().map_or(0, |oid| oid.0),
        });
        columns.collect()
    }

    /// Whether the first column has this name.
    pub(super) fn first_column_is(&self, column: &str) -> bool {
        self.0.columns().first().is_some_and(|first| first.name() == column)
    }

    /// How many columns the row has.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the row has no column at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn names(&self) -> Arc<[String]> {
        self.0.columns().iter().map(|column| column.name().to_owned()).collect()
    }

    /// All values as texts, from left to right, `None` for NULL: for rows that are only shown.
    pub fn values(&self) -> Vec<Option<String>> {
        (0..self.len()).map(|column| self.text(column).map(str::to_owned)).collect()
    }
}

/// Reads the value of a column; `value` is `None` where there is no such column.
fn read_raw<'r, T: FromValue<'r>>(column: &str, value: Option<PgValueRef<'r>>) -> Result<T, RowError> {
    let Some(value) = value else { return Err(RowError::NoColumn { column: column.to_owned() }) };
    if value.is_null() {
        return read(column, None);
    }
    let text = value.as_str().map_err(|_| RowError::Unreadable {
        column: column.to_owned(),
        expected: "text in UTF-8",
        text: String::new(),
    })?;
    read(column, Some(text))
}

/// One row that outlives the message it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedRow {
    names: Arc<[String]>,
    values: Vec<Option<String>>,
}

impl OwnedRow {
    /// The value of the column of that name.
    ///
    /// # Errors
    /// There is no such column, or its value is not of the type.
    pub fn get<'v, T: FromValue<'v>>(&'v self, column: &str) -> Result<T, RowError> {
        match self.names.iter().position(|name| name == column) {
            Some(position) => self.at(position),
            None => Err(RowError::NoColumn { column: column.to_owned() }),
        }
    }

    /// The value of a column by its position, from 0: for queries whose columns have no names of their own.
    ///
    /// # Errors
    /// There is no such column, or its value is not of the type.
    pub fn at<'v, T: FromValue<'v>>(&'v self, position: usize) -> Result<T, RowError> {
        match (self.names.get(position), self.values.get(position)) {
            (Some(name), Some(value)) => read(name, value.as_deref()),
            _ => Err(RowError::NoColumn { column: position.to_string() }),
        }
    }

    /// Whether the row has a column of that name.
    pub fn has(&self, column: &str) -> bool {
        self.names.iter().any(|name| name == column)
    }

    /// How many columns the row has.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether the row has no column at all.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// All values as texts, from left to right, `None` for NULL: for rows that are only shown.
    pub fn into_values(self) -> Vec<Option<String>> {
        self.values
    }

    /// A row that no server sent.
    #[cfg(test)]
    pub(crate) fn of(columns: &[(&str, Option<&str>)]) -> Self {
        Self {
            names: columns.iter().map(|(name, _)| (*name).to_owned()).collect(),
            values: columns.iter().map(|(_, value)| value.map(str::to_owned)).collect(),
        }
    }
}

/// Collects rows; those of one statement share the names of their columns.
#[derive(Debug, Default)]
pub struct RowBuffer {
    statement: Option<(usize, Arc<[String]>)>,
    rows: Vec<OwnedRow>,
}

impl RowBuffer {
    /// Takes over a row of the statement of that number.
    pub fn push(&mut self, statement: usize, row: &Row<'_>) {
        let names = match &self.statement {
            Some((last, names)) if *last == statement => Arc::clone(names),
            _ => {
                let names = row.names();
                self.statement = Some((statement, Arc::clone(&names)));
                names
            }
        };
        self.rows.push(OwnedRow { names, values: row.values() });
    }

    /// Forgets the rows.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// The rows in the order in which they came.
    pub fn into_vec(self) -> Vec<OwnedRow> {
        self.rows
    }
}

/// What is read from exactly one row.
#[derive(Debug)]
pub struct Single<T>(Option<T>);

impl<T> Default for Single<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Single<T> {
    /// Takes over what the row says.
    ///
    /// # Errors
    /// There is a second row.
    pub fn set(&mut self, value: T) -> Result<(), RowError> {
        match self.0.replace(value) {
            None => Ok(()),
            Some(_) => Err(RowError::SecondRow),
        }
    }

    /// What the row says.
    ///
    /// # Errors
    /// There is no row.
    pub fn get(self) -> Result<T, RowError> {
        self.0.ok_or(RowError::NoRow)
    }

    /// What the row says; `None` when there is no row.
    pub fn optional(self) -> Option<T> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owned_row_is_read_by_name_and_by_position() {
        let row = OwnedRow::of(&[("run", Some("01J")), ("changed", Some("190")), ("detail", None)]);
        assert_eq!(row.get::<&str>("run"), Ok("01J"));
        assert_eq!(row.get::<u64>("changed"), Ok(190));
        assert_eq!(row.at::<u64>(1), Ok(190));
        assert_eq!(row.get::<Option<String>>("detail"), Ok(None));
        assert_eq!(row.get::<u64>("detail"), Err(RowError::Null { column: "detail".into() }));
        assert_eq!(row.get::<u64>("kept"), Err(RowError::NoColumn { column: "kept".into() }));
        assert_eq!(row.at::<u64>(3), Err(RowError::NoColumn { column: "3".into() }));
        assert!(row.get::<u64>("run").is_err());
    }

    #[test]
    fn a_single_answer_is_neither_missing_nor_repeated() {
        assert_eq!(Single::<u64>::default().get(), Err(RowError::NoRow));
        let mut single = Single::default();
        assert_eq!(single.set(1), Ok(()));
        assert_eq!(single.set(2), Err(RowError::SecondRow));
    }
}
