//! Tables, views, sequences: what `pg_class` has a row for, without indexes.

use anyhow::Result;
use smol_str::{SmolStr, format_smolstr};

use super::super::ObjectOid;
use super::super::assembler::{Assembler, FIRST_NORMAL_OID, class};
use super::super::column_types::ColumnType;
use super::super::columns::RelationColumn;
use super::super::deferred::ExprSource;
use super::super::fields::Fields;
use super::super::history::{self, TableAccess};
use crate::postgres::catalog::{Attribute, Kind, ObjectId, Unmodeled, history_tables};
use crate::postgres::sql::{identifier, qualified};

/// The access method of a plain table, of every version.
const HEAP: u32 = 2;
/// Types of a sequence (manual, CREATE SEQUENCE); the third is bigint.
const INT2: u32 = 21;
const INT4: u32 = 23;

/// A relation, complete only when all rows are there.
#[derive(Debug)]
pub(in crate::postgres::catalog::reader) struct Relation {
    oid: u32,
    row_type: u32,
    pub(in crate::postgres::catalog::reader) kind: u8,
    pub(in crate::postgres::catalog::reader) schema: SmolStr,
    pub(in crate::postgres::catalog::reader) name: SmolStr,
    /// An extension's, in a schema that is not the user's, or a history table: read for its name alone.
    pub(in crate::postgres::catalog::reader) hidden: bool,
    /// Recognised as a history table by a column.
    pub(in crate::postgres::catalog::reader) history: bool,
    /// The column that would prove it to be a history table.
    pub(in crate::postgres::catalog::reader) history_proof: Option<&'static str>,
    /// What tells whether it may be read, where it is called like a history or like a table of trueup's own.
    pub(in crate::postgres::catalog::reader) access: Option<TableAccess>,
    /// Whether an index or statistics of it hold an expression.
    pub(in crate::postgres::catalog::reader) expressions: bool,
    pub(in crate::postgres::catalog::reader) attributes: Vec<(Attribute, SmolStr)>,
    parameters: Vec<SmolStr>,
    /// Its TOAST table, 0 where there is none.
    toast: u32,
    /// By number, from 1; dropped ones have no name.
    pub(in crate::postgres::catalog::reader) columns: Vec<RelationColumn>,
}

impl Relation {
    pub(in crate::postgres::catalog::reader) fn oid(&self) -> u32 {
        self.oid
    }

    /// The qualified name, quoted.
    pub(in crate::postgres::catalog::reader) fn path(&self) -> String {
        qualified(&self.schema, &self.name)
    }

    /// Whether it is a table of which all indexes, statistics and types are the server's own.
    pub(in crate::postgres::catalog::reader) fn is_plain(&self) -> bool {
        let is_own = |column: &RelationColumn| column.type_oid < FIRST_NORMAL_OID;
        self.kind == b'r' && !self.expressions && self.columns.iter().all(is_own)
    }

    /// The name of a column by its number.
    pub(in crate::postgres::catalog::reader) fn column(&self, number: i16) -> Option<&RelationColumn> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        self.columns.get(index).filter(|column| !column.name.is_empty())
    }

    /// The names of columns, quoted, joined with `, `.
    pub(in crate::postgres::catalog::reader) fn column_names(&self, numbers: &[i16]) -> String {
        let columns = numbers.iter().filter_map(|number| self.column(*number));
        super::super::assembler::names(columns.map(|column| column.name.as_str()))
    }

    /// The name of a part of it.
    pub(in crate::postgres::catalog::reader) fn part(&self, kind: Kind, name: &str) -> ObjectId {
        ObjectId::under(kind, self.schema.clone(), self.name.clone(), name)
    }
}

/// Parameters that are on or off (manual, CREATE TABLE, CREATE INDEX, CREATE VIEW), without the prefix `toast.`.
const SWITCHES: &[&str] = &[
    "autosummarize",
    "autovacuum_enabled",
    "deduplicate_items",
    "fastupdate",
    "security_barrier",
    "security_invoker",
    "user_catalog_table",
    "vacuum_truncate",
];

/// Storage parameters, sorted, joined with `, `. Those that are on or off are kept as they were written, in any of the
/// server's spellings: here they are `true` or `false`.
pub(in crate::postgres::catalog::reader) fn options(options: Vec<SmolStr>) -> Option<String> {
    let mut options: Vec<SmolStr> =
        options.into_iter().map(|option| switch(&option).unwrap_or(option)).collect();
    options.sort_unstable();
    (!options.is_empty()).then(|| options.join(", "))
}

