//! The one query that finds the rows of a table that differ from the declaration, and its result.
//!
//! The declared values are sent as one JSON document, which the server itself converts to rows of the table: it knows
//! types, type modifiers, domains and enums. Values are compared as texts, because some types (json, xml, point) have
//! no `=`. The result consists of texts, too.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use anyhow::{Context as _, Result};

use super::columns::{TableColumn, TableColumns};
use super::file::{Seed, SeedMode};
use super::value::{DeclaredValue, string};
use crate::error::Failure;
use crate::postgres::connection::Row;
use crate::postgres::sql::{identifier, literal};

/// Texts by column; `None` for NULL.
pub type ColumnTexts = BTreeMap<String, Option<String>>;

/// Which rows a query returns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RowFilter {
    /// The rows that differ from the declaration or from what is recorded as seeded.
    #[default]
    Differing,
    /// The differing rows; all rows where nothing is recorded at all.
    Unrecorded,
    /// All rows.
    All,
}

/// The query about one table.
#[derive(Debug, Clone)]
pub struct SeedQuery {
    /// What is declared.
    pub seed: Arc<Seed>,
    /// The table.
    pub columns: TableColumns,
    /// The columns with plain values, in the order of the file.
    plain: Vec<TableColumn>,
    /// The declared rows, in the order of the file.
    rows: Vec<JsonRow>,
}

/// A declared row as JSON.
#[derive(Debug, Clone)]
struct JsonRow {
    /// An object of the plain values.
    values: String,
    /// An array of the columns of [`SeedQuery::plain`] that the row lacks.
    absent: String,
}

/// A row that the query returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeedQueryRow {
    /// The position of the row in the file, from 0; `None` for an existing row that was seeded and is not declared any
    /// more.
    pub row: Option<usize>,
    /// The values of the key as texts, as a JSON array.
    pub key: String,
    /// The values in the database; `None` when the row does not exist.
    pub current: Option<ColumnTexts>,
    /// The declared values, as the server prints them.
    pub declared: ColumnTexts,
    /// The values that were seeded last; `None` when there are none, or the role may not read them.
    pub seeded: Option<ColumnTexts>,
    /// `xmin` of the row.
    pub xmin: Option<String>,
    /// Whether another declared row has the same key.
    pub duplicate: bool,
}

impl SeedQuery {
    /// The query about a table that has all columns of the seed.
    ///
    /// # Errors
    /// Exit 2: a text for a json column is no JSON.
    pub fn new(seed: &Arc<Seed>, columns: TableColumns) -> Result<Self, Failure> {
        let is_plain = |name: &str| {
            let cells = seed.rows.iter().filter_map(|row| row.get(name));
            cells.into_iter().any(|cell| !matches!(cell.value, DeclaredValue::Expression(_)))
        };
        let named = seed.columns().filter(|cell| is_plain(&cell.column));
        let plain: Vec<TableColumn> = named.filter_map(|cell| columns.get(&cell.column).cloned()).collect();
        let mut rows = Vec::with_capacity(seed.rows.len());
        for row in &seed.rows {
            let (mut values, mut absent) = (Vec::new(), Vec::new());
            for column in &plain {
                match row.get(&column.name).filter(|cell| !matches!(cell.value, DeclaredValue::Expression(_)))
                {
                    None => absent.push(string(&column.name)),
                    Some(cell) => {
                        let json = cell.value.to_json(column.is_json());
                        let json =
                            json.map_err(|why| row.error_at(cell.line, format!("{}: {why}", cell.column)))?;
                        values.push(format!("{}:{json}", string(&column.name)));
                    }
                }
            }
            let values = format!("{{{}}}", values.join(","));
            rows.push(JsonRow { values, absent: format!("[{}]", absent.join(",")) });
        }
        Ok(Self { seed: Arc::clone(seed), columns, plain, rows })
    }

