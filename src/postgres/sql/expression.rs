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

#[cfg(test)]
mod tests {
    use super::*;

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
