//! What the server is asked to print once for all that have it: expressions and types.
//!
//! Printing is most of what reading costs the server, and most of it is repetition: `now()` is the default of a
//! thousand columns. So catalogs are read with expressions as their trees (`pg_node_tree`, which is text) and types as
//! their oids; what is distinct among them is printed when all rows are there, in the same transaction. Until then a
//! [`Placeholder`] stands in an object's attributes.
//!
//! Two expressions print the same when their trees are the same but for where they stood in a statement
//! (`:location`) and the columns that they refer to have the same names: `pg_get_expr` looks at nothing else of a
//! table. An expression that refers to its table as a whole, or to columns that are not known yet, is asked for alone.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hasher as _;

use anyhow::{Context as _, Result};
use siphasher::sip128::{Hasher128 as _, SipHasher13};
use smol_str::SmolStr;

use super::column_types::{ColumnType, ColumnTypes};
use super::fields::Fields;
use super::relations::{self, Relation};
use super::sections::list;
use crate::postgres::catalog::{Attribute, Attributes};

/// What is between a placeholder and the text around it: no text of PostgreSQL's has it.
const MARK: char = '\0';

/// Stands for a part of an answer in a text, as [`fmt::Display`] writes it.
#[derive(Debug, Clone, Copy)]
pub(super) struct ExprRef {
    question: u32,
    part: usize,
}

/// Parts of the answer about a column's type.
const TYPE: usize = 0;
const COLLATION: usize = 1;
const STORAGE: usize = 2;
/// `COLLATE` and the collation, after a space.
const COLLATE: usize = 3;

/// Where a text is printed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ExprSource {
    /// A column's default, by its oid in `pg_attrdef`.
    Default,
    /// The same, of columns: a generated column.
    Generated,
    /// A check, by its oid in `pg_constraint`.
    Check,
    /// An index's, by the index.
    Predicate,
    /// A view.
    View,
    /// The key of a partitioned table.
    PartitionKey,
    /// The bounds of a partition.
    Bounds,
    /// An exclusion constraint.
    Exclusion,
    /// An index's keys that are expressions, in order.
    Keys,
}

impl ExprSource {
    const ALL: [Self; 9] = [
        Self::Default,
        Self::Generated,
        Self::Check,
        Self::Predicate,
        Self::View,
        Self::PartitionKey,
        Self::Bounds,
        Self::Exclusion,
        Self::Keys,
    ];

    /// Two values a row: the oid, and what is printed. A default refers to no column: printed without its table, the
    /// server need not open that.
    fn sql(self) -> &'static str {
        match self {
            Self::Default => "SELECT oid, pg_get_expr(adbin, 0) FROM pg_attrdef WHERE oid = ANY ('{@}')",
            Self::Generated => {
                "SELECT oid, pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE oid = ANY ('{@}')"
            }
            Self::Check => {
                "SELECT oid, pg_get_expr(conbin, conrelid) FROM pg_constraint WHERE oid = ANY ('{@}')"
            }
            Self::Predicate => {
                "SELECT indexrelid, pg_get_expr(indpred, indrelid) FROM pg_index WHERE indexrelid = ANY ('{@}')"
            }
            Self::View => "SELECT oid, pg_get_viewdef(oid) FROM pg_class WHERE oid = ANY ('{@}')",
            Self::PartitionKey => "SELECT oid, pg_get_partkeydef(oid) FROM pg_class WHERE oid = ANY ('{@}')",
            Self::Bounds => {
                "SELECT oid, pg_get_expr(relpartbound, oid) FROM pg_class WHERE oid = ANY ('{@}')"
            }
            Self::Exclusion => {
                "SELECT oid, pg_get_constraintdef(oid) FROM pg_constraint WHERE oid = ANY ('{@}')"
            }
            // The keys come in the order in which they are asked for.
            Self::Keys => {
                "SELECT i, pg_get_indexdef(i, k, false) FROM unnest('{@}'::oid[], '{@keys}'::int2[]) AS q (i, k)"
            }
        }
    }
}

/// The statements that print expressions, without the oids.
#[cfg(test)]
pub(super) fn texts() -> impl Iterator<Item = &'static str> {
    ExprSource::ALL.into_iter().map(ExprSource::sql)
}

