//! Whether a text can stand in parentheses as one expression: whatever it says, it ends where the parentheses do.
//!
//! It does not parse: what the expression means, or that it means anything, is PostgreSQL's to say.

use squawk_lexer::{TokenKind, tokenize};

use super::split::{Part, split};

/// Says why a text is not one expression, as a clause; `None` when it is one as far as its borders go. A comment at its
/// end needs a new line after it.
pub fn one_expression(text: &str) -> Option<String> {
    // What the splitter refuses (strings without an end, psql's commands) has no borders to look at.
    let statements = match split(text) {
        Err(error) => return Some(error.kind.to_string()),
        Ok(statements) => statements,
    };
    if tokenize(text).any(|token| matches!(token.kind, TokenKind::Semi)) {
        return Some("a semicolon would end the statement that it stands in".to_owned());
    }
    let [statement] = statements.as_slice() else { return Some("it is empty".to_owned()) };
    let mut open = Vec::new();
    for part in statement.parts() {
        let Part::Other(sign) = part else { continue };
        match sign {
            "(" | "[" => open.push(sign),
            ")" | "]" => {
                let fits = if sign == ")" { "(" } else { "[" };
                if open.pop() != Some(fits) {
                    return Some(format!("{sign:?} has no opening counterpart"));
                }
            }
            "," if open.is_empty() => {
                return Some("a comma outside of parentheses separates two expressions".to_owned());
            }
            _ => {}
        }
    }
    open.pop().map(|sign| format!("{sign:?} is not closed"))
}

/// Whether an expression is a query as a whole: `SELECT ...`, `(VALUES ...)`. `(SELECT 1) + 1` is none.
pub fn is_query(expression: &str) -> bool {
    let mut at = 0;
    let mut tokens: Vec<(TokenKind, &str)> = Vec::new();
    for token in tokenize(expression) {
        let start = at;
        at += token.len as usize;
        if !matches!(
            token.kind,
            TokenKind::Whitespace | TokenKind::LineComment | TokenKind::BlockComment { .. }
        ) {
            tokens.push((token.kind, &expression[start..at]));
        }
    }
    are_query(&tokens)
}

/// Whether tokens are a query: they begin with its first word, maybe in parentheses, and after these it goes on.
fn are_query(tokens: &[(TokenKind, &str)]) -> bool {
    let is_one_of = |token: &(TokenKind, &str), words: &[&str]| {
        token.0 == TokenKind::Ident && words.iter().any(|word| token.1.eq_ignore_ascii_case(word))
    };
    match tokens.first() {
        Some((TokenKind::OpenParen, _)) => {
            let Some(end) = closing(tokens) else { return false };
            let goes_on = ["union", "intersect", "except", "order", "limit", "offset", "fetch", "for"];
            are_query(&tokens[1..end]) && tokens.get(end + 1).is_none_or(|next| is_one_of(next, &goes_on))
        }
        Some(first) => is_one_of(first, &["select", "table", "values", "with"]),
        None => false,
    }
}

/// The place of the parenthesis that closes the first one.
fn closing(tokens: &[(TokenKind, &str)]) -> Option<usize> {
    let mut open = 0_usize;
    tokens.iter().position(|(kind, _)| {
        match kind {
            TokenKind::OpenParen => open += 1,
            TokenKind::CloseParen => open = open.saturating_sub(1),
            _ => {}
        }
        open == 0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_one_as_a_whole() {
        for (text, expected) in [
            ("SELECT 1", true),
            ("(SELECT 1)", true),
            ("((values (1))) -- one", true),
            ("/* ( */ (TABLE t)", true),
            ("(WITH a AS (SELECT 1) SELECT * FROM a)", true),
            ("(SELECT 1) UNION (SELECT 2)", true),
            ("(SELECT ')' FROM t) LIMIT 1", true),
            ("(SELECT 1) + 1", false),
            ("(SELECT 1)::int", false),
            ("((SELECT 1) + 1)", false),
            ("-(SELECT 1)", false),
            ("coalesce((SELECT 1), 2)", false),
            ("(1)", false),
            ("", false),
            ("\"select\"", false),
        ] {
            assert_eq!(is_query(text), expected, "{text}");
        }
    }

    #[test]
    fn what_stays_inside_of_its_parentheses() {
        for text in [
            "now()",
            "now() -- or so",
            "(SELECT id FROM t WHERE name = 'a;b)')",
            "ARRAY[1, 2][1]",
            "$$a ; b )$$",
            "E'it\\'s ) ;'",
            "CASE WHEN true THEN 1 ELSE 2 END",
            "'a' /* ) ; */ || 'b'",
        ] {
            assert_eq!(one_expression(text), None, "{text}");
        }
    }

    #[test]
    fn what_would_get_out_is_told() {
        for (text, why) in [
            ("now()); COMMIT; create table pwned(); --", "semicolon"),
            ("now()) , (1", "has no opening counterpart"),
            ("now(", "is not closed"),
            ("a[1", "is not closed"),
            ("(a]", "has no opening counterpart"),
            ("1, 2", "separates two expressions"),
            ("1; DROP TABLE t", "semicolon"),
            ("1;", "semicolon"),
            ("'a", "a string starts here and is not closed"),
            ("$$a", "dollar-quoted"),
            ("1 /* a", "a comment starts here and is not closed"),
            ("\"a", "a quoted name starts here"),
            ("", "empty"),
            ("-- nothing", "empty"),
            ("(;)", "semicolon"),
        ] {
            let said = one_expression(text).unwrap_or_else(|| panic!("accepted: {text}"));
            assert!(said.contains(why), "{text}: {said}");
        }
    }
}
