//! Operator classes, access methods and their storage parameters: what an index on a stand-in needs.
//!
//! PostgreSQL asks no completeness of an operator class, and for an index without rows it only looks the support
//! functions up. So a class is made of functions that serve a built-in class of the same access method.

use std::fmt::Write as _;

use crate::postgres::sql::{Part, Statement, identifier, literal, qualified};

/// Classes that are the default of a type of their extension: they are not printed where they are the default.
/// Class, access method, type.
const DEFAULTS: &[(&str, &str, &str)] = &[
    ("gist_geometry_ops_2d", "gist", "geometry"),
    ("gist_geography_ops", "gist", "geography"),
    ("spgist_geometry_ops_2d", "spgist", "geometry"),
    ("spgist_geography_ops_nd", "spgist", "geography"),
    ("brin_geometry_inclusion_ops_2d", "brin", "geometry"),
    ("brin_geography_inclusion_ops", "brin", "geography"),
    ("btree_geometry_ops", "btree", "geometry"),
    ("btree_geography_ops", "btree", "geography"),
    ("hash_geometry_ops", "hash", "geometry"),
    ("vector_ops", "btree", "vector"),
    ("halfvec_ops", "btree", "halfvec"),
    ("sparsevec_ops", "btree", "sparsevec"),
    ("vector_l2_ops", "ivfflat", "vector"),
    ("halfvec_l2_ops", "ivfflat", "halfvec"),
    ("gin_hstore_ops", "gin", "hstore"),
    ("gist_hstore_ops", "gist", "hstore"),
    ("gist_ltree_ops", "gist", "ltree"),
    ("citext_ops", "btree", "citext"),
];

/// The extensions whose operator classes are for built-in types.
pub(super) const FOR_BUILT_IN: [&str; 2] = ["btree_gin", "btree_gist"];

/// The built-in handler that an access method of an extension gets: it asks for nothing of its columns.
const HANDLER: &str = "pg_catalog.gisthandler";

const GIST: &[(u8, &str)] = &[
    (1, "gist_box_consistent(internal, box, smallint, oid, internal)"),
    (2, "gist_box_union(internal, internal)"),
    (5, "gist_box_penalty(internal, internal, internal)"),
    (6, "gist_box_picksplit(internal, internal)"),
    (7, "gist_box_same(box, box, internal)"),
];
const GIN: &[(u8, &str)] = &[
    (1, "bttextcmp(text, text)"),
    (2, "gin_extract_jsonb(jsonb, internal, internal)"),
    (3, "gin_extract_jsonb_query(jsonb, internal, smallint, internal, internal, internal, internal)"),
    (4, "gin_consistent_jsonb(internal, smallint, jsonb, integer, internal, internal, internal, internal)"),
];
const SPGIST: &[(u8, &str)] = &[
    (1, "spg_quad_config(internal, internal)"),
    (2, "spg_quad_choose(internal, internal)"),
    (3, "spg_quad_picksplit(internal, internal)"),
    (4, "spg_quad_inner_consistent(internal, internal)"),
    (5, "spg_quad_leaf_consistent(internal, internal)"),
];
const BRIN: &[(u8, &str)] = &[
    (1, "brin_minmax_opcinfo(internal)"),
    (2, "brin_minmax_add_value(internal, internal, internal, internal)"),
    (3, "brin_minmax_consistent(internal, internal, internal)"),
    (4, "brin_minmax_union(internal, internal, internal)"),
];
const BTREE: &[(u8, &str)] = &[(1, "bttextcmp(text, text)")];
const HASH: &[(u8, &str)] = &[(1, "hashtext(text)")];

/// An operator class that a type gets in an index that names none: for a type of this name.
pub(super) fn default_class(method: &str, type_name: &str) -> String {
    let known =
        DEFAULTS.iter().find(|(_, its_method, its_type)| (*its_method, *its_type) == (method, type_name));
    known.map_or_else(|| format!("{type_name}_{method}_ops"), |(class, ..)| (*class).to_owned())
}

/// The type that a named operator class is the default of.
pub(super) fn default_of(class: &str, method: &str) -> Option<&'static str> {
    let known = DEFAULTS.iter().find(|(name, its_method, _)| (*name, *its_method) == (class, method));
    known.map(|(.., type_name)| *type_name)
}