/// `name=true` or `name=false`, whichever way that is written (`parse_bool` in bool.c).
fn switch(option: &str) -> Option<SmolStr> {
    let (name, value) = option.split_once('=')?;
    if !SWITCHES.contains(&name.strip_prefix("toast.").unwrap_or(name)) {
        return None;
    }
    let value = value.to_ascii_lowercase();
    let begins = |word: &str, least: usize| value.len() >= least && word.starts_with(&value);
    if value == "1" || value == "on" || begins("true", 1) || begins("yes", 1) {
        Some(format_smolstr!("{name}=true"))
    } else if value == "0" || begins("off", 2) || begins("false", 1) || begins("no", 1) {
        Some(format_smolstr!("{name}=false"))
    } else {
        None
    }
}

/// A printed query or statement without its end.
pub(in crate::postgres::catalog::reader) fn statement(text: &str) -> &str {
    text.trim().trim_end_matches(';').trim_end()
}

impl Assembler {
    pub(in crate::postgres::catalog::reader) fn relation_row(
        &mut self,
        fields: &mut Fields<'_>,
    ) -> Result<()> {
        let (oid, row_type, schema) = (fields.number()?, fields.number()?, fields.number::<u32>()?);
        let (name, kind, persistence) = (fields.text()?, fields.letter()?, fields.letter()?);
        let (row_security, force_row_security) = (fields.flag()?, fields.flag()?);
        let replica_identity = fields.letter()?;
        let (of_type, method) = (fields.number()?, fields.number()?);
        let (parameters, toast) = (fields.list()?, fields.number()?);
        let (elsewhere, is_partition) = (fields.flag()?, fields.flag()?);
        let owner = fields.optional();
        let of_extension = fields.flag()?;
        let access = fields.optional();
        if kind == b't' {
            self.toast_parameters.insert(oid, parameters);
            return Ok(());
        }
        let access_method = if matches!(method, 0 | HEAP) { None } else { Some(self.method(method)?) };
        let Some(schema) = self.schemas.get(&schema) else { return Ok(()) };
        let is_history = history::by_name(self.history.as_ref(), &schema.name, name);
        let mut hidden = of_extension || schema.hidden || is_history;
        let access = access.and_then(|access| TableAccess::parse(access, schema.owner));
        let history_proof = history_tables::proof(&schema.name, name);
        let schema = schema.name.clone();
        let out = &mut self.out;
        if kind == b'f' && !hidden {
            hidden = true;
            let object = qualified(&schema, name);
            out.unmodeled.push(Unmodeled { kind: "foreign_table".to_owned(), object });
        }
        if !hidden {
            if persistence == b'u' {
                out.set(Attribute::Persistence, "unlogged");
            }
            let mut ask = |attribute, source| {
                let printed = self.questions.alone(source, oid);
                out.set_deferred(attribute, format_smolstr!("{printed}"));
            };
            match kind {
                b'p' => ask(Attribute::PartitionBy, ExprSource::PartitionKey),
                b'v' | b'm' => ask(Attribute::Definition, ExprSource::View),
                _ => {}
            }
            if is_partition {
                ask(Attribute::Bounds, ExprSource::Bounds);
            }
            if of_type != 0 {
                let printed = self.questions.column_type(ColumnType::bare(of_type));
                out.set_deferred(Attribute::OfType, format_smolstr!("{printed}"));
            }
            out.set_some(Attribute::AccessMethod, access_method);
            out.set_flag(Attribute::RowSecurity, row_security);
            out.set_flag(Attribute::ForceRowSecurity, force_row_security);
            match replica_identity {
                b'n' if kind != b'v' && kind != b'S' && kind != b'c' => {
                    out.set(Attribute::ReplicaIdentity, "nothing");
                }
                b'f' => out.set(Attribute::ReplicaIdentity, "full"),
                _ => {}
            }
            out.set_some(Attribute::Owner, owner);
            if elsewhere {
                let object = qualified(&schema, name);
                out.unmodeled.push(Unmodeled { kind: "tablespace".to_owned(), object });
            }
        }
        self.relation_by_oid.insert(oid, self.relations.len());
        self.relations.push(Relation {
            oid,
            row_type,
            kind,
            schema,
            name: name.into(),
            hidden,
            history: false,
            history_proof,
            access,
            expressions: false,
            attributes: out.take(),
            parameters,
            toast,
            columns: Vec::new(),
        });
        Ok(())
    }

