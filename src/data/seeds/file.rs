//! `schema/seeds/*.toml`: what a file declares, and reading all of them. Whether a database has such tables and columns is
//! not known here.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::csv;
use super::value::Value;
use crate::error::Failure;
use crate::postgres::sql::{read_file, without_bom};
use crate::toml_table::{Section, Source};

/// What is done to rows that are there already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// They are made as declared.
    #[default]
    Upsert,
    /// Nothing: only rows that are missing are made.
    Insert,
}

/// Every file, sorted by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seeds {
    /// One for each.
    pub tables: Vec<Arc<Seed>>,
}

/// The declared rows of one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seed {
    /// `schema/seeds/organizations.toml`
    pub file: String,
    /// The table as written, and the line.
    pub table: (String, usize),
    /// The columns that identify a row, and the line.
    pub key: (Vec<String>, usize),
    /// What is done to rows that are there.
    pub mode: Mode,
    /// Columns that are set when another one changes.
    pub on_change: Vec<Cell>,
    /// The rows, as they stand in the file; those of its CSV file follow.
    pub rows: Vec<Row>,
}

/// One declared row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The file that it stands in.
    pub file: Arc<str>,
    /// The line that it begins on.
    pub line: usize,
    /// Its values.
    pub cells: Vec<Cell>,
}

/// The value of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// The column's name, as `pg_catalog` has it.
    pub column: String,
    /// The value.
    pub value: Value,
    /// Its line.
    pub line: usize,
}

impl Row {
    /// The value of a column.
    pub fn get(&self, column: &str) -> Option<&Cell> {
        self.cells.iter().find(|cell| cell.column == column)
    }

    /// An error about the row (exit 2).
    pub fn wrong(&self, line: usize, what: impl AsRef<str>) -> Failure {
        Failure::usage(format!("{}:{line}: {}", self.file, what.as_ref()))
    }
}

impl Seed {
    /// An error about a line of the file (exit 2).
    pub fn wrong(&self, line: usize, what: impl AsRef<str>) -> Failure {
        Failure::usage(format!("{}:{line}: {}", self.file, what.as_ref()))
    }

    /// Every column that a row names, each once, in the order of the file.
    pub fn columns(&self) -> impl Iterator<Item = &Cell> {
        let mut seen = std::collections::HashSet::new();
        let cells = self.rows.iter().flat_map(|row| &row.cells);
        cells.filter(move |cell| seen.insert(cell.column.as_str()))
    }
}

impl Seeds {
    /// Whether nothing is declared.
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// Reads the directory, which need not exist.
    ///
    /// # Errors
    /// Exit 2, with file, line and what was expected.
    pub fn read(directory: &Path) -> Result<Self, Failure> {
        let unreadable = |error: std::io::Error| Failure::usage(format!("{}: {error}", directory.display()));
        let entries = match fs::read_dir(directory) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            entries => entries.map_err(unreadable)?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.map_err(unreadable)?.file_name();
            let Some(name) = name.to_str() else {
                return Err(Failure::usage(format!(
                    "{}: the name of {} is not UTF-8",
                    directory.display(),
                    name.to_string_lossy()
                )));
            };
            if !name.starts_with('.') && name.ends_with(".toml") {
                names.push(name.to_owned());
            }
        }
        names.sort();
        let read = |name: &String| {
            let text = read_file(&directory.join(name))?;
            let rows = |csv: &str| read_file(&directory.join(csv));
            Seed::parse(&format!("schema/seeds/{name}"), &text, &rows).map(Arc::new)
        };
        Ok(Self { tables: names.iter().map(read).collect::<Result<_, _>>()? })
    }
}

