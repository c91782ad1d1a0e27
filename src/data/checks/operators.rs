//! The operators that a query may look up through the search_path: those of its text, and those that its keywords stand for.

use std::collections::BTreeSet;

use squawk_lexer::{TokenKind, tokenize};

/// The characters that operators are made of (manual, "Operators").
const SIGNS: &str = "+-*/<>=~!@#%^&|`?";
/// An operator of several characters ends in + or - only where it has one of these (manual, "Operators").
const BEFORE_PLUS_AND_MINUS: [char; 10] = ['~', '!', '@', '#', '%', '^', '&', '|', '`', '?'];
/// Keywords, and the operators that they, also with NOT, stand for.
const OF_KEYWORDS: [(&str, &[&str]); 8] = [
    ("in", &["=", "<>"]),
    ("between", &["<", ">", "<=", ">="]),
    ("like", &["~~", "!~~"]),
    ("ilike", &["~~*", "!~~*"]),
    ("similar", &["~", "!~"]),
    ("nullif", &["="]),
    ("using", &["="]),
    ("natural", &["="]),
];

/// A part of a query's text. White space and comments are none.
#[derive(Debug, PartialEq, Eq)]
enum Part<'q> {
    /// A word without quotes, in lower case.
    Word(String),
    /// Characters of operators, one after the other.
    Signs(&'q str),
    OpenParen,
    CloseParen,
    Comma,
    Dot,
    /// A literal, a quoted name, or another character.
    Other,
}

fn parts(query: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut signs: Option<usize> = None;
    let mut at = 0;
    for token in tokenize(query) {
        let start = at;
        at += token.len as usize;
        let text = &query[start..at];
        if text.len() == 1 && SIGNS.contains(text) {
            signs.get_or_insert(start);
            continue;
        }
        parts.extend(signs.take().map(|first| Part::Signs(&query[first..start])));
        parts.push(match token.kind {
            TokenKind::Whitespace | TokenKind::LineComment | TokenKind::BlockComment { .. } => continue,
            TokenKind::Ident => Part::Word(text.to_lowercase()),
            TokenKind::OpenParen => Part::OpenParen,
            TokenKind::CloseParen => Part::CloseParen,
            TokenKind::Comma => Part::Comma,
            TokenKind::Dot => Part::Dot,
            _ => Part::Other,
        });
    }
    parts.extend(signs.map(|first| Part::Signs(&query[first..])));
    parts
}

/// The names of the operators that a query looks up through the search_path.
pub(super) fn operators_of(query: &str) -> BTreeSet<String> {
    let parts = parts(query);
    let mut operators = BTreeSet::new();
    for (at, part) in parts.iter().enumerate() {
        match (&parts[..at], part) {
            // IS DISTINCT FROM, which SELECT DISTINCT is not.
            ([.., Part::Word(before)], Part::Word(word)) if before == "distinct" && word == "from" => {
                operators.insert("=".to_owned());
            }
            // CASE WHEN compares nothing.
            (_, Part::Word(word)) if word == "case" => {
                let is_compared = !matches!(parts.get(at + 1), Some(Part::Word(next)) if next == "when");
                operators.extend(is_compared.then(|| "=".to_owned()));
            }
            (_, Part::Word(word)) => {
                let of_word = OF_KEYWORDS.iter().filter(|(keyword, _)| keyword == word);
                operators.extend(of_word.flat_map(|(_, names)| names.iter().map(|name| (*name).to_owned())));
            }
            (before, Part::Signs(signs)) if !are_all_columns(before, signs) && !are_qualified(before) => {
                operators.extend(split(signs).map(|operator| operator.replace("!=", "<>")));
            }
            _ => {}
        }
    }
    operators
}

/// Whether the signs are the `*` that stands for all columns, or for all rows of an aggregate. Nothing that could be
/// multiplied stands before it.
fn are_all_columns(before: &[Part<'_>], signs: &str) -> bool {
    signs == "*"
        && match before.last() {
            None | Some(Part::OpenParen | Part::Comma | Part::Dot) => true,
            Some(Part::Word(word)) => matches!(word.as_str(), "select" | "distinct" | "all"),
            _ => false,
        }
}

/// Whether the signs are named with their schema: `OPERATOR(pg_catalog.=)`.
fn are_qualified(before: &[Part<'_>]) -> bool {
    let [.., Part::Word(operator), Part::OpenParen, Part::Word(_) | Part::Other, Part::Dot] = before else {
        return false;
    };
    operator == "operator"
}

/// The operators that signs without anything between them are.
fn split(mut signs: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        let mut end = signs.len();
        while end > 1
            && signs[..end].ends_with(['+', '-'])
            && !signs[..end - 1].contains(BEFORE_PLUS_AND_MINUS)
        {
            end -= 1;
        }
        let (operator, rest) = signs.split_at(end);
        signs = rest;
        (!operator.is_empty()).then_some(operator)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_are_split_as_the_server_splits_them() {
        for (query, expected) in [
            ("SELECT a*-b", "* -"),
            ("SELECT a*/* = */2", "*"),
            ("SELECT a+-- <> \n-1", "+ -"),
            ("SELECT a@-1, a=-1, a <>- 1", "- <> = @-"),
            ("SELECT a||b, a!=b, a ->> 'x', a #>> '{}'", "#>> ->> <> ||"),
            ("SELECT 'a = b', E'\\'<', $$ ~ $$, $x$ # $x$, \"a+b\", U&'%'", ""),
            ("SELECT 1 /* = /* < */ > */ -- ~", ""),
            ("SELECT 1.*2", "*"),
            ("SELECT a /b", "/"),
            ("SELECT count(*), t.*, * FROM t", ""),
            ("SELECT DISTINCT * FROM t", ""),
            ("SELECT (a)*2, b[1]*2, 'x'*2", "*"),
            ("SELECT a OPERATOR(pg_catalog.=) b, c operator ( \"pg_catalog\" . < ) d", ""),
            ("SELECT a OPERATOR(=) b", "="),
        ] {
            assert_eq!(operators_of(query).into_iter().collect::<Vec<_>>().join(" "), expected, "{query}");
        }
    }

    #[test]
    fn keywords_stand_for_operators() {
        for (query, expected) in [
            ("SELECT a IN (1, 2)", "<> ="),
            ("SELECT a NOT BETWEEN 1 AND 2", "< <= > >="),
            ("SELECT a LIKE 'x'", "!~~ ~~"),
            ("SELECT a NOT ILIKE 'x'", "!~~* ~~*"),
            ("SELECT a SIMILAR TO 'x'", "!~ ~"),
            ("SELECT nullif(a, 1)", "="),
            ("SELECT CASE a WHEN 1 THEN 2 END", "="),
            ("SELECT CASE WHEN a THEN 2 END", ""),
            ("SELECT 1 FROM a JOIN b USING (id)", "="),
            ("SELECT 1 FROM a NATURAL JOIN b", "="),
            ("SELECT a IS NOT DISTINCT FROM b", "="),
            ("SELECT DISTINCT a FROM b ORDER BY a", ""),
            ("SELECT \"in\", 'like', \"case\" FROM t -- between", ""),
        ] {
            assert_eq!(operators_of(query).into_iter().collect::<Vec<_>>().join(" "), expected, "{query}");
        }
    }
}