/// What is to be printed, and what has been.
#[derive(Debug, Default)]
pub(super) struct DeferredExprs {
    /// Questions by the hash of what they ask for.
    expressions: HashMap<u128, u32>,
    types: ColumnTypes,
    /// Which question each source has been asked for, by the oid in its catalog.
    asked: Vec<(ExprSource, u32, u32)>,
    /// The sources in `asked`, in the order of their statements.
    sources: Vec<ExprSource>,
    /// Of every index in `asked` the numbers of the keys that are expressions.
    asked_keys: HashMap<u32, Vec<usize>>,
    /// By question; the parts of its answer.
    answers: Vec<Vec<Option<SmolStr>>>,
}

impl DeferredExprs {
    /// Asks for an expression by its tree, which belongs to a table: its oid, and the table where it is read already.
    pub(super) fn expression(
        &mut self,
        source: ExprSource,
        oid: u32,
        tree: &str,
        (table, relation): (u32, Option<&Relation>),
    ) -> ExprRef {
        let mut hasher = SipHasher13::new();
        hasher.write_u8(u8::from(source == ExprSource::Keys));
        let columns = Columns { table, relation };
        let has_columns = columns.hash(tree, &mut hasher);
        let source = match source {
            ExprSource::Default if has_columns => ExprSource::Generated,
            source => source,
        };
        let next = u32::try_from(self.answers.len()).unwrap_or(u32::MAX);
        let question = *self.expressions.entry(hasher.finish128().as_u128()).or_insert(next);
        if question == next {
            self.answers.push(Vec::new());
            self.asked.push((source, oid, question));
        }
        ExprRef { question, part: 0 }
    }

    /// Asks for the keys of an index that are expressions, by their trees and numbers.
    pub(super) fn keys(
        &mut self,
        index: u32,
        trees: &str,
        numbers: impl Iterator<Item = usize>,
        owner: (u32, Option<&Relation>),
    ) -> ExprRef {
        let asked = self.asked.len();
        let placeholder = self.expression(ExprSource::Keys, index, trees, owner);
        if self.asked.len() > asked {
            self.asked_keys.insert(index, numbers.collect());
        }
        placeholder
    }

    /// Asks for what nothing else can have in common with this one.
    pub(super) fn alone(&mut self, source: ExprSource, oid: u32) -> ExprRef {
        let question = u32::try_from(self.answers.len()).unwrap_or(u32::MAX);
        self.answers.push(Vec::new());
        self.asked.push((source, oid, question));
        ExprRef { question, part: 0 }
    }

    /// Asks for the name of a type, and for a collation and a storage that are not the type's own.
    pub(super) fn column_type(&mut self, column: ColumnType) -> ExprRef {
        let next = u32::try_from(self.answers.len()).unwrap_or(u32::MAX);
        let question = self.types.ask(column, next);
        if question == next {
            self.answers.push(Vec::new());
        }
        ExprRef { question, part: TYPE }
    }

    /// The statements that print, in the order that [`Questions::answer`] counts them.
    pub(super) fn statements(&mut self) -> Vec<String> {
        self.expressions = HashMap::new();
        self.asked.sort_unstable_by_key(|(source, oid, _)| (*source as u8, *oid));
        let is_asked = |source: &ExprSource| self.asked.iter().any(|(asked, ..)| asked == source);
        self.sources = ExprSource::ALL.into_iter().filter(is_asked).collect();
        let of_expressions = self.sources.iter().map(|source| {
            let oids = self.asked.iter().filter(|(asked, ..)| asked == source).map(|(_, oid, _)| *oid);
            if *source == ExprSource::Keys {
                let keys = oids.flat_map(|oid| self.asked_keys[&oid].iter().map(move |key| (oid, *key)));
                let (indexes, keys): (Vec<u32>, Vec<usize>) = keys.unzip();
                let sql = source.sql().replace("@keys", &list(keys.into_iter()));
                return sql.replace('@', &list(indexes.into_iter()));
            }
            source.sql().replace('@', &list(oids))
        });
        of_expressions.chain(self.types.statements()).collect()
    }

    /// Takes one row of the statement with that number.
    pub(super) fn answer(&mut self, statement: usize, fields: &mut Fields<'_>) -> Result<()> {
        let unasked = || "the server printed what nobody asked for";
        let Some(&source) = self.sources.get(statement) else {
            return self.types.row(statement - self.sources.len(), fields);
        };
        let oid: u32 = fields.number()?;
        let place =
            self.asked.binary_search_by_key(&(source as u8, oid), |(source, oid, _)| (*source as u8, *oid));
        let (_, _, question) = self.asked[place.ok().with_context(unasked)?];
        let printed = fields
            .optional()
            .map(|printed| if source == ExprSource::View { relations::statement(printed) } else { printed });
        self.answers[question as usize].push(printed.map(SmolStr::new));
        Ok(())
    }

