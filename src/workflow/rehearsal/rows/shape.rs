//! What tables look like, as far as rows are made for them: read from the catalog of the throwaway database.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use crate::postgres::connection::Session;
use crate::postgres::sql::literal;

/// A table.
#[derive(Debug, Clone)]
pub(in crate::workflow::rehearsal) struct TableShape {
    /// Its name, qualified and quoted.
    pub(super) name: String,
    /// The name of its schema, and its own.
    pub(super) path: (String, String),
    pub(super) columns: Vec<ColumnShape>,
    pub(super) foreign_keys: Vec<ForeignKeyShape>,
    pub(super) checks: Vec<CheckShape>,
    /// The partitioned table that it is a partition of, at the top.
    pub(super) root: Option<String>,
    /// The values of columns that put a row of a partitioned table into a partition.
    pub(super) bounds: BTreeMap<String, String>,
}

/// A column.
#[derive(Debug, Clone)]
pub(super) struct ColumnShape {
    pub(super) name: String,
    /// The type, as it is written: `character varying(40)`.
    pub(super) full_type: String,
    /// The name of the type under a domain: `varchar`.
    pub(super) base: String,
    /// `typtype` of that: `e` for an enum.
    pub(super) class: String,
    /// `typcategory` of that: `A` for an array.
    pub(super) category: String,
    /// The longest text; of numeric precision and scale as the catalog has them; -1 where there is no limit.
    pub(super) modifier: i32,
    /// Whether it must have a value.
    pub(super) required: bool,
    pub(super) generated: bool,
    pub(super) has_default: bool,
    /// Whether no two rows have the same value in it.
    pub(super) unique: bool,
    /// The sequence that fills it.
    pub(super) sequence: Option<String>,
}

/// A foreign key, by the names of the columns.
#[derive(Debug, Clone)]
pub(super) struct ForeignKeyShape {
    pub(super) columns: Vec<String>,
    pub(super) table: String,
    pub(super) referenced: Vec<String>,
}

/// A check constraint.
#[derive(Debug, Clone)]
pub(super) struct CheckShape {
    pub(super) name: String,
    pub(super) columns: Vec<String>,
    pub(super) definition: String,
}

/// Reads tables of these names, and those that they refer to.
///
/// # Errors
/// The server's.
pub(in crate::workflow::rehearsal) async fn read(
    session: &mut Session,
    names: &BTreeSet<String>,
) -> Result<Vec<TableShape>> {
    let names: Vec<String> = names.iter().map(|name| literal(name)).collect();
    let mut tables: BTreeMap<i64, TableShape> = BTreeMap::new();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let sql = include_str!("tables.sql").replace("{names}", &names.join(", "));
    session
        .message(sql, |_, row| {
            let path = (row.get("nspname")?, row.get("relname")?);
            let (columns, foreign_keys, checks, bounds) = Default::default();
            let (name, root) = (row.get("name")?, row.get("root")?);
            let shape = TableShape { name, path, columns, foreign_keys, checks, root, bounds };
            tables.insert(row.get("oid")?, shape);
            Ok(())
        })
        .await?;
    let oids: Vec<String> = tables.keys().map(i64::to_string).collect();
    let of = |sql: &str| sql.replace("{oids}", &oids.join(", "));
    let mut numbers: BTreeMap<(i64, i64), String> = BTreeMap::new();
    session
        .message(of(include_str!("columns.sql")), |_, row| {
            let relation: i64 = row.get("relation")?;
            let column = ColumnShape {
                name: row.get("attname")?,
                full_type: row.get("type")?,
                base: row.get("base")?,
                class: row.get("class")?,
                category: row.get("category")?,
                modifier: row.get("modifier")?,
                required: row.get("required")?,
                generated: row.get("generated")?,
                has_default: row.get("has_default")?,
                unique: row.get("alone_unique")?,
                sequence: row.get("sequence")?,
            };
            numbers.insert((relation, row.get("attnum")?), column.name.clone());
            if let Some(table) = tables.get_mut(&relation) {
                table.columns.push(column);
            }
            Ok(())
        })
        .await?;
    session
        .message(of(include_str!("constraints.sql")), |_, row| {
            let relation: i64 = row.get("relation")?;
            let Some(table) = tables.get_mut(&relation) else { return Ok(()) };
            let numbered: Option<&str> = row.get("columns")?;
            let words = numbered.unwrap_or_default().split(' ');
            let columns =
                words.filter_map(|word| numbers.get(&(relation, word.parse().ok()?)).cloned()).collect();
            match row.get("kind")? {
                "f" => {
                    let referenced: &str = row.get("referenced_columns")?;
                    table.foreign_keys.push(ForeignKeyShape {
                        columns,
                        table: row.get("referenced")?,
                        referenced: referenced.split('\n').map(str::to_owned).collect(),
                    });
                }
                _ => table.checks.push(CheckShape {
                    name: row.get("conname")?,
                    columns,
                    definition: row.get("definition")?,
                }),
            }
            Ok(())
        })
        .await?;
    session
        .message(of(include_str!("partitions.sql")), |_, row| {
            let number: usize = row.get("number")?;
            let bound = bound_value(row.get("bound")?, number - 1);
            if let (Some(table), Some(bound)) = (tables.get_mut(&row.get("relation")?), bound) {
                table.bounds.insert(row.get("attname")?, bound);
            }
            Ok(())
        })
        .await?;
    Ok(tables.into_values().collect())
}

