//! Expressions as PostgreSQL prints them before and after a reload. Pure.
//!
//! A server prints the tree that it stores, and reading the print again does not always give the same tree. So what a
//! dump brought back is printed otherwise than what was dumped, although both mean the same. Three things change
//! (`parse_expr.c`, `gram.y` and `ruleutils.c`, the same on 14 to 18):
//!
//! - A cast of a whole array is given to its elements: `(ARRAY['a'::varchar])::text[]` becomes
//!   `ARRAY[('a'::varchar)::text]`.
//! - AND within AND, and OR within OR, become one list: `((a AND b) AND c)` becomes `(a AND b AND c)`.
//! - What has no name in a subquery, and is cast, gets the name of the type: `NULL::integer` becomes
//!   `NULL::integer AS int4`.

/// How deep brackets may be nested in what is compared; deeper texts are compared as they stand.
const DEEPEST: usize = 500;

/// Whether two prints are of one expression, query or definition: they differ at most in what a reload changes.
pub fn prints_alike(a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    // Most texts that differ are not of this kind, and are spared the work.
    let may_change = |text: &str| ["::", " AND ", " OR "].iter().any(|mark| text.contains(mark));
    if !may_change(a) && !may_change(b) {
        return false;
    }
    canonical(a).is_some_and(|canonical_a| Some(canonical_a) == canonical(b))
}

/// A token, or what stands between brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Node<'t> {
    Token(&'t str),
    Group(Bracket, Vec<Node<'t>>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bracket {
    Round,
    Square,
}

impl<'t> Node<'t> {
    fn is(&self, text: &str) -> bool {
        matches!(self, Node::Token(token) if *token == text)
    }

    /// A name or a key word, without its quotation marks.
    fn word(&self) -> Option<&'t str> {
        match self {
            Node::Token(token) if token.starts_with(|first: char| first.is_alphabetic() || first == '_') => {
                (!token.contains('\'')).then_some(*token)
            }
            Node::Token(token) => token.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')),
            Node::Group(..) => None,
        }
    }

    /// A constant as it is printed: a string, a number, NULL, a truth value.
    fn is_constant(&self) -> bool {
        match self {
            Node::Token(token) => {
                token.ends_with('\'')
                    || token.starts_with(|first: char| first.is_ascii_digit())
                    || matches!(*token, "NULL" | "true" | "false")
            }
            Node::Group(..) => false,
        }
    }
}

/// A print in the form that it has after any number of reloads; `None` when it cannot be read. It is compared, and not
/// meant to be run.
fn canonical(text: &str) -> Option<Vec<Node<'_>>> {
    let tokens = tokens(text);
    let mut at = 0;
    let nodes = read(&tokens, &mut at, None, 0)?;
    (at == tokens.len()).then_some(nodes)
}

/// The tokens without white space, a cast's two colons as one token.
fn tokens(text: &str) -> Vec<&str> {
    let mut tokens: Vec<&str> = Vec::new();
    let mut at = 0;
    for token in squawk_lexer::tokenize(text) {
        let start = at;
        at += token.len as usize;
        let token = &text[start..at];
        if token == ":" && start > 0 && tokens.last() == Some(&":") && text[..start].ends_with(':') {
            tokens.pop();
            tokens.push("::");
        } else if !token.trim().is_empty() {
            tokens.push(token);
        }
    }
    tokens
}

/// The nodes up to the bracket that closes the open one, rewritten from the inside out.
fn read<'t>(
    tokens: &[&'t str],
    at: &mut usize,
    closing: Option<&str>,
    depth: usize,
) -> Option<Vec<Node<'t>>> {
    if depth > DEEPEST {
        return None;
    }
    let mut nodes = Vec::new();
    loop {
        let Some(token) = tokens.get(*at).copied() else {
            if closing.is_some() {
                return None;
            }
            break;
        };
        *at += 1;
        match token {
            "(" => nodes.push(Node::Group(Bracket::Round, read(tokens, at, Some(")"), depth + 1)?)),
            "[" => nodes.push(Node::Group(Bracket::Square, read(tokens, at, Some("]"), depth + 1)?)),
            ")" | "]" if closing == Some(token) => break,
            ")" | "]" => return None,
            token => nodes.push(Node::Token(token)),
        }
    }
    let nodes = cast_elements(bare_operands(nodes));
    Some(without_type_names(flat(flat(nodes, "AND"), "OR")))
}

