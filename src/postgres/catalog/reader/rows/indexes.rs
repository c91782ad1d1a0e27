//! Indexes, and what the index of a constraint says beyond the constraint.

use anyhow::Result;
use smol_str::{SmolStr, format_smolstr};

use super::super::ObjectOid;
use super::super::assembler::{Assembler, FIRST_NORMAL_OID, class};
use super::super::column_types::DEFAULT_COLLATION;
use super::super::deferred::{ExprRef, ExprSource};
use super::super::fields::{Fields, array, vector};
use super::relations::{Relation, options};
use crate::postgres::catalog::{Attribute, Kind, ObjectId, Unmodeled};
use crate::postgres::sql::{identifier, qualified};

/// Bits of `pg_index.indoption` (`INDOPTION_DESC` and `INDOPTION_NULLS_FIRST`).
const DESC: i16 = 1;
const NULLS_FIRST: i16 = 2;
/// The oid of the access method `btree` (`pg_am.dat`).
const BTREE: u32 = 403;

/// An operator class.
#[derive(Debug)]
pub(in crate::postgres::catalog::reader) struct Opclass {
    name: SmolStr,
    schema: u32,
    method: u32,
    is_default: bool,
    input_type: u32,
}

/// What a key of an index has beyond the definition of the index.
#[derive(Debug)]
pub(in crate::postgres::catalog::reader) struct IndexKey {
    pub(in crate::postgres::catalog::reader) target: Option<i32>,
    pub(in crate::postgres::catalog::reader) options: Option<String>,
}

/// The vectors of `pg_index`, which run in parallel.
struct Keys<'r> {
    index: u32,
    method: u32,
    numbers: Vec<i16>,
    opclasses: Vec<u32>,
    flags: Vec<i16>,
    collations: Vec<u32>,
    /// Of keys that are no columns: a part for each, in order.
    expressions: Option<ExprRef>,
    /// Of all keys, where one has another collation than the database's.
    collation_names: Option<&'r str>,
}

/// Whether an expression, as `pg_node_tree` prints it, has the oid of something that the server did not come with. Places in
/// the source text are no oids.
fn names_more_than_the_server_has(tree: &str) -> bool {
    let words = || tree.split([' ', '(', ')', '{', '}', '[', ']']).filter(|word| !word.is_empty());
    let before = std::iter::once("").chain(words());
    before.zip(words()).any(|(label, word)| {
        label != ":location" && word.parse::<u32>().is_ok_and(|number| number >= FIRST_NORMAL_OID)
    })
}

impl Assembler {
    pub(in crate::postgres::catalog::reader) fn opclass_row(
        &mut self,
        fields: &mut Fields<'_>,
    ) -> Result<()> {
        let oid = fields.number()?;
        let opclass = Opclass {
            name: fields.text()?.into(),
            schema: fields.number()?,
            method: fields.number()?,
            is_default: fields.flag()?,
            input_type: fields.number()?,
        };
        if opclass.is_default {
            self.default_opclasses.insert((opclass.method, opclass.input_type));
        }
        self.opclasses.insert(oid, opclass);
        Ok(())
    }

    pub(in crate::postgres::catalog::reader) fn index_row(&mut self, fields: &mut Fields<'_>) -> Result<()> {
        let index: u32 = fields.number()?;
        let table_oid: u32 = fields.number()?;
        let name = fields.text()?;
        let method: u32 = fields.number()?;
        let method_name = self.method(method)?;
        let key_count: usize = fields.number()?;
        let mut keys = Keys {
            index,
            method,
            numbers: vector(fields.text()?)?,
            opclasses: vector(fields.text()?)?,
            flags: vector(fields.text()?)?,
            collations: vector(fields.text()?)?,
            expressions: None,
            collation_names: None,
        };
        let (unique, valid) = (fields.flag()?, fields.flag()?);
        let (replica_identity, clustered) = (fields.flag()?, fields.flag()?);
        let nulls_not_distinct = fields.flag()?;
        let parameters = fields.list()?;
        let elsewhere = fields.flag()?;
        let predicate = fields.optional();
        let trees = fields.optional();
        keys.collation_names = fields.optional();

        if valid
            && predicate.is_none()
            && method == BTREE
            && let Some(first) = keys.numbers.first()
        {
            self.numbering.add_index(table_oid, *first, unique && key_count == 1);
        }
        let Some(&table_index) = self.relation_by_oid.get(&table_oid) else { return Ok(()) };
        let may_run_code = [predicate, trees].into_iter().flatten().any(names_more_than_the_server_has);
        self.relations[table_index].expressions |= may_run_code;
        if self.relations[table_index].hidden {
            return Ok(());
        }
        if replica_identity {
            let identity = format!("index {}", identifier(name));
            self.relations[table_index].attributes.push((Attribute::ReplicaIdentity, identity.into()));
        }
        if clustered {
            self.relations[table_index].attributes.push((Attribute::ClusterOn, identifier(name).into()));
        }
        let table = &self.relations[table_index];
        if elsewhere {
            let object = qualified(&table.schema, name);
            self.out.unmodeled.push(Unmodeled { kind: "tablespace".to_owned(), object });
        }
        // The index that a partition has because its parent has one is the parent's.
        let at = ObjectOid::whole(class::CLASS, index);
        if self.parents.contains_key(&index) {
            if self.out.comment(at).is_some() {
                let object = qualified(&table.schema, name);
                self.out
                    .unmodeled
                    .push(Unmodeled { kind: "comment on the index of a partition".to_owned(), object });
            }
            return Ok(());
        }
        let draft = self.constraint_indexes.remove(&index);
        let include = keys.numbers.split_off(key_count.min(keys.numbers.len()));
        let owner = (table_oid, Some(table));
        let questions = &mut self.questions;
        let predicate = predicate.filter(|_| draft.is_none());
        let predicate = predicate.map(|tree| questions.expression(ExprSource::Predicate, index, tree, owner));
        let expressions = (1..=key_count).zip(&keys.numbers).filter(|(_, column)| **column == 0);
        let expressions = expressions.map(|(key, _)| key);
        let trees = trees.filter(|_| draft.is_none());
        keys.expressions = trees.map(|trees| questions.keys(index, trees, expressions, owner));
        let columns = if draft.is_none() { Some(self.key_list(table, &keys)?) } else { None };

        let out = &mut self.out;
        if !include.is_empty() {
            out.set(Attribute::Include, table.column_names(&include));
        }
        out.set_flag(Attribute::NullsNotDistinct, nulls_not_distinct);
        out.set_some(Attribute::Options, options(parameters));
        match draft {
            Some(draft) => {
                // EXCLUDE prints all of it.
                if draft.id.kind == Kind::Exclusion {
                    out.take();
                }
                out.resume(draft.attributes);
                let comment = out.comment(at);
                out.set_some(Attribute::IndexComment, comment);
                out.emit(draft.at, draft.id);
            }
            None => {
                match keys.expressions {
                    Some(_) => out.set_deferred(Attribute::Columns, columns.unwrap_or_default()),
                    None => out.set_some(Attribute::Columns, columns),
                }
                out.set_shared(Attribute::Method, &method_name);
                out.set_flag(Attribute::IsUnique, unique);
                out.set_flag(Attribute::Valid, valid);
                if let Some(predicate) = predicate {
                    out.set_deferred(Attribute::Predicate, format_smolstr!("{predicate}"));
                }
                out.set(Attribute::OnTable, table.path());
                let targets = (1..).take(key_count).filter_map(|number| {
                    let target = self.index_keys.get(&(index, number))?.target?;
                    Some(format!("{number} = {target}"))
                });
                let targets: Vec<String> = targets.collect();
                if !targets.is_empty() {
                    out.set(Attribute::StatisticsTarget, targets.join(", "));
                }
                let id = ObjectId::in_schema(Kind::Index, table.schema.clone(), name);
                out.emit(at, id);
            }
        }
        Ok(())
    }