    pub(in crate::postgres::catalog::reader) fn sequence_row(
        &mut self,
        fields: &mut Fields<'_>,
    ) -> Result<()> {
        let oid = fields.number()?;
        let value_type = match fields.number()? {
            INT2 => "smallint",
            INT4 => "integer",
            _ => "bigint",
        };
        let (start, increment) = (fields.text()?, fields.text()?);
        let (minimum, maximum, cache) = (fields.text()?, fields.text()?, fields.text()?);
        let cycle = fields.flag()?;
        let owner = fields.optional().and_then(|owner| owner.split_once(' '));
        let Some(index) = self.relation_by_oid.get(&oid).copied() else { return Ok(()) };
        let owned_by = match owner {
            Some((owner, number)) => {
                let (owner, number) = (owner.parse()?, number.parse()?);
                self.numbering.add_sequence(oid, owner, number, increment.starts_with('-'));
                let Some(table) = self.relation(owner) else { return Ok(()) };
                if table.hidden {
                    self.relations[index].hidden = true;
                }
                self.relation(owner).and_then(|table| {
                    let column = table.column(number)?;
                    Some(format!("{}.{}", table.path(), identifier(&column.name)))
                })
            }
            None => None,
        };
        let sequence = &mut self.relations[index];
        if sequence.hidden {
            return Ok(());
        }
        if owned_by.is_some() {
            // Since 15 it is that of the table.
            sequence.attributes.retain(|(attribute, _)| *attribute != Attribute::Persistence);
        }
        let out = &mut self.out;
        out.set(Attribute::Type, value_type);
        out.set(Attribute::Start, start);
        out.set(Attribute::Increment, increment);
        let (lowest, highest) = sequence_bounds(value_type, increment.starts_with('-'));
        out.set_some(Attribute::Minimum, (minimum != lowest).then_some(minimum));
        out.set_some(Attribute::Maximum, (maximum != highest).then_some(maximum));
        out.set(Attribute::Cache, cache);
        out.set_flag(Attribute::Cycle, cycle);
        out.set_some(Attribute::OwnedBy, owned_by);
        sequence.attributes.extend(out.take());
        Ok(())
    }

    /// Makes objects of the relations, now that all that completes them is there.
    pub(in crate::postgres::catalog::reader) fn emit_relations(&mut self) {
        for index in 0..self.relations.len() {
            let relation = &mut self.relations[index];
            if relation.hidden {
                continue;
            }
            let attributes = std::mem::take(&mut relation.attributes);
            let mut parameters = std::mem::take(&mut relation.parameters);
            if let Some(toast) = self.toast_parameters.get(&relation.toast) {
                parameters.extend(toast.iter().map(|option| format_smolstr!("toast.{option}")));
            }
            let relation = &self.relations[index];
            let mut at = ObjectOid::whole(class::CLASS, relation.oid);
            let kind = match relation.kind {
                b'r' | b'p' => Kind::Table,
                b'v' => Kind::View,
                b'm' => Kind::MaterializedView,
                b'S' => Kind::Sequence,
                b'c' => {
                    at = ObjectOid::whole(class::TYPE, relation.row_type);
                    Kind::CompositeType
                }
                _ => continue,
            };
            self.out.resume(attributes);
            self.out.set_some(Attribute::Options, options(parameters));
            if let Some(parents) = self.parents.get(&relation.oid) {
                let paths = parents.iter().filter_map(|parent| Some(self.relation(*parent)?.path()));
                let paths = paths.collect::<Vec<_>>().join(", ");
                let partition = self.is_partition(parents);
                let how = if partition { Attribute::PartitionOf } else { Attribute::Inherits };
                self.out.set(how, paths);
            }
            if kind == Kind::CompositeType {
                self.out.set_deferred(Attribute::Fields, relation.fields());
            }
            if matches!(kind, Kind::CompositeType | Kind::View | Kind::MaterializedView) {
                let comments = relation.column_comments(relation.oid, &mut self.out);
                self.out.set_some(Attribute::ColumnComments, comments);
            }
            self.out.emit(at, ObjectId::in_schema(kind, relation.schema.clone(), relation.name.clone()));
        }
    }

    fn is_partition(&self, parents: &[u32]) -> bool {
        matches!(parents, [parent] if self.relation(*parent).is_some_and(|parent| parent.kind == b'p'))
    }
}

/// MINVALUE and MAXVALUE that a sequence has when nobody says anything (manual, CREATE SEQUENCE).
fn sequence_bounds(value_type: &str, descending: bool) -> (&'static str, &'static str) {
    let (lowest, highest) = match value_type {
        "smallint" => ("-32768", "32767"),
        "integer" => ("-2147483648", "2147483647"),
        _ => ("-9223372036854775808", "9223372036854775807"),
    };
    if descending { (lowest, "-1") } else { ("1", highest) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches_are_told_in_one_spelling() {
        let read = |text: &str| options(text.split(", ").map(SmolStr::from).collect()).unwrap();
        for on in ["on", "ON", "true", "t", "yes", "1"] {
            assert_eq!(
                read(&format!("fillfactor=70, autovacuum_enabled={on}")),
                "autovacuum_enabled=true, fillfactor=70"
            );
        }
        assert_eq!(read("toast.autovacuum_enabled=off"), "toast.autovacuum_enabled=false");
        assert_eq!(read("security_barrier=no"), "security_barrier=false");
        // A number stays one, and so does what is more than on or off.
        assert_eq!(read("fillfactor=1, vacuum_index_cleanup=on"), "fillfactor=1, vacuum_index_cleanup=on");
    }
}
