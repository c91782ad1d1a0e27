//! The one statement that asks a server for the rows of a table that are not as declared, and what it answers.
//!
//! The declared values travel as one JSON document, which the server itself reads as rows of the table: types, their
//! modifiers, domains and enums are its business. All values are compared as texts, which every type has; json, xml and
//! point have no `=`. What comes back are texts, too.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use anyhow::{Context as _, Result};

use super::columns::{Column, Columns};
use super::file::{Mode, Seed};
use super::value::{Value, string};
use crate::error::Failure;
use crate::postgres::connection::Row;
use crate::postgres::sql::{identifier, literal};

/// Texts by column; `None` for NULL.
pub type Texts = BTreeMap<String, Option<String>>;

/// Which rows are told of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Rows {
    /// Those that are not as declared, or not recorded so.
    #[default]
    Odd,
    /// The same; where nothing is recorded at all, every one.
    Unrecorded,
    /// Every one.
    All,
}

/// What is asked of one table.
#[derive(Debug, Clone)]
pub struct Question {
    /// What is declared.
    pub seed: Arc<Seed>,
    /// The table.
    pub columns: Columns,
    /// The columns with plain values, in the order of the file.
    plain: Vec<Column>,
    /// Of every row, its values and the columns that it does not have among [`Question::plain`], as JSON.
    rows: Vec<(String, String)>,
}

/// A row that is not as declared, or not recorded so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Which row of the file, from 0; `None` for one that was seeded and is declared no more.
    pub row: Option<usize>,
    /// The key's values as texts, as a JSON array.
    pub key: String,
    /// What the database has; `None` when it has no such row.
    pub current: Option<Texts>,
    /// What is declared, as the server prints it.
    pub wanted: Texts,
    /// What was seeded last; `None` when nothing was, or nobody may see it.
    pub seeded: Option<Texts>,
    /// The transaction that wrote the row.
    pub xmin: Option<String>,
    /// Whether another row of the file has the same key.
    pub twice: bool,
}

impl Question {
    /// About a table that has all the columns of the seed.
    ///
    /// # Errors
    /// Exit 2: a text in a json column is no JSON.
    pub fn new(seed: &Arc<Seed>, columns: Columns) -> Result<Self, Failure> {
        let is_plain = |name: &str| {
            let cells = seed.rows.iter().filter_map(|row| row.get(name));
            cells.into_iter().any(|cell| !matches!(cell.value, Value::Expression(_)))
        };
        let named = seed.columns().filter(|cell| is_plain(&cell.column));
        let plain: Vec<Column> = named.filter_map(|cell| columns.get(&cell.column).cloned()).collect();
        let mut rows = Vec::with_capacity(seed.rows.len());
        for row in &seed.rows {
            let (mut values, mut absent) = (Vec::new(), Vec::new());
            for column in &plain {
                match row.get(&column.name).filter(|cell| !matches!(cell.value, Value::Expression(_))) {
                    None => absent.push(string(&column.name)),
                    Some(cell) => {
                        let json = cell.value.to_json(column.is_json());
                        let json =
                            json.map_err(|why| row.wrong(cell.line, format!("{}: {why}", cell.column)))?;
                        values.push(format!("{}:{json}", string(&column.name)));
                    }
                }
            }
            rows.push((format!("{{{}}}", values.join(",")), format!("[{}]", absent.join(","))));
        }
        Ok(Self { seed: Arc::clone(seed), columns, plain, rows })
    }

