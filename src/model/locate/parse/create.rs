//! `CREATE` of anything but a table.

use super::{Declaration, DeclaredName, Namespace, Reader};
use crate::postgres::sql::Part;

/// Words between `CREATE` and what is created.
const BEFORE_KIND: [&str; 15] = [
    "or",
    "replace",
    "global",
    "local",
    "temp",
    "temporary",
    "unlogged",
    "unique",
    "recursive",
    "materialized",
    "constraint",
    "event",
    "foreign",
    "default",
    "trusted",
];

impl Reader<'_, '_> {
    /// `CREATE ...`. What cannot be read declares nothing.
    pub(super) fn create(&mut self) -> Option<()> {
        let mut is_event = false;
        while let Some(Part::Word(word)) = self.peek() {
            if !BEFORE_KIND.contains(&word.as_str()) {
                break;
            }
            is_event |= word == "event";
            self.at += 1;
        }
        let Some(Part::Word(kind)) = self.peek() else { return None };
        let kind = kind.clone();
        self.at += 1;
        match kind.as_str() {
            "table" => self.table(),
            "index" => self.index(),
            "view" | "sequence" => self.in_schema(Namespace::Relation),
            "type" | "domain" => self.in_schema(Namespace::Type),
            "collation" => self.in_schema(Namespace::Collation),
            "statistics" => self.in_schema(Namespace::Statistics),
            "function" | "procedure" | "aggregate" => self.routine(),
            "schema" => self.bare(Namespace::Schema),
            "extension" => self.bare(Namespace::Extension),
            "trigger" if is_event => self.bare(Namespace::EventTrigger),
            "trigger" => self.under(Namespace::Trigger, &["on"]),
            "policy" => self.under(Namespace::Policy, &["on"]),
            "rule" => self.under(Namespace::Rule, &["on", "to"]),
            _ => None,
        }
    }

    fn in_schema(&mut self, namespace: Namespace) -> Option<()> {
        self.if_not_exists();
        let (schema, name) = self.qualified()?;
        self.declare(namespace, &schema, "", &name, self.statement.line);
        Some(())
    }

    fn bare(&mut self, namespace: Namespace) -> Option<()> {
        self.if_not_exists();
        let name = self.name()?;
        self.declare(namespace, "", "", &name, self.statement.line);
        Some(())
    }

    /// A name, and the relation after the last of these words.
    fn under(&mut self, namespace: Namespace, before: &[&str]) -> Option<()> {
        let name = self.name()?;
        for word in before {
            self.skip_to(word)?;
        }
        let (schema, relation) = self.qualified()?;
        self.declare(namespace, &schema, &relation, &name, self.statement.line);
        Some(())
    }

    fn routine(&mut self) -> Option<()> {
        let (schema, name) = self.qualified()?;
        let name = DeclaredName { namespace: Namespace::Routine, schema, relation: String::new(), name };
        let mut arguments: Vec<Vec<String>> = Vec::new();
        if self.accept_sign("(") {
            let mut depth = 0;
            while !(depth == 0 && self.is_sign(")")) {
                let part = self.peek()?;
                match part {
                    Part::Other("(") => depth += 1,
                    Part::Other(")") => depth -= 1,
                    Part::Other(",") if depth == 0 => arguments.push(Vec::new()),
                    part => {
                        let names = part.name().map(str::to_owned);
                        if arguments.is_empty() {
                            arguments.push(Vec::new());
                        }
                        arguments.last_mut()?.extend(names);
                    }
                }
                self.at += 1;
            }
        }
        self.found.push(Declaration::Object { name, line: self.statement.line, arguments });
        Some(())
    }

    /// `INDEX [CONCURRENTLY] [[IF NOT EXISTS] name] ON [ONLY] table [USING method] (column, ...)`: an index is in the schema
    /// of its table, and without a name it is `table_column_idx`.
    fn index(&mut self) -> Option<()> {
        self.accept("concurrently");
        self.if_not_exists();
        let own = if self.is("on") { None } else { Some(self.name()?) };
        self.skip_to("on")?;
        self.accept("only");
        let (schema, table) = self.qualified()?;
        let name = match own {
            Some(name) => name,
            None => {
                let open = self.parts[self.at..].iter().position(|(_, part)| *part == Part::Other("("))?;
                self.at += open;
                let columns = self.elements();
                let columns = columns.iter().map(|element| self.parts[element.start].1.name());
                let columns: Vec<&str> = columns.collect::<Option<_>>()?;
                format!("{table}_{}_idx", columns.join("_"))
            }
        };
        self.declare(Namespace::Relation, &schema, "", &name, self.statement.line);
        Some(())
    }
}
