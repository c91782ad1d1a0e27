//! The relations that have the name of a history table or of one of trueup's own tables, as a reading finds them.
//!
//! Which of them are what their names say, and may be read, is judged by the caller: see [`LookAlike`].

use super::Assembler;
use crate::postgres::catalog::history_tables::REFINERY_TABLE;
use crate::postgres::sql::ChosenHistory;

/// Whether a table is a history table by its name alone: refinery's, or the one that the project chose.
pub(super) fn by_name(chosen: Option<&ChosenHistory>, schema: &str, table: &str) -> bool {
    table == REFINERY_TABLE || chosen.is_some_and(|chosen| chosen.table.is(schema, table))
}

/// What decides whether a relation may be read.
#[derive(Debug, Clone, Copy)]
pub(super) struct TableAccess {
    readable: bool,
    of_schemas_owner: bool,
}

impl TableAccess {
    /// Reads `10t`: the owner, and whether this role may read all of it.
    pub(super) fn parse(text: &str, schemas_owner: u32) -> Option<Self> {
        let (owner, readable) = text.split_at_checked(text.len().checked_sub(1)?)?;
        Some(Self { readable: readable == "t", of_schemas_owner: owner.parse() == Ok(schemas_owner) })
    }
}

/// A relation that has the name of a history table or of one of trueup's own tables, and what decides whether it is
/// one and whether reading it runs somebody else's code.
#[derive(Debug)]
pub struct LookAlike<'r> {
    /// The schema's name, raw.
    pub schema: &'r str,
    /// The relation's name, raw.
    pub name: &'r str,
    /// As `pg_class.relkind`.
    pub kind: u8,
    /// Whether this role may SELECT from it and sees all its rows.
    pub readable: bool,
    /// Whether its owner is the owner of its schema.
    pub of_schemas_owner: bool,
    /// Whether an index or statistics of it hold an expression, which the planner evaluates.
    pub expressions: bool,
    /// The names of its columns and the oids of their types.
    pub columns: Vec<(&'r str, u32)>,
}

impl Assembler {
    /// The relations that have the name of a history table or of one of trueup's own tables, sorted by schema and
    /// name. Known when the last row of [`super::statements`] has arrived.
    pub fn look_alikes(&self) -> Vec<LookAlike<'_>> {
        let found = self.relations.iter().filter_map(|relation| {
            let access = relation.access?;
            let columns = relation.columns.iter().filter(|column| !column.name.is_empty());
            Some(LookAlike {
                schema: &relation.schema,
                name: &relation.name,
                kind: relation.kind,
                readable: access.readable,
                of_schemas_owner: access.of_schemas_owner,
                expressions: relation.expressions,
                columns: columns.map(|column| (column.name.as_str(), column.type_oid)).collect(),
            })
        });
        let mut found: Vec<LookAlike<'_>> = found.collect();
        found.sort_unstable_by_key(|look_alike| (look_alike.schema, look_alike.name));
        found
    }
}