    /// The keys of an index as CREATE INDEX lists them.
    fn key_list(&self, table: &Relation, keys: &Keys<'_>) -> Result<String> {
        let collation_names = keys.collation_names.map_or(Ok(Vec::new()), array)?;
        let mut expressions = (0..).filter_map(|part| Some(keys.expressions?.part(part)));
        let mut list = String::new();
        for (position, number) in keys.numbers.iter().enumerate() {
            if position > 0 {
                list.push_str(", ");
            }
            let column = table.column(*number);
            match column {
                Some(column) => list.push_str(&identifier(&column.name)),
                None => list.extend(expressions.next().map(|expression| expression.to_string())),
            }
            let collation = keys.collations.get(position).copied().unwrap_or(0);
            let expected = column.map_or(DEFAULT_COLLATION, |column| column.collation);
            if collation != 0
                && collation != expected
                && let Some(name) = collation_names.get(position)
            {
                list.push_str(" COLLATE ");
                list.push_str(name);
            }
            let parameters = i16::try_from(position + 1)
                .ok()
                .and_then(|number| self.index_keys.get(&(keys.index, number))?.options.as_deref());
            let opclass = keys.opclasses.get(position).and_then(|oid| self.opclasses.get(oid));
            if let Some(opclass) = opclass
                && (parameters.is_some()
                    || !self.is_implied(opclass, keys.method, column.map(|c| c.type_oid)))
            {
                list.push(' ');
                match self.schemas.get(&opclass.schema) {
                    Some(schema) if schema.name != "pg_catalog" => {
                        list.push_str(&qualified(&schema.name, &opclass.name));
                    }
                    _ => list.push_str(&identifier(&opclass.name)),
                }
                if let Some(parameters) = parameters {
                    list.push_str(" (");
                    list.push_str(parameters);
                    list.push(')');
                }
            }
            let flags = keys.flags.get(position).copied().unwrap_or(0);
            let (descending, nulls_first) = (flags & DESC != 0, flags & NULLS_FIRST != 0);
            list.push_str(if descending { " DESC" } else { "" });
            match (descending, nulls_first) {
                (true, false) => list.push_str(" NULLS LAST"),
                (false, true) => list.push_str(" NULLS FIRST"),
                _ => {}
            }
        }
        Ok(list)
    }

    /// Whether an index gets this operator class without naming it (`GetDefaultOpClass`): it is the default of the
    /// column's own type, or of one that the column's type is read as, when the own type has none.
    fn is_implied(&self, opclass: &Opclass, method: u32, column_type: Option<u32>) -> bool {
        opclass.is_default
            && column_type.is_none_or(|column_type| {
                column_type == opclass.input_type || !self.default_opclasses.contains(&(method, column_type))
            })
            && opclass.method == method
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_of_a_user_is_seen_in_an_expression() {
        let of = |function: u32| {
            format!(
                "({{FUNCEXPR :funcid {function} :funcresulttype 25 :args ({{VAR :varno 1 :varattno 2 :vartype 25 :location \
                 20190}}) :location 99999}})"
            )
        };
        assert!(!names_more_than_the_server_has(&of(870)));
        assert!(names_more_than_the_server_has(&of(16_384)));
    }
}
