//! Columns: objects under tables, fields of composite types, names for everybody else.

use std::fmt::Write as _;

use anyhow::Result;
use smol_str::SmolStr;

use super::ObjectOid;
use super::assembler::{Assembler, Output, class};
use super::fields::Fields;
use super::indexes::IndexKey;
use super::relations::{Relation, options};
use crate::catalog::{Attribute, Kind, Unmodeled};
use crate::sql::{identifier, literal};

/// What others need to know of a column.
#[derive(Debug, Clone, Default)]
pub(super) struct Column {
    pub(super) name: SmolStr,
    pub(super) type_oid: u32,
    pub(super) collation: u32,
    /// A composite type's field as it is printed, else empty.
    field: SmolStr,
}

impl Assembler {
    pub(super) fn column_row(&mut self, fields: &mut Fields<'_>) -> Result<()> {
        let relation: u32 = fields.number()?;
        let number: i16 = fields.number()?;
        let name = fields.text()?;
        let (type_oid, collation) = (fields.number()?, fields.number()?);
        let printed_type = fields.text()?;
        let required = fields.flag()?;
        let (identity, generated) = (fields.letter()?, fields.letter()?);
        let printed_collation = fields.optional();
        let (storage, compression) = (fields.letter()?, fields.letter()?);
        let target: Option<i32> = fields.optional_number()?;
        let parameters = fields.list()?;
        let expression = fields.optional();

        let Some(&index) = self.relation_by_oid.get(&relation) else {
            self.index_keys.insert((relation, number), IndexKey { target, options: options(parameters) });
            return Ok(());
        };
        let table = &mut self.relations[index];
        let mut field = SmolStr::default();
        if table.kind == b'c' {
            let mut text = format!("{} {printed_type}", identifier(name));
            if let Some(collation) = printed_collation {
                let _ = write!(text, " COLLATE {collation}");
            }
            field = text.into();
        }
        let position = usize::try_from(number)?;
        if table.columns.len() < position {
            table.columns.resize_with(position, Column::default);
        }
        table.columns[position - 1] = Column { name: name.into(), type_oid, collation, field };
        if table.history_proof == Some(name) && matches!(table.kind, b'r' | b'p') {
            table.hidden = true;
            table.history = true;
        }
        if table.hidden {
            return Ok(());
        }
        let out = &mut self.out;
        if !matches!(table.kind, b'r' | b'p') {
            if table.kind == b'v' && expression.is_some() {
                let object = format!("{}.{}", table.path(), identifier(name));
                out.unmodeled.push(Unmodeled { kind: "view_column_default".to_owned(), object });
            }
            return Ok(());
        }
        out.set_shared(Attribute::Type, printed_type);
        out.set_flag(Attribute::Nullable, !required);
        match generated {
            b's' => out.set_some(Attribute::Generated, expression),
            b'v' => out.set_some(Attribute::Generated, expression.map(|text| format!("{text} virtual"))),
            _ => out.set_some(Attribute::Default, expression),
        }
        match identity {
            b'a' => out.set(Attribute::Identity, "always"),
            b'd' => out.set(Attribute::Identity, "by default"),
            _ => {}
        }
        out.set_some(Attribute::Collation, printed_collation);
        out.set_some(Attribute::Storage, storage_word(storage));
        match compression {
            b'p' => out.set(Attribute::Compression, "pglz"),
            b'l' => out.set(Attribute::Compression, "lz4"),
            _ => {}
        }
        out.set_some(Attribute::StatisticsTarget, target.map(|target| target.to_string()));
        out.set(Attribute::Position, smol_str::format_smolstr!("{number}"));
        out.set_some(Attribute::Options, options(parameters));
        let at = ObjectOid { class: class::CLASS, oid: relation, subid: number.into() };
        out.emit(at, table.part(Kind::Column, name));
        Ok(())
    }
}

impl Relation {
    /// A composite type's fields.
    pub(super) fn fields(&self) -> String {
        let fields = self.columns.iter().filter(|column| !column.field.is_empty());
        fields.map(|column| column.field.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// Comments on columns that are no objects of their own: `name 'text'`, one a line, in order.
    pub(super) fn column_comments(&self, oid: u32, out: &mut Output) -> Option<String> {
        let mut lines = Vec::new();
        for (subid, column) in (1..).zip(&self.columns) {
            if let Some(comment) = out.comment(ObjectOid { class: class::CLASS, oid, subid }) {
                lines.push(format!("{} {}", identifier(&column.name), literal(&comment)));
            }
        }
        (!lines.is_empty()).then(|| lines.join("\n"))
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
