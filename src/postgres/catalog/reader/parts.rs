//! Triggers, rules, policies, extended statistics, event triggers.

use anyhow::Result;
use smol_str::SmolStr;

use super::ObjectOid;
use super::assembler::{Assembler, class, names};
use super::fields::Fields;
use super::relations::statement;
use crate::postgres::catalog::{Attribute, Kind, ObjectId};
use crate::postgres::sql::literal;

/// All kinds of extended statistics, by their letters (`pg_statistic_ext.stxkind`), but for `e`, which every
/// statistics object over an expression has.
const STATISTICS: &[(&str, &str)] = &[("d", "ndistinct"), ("f", "dependencies"), ("m", "mcv")];

/// A constraint that a partition has from its parent, and that is turned off there.
#[derive(Debug)]
pub(super) struct DisabledPart {
    parent: u32,
    parent_table: u32,
    partition: u32,
    kind: Kind,
    name: SmolStr,
}

impl DisabledPart {
    /// Reads `parent table partition kind name`.
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.splitn(5, ' ');
        let mut number = || words.next()?.parse().ok();
        let (parent, parent_table, partition) = (number()?, number()?, number()?);
        let kind = match words.next()? {
            "p" => Kind::PrimaryKey,
            "u" => Kind::Unique,
            "x" => Kind::Exclusion,
            _ => Kind::ForeignKey,
        };
        Some(Self { parent, parent_table, partition, kind, name: words.next()?.into() })
    }
}

impl Assembler {
    pub(super) fn trigger_row(&mut self, fields: &mut Fields<'_>) -> Result<()> {
        let Some(constraint) = fields.optional_number()? else {
            return self.defined_part(fields, Kind::Trigger, class::TRIGGER);
        };
        let _: (u32, u32, &str, u8) = (fields.number()?, fields.number()?, fields.text()?, fields.letter()?);
        let _: (Option<&str>, Option<&str>) = (fields.optional(), fields.optional());
        match fields.optional().and_then(DisabledPart::parse) {
            // A table has several constraints for one that refers to a partitioned table.
            Some(part) if part.partition == part.parent_table => drop(self.disabled.insert(part.parent)),
            Some(part) => self.disabled_parts.push(part),
            None => drop(self.disabled.insert(constraint)),
        }
        Ok(())
    }

    /// Makes objects of the constraints that are off on a partition, and on at its parent.
    pub(super) fn emit_disabled_parts(&mut self) {
        let mut parts = std::mem::take(&mut self.disabled_parts);
        parts.retain(|part| !self.disabled.contains(&part.parent));
        // Several triggers keep one constraint.
        parts.sort_by(|a, b| (a.partition, &a.name).cmp(&(b.partition, &b.name)));
        parts.dedup_by(|a, b| a.partition == b.partition && a.name == b.name);
        for DisabledPart { parent, parent_table, partition, kind, name } in parts {
            let Some(id) = self.own_relation(partition).map(|relation| relation.part(kind, &name)) else {
                continue;
            };
            let table = self.own_relation(parent_table).map(super::relations::Relation::path);
            self.out.set_some(Attribute::PartitionOf, table);
            self.out.set(Attribute::Enabled, "disabled");
            self.out.emit_nameless(ObjectOid::whole(class::CONSTRAINT, parent), id);
        }
    }

    /// The table whose trigger made this one on a partition.
    fn parent_table(&self, fields: &mut Fields<'_>) -> Result<Option<String>> {
        let parent: Option<u32> = fields.optional_number()?;
        Ok(parent.and_then(|parent| self.own_relation(parent)).map(super::relations::Relation::path))
    }

    pub(super) fn rule_row(&mut self, fields: &mut Fields<'_>) -> Result<()> {
        self.defined_part(fields, Kind::Rule, class::REWRITE)
    }

    /// What stands under a relation, can be switched off, and is printed.
    fn defined_part(&mut self, fields: &mut Fields<'_>, kind: Kind, class: u32) -> Result<()> {
        let oid = fields.number()?;
        let relation: u32 = fields.number()?;
        let (name, enabled) = (fields.text()?, fields.letter()?);
        let definition = fields.optional();
        let parent = if kind == Kind::Trigger { self.parent_table(fields)? } else { None };
        let Some(id) = self.own_relation(relation).map(|relation| relation.part(kind, name)) else {
            return Ok(());
        };
        self.out.set_some(Attribute::PartitionOf, parent);
        self.out.set_some(Attribute::Definition, definition.map(statement));
        self.out.set_some(Attribute::Enabled, enabled_word(enabled));
        self.out.emit(ObjectOid::whole(class, oid), id);
        Ok(())
    }