/// The value of a column of a key that a partition takes, from its bound: `FOR VALUES FROM ('2026-01-01', 7) TO (MAXVALUE, 9)`,
/// `FOR VALUES IN ('new', 'old')`.
fn bound_value(bound: &str, column: usize) -> Option<String> {
    let (list, column) = match bound.split_once("FROM (") {
        Some((_, list)) => (list, column),
        None => (bound.split_once("IN (")?.1, 0),
    };
    let (mut values, mut quoted) = (vec![String::new()], false);
    for letter in list.chars() {
        match letter {
            ')' if !quoted => break,
            ',' if !quoted => values.push(String::new()),
            _ => {
                quoted ^= letter == '\'';
                values.last_mut()?.push(letter);
            }
        }
    }
    let value = values.get(column)?.trim();
    (!matches!(value, "MINVALUE" | "MAXVALUE" | "NULL")).then(|| value.to_owned())
}

impl TableShape {
    /// Adds what the migrations will demand of the columns that are there already.
    pub(in crate::workflow::rehearsal) fn demand(&mut self, later: &[Self]) {
        let Some(later) = later.iter().find(|other| other.name == self.name) else { return };
        for column in &mut self.columns {
            let same = later.columns.iter().find(|other| other.name == column.name);
            column.required |= same.is_some_and(|same| same.required);
            column.unique |= same.is_some_and(|same| same.unique);
        }
        let has = |columns: &[String]| {
            columns.iter().all(|name| self.columns.iter().any(|column| column.name == *name))
        };
        let keys = later.foreign_keys.iter().filter(|key| has(&key.columns));
        let new: Vec<_> = keys
            .filter(|key| !self.foreign_keys.iter().any(|known| known.columns == key.columns))
            .cloned()
            .collect();
        let checks: Vec<_> = later
            .checks
            .iter()
            .filter(|check| has(&check.columns))
            .filter(|check| !self.checks.iter().any(|known| known.definition == check.definition))
            .cloned()
            .collect();
        self.foreign_keys.extend(new);
        self.checks.extend(checks);
    }

    /// Its name, qualified and quoted.
    pub(in crate::workflow::rehearsal) fn name(&self) -> &str {
        &self.name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_has_a_value_for_each_column_of_its_key() {
        let range =
            "FOR VALUES FROM ('2026-11-30 00:00:00+00', MINVALUE, 'it''s, (odd)') TO ('2026-12-01', 1, 2)";
        let of = |column| bound_value(range, column);
        assert_eq!(of(0).as_deref(), Some("'2026-11-30 00:00:00+00'"));
        assert_eq!((of(1), of(2).as_deref()), (None, Some("'it''s, (odd)'")));
        assert_eq!(bound_value("FOR VALUES IN ('QUEUED', 'DONE')", 0).as_deref(), Some("'QUEUED'"));
        assert_eq!(bound_value("FOR VALUES WITH (modulus 4, remainder 0)", 0), None);
    }
}
