//! Other sessions' statements as messages show them: short, and without the values that are in them.

use squawk_lexer::{TokenKind, tokenize};

/// How many characters are shown.
const LONGEST: usize = 80;

/// A statement on one line, with `?` in place of its strings and numbers, and cut to 80 characters. `whole` leaves it as
/// it is, except that it is put on one line.
///
/// The text may itself be cut, as `pg_stat_activity.query` is: a string without an end is a string.
pub fn brief_query(query: &str, whole: bool) -> String {
    if whole {
        return one_line(query);
    }
    let text = one_line(&without_values(query));
    match text.char_indices().nth(LONGEST) {
        None => text,
        Some(_) => text.chars().take(LONGEST - 4).chain(" ...".chars()).collect(),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The statement with `?` in place of its literals. Comments are left out: people write values into them, too.
fn without_values(query: &str) -> String {
    let mut text = String::with_capacity(query.len());
    let mut rest = query;
    for token in tokenize(query) {
        let (token_text, after) = rest.split_at(token.len as usize);
        rest = after;
        match token.kind {
            TokenKind::Literal { .. } => text.push('?'),
            TokenKind::LineComment | TokenKind::BlockComment { .. } => text.push(' '),
            _ => text.push_str(token_text),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brief(query: &str) -> String {
        brief_query(query, false)
    }

    #[test]
    fn values_are_left_out() {
        for (query, shown) in [
            ("SELECT 1", "SELECT ?"),
            (
                "UPDATE users SET email = 'a@b.example', age = 42.5\n WHERE id=-7",
                "UPDATE users SET email = ?, age = ? WHERE id=-?",
            ),
            ("SELECT 'it''s', E'a\\'b', U&'\\0041', B'01', X'1F', N'n'", "SELECT ?, ?, ?, ?, ?, ?"),
            ("DO $body$ secret 'x' $body$", "DO ?"),
            ("SELECT $1, a2, \"col 3\" FROM t4", "SELECT $1, a2, \"col 3\" FROM t4"),
            ("SELECT 1 -- for alice\n + /* secret */ 2", "SELECT ? + ?"),
            // Cut off in the middle.
            ("INSERT INTO t VALUES ('secr", "INSERT INTO t VALUES (?"),
            ("DO $$ BEGIN PERFORM 'secr", "DO ?"),
            ("SELECT 'ü', 1e", "SELECT ?, ?"),
        ] {
            assert_eq!(brief(query), shown, "{query}");
        }
    }

    #[test]
    fn a_long_statement_is_cut_and_with_v_it_is_whole() {
        let query = format!("SELECT {} FROM t WHERE name = 'x'", vec!["column"; 30].join(", "));
        assert_eq!(brief(&query).chars().count(), 80);
        assert!(brief(&query).ends_with(" ..."));
        assert_eq!(brief_query("SELECT 'a'\n,\t1", true), "SELECT 'a' , 1");
        assert_eq!(brief_query(&query, true), query);
    }
}
