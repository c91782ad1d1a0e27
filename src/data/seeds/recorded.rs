//! Rows that a seed file has declared that is gone. The record of a row has its values and those of its key, but does not say
//! which columns the key has. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::columns::TableColumns;
use super::file::{AtLine, Seed, SeedMode};
use super::query::{ColumnTexts, SeedQuery};

/// The record of a seeded row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeededRecord {
    /// The values of the key as texts.
    key: Vec<String>,
    /// The values that were seeded.
    values: ColumnTexts,
}

impl SeededRecord {
    /// Reads the two texts of a record. `None` when trueup did not write them.
    pub fn read(key: &str, values: &str) -> Option<Self> {
        Some(Self { key: serde_json::from_str(key).ok()?, values: serde_json::from_str(values).ok()? })
    }
}

/// The query for the recorded rows of a table that still exist, as rows that are declared no more. `unique` are the columns
/// of the table's unique indexes. `None` when none of them has the values of the recorded keys.
pub fn recorded_rows(
    columns: TableColumns,
    records: &[SeededRecord],
    unique: &[Vec<String>],
) -> Option<SeedQuery> {
    let key = unique.iter().find_map(|columns| key_among(columns, records))?;
    let at = |value| AtLine { value, line: 0 };
    let seed = Seed {
        file: String::new(),
        table: AtLine { value: columns.path(), line: 0 },
        key: at(key),
        mode: SeedMode::Upsert,
        on_change: Vec::new(),
        rows: Vec::new(),
    };
    SeedQuery::new(&Arc::new(seed), columns).ok()
}

/// The columns in an order in which the key of every record has their values.
fn key_among(columns: &[String], records: &[SeededRecord]) -> Option<Vec<String>> {
    let first = records.first()?;
    if first.key.len() != columns.len() || records.iter().any(|record| record.key.len() != columns.len()) {
        return None;
    }
    let has = |column: &String, place: usize| {
        records
            .iter()
            .all(|record| record.values.get(column).and_then(Option::as_ref) == Some(&record.key[place]))
    };
    let mut may_be: BTreeMap<usize, Vec<&String>> = BTreeMap::new();
    for place in 0..columns.len() {
        may_be.insert(place, columns.iter().filter(|column| has(column, place)).collect());
    }
    let mut key = Vec::new();
    assign(&may_be, &mut key).then(|| key.into_iter().cloned().collect())
}

/// Gives each place a column of its own.
fn assign<'c>(may_be: &BTreeMap<usize, Vec<&'c String>>, key: &mut Vec<&'c String>) -> bool {
    let Some(columns) = may_be.get(&key.len()) else { return true };
    for column in columns {
        if key.contains(column) {
            continue;
        }
        key.push(column);
        if assign(may_be, key) {
            return true;
        }
        key.pop();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(unique: &[&[&str]], records: &[(&str, &str)]) -> Option<Vec<String>> {
        let records: Vec<SeededRecord> =
            records.iter().map(|(key, values)| SeededRecord::read(key, values).unwrap()).collect();
        let unique: Vec<Vec<String>> =
            unique.iter().map(|columns| columns.iter().map(|name| (*name).to_owned()).collect()).collect();
        unique.iter().find_map(|columns| key_among(columns, &records))
    }

    #[test]
    fn the_columns_of_a_key_are_found_by_its_values() {
        let two = [
            (r#"["eu", "1"]"#, r#"{"id": "1", "region": "eu", "name": "x"}"#),
            (r#"["us", "1"]"#, r#"{"id": "1", "region": "us", "name": null}"#),
        ];
        assert_eq!(key(&[&["name"], &["id", "region"]], &two), Some(vec!["region".into(), "id".into()]));
        assert_eq!(key(&[&["name"], &["id"], &["id", "name"]], &two), None);
        // Where two columns have the same values, each has its place.
        let same = [(r#"["1", "1"]"#, r#"{"a": "1", "b": "1"}"#)];
        assert_eq!(key(&[&["a", "b"]], &same), Some(vec!["a".into(), "b".into()]));
        assert_eq!(key(&[&["a", "c"]], &same), None);
    }
}