    /// The SQL text. It runs under `search_path = pg_catalog, pg_temp`. `recorded` says whether `trueup.seeds` can be
    /// read.
    pub fn sql(&self, recorded: bool, rows: RowFilter) -> String {
        let table = self.columns.path();
        let rows_as_json = self.rows.iter().map(|JsonRow { values, absent }| format!("[{values},{absent}]"));
        let documents: Vec<String> = rows_as_json.collect();
        let document = literal(&format!("[{}]", documents.join(",\n")));
        let texts = |of: &str| {
            let texts =
                self.plain.iter().map(|column| column.text(&format!("{of}.{}", identifier(&column.name))));
            texts.collect::<Vec<_>>().join(", ")
        };
        let names: Vec<String> = self.plain.iter().map(|column| literal(&column.name)).collect();
        let names = names.join(", ");
        let keys: Vec<&TableColumn> =
            self.seed.key.value.iter().filter_map(|name| self.columns.get(name)).collect();
        let key = |format: &dyn Fn(usize, &TableColumn) -> String, between: &str| {
            let parts = keys.iter().enumerate().map(|(number, column)| format(number, column));
            parts.collect::<Vec<_>>().join(between)
        };
        let key_texts = key(&|_, column| column.text(&format!("f.{}", identifier(&column.name))), ", ");
        let key_values = key(&|number, column| format!("f.{} AS k{number}", identifier(&column.name)), ", ");
        let join = key(
            &|number, column| {
                column.same(&format!("t.{}", identifier(&column.name)), &format!("w.k{number}"))
            },
            " AND ",
        );
        let relation = literal(&table);
        let (seeded, records) = match recorded {
            true => (
                "s.seeded",
                format!(" LEFT JOIN trueup.seeds AS s ON s.relation = {relation} AND s.key = w.key"),
            ),
            false => ("NULL::text", String::new()),
        };
        let is_returned = match (rows, self.seed.mode, recorded) {
            (RowFilter::All, ..) | (RowFilter::Unrecorded, SeedMode::Upsert, false) => "true",
            (_, SeedMode::Insert, _) => "NOT q.present OR q.times > 1",
            (_, SeedMode::Upsert, true) => {
                "NOT q.present OR q.times > 1 OR q.current::text <> q.declared::text \
                 OR q.seeded IS DISTINCT FROM q.declared::text"
            }
            (_, SeedMode::Upsert, false) => {
                "NOT q.present OR q.times > 1 OR q.current::text <> q.declared::text"
            }
        };
        let gone = match recorded {
            true => format!(
                " UNION ALL SELECT NULL, NULL, s.key, s.seeded, NULL, NULL, NULL, false FROM (\
                 SELECT s.key, s.seeded FROM trueup.seeds AS s WHERE s.relation = {relation} \
                 AND NOT EXISTS (SELECT FROM w WHERE w.key = s.key) OFFSET 0) AS s WHERE {}",
                self.exists("s.key", &keys)
            ),
            false => String::new(),
        };
        format!(
            "WITH w AS (SELECT d.n, k.key, v.declared, v.absent, {key_values}, \
             count(*) OVER (PARTITION BY k.key) AS times \
             FROM json_array_elements({document}::json) WITH ORDINALITY AS d(j, n) \
             CROSS JOIN LATERAL json_populate_record(NULL::{table}, d.j -> 0) AS f \
             CROSS JOIN LATERAL (SELECT to_jsonb(ARRAY[{key_texts}])::text AS key) AS k \
             CROSS JOIN LATERAL (SELECT a.absent, \
             jsonb_object(ARRAY[{names}]::text[], ARRAY[{}]::text[]) - a.absent AS declared \
             FROM (SELECT ARRAY(SELECT json_array_elements_text(d.j -> 1)) AS absent) AS a) AS v) \
             SELECT q.n, q.present, q.key, q.seeded, q.declared::text AS declared, q.current::text AS current, q.xmin, \
             q.times > 1 AS duplicate FROM (\
             SELECT w.n, t.tableoid IS NOT NULL AS present, w.key, {seeded} AS seeded, w.declared, w.times, \
             t.xmin::text AS xmin, CASE WHEN t.tableoid IS NOT NULL THEN \
             jsonb_object(ARRAY[{names}]::text[], ARRAY[{}]::text[]) - w.absent END AS current \
             FROM w LEFT JOIN {table} AS t ON {join}{records}) AS q WHERE {is_returned}{gone}",
            texts("f"),
            texts("t"),
        )
    }