/// `('a'::text)::name` becomes `'a'::text::name`: the brackets around what a cast binds to anyway go.
fn bare_operands(nodes: Vec<Node<'_>>) -> Vec<Node<'_>> {
    let mut bare = Vec::with_capacity(nodes.len());
    let mut nodes = nodes.into_iter().peekable();
    while let Some(node) = nodes.next() {
        match node {
            Node::Group(Bracket::Round, inner)
                if nodes.peek().is_some_and(|next| next.is("::")) && binds(&inner) =>
            {
                // A function's arguments are no operand.
                if bare
                    .last()
                    .is_some_and(|before: &Node| before.word().is_some_and(|word| !is_key_word(word)))
                {
                    bare.push(Node::Group(Bracket::Round, inner));
                } else {
                    bare.extend(inner);
                }
            }
            node => bare.push(node),
        }
    }
    bare
}

/// Key words that an operand in brackets can follow; any other word before a bracket is a function's name.
fn is_key_word(word: &str) -> bool {
    const WORDS: [&str; 22] = [
        "ALL", "AND", "ANY", "AS", "BY", "CHECK", "DEFAULT", "DISTINCT", "ELSE", "FROM", "HAVING", "IN",
        "IS", "LIMIT", "NOT", "OFFSET", "ON", "OR", "SELECT", "THEN", "WHEN", "WHERE",
    ];
    WORDS.contains(&word)
}

/// Whether nodes are one operand that a cast binds to as a whole: a constant, a name, a call, an array, each with casts.
fn binds(nodes: &[Node<'_>]) -> bool {
    let mut at = match nodes {
        [constant, ..] if constant.is_constant() => 1,
        [array, Node::Group(Bracket::Square, _), ..] if array.is("ARRAY") => 2,
        [Node::Group(Bracket::Round, _), next, ..] if next.is("::") => 1,
        [name, ..] if name.word().is_some_and(|word| !is_key_word(word)) => {
            let mut at = 1;
            while nodes.get(at).is_some_and(|dot| dot.is(".")) && nodes.get(at + 1).is_some() {
                at += 2;
            }
            at + usize::from(matches!(nodes.get(at), Some(Node::Group(Bracket::Round, _))))
        }
        _ => return false,
    };
    while nodes.get(at).is_some_and(|cast| cast.is("::")) {
        let of_type = type_name(&nodes[at + 1..]).len();
        if of_type == 0 {
            return false;
        }
        at += 1 + of_type;
        at += usize::from(is_array_mark(nodes.get(at)));
    }
    at == nodes.len()
}

/// The name of the type that nodes begin with, with its modifier, without `[]`; empty when there is none.
fn type_name<'n, 't>(nodes: &'n [Node<'t>]) -> &'n [Node<'t>] {
    const MORE_WORDS: [&str; 6] = ["precision", "time", "varying", "with", "without", "zone"];
    let is_more =
        |node: Option<&Node<'_>>| node.and_then(Node::word).is_some_and(|word| MORE_WORDS.contains(&word));
    if nodes.first().is_none_or(|node| node.word().is_none()) {
        return &[];
    }
    let mut end = 1;
    while nodes.get(end).is_some_and(|dot| dot.is(".")) && nodes.get(end + 1).is_some() {
        end += 2;
    }
    while is_more(nodes.get(end)) {
        end += 1;
    }
    if matches!(nodes.get(end), Some(Node::Group(Bracket::Round, _))) {
        end += 1;
        while is_more(nodes.get(end)) {
            end += 1;
        }
    }
    &nodes[..end]
}

fn is_array_mark(node: Option<&Node<'_>>) -> bool {
    matches!(node, Some(Node::Group(Bracket::Square, inner)) if inner.is_empty())
}

