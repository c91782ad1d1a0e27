//! Made rows in the tables that migrations touch, and in those that they refer to. A value is an expression over the number of
//! its row; a foreign key has the expression of the column that it refers to, so that row 7 refers to row 7. Nothing of real
//! rows is in them but how wide they are and how often a value is missing, from `pg_stats`.

mod shape;
mod value;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use serde::Serialize;

pub(super) use shape::{TableShape, read};
use value::{candidates, with_nulls};

use crate::postgres::connection::{Session, describe, server_error};
use crate::postgres::sql::{identifier, literal};
use crate::text::plural;

/// How often a table is tried to be filled, each time with other values.
const TRIES: usize = 40;

/// A table, and how many made rows it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct FilledTable {
    /// The table, qualified and quoted.
    pub(crate) table: String,
    /// The rows that are in it.
    pub(crate) rows: u64,
    /// How many rows the real table has, where that is known.
    pub(crate) real_rows: Option<u64>,
    /// Why it could not be filled.
    pub(crate) failed: Option<String>,
}

/// What is known of the real rows: the share of rows without a value and the width, by schema, table and column.
pub(super) type ColumnStats = BTreeMap<(String, String, String), (f64, i32)>;

/// Fills tables with so many rows each.
///
/// # Errors
/// The connection's.
pub(super) async fn fill(
    session: &mut Session,
    tables: &[TableShape],
    rows: u64,
    stats: &ColumnStats,
) -> Result<Vec<FilledTable>> {
    let mut filled = Vec::new();
    // Foreign keys hold by the way in which the values are made, and triggers are the application's.
    session.execute("SET session_replication_role = replica").await?;
    let mut chosen: BTreeMap<(String, String), Option<String>> = BTreeMap::new();
    let is_root = |name: &String| tables.iter().any(|other| other.name == *name);
    for table in in_order(tables) {
        // The rows of a partition are among those of its table.
        let failed = match table.root.as_ref().is_some_and(is_root) {
            true => None,
            false => fill_one(session, table, rows, stats, &mut chosen).await?,
        };
        let count = format!("SELECT pg_catalog.count(*) FROM {}", table.name);
        let rows = session.scalar::<i64>(count).await?;
        session.execute(format!("ANALYZE {}", table.name)).await?;
        filled.push(FilledTable {
            table: table.name.clone(),
            rows: u64::try_from(rows).unwrap_or_default(),
            real_rows: None,
            failed,
        });
    }
    session.execute("RESET session_replication_role").await?;
    Ok(filled)
}

/// A table comes after those that it refers to, as far as they do not refer to each other.
fn in_order(tables: &[TableShape]) -> Vec<&TableShape> {
    let mut ordered: Vec<&TableShape> = Vec::new();
    let mut open: Vec<&TableShape> = tables.iter().collect();
    while !open.is_empty() {
        let is_open = |name: &String, own: &TableShape| {
            *name != own.name && open.iter().any(|other| other.name == *name)
        };
        let waits = |table: &&TableShape| {
            let keys = table.foreign_keys.iter().map(|key| &key.table);
            keys.chain(&table.root).any(|name| is_open(name, table))
        };
        let ready = open.iter().position(|table| !waits(table));
        ordered.push(open.remove(ready.unwrap_or(0)));
    }
    ordered
}

