//! Writes seeds as plain statements for a query editor. They apply the declaration whatever was seeded before, and
//! change nothing when they run again.

use std::collections::{BTreeMap, BTreeSet};

use super::columns::TableColumns;
use super::file::{DeclaredRow, Seed, SeedMode};
use super::lookups::Lookups;
use super::query::{ColumnTexts, SeedQuery, SeedQueryRow};
use super::row_by_row::{Needed, SeedForeignKey, WaitingRow, insert_row_by_row, require};
use super::sequences::ColumnSequence;
use super::value::DeclaredValue;
use super::write::{CHECK_ALL, cell, names, on_change};
use crate::postgres::sql::{identifier, portable};

/// Types whose values `IS DISTINCT FROM` compares directly (`pg_type.dat`): bool, bytea, name, int8, int2, int4,
/// text, oid, jsonb, float4, float8, bpchar, varchar, date, time, timestamp, timestamptz, interval, numeric, uuid.
const COMPARABLE: [u32; 20] =
    [16, 17, 19, 20, 21, 23, 25, 26, 3802, 700, 701, 1042, 1043, 1082, 1083, 1114, 1184, 1186, 1700, 2950];

/// A declared row.
#[derive(Clone, Copy)]
struct UpsertRow<'r> {
    /// The position of the row in the file, from 0.
    number: usize,
    declared: &'r DeclaredRow,
    /// Its plain values, as the server prints them.
    values: &'r ColumnTexts,
}

/// A table, and the answers for all of its declared rows.
#[derive(Debug, Clone, Copy)]
pub struct EditorTable<'t> {
    /// What is declared.
    pub query: &'t SeedQuery,
    /// The answers.
    pub answers: &'t [SeedQueryRow],
    /// Whether the table has a foreign key to itself.
    pub refers_to_itself: bool,
    /// The foreign keys of the table.
    pub keys: &'t [SeedForeignKey],
    /// The sequences of the table's columns.
    pub sequences: &'t [ColumnSequence],
}

/// The statements for groups of tables in this order, each group with whether its rows are inserted one by one.
pub fn script_for_editor(groups: &[(Vec<EditorTable<'_>>, bool)], lookups: &Lookups) -> String {
    let tables = || groups.iter().flat_map(|(tables, _)| tables);
    let seeded: BTreeSet<String> = tables().map(|table| table.query.columns.path()).collect();
    let mut script = String::new();
    for (tables, row_by_row) in groups {
        let together: Vec<&TableColumns> = tables.iter().map(|table| &table.query.columns).collect();
        let needed = Needed { lookups, together: &together, seeded: &seeded };
        let files = tables.iter().map(|table| table.query.seed.file.replace(['\n', '\r'], " "));
        script.push_str(&format!("\n-- {}\n", files.collect::<Vec<_>>().join(", ")));
        let mut statements: Vec<String> = tables
            .iter()
            .filter(|table| table.query.seed.mode == SeedMode::Upsert)
            .filter_map(|table| {
                let Seed { file, on_change, .. } = &*table.query.seed;
                Some(format!("{};", require(file, on_change.iter(), &needed)?))
            })
            .collect();
        if *row_by_row {
            let (mut inserts, mut waiting) = (Vec::new(), Vec::new());
            for table in tables {
                let rows = table.rows();
                let upserted = rows.iter().filter(|row| row.query.seed.mode == SeedMode::Upsert);
                statements.extend(upserted.filter_map(update));
                let (waits, free): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.waits(&needed));
                inserts.extend(table.insert_at_once(&free));
                waiting.extend(waits);
            }
            statements.extend(inserts);
            if !waiting.is_empty() {
                statements.push(format!("{};", insert_row_by_row(&waiting, &needed)));
            }
        } else {
            let upserts =
                |table: &EditorTable<'_>| upserts(table.query, table.answers, table.refers_to_itself);
            statements.extend(tables.iter().flat_map(upserts));
        }
        for statement in statements {
            script.push_str(&portable(&statement));
            script.push('\n');
        }
    }
    let moved = tables().flat_map(|table| {
        table.sequences.iter().filter_map(|sequence| sequence.advance(&table.query.seed.rows))
    });
    for (number, sql) in moved.enumerate() {
        if number == 0 {
            script.push_str(&format!(
                "\n-- The sequences of these tables come last: they stay where they were moved.\n{CHECK_ALL};\n"
            ));
        }
        script.push_str(&portable(&format!("{sql};\n")));
    }
    script
}

impl<'t> EditorTable<'t> {
    /// Its rows in the order of the file.
    fn rows(&self) -> Vec<WaitingRow<'t>> {
        let Self { query, keys, .. } = *self;
        let mut rows: Vec<_> = self
            .answers
            .iter()
            .filter_map(|answer| {
                Some(WaitingRow { query, number: answer.row?, values: &answer.declared, keys })
            })
            .collect();
        rows.sort_by_key(|row| row.number);
        rows
    }
}

impl EditorTable<'_> {
    /// The statement that inserts rows of the table that need no other one.
    fn insert_at_once(&self, free: &[WaitingRow<'_>]) -> Option<String> {
        let rows: Vec<UpsertRow<'_>> = free
            .iter()
            .map(|WaitingRow { query, number, values, .. }| {
                let declared = &query.seed.rows[*number];
                UpsertRow { number: *number, declared, values }
            })
            .collect();
        let names = self.query.seed.columns().map(|cell| cell.column.as_str());
        let columns: Vec<&str> =
            names.filter(|name| rows.iter().any(|row| row.declared.get(name).is_some())).collect();
        (!rows.is_empty()).then(|| format!("{} NOTHING;", insert(self.query, &columns, rows)))
    }
}