/// `ARRAY[a, b]::text[]` becomes `ARRAY[a::text, b::text]`.
fn cast_elements(nodes: Vec<Node<'_>>) -> Vec<Node<'_>> {
    let mut cast: Vec<Node<'_>> = Vec::with_capacity(nodes.len());
    let mut at = 0;
    while let Some(node) = nodes.get(at) {
        at += 1;
        cast.push(node.clone());
        if !(cast.len() > 1 && cast[cast.len() - 2].is("ARRAY")) {
            continue;
        }
        while nodes.get(at).is_some_and(|next| next.is("::")) {
            let of_type = type_name(&nodes[at + 1..]);
            if of_type.is_empty() || !is_array_mark(nodes.get(at + 1 + of_type.len())) {
                break;
            }
            let Some(Node::Group(Bracket::Square, elements)) = cast.last_mut() else { break };
            *elements = cast_each(elements, of_type);
            at += of_type.len() + 2;
        }
    }
    cast
}

/// The elements of an array, each cast to a type where it is not of that type already.
fn cast_each<'t>(elements: &[Node<'t>], of_type: &[Node<'t>]) -> Vec<Node<'t>> {
    let mut cast = Vec::with_capacity(elements.len() * 2);
    for (number, element) in elements.split(|node| node.is(",")).enumerate() {
        if number > 0 {
            cast.push(Node::Token(","));
        }
        match element {
            [] => {}
            [array, Node::Group(Bracket::Square, inner)] if array.is("ARRAY") => {
                cast.push(array.clone());
                cast.push(Node::Group(Bracket::Square, cast_each(inner, of_type)));
            }
            element => {
                let before = element.len().checked_sub(of_type.len() + 1);
                let is_cast = before
                    .is_some_and(|before| element[before].is("::") && element[before + 1..] == *of_type);
                if is_cast || binds(element) {
                    cast.extend_from_slice(element);
                } else {
                    cast.push(Node::Group(Bracket::Round, element.to_vec()));
                }
                if !is_cast {
                    cast.push(Node::Token("::"));
                    cast.extend_from_slice(of_type);
                }
            }
        }
    }
    cast
}

/// `(a AND b) AND c` becomes `a AND b AND c`, and so with OR: both are associative.
fn flat<'t>(nodes: Vec<Node<'t>>, operator: &str) -> Vec<Node<'t>> {
    if !nodes.iter().any(|node| node.is(operator)) {
        return nodes;
    }
    let is_list = |inner: &[Node<'_>]| {
        inner.iter().any(|node| node.is(operator))
            && !inner.iter().any(|node| {
                ["SELECT", "WITH", "VALUES", "CASE"].iter().any(|word| node.is(word))
                    || operator == "AND" && node.is("OR")
            })
    };
    let borders = |node: Option<&Node<'_>>| node.is_none_or(|node| node.is(operator));
    let mut flat = Vec::with_capacity(nodes.len());
    for (at, node) in nodes.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|before| nodes.get(before));
        match node {
            Node::Group(Bracket::Round, inner)
                if borders(before) && borders(nodes.get(at + 1)) && is_list(inner) =>
            {
                flat.extend_from_slice(inner);
            }
            node => flat.push(node.clone()),
        }
    }
    flat
}

/// `NULL::integer AS int4` becomes `NULL::integer`: that name is the one that it has without.
fn without_type_names(nodes: Vec<Node<'_>>) -> Vec<Node<'_>> {
    let mut without = Vec::with_capacity(nodes.len());
    // The name of the type of the cast that has just ended.
    let mut name: Option<&str> = None;
    let mut at = 0;
    while at < nodes.len() {
        if let Some(implied) = name.take().filter(|_| nodes[at].is("AS"))
            && nodes.get(at + 1).and_then(Node::word) == Some(implied)
        {
            at += 2;
            continue;
        }
        if nodes[at].is("::") {
            let of_type = type_name(&nodes[at + 1..]);
            let end = at + 1 + of_type.len();
            let end = end + usize::from(is_array_mark(nodes.get(end)));
            name = implied_name(of_type);
            without.extend_from_slice(&nodes[at..end]);
            at = end;
        } else {
            without.push(nodes[at].clone());
            at += 1;
        }
    }
    without
}

/// The name of a column that is cast to a type and has no name (`FigureColname` in `parse_target.c`).
fn implied_name<'t>(of_type: &[Node<'t>]) -> Option<&'t str> {
    let words: Vec<&str> = of_type.iter().filter_map(Node::word).collect();
    let has_zone = words.contains(&"with");
    Some(match (*words.first()?, words.get(1)) {
        ("integer", None) => "int4",
        ("bigint", None) => "int8",
        ("smallint", None) => "int2",
        ("boolean", None) => "bool",
        ("real", None) => "float4",
        ("double", Some(_)) => "float8",
        ("character", Some(_)) => "varchar",
        ("character", None) => "bpchar",
        ("bit", Some(_)) => "varbit",
        ("time", Some(_)) if has_zone => "timetz",
        ("time", Some(_)) => "time",
        ("timestamp", Some(_)) if has_zone => "timestamptz",
        ("timestamp", Some(_)) => "timestamp",
        _ => *words.last()?,
    })
}

