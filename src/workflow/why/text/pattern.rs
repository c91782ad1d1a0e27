//! The messages of the kinds as regular expressions.

use std::sync::{LazyLock, OnceLock};

use regex::Regex;

use super::super::kinds::{ErrorKind, KINDS};

/// What stands around names in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quotes {
    /// What the server or a driver writes.
    Written,
    /// What a shell or somebody's keyboard has left of it: other quotes, or none. Prose looks like this, too.
    Lost,
}

/// A pattern of a kind. Compiling all of them takes longer than everything else: a pattern is compiled where its longest
/// literal piece stands in the text.
pub(super) struct KnownMessage {
    pub(super) kind: &'static ErrorKind,
    literal: String,
    pattern: &'static str,
    written: OnceLock<Regex>,
    lost: OnceLock<Regex>,
}

/// Every message of every kind.
pub(super) static MESSAGES: LazyLock<Vec<KnownMessage>> = LazyLock::new(|| {
    let of_kind = |kind: &'static ErrorKind| {
        kind.patterns.iter().map(move |pattern| KnownMessage {
            kind,
            literal: literal_in(pattern),
            pattern,
            written: OnceLock::new(),
            lost: OnceLock::new(),
        })
    };
    KINDS.iter().copied().flat_map(of_kind).collect()
});

/// What is written in a pattern as `{table}`, because most names stand in quotes.
const QUOTED: [&str; 10] = [
    "table",
    "column",
    "constraint",
    "type_name",
    "schema",
    "role",
    "database",
    "extension",
    "function",
    "value",
];

impl KnownMessage {
    /// Its regular expression; `None` where it cannot match.
    pub(super) fn for_text(&self, text: &str, quotes: Quotes) -> Option<&Regex> {
        let compiled = match quotes {
            Quotes::Written => &self.written,
            Quotes::Lost => &self.lost,
        };
        text.contains(&self.literal).then(|| {
            compiled.get_or_init(|| Regex::new(&expanded(self.pattern, quotes)).expect("a pattern of a kind"))
        })
    }
}

impl ErrorKind {
    /// Whether its messages name objects, without which nothing can be said.
    pub(crate) fn names_objects(&self) -> bool {
        let names = |pattern: &str, name: &str| {
            pattern.contains(&format!("{{{name}}}")) || pattern.contains(&format!("(?P<{name}>"))
        };
        self.patterns.iter().any(|pattern| QUOTED.iter().any(|name| names(pattern, name)))
    }
}

/// A pattern with what many have in common written out: `{column}` is a name in double quotes or backticks.
fn expanded(pattern: &str, quotes: Quotes) -> String {
    let mut expanded = pattern.to_owned();
    for name in QUOTED {
        let quoted = match quotes {
            // A value may be empty, and have line ends.
            Quotes::Written if name == "value" => "\"(?P<value>[^\"]*)\"".to_owned(),
            Quotes::Written => {
                format!("[\"`\u{201c}](?P<{name}>[^\"`\u{201c}\u{201d}\\n]+)[\"`\u{201d}]")
            }
            Quotes::Lost => {
                const MARKS: &str = "'\"`\u{2018}\u{2019}\u{201c}\u{201d}\u{201e}\u{ab}\u{bb}";
                format!("[{MARKS}]?(?P<{name}>[^\\s{MARKS},;:()\\[\\]{{}}]+)[{MARKS}]?")
            }
        };
        expanded = expanded.replace(&format!("{{{name}}}"), &quoted);
    }
    match quotes {
        Quotes::Lost => format!(r"\b(?:{expanded})"),
        Quotes::Written => expanded,
    }
}

/// The longest piece of a pattern that stands in every text which it matches; empty where there is none.
fn literal_in(pattern: &str) -> String {
    let (mut longest, mut piece) = (String::new(), String::new());
    // Groups, classes and `{names}` have no piece that is certain.
    let mut depth = 0_usize;
    let mut characters = pattern.chars().peekable();
    while let Some(character) = characters.next() {
        let opens = matches!(character, '(' | '[' | '{');
        let is_certain = depth == 0
            && !opens
            && (character.is_ascii_alphanumeric() || matches!(character, ' ' | '\'' | '-' | '"'));
        match character {
            '\\' => drop(characters.next()),
            // Of alternatives none is certain.
            '|' if depth == 0 => return String::new(),
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        let is_optional = matches!(characters.peek(), Some('?' | '*' | '{'));
        if is_certain && !is_optional {
            piece.push(character);
            if piece.len() > longest.len() {
                longest.clone_from(&piece);
            }
        } else {
            piece.clear();
        }
    }
    if pattern.starts_with("(?i)") { String::new() } else { longest }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_registered_once_and_can_be_found() {
        assert!(KINDS.iter().all(|kind| !kind.patterns.is_empty() && kind.meaning.ends_with('.')));
        assert!(MESSAGES.len() > KINDS.len());
        for message in MESSAGES.iter() {
            for quotes in [Quotes::Written, Quotes::Lost] {
                let pattern = expanded(message.pattern, quotes);
                Regex::new(&pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
            }
            assert!(message.literal.len() > 3 || message.pattern.starts_with("(?i)"), "{}", message.pattern);
        }
    }

    #[test]
    fn a_pattern_has_a_literal_piece() {
        assert_eq!(
            literal_in("column {column} (?:of relation {table} )?violates not-null"),
            "violates not-null"
        );
        assert_eq!(literal_in(r"colou?rs \d+ and more"), " and more");
        assert_eq!(literal_in("(?i)connection refused"), "");
        assert_eq!(literal_in("one thing|another thing"), "");
    }
}
