//! Writes the block that inserts rows one by one, each when the rows are there that its lookups and foreign keys need.
//!
//! The order of the rows follows from the data, so only the server can find it: the block goes through the rows until no
//! further one can be inserted. What then still waits is told, and the transaction is rolled back.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::columns::{TableColumn, TableColumns, TableName};
use super::file::{Cell, DeclaredRow};
use super::lookups::{Lookup, Lookups};
use super::query::{ColumnTexts, SeedQuery};
use super::value::DeclaredValue;
use super::write::{cell, do_block, names};
use crate::postgres::catalog::{Attribute, Catalog, Kind, ObjectId};
use crate::postgres::sql::{identifier, literal};

/// The SQLSTATE of rows that wait for rows of tables that the project seeds itself.
pub const NOT_DECLARED: &str = "TU001";
/// The SQLSTATE of rows that wait for rows of other tables.
pub const NOT_IN_DATABASE: &str = "TU002";

/// A foreign key whose rows have to be there first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeedForeignKey {
    /// The name of the constraint.
    name: String,
    /// The columns, quoted.
    columns: Vec<String>,
    /// Those of the columns that have a value in a row that names none: a default, or one that the database computes.
    filled: BTreeSet<String>,
    /// The table that it references, qualified and quoted.
    references: String,
    /// The columns that it references, quoted.
    referenced: Vec<String>,
}

impl SeedForeignKey {
    /// The foreign keys of a table that are checked as soon as a row is inserted.
    pub fn of(columns: &TableColumns, catalog: &Catalog) -> Vec<Self> {
        let path = columns.path();
        let list = |list: Option<&str>| -> Vec<String> {
            list.unwrap_or_default().split(", ").map(str::to_owned).collect()
        };
        let keys = catalog.objects.iter().filter(|object| {
            object.id.kind == Kind::ForeignKey
                && object.id.relation_path() == path
                && object.attributes.stated(Attribute::Deferrable).is_none()
        });
        let filled = || {
            let TableName { schema, name: table } = &columns.table;
            let is_filled = |column: &&TableColumn| {
                let id = ObjectId::under(Kind::Column, schema.clone(), table.clone(), column.name.clone());
                catalog.get(&id).is_some_and(|column| {
                    [Attribute::Default, Attribute::Generated, Attribute::Identity]
                        .into_iter()
                        .any(|filled| column.attributes.stated(filled).is_some())
                })
            };
            columns.all.iter().filter(is_filled).map(|column| identifier(&column.name).into_owned())
        };
        keys.filter_map(|key| {
            let columns = list(key.get(Attribute::Columns));
            Some(Self {
                name: key.id.name.to_string(),
                filled: filled().filter(|filled| columns.contains(filled)).collect(),
                columns,
                references: key.get(Attribute::References)?.to_owned(),
                referenced: list(key.get(Attribute::ReferencedColumns)),
            })
        })
        .collect()
    }
}

/// A row that is inserted when what it needs is there.
#[derive(Debug, Clone, Copy)]
pub(super) struct WaitingRow<'r> {
    /// The table and its declaration.
    pub(super) query: &'r SeedQuery,
    /// The position of the row in the file, from 0.
    pub(super) number: usize,
    /// Its plain values, as the server prints them.
    pub(super) values: &'r ColumnTexts,
    /// The foreign keys of its table.
    pub(super) keys: &'r [SeedForeignKey],
}

/// A value of a foreign key's column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeyValue<'r> {
    /// The name of the column, and the value.
    Known(&'r str, &'r str),
    /// NULL: the foreign key needs no row.
    Null,
    /// A default, or the value of an expression.
    OfDatabase,
}

/// What the rows may need.
#[derive(Debug, Clone, Copy)]
pub(super) struct Needed<'n> {
    /// The lookups.
    pub(super) lookups: &'n Lookups,
    /// The tables that are seeded together with the rows.
    pub(super) together: &'n [&'n TableColumns],
    /// All tables that the project seeds, qualified and quoted.
    pub(super) seeded: &'n BTreeSet<String>,
}

/// Something that has to be there.
struct Need {
    /// An SQL condition that it is.
    condition: String,
    /// What is told when it is not.
    told: String,
    /// Whether the project's rows have to provide it.
    by_project: bool,
}