/// Makes an operator class. Without a type it takes any, as the server does not say which one it is missed for.
pub(super) fn class_sql(
    extension: &str,
    (schema, name): (&str, &str),
    method: &str,
    default_for: Option<&str>,
) -> String {
    let support = match method {
        "gin" => GIN,
        "spgist" => SPGIST,
        "brin" => BRIN,
        "btree" => BTREE,
        "hash" => HASH,
        // Also those that have its handler.
        _ => GIST,
    };
    let (extension, full, method) = (identifier(extension), qualified(schema, name), identifier(method));
    let (default, input) = default_for.map_or(("", "anyelement"), |input| ("DEFAULT ", input));
    let mut functions = String::new();
    for (number, function) in support {
        let separator = if functions.is_empty() { "" } else { ", " };
        let _ = write!(functions, "{separator}FUNCTION {number} ({input}, {input}) pg_catalog.{function}");
    }
    format!(
        "CREATE OPERATOR CLASS {full} {default}FOR TYPE {input} USING {method} AS {functions}; \
         ALTER EXTENSION {extension} ADD OPERATOR CLASS {full} USING {method}; \
         ALTER EXTENSION {extension} ADD OPERATOR FAMILY {full} USING {method}"
    )
}

/// Adds an operator that an exclusion constraint asks for to a class of this module; a family has room for one
/// operator of a number and two types, so each gets a number of its own.
pub(super) fn member_sql(operator: &str, family: &str) -> String {
    let name = operator.split('(').next().unwrap_or_default();
    let number = 100 + name.bytes().fold(0_u32, |sum, sign| (sum * 31 + u32::from(sign)) % 9_973);
    format!("ALTER OPERATOR FAMILY {family} USING gist ADD OPERATOR {number} {operator}")
}

/// Makes an access method.
pub(super) fn method_sql(extension: &str, method: &str) -> String {
    let (extension, method) = (identifier(extension), identifier(method));
    format!(
        "CREATE ACCESS METHOD {method} TYPE INDEX HANDLER {HANDLER}; \
         ALTER EXTENSION {extension} ADD ACCESS METHOD {method}"
    )
}

/// A `CREATE INDEX` of one of these access methods without its storage parameters, which the built-in handler does
/// not know, and what writes them where the server keeps them.
pub(super) fn without_parameters(statement: &Statement<'_>, methods: &[String]) -> Option<(String, String)> {
    let parts: Vec<_> = statement.placed_parts().collect();
    let mut depth = 0_usize;
    let (mut method, mut name, mut with) = (None, None, None);
    for (index, (_, part)) in parts.iter().enumerate() {
        let next = parts.get(index + 1).map(|(_, part)| part);
        match part {
            Part::Other("(") => depth += 1,
            Part::Other(")") => depth = depth.saturating_sub(1),
            Part::Word(word) if depth == 0 => match word.as_str() {
                "on" if method.is_none() => {
                    let before = index.checked_sub(1).map(|before| &parts[before].1);
                    name = before
                        .filter(|part| !part.is("index") && !part.is("concurrently"))
                        .and_then(Part::name);
                }
                "using" if method.is_none() => method = next.and_then(Part::name),
                "with" if next == Some(&Part::Other("(")) => with = Some(index),
                _ => {}
            },
            _ => {}
        }
    }
    let method = method.filter(|method| methods.iter().any(|known| known == method))?;
    let with = with?;
    let close = with + parts[with..].iter().position(|(_, part)| part == &Part::Other(")"))?;
    let parameters: Option<Vec<String>> =
        parts[with + 2..close].split(|(_, part)| part == &Part::Other(",")).map(parameter).collect();
    let text = format!("{}{}", &statement.text[..parts[with].0.start], &statement.text[parts[close].0.end..]);
    let named = name.map_or_else(String::new, |name| format!(" AND c.relname = {}", literal(name)));
    let after = format!(
        "SET allow_system_table_mods = on; \
         UPDATE pg_catalog.pg_class SET reloptions = ARRAY[{}]::pg_catalog.text[] WHERE oid = \
         (SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_am a ON a.oid = c.relam \
         WHERE a.amname = {} AND c.reloptions IS NULL{named} ORDER BY c.oid DESC LIMIT 1); \
         RESET allow_system_table_mods",
        parameters?.join(", "),
        literal(method)
    );
    Some((text, after))
}

/// `name = value` as an element of `pg_class.reloptions`.
fn parameter(parts: &[(std::ops::Range<usize>, Part<'_>)]) -> Option<String> {
    let (name, value) = match parts {
        [(_, name)] => (name, "true"),
        [(_, name), (_, Part::Other("=")), (_, value)] => match value {
            Part::Word(text) | Part::Quoted(text) => (name, text.as_str()),
            Part::Literal(text) | Part::Other(text) => (name, *text),
        },
        _ => return None,
    };
    Some(literal(&format!("{}={value}", name.name()?)))
}
