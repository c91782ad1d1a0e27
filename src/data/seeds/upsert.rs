//! Seeds as plain statements for a query editor: they say what is declared, whatever was seeded before, and change nothing
//! when they are run again.

use std::collections::BTreeMap;

use super::file::{Mode, Row, Seed};
use super::question::{Answer, Question};
use super::value::Value;
use super::write::{cell, names, on_change};
use crate::postgres::sql::identifier;

/// Types whose values `IS DISTINCT FROM` can compare as they are (`pg_type.dat`): bool, bytea, name, int8, int2, int4, text,
/// oid, jsonb, float4, float8, bpchar, varchar, date, time, timestamp, timestamptz, interval, numeric, uuid.
const COMPARABLE: [u32; 20] =
    [16, 17, 19, 20, 21, 23, 25, 26, 3802, 700, 701, 1042, 1043, 1082, 1083, 1114, 1184, 1186, 1700, 2950];

/// The statements of one table, of the answers about all its rows: one for the rows that name the same columns.
///
/// Where rows of it refer to each other, what is missing is made by one statement before: foreign keys are held against the
/// rows at its end, in whatever order they stand.
pub fn upserts(question: &Question, answers: &[Answer], refers_to_itself: bool) -> Vec<String> {
    let seed = &question.seed;
    let mut alike: BTreeMap<Vec<&str>, Vec<(usize, &Answer)>> = BTreeMap::new();
    let columns: Vec<&str> = seed.columns().map(|cell| cell.column.as_str()).collect();
    for answer in answers {
        let Some(number) = answer.row else { continue };
        let named = columns.iter().copied().filter(|column| seed.rows[number].get(column).is_some());
        alike.entry(named.collect()).or_default().push((number, answer));
    }
    let mut groups: Vec<_> = alike.into_iter().collect();
    groups.sort_by_key(|(_, rows)| rows.iter().map(|(number, _)| *number).min());
    let at_once = (refers_to_itself && groups.len() > 1).then(|| {
        let rows: Vec<_> = groups.iter().flat_map(|(_, rows)| rows.iter().copied()).collect();
        format!("{} NOTHING;", insert(question, &columns, rows))
    });
    let is_enough = at_once.is_some() && seed.mode == Mode::Insert;
    let apart = groups.into_iter().filter(|_| !is_enough);
    let apart: Vec<String> = apart.map(|(columns, rows)| upsert(question, &columns, rows)).collect();
    at_once.into_iter().chain(apart).collect()
}

/// `INSERT ... ON CONFLICT ... DO`, of rows in the order of the file.
fn insert(question: &Question, columns: &[&str], mut rows: Vec<(usize, &Answer)>) -> String {
    let seed: &Seed = &question.seed;
    rows.sort_by_key(|(number, _)| *number);
    let row = |(number, answer): &(usize, &Answer)| {
        let declared = &seed.rows[*number];
        let cells = columns.iter().map(|column| cell(declared.get(column), &answer.wanted));
        format!("    ({})", cells.collect::<Vec<_>>().join(", "))
    };
    let values: Vec<String> = rows.iter().map(row).collect();
    format!(
        "INSERT INTO {} AS t ({}) VALUES\n{}\nON CONFLICT ({}) DO",
        question.columns.path(),
        names(columns.iter().copied()),
        values.join(",\n"),
        names(seed.key.0.iter().map(String::as_str))
    )
}

fn upsert(question: &Question, columns: &[&str], rows: Vec<(usize, &Answer)>) -> String {
    let seed: &Seed = &question.seed;
    let mut sql = insert(question, columns, rows.clone());
    // A column whose value is an expression in one of the rows is nobody's to compare.
    let is_plain = |row: &Row, column: &str| {
        row.get(column).is_some_and(|cell| !matches!(cell.value, Value::Expression(_)))
    };
    let compared: Vec<&str> = columns
        .iter()
        .copied()
        .filter(|column| !seed.key.0.iter().any(|key| key == column))
        .filter(|column| rows.iter().all(|(number, _)| is_plain(&seed.rows[*number], column)))
        .collect();
    if compared.is_empty() || seed.mode == Mode::Insert {
        sql.push_str(" NOTHING;");
        return sql;
    }
    let sets = compared.iter().map(|column| format!("{0} = excluded.{0}", identifier(column)));
    let sets: Vec<String> = sets.chain(on_change(seed, &compared)).collect();
    let side = |of: &str| {
        let texts = compared.iter().map(|column| {
            let known = question.columns.get(column);
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
