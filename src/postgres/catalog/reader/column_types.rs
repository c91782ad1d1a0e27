//! Deferred printing of column types, and of what a column has that is not its type's own.
//!
//! Types are asked for by their oids, once each; names with a modifier and collations only where there are any. Three
//! plain statements are planned faster than one with joins.

use std::collections::{BTreeSet, HashMap};

use anyhow::{Context as _, Result};
use smol_str::SmolStr;

use super::fields::Fields;
use super::sections::list;

/// `pg_attribute.atttypmod` of a type without a modifier.
const NO_MODIFIER: i32 = -1;

/// The collation `"default"` (`pg_collation.dat`), and how it prints.
pub(super) const DEFAULT_COLLATION: u32 = 100;
const DEFAULT_COLLATION_NAME: &str = "\"default\"";

/// The type of a column, as `pg_attribute` has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ColumnType {
    pub(super) oid: u32,
    pub(super) modifier: i32,
    pub(super) collation: u32,
    pub(super) storage: u8,
}

impl ColumnType {
    /// A type without a column.
    pub(super) fn bare(oid: u32) -> Self {
        Self { oid, modifier: NO_MODIFIER, collation: 0, storage: b'x' }
    }
}

/// The types that are asked for, and the server's answers.
#[derive(Debug, Default)]
pub(super) struct ColumnTypes {
    /// The question of each type.
    questions: HashMap<ColumnType, u32>,
    /// The subjects of the statements, in their order.
    subjects: Vec<Subject>,
    types: HashMap<u32, Type>,
    /// The names of types with a modifier.
    modified: HashMap<(u32, i32), SmolStr>,
    /// The names of collations.
    collations: HashMap<u32, SmolStr>,
}

/// The subject of a statement.
#[derive(Debug, Clone, Copy)]
enum Subject {
    Types,
    Modified,
    Collations,
}

#[derive(Debug)]
struct Type {
    /// The name without a modifier.
    name: SmolStr,
    collation: u32,
    storage: u8,
}

/// The printed type of a column.
#[derive(Debug, Default)]
pub(super) struct PrintedType {
    pub(super) name: Option<SmolStr>,
    /// Set if it differs from the type's own.
    pub(super) collation: Option<SmolStr>,
    /// Set if it differs from the type's own.
    pub(super) storage: Option<SmolStr>,
}

impl ColumnTypes {
    /// The number of the question, which is `next` for one that is new.
    pub(super) fn ask(&mut self, column: ColumnType, next: u32) -> u32 {
        *self.questions.entry(column).or_insert(next)
    }

    /// The statements, in the order in which [`ColumnTypes::row`] counts them.
    pub(super) fn statements(&mut self) -> Vec<String> {
        let asked = || self.questions.keys();
        let types: BTreeSet<u32> = asked().map(|column| column.oid).collect();
        let modified = asked().filter(|column| column.modifier != NO_MODIFIER);
        let modified: BTreeSet<(u32, i32)> = modified.map(|column| (column.oid, column.modifier)).collect();
        let collations = asked().map(|column| column.collation);
        let collations: BTreeSet<u32> =
            collations.filter(|collation| !matches!(*collation, 0 | DEFAULT_COLLATION)).collect();
        // `format_type(oid, NULL)` prints a bare `character` differently: the modifier is always given.
        let statements = [
            (
                Subject::Types,
                types.len(),
                format!(
                    "SELECT oid, format_type(oid, -1), typcollation, typstorage FROM pg_type WHERE oid = ANY ('{{{}}}')",
                    list(types.into_iter())
                ),
            ),
            (
                Subject::Modified,
                modified.len(),
                format!(
                    "SELECT t, m, format_type(t, m) FROM unnest('{{{}}}'::oid[], '{{{}}}'::int4[]) AS q (t, m)",
                    list(modified.iter().map(|(oid, _)| oid)),
                    list(modified.iter().map(|(_, modifier)| modifier))
                ),
            ),
            (
                Subject::Collations,
                collations.len(),
                format!(
                    "SELECT c, c::regcollation FROM unnest('{{{}}}'::oid[]) AS q (c)",
                    list(collations.into_iter())
                ),
            ),
        ];
        let wanted = statements.into_iter().filter(|(_, count, _)| *count > 0);
        let (subjects, statements) = wanted.map(|(subject, _, sql)| (subject, sql)).unzip();
        self.subjects = subjects;
        statements
    }

    /// Takes one row of the statement with that number.
    pub(super) fn row(&mut self, statement: usize, fields: &mut Fields<'_>) -> Result<()> {
        let subject =
            self.subjects.get(statement).context("the server printed a type that nobody asked for")?;
        let oid = fields.number()?;
        match subject {
            Subject::Types => {
                let (name, collation) = (fields.text()?.into(), fields.number()?);
                self.types.insert(oid, Type { name, collation, storage: fields.letter()? });
            }
            Subject::Modified => {
                let modifier = fields.number()?;
                self.modified.insert((oid, modifier), fields.text()?.into());
            }
            Subject::Collations => {
                self.collations.insert(oid, fields.text()?.into());
            }
        }
        Ok(())
    }

    /// The answers by question, when all rows have arrived. A type that was dropped meanwhile has no answer.
    pub(super) fn answers(&self) -> impl Iterator<Item = (u32, PrintedType)> {
        self.questions.iter().map(|(column, question)| (*question, self.answer(*column)))
    }

    fn answer(&self, column: ColumnType) -> PrintedType {
        let Some(own) = self.types.get(&column.oid) else { return PrintedType::default() };
        let collation = match column.collation {
            collation if collation == own.collation => None,
            DEFAULT_COLLATION => Some(SmolStr::new_static(DEFAULT_COLLATION_NAME)),
            collation => self.collations.get(&collation).cloned(),
        };
        PrintedType {
            name: match column.modifier {
                NO_MODIFIER => Some(own.name.clone()),
                modifier => self.modified.get(&(column.oid, modifier)).cloned(),
            },
            collation,
            storage: storage_word(column.storage)
                .filter(|_| column.storage != own.storage)
                .map(SmolStr::new_static),
        }
    }
}

fn storage_word(storage: u8) -> Option<&'static str> {
    match storage {
        b'p' => Some("plain"),
        b'e' => Some("external"),
        b'x' => Some("extended"),
        b'm' => Some("main"),
        _ => None,
    }
}