    /// The statement. It runs under `search_path = pg_catalog, pg_temp`. `recorded` says whether `trueup.seeds` can be
    /// read.
    pub fn sql(&self, recorded: bool, rows: Rows) -> String {
        let table = self.columns.path();
        let documents: Vec<String> =
            self.rows.iter().map(|(values, absent)| format!("[{values},{absent}]")).collect();
        let document = literal(&format!("[{}]", documents.join(",\n")));
        let texts = |of: &str| {
            let texts =
                self.plain.iter().map(|column| column.text(&format!("{of}.{}", identifier(&column.name))));
            texts.collect::<Vec<_>>().join(", ")
        };
        let names: Vec<String> = self.plain.iter().map(|column| literal(&column.name)).collect();
        let names = names.join(", ");
        let keys: Vec<&Column> = self.seed.key.0.iter().filter_map(|name| self.columns.get(name)).collect();
        let key = |format: &dyn Fn(usize, &Column) -> String, between: &str| {
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
        let odd = match (rows, self.seed.mode, recorded) {
            (Rows::All, ..) | (Rows::Unrecorded, Mode::Upsert, false) => "true",
            (_, Mode::Insert, _) => "NOT q.present OR q.times > 1",
            (_, Mode::Upsert, true) => {
                "NOT q.present OR q.times > 1 OR q.current::text <> q.wanted::text \
                 OR q.seeded IS DISTINCT FROM q.wanted::text"
            }
            (_, Mode::Upsert, false) => "NOT q.present OR q.times > 1 OR q.current::text <> q.wanted::text",
        };
        let gone = match recorded {
            true => format!(
                " UNION ALL SELECT NULL, NULL, s.key, s.seeded, NULL, NULL, NULL, false FROM trueup.seeds AS s \
                 WHERE s.relation = {relation} AND NOT EXISTS (SELECT FROM w WHERE w.key = s.key)"
            ),
            false => String::new(),
        };
        format!(
            "WITH w AS (SELECT d.n, k.key, v.wanted, v.absent, {key_values}, \
             count(*) OVER (PARTITION BY k.key) AS times \
             FROM json_array_elements({document}::json) WITH ORDINALITY AS d(j, n) \
             CROSS JOIN LATERAL json_populate_record(NULL::{table}, d.j -> 0) AS f \
             CROSS JOIN LATERAL (SELECT to_jsonb(ARRAY[{key_texts}])::text AS key) AS k \
             CROSS JOIN LATERAL (SELECT a.absent, \
             jsonb_object(ARRAY[{names}]::text[], ARRAY[{}]::text[]) - a.absent AS wanted \
             FROM (SELECT ARRAY(SELECT json_array_elements_text(d.j -> 1)) AS absent) AS a) AS v) \
             SELECT q.n, q.present, q.key, q.seeded, q.wanted::text, q.current::text, q.xmin, q.times > 1 FROM (\
             SELECT w.n, t.tableoid IS NOT NULL AS present, w.key, {seeded} AS seeded, w.wanted, w.times, \
             t.xmin::text AS xmin, CASE WHEN t.tableoid IS NOT NULL THEN \
             jsonb_object(ARRAY[{names}]::text[], ARRAY[{}]::text[]) - w.absent END AS current \
             FROM w LEFT JOIN {table} AS t ON {join}{records}) AS q WHERE {odd}{gone}",
            texts("f"),
            texts("t"),
        )
    }

    /// A statement that only has the server read some rows as rows of the table, or one column of them.
    pub fn trial(&self, rows: Range<usize>, column: Option<&str>) -> String {
        let document = |row: usize| match column {
            None => self.rows[row].0.clone(),
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

    /// A statement that asks for the key of a row that is the same to the server as a declared one's, though it is written
    /// otherwise: `citext` knows no case. Rows are compared, not values: that takes what the type itself calls equal, as a
    /// unique index does, and no operator that somebody has made of the same name.
    pub fn alike(&self, row: usize) -> String {
        let keys = || self.seed.key.0.iter().filter_map(|name| self.columns.get(name));
        let of = |side: &str| {
            let names = keys().map(|column| format!("{side}.{}", identifier(&column.name)));
            format!("(SELECT k FROM (SELECT {}) AS k)", names.collect::<Vec<_>>().join(", "))
        };
        let texts = keys().map(|column| column.text(&format!("t.{}", identifier(&column.name))));
        format!(
            "SELECT to_jsonb(ARRAY[{}])::text FROM {table} AS t \
             CROSS JOIN json_populate_record(NULL::{table}, {}::json) AS f WHERE {} = {} LIMIT 1",
            texts.collect::<Vec<_>>().join(", "),
            literal(&self.rows[row].0),
            of("t"),
            of("f"),
            table = self.columns.path()
        )
    }

    /// How many rows are declared.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Reads a row of [`Question::sql`].
    ///
    /// # Errors
    /// When it is not what was asked for.
    pub fn answer(&self, row: &Row<'_>) -> Result<Answer> {
        let number = row.text(0).map(str::parse::<usize>).transpose()?;
        let texts = |column| row.text(column).map(serde_json::from_str::<Texts>).transpose();
        // What was seeded last was written by trueup; whatever else stands there tells nothing.
        let seeded = texts(3).unwrap_or_default();
        Ok(Answer {
            row: number.map(|number| number.checked_sub(1).context("rows count from 1")).transpose()?,
            key: row.text(2).unwrap_or_default().to_owned(),
            current: texts(5)?.filter(|_| row.text(1) == Some("t")),
            wanted: texts(4)?.unwrap_or_default(),
            seeded,
            xmin: row.text(6).map(str::to_owned),
            twice: row.text(7) == Some("t"),
        })
    }
}
