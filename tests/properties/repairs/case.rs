//! A random table, its check files, and who else writes to it.

use trueup::postgres::sql::{identifier, literal};

use super::kinds::{KEYS, KINDS, Kind};
use crate::properties::tape::Tape;

/// What is tried.
#[derive(Debug)]
pub(crate) struct Case {
    /// The schema's name, quoted.
    pub(crate) schema: String,
    /// Qualified and quoted.
    pub(crate) table: String,
    pub(crate) key: Vec<Column>,
    pub(crate) columns: Vec<Column>,
    pub(crate) generated: Option<String>,
    /// In two partitions.
    partitioned: bool,
    pub(crate) rows: usize,
    /// One list for each file.
    pub(crate) checks: Vec<Vec<Fix>>,
    pub(crate) writers: Writers,
    /// Whether it is repaired twice.
    pub(crate) twice: bool,
}

/// A column of the key, or of the rest.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    /// Quoted.
    pub(crate) name: String,
    pub(crate) sql: String,
    /// Its value in the row whose number is `rid`.
    value: Value,
    /// What a writer writes into it; `{n}` is a number.
    pub(crate) fresh: Option<String>,
}

#[derive(Debug, Clone)]
enum Value {
    Key(&'static str),
    /// By the kind's number and a seed.
    Of(usize, usize),
}

/// A fix of a check.
#[derive(Debug)]
pub(crate) struct Fix {
    /// The rows, as a condition.
    pub(crate) wrong: String,
    /// None: it deletes.
    pub(crate) sets: Vec<Set>,
    /// The rows that it answers a second time, with the other values.
    pub(crate) several: Option<String>,
}

/// A column that a fix sets: what its query returns, and what a plain UPDATE would be given.
#[derive(Debug)]
pub(crate) struct Set {
    /// Quoted.
    pub(crate) column: String,
    sql: String,
    returned: [String; 2],
    pub(crate) plain: [String; 2],
}

/// Who else writes; numbers of changes.
#[derive(Debug, Default)]
pub(crate) struct Writers {
    pub(crate) seed: u64,
    /// While rows are repaired.
    pub(crate) beside: usize,
    /// In a transaction that is open when the repair begins, and ended when the plan is made.
    pub(crate) held: usize,
    pub(crate) kept: bool,
    /// After the repair.
    pub(crate) between: usize,
    /// While it is taken back.
    pub(crate) undoing: usize,
}

impl Case {
    pub(crate) fn of(tape: Vec<u16>) -> Self {
        let tape = &mut Tape::new(tape);
        // A directive is one line.
        let one_line = |tape: &mut Tape| identifier(&tape.name().replace('\n', " ")).into_owned();
        let schema = one_line(tape);
        let table = format!("{schema}.{}", one_line(tape));
        let of = |sql: &str| sql.replace("{s}", &schema);
        let number = tape.below(KEYS.len());
        let key: Vec<Column> = KEYS[number]
            .iter()
            .map(|(sql, value)| Column {
                name: one_line(tape),
                sql: of(sql),
                value: Value::Key(value),
                fresh: None,
            })
            .collect();
        let columns: Vec<Column> = (0..1 + tape.below(7))
            .map(|_| {
                let kind = tape.below(KINDS.len());
                Column {
                    name: identifier(&tape.name()).into_owned(),
                    sql: of(KINDS[kind].sql),
                    value: Value::Of(kind, tape.below(1000)),
                    fresh: KINDS[kind].fresh.map(|fresh| format!("({fresh})::{}", of(KINDS[kind].sql))),
                }
            })
            .collect();
        let generated = tape.rarely(3).then(|| identifier(&tape.name()).into_owned());
        let partitioned = tape.rarely(4) && ![1, 9, 14, 17].contains(&number);
        let rows = [3, 0, 1, 8, 30, 200][tape.below(6)];
        let checks = (0..1 + tape.below(2))
            .map(|_| (0..1 + tape.below(3)).map(|_| fix(tape, &columns)).collect())
            .collect();
        let writers = match tape.below(3) {
            0 => Writers::default(),
            _ => Writers {
                beside: [0, 5, 40][tape.below(3)],
                held: [0, 1, 4][tape.below(3)],
                kept: !tape.rarely(3),
                between: [0, 1, 4][tape.below(3)],
                undoing: [0, 20][tape.below(2)],
                seed: tape.below(65_536) as u64,
            },
        };
        let twice = tape.rarely(3);
        Self { schema, table, key, columns, generated, partitioned, rows, checks, writers, twice }
    }

    /// All columns but the generated one.
    pub(crate) fn all(&self) -> Vec<String> {
        let named = self.key.iter().chain(&self.columns).map(|column| column.name.clone());
        ["rid".to_owned(), "wc".to_owned()].into_iter().chain(named).collect()
    }

    /// The schema, the types and the table, without rows.
    pub(crate) fn create(&self) -> String {
        let mut parts = vec!["rid integer".to_owned(), "wc integer DEFAULT 0".to_owned()];
        parts.extend(self.key.iter().map(|column| format!("{} {} NOT NULL", column.name, column.sql)));
        parts.extend(self.columns.iter().map(|column| format!("{} {}", column.name, column.sql)));
        if let Some(name) = &self.generated {
            parts.push(format!("{name} integer GENERATED ALWAYS AS (rid * 2) STORED"));
        }
        let key: Vec<&str> = self.key.iter().map(|column| column.name.as_str()).collect();
        let key = key.join(", ");
        parts.push(format!("UNIQUE ({key})"));
        let (mut end, mut more) = (String::new(), String::new());
        if self.partitioned {
            end = format!(" PARTITION BY HASH ({key})");
            for part in 0..2 {
                more.push_str(&format!(
                    "CREATE TABLE {}.\"part {part}\" PARTITION OF {} FOR VALUES WITH (MODULUS 2, REMAINDER {part});",
                    self.schema, self.table
                ));
            }
        }
        format!(
            "CREATE SCHEMA {};{}CREATE TABLE {} ({}){end};{more}",
            self.schema,
            super::kinds::TYPES.replace("{s}", &self.schema),
            self.table,
            parts.join(", ")
        )
    }

