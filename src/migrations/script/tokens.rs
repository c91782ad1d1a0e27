//! Reads a statement's tokens from left to right, and the names of relations among them.
//!
//! It knows the position of words, not their meaning.

use std::fmt;

use smol_str::SmolStr;

use crate::postgres::sql::{Part, Statement, identifier};

/// The name of a relation as a statement writes it; its parts are raw, as in `pg_catalog`. [`fmt::Display`] quotes
/// them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WrittenName {
    /// The schema, if the statement names it; otherwise the search path decides.
    pub schema: Option<SmolStr>,
    /// The name.
    pub name: SmolStr,
}

impl fmt::Display for WrittenName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "{}.", identifier(schema))?;
        }
        f.write_str(&identifier(&self.name))
    }
}

/// The tokens of a statement, and the position of the next one.
#[derive(Debug, Clone)]
pub(crate) struct Tokens<'s> {
    parts: Vec<Part<'s>>,
    at: usize,
}

impl<'s> Tokens<'s> {
    /// Takes at most `limit` tokens of a statement: the beginning of an INSERT is enough, and its rows may be many.
    pub(crate) fn of(statement: &Statement<'s>, limit: usize) -> Self {
        Self { parts: statement.parts().take(limit).collect(), at: 0 }
    }

    pub(crate) fn rest(&self) -> &[Part<'s>] {
        &self.parts[self.at.min(self.parts.len())..]
    }