/// The block that inserts the rows in the order that their needs allow.
pub(super) fn insert_row_by_row(rows: &[WaitingRow<'_>], needed: &Needed<'_>) -> String {
    let mut tries = String::new();
    let (mut reads_together, mut has_keys) = (false, false);
    let together: Vec<String> = needed.together.iter().map(|table| table.path()).collect();
    let reads = |lookup: &Lookup| together.iter().any(|path| lookup.reads.contains(path));
    for row in rows {
        reads_together |= row.lookups(needed).any(|(_, lookup)| reads(lookup));
        has_keys |= row.lookups(needed).next().is_none();
        tries.push_str(&row.try_to_insert(needed));
    }
    let one = match has_keys {
        false => "a lookup of schema/seeds/ finds no row",
        true => "a row of schema/seeds/ needs one that does not exist",
    };
    let message = match reads_together {
        false => literal(one),
        true => format!(
            "(CASE WHEN trueup_waiting OPERATOR(pg_catalog.>) 1 THEN {} ELSE {} END)",
            literal("rows of schema/seeds/ wait for each other (a cycle), or for a row that does not exist"),
            literal(one)
        ),
    };
    // Every pass but the last one inserts a row. A trigger that gives rows other keys does not keep it going.
    let passes = rows.len() + 1;
    block(&format!(
        "    FOR trueup_pass IN 1..{passes} LOOP\n        {RESET}\n        trueup_inserted := false;\n{tries}        EXIT WHEN NOT \
         trueup_inserted;\n    END LOOP;\n{}",
        raise(&message)
    ))
}

/// The block that fails when a lookup of these values finds nothing; `None` where none of them is a lookup.
pub(super) fn require<'c>(
    file: &str,
    cells: impl Iterator<Item = &'c Cell>,
    needed: &Needed<'_>,
) -> Option<String> {
    let needs: Vec<Need> = cells.filter_map(|cell| need_of_lookup(file, cell, needed)).collect();
    let tells: String = needs.iter().map(|need| need.tell("    ")).collect();
    let message = literal("a lookup of schema/seeds/ finds no row");
    (!needs.is_empty()).then(|| block(&format!("    {RESET}\n{tells}{}", raise(&message))))
}

/// The statement that counts a row that waits.
const ONE_MORE: &str = "trueup_waiting := trueup_waiting OPERATOR(pg_catalog.+) 1;";
/// The state of a pass before its first row.
const RESET: &str = "trueup_waiting := 0; trueup_lacking := false; trueup_needs := '';";

/// A block around its statements. Names of columns come before those of its variables.
fn block(statements: &str) -> String {
    do_block(&format!(
        "#variable_conflict use_column\nDECLARE\n    trueup_inserted pg_catalog.bool;\n    \
         trueup_waiting pg_catalog.int4;\n    trueup_lacking pg_catalog.bool;\n    trueup_needs pg_catalog.text;\n    \
         trueup_key pg_catalog.text;\n    trueup_said pg_catalog.text;\nBEGIN\n{statements}END\n"
    ))
}

/// The statement that fails when something was missing.
fn raise(message: &str) -> String {
    format!(
        "    IF trueup_needs OPERATOR(pg_catalog.<>) '' THEN\n        RAISE EXCEPTION USING MESSAGE = {message},\n            \
         DETAIL = trueup_needs,\n            ERRCODE = (CASE WHEN trueup_lacking THEN '{NOT_IN_DATABASE}' ELSE \
         '{NOT_DECLARED}' END);\n    END IF;\n"
    )
}

impl Need {
    /// The statements that note what is not there.
    fn tell(&self, indent: &str) -> String {
        let Self { condition, told, by_project } = self;
        let lacking =
            if *by_project { String::new() } else { format!("{indent}    trueup_lacking := true;\n") };
        format!(
            "{indent}IF NOT ({condition}) THEN\n{lacking}{indent}    {}\n{indent}END IF;\n",
            add_to_needs(&literal(told))
        )
    }
}

/// The statement that notes a text.
fn add_to_needs(text: &str) -> String {
    format!(
        "trueup_needs := pg_catalog.concat_ws(E'\\n', CASE WHEN trueup_needs OPERATOR(pg_catalog.<>) '' THEN trueup_needs \
         END, {text});"
    )
}