    /// An SQL condition that a row with a recorded key exists. It is asked of one row after the other where an index of the
    /// key can answer it, and else of all of them in one pass over the table.
    fn exists(&self, recorded: &str, keys: &[&TableColumn]) -> String {
        let table = self.columns.path();
        let values = || keys.iter().map(|column| format!("t.{}", identifier(&column.name)));
        let texts: Vec<String> =
            keys.iter().zip(values()).map(|(column, value)| column.text(&value)).collect();
        let is_it = format!("to_jsonb(ARRAY[{}])::text = {recorded}", texts.join(", "));
        let may_be = keys.iter().zip(values()).enumerate().map(|(number, (column, value))| {
            column.may_be(&value, &format!("({recorded}::json ->> {number})"))
        });
        match may_be.collect::<Option<Vec<String>>>() {
            Some(may_be) => {
                format!("(SELECT true FROM {table} AS t WHERE {} AND {is_it} LIMIT 1)", may_be.join(" AND "))
            }
            None => format!("EXISTS (SELECT FROM {table} AS t WHERE {is_it})"),
        }
    }

    /// A query in which the server does nothing but convert some rows, or one column of them, to rows of the table.
    pub fn read_check(&self, rows: Range<usize>, column: Option<&str>) -> String {
        let document = |row: usize| match column {
            None => self.rows[row].values.clone(),
            Some(name) => {
                let column = self.columns.get(name);
                let cell = self.seed.rows[row].get(name);
                let json =
                    cell.zip(column).and_then(|(cell, column)| cell.value.to_json(column.is_json()).ok());
                format!("{{{}:{}}}", string(name), json.unwrap_or_else(|| "null".to_owned()))
            }
        };
        let documents: Vec<String> = rows.map(document).collect();
        format!(
            "SELECT count(f) FROM json_array_elements({}::json) AS d(j) \
             CROSS JOIN LATERAL json_populate_record(NULL::{}, d.j) AS f",
            literal(&format!("[{}]", documents.join(","))),
            self.columns.path()
        )
    }

    /// A query for the key of an existing row that equals the key of a declared row although it is written
    /// differently, as in `citext`. It compares rows instead of values: that uses the default equality of the type,
    /// as a unique index does, and never an operator of the same name that a user has created.
    pub fn equal_key_query(&self, row: usize) -> String {
        let keys = || self.seed.key.value.iter().filter_map(|name| self.columns.get(name));
        let of = |side: &str| {
            let names = keys().map(|column| format!("{side}.{}", identifier(&column.name)));
            format!("(SELECT k FROM (SELECT {}) AS k)", names.collect::<Vec<_>>().join(", "))
        };
        let texts = keys().map(|column| column.text(&format!("t.{}", identifier(&column.name))));
        format!(
            "SELECT to_jsonb(ARRAY[{}])::text AS key FROM {table} AS t \
             CROSS JOIN json_populate_record(NULL::{table}, {}::json) AS f WHERE {} = {} LIMIT 1",
            texts.collect::<Vec<_>>().join(", "),
            literal(&self.rows[row].values),
            of("t"),
            of("f"),
            table = self.columns.path()
        )
    }

    /// The number of declared rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether no rows are declared.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Reads a row of the result of [`SeedQuery::sql`].
    ///
    /// # Errors
    /// The row has an unexpected shape.
    pub fn read_row(&self, row: &Row<'_>) -> Result<SeedQueryRow> {
        let number: Option<usize> = row.get("n")?;
        let texts = |column: &str| -> Result<Option<ColumnTexts>> {
            let json: Option<&str> = row.get(column)?;
            Ok(json.map(serde_json::from_str).transpose()?)
        };
        // trueup wrote the seeded values. Anything that cannot be read counts as not seeded.
        let seeded = texts("seeded").unwrap_or_default();
        let present: Option<bool> = row.get("present")?;
        Ok(SeedQueryRow {
            row: number.map(|number| number.checked_sub(1).context("rows count from 1")).transpose()?,
            key: row.get("key")?,
            current: texts("current")?.filter(|_| present == Some(true)),
            declared: texts("declared")?.unwrap_or_default(),
            seeded,
            xmin: row.get("xmin")?,
            duplicate: row.get("duplicate")?,
        })
    }
}