    pub(crate) fn peek(&self) -> Option<&Part<'s>> {
        self.parts.get(self.at)
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.at >= self.parts.len()
    }

    /// The next keyword or bare name; empty when the next token is another one.
    pub(crate) fn word(&self) -> &str {
        match self.peek() {
            Some(Part::Word(word)) => word,
            _ => "",
        }
    }

    pub(crate) fn advance(&mut self) {
        self.at += 1;
    }

    /// Reads these words when they come next, all of them or none.
    pub(crate) fn take(&mut self, words: &[&str]) -> bool {
        let here = self.rest();
        let found = here.len() >= words.len() && words.iter().zip(here).all(|(word, part)| part.is(word));
        if found {
            self.at += words.len();
        }
        found
    }

    /// Reads one of these words when it comes next.
    pub(crate) fn take_one(&mut self, words: &[&'static str]) -> Option<&'static str> {
        let found = words.iter().find(|word| self.word() == **word).copied();
        self.at += usize::from(found.is_some());
        found
    }

    /// Reads a sign when it comes next.
    pub(crate) fn take_sign(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Some(Part::Other(text)) if *text == sign);
        self.at += usize::from(found);
        found
    }

    /// Reads `( ... )` when it comes next, and gives what stands between.
    pub(crate) fn take_parentheses(&mut self) -> Option<Tokens<'s>> {
        if !self.take_sign("(") {
            return None;
        }
        let from = self.at;
        let mut depth = 1usize;
        while let Some(part) = self.peek() {
            match part {
                Part::Other("(") => depth += 1,
                Part::Other(")") => depth -= 1,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                break;
            }
        }
        let to = if depth == 0 { self.at - 1 } else { self.at };
        Some(Tokens { parts: self.parts[from..to].to_vec(), at: 0 })
    }

    /// Reads `[[database.]schema.]name`.
    pub(crate) fn take_name(&mut self) -> Option<WrittenName> {
        let mut names = vec![SmolStr::from(self.peek()?.name()?)];
        self.at += 1;
        while self.take_sign(".") {
            names.push(self.peek()?.name()?.into());
            self.at += 1;
        }
        let name = names.pop()?;
        Some(WrittenName { schema: names.pop(), name })
    }

    /// Reads `[schema.]relation.column`, and gives the relation.
    pub(crate) fn take_owner_of_column(&mut self) -> Option<WrittenName> {
        let mut names = vec![SmolStr::from(self.peek()?.name()?)];
        self.at += 1;
        while self.take_sign(".") {
            names.push(self.peek()?.name()?.into());
            self.at += 1;
        }
        names.pop()?;
        let name = names.pop()?;
        Some(WrittenName { schema: names.pop(), name })
    }

    /// Reads names between commas, each with whether `ONLY` stands before it.
    pub(crate) fn take_names(&mut self) -> Vec<(WrittenName, bool)> {
        let mut names = Vec::new();
        loop {
            let only = self.take(&["only"]);
            let Some(name) = self.take_name() else { return names };
            names.push((name, only));
            self.take_sign("*");
            if !self.take_sign(",") {
                return names;
            }
        }
    }

    /// Skips past this word, where it is outside of parentheses.
    pub(crate) fn skip_past(&mut self, word: &str) -> bool {
        let mut depth = 0usize;
        for (index, part) in self.rest().iter().enumerate() {
            match part {
                Part::Other("(" | "[") => depth += 1,
                Part::Other(")" | "]") => depth = depth.saturating_sub(1),
                part if depth == 0 && part.is(word) => {
                    self.at += index + 1;
                    return true;
                }
                _ => {}
            }
        }
        false
    }

    /// The rest, split at the commas outside of parentheses.
    pub(crate) fn by_comma(&self) -> Vec<Tokens<'s>> {
        let mut depth = 0usize;
        let pieces = self.rest().split(|part| {
            match part {
                Part::Other("(" | "[") => depth += 1,
                Part::Other(")" | "]") => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0 && *part == Part::Other(",")
        });
        pieces.map(|piece| Tokens { parts: piece.to_vec(), at: 0 }).collect()
    }

    /// Whether the rest contains a word.
    pub(crate) fn has(&self, word: &str) -> bool {
        self.rest().iter().any(|part| part.is(word))
    }

    /// Whether a list contains an option that is not switched off: `CONCURRENTLY`, `CONCURRENTLY on`, `FULL true`.
    /// Other values are left to PostgreSQL (manual, "Boolean Type").
    pub(crate) fn has_option(&self, option: &str) -> bool {
        self.by_comma().iter().any(|entry| entry.word() == option && !entry.is_switched_off())
    }

    /// Whether a list contains an option that is switched off: `create_slot = false`.
    pub(crate) fn lacks_option(&self, option: &str) -> bool {
        self.by_comma().iter().any(|entry| entry.word() == option && entry.is_switched_off())
    }

    fn is_switched_off(&self) -> bool {
        match self.rest().last() {
            Some(Part::Word(value)) => matches!(value.as_str(), "false" | "off" | "no"),
            Some(Part::Literal(value) | Part::Other(value)) => {
                matches!(value.to_ascii_lowercase().as_str(), "false" | "off" | "no" | "0")
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::sql::split;

    fn tokens(text: &str) -> Tokens<'_> {
        Tokens::of(&split(text).expect("splits")[0], usize::MAX)
    }

    #[test]
    fn names_are_read_as_the_server_would() {
        for (text, expected) in [
            ("Users", "users"),
            ("public.Users", "public.users"),
            ("\"Odd.Name\" . \"a\"\"b\"", "\"Odd.Name\".\"a\"\"b\""),
            ("db.s.t", "s.t"),
        ] {
            let mut tokens = tokens(text);
            assert_eq!(tokens.take_name().map(|name| name.to_string()).as_deref(), Some(expected));
            assert!(tokens.is_at_end());
        }
        assert_eq!(tokens("'a'").take_name(), None);
    }

    #[test]
    fn lists_come_apart_outside_of_parentheses() {
        let tokens = tokens("add check (a in (1, 2)), alter b set default array[1, 2], drop c");
        let heads: Vec<_> = tokens.by_comma().iter().map(|piece| piece.word().to_owned()).collect();
        assert_eq!(heads, ["add", "alter", "drop"]);
    }

    #[test]
    fn options_are_on_unless_they_say_off() {
        assert!(tokens("verbose, concurrently").has_option("concurrently"));
        assert!(tokens("concurrently on").has_option("concurrently"));
        for off in ["concurrently false", "concurrently 0", "concurrently 'OFF'", "verbose"] {
            assert!(!tokens(off).has_option("concurrently"), "{off}");
        }
        assert!(tokens("slot_name = a, create_slot = false").lacks_option("create_slot"));
    }
}