impl Seed {
    /// Reads the text of a file; `csv` reads a file beside it.
    ///
    /// # Errors
    /// As [`Seeds::read`].
    pub fn parse(
        file: &str,
        text: &str,
        csv: &dyn Fn(&str) -> Result<String, Failure>,
    ) -> Result<Self, Failure> {
        let text = without_bom(text);
        let source = Source { name: file, text };
        let document = DeTable::parse(text)
            .map_err(|error| source.error(&error.span().unwrap_or(0..0), error.message().trim_end()))?;
        let top = Section::new(source, "", document.get_ref());
        let line = |key| top.raw(key).map_or(1, |value| source.line(&value.span()));
        let required =
            |key: &str, what: &str| source.error(&(0..0), format!("{key}: expected {what}, found nothing"));
        let table = top.string("table")?;
        let key = top.strings("key")?;
        let mode = top.read("mode", "\"upsert\" or \"insert\"", |value| match value.as_str()? {
            "upsert" => Some(Mode::Upsert),
            "insert" => Some(Mode::Insert),
            _ => None,
        })?;
        let on_change = match top.raw("on_change").map(|value| (value, value.get_ref().as_table())) {
            None => Vec::new(),
            Some((_, Some(columns))) => cells(source, columns)?,
            Some((value, None)) => {
                return Err(source.error(&value.span(), "on_change: expected a table of columns"));
            }
        };
        let rows_of = top.string("csv")?;
        let rows = top.raw("rows");
        let lines = (line("table"), line("key"), line("csv"));
        top.finish()?;
        let table = table.ok_or_else(|| required("table", "the table's name"))?;
        let key = key.filter(|key| !key.is_empty());
        let key = key.ok_or_else(|| required("key", "a list of the columns that identify a row"))?;
        let mut seed = Self {
            file: file.to_owned(),
            table: (table, lines.0),
            key: (key, lines.1),
            mode: mode.unwrap_or_default(),
            on_change,
            rows: Vec::new(),
        };
        if rows.is_none() && rows_of.is_none() {
            return Err(required("rows", "[[rows]], or csv = \"FILE\""));
        }
        let name: Arc<str> = file.into();
        for (row, table) in rows.map(|rows| tables(source, rows)).transpose()?.unwrap_or_default() {
            seed.rows.push(Row { file: Arc::clone(&name), line: row, cells: cells(source, table)? });
        }
        if let Some(rows_of) = rows_of {
            // Beside the file: what a repository has elsewhere, or a machine, is no reference row.
            if rows_of.contains(['/', '\\']) || rows_of.starts_with('.') {
                return Err(seed.wrong(lines.2, "csv: expected the name of a file beside this one"));
            }
            let shown = format!("schema/seeds/{rows_of}");
            let text = csv(&rows_of)
                .map_err(|error| seed.wrong(lines.2, format!("csv: {}", error.what)).next(error.next))?;
            seed.rows.extend(csv::rows(&shown, &text)?);
        }
        seed.refuse_odd_keys()?;
        Ok(seed)
    }

    /// Every row has its key, and no other row has the same one.
    fn refuse_odd_keys(&self) -> Result<(), Failure> {
        let mut seen: HashMap<Vec<String>, (&Arc<str>, usize)> = HashMap::with_capacity(self.rows.len());
        for row in &self.rows {
            let mut values = Vec::with_capacity(self.key.0.len());
            for column in &self.key.0 {
                let Some(cell) = row.get(column) else {
                    return Err(
                        row.wrong(row.line, format!("{column}: a column of the key, which this row lacks"))
                    );
                };
                let plain = match &cell.value {
                    Value::Null => Err("NULL"),
                    Value::Expression(_) => Err("an expression"),
                    plain => plain.to_json(false).map_err(|_| "no value"),
                };
                values.push(plain.map_err(|found| {
                    row.wrong(
                        cell.line,
                        format!(
                            "{column}: expected a plain value, as the key says which row it is; found {found}"
                        ),
                    )
                })?);
            }
            if let Some((file, line)) = seen.insert(values, (&row.file, row.line)) {
                let key = self.key.0.join(", ");
                return Err(row.wrong(row.line, format!("the same {key} as the row at {file}:{line}")));
            }
        }
        if let Some(cell) = self.on_change.iter().find(|cell| matches!(cell.value, Value::Json(_))) {
            let what = format!("on_change: {}: expected a plain value or an expression", cell.column);
            return Err(self.wrong(cell.line, what));
        }
        let is_key = |cell: &&Cell| self.key.0.contains(&cell.column);
        match self.on_change.iter().find(is_key) {
            Some(cell) => {
                Err(self.wrong(cell.line, format!("on_change: {} is a column of the key", cell.column)))
            }
            None => Ok(()),
        }
    }
}

/// The tables of `[[rows]]`, each with its line.
fn tables<'a, 'i>(
    source: Source<'_>,
    rows: &'a Spanned<DeValue<'i>>,
) -> Result<Vec<(usize, &'a DeTable<'i>)>, Failure> {
    const EXPECTED: &str = "rows: expected [[rows]], each a table of columns";
    let list = rows.get_ref().as_array().ok_or_else(|| source.error(&rows.span(), EXPECTED))?;
    let table = |row: &'a Spanned<DeValue<'i>>| {
        let table = row.get_ref().as_table().ok_or_else(|| source.error(&row.span(), EXPECTED))?;
        Ok((source.line(&row.span()), table))
    };
    list.iter().map(table).collect()
}

fn cells(source: Source<'_>, table: &DeTable<'_>) -> Result<Vec<Cell>, Failure> {
    let cell = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
        let key: &Spanned<std::borrow::Cow<'_, str>> = key;
        let column: &str = key.get_ref();
        if column.is_empty() {
            return Err(source.error(&key.span(), "expected a column's name, found an empty one"));
        }
        let read = Value::read(value.get_ref());
        let value_of = read.map_err(|why| source.error(&value.span(), format!("{column}: {why}")))?;
        Ok(Cell { column: column.to_owned(), value: value_of, line: source.line(&value.span()) })
    };
    // As they stand in the file: whoever reads a plan compares it with that.
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries.into_iter().map(cell).collect()
}
