//! Parses `schema/seeds/*.toml`. It does not know whether a database has the tables and columns.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::csv;
use super::value::DeclaredValue;
use crate::error::{ErrorCode, Failure};
use crate::postgres::sql::{read_file, without_bom};
use crate::toml_table::{TomlSource, TomlTable, line_ends};

/// What happens to existing rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SeedMode {
    /// They are updated to what is declared.
    #[default]
    Upsert,
    /// They stay as they are; only missing rows are inserted.
    Insert,
}

/// All seed files, sorted by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seeds {
    /// One seed for each file.
    pub tables: Vec<Arc<Seed>>,
}

/// The declared rows of one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seed {
    /// The file: `schema/seeds/organizations.toml`.
    pub file: String,
    /// The table as the file writes it.
    pub table: AtLine<String>,
    /// The columns of the key.
    pub key: AtLine<Vec<String>>,
    /// What happens to existing rows.
    pub mode: SeedMode,
    /// Columns that are also set when another column of a row is updated.
    pub on_change: Vec<Cell>,
    /// The rows in the order of the file, then those of its CSV file.
    pub rows: Vec<DeclaredRow>,
}

/// Something in a file, and where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AtLine<T> {
    /// What is there.
    pub value: T,
    /// The line on which it begins, from 1.
    pub line: usize,
}

/// A declared row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredRow {
    /// The file that declares the row.
    pub file: Arc<str>,
    /// The line on which it begins.
    pub line: usize,
    /// The values of its columns.
    pub cells: Vec<Cell>,
}

/// The declared value of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// The name of the column, as in `pg_catalog`.
    pub column: String,
    /// The value.
    pub value: DeclaredValue,
    /// The line of the value.
    pub line: usize,
}

/// An error about a line of a file (exit 2).
pub(super) fn error_at(file: &str, line: usize, what: impl AsRef<str>) -> Failure {
    Failure::usage(format!("{file}:{line}: {}", what.as_ref()))
        .code(ErrorCode::SEEDS_INVALID)
        .at(file, line, None)
}

impl DeclaredRow {
    /// The value of a column.
    pub fn get(&self, column: &str) -> Option<&Cell> {
        self.cells.iter().find(|cell| cell.column == column)
    }

    /// An error about the row (exit 2).
    pub fn error_at(&self, line: usize, what: impl AsRef<str>) -> Failure {
        error_at(&self.file, line, what.as_ref())
    }
}

impl Seed {
    /// An error about a line of the file (exit 2).
    pub fn error_at(&self, line: usize, what: impl AsRef<str>) -> Failure {
        error_at(&self.file, line, what.as_ref())
    }

    /// Every column that a row names, each once, in the order of the file.
    pub fn columns(&self) -> impl Iterator<Item = &Cell> {
        let mut seen = std::collections::HashSet::new();
        let cells = self.rows.iter().flat_map(|row| &row.cells);
        cells.filter(move |cell| seen.insert(cell.column.as_str()))
    }
}

