//! Functions, procedures, aggregates.

use anyhow::{Context as _, Result};
use smol_str::SmolStr;

use super::ObjectOid;
use super::assembler::{Assembler, class};
use super::fields::Fields;
use crate::postgres::catalog::{Attribute, Kind, ObjectId};

impl Assembler {
    pub(super) fn aggregate_row(&mut self, fields: &mut Fields<'_>) -> Result<()> {
        self.aggregates.insert(fields.number()?, fields.text()?.into());
        Ok(())
    }

    pub(super) fn language_row(&mut self, fields: &mut Fields<'_>) -> Result<()> {
        self.languages.insert(fields.number()?, fields.text()?.into());
        Ok(())
    }

    pub(super) fn routine_row(&mut self, fields: &mut Fields<'_>) -> Result<()> {
        let oid: u32 = fields.number()?;
        let schema: u32 = fields.number()?;
        let (name, letter, types) = (fields.text()?, fields.letter()?, fields.text()?);
        let owner = fields.optional();
        let (arguments, returns, language) = (fields.optional(), fields.optional(), fields.number()?);
        let (volatility, definer, parallel) = (fields.letter()?, fields.flag()?, fields.letter()?);
        let (strict, leakproof) = (fields.flag()?, fields.flag()?);
        let (cost, rows, returns_set) = (fields.text()?, fields.text()?, fields.flag()?);
        let (support, settings) = (fields.optional(), fields.list()?);
        let (sql_body, library, source) = (fields.optional(), fields.optional(), fields.text()?);
        let transforms = fields.optional();

        let Some(schema) = self.own_schema(schema) else { return Ok(()) };
        let language: u32 = language;
        let language = self.languages.get(&language).context("a language that pg_language does not have")?;
        let out = &mut self.out;
        let kind = match letter {
            b'a' => Kind::Aggregate,
            b'p' => Kind::Procedure,
            _ => Kind::Function,
        };
        if kind == Kind::Aggregate {
            out.set_some(Attribute::AggregateOptions, self.aggregates.remove(&oid));
        } else {
            out.set_some(Attribute::Returns, returns);
            out.set(Attribute::Language, language.clone());
            match volatility {
                b'i' => out.set(Attribute::Volatility, "immutable"),
                b's' => out.set(Attribute::Volatility, "stable"),
                _ => {}
            }
            if definer {
                out.set(Attribute::Security, "definer");
            }
            out.set_flag(Attribute::Strict, strict);
            out.set_flag(Attribute::Leakproof, leakproof);
            out.set_flag(Attribute::Window, letter == b'w');
            let usual_cost = if matches!(language.as_str(), "c" | "internal") { "1" } else { "100" };
            out.set_some(Attribute::Cost, (cost != usual_cost).then_some(cost));
            let usual_rows = if returns_set { "1000" } else { "0" };
            out.set_some(Attribute::Rows, (rows != usual_rows).then_some(rows));
            out.set_some(Attribute::Support, support);
            out.set_some(Attribute::Transforms, transforms);
            if !settings.is_empty() {
                out.set(Attribute::Settings, settings.join("\n"));
            }
            match (sql_body, library) {
                (Some(body), _) => out.set(Attribute::Body, body),
                (None, Some(library)) => out.set(Attribute::Body, format!("{library}, {source}")),
                // A checkout with CRLF makes no other function.
                (None, None) => out.set(Attribute::Body, source.replace("\r\n", "\n")),
            }
            if sql_body.is_some() {
                out.set(Attribute::BodyStyle, "sql standard");
            }
        }
        out.set_some(Attribute::Arguments, arguments.filter(|arguments| !arguments.is_empty()));
        match parallel {
            b's' => out.set(Attribute::Parallel, "safe"),
            b'r' => out.set(Attribute::Parallel, "restricted"),
            _ => {}
        }
        out.set_some(Attribute::Owner, owner);
        let id = ObjectId { suffix: Some(SmolStr::new(types)), ..ObjectId::in_schema(kind, schema, name) };
        out.emit(ObjectOid::whole(class::PROC, oid), id);
        Ok(())
    }
}
