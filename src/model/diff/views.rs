//! Views as two majors print them.
//!
//! Since 16 a view's rule no longer carries range table entries for `old` and `new` (release notes of 16;
//! `get_query_def` and `set_rtable_names` in ruleutils.c). Hence `pg_get_viewdef` prints the columns of a query over
//! one FROM item without its name, before 16 with it; and a FROM item that is itself called `old` or `new` was
//! `old_1` or `new_1` before. Only when the two sides stand on different sides of 16 are both brought to one form;
//! what still differs then is unknown, not drift.

use squawk_lexer::TokenKind;

use crate::postgres::connection::ServerVersion;

/// The first major that prints the columns of one FROM item bare.
const BARE_SINCE: u32 = 16;

/// Whether two servers print the same view differently.
pub fn crosses_view_printing_change(a: ServerVersion, b: ServerVersion) -> bool {
    (a.major() < BARE_SINCE) != (b.major() < BARE_SINCE)
}

/// A view's query in a form in which prints of different majors can be compared and shown side by side. It is not
/// meant to be run.
pub fn bare_view(definition: &str) -> String {
    let tokens = plain_names(tokens(definition));
    let alias = only_from_item(&tokens);
    let mut bare = String::with_capacity(definition.len());
    let mut subselects = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let (kind, text) = tokens[at];
        match kind {
            TokenKind::OpenParen => {
                let next = tokens[at + 1..].iter().find(|(kind, _)| *kind != TokenKind::Whitespace);
                subselects.push(next.is_some_and(|(_, word)| {
                    word.eq_ignore_ascii_case("select") || word.eq_ignore_ascii_case("with")
                }));
            }
            TokenKind::CloseParen => {
                subselects.pop();
            }
            _ => {}
        }
        let kind_at = |at: usize| tokens.get(at).map(|(kind, _)| *kind);
        // A whole row, `u.*`, has its name on every major.
        let qualifies = alias == Some(text)
            && !subselects.contains(&true)
            && kind_at(at + 1) == Some(TokenKind::Dot)
            && kind_at(at + 2) != Some(TokenKind::Star)
            && (at == 0 || kind_at(at - 1) != Some(TokenKind::Dot));
        if qualifies {
            at += 2;
        } else {
            bare.push_str(text);
            at += 1;
        }
    }
    bare
}

/// `old_1` and `new_1` become `old` and `new`, and an alias that repeats its relation's name goes.
fn plain_names(mut tokens: Vec<(TokenKind, &str)>) -> Vec<(TokenKind, &str)> {
    for (_, text) in &mut tokens {
        *text = match *text {
            "old_1" => "old",
            "new_1" => "new",
            other => other,
        };
    }
    let mut plain: Vec<(TokenKind, &str)> = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        plain.push(tokens[at]);
        let repeats = matches!(tokens[at].1, "old" | "new")
            && at > 0
            && tokens[at - 1].0 == TokenKind::Dot
            && tokens.get(at + 1).is_some_and(|(kind, _)| *kind == TokenKind::Whitespace)
            && tokens.get(at + 2).is_some_and(|(_, alias)| *alias == tokens[at].1)
            // With a list of columns every major prints it.
            && tokens.get(at + 3).is_none_or(|(kind, _)| *kind != TokenKind::OpenParen);
        at += if repeats { 3 } else { 1 };
    }
    plain
}

fn tokens(text: &str) -> Vec<(TokenKind, &str)> {
    let mut at = 0;
    let split = squawk_lexer::tokenize(text).map(|token| {
        let start = at;
        at += token.len as usize;
        (token.kind, &text[start..at])
    });
    split.collect()
}

