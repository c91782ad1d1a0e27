//! Writes the script that applies seeds, and the records of it.
//!
//! The script runs with the project's search_path, because the declared expressions are the project's. Everything
//! that trueup adds is therefore qualified. A row that another session inserts meanwhile is not inserted twice, and a
//! row that was changed after it had been read is not updated; the caller queries the rows again before COMMIT.

use std::collections::BTreeSet;

use super::columns::TableColumns;
use super::file::{Cell, Seed};
use super::lookups::Lookups;
use super::plan::{RowPlan, TablePlan};
use super::query::{ColumnTexts, SeedQuery};
use super::row_by_row::{Needed, SeedForeignKey, WaitingRow, insert_row_by_row, mark, require};
use super::sequences::ColumnSequence;
use super::value::DeclaredValue;
use crate::postgres::sql::{identifier, literal};

/// The seed of a table, and the changes that are planned.
#[derive(Debug, Clone, Copy)]
pub struct PlannedSeed<'p> {
    /// What is declared.
    pub query: &'p SeedQuery,
    /// The changes.
    pub plan: &'p TablePlan,
    /// The foreign keys of the table.
    pub keys: &'p [SeedForeignKey],
    /// The sequences of the table's columns.
    pub sequences: &'p [ColumnSequence],
}

/// Tables that are seeded together; see [`super::SeedGroup`].
#[derive(Debug, Clone)]
pub struct PlannedGroup<'p> {
    /// The tables in their order.
    pub tables: Vec<PlannedSeed<'p>>,
    /// Whether rows that need others are inserted by themselves.
    pub row_by_row: bool,
}

/// The statements that apply a plan. A sequence stays where it was moved when the transaction is rolled back: those that move
/// sequences come last, when nothing can be refused any more.
#[derive(Debug)]
pub struct SeedScript<'p> {
    /// Those that change rows.
    rows: Vec<ScriptStatement<'p>>,
    /// Those that move sequences.
    sequences: Vec<ScriptStatement<'p>>,
}

#[derive(Debug)]
struct ScriptStatement<'p> {
    sql: String,
    /// `None` for one of the settings at the beginning.
    subject: Option<StatementSubject<'p>>,
}

/// The statement before sequences are moved: what a deferred constraint refuses at COMMIT is refused here.
pub(super) const CHECK_ALL: &str = "SET CONSTRAINTS ALL IMMEDIATE";

/// What a statement of a script is about.
#[derive(Debug, Clone)]
pub struct StatementSubject<'p> {
    /// The tables.
    pub tables: Vec<PlannedSeed<'p>>,
    /// The row of an UPDATE; `None` for the statements that insert rows.
    pub row: Option<&'p RowPlan>,
}

impl<'p> SeedScript<'p> {
    /// The script for groups in this order; empty when no row is inserted or updated.
    pub fn new(groups: &[PlannedGroup<'p>], lookups: &Lookups, deferred: bool) -> Self {
        // The declared texts of type money are in the format of the C locale.
        let mut settings = vec!["SET LOCAL lc_monetary = 'C'".to_owned()];
        if deferred {
            settings.push("SET CONSTRAINTS ALL DEFERRED".to_owned());
        }
        let setting = |sql| ScriptStatement { sql, subject: None };
        let mut statements: Vec<_> = settings.into_iter().map(setting).collect();
        let opening = statements.len();
        let seeded: BTreeSet<String> =
            groups.iter().flat_map(|group| &group.tables).map(|table| table.query.columns.path()).collect();
        for group in groups {
            statements.extend(group.statements(lookups, &seeded));
        }
        let mut moved = Vec::new();
        for table in
            groups.iter().flat_map(|group| &group.tables).filter(|table| !table.plan.changes_nothing())
        {
            let advance =
                table.sequences.iter().filter_map(|sequence| sequence.advance(&table.query.seed.rows));
            let subject = || StatementSubject { tables: vec![*table], row: None };
            moved.extend(advance.map(|sql| ScriptStatement { sql, subject: Some(subject()) }));
        }
        if !moved.is_empty() {
            statements.push(setting(CHECK_ALL.to_owned()));
        }
        let rows = if statements.len() == opening { Vec::new() } else { statements };
        Self { rows, sequences: moved }
    }

    /// The statements that change rows; with the last of them all constraints are checked.
    pub fn rows(&self) -> String {
        text_of(&self.rows)
    }

    /// The statements that move sequences, for when it is proved that the rows are as declared. May be empty.
    pub fn sequences(&self) -> String {
        text_of(&self.sequences)
    }

    /// The number of statements that change rows.
    pub fn row_statements(&self) -> usize {
        self.rows.len()
    }

    /// What the statement of this number is about, from 0.
    pub fn subject(&self, statement: usize) -> Option<&StatementSubject<'p>> {
        self.rows.iter().chain(&self.sequences).nth(statement)?.subject.as_ref()
    }
}

