//! Which names a printed text mentions: qualified names, also those inside string literals (`'public.s'::regclass`).
//!
//! It may find names that are none (an alias and its column); whoever asks looks them up.

use smol_str::SmolStr;

/// Every pair of a first and a second part of a dotted name.
pub fn qualified_names(text: &str) -> Vec<(SmolStr, SmolStr)> {
    let mut found = Vec::new();
    scan(text, &mut found);
    found
}

fn scan(text: &str, found: &mut Vec<(SmolStr, SmolStr)>) {
    let mut rest = text;
    // The first part of a dotted name, when what comes next is its dot or its second part.
    let mut first: Option<SmolStr> = None;
    let mut dotted = false;
    while let Some(symbol) = rest.chars().next() {
        if symbol == '\'' {
            let (content, after) = string(rest, text);
            scan(&content, found);
            (rest, first, dotted) = (after, None, false);
        } else if symbol == '"' || symbol == '_' || symbol.is_alphabetic() {
            let (name, after) = name(rest);
            rest = after;
            match first.take() {
                Some(schema) if dotted => found.push((schema, name)),
                _ => first = Some(name),
            }
            dotted = false;
        } else if symbol.is_ascii_digit() {
            // A number; its point is no dot.
            rest = rest.trim_start_matches(|other: char| other.is_ascii_alphanumeric() || other == '.');
            (first, dotted) = (None, false);
        } else {
            dotted = symbol == '.' && first.is_some();
            if !dotted {
                first = None;
            }
            rest = &rest[symbol.len_utf8()..];
        }
    }
}

/// The content of the literal that `rest` begins with, and what follows it. `text` tells whether an `E` stands before.
fn string<'t>(rest: &'t str, text: &str) -> (String, &'t str) {
    let before = &text[..text.len() - rest.len()];
    let escapes = before.ends_with('E');
    let mut content = String::new();
    let mut symbols = rest.char_indices().skip(1);
    while let Some((index, symbol)) = symbols.next() {
        match symbol {
            '\\' if escapes => content.extend(symbols.next().map(|(_, escaped)| escaped)),
            '\'' if rest[index + 1..].starts_with('\'') => {
                symbols.next();
                content.push('\'');
            }
            '\'' => return (content, &rest[index + 1..]),
            _ => content.push(symbol),
        }
    }
    (content, "")
}

/// The name that the text begins with, its quotes taken off, and what follows it.
fn name(text: &str) -> (SmolStr, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(|symbol: char| !(symbol.is_alphanumeric() || symbol == '_' || symbol == '$'));
        let end = end.unwrap_or(text.len());
        return (text[..end].into(), &text[end..]);
    };
    let mut content = String::new();
    let mut symbols = quoted.char_indices();
    while let Some((index, symbol)) = symbols.next() {
        if symbol == '"' {
            if !quoted[index + 1..].starts_with('"') {
                return (content.into(), &quoted[index + 1..]);
            }
            symbols.next();
        }
        content.push(symbol);
    }
    (content.into(), "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_code_and_in_literals() {
        let found = |text: &str| -> Vec<String> {
            qualified_names(text).into_iter().map(|(schema, name)| format!("{schema}|{name}")).collect()
        };
        assert_eq!(found("nextval('public.\"a''b\"'::regclass) + 1.5"), ["public|a'b"]);
        assert_eq!(found("public.users.id = \"X\".\"y\"\"z\""), ["public|users", "X|y\"z"]);
        assert_eq!(found("f(a, b) . c"), Vec::<String>::new());
        assert_eq!(found(r"E'x\'public.a', s.t[]"), ["public|a", "s|t"]);
    }
}
