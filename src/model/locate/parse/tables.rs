//! `CREATE TABLE` and `ALTER TABLE`: columns and constraints.

use super::{Namespace, Reader};
use crate::postgres::sql::Part;

impl Reader<'_, '_> {
    /// `TABLE [IF NOT EXISTS] name [[PARTITION] OF name] (...)`.
    pub(super) fn table(&mut self) -> Option<()> {
        self.if_not_exists();
        let (schema, table) = self.qualified()?;
        self.declare(Namespace::Relation, &schema, "", &table, self.statement.line);
        self.accept("partition");
        if self.accept("of") {
            self.qualified()?;
        }
        if !self.is_sign("(") {
            return Some(());
        }
        for element in self.elements() {
            self.at = element.start;
            if !self.is_constraint() {
                let column = self.name()?;
                self.declare(Namespace::Column, &schema, &table, &column, self.line());
            }
            self.constraints(&schema, &table, element.end);
        }
        Some(())
    }

    /// Whether an element of a table is no column. `exclude` may be the name of one.
    fn is_constraint(&self) -> bool {
        let Some(Part::Word(word)) = self.peek() else { return false };
        let next = self.parts.get(self.at + 1).map(|(_, part)| part);
        match word.as_str() {
            "constraint" | "primary" | "unique" | "check" | "foreign" | "like" => true,
            "exclude" => next.is_some_and(|next| next.is("using") || *next == Part::Other("(")),
            _ => false,
        }
    }

    /// The names after `CONSTRAINT` up to a part, outside of parentheses.
    fn constraints(&mut self, schema: &str, table: &str, end: usize) {
        let mut depth = 0_usize;
        while self.at < end {
            match self.peek() {
                Some(Part::Other("(")) => depth += 1,
                Some(Part::Other(")")) => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 && self.accept("constraint") {
                if let Some(name) = self.name() {
                    self.declare(Namespace::Constraint, schema, table, &name, self.line());
                }
            } else {
                self.at += 1;
            }
        }
    }

    /// `ALTER TABLE name ADD COLUMN ..., ADD CONSTRAINT ..., RENAME ... TO ...`.
    pub(super) fn alter(&mut self) -> Option<()> {
        self.accept("foreign");
        if !self.accept("table") {
            return None;
        }
        if self.accept("if") {
            self.accept("exists");
        }
        self.accept("only");
        let (schema, table) = self.qualified()?;
        let mut depth = 0_usize;
        let mut begins = true;
        while self.at < self.parts.len() {
            if begins && self.accept("add") {
                self.added(&schema, &table);
            } else if begins && self.accept("rename") {
                self.renamed(&schema, &table);
            }
            match self.peek() {
                Some(Part::Other("(" | "[")) => depth += 1,
                Some(Part::Other(")" | "]")) => depth = depth.saturating_sub(1),
                _ => {}
            }
            begins = depth == 0 && self.is_sign(",");
            if depth == 0 && self.accept("constraint") {
                if let Some(name) = self.name() {
                    self.declare(Namespace::Constraint, &schema, &table, &name, self.line());
                }
            } else {
                self.at += 1;
            }
        }
        Some(())
    }

    /// What follows `ADD`: a constraint with or without a name, which the caller reads, or a column.
    fn added(&mut self, schema: &str, table: &str) {
        if self.is_constraint() {
            return;
        }
        self.accept("column");
        self.if_not_exists();
        if let Some(column) = self.name() {
            self.declare(Namespace::Column, schema, table, &column, self.line());
        }
    }

    /// What follows `RENAME`.
    fn renamed(&mut self, schema: &str, table: &str) -> Option<()> {
        if self.accept("to") {
            let name = self.name()?;
            self.declare(Namespace::Relation, schema, "", &name, self.statement.line);
            return Some(());
        }
        let namespace = if self.accept("constraint") {
            Namespace::Constraint
        } else {
            self.accept("column");
            Namespace::Column
        };
        self.name()?;
        if self.accept("to") {
            let name = self.name()?;
            self.declare(namespace, schema, table, &name, self.line());
        }
        Some(())
    }
}