fn text_of(statements: &[ScriptStatement<'_>]) -> String {
    statements.iter().map(|statement| statement.sql.as_str()).collect::<Vec<_>>().join(";\n")
}

impl<'p> PlannedGroup<'p> {
    fn statements(&self, lookups: &Lookups, seeded: &BTreeSet<String>) -> Vec<ScriptStatement<'p>> {
        let together: Vec<&TableColumns> = self.tables.iter().map(|table| &table.query.columns).collect();
        let needed = Needed { lookups, together: &together, seeded };
        let of_tables = |sql, tables: &[PlannedSeed<'p>], row| ScriptStatement {
            sql,
            subject: Some(StatementSubject { tables: tables.to_vec(), row }),
        };
        let mut updates = Vec::new();
        let mut inserts = Vec::new();
        let mut waiting: Vec<WaitingRow<'_>> = Vec::new();
        for table in &self.tables {
            let PlannedSeed { query, plan, keys, .. } = *table;
            let one = std::slice::from_ref(table);
            let mut at_once: Vec<&RowPlan> = plan.rows.iter().filter(|row| row.missing).collect();
            if self.row_by_row {
                at_once.retain(|row| {
                    let row = WaitingRow { query, number: row.row, values: &row.declared, keys };
                    let waits = row.waits(&needed);
                    waiting.extend(waits.then_some(row));
                    !waits
                });
            }
            inserts.extend(insert(query, &at_once).map(|sql| of_tables(sql, one, None)));
            let changed = plan.rows.iter().filter(|row| !row.missing && !row.changes.is_empty());
            let changed: Vec<_> = changed.map(|row| of_tables(update(query, row), one, Some(row))).collect();
            if !changed.is_empty() {
                let required = require(&query.seed.file, query.seed.on_change.iter(), &needed);
                updates.extend(required.map(|sql| of_tables(sql, one, None)));
            }
            updates.extend(changed);
        }
        if waiting.is_empty() {
            return inserts.into_iter().chain(updates).collect();
        }
        // Lookups find rows as they are declared, so rows are updated before the others are inserted.
        let one_by_one = of_tables(insert_row_by_row(&waiting, &needed), &self.tables, None);
        updates.into_iter().chain(inserts).chain([one_by_one]).collect()
    }
}

/// The row whose statement failed: the server's error context repeats the statement, which begins with the place of its
/// row.
pub fn row_marked<'p>(plan: &'p TablePlan, seed: &Seed, context: &str) -> Option<&'p RowPlan> {
    plan.rows.iter().find(|row| context.contains(&mark(&seed.rows[row.row])))
}

/// The row whose INSERT failed because of a duplicate or missing key. The detail of the error names its values in any
/// language: `Key (slug)=(platform) ...`. A single inserted row needs no detail.
pub fn row_refused<'p>(plan: &'p TablePlan, detail: &str) -> Option<&'p RowPlan> {
    let mut made = plan.rows.iter().filter(|row| row.missing);
    if plan.inserts() == 1 {
        return made.next();
    }
    let (columns, values) = detail.get(detail.find('(')? + 1..)?.split_once(")=(")?;
    let columns: Vec<&str> = columns.split(", ").map(|column| column.trim_matches('"')).collect();
    made.find(|row| {
        let texts: Option<Vec<&str>> =
            columns.iter().map(|column| row.declared.get(*column)?.as_deref()).collect();
        texts.is_some_and(|texts| values.starts_with(&format!("{})", texts.join(", "))))
    })
}

