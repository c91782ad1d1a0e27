//! What an SQL text means, whatever a role or database has set: settings to run it under, and strings that mean the same
//! under any.

use squawk_lexer::{LiteralKind, TokenKind, tokenize};

/// The settings that decide what a text means, what it makes and how the server prints names, with the server's own defaults (manual, "Client Connection
/// Defaults", "Version and Platform Compatibility"). A role or database may have others.
pub const MEANING: [(&str, &str); 11] = [
    ("standard_conforming_strings", "on"),
    ("backslash_quote", "safe_encoding"),
    ("array_nulls", "on"),
    ("transform_null_equals", "off"),
    ("datestyle", "ISO, MDY"),
    ("intervalstyle", "postgres"),
    ("xmloption", "content"),
    ("default_tablespace", ""),
    ("default_table_access_method", "heap"),
    ("check_function_bodies", "on"),
    ("quote_all_identifiers", "off"),
];

/// [`MEANING`] as statements of one line that begin with this word: `SET`, `SET LOCAL`.
pub fn set_meaning(set: &str) -> String {
    let statements: Vec<String> =
        MEANING.iter().map(|(name, value)| format!("{set} {name} = '{value}';")).collect();
    statements.join(" ")
}

/// The statements that take [`MEANING`] back, on one line.
pub fn reset_meaning() -> String {
    let statements: Vec<String> = MEANING.iter().map(|(name, _)| format!("RESET {name};")).collect();
    statements.join(" ")
}

/// The text with every string that has a backslash written as `E'...'`: its meaning then does not depend on
/// `standard_conforming_strings`, which a server reads before it runs the first statement of a message.
pub fn portable(text: &str) -> String {
    if !text.contains('\\') {
        return text.to_owned();
    }
    let mut portable = String::with_capacity(text.len() + 8);
    let mut at = 0;
    let mut string = Parts::default();
    for token in tokenize(text) {
        let part = &text[at..at + token.len as usize];
        at += part.len();
        match token.kind {
            TokenKind::Literal { kind: LiteralKind::Str { .. } } => string.0.push((true, part)),
            // It may be continued after a line break.
            TokenKind::Whitespace | TokenKind::LineComment if !string.0.is_empty() => {
                string.0.push((false, part));
            }
            // What continues a string with a prefix is read like its beginning.
            TokenKind::Literal { kind: LiteralKind::EscStr { .. } | LiteralKind::UnicodeEscStr { .. } } => {
                string.write(&mut portable);
                portable.push_str(part);
                string.0.push((false, ""));
            }
            _ => {
                string.write(&mut portable);
                portable.push_str(part);
            }
        }
    }
    string.write(&mut portable);
    portable
}

/// The parts of a string and what lies between them: whether it is a part, and its text.
#[derive(Default)]
struct Parts<'t>(Vec<(bool, &'t str)>);

impl Parts<'_> {
    /// Writes them out, so that none is left.
    fn write(&mut self, into: &mut String) {
        let is_plain = self.0.first().is_some_and(|(is_part, _)| *is_part);
        let escapes = is_plain && self.0.iter().any(|(is_part, text)| *is_part && text.contains('\\'));
        if escapes {
            // A type may stand right before it, as in date'today'.
            if into.ends_with(|last: char| last.is_alphanumeric() || last == '_') {
                into.push(' ');
            }
            into.push('E');
        }
        for (is_part, text) in self.0.drain(..) {
            match is_part && escapes {
                true => into.push_str(&text.replace('\\', "\\\\")),
                false => into.push_str(text),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_with_backslashes_are_escaped_and_nothing_else_is() {
        for (text, expected) in [
            (r"CHECK (a ~ '^\d+$')", r"CHECK (a ~ E'^\\d+$')"),
            (r"'it''s \' || 'b'", r"E'it''s \\' || 'b'"),
            ("'a' -- \\\n  'b\\c'", "E'a' -- \\\n  'b\\\\c'"),
            (r"SELECT text'\x'", r"SELECT text E'\\x'"),
            (r"E'\d', U&'\0041', $$'\d'$$, $a$\$a$", r"E'\d', U&'\0041', $$'\d'$$, $a$\$a$"),
            ("E'a'\n'\\d' , '\\d'", "E'a'\n'\\d' , E'\\\\d'"),
            (r#"SELECT "a\b" -- \'"#, r#"SELECT "a\b" -- \'"#),
            ("SELECT '\\'", "SELECT E'\\\\'"),
        ] {
            assert_eq!(portable(text), expected);
            assert_eq!(portable(expected), expected);
        }
    }
}
