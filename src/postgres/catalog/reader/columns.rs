//! Columns: objects under tables, fields of composite types, names for everybody else.

use anyhow::Result;
use smol_str::{SmolStr, format_smolstr};

use super::ObjectOid;
use super::assembler::{Assembler, ObjectBuilder, class};
use super::column_types::ColumnType;
use super::deferred::ExprSource;
use super::fields::Fields;
use super::indexes::IndexKey;
use super::relations::{Relation, options};
use crate::postgres::catalog::{Attribute, Kind, Unmodeled};
use crate::postgres::sql::{identifier, literal};

/// What others need to know of a column.
#[derive(Debug, Clone, Default)]
pub(super) struct RelationColumn {
    pub(super) name: SmolStr,
    pub(super) type_oid: u32,
    pub(super) collation: u32,
    /// A composite type's field as it is printed, else empty.
    field: SmolStr,
}

impl Assembler {
    pub(super) fn default_row(&mut self, fields: &mut Fields<'_>) -> Result<()> {
        let (oid, relation, number) = (fields.number()?, fields.number()?, fields.number()?);
        // Columns come later: their names are not known yet.
        let default = self.questions.expression(ExprSource::Default, oid, fields.text()?, (relation, None));
        self.defaults.insert((relation, number), default);
        Ok(())
    }

    pub(super) fn column_row(&mut self, fields: &mut Fields<'_>) -> Result<()> {
        let relation: u32 = fields.number()?;
        let number: i16 = fields.number()?;
        let name = fields.text()?;
        let (oid, modifier, collation) = (fields.number()?, fields.number()?, fields.number()?);
        let kind = ColumnType { oid, modifier, collation, storage: fields.letter()? };
        let required = fields.flag()?;
        let (identity, generated, compression) = (fields.letter()?, fields.letter()?, fields.letter()?);
        let target: Option<i32> = fields.optional_number()?;
        let parameters = fields.list()?;

        let Some(&index) = self.relation_by_oid.get(&relation) else {
            self.index_keys.insert((relation, number), IndexKey { target, options: options(parameters) });
            return Ok(());
        };
        let table = &mut self.relations[index];
        let mut field = SmolStr::default();
        if table.kind == b'c' && !table.hidden {
            let printed = self.questions.column_type(kind);
            field = format_smolstr!("{} {printed}{}", identifier(name), printed.collate());
        }
        let position = usize::try_from(number)?;
        if table.columns.len() < position {
            table.columns.resize_with(position, RelationColumn::default);
        }
        table.columns[position - 1] = RelationColumn { name: name.into(), type_oid: oid, collation, field };
        if table.history_proof == Some(name) && matches!(table.kind, b'r' | b'p') {
            table.hidden = true;
            table.history = true;
        }
        if table.hidden {
            return Ok(());
        }
        let expression = self.defaults.get(&(relation, number)).copied();
        let out = &mut self.out;
        if !matches!(table.kind, b'r' | b'p') {
            if table.kind == b'v' && expression.is_some() {
                let object = format!("{}.{}", table.path(), identifier(name));
                out.unmodeled.push(Unmodeled { kind: "view_column_default".to_owned(), object });
            }
            return Ok(());
        }
        let printed = self.questions.column_type(kind);
        out.set_deferred(Attribute::Type, format_smolstr!("{printed}"));
        out.set_flag(Attribute::Nullable, !required);
        if let Some(expression) = expression {
            match generated {
                b's' => out.set_deferred(Attribute::Generated, format_smolstr!("{expression}")),
                b'v' => out.set_deferred(Attribute::Generated, format_smolstr!("{expression} virtual")),
                _ => out.set_deferred(Attribute::Default, format_smolstr!("{expression}")),
            }
        }
        match identity {
            b'a' => out.set(Attribute::Identity, "always"),
            b'd' => out.set(Attribute::Identity, "by default"),
            _ => {}
        }
        match compression {
            b'p' => out.set(Attribute::Compression, "pglz"),
            b'l' => out.set(Attribute::Compression, "lz4"),
            _ => {}
        }
        out.set_some(Attribute::StatisticsTarget, target.map(|target| target.to_string()));
        out.set(Attribute::Position, format_smolstr!("{number}"));
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
    pub(super) fn column_comments(&self, oid: u32, out: &mut ObjectBuilder) -> Option<String> {
        let mut lines = Vec::new();
        for (subid, column) in (1..).zip(&self.columns) {
            if let Some(comment) = out.comment(ObjectOid { class: class::CLASS, oid, subid }) {
                lines.push(format!("{} {}", identifier(&column.name), literal(&comment)));
            }
        }
        (!lines.is_empty()).then(|| lines.join("\n"))
    }
}
