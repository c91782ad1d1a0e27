//! What a statement declares: the first words of `CREATE` and `ALTER TABLE`, the columns and constraints of a table, and
//! whom a `GRANT` names.

mod create;
mod tables;

use std::collections::HashSet;
use std::ops::Range;

use super::names::{DEFAULT_PRIVILEGES, DeclaredName, Namespace};
use crate::postgres::sql::{Part, Statement, split};

/// What a statement says.
pub(super) enum Declaration {
    /// It declares an object on this line.
    Object {
        name: DeclaredName,
        line: usize,
        /// The arguments of a routine, each as the names in it.
        arguments: Vec<Vec<String>>,
    },
    /// It grants or revokes, and names these.
    Grant { names: HashSet<String> },
}

/// The line of the script that a byte of the statement is on.
pub(super) fn line_at(statement: &Statement<'_>, offset: usize) -> usize {
    statement.line + statement.text.as_bytes()[..offset].iter().filter(|byte| **byte == b'\n').count()
}

/// What a statement declares. `schema` is where names without a schema go; `SET search_path` changes it for the statements
/// after it.
pub(super) fn declarations(statement: &Statement<'_>, schema: &mut String) -> Vec<Declaration> {
    // Rows that a script inserts may be its greatest part.
    let first = statement.parts().next();
    let declares = |word| first.as_ref().is_some_and(|first| first.is(word));
    if !["create", "alter", "grant", "revoke", "set"].into_iter().any(declares) {
        return Vec::new();
    }
    let parts: Vec<(Range<usize>, Part<'_>)> = statement.placed_parts().collect();
    let mut reader = Reader::new(statement, &parts, schema);
    if reader.accept("create") {
        reader.create();
    } else if reader.accept("alter") {
        if reader.accept("default") {
            let names = parts.iter().filter_map(|(_, part)| part.name()).chain([DEFAULT_PRIVILEGES]);
            reader.found.push(Declaration::Grant { names: names.map(str::to_owned).collect() });
        } else {
            reader.alter();
        }
    } else if reader.accept("grant") || reader.accept("revoke") {
        let names = parts.iter().filter_map(|(_, part)| part.name()).map(str::to_owned);
        reader.found.push(Declaration::Grant { names: names.collect() });
    } else if reader.accept("set") {
        reader.search_path();
    }
    reader.found
}

/// Where names without a schema go under a setting of `search_path`.
pub(in crate::model) fn first_schema(search_path: &str) -> String {
    let mut schema = "public".to_owned();
    for statement in split(&format!("SET search_path = {search_path}")).unwrap_or_default() {
        declarations(&statement, &mut schema);
    }
    schema
}

/// Reads the parts of a statement from left to right.
pub(super) struct Reader<'p, 's> {
    statement: &'p Statement<'s>,
    parts: &'p [(Range<usize>, Part<'s>)],
    at: usize,
    schema: &'p mut String,
    found: Vec<Declaration>,
}

impl<'p, 's> Reader<'p, 's> {
    /// At the first part; `schema` is where names without a schema go.
    pub(super) fn new(
        statement: &'p Statement<'s>,
        parts: &'p [(Range<usize>, Part<'s>)],
        schema: &'p mut String,
    ) -> Self {
        Self { statement, parts, at: 0, schema, found: Vec::new() }
    }
}

impl Reader<'_, '_> {
    fn peek(&self) -> Option<&Part<'_>> {
        self.parts.get(self.at).map(|(_, part)| part)
    }

    pub(super) fn is(&self, word: &str) -> bool {
        self.peek().is_some_and(|part| part.is(word))
    }

    pub(super) fn is_sign(&self, sign: &str) -> bool {
        matches!(self.peek(), Some(Part::Other(found)) if *found == sign)
    }

    pub(super) fn accept(&mut self, word: &str) -> bool {
        let found = self.is(word);
        self.at += usize::from(found);
        found
    }

    pub(super) fn accept_sign(&mut self, sign: &str) -> bool {
        let found = self.is_sign(sign);
        self.at += usize::from(found);
        found
    }

    /// Goes behind the next part that is this word.
    pub(super) fn skip_to(&mut self, word: &str) -> Option<()> {
        self.at += self.parts.get(self.at..)?.iter().position(|(_, part)| part.is(word))? + 1;
        Some(())
    }

    /// Where names without a schema go.
    pub(super) fn default_schema(&self) -> String {
        self.schema.clone()
    }

    /// Goes behind the parentheses that open here, if any do.
    pub(super) fn skip_parentheses(&mut self) {
        if self.is_sign("(") {
            self.elements();
        }
    }

    fn if_not_exists(&mut self) {
        if self.is("if") {
            self.accept("if");
            self.accept("not");
            self.accept("exists");
        }
    }

    pub(super) fn name(&mut self) -> Option<String> {
        let name = self.peek()?.name()?.to_owned();
        self.at += 1;
        Some(name)
    }

    /// A name with its schema. Of a name with a database in front of it, the last two parts count.
    pub(super) fn qualified(&mut self) -> Option<(String, String)> {
        let mut name = self.name()?;
        let mut schema = self.schema.clone();
        while self.accept_sign(".") {
            schema = std::mem::replace(&mut name, self.name()?);
        }
        Some((schema, name))
    }

    fn declare(&mut self, namespace: Namespace, schema: &str, relation: &str, name: &str, line: usize) {
        let name = DeclaredName {
            namespace,
            schema: schema.to_owned(),
            relation: relation.to_owned(),
            name: name.to_owned(),
        };
        self.found.push(Declaration::Object { name, line, arguments: Vec::new() });
    }

    /// The line of the part that was read last.
    fn line(&self) -> usize {
        self.at
            .checked_sub(1)
            .map_or(self.statement.line, |last| line_at(self.statement, self.parts[last].0.start))
    }

    /// What stands between the commas of the parentheses that open here. Goes behind them.
    fn elements(&mut self) -> Vec<Range<usize>> {
        let mut elements = Vec::new();
        let (mut depth, mut start) = (0_usize, self.at + 1);
        while let Some(part) = self.peek() {
            match part {
                Part::Other("(" | "[") => depth += 1,
                Part::Other(")" | "]") => depth = depth.saturating_sub(1),
                _ => {}
            }
            let ends = depth == 0 || (depth == 1 && self.is_sign(","));
            if ends {
                if start < self.at {
                    elements.push(start..self.at);
                }
                start = self.at + 1;
            }
            self.at += 1;
            if depth == 0 {
                break;
            }
        }
        elements
    }

    /// `SET [SESSION | LOCAL] search_path { TO | = } schema, ...`: the first one takes what is created. Nobody knows here
    /// who "$user" is, and seldom is there a schema of that name.
    fn search_path(&mut self) -> Option<()> {
        let _ = self.accept("session") || self.accept("local");
        if !self.accept("search_path") {
            return None;
        }
        if !self.accept("to") && !self.accept_sign("=") {
            return None;
        }
        let first = loop {
            let name = match self.peek()? {
                Part::Literal(name) => (*name).to_owned(),
                part => part.name()?.to_owned(),
            };
            if name != "$user" {
                break name;
            }
            self.at += 1;
            if !self.accept_sign(",") {
                return None;
            }
        };
        let is_default = self.is("default") || first.is_empty();
        *self.schema = if is_default { "public".to_owned() } else { first };
        Some(())
    }
}