impl Seeds {
    /// Whether no rows are declared.
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// Reads all files of a directory, which may not exist.
    ///
    /// # Errors
    /// Exit 2, with file, line and what was expected.
    pub fn read(directory: &Path) -> Result<Self, Failure> {
        let unreadable = |error: std::io::Error| {
            Failure::usage(format!("{}: {error}", directory.display())).code(ErrorCode::SEEDS_INVALID)
        };
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
                ))
                .code(ErrorCode::SEEDS_INVALID));
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
    /// Parses the text of a file. `csv` reads a file in the same directory.
    ///
    /// # Errors
    /// The same as [`Seeds::read`].
    pub fn parse(
        file: &str,
        text: &str,
        csv: &dyn Fn(&str) -> Result<String, Failure>,
    ) -> Result<Self, Failure> {
        let text = without_bom(text);
        let source = TomlSource { name: file, line_ends: &line_ends(text), lines: None };
        let document = DeTable::parse(text)
            .map_err(|error| source.error(&error.span().unwrap_or(0..0), error.message().trim_end()))?;
        let top = TomlTable::new(source, "", document.get_ref());
        let line = |key| top.raw(key).map_or(1, |value| source.line(&value.span()));
        let required =
            |key: &str, what: &str| source.error(&(0..0), format!("{key}: expected {what}, found nothing"));
        let table = top.string("table")?;
        let key = top.strings("key")?;
        let mode = top.one_of("mode", &[("upsert", SeedMode::Upsert), ("insert", SeedMode::Insert)])?;
        let on_change = match top.raw("on_change").map(|value| (value, value.get_ref().as_table())) {
            None => Vec::new(),
            Some((_, Some(columns))) => cells(source, columns)?,
            Some((value, None)) => {
                return Err(source.error(&value.span(), "on_change: expected a table of columns"));
            }
        };
        let rows_of = top.string("csv")?;
        let rows = top.raw("rows");
        let (table_line, key_line, csv_line) = (line("table"), line("key"), line("csv"));
        top.finish()?;
        let table = table.ok_or_else(|| required("table", "the table's name"))?;
        let key = key.filter(|key| !key.is_empty());
        let key = key.ok_or_else(|| required("key", "a list of the columns that identify a row"))?;
        let mut seed = Self {
            file: file.to_owned(),
            table: AtLine { value: table, line: table_line },
            key: AtLine { value: key, line: key_line },
            mode: mode.unwrap_or_default(),
            on_change,
            rows: Vec::new(),
        };
        if rows.is_none() && rows_of.is_none() {
            return Err(required("rows", "[[rows]], or csv = \"FILE\""));
        }
        let name: Arc<str> = file.into();
        for table in rows.map(|rows| tables(source, rows)).transpose()?.unwrap_or_default() {
            let cells = cells(source, table.value)?;
            seed.rows.push(DeclaredRow { file: Arc::clone(&name), line: table.line, cells });
        }
        if let Some(rows_of) = rows_of {
            // The CSV file must stand beside this one: a file elsewhere on the machine holds no reference rows of
            // this project.
            if rows_of.contains(['/', '\\']) || rows_of.starts_with('.') {
                return Err(seed.error_at(csv_line, "csv: expected the name of a file in the same directory"));
            }
            let shown = format!("schema/seeds/{rows_of}");
            let text = csv(&rows_of)
                .map_err(|error| seed.error_at(csv_line, format!("csv: {}", error.what)).next(error.next))?;
            seed.rows.extend(csv::rows(&shown, &text)?);
        }
        seed.refuse_odd_keys()?;
        Ok(seed)
    }

    /// Checks that every row has a key of plain values, and that no two rows have the same one.
    fn refuse_odd_keys(&self) -> Result<(), Failure> {
        let mut seen: HashMap<Vec<String>, (&Arc<str>, usize)> = HashMap::with_capacity(self.rows.len());
        for row in &self.rows {
            let mut values = Vec::with_capacity(self.key.value.len());
            for column in &self.key.value {
                let Some(cell) = row.get(column) else {
                    return Err(row
                        .error_at(row.line, format!("{column}: a column of the key, which this row lacks")));
                };
                let plain = match &cell.value {
                    DeclaredValue::Null => Err("NULL"),
                    DeclaredValue::Expression(_) => Err("an expression"),
                    plain => plain.to_json(false).map_err(|_| "no value"),
                };
                values.push(plain.map_err(|found| {
                    row.error_at(
                        cell.line,
                        format!(
                            "{column}: expected a plain value, because the key identifies the row; found {found}"
                        ),
                    )
                })?);
            }
            if let Some((file, line)) = seen.insert(values, (&row.file, row.line)) {
                let key = self.key.value.join(", ");
                return Err(row.error_at(row.line, format!("the same {key} as the row at {file}:{line}")));
            }
        }
        if let Some(cell) = self.on_change.iter().find(|cell| matches!(cell.value, DeclaredValue::Json(_))) {
            let what = format!("on_change: {}: expected a plain value or an expression", cell.column);
            return Err(self.error_at(cell.line, what));
        }
        let is_key = |cell: &&Cell| self.key.value.contains(&cell.column);
        match self.on_change.iter().find(is_key) {
            Some(cell) => {
                Err(self.error_at(cell.line, format!("on_change: {} is a column of the key", cell.column)))
            }
            None => Ok(()),
        }
    }
}

/// The tables of `[[rows]]`.
fn tables<'a, 'i>(
    source: TomlSource<'_>,
    rows: &'a Spanned<DeValue<'i>>,
) -> Result<Vec<AtLine<&'a DeTable<'i>>>, Failure> {
    const EXPECTED: &str = "rows: expected [[rows]], each a table of columns";
    let list = rows.get_ref().as_array().ok_or_else(|| source.error(&rows.span(), EXPECTED))?;
    let table = |row: &'a Spanned<DeValue<'i>>| {
        let table = row.get_ref().as_table().ok_or_else(|| source.error(&row.span(), EXPECTED))?;
        Ok(AtLine { value: table, line: source.line(&row.span()) })
    };
    list.iter().map(table).collect()
}

fn cells(source: TomlSource<'_>, table: &DeTable<'_>) -> Result<Vec<Cell>, Failure> {
    let cell = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
        let key: &Spanned<std::borrow::Cow<'_, str>> = key;
        let column: &str = key.get_ref();
        if column.is_empty() {
            return Err(source.error(&key.span(), "expected a column's name, found an empty one"));
        }
        let read = DeclaredValue::read(value.get_ref());
        let value_of = read.map_err(|why| source.error(&value.span(), format!("{column}: {why}")))?;
        Ok(Cell { column: column.to_owned(), value: value_of, line: source.line(&value.span()) })
    };
    // The columns keep the order of the file, because a reader compares the plan with it.
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries.into_iter().map(cell).collect()
}
