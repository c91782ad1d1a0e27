//! Deferred printing: what the server prints once for all objects that have it, expressions and types.
//!
//! Printing is most of what a reading costs the server, and most of it is repetition: `now()` is the default of a
//! thousand columns. So the catalogs are read with expressions as trees (`pg_node_tree`, which is text) and types as
//! oids. When all rows have arrived, the distinct ones among them are printed in the same transaction. Until then an
//! [`ExprRef`] stands for the printed text in an object's attributes.
//!
//! Two expressions print alike when their trees are equal apart from positions in the source text (`:location`) and
//! when the columns that they refer to have the same names: `pg_get_expr` uses nothing else of a table. An expression
//! that refers to its table as a whole, or to columns that are not known yet, is asked for separately.

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

/// The character around a reference in a text. No text of PostgreSQL's contains it.
const MARK: char = '\0';

/// A reference to a part of an answer, as it is written into an attribute by [`fmt::Display`].
#[derive(Debug, Clone, Copy)]
pub(super) struct ExprRef {
    question: u32,
    part: usize,
}

/// Parts of the answer about a column's type.
const TYPE: usize = 0;
const COLLATION: usize = 1;
const STORAGE: usize = 2;
/// A space, `COLLATE` and the collation.
const COLLATE: usize = 3;

/// What an expression is printed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ExprSource {
    /// A column's default, by its oid in `pg_attrdef`.
    Default,
    /// The expression of a generated column, which refers to columns; by its oid in `pg_attrdef`.
    Generated,
    /// A check, by its oid in `pg_constraint`.
    Check,
    /// The predicate of an index, by the index's oid.
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

    /// Whether the server may open a relation under ACCESS SHARE to print it: it looks up the names of columns there
    /// (`set_relation_column_names` in ruleutils.c).
    fn takes_lock(self) -> bool {
        self != Self::Default
    }

    /// The statement, which returns the oid and the printed text. A default refers to no column: without its table
    /// the server need not open that.
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
            // The keys are returned in the order in which they are asked for.
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

/// The expressions and types that are asked for, and the server's answers.
#[derive(Debug, Default)]
pub(super) struct DeferredExprs {
    /// Whether nothing is printed that needs a lock on a relation.
    without_locks: bool,
    /// The question of each expression, by the expression's hash.
    expressions: HashMap<u128, u32>,
    types: ColumnTypes,
    /// The question of each source, by the oid in its catalog.
    asked: Vec<(ExprSource, u32, u32)>,
    /// The distinct sources of `asked`, in the order of their statements.
    sources: Vec<ExprSource>,
    /// The numbers of the keys that are expressions, by index.
    asked_keys: HashMap<u32, Vec<usize>>,
    /// The parts of each answer, by question.
    answers: Vec<Vec<Option<SmolStr>>>,
}

impl DeferredExprs {
    /// Nothing is asked for yet. `without_locks`: see [`super::ReadOptions::without_locks`].
    pub(super) fn new(without_locks: bool) -> Self {
        Self { without_locks, ..Self::default() }
    }

    /// Asks for an expression by its tree. The expression belongs to a table: its oid, and the table if it has been
    /// read already.
    pub(super) fn expression(
        &mut self,
        source: ExprSource,
        oid: u32,
        tree: &str,
        (table, relation): (u32, Option<&Relation>),
    ) -> ExprRef {
        let mut hasher = SipHasher13::new();
        hasher.write_u8(u8::from(source == ExprSource::Keys));
        // What is not asked for answers for nothing else.
        hasher.write_u8(u8::from(self.without_locks && source.takes_lock()));
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

    /// Asks for a text that no other object can share.
    pub(super) fn alone(&mut self, source: ExprSource, oid: u32) -> ExprRef {
        let question = u32::try_from(self.answers.len()).unwrap_or(u32::MAX);
        self.answers.push(Vec::new());
        self.asked.push((source, oid, question));
        ExprRef { question, part: 0 }
    }

    /// Asks for the name of a type, and for a collation and a storage that differ from the type's.
    pub(super) fn column_type(&mut self, column: ColumnType) -> ExprRef {
        let next = u32::try_from(self.answers.len()).unwrap_or(u32::MAX);
        let question = self.types.ask(column, next);
        if question == next {
            self.answers.push(Vec::new());
        }
        ExprRef { question, part: TYPE }
    }

    /// The statements that print, in the order in which [`DeferredExprs::answer`] counts them.
    pub(super) fn statements(&mut self) -> Vec<String> {
        self.expressions = HashMap::new();
        if self.without_locks {
            self.asked.retain(|(source, ..)| !source.takes_lock());
        }
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

    /// Combines the answers about columns' types, when all rows have arrived.
    pub(super) fn resolve_types(&mut self) {
        for (question, answer) in self.types.answers() {
            let clause = answer.collation.as_ref().map(|name| smol_str::format_smolstr!(" COLLATE {name}"));
            self.answers[question as usize] = vec![answer.name, answer.collation, answer.storage, clause];
        }
    }

    /// Replaces the references in attributes by the answers. An attribute whose answer is NULL is left out.
    pub(super) fn fill_in(&self, attributes: &Attributes) -> Attributes {
        let mut filled = Vec::with_capacity(attributes.iter().len());
        for (attribute, value) in attributes.iter() {
            let Some(placeholder) = ExprRef::parse(value) else {
                let text = if is_deferred(value) { self.fill_in_text(value) } else { Some(value.clone()) };
                filled.extend(text.map(|text| (attribute, text)));
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

    /// A text with answers in it; `None` where one of them was not asked for.
    fn fill_in_text(&self, text: &str) -> Option<SmolStr> {
        let mut filled = String::with_capacity(text.len());
        // Every second part is a reference.
        for (index, part) in text.split(MARK).enumerate() {
            match ExprRef::parse_inner(part).filter(|_| index % 2 == 1) {
                Some(placeholder) => {
                    let answers = self.answers.get(placeholder.question as usize);
                    if self.without_locks && answers.is_none_or(Vec::is_empty) {
                        return None;
                    }
                    filled.push_str(self.part(placeholder).map(SmolStr::as_str).unwrap_or_default());
                }
                None => filled.push_str(part),
            }
        }
        Some(filled.into())
    }

    fn part(&self, placeholder: ExprRef) -> Option<&SmolStr> {
        self.answers.get(placeholder.question as usize)?.get(placeholder.part)?.as_ref()
    }
}

impl ExprRef {
    /// The reference to another part of the same answer.
    pub(super) fn part(self, part: usize) -> Self {
        Self { part, ..self }
    }

    /// The reference to the COLLATE clause that follows the type in a list of fields.
    pub(super) fn collate(self) -> Self {
        self.part(COLLATE)
    }

    /// Reads a text that consists of one reference.
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
    /// Hashes what decides how a tree is printed: the tree without the positions in the source text, and with the
    /// names of columns instead of their numbers. Returns whether the tree refers to columns.
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
                            // No name contains this byte: it ends the name.
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

/// Whether a value contains a reference.
pub(super) fn is_deferred(value: &str) -> bool {
    value.contains(MARK)
}