/// A query for the privileges that the script needs and the role lacks: table, privilege and column; or sequence and
/// privilege, without a column.
pub fn missing_rights_query<'s>(tables: &[PlannedSeed<'s>]) -> Option<String> {
    let mut needed: BTreeSet<(String, &str, &'s str)> = BTreeSet::new();
    let mut of_sequences: BTreeSet<String> = BTreeSet::new();
    for PlannedSeed { query, plan, sequences, .. } in tables.iter().copied() {
        let seed: &'s Seed = &query.seed;
        if !plan.changes_nothing() {
            of_sequences.extend(sequences.iter().filter_map(|sequence| sequence.missing_rights(&seed.rows)));
        }
        let mut need = |right, columns: &mut dyn Iterator<Item = &'s str>| {
            needed.extend(columns.map(|column| (query.columns.path(), right, column)));
        };
        for row in &plan.rows {
            let made = seed.rows[row.row].cells.iter().filter(|_| row.missing);
            need("INSERT", &mut made.map(|cell| cell.column.as_str()));
            need("UPDATE", &mut row.changes.iter().map(|change| change.column.as_str()));
        }
        if plan.updates() > 0 {
            need("UPDATE", &mut seed.on_change.iter().map(|cell| cell.column.as_str()));
        }
    }
    let row = |(table, right, column): (String, &str, &str)| {
        format!("({}, {}, {})", literal(&table), literal(right), literal(column))
    };
    let rows: Vec<String> = needed.into_iter().map(row).collect();
    if rows.is_empty() {
        return None;
    }
    let of_columns = format!(
        "SELECT v.path, v.privilege, v.name FROM (VALUES {}) AS v(path, privilege, name) WHERE NOT \
         pg_catalog.has_column_privilege(v.path::pg_catalog.text, v.name::pg_catalog.text, \
         v.privilege::pg_catalog.text)",
        rows.join(", ")
    );
    Some([of_columns].into_iter().chain(of_sequences).collect::<Vec<_>>().join(" UNION ALL "))
}

/// The statement that records what was seeded; `None` when nothing is recorded.
pub fn records(tables: &[PlannedSeed<'_>], run: &str) -> Option<String> {
    let rows = tables.iter().flat_map(|PlannedSeed { query, plan, .. }| {
        plan.rows.iter().filter_map(|row| {
            let seeded = serde_json::to_string(row.record.as_ref()?).unwrap_or_default();
            let relation = literal(&query.columns.path());
            Some(format!("({relation}, {}, {})", literal(&row.key), literal(&seeded)))
        })
    });
    let rows: Vec<String> = rows.collect();
    (!rows.is_empty()).then(|| {
        format!(
            "INSERT INTO trueup.seeds (relation, key, seeded, run) \
             SELECT v.relation, v.key, v.seeded::jsonb::text, {} FROM (VALUES {}) AS v(relation, key, seeded) \
             ON CONFLICT (relation, key) DO UPDATE SET seeded = excluded.seeded, run = excluded.run, \
             seeded_at = clock_timestamp()",
            literal(run),
            rows.join(",\n")
        )
    })
}

/// The statement that removes what was recorded of tables which do not exist any more; `None` when there are none.
pub fn records_of_dropped(tables: &[&str]) -> Option<String> {
    let tables: Vec<String> = tables.iter().map(|table| literal(table)).collect();
    (!tables.is_empty()).then(|| {
        format!(
            "DELETE FROM trueup.seeds AS s WHERE s.relation IN ({}) AND to_regclass(s.relation) IS NULL",
            tables.join(", ")
        )
    })
}

/// The quoted names of columns, separated by commas.
pub(super) fn names<'n>(columns: impl IntoIterator<Item = &'n str>) -> String {
    columns.into_iter().map(identifier).collect::<Vec<_>>().join(", ")
}

