//! What a statement declares: the first words of `CREATE` and `ALTER TABLE`, the columns and constraints of a table, and
//! whom a `GRANT` names.

use std::collections::HashSet;
use std::ops::Range;

use crate::postgres::catalog::{Kind, ObjectId};
use crate::postgres::sql::{Part, Statement, split};

/// Kinds of object that share their names: a table and a view of one name cannot both be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Namespace {
    Schema,
    Extension,
    EventTrigger,
    Relation,
    Type,
    Routine,
    Collation,
    Statistics,
    Column,
    Constraint,
    Trigger,
    Policy,
    Rule,
    DefaultPrivileges,
}

/// The name of what is declared. Parts that it does not have are empty.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::model) struct DeclaredName {
    pub(super) namespace: Namespace,
    pub(super) schema: String,
    pub(super) relation: String,
    pub(super) name: String,
}

impl DeclaredName {
    /// The name of an object; `None` for what no statement of its own declares.
    pub(super) fn of(object: &ObjectId) -> Option<Self> {
        let namespace = match object.kind {
            Kind::Schema => Namespace::Schema,
            Kind::Extension => Namespace::Extension,
            Kind::EventTrigger => Namespace::EventTrigger,
            Kind::Collation => Namespace::Collation,
            Kind::Statistics => Namespace::Statistics,
            Kind::Enum | Kind::Domain | Kind::CompositeType | Kind::RangeType => Namespace::Type,
            Kind::Sequence | Kind::Table | Kind::Index | Kind::View | Kind::MaterializedView => {
                Namespace::Relation
            }
            Kind::Function | Kind::Procedure | Kind::Aggregate => Namespace::Routine,
            Kind::Column => Namespace::Column,
            Kind::PrimaryKey | Kind::Unique | Kind::Check | Kind::Exclusion | Kind::ForeignKey => {
                Namespace::Constraint
            }
            Kind::Trigger => Namespace::Trigger,
            Kind::Policy => Namespace::Policy,
            Kind::Rule => Namespace::Rule,
            Kind::Privilege => return None,
        };
        let text = |part: &Option<smol_str::SmolStr>| part.as_deref().unwrap_or_default().to_owned();
        Some(Self {
            namespace,
            schema: text(&object.schema),
            relation: text(&object.relation),
            name: object.name.to_string(),
        })
    }
}

/// The name that default privileges have instead of an object's.
pub(super) const DEFAULT_PRIVILEGES: &str = "default_privileges";

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

    /// `CREATE ...`. What cannot be read declares nothing.
    fn create(&mut self) -> Option<()> {
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

    /// `TABLE [IF NOT EXISTS] name [[PARTITION] OF name] (...)`.
    fn table(&mut self) -> Option<()> {
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
    fn alter(&mut self) -> Option<()> {
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