    pub(super) fn policy_row(&mut self, fields: &mut Fields<'_>) -> Result<()> {
        let oid = fields.number()?;
        let relation: u32 = fields.number()?;
        let (name, permissive, command) = (fields.text()?, fields.flag()?, fields.letter()?);
        let roles = fields.list()?;
        let (using, with_check) = (fields.optional(), fields.optional());
        let Some(id) = self.own_relation(relation).map(|relation| relation.part(Kind::Policy, name)) else {
            return Ok(());
        };
        let out = &mut self.out;
        out.set_flag(Attribute::Permissive, permissive);
        match command {
            b'r' => out.set(Attribute::Command, "select"),
            b'a' => out.set(Attribute::Command, "insert"),
            b'w' => out.set(Attribute::Command, "update"),
            b'd' => out.set(Attribute::Command, "delete"),
            _ => {}
        }
        if !roles.is_empty() {
            out.set(Attribute::Roles, names(roles.iter().map(|role| role.as_str())));
        }
        out.set_some(Attribute::Using, using);
        out.set_some(Attribute::WithCheck, with_check);
        out.emit(ObjectOid::whole(class::POLICY, oid), id);
        Ok(())
    }

    pub(super) fn statistics_row(&mut self, fields: &mut Fields<'_>) -> Result<()> {
        let oid = fields.number()?;
        let (schema, name) = (fields.number()?, fields.text()?);
        let relation: u32 = fields.number()?;
        let kinds = fields.list()?;
        let covers = fields.text()?;
        let (target, owner) = (fields.optional(), fields.optional());
        if let Some(&index) = self.relation_by_oid.get(&relation) {
            self.relations[index].expressions |= kinds.iter().any(|kind| kind == "e");
        }
        let Some(schema) = self.own_schema(schema) else { return Ok(()) };
        let Some(table) = self.own_relation(relation).map(super::relations::Relation::path) else {
            return Ok(());
        };
        let chosen: Vec<&str> = STATISTICS
            .iter()
            .filter(|(letter, _)| kinds.iter().any(|kind| kind == letter))
            .map(|(_, word)| *word)
            .collect();
        let covers = if chosen.is_empty() || chosen.len() == STATISTICS.len() {
            format!("ON {covers}")
        } else {
            format!("({}) ON {covers}", chosen.join(", "))
        };
        let out = &mut self.out;
        out.set(Attribute::Expression, covers);
        out.set(Attribute::OnTable, table);
        out.set_some(Attribute::StatisticsTarget, target);
        out.set_some(Attribute::Owner, owner);
        let id = ObjectId::in_schema(Kind::Statistics, schema, name);
        out.emit(ObjectOid::whole(class::STATISTIC_EXT, oid), id);
        Ok(())
    }

    pub(super) fn event_trigger_row(&mut self, fields: &mut Fields<'_>) -> Result<()> {
        let oid = fields.number()?;
        let (name, event, enabled) = (fields.text()?, fields.text()?, fields.letter()?);
        let tags = fields.list()?;
        let (function, owner) = (fields.text()?, fields.optional());
        let out = &mut self.out;
        out.set(Attribute::Event, event);
        out.set_some(Attribute::Enabled, enabled_word(enabled));
        if !tags.is_empty() {
            let tags: Vec<String> = tags.iter().map(|tag| literal(tag)).collect();
            out.set(Attribute::Tags, tags.join(", "));
        }
        out.set(Attribute::Runs, function);
        out.set_some(Attribute::Owner, owner);
        out.emit(ObjectOid::whole(class::EVENT_TRIGGER, oid), ObjectId::bare(Kind::EventTrigger, name));
        Ok(())
    }
}

/// When a trigger or rule fires (`session_replication_role`); `origin` is the default.
fn enabled_word(letter: u8) -> Option<&'static str> {
    match letter {
        b'D' => Some("disabled"),
        b'R' => Some("replica"),
        b'A' => Some("always"),
        _ => None,
    }
}
