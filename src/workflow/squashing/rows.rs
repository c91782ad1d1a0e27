//! The rows that migrations make in a new database: read, compared, and written as statements of the baseline.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use crate::error::{ErrorCode, Exit, Failure};
use crate::postgres::connection::{OwnedRow, Session};
use crate::postgres::sql::{literal, set_meaning};

const TABLES: &str = include_str!("tables.sql");
/// Foreign keys between tables: the one that refers, and the one that is referred to.
const KEYS: &str = "SELECT format('%I.%I', a.nspname, t.relname) AS of, format('%I.%I', b.nspname, r.relname) AS to \
    FROM pg_constraint k JOIN pg_class t ON t.oid = k.conrelid JOIN pg_namespace a ON a.oid = t.relnamespace \
    JOIN pg_class r ON r.oid = k.confrelid JOIN pg_namespace b ON b.oid = r.relnamespace \
    WHERE k.contype = 'f' AND k.conrelid <> k.confrelid";
const SEQUENCES: &str = "SELECT format('%I.%I', schemaname, sequencename) AS path, last_value FROM pg_sequences \
    WHERE last_value IS NOT NULL AND schemaname NOT IN ('trueup') ORDER BY 1";
/// More rows than that are no reference rows.
const MOST_ROWS: usize = 5_000;

/// The rows of a database.
#[derive(Debug, Default)]
pub(super) struct DatabaseRows {
    /// The tables with rows, by their qualified and quoted names.
    tables: BTreeMap<String, TableRows>,
    /// The values of sequences that were used.
    sequences: Vec<(String, i64)>,
    /// Pairs of tables: the first refers to the second.
    keys: Vec<(String, String)>,
}

/// The rows of one table, in the order in which they were inserted.
#[derive(Debug, PartialEq)]
struct TableRows {
    columns: Vec<RowColumn>,
    rows: Vec<Vec<Option<String>>>,
    /// Whether it is a materialized view: its rows are made by its query.
    is_view: bool,
}

/// A column that can be written.
#[derive(Debug, Clone, PartialEq)]
struct RowColumn {
    /// Its name, quoted.
    name: String,
    has_default: bool,
    is_identity: bool,
}

impl DatabaseRows {
    /// Reads all rows.
    ///
    /// # Errors
    /// Exit 1: there are too many of them for a migration. The server's.
    pub(super) async fn read(session: &mut Session) -> Result<Self> {
        session.execute(format!("SET search_path = pg_catalog, pg_temp; {}", set_meaning("SET"))).await?;
        let mut found = Self::default();
        let mut left = MOST_ROWS;
        for row in session.query(TABLES).await? {
            let path: String = row.get("path")?;
            let columns: Vec<(String, bool, bool)> = serde_json::from_str(row.get("columns")?)?;
            let columns: Vec<RowColumn> = columns
                .into_iter()
                .map(|(name, has_default, is_identity)| RowColumn { name, has_default, is_identity })
                .collect();
            let is_view: bool = row.get("is_view")?;
            let rows = rows(session, &path, &columns, is_view, left).await?;
            left = left.checked_sub(rows.len()).ok_or_else(|| too_many(&path))?;
            if !rows.is_empty() {
                found.tables.insert(path, TableRows { columns, rows, is_view });
            }
        }
        for row in session.query(SEQUENCES).await? {
            found.sequences.push((row.get("path")?, row.get("last_value")?));
        }
        for row in session.query(KEYS).await? {
            found.keys.push((row.get("of")?, row.get("to")?));
        }
        Ok(found)
    }

    /// How many rows are inserted.
    pub(super) fn count(&self) -> usize {
        self.tables.values().filter(|table| !table.is_view).map(|table| table.rows.len()).sum()
    }

    /// The names of the tables with rows.
    pub(super) fn tables(&self) -> impl Iterator<Item = &str> {
        self.tables.iter().filter(|(_, table)| !table.is_view).map(|(path, _)| path.as_str())
    }

    /// Leaves out the values that are other ones each time, as `again` shows: a default makes them.
    ///
    /// # Errors
    /// Exit 1: such a column has no default, or there are other rows each time.
    pub(super) fn leave_out_changing(&mut self, again: &Self) -> Result<(), Failure> {
        for (path, table) in &mut self.tables {
            let Some(other) = again.tables.get(path).filter(|other| other.rows.len() == table.rows.len())
            else {
                return Err(not_the_same(path, "has other rows each time that the migrations run"));
            };
            let differs = |place: usize| {
                table.rows.iter().zip(&other.rows).any(|(one, another)| one[place] != another[place])
            };
            let changing: BTreeSet<usize> =
                (0..table.columns.len()).filter(|place| differs(*place)).collect();
            if table.is_view {
                continue;
            }
            if let Some(place) = changing.iter().find(|place| !table.columns[**place].has_default) {
                let what = format!(
                    "column {} of it has another value each time that the migrations run, and no default",
                    table.columns[*place].name
                );
                return Err(not_the_same(path, &what));
            }
            table.leave_out(&changing);
        }
        Ok(())
    }