#[cfg(test)]
mod tests {
    use super::prints_alike;

    #[track_caller]
    fn alike(a: &str, b: &str) {
        assert!(prints_alike(a, b) && prints_alike(b, a), "{a}\n{b}");
    }

    #[track_caller]
    fn different(a: &str, b: &str) {
        assert!(!prints_alike(a, b) && !prints_alike(b, a), "{a}\n{b}");
    }

    #[test]
    fn a_cast_of_an_array_is_one_of_its_elements() {
        alike(
            "CHECK (((v)::text = ANY ((ARRAY['a'::character varying, NULL::character varying])::text[])))",
            "CHECK (((v)::text = ANY (ARRAY[('a'::character varying)::text, (NULL::character varying)::text])))",
        );
        alike(
            "(r = ANY ((ARRAY[1.5, (2)::numeric])::double precision[]))",
            "(r = ANY (ARRAY[(1.5)::double precision, ((2)::numeric)::double precision]))",
        );
        alike(
            "((ARRAY[ARRAY[a, (b + 1)], ARRAY['x'::text, lower(c)]])::text[] = d)",
            "(ARRAY[ARRAY[(a)::text, ((b + 1))::text], ARRAY['x'::text, (lower(c))::text]] = d)",
        );
        // As statistics objects are printed.
        alike(
            "(v::text = ANY (ARRAY['a'::character varying, 'b'::character varying]::text[]))",
            "(v::text = ANY (ARRAY['a'::character varying::text, 'b'::character varying::text]))",
        );
        different(
            "((v)::text = ANY ((ARRAY['a'::character varying])::text[]))",
            "((v)::text = ANY (ARRAY[('b'::character varying)::text]))",
        );
        different("(ARRAY[a, b])::text[]", "ARRAY[(a)::text, (b)::name]");
        different("(ARRAY[a, b])::public.text[]", "ARRAY[(a)::text, (b)::text]");
    }

    #[test]
    fn nested_lists_of_and_and_of_or_are_flat() {
        alike("CHECK ((((i >= 1) AND (i <= 5)) AND (b > 0)))", "CHECK (((i >= 1) AND (i <= 5) AND (b > 0)))");
        alike(
            "((b > 0) OR (((i < 1) OR (i > 5)) OR (i IS NULL)))",
            "((b > 0) OR (i < 1) OR (i > 5) OR (i IS NULL))",
        );
        different("((a AND b) OR c)", "(a AND (b OR c))");
        different("((a OR b) AND c)", "(a OR (b AND c))");
        different("(NOT (a AND b) AND c)", "((NOT a) AND b AND c)");
        different("((a AND b) IS TRUE AND c)", "(a AND b IS TRUE AND c)");
        different("(f(a AND b) AND c)", "(f(a) AND b AND c)");
        different("(( SELECT x FROM t WHERE a AND b) AND c)", "(( SELECT x FROM t WHERE a) AND b AND c)");
    }

    #[test]
    fn a_column_without_a_name_has_that_of_its_type() {
        alike(
            "SELECT 1 AS a UNION SELECT NULL::integer, 'x'::character varying FROM t",
            "SELECT 1 AS a UNION SELECT NULL::integer AS int4, 'x'::character varying AS varchar FROM t",
        );
        alike(
            "ARRAY( SELECT (now())::timestamp without time zone)",
            "ARRAY( SELECT (now())::timestamp without time zone AS timestamp)",
        );
        different("SELECT NULL::integer AS a", "SELECT NULL::integer");
        different("SELECT NULL::integer AS int8", "SELECT NULL::integer");
    }

    #[test]
    fn what_means_something_else_is_different() {
        different("(a - (b - c))", "((a - b) - c)");
        different("((a - b))::text", "(a - (b)::text)");
        different("'a'::text", "'A'::text");
        different("'a  b'::text", "'a b'::text");
        different("(a)::text", "a");
        different("(a::text", "a::text)");
    }

    #[test]
    fn what_is_nested_too_deep_is_compared_as_it_stands() {
        let deep = |inner: &str| format!("{}{inner}{}", "(".repeat(100_000), ")".repeat(100_000));
        different(&deep("a::text"), &deep("(a)::text"));
        alike(&deep("a::text"), &deep("a::text"));
    }
}
