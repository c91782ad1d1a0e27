//! Printed SQL, cut at its top level: outside of quotes and parentheses.

/// Dollar-quotes a routine's body with a tag that does not occur in it.
pub(super) fn dollar_quoted(body: &str) -> String {
    if !body.contains("$$") && !body.ends_with('$') {
        return format!("$${body}$$");
    }
    let mut tag = String::from("$body");
    let mut number = 1;
    while body.contains(&tag) {
        number += 1;
        tag = format!("$body{number}");
    }
    format!("{tag}${body}{tag}$")
}

/// Whether each byte of the text stands outside of quotes and parentheses. The quotes and parentheses themselves
/// count as inside.
fn top_level(text: &str) -> Vec<bool> {
    let bytes = text.as_bytes();
    let mut outside = vec![false; bytes.len()];
    let (mut depth, mut quote, mut escapes) = (0usize, None, false);
    let mut index = 0;
    while index < bytes.len() {
        let byte = bytes[index];
        match (quote, byte) {
            (Some(_), b'\\') if escapes => index += 1,
            (Some(open), _) if byte == open => quote = None,
            (Some(_), _) => {}
            (None, b'\'' | b'"') => {
                let before = index.checked_sub(1).map(|at| bytes[at]);
                let glued = index
                    .checked_sub(2)
                    .is_some_and(|at| bytes[at].is_ascii_alphanumeric() || bytes[at] == b'_');
                escapes = byte == b'\'' && matches!(before, Some(b'e' | b'E')) && !glued;
                quote = Some(byte);
            }
            (None, b'(' | b'[') => depth += 1,
            (None, b')' | b']') => depth = depth.saturating_sub(1),
            (None, _) => outside[index] = depth == 0,
        }
        index += 1;
    }
    outside
}

/// Splits at every top-level `, `; an empty text has no item.
pub(super) fn split_list(text: &str) -> Vec<&str> {
    split(text, ", ")
}

/// Splits at every top-level newline; an empty text has no line.
pub(super) fn split_lines(text: &str) -> Vec<&str> {
    split(text, "\n")
}

fn split<'t>(text: &'t str, separator: &str) -> Vec<&'t str> {
    if text.is_empty() {
        return Vec::new();
    }
    let outside = top_level(text);
    let mut items = Vec::new();
    let mut start = 0;
    for (index, _) in text.match_indices(separator) {
        if outside[index] {
            items.push(&text[start..index]);
            start = index + separator.len();
        }
    }
    items.push(&text[start..]);
    items
}

/// Where a text first stands at the top level.
pub(super) fn find_top_level(text: &str, wanted: &str) -> Option<usize> {
    let outside = top_level(text);
    text.match_indices(wanted).map(|(index, _)| index).find(|index| outside[*index])
}

/// Cuts an item such as `"a b" numeric(10,2)` into its leading name and the rest.
pub(super) fn split_name(item: &str) -> Option<(&str, &str)> {
    let space = find_top_level(item, " ")?;
    Some((&item[..space], &item[space + 1..]))
}

/// The names of the columns that a printed query returns; `None` when its select list cannot be told.
pub(super) fn output_columns(query: &str) -> Option<Vec<&str>> {
    let outside = top_level(query);
    // Words and commas at the top level, with where they stand.
    let mut tokens = Vec::new();
    let mut start = None;
    for (index, symbol) in query.char_indices().chain([(query.len(), ' ')]) {
        let word = index < query.len() && outside[index] && (symbol.is_alphanumeric() || symbol == '_');
        match (word, start) {
            (true, None) => start = Some(index),
            (false, Some(from)) => {
                tokens.push((from, &query[from..index]));
                start = None;
            }
            _ => {}
        }
        if index < query.len() && outside[index] && symbol == ',' {
            tokens.push((index, ","));
        }
    }
    let select = tokens.iter().position(|(_, word)| *word == "SELECT")?;
    let mut from = tokens[select].0 + "SELECT".len();
    let mut columns = Vec::new();
    for (index, word) in tokens[select + 1..].iter().copied().chain([(query.len(), "")]) {
        let ends = matches!(
            word,
            "" | "FROM"
                | "WHERE"
                | "GROUP"
                | "HAVING"
                | "WINDOW"
                | "UNION"
                | "INTERSECT"
                | "EXCEPT"
                | "ORDER"
                | "LIMIT"
                | "OFFSET"
        );
        if ends || word == "," {
            columns.push(output_name(query[from..index].trim().trim_end_matches(';'))?);
            from = index + 1;
        }
        if ends {
            return Some(columns);
        }
    }
    None
}

/// The name of one printed output column: what follows its last ` AS `, else the last part of a column's name.
fn output_name(item: &str) -> Option<&str> {
    let outside = top_level(item);
    if let Some((index, _)) = item.match_indices(" AS ").filter(|(index, _)| outside[*index]).last() {
        return Some(&item[index + 4..]);
    }
    let last = item.match_indices('.').rfind(|(index, _)| outside[*index]).map_or(0, |(index, _)| index + 1);
    let name = &item[last..];
    let plain = name.chars().all(|symbol| symbol.is_alphanumeric() || symbol == '_') || name.starts_with('"');
    (plain && !name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_keep_their_dollars() {
        for body in ["", "select 1", "$$", "x$", "$body$", "$body", "a $body $body2 $body3$", "$$ $body2"] {
            let quoted = dollar_quoted(body);
            let tag = &quoted[..quoted[1..].find('$').unwrap() + 2];
            // The lexer ends the string at the first occurrence of the tag, which may begin inside the body.
            assert_eq!(quoted[tag.len()..].find(tag), Some(body.len()), "{quoted}");
        }
    }

    #[test]
    fn lists_split_outside_of_quotes_and_parentheses() {
        assert_eq!(split_list(""), Vec::<&str>::new());
        assert_eq!(split_list("a, \"b, c\" , 'x, ''y', f(1, 2)"), ["a", "\"b, c\" ", "'x, ''y'", "f(1, 2)"]);
        assert_eq!(split_list(r"E'\', x', b"), [r"E'\', x'", "b"]);
        assert_eq!(split_name("\"a b\" numeric(10,2)"), Some(("\"a b\"", "numeric(10,2)")));
    }

    #[test]
    fn output_columns_of_printed_queries() {
        assert_eq!(
            output_columns(" SELECT users.id,\n    lower(users.name) AS \"Na, me\"\n   FROM public.users"),
            Some(vec!["id", "\"Na, me\""])
        );
        assert_eq!(output_columns("SELECT 1 AS one;"), Some(vec!["one"]));
        assert_eq!(
            output_columns(" WITH x AS (\n SELECT 1 AS a\n )\n SELECT x.a\n   FROM x"),
            Some(vec!["a"])
        );
        assert_eq!(output_columns(" VALUES (1)"), None);
        assert_eq!(output_columns(" SELECT DISTINCT t.a,\n t.b\n FROM t"), Some(vec!["a", "b"]));
    }
}