/// Returns why it could not be filled.
async fn fill_one(
    session: &mut Session,
    table: &TableShape,
    rows: u64,
    stats: &ColumnStats,
    chosen: &mut BTreeMap<(String, String), Option<String>>,
) -> Result<Option<String>> {
    let columns: Vec<_> = table.columns.iter().filter(|column| !column.generated).collect();
    let stat = |column: &str| {
        let (schema, name) = table.path.clone();
        stats.get(&(schema, name, column.to_owned())).copied()
    };
    let referring = referring(table, chosen);
    let options: Vec<Vec<Option<String>>> = columns
        .iter()
        .map(|column| match (table.bounds.get(&column.name), referring.get(&column.name)) {
            (Some(bound), _) => vec![Some(format!("({bound})::{}", column.full_type))],
            (None, Some(expression)) => vec![expression.clone()],
            (None, None) => candidates(column, &table.checks, stat(&column.name).map(|(_, width)| width)),
        })
        .collect();
    let mut at = vec![0usize; columns.len()];
    let mut said = String::new();
    for _ in 0..TRIES {
        let mut names = Vec::new();
        let mut expressions = Vec::new();
        for ((column, options), at) in columns.iter().zip(&options).zip(&at) {
            let expression = options.get(*at).cloned().flatten();
            if let Some(expression) = &expression {
                let share = stat(&column.name).map_or(0.0, |(share, _)| share);
                let must = column.required || table.bounds.contains_key(&column.name);
                let nulls = if must { 0.0 } else { share };
                names.push(identifier(&column.name));
                expressions.push(with_nulls(expression, nulls));
            }
            chosen.insert((table.name.clone(), column.name.clone()), expression);
        }
        let sql = format!(
            "INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM pg_catalog.generate_series(1, {rows}::int8) g \
             ON CONFLICT DO NOTHING",
            table.name,
            names.join(", "),
            expressions.join(", ")
        );
        let Err(error) = session.execute(sql).await else {
            move_sequences(session, table, rows).await?;
            return Ok(None);
        };
        let Some(server) = server_error(&error).map(describe).filter(|said| said.sqlstate.is_some()) else {
            return Err(error);
        };
        said = server.message;
        let advanced = blamed(table, &said).into_iter().rev().find_map(|name| {
            let index = columns.iter().position(|column| column.name == name)?;
            if table.bounds.contains_key(&name) {
                return None;
            }
            // What must have a value, and has no default, is not left out.
            let last =
                options[index].len() - usize::from(columns[index].required && !columns[index].has_default);
            (at[index] + 1 < last).then_some(index)
        });
        match advanced {
            Some(index) => at[index] += 1,
            None => break,
        }
    }
    Ok(Some(said))
}

/// The columns of foreign keys, with the values of the columns that they refer to.
fn referring(
    table: &TableShape,
    chosen: &BTreeMap<(String, String), Option<String>>,
) -> BTreeMap<String, Option<String>> {
    let mut referring = BTreeMap::new();
    for key in table.foreign_keys.iter().filter(|key| key.table != table.name) {
        for (column, referenced) in key.columns.iter().zip(&key.referenced) {
            if let Some(expression) = chosen.get(&(key.table.clone(), referenced.clone())) {
                referring.entry(column.clone()).or_insert_with(|| expression.clone());
            }
        }
    }
    referring
}

/// The columns that an error is about: those of a check that it names, else those whose names are in it, else all.
fn blamed(table: &TableShape, said: &str) -> Vec<String> {
    let quoted: BTreeSet<&str> = said.split('"').skip(1).step_by(2).collect();
    let checks = table.checks.iter().filter(|check| quoted.contains(check.name.as_str()));
    let of_checks: Vec<String> = checks.flat_map(|check| check.columns.iter().cloned()).collect();
    if !of_checks.is_empty() {
        return of_checks;
    }
    let all = || table.columns.iter().map(|column| column.name.clone());
    let named: Vec<String> = all().filter(|name| quoted.contains(name.as_str())).collect();
    if named.is_empty() { all().collect() } else { named }
}

/// What the migrations insert afterwards gets numbers that no made row has.
async fn move_sequences(session: &mut Session, table: &TableShape, rows: u64) -> Result<()> {
    for sequence in table.columns.iter().filter_map(|column| column.sequence.as_ref()) {
        let name = literal(sequence);
        let sql = format!(
            "SELECT pg_catalog.setval({name}, {rows} + 1) FROM pg_catalog.pg_sequence \
             WHERE seqrelid = {name}::pg_catalog.regclass AND seqmax > {rows}"
        );
        session.execute(sql).await?;
    }
    Ok(())
}

/// The names of tables, qualified and quoted.
pub(super) fn names(tables: &[TableShape]) -> Vec<String> {
    tables.iter().map(|table| table.name().to_owned()).collect()
}

/// The filled tables in words: `10000 rows made in each of public.orders (really about 4100000), public.users`.
pub(super) fn in_words(filled: &[FilledTable], asked: u64) -> Vec<String> {
    let mut words = Vec::new();
    let name = |table: &FilledTable| match table.real_rows {
        Some(real) => format!("{} (really about {real})", table.table),
        None => table.table.clone(),
    };
    let whole = filled.iter().filter(|table| table.failed.is_none() && table.rows >= asked);
    let whole: Vec<String> = whole.map(name).collect();
    if !whole.is_empty() {
        words.push(format!("{} made in each of {}", plural(asked, "row"), whole.join(", ")));
    }
    for table in filled {
        if let Some(why) = &table.failed {
            words.push(format!("no rows could be made for {}: {why}", table.table));
        }
    }
    words
}
