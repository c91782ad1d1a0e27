//! Enums, domains, ranges, collations. Composite types are relations.

use std::fmt::Write as _;

use anyhow::Result;
use smol_str::{SmolStr, format_smolstr};

use super::ObjectOid;
use super::assembler::{Assembler, class};
use super::column_types::ColumnType;
use super::fields::Fields;
use crate::postgres::catalog::{Attribute, Kind, ObjectId};
use crate::postgres::sql::{identifier, literal, qualified};

impl Assembler {
    pub(super) fn label_row(&mut self, fields: &mut Fields<'_>) -> Result<()> {
        let label = (fields.number()?, literal(fields.text()?));
        self.labels.entry(label.0).or_default().push(label.1);
        Ok(())
    }

    pub(super) fn domain_check_row(&mut self, fields: &mut Fields<'_>) -> Result<()> {
        let domain = fields.number()?;
        let check = (SmolStr::new(fields.text()?), SmolStr::new(fields.text()?));
        self.domain_checks.entry(domain).or_default().push(check);
        Ok(())
    }

    pub(super) fn type_row(&mut self, fields: &mut Fields<'_>) -> Result<()> {
        let (oid, schema, name) = (fields.number()?, fields.number()?, fields.text()?);
        let owner = fields.optional();
        let Some(schema) = self.own_schema(schema) else { return Ok(()) };
        let kind = if fields.letter()? == b'e' { Kind::Enum } else { Kind::Domain };
        if kind == Kind::Enum {
            let labels = self.labels.remove(&oid).unwrap_or_default();
            self.out.set(Attribute::Labels, labels.join(", "));
        } else {
            self.domain(oid, fields)?;
        }
        self.out.set_some(Attribute::Owner, owner);
        self.out.emit(ObjectOid::whole(class::TYPE, oid), ObjectId::in_schema(kind, schema, name));
        Ok(())
    }

    /// What a domain has that an enum type has not.
    fn domain(&mut self, oid: u32, fields: &mut Fields<'_>) -> Result<()> {
        let (base, modifier, collation) = (fields.number()?, fields.number()?, fields.number()?);
        let base = ColumnType { oid: base, modifier, collation, storage: fields.letter()? };
        let (required, default) = (fields.flag()?, fields.optional());
        let base = self.questions.column_type(base);
        let mut checks = self.domain_checks.remove(&oid).unwrap_or_default();
        checks.sort_unstable();
        let out = &mut self.out;
        out.set_deferred(Attribute::Type, format_smolstr!("{base}"));
        out.set_flag(Attribute::Nullable, !required);
        out.set_some(Attribute::Default, default);
        let mut lines = String::new();
        for (name, check) in &checks {
            let separator = if lines.is_empty() { "" } else { "\n" };
            let _ = write!(lines, "{separator}{} {check}", identifier(name));
        }
        out.set_some(Attribute::Checks, (!lines.is_empty()).then_some(lines));
        Ok(())
    }

    pub(super) fn range_row(&mut self, fields: &mut Fields<'_>) -> Result<()> {
        let (oid, schema, name) = (fields.number()?, fields.number()?, fields.text()?);
        let owner = fields.optional();
        let (subtype, multirange) = (fields.text()?, fields.text()?);
        let opclass = fields.optional();
        let opclass_schema: Option<u32> = fields.optional_number()?;
        let (collation, canonical, difference) = (fields.optional(), fields.optional(), fields.optional());
        let Some(schema) = self.own_schema(schema) else { return Ok(()) };
        let opclass = opclass.map(|name| match opclass_schema.and_then(|oid| self.schemas.get(&oid)) {
            Some(schema) if schema.name != "pg_catalog" => qualified(&schema.name, name),
            _ => identifier(name).into_owned(),
        });
        let out = &mut self.out;
        out.set(Attribute::Subtype, subtype);
        out.set(Attribute::Multirange, multirange);
        out.set_some(Attribute::SubtypeOpclass, opclass);
        out.set_some(Attribute::Collation, collation);
        out.set_some(Attribute::Canonical, canonical);
        out.set_some(Attribute::SubtypeDiff, difference);
        out.set_some(Attribute::Owner, owner);
        out.emit(ObjectOid::whole(class::TYPE, oid), ObjectId::in_schema(Kind::RangeType, schema, name));
        Ok(())
    }

    pub(super) fn collation_row(&mut self, fields: &mut Fields<'_>) -> Result<()> {
        let (oid, schema, name) = (fields.number()?, fields.number()?, fields.text()?);
        let owner = fields.optional();
        let provider = fields.letter()?;
        let deterministic = fields.flag()?;
        let (collate, ctype) = (fields.optional(), fields.optional());
        let (locale, rules) = (fields.optional(), fields.optional());
        let Some(schema) = self.own_schema(schema) else { return Ok(()) };
        let locale = match (locale, collate, ctype) {
            (Some(locale), _, _) => Some(locale.to_owned()),
            (None, Some(collate), Some(ctype)) if collate != ctype => Some(format!("{collate}/{ctype}")),
            (None, collate, _) => collate.map(str::to_owned),
        };
        let out = &mut self.out;
        out.set_some(Attribute::Provider, provider_word(provider));
        out.set_some(Attribute::Locale, locale);
        out.set_flag(Attribute::Deterministic, deterministic);
        out.set_some(Attribute::CollationRules, rules);
        out.set_some(Attribute::Owner, owner);
        let id = ObjectId::in_schema(Kind::Collation, schema, name);
        out.emit(ObjectOid::whole(class::COLLATION, oid), id);
        Ok(())
    }
}

fn provider_word(provider: u8) -> Option<&'static str> {
    match provider {
        b'i' => Some("icu"),
        b'c' => Some("libc"),
        b'b' => Some("builtin"),
        _ => None,
    }
}