    /// An INSERT of the row with that number.
    pub(crate) fn insert(&self, rid: usize, wc: usize) -> String {
        let values: Vec<String> =
            self.key.iter().chain(&self.columns).map(|column| column.at(rid, &self.schema)).collect();
        let names = self.all().join(", ");
        format!(
            "INSERT INTO {} ({names}) OVERRIDING SYSTEM VALUE SELECT rid, {wc}, {} FROM (VALUES ({rid})) AS r (rid)",
            self.table,
            values.join(", ")
        )
    }

    /// The files.
    pub(crate) fn files(&self) -> Vec<String> {
        let keys: Vec<&str> = self.key.iter().map(|column| column.name.as_str()).collect();
        let keys = keys.join(", ");
        let file = |fixes: &Vec<Fix>| {
            let wrong: Vec<String> = fixes.iter().map(|fix| format!("({})", fix.wrong)).collect();
            let mut text = format!(
                "-- title: random\n-- table: {}\n-- key: {keys}\n-- find:\nSELECT {keys} FROM {} WHERE {};\n",
                self.table,
                self.table,
                wrong.join(" OR ")
            );
            for (number, fix) in fixes.iter().enumerate() {
                text.push_str(&format!("-- fix: fix{number}\n"));
                if fix.sets.is_empty() {
                    text.push_str("-- action: delete\n");
                }
                text.push_str(&fix.query(&keys, &self.table));
            }
            text
        };
        self.checks.iter().map(file).collect()
    }
}

impl Column {
    fn at(&self, rid: usize, schema: &str) -> String {
        match self.value {
            Value::Key(value) => value.replace("{s}", schema),
            Value::Of(kind, seed) => {
                let values = KINDS[kind].values;
                // Spread over the rows by a multiplicative hash.
                let mixed = (seed + rid).wrapping_mul(2_654_435_761) >> 7;
                constant(&self.sql, values.get(mixed % (values.len() + 1)).copied())
            }
        }
    }

    fn kind(&self) -> &'static Kind {
        match self.value {
            Value::Of(kind, _) => &KINDS[kind],
            Value::Key(_) => &KINDS[0],
        }
    }
}

fn constant(sql: &str, value: Option<&str>) -> String {
    match value {
        Some(value) => format!("{}::{sql}", literal(value)),
        None => format!("NULL::{sql}"),
    }
}

fn fix(tape: &mut Tape, columns: &[Column]) -> Fix {
    let wrong = match tape.below(5) {
        0 => "true".to_owned(),
        1 => format!("rid % {} = 0", 2 + tape.below(3)),
        2 => format!("rid < {}", tape.below(12)),
        3 => format!("{} IS NULL", tape.pick(columns).name),
        _ => format!("{} IS NOT NULL AND rid % 2 = 1", tape.pick(columns).name),
    };
    if tape.rarely(4) {
        return Fix { wrong, sets: Vec::new(), several: None };
    }
    let mut sets: Vec<Set> = Vec::new();
    for _ in 0..1 + tape.below(3) {
        let column = tape.pick(columns);
        if sets.iter().any(|set| set.column == column.name) {
            continue;
        }
        let (first, second) = (expression(tape, column), expression(tape, column));
        sets.push(Set {
            column: column.name.clone(),
            sql: column.sql.clone(),
            returned: [first.0, second.0],
            plain: [first.1, second.1],
        });
    }
    let several = tape.rarely(3).then(|| format!("rid % {} = 0", 1 + tape.below(3)));
    Fix { wrong, sets, several }
}

/// A value as a query returns it, and as an UPDATE is given it.
fn expression(tape: &mut Tape, column: &Column) -> (String, String) {
    let kind = column.kind();
    let value = kind.values.get(tape.below(kind.values.len() + 1)).copied();
    let typed = constant(&column.sql, value);
    match tape.below(4) {
        // Text is taken as a literal is.
        1 => (value.map_or_else(|| "NULL".to_owned(), |value| format!("{}::text", literal(value))), typed),
        2 | 3 if !kind.computed.is_empty() => {
            let computed = tape.pick(kind.computed).replace("{c}", &column.name);
            (computed.clone(), computed)
        }
        _ => (typed.clone(), typed),
    }
}

impl Fix {
    fn query(&self, keys: &str, table: &str) -> String {
        let one = |which: usize, more: &str| {
            let returned = |set: &Set| match &self.several {
                // Both halves of a UNION have one type.
                Some(_) => format!("({})::{}", set.returned[which], set.sql),
                None => set.returned[which].clone(),
            };
            let sets: Vec<String> =
                self.sets.iter().map(|set| format!(", {} AS {}", returned(set), set.column)).collect();
            format!("SELECT {keys}{} FROM {table} WHERE ({}){more}", sets.concat(), self.wrong)
        };
        match &self.several {
            None => format!("{};\n", one(0, "")),
            Some(several) => format!(
                "SELECT * FROM ({}) AS a UNION ALL SELECT * FROM ({}) AS b;\n",
                one(0, ""),
                one(1, &format!(" AND {several}"))
            ),
        }
    }
}