/// The UPDATE of an existing row that is inserted by itself where it does not exist. `None` where nothing is compared.
fn update(row: &WaitingRow<'_>) -> Option<String> {
    let seed: &Seed = &row.query.seed;
    let compared: Vec<(&str, String)> = row
        .values
        .iter()
        .filter(|(column, _)| !seed.key.value.contains(column))
        .map(|(column, value)| (column.as_str(), super::write::text(value.as_deref())))
        .collect();
    if compared.is_empty() {
        return None;
    }
    let columns: Vec<&str> = compared.iter().map(|(column, _)| *column).collect();
    let sets = compared.iter().map(|(column, value)| format!("{} = {value}", identifier(column)));
    let sets: Vec<String> = sets.chain(on_change(seed, &columns)).collect();
    let side = |one: &dyn Fn(&str, &str) -> String| {
        let parts = compared.iter().map(|(column, value)| {
            let known = row.query.columns.get(column);
            let as_text = !known.is_some_and(|column| COMPARABLE.contains(&column.type_oid));
            format!("{}{}", one(column, value), if as_text { "::text" } else { "" })
        });
        parts.collect::<Vec<_>>().join(", ")
    };
    Some(format!(
        "UPDATE {} AS t SET {}\n    WHERE {} AND ({}) IS DISTINCT FROM ({});",
        row.query.columns.path(),
        sets.join(", "),
        row.is_this(),
        side(&|column, _| format!("t.{}", identifier(column))),
        side(&|_, value| value.to_owned())
    ))
}

/// The statements for one table, from the results for all of its rows: one statement for the rows that name the same
/// columns.
///
/// When the table has a foreign key to itself, one statement before them inserts all missing rows. A foreign key is
/// checked at the end of a statement, so their order does not matter.
fn upserts(query: &SeedQuery, answers: &[SeedQueryRow], refers_to_itself: bool) -> Vec<String> {
    let seed = &query.seed;
    let mut groups_by_columns: BTreeMap<Vec<&str>, Vec<UpsertRow<'_>>> = BTreeMap::new();
    let columns: Vec<&str> = seed.columns().map(|cell| cell.column.as_str()).collect();
    for answer in answers {
        let Some(number) = answer.row else { continue };
        let declared = &seed.rows[number];
        let named = columns.iter().copied().filter(|column| declared.get(column).is_some());
        let row = UpsertRow { number, declared, values: &answer.declared };
        groups_by_columns.entry(named.collect()).or_default().push(row);
    }
    let mut groups: Vec<_> = groups_by_columns.into_iter().collect();
    groups.sort_by_key(|(_, rows)| rows.iter().map(|row| row.number).min());
    let at_once = (refers_to_itself && groups.len() > 1).then(|| {
        let rows: Vec<_> = groups.iter().flat_map(|(_, rows)| rows.iter().copied()).collect();
        format!("{} NOTHING;", insert(query, &columns, rows))
    });
    let is_enough = at_once.is_some() && seed.mode == SeedMode::Insert;
    let apart = groups.into_iter().filter(|_| !is_enough);
    let apart: Vec<String> = apart.map(|(columns, rows)| upsert(query, &columns, rows)).collect();
    at_once.into_iter().chain(apart).collect()
}

/// `INSERT ... ON CONFLICT ... DO` for rows in the order of the file.
fn insert(query: &SeedQuery, columns: &[&str], mut rows: Vec<UpsertRow<'_>>) -> String {
    let seed: &Seed = &query.seed;
    rows.sort_by_key(|row| row.number);
    let row = |row: &UpsertRow<'_>| {
        let cells = columns.iter().map(|column| cell(row.declared.get(column), row.values));
        format!("    ({})", cells.collect::<Vec<_>>().join(", "))
    };
    let values: Vec<String> = rows.iter().map(row).collect();
    format!(
        "INSERT INTO {} AS t ({}) VALUES\n{}\nON CONFLICT ({}) DO",
        query.columns.path(),
        names(columns.iter().copied()),
        values.join(",\n"),
        names(seed.key.value.iter().map(String::as_str))
    )
}

fn upsert(query: &SeedQuery, columns: &[&str], rows: Vec<UpsertRow<'_>>) -> String {
    let seed: &Seed = &query.seed;
    let mut sql = insert(query, columns, rows.clone());
    // A column is not compared when one of the rows declares an expression for it.
    let is_plain = |row: &DeclaredRow, column: &str| {
        row.get(column).is_some_and(|cell| !matches!(cell.value, DeclaredValue::Expression(_)))
    };
    let compared: Vec<&str> = columns
        .iter()
        .copied()
        .filter(|column| !seed.key.value.iter().any(|key| key == column))
        .filter(|column| rows.iter().all(|row| is_plain(row.declared, column)))
        .collect();
    if compared.is_empty() || seed.mode == SeedMode::Insert {
        sql.push_str(" NOTHING;");
        return sql;
    }
    let sets = compared.iter().map(|column| format!("{0} = excluded.{0}", identifier(column)));
    let sets: Vec<String> = sets.chain(on_change(seed, &compared)).collect();
    let side = |of: &str| {
        let texts = compared.iter().map(|column| {
            let known = query.columns.get(column);
            let as_text = !known.is_some_and(|column| COMPARABLE.contains(&column.type_oid));
            format!("{of}.{}{}", identifier(column), if as_text { "::text" } else { "" })
        });
        texts.collect::<Vec<_>>().join(", ")
    };
    sql.push_str(&format!(
        " UPDATE SET {}\n    WHERE ({}) IS DISTINCT FROM ({});",
        sets.join(", "),
        side("t"),
        side("excluded")
    ));
    sql
}