fn need_of_lookup(file: &str, cell: &Cell, needed: &Needed<'_>) -> Option<Need> {
    let (DeclaredValue::Expression(text), Some(lookup)) = (&cell.value, needed.lookups.get(&cell.value))
    else {
        return None;
    };
    Some(Need {
        condition: Lookup::is_found(text),
        told: format!("{file}:{}: {}: finds no row: {}", cell.line, cell.column, text.trim()),
        by_project: lookup.reads.iter().all(|path| needed.seeded.contains(path)),
    })
}

impl<'r> WaitingRow<'r> {
    fn declared(&self) -> &'r DeclaredRow {
        &self.query.seed.rows[self.number]
    }

    fn lookups<'n>(&self, needed: &Needed<'n>) -> impl Iterator<Item = (&'r Cell, &'n Lookup)> {
        let lookups = needed.lookups;
        self.declared().cells.iter().filter_map(move |cell| Some((cell, lookups.get(&cell.value)?)))
    }

    /// An SQL condition that a row `t` of the table is this one.
    pub(super) fn is_this(&self) -> String {
        let keys = self.query.seed.key.value.iter().filter_map(|name| {
            let value = self.values.get(name)?.as_ref()?;
            let column = self.query.columns.get(name)?;
            Some(column.same(&format!("t.{}", identifier(name)), &literal(value)))
        });
        keys.collect::<Vec<_>>().join(" AND ")
    }

    /// What has to be there before the row is inserted.
    fn needs(&self, needed: &Needed<'_>) -> Vec<Need> {
        let declared = self.declared();
        let of_lookups =
            declared.cells.iter().filter_map(|cell| need_of_lookup(&declared.file, cell, needed));
        of_lookups.chain(self.keys.iter().filter_map(|key| self.need_of_key(key, needed))).collect()
    }

    /// Whether the row needs another one of the tables that are seeded together, or a lookup.
    pub(super) fn waits(&self, needed: &Needed<'_>) -> bool {
        !self.needs(needed).is_empty() || self.tried_keys(needed).next().is_some()
    }

    /// The foreign keys to tables that are seeded together of which only the database knows the values: those of expressions and
    /// defaults.
    fn tried_keys(&self, needed: &Needed<'_>) -> impl Iterator<Item = &'r SeedForeignKey> {
        let is_together =
            |key: &&SeedForeignKey| needed.together.iter().any(|table| table.path() == key.references);
        let together: Vec<&'r SeedForeignKey> = self.keys.iter().filter(is_together).collect();
        together.into_iter().filter(|key| {
            let values: Vec<KeyValue<'_>> =
                key.columns.iter().map(|column| self.key_value(key, column)).collect();
            values.contains(&KeyValue::OfDatabase) && !values.contains(&KeyValue::Null)
        })
    }

    /// The value of a column of a foreign key.
    fn key_value(&self, key: &SeedForeignKey, column: &str) -> KeyValue<'r> {
        let is_it = |name: &str| *identifier(name) == *column;
        let is_expression = self
            .declared()
            .cells
            .iter()
            .any(|cell| is_it(&cell.column) && matches!(cell.value, DeclaredValue::Expression(_)));
        match self.values.iter().find(|(name, _)| is_it(name.as_str())) {
            _ if is_expression => KeyValue::OfDatabase,
            Some((name, Some(value))) => KeyValue::Known(name, value),
            Some((_, None)) => KeyValue::Null,
            None if key.filled.contains(column) => KeyValue::OfDatabase,
            None => KeyValue::Null,
        }
    }

    fn try_to_insert(&self, needed: &Needed<'_>) -> String {
        let needs = self.needs(needed);
        let table = self.query.columns.path();
        let mut sql =
            format!("        IF NOT EXISTS (SELECT FROM {table} AS t WHERE {}) THEN\n", self.is_this());
        if needs.is_empty() {
            sql.push_str(&self.insert_where_keys_allow("            ", needed));
        } else {
            let met: Vec<&str> = needs.iter().map(|need| need.condition.as_str()).collect();
            let tells: String = needs.iter().map(|need| need.tell("                ")).collect();
            let _ = write!(
                sql,
                "            IF {} THEN\n{}            ELSE\n                {ONE_MORE}\n{tells}            END IF;\n",
                met.join(" AND "),
                self.insert_where_keys_allow("                ", needed),
            );
        }
        sql.push_str("        END IF;\n");
        sql
    }

    /// The INSERT. Where a foreign key refuses a value that only the database knows, the row waits.
    fn insert_where_keys_allow(&self, indent: &str, needed: &Needed<'_>) -> String {
        let names: Vec<String> = self.tried_keys(needed).map(|key| literal(&key.name)).collect();
        if names.is_empty() {
            return self.insert(indent);
        }
        let declared = self.declared();
        let place = literal(&format!("{}:{}: ", declared.file, declared.line));
        format!(
            "{indent}BEGIN\n{}{indent}EXCEPTION WHEN foreign_key_violation THEN\n{indent}    GET STACKED DIAGNOSTICS \
             trueup_key = CONSTRAINT_NAME, trueup_said = PG_EXCEPTION_DETAIL;\n{indent}    IF NOT trueup_key \
             OPERATOR(pg_catalog.=) ANY (ARRAY[{}]::pg_catalog.text[]) THEN\n{indent}        RAISE;\n{indent}    END IF;\n\
             {indent}    {ONE_MORE}\n{indent}    {}\n{indent}END;\n",
            self.insert(&format!("{indent}    ")),
            names.join(", "),
            add_to_needs(&format!("pg_catalog.concat({place}, trueup_said)"))
        )
    }

    fn insert(&self, indent: &str) -> String {
        let cells = &self.declared().cells;
        let values: Vec<String> = cells.iter().map(|declared| cell(Some(declared), self.values)).collect();
        format!(
            "{indent}INSERT {} INTO {} ({})\n{indent}VALUES ({})\n{indent}ON CONFLICT ({}) DO NOTHING;\n\
             {indent}trueup_inserted := trueup_inserted OR FOUND;\n",
            mark(self.declared()),
            self.query.columns.path(),
            names(cells.iter().map(|cell| cell.column.as_str())),
            values.join(", "),
            names(self.query.seed.key.value.iter().map(String::as_str))
        )
    }

    /// The row that a foreign key references, in one of the tables that are seeded together with this one.
    fn need_of_key(&self, key: &SeedForeignKey, needed: &Needed<'_>) -> Option<Need> {
        let referenced = needed.together.iter().find(|table| table.path() == key.references)?;
        let pairs: Option<Vec<(&str, &str, String)>> = key
            .columns
            .iter()
            .zip(&key.referenced)
            .map(|(column, referenced_column)| {
                let KeyValue::Known(name, value) = self.key_value(key, column) else { return None };
                let is_other = |other: &&TableColumn| *identifier(&other.name) == **referenced_column;
                let other = referenced.all.iter().find(is_other)?;
                let same = other.same(&format!("r.{referenced_column}"), &literal(value));
                Some((name, value, same))
            })
            .collect();
        let pairs = pairs?;
        let is_itself = self.query.columns.path() == key.references
            && pairs.iter().zip(&key.referenced).all(|((_, value, _), other)| {
                let own = self.values.iter().find(|(name, _)| *identifier(name.as_str()) == **other);
                own.and_then(|(_, own)| own.as_deref()) == Some(*value)
            });
        if is_itself {
            return None;
        }
        let declared = self.declared();
        let line =
            pairs.first().and_then(|(name, ..)| declared.get(name)).map_or(declared.line, |cell| cell.line);
        let columns: Vec<&str> = pairs.iter().map(|(name, ..)| *name).collect();
        let values: Vec<&str> = pairs.iter().map(|(_, value, _)| *value).collect();
        let same: Vec<&str> = pairs.iter().map(|(.., same)| same.as_str()).collect();
        Some(Need {
            condition: format!("EXISTS (SELECT FROM {} AS r WHERE {})", key.references, same.join(" AND ")),
            told: format!(
                "{}:{line}: {}: no row of {} has {}",
                declared.file,
                columns.join(", "),
                key.references,
                values.join(", ")
            ),
            by_project: true,
        })
    }
}

/// The comment by which an error of the INSERT names its row: the server's error context repeats the statement.
pub(super) fn mark(row: &DeclaredRow) -> String {
    let place = format!("{}:{}", row.file, row.line);
    format!("/* {} */", place.replace("*/", "* /").replace("/*", "/ *").replace(['\n', '\r'], " "))
}
