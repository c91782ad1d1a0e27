//! Which names stand in which statements of a script.

use std::collections::{HashMap, HashSet};

use crate::postgres::catalog::ObjectId;
use crate::postgres::sql::{Part, Statement, split, without_bom};

/// For each name the statements that it stands in.
pub(super) struct Mentions {
    places: HashMap<String, Vec<Mention>>,
    /// The statements that are comments on something.
    comments: HashSet<usize>,
}

/// A name in a statement.
struct Mention {
    /// The number of the statement.
    statement: usize,
    /// The first line there that has the name.
    line: usize,
    /// Whether the statement is about what has this name: `DROP TABLE name`.
    is_subject: bool,
}

impl Mentions {
    /// Reads a script. One that cannot be split names nothing.
    pub(super) fn of(script: &str) -> Self {
        let mut mentions = Self { places: HashMap::new(), comments: HashSet::new() };
        for (number, statement) in split(without_bom(script)).unwrap_or_default().iter().enumerate() {
            mentions.add(number, statement);
        }
        mentions
    }

    fn add(&mut self, number: usize, statement: &Statement<'_>) {
        if statement.starts_with(&["comment", "on"]) {
            self.comments.insert(number);
        }
        let subject = subject(statement);
        let (mut line, mut counted) = (statement.line, 0);
        for (range, part) in statement.placed_parts() {
            let before = &statement.text.as_bytes()[counted..range.start];
            line += before.iter().filter(|byte| **byte == b'\n').count();
            counted = range.start;
            let Some(name) = part.name() else { continue };
            let is_subject = subject.as_deref() == Some(name);
            let mention = Mention { statement: number, line, is_subject };
            match self.places.get_mut(name) {
                Some(known) if known.last().is_some_and(|last| last.statement == number) => {}
                Some(known) => known.push(mention),
                None => drop(self.places.insert(name.to_owned(), vec![mention])),
            }
        }
    }

    /// The line with an object's name in the first statement that names it and the relation it stands under: one about the
    /// object or its relation where there is any, and one that comments on it where, and only where, its comment matters.
    pub(super) fn line_of(&self, object: &ObjectId, is_comment: bool) -> Option<usize> {
        let named = self.places.get(object.name.as_str())?;
        let owner = match &object.relation {
            Some(relation) => self.places.get(relation.as_str())?,
            None => named,
        };
        let both = owner.iter().filter_map(|owner| {
            let place = named.binary_search_by_key(&owner.statement, |mention| mention.statement).ok()?;
            let otherwise = self.comments.contains(&owner.statement) != is_comment;
            let is_about_it = owner.is_subject || named[place].is_subject;
            Some((otherwise, !is_about_it, owner.statement, named[place].line))
        });
        both.min().map(|(.., line)| line)
    }
}

/// Words between the first one of a statement and the name that it is about.
const BEFORE_NAME: [&str; 26] = [
    "aggregate",
    "collation",
    "column",
    "concurrently",
    "data",
    "domain",
    "event",
    "exists",
    "extension",
    "foreign",
    "function",
    "if",
    "index",
    "materialized",
    "not",
    "on",
    "only",
    "policy",
    "procedure",
    "rule",
    "schema",
    "sequence",
    "statistics",
    "table",
    "type",
    "view",
];

/// The last part of the name that a statement is about, where it changes the schema.
fn subject(statement: &Statement<'_>) -> Option<String> {
    let mut parts = statement.parts().peekable();
    parts.next_if(|part| ["alter", "comment", "create", "drop"].into_iter().any(|word| part.is(word)))?;
    while parts.next_if(|part| BEFORE_NAME.into_iter().any(|word| part.is(word))).is_some() {}
    let mut name = parts.next()?.name()?.to_owned();
    while parts.next_if(|part| *part == Part::Other(".")).is_some() {
        name = parts.next()?.name()?.to_owned();
    }
    Some(name)
}