/// The name by which the columns of a query over exactly one relation are qualified.
fn only_from_item<'t>(tokens: &[(TokenKind, &'t str)]) -> Option<&'t str> {
    let mut depth = 0;
    let mut name = None;
    // Between FROM and what follows it; before and after its name can stand (TABLESAMPLE).
    let (mut seen, mut inside, mut named) = (false, false, false);
    for (kind, text) in tokens {
        match kind {
            TokenKind::OpenParen => depth += 1,
            TokenKind::CloseParen => depth -= 1,
            TokenKind::Comma if depth == 0 && inside => return None,
            TokenKind::Ident | TokenKind::QuotedIdent { .. } if depth == 0 => {
                match text.to_ascii_lowercase().as_str() {
                    // ROWS FROM (...) has one of its own.
                    "from" if inside && name == Some("ROWS") => {}
                    "from" if seen => return None,
                    "from" => (seen, inside) = (true, true),
                    "join" | "union" | "intersect" | "except" => return None,
                    "where" | "group" | "having" | "order" | "limit" | "window" | "offset" | "fetch"
                    | "for" => inside = false,
                    "tablesample" => named = true,
                    _ if inside && !named => name = Some(*text),
                    _ => {}
                }
            }
            _ => {}
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::bare_view as bare;

    #[test]
    fn the_only_from_item_is_stripped() {
        let before = " SELECT users.id,\n    lower(users.email) AS email\n   FROM public.users\n  WHERE (users.id > 0)";
        let after = " SELECT id,\n    lower(email) AS email\n   FROM public.users\n  WHERE (id > 0)";
        assert_eq!(bare(before), after);
        assert_eq!(bare(after), after);
    }

    #[test]
    fn what_is_no_column_keeps_its_name() {
        assert_eq!(
            bare(" SELECT u.id,\n    'u.id'::text AS t,\n    u.*::public.users AS r\n   FROM public.users u"),
            " SELECT id,\n    'u.id'::text AS t,\n    u.*::public.users AS r\n   FROM public.users u"
        );
    }

    #[test]
    fn joins_and_subselects_keep_their_names() {
        for same in [
            " SELECT a.x FROM (public.a JOIN public.b ON ((a.x = b.x)))",
            " SELECT a.x FROM public.a, public.b",
            " SELECT a.x FROM public.a UNION SELECT b.x FROM public.b",
        ] {
            assert_eq!(bare(same), same);
        }
        assert_eq!(
            bare(" SELECT a.x FROM public.a WHERE (EXISTS ( SELECT 1 FROM public.b WHERE (b.x = a.x)))"),
            " SELECT x FROM public.a WHERE (EXISTS ( SELECT 1 FROM public.b WHERE (b.x = a.x)))"
        );
    }

    #[test]
    fn the_from_item_may_be_more_than_a_name() {
        assert_eq!(
            bare(
                " SELECT p.id FROM public.parts p TABLESAMPLE bernoulli (10) REPEATABLE (1) WHERE (p.id > 1)"
            ),
            " SELECT id FROM public.parts p TABLESAMPLE bernoulli (10) REPEATABLE (1) WHERE (id > 1)"
        );
        assert_eq!(
            bare(" SELECT f.a FROM ROWS FROM(pairs(3), series(1, 2)) f(a, b)"),
            " SELECT a FROM ROWS FROM(pairs(3), series(1, 2)) f(a, b)"
        );
    }

    #[test]
    fn old_and_new_are_ordinary_names() {
        assert_eq!(bare(" SELECT new_1.id FROM public.new new_1"), " SELECT id FROM public.new");
        assert_eq!(bare(" SELECT id FROM public.new"), " SELECT id FROM public.new");
        assert_eq!(
            bare(" SELECT new_1.a FROM public.new new_1(a, b)"),
            " SELECT a FROM public.new new(a, b)"
        );
        assert_eq!(
            bare(" SELECT new_1.id FROM (public.u old_1 JOIN public.u new_1 ON ((new_1.p = old_1.id)))"),
            " SELECT new.id FROM (public.u old JOIN public.u new ON ((new.p = old.id)))"
        );
    }
}