    /// Puts the answers about columns' types together, when all rows are there.
    pub(super) fn resolve_types(&mut self) {
        for (question, answer) in self.types.answers() {
            let clause = answer.collation.as_ref().map(|name| smol_str::format_smolstr!(" COLLATE {name}"));
            self.answers[question as usize] = vec![answer.name, answer.collation, answer.storage, clause];
        }
    }

    /// The attributes with answers in the place of placeholders. What was answered with NULL is not there.
    pub(super) fn fill_in(&self, attributes: &Attributes) -> Attributes {
        let mut filled = Vec::with_capacity(attributes.iter().len());
        for (attribute, value) in attributes.iter() {
            let Some(placeholder) = ExprRef::parse(value) else {
                filled.push((
                    attribute,
                    if is_deferred(value) { self.fill_in_text(value) } else { value.clone() },
                ));
                continue;
            };
            let answer = |part| self.part(ExprRef { part, ..placeholder });
            filled.extend(answer(placeholder.part).map(|value| (attribute, value.clone())));
            if attribute == Attribute::Type {
                filled.extend(answer(COLLATION).map(|value| (Attribute::Collation, value.clone())));
                filled.extend(answer(STORAGE).map(|value| (Attribute::Storage, value.clone())));
            }
        }
        Attributes::new(filled)
    }

    fn fill_in_text(&self, text: &str) -> SmolStr {
        let mut filled = String::with_capacity(text.len());
        // Every second part is a placeholder.
        for (index, part) in text.split(MARK).enumerate() {
            match ExprRef::parse_inner(part).filter(|_| index % 2 == 1) {
                Some(placeholder) => {
                    filled.push_str(self.part(placeholder).map(SmolStr::as_str).unwrap_or_default());
                }
                None => filled.push_str(part),
            }
        }
        filled.into()
    }

    fn part(&self, placeholder: ExprRef) -> Option<&SmolStr> {
        self.answers.get(placeholder.question as usize)?.get(placeholder.part)?.as_ref()
    }
}

impl ExprRef {
    /// The part of an answer of which there are several.
    pub(super) fn part(self, part: usize) -> Self {
        Self { part, ..self }
    }

    /// What stands after the type in a list of fields.
    pub(super) fn collate(self) -> Self {
        self.part(COLLATE)
    }

    /// Reads a text that is one placeholder.
    fn parse(text: &str) -> Option<Self> {
        Self::parse_inner(text.strip_prefix(MARK)?.strip_suffix(MARK)?)
    }

    fn parse_inner(text: &str) -> Option<Self> {
        let (question, part) = text.split_once('.')?;
        Some(Self { question: question.parse().ok()?, part: part.parse().ok()? })
    }
}

impl fmt::Display for ExprRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{MARK}{}.{}{MARK}", self.question, self.part)
    }
}

/// The columns that an expression may refer to.
struct Columns<'r> {
    table: u32,
    relation: Option<&'r Relation>,
}

impl Columns<'_> {
    /// Hashes what decides how a tree is printed: the tree without the places in the statement that made it, and
    /// with the names of columns instead of their numbers. Tells whether there are columns.
    fn hash(&self, tree: &str, hasher: &mut SipHasher13) -> bool {
        let mut alone = false;
        let mut has_columns = false;
        // A field is `:name value `, and blanks in a value are escaped (outToken in outfuncs.c).
        for field in tree.split(':') {
            hasher.write_u8(b':');
            let (name, value) = field.split_once(' ').unwrap_or((field, ""));
            let rest = value.trim_start_matches(|c: char| c == '-' || c.is_ascii_digit());
            match name {
                "location" => hasher.write(rest.as_bytes()),
                "varattno" | "varattnosyn" => {
                    has_columns = true;
                    let number = value[..value.len() - rest.len()].parse().ok();
                    match number.and_then(|number| self.relation?.column(number)) {
                        Some(column) => {
                            hasher.write(name.as_bytes());
                            hasher.write(column.name.as_bytes());
                            // No name has this byte: the name ends here.
                            hasher.write_u8(0);
                            hasher.write(rest.as_bytes());
                        }
                        None => {
                            alone = true;
                            hasher.write(field.as_bytes());
                        }
                    }
                }
                _ => hasher.write(field.as_bytes()),
            }
        }
        if alone {
            hasher.write_u32(self.table);
        }
        has_columns
    }
}

/// Whether a value waits for an answer.
pub(super) fn is_deferred(value: &str) -> bool {
    value.contains(MARK)
}