/// A DO statement around its code.
pub(super) fn do_block(code: &str) -> String {
    let mut tag = "$trueup$".to_owned();
    while code.contains(&tag) {
        tag = format!("{}_$", tag.trim_end_matches('$'));
    }
    format!("DO {tag}\n{code}{tag}")
}

/// A declared expression in parentheses.
pub(super) fn expression(text: &str) -> String {
    // The parenthesis stands on a line of its own, because the expression may end in a comment.
    format!("({text}\n)")
}

/// A text as the server printed it, or NULL.
pub(super) fn text(value: Option<&str>) -> String {
    value.map_or_else(|| "NULL".to_owned(), literal)
}

/// The SQL for a declared value. `declared` holds the plain values as the server prints them.
pub(super) fn cell(cell: Option<&Cell>, declared: &ColumnTexts) -> String {
    match cell.map(|cell| (&cell.value, declared.get(&cell.column))) {
        None => "DEFAULT".to_owned(),
        Some((DeclaredValue::Expression(sql), _)) => expression(sql),
        Some((_, declared)) => text(declared.and_then(Option::as_deref)),
    }
}

/// The assignments of `on_change`, for example `updated_at = (now())`, without these columns.
pub(super) fn on_change<'s>(seed: &'s Seed, but: &'s [&str]) -> impl Iterator<Item = String> + 's {
    let others = seed.on_change.iter().filter(move |cell| !but.contains(&cell.column.as_str()));
    others.map(|cell| {
        let value = match &cell.value {
            DeclaredValue::Null => "NULL".to_owned(),
            DeclaredValue::Boolean(value) => literal(&value.to_string()),
            DeclaredValue::Number(text) | DeclaredValue::Text(text) | DeclaredValue::Json(text) => {
                literal(text)
            }
            DeclaredValue::Expression(sql) => expression(sql),
        };
        format!("{} = {value}", identifier(&cell.column))
    })
}

fn insert(query: &SeedQuery, missing: &[&RowPlan]) -> Option<String> {
    let seed = &query.seed;
    let is_used = |column: &str| missing.iter().any(|row| seed.rows[row.row].get(column).is_some());
    let columns: Vec<&str> =
        seed.columns().map(|cell| cell.column.as_str()).filter(|name| is_used(name)).collect();
    let row = |row: &&RowPlan| {
        let declared = &seed.rows[row.row];
        let cells = columns.iter().map(|column| cell(declared.get(column), &row.declared));
        format!("({})", cells.collect::<Vec<_>>().join(", "))
    };
    let rows: Vec<String> = missing.iter().map(row).collect();
    (!rows.is_empty()).then(|| {
        format!(
            "INSERT INTO {} ({}) VALUES\n{}\nON CONFLICT ({}) DO NOTHING",
            query.columns.path(),
            names(columns.iter().copied()),
            rows.join(",\n"),
            names(seed.key.value.iter().map(String::as_str))
        )
    })
}

fn update(query: &SeedQuery, row: &RowPlan) -> String {
    let seed = &query.seed;
    let changed: Vec<&str> = row.changes.iter().map(|change| change.column.as_str()).collect();
    let values = row
        .changes
        .iter()
        .map(|change| format!("{} = {}", identifier(&change.column), text(change.declared.as_deref())));
    let values: Vec<String> = values.chain(on_change(seed, &changed)).collect();
    let key: Vec<String> = serde_json::from_str(&row.key).unwrap_or_default();
    let mut conditions: Vec<String> = seed
        .key
        .value
        .iter()
        .zip(&key)
        .filter_map(|(name, value)| {
            let column = query.columns.get(name)?;
            Some(column.same(&format!("t.{}", identifier(name)), &literal(value)))
        })
        .collect();
    let xmin = literal(row.xmin.as_deref().unwrap_or_default());
    conditions.push(format!("t.xmin OPERATOR(pg_catalog.=) {xmin}::pg_catalog.xid"));
    format!(
        "UPDATE {} AS t SET {} WHERE {}",
        query.columns.path(),
        values.join(", "),
        conditions.join(" AND ")
    )
}
