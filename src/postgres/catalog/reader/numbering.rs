//! Columns that a sequence of their own fills and that an index begins with: where it is cheap to know whether the sequence is
//! behind the greatest value.

use std::collections::HashMap;

use super::assembler::Assembler;
use super::relations::Relation;
use crate::postgres::sql::qualified;

/// The types of numbers that a sequence fills: int8, int2, int4 (`pg_type.dat`).
const INTEGERS: [u32; 3] = [20, 21, 23];

/// What the rows of sequences and indexes say.
#[derive(Debug, Default)]
pub(super) struct Numbering {
    sequences: Vec<OwnedSequence>,
    /// Whether an index that begins with a column, table and number, forbids two equal values.
    indexes: HashMap<(u32, i16), bool>,
}

#[derive(Debug)]
struct OwnedSequence {
    oid: u32,
    table: u32,
    number: i16,
    descends: bool,
}

/// A sequence that fills a column with an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexedSequence {
    /// The schema of the table.
    pub schema: String,
    /// The name of the table.
    pub table: String,
    /// The column.
    pub column: String,
    /// The sequence, qualified and quoted.
    pub sequence: String,
    /// Whether the index is unique: an INSERT fails.
    pub unique: bool,
    /// Whether it counts downwards.
    pub descends: bool,
    /// Whether the table is partitioned.
    pub partitioned: bool,
    /// How many partitions it has, at all levels.
    pub partitions: usize,
    /// Whether reading the table may run code that is not the server's own.
    pub may_run_code: bool,
    /// The oids of the table and the sequence, and the number of the column.
    pub oids: (u32, u32, i16),
}

impl IndexedSequence {
    /// The table, qualified and quoted.
    pub fn path(&self) -> String {
        qualified(&self.schema, &self.table)
    }
}

impl Numbering {
    pub(super) fn add_sequence(&mut self, oid: u32, table: u32, number: i16, descends: bool) {
        self.sequences.push(OwnedSequence { oid, table, number, descends });
    }

    pub(super) fn add_index(&mut self, table: u32, number: i16, unique: bool) {
        *self.indexes.entry((table, number)).or_default() |= unique;
    }
}

impl Assembler {
    /// How many descendants each relation has that has any.
    fn descendants(&self) -> HashMap<u32, usize> {
        let mut descendants: HashMap<u32, usize> = HashMap::new();
        for parents in self.parents.values() {
            let mut above: Vec<u32> = parents.clone();
            while let Some(ancestor) = above.pop() {
                *descendants.entry(ancestor).or_default() += 1;
                above.extend(self.parents.get(&ancestor).into_iter().flatten());
            }
        }
        descendants
    }

    /// The sequences that fill a column with an index, known when the last row of [`super::statements`] has arrived.
    pub fn indexed_sequences(&self) -> Vec<IndexedSequence> {
        let Numbering { sequences, indexes } = &self.numbering;
        let descendants = self.descendants();
        let found = sequences.iter().filter_map(|OwnedSequence { oid, table, number, descends }| {
            let relation = |oid| self.own_relation(oid).filter(|relation: &&Relation| !relation.history);
            let (owner, sequence) = (relation(*table)?, relation(*oid)?);
            let column = owner.column(*number).filter(|column| INTEGERS.contains(&column.type_oid))?;
            matches!(owner.kind, b'r' | b'p').then_some(())?;
            let partitioned = owner.kind == b'p';
            let children = descendants.get(table).copied().unwrap_or_default();
            Some(IndexedSequence {
                schema: owner.schema.to_string(),
                table: owner.name.to_string(),
                column: column.name.to_string(),
                sequence: qualified(&sequence.schema, &sequence.name),
                unique: *indexes.get(&(*table, *number))?,
                descends: *descends,
                partitioned,
                partitions: if partitioned { children } else { 0 },
                may_run_code: children > 0 || !owner.is_plain(),
                oids: (*table, *oid, *number),
            })
        });
        found.collect()
    }
}