    /// The statements that insert the rows, the tables that others refer to first.
    ///
    /// # Errors
    /// Exit 1: the foreign keys form a circle.
    pub(super) fn statements(&self) -> Result<Vec<String>, Failure> {
        let mut left: BTreeMap<&String, &TableRows> =
            self.tables.iter().filter(|(_, table)| !table.is_view).collect();
        let mut statements = Vec::new();
        while !left.is_empty() {
            let waits = |path: &String| self.keys.iter().any(|(of, to)| of == path && left.contains_key(to));
            let ready: Vec<&String> = left.keys().copied().filter(|path| !waits(path)).collect();
            if ready.is_empty() {
                let circle: Vec<&str> = left.keys().map(|path| path.as_str()).collect();
                return Err(not_the_same(
                    &circle.join(", "),
                    "refer to each other, so that neither can come first",
                ));
            }
            for path in ready {
                statements.extend(left.remove(path).map(|table| table.insert(path)));
            }
        }
        let inserts = !statements.is_empty();
        statements.extend(
            self.sequences
                .iter()
                .map(|(path, value)| format!("SELECT pg_catalog.setval({}, {value});", literal(path))),
        );
        let views = self.tables.iter().filter(|(_, table)| table.is_view && inserts);
        statements.extend(views.map(|(path, _)| format!("REFRESH MATERIALIZED VIEW {path};")));
        Ok(statements)
    }

    /// What `built` has otherwise, in words.
    pub(super) fn deviations(&self, built: &Self) -> Vec<String> {
        let all: BTreeSet<&String> = self.tables.keys().chain(built.tables.keys()).collect();
        let mut words = Vec::new();
        for path in all {
            match (self.tables.get(path), built.tables.get(path)) {
                (Some(old), Some(new)) if !old.is_same(new) => words.push(format!("{path} has other rows")),
                (Some(_), None) => words.push(format!("{path} has no rows")),
                (None, Some(_)) => words.push(format!("{path} has rows")),
                _ => {}
            }
        }
        let other = self.sequences.iter().filter(|sequence| !built.sequences.contains(sequence));
        words.extend(other.map(|(path, value)| format!("sequence {path} is not at {value}")));
        let new = built.sequences.iter().filter(|sequence| !self.sequences.contains(sequence));
        words.extend(new.map(|(path, value)| format!("sequence {path} is at {value}")));
        words
    }
}

impl TableRows {
    fn leave_out(&mut self, changing: &BTreeSet<usize>) {
        let keep = |place: usize| !changing.contains(&place);
        self.columns = std::mem::take(&mut self.columns)
            .into_iter()
            .enumerate()
            .filter(|(place, _)| keep(*place))
            .map(|(_, column)| column)
            .collect();
        for row in &mut self.rows {
            let values = std::mem::take(row).into_iter().enumerate();
            *row = values.filter(|(place, _)| keep(*place)).map(|(_, value)| value).collect();
        }
    }

    /// Whether another reading has the same values in the columns of this one.
    fn is_same(&self, other: &Self) -> bool {
        let places: Vec<Option<usize>> = self
            .columns
            .iter()
            .map(|column| other.columns.iter().position(|another| another.name == column.name))
            .collect();
        let pick = |row: &Vec<Option<String>>| -> Vec<Option<String>> {
            places.iter().map(|place| place.and_then(|place| row[place].clone())).collect()
        };
        self.rows.len() == other.rows.len()
            && self.rows.iter().zip(&other.rows).all(|(one, another)| *one == pick(another))
    }

    fn insert(&self, path: &str) -> String {
        if self.columns.is_empty() {
            return vec![format!("INSERT INTO {path} DEFAULT VALUES;"); self.rows.len()].join("\n");
        }
        let names: Vec<&str> = self.columns.iter().map(|column| column.name.as_str()).collect();
        let overriding = match self.columns.iter().any(|column| column.is_identity) {
            true => " OVERRIDING SYSTEM VALUE",
            false => "",
        };
        let value = |value: &Option<String>| value.as_deref().map_or_else(|| "NULL".to_owned(), literal);
        let row = |row: &Vec<Option<String>>| {
            format!("    ({})", row.iter().map(value).collect::<Vec<_>>().join(", "))
        };
        let rows: Vec<String> = self.rows.iter().map(row).collect();
        format!("INSERT INTO {path} ({}){overriding} VALUES\n{};", names.join(", "), rows.join(",\n"))
    }
}

async fn rows(
    session: &mut Session,
    path: &str,
    columns: &[RowColumn],
    is_view: bool,
    most: usize,
) -> Result<Vec<Vec<Option<String>>>> {
    let values: Vec<String> = columns.iter().map(|column| format!("{}::text", column.name)).collect();
    let (only, order) = if is_view { ("", "t::text") } else { ("ONLY ", "ctid") };
    let sql = format!(
        "SELECT {} FROM {only}{path} AS t ORDER BY {order} LIMIT {}",
        if values.is_empty() { "NULL::text".to_owned() } else { values.join(", ") },
        most + 1
    );
    let found = session.query(sql).await?;
    let count = columns.len();
    Ok(found
        .into_iter()
        .map(OwnedRow::into_values)
        .map(|mut row| {
            row.truncate(count);
            row
        })
        .collect())
}

fn too_many(path: &str) -> Failure {
    not_the_same(path, &format!("has more rows than the {MOST_ROWS} that a baseline may have"))
}

fn not_the_same(path: &str, what: &str) -> Failure {
    Failure::new(
        Exit::Findings,
        format!("the rows that the migrations make cannot be written as a baseline: {path} {what}; nothing was written"),
    )
    .code(ErrorCode::SQUASH_NOT_POSSIBLE)
    .next("squash the migrations below those that make these rows: trueup squash --to VERSION; or declare reference rows in schema/seeds/")
}
