//! Quoting of identifiers and literals: the only place that does it.
//!
//! Names are quoted as the server's own `quote_ident` would for any major from 14 to 18 (a keyword of one of them is
//! quoted for all), so that a name prints the same whichever server it was read from. A test holds this against
//! `quote_ident` and `pg_get_keywords()`.

use std::borrow::Cow;

use smol_str::SmolStr;

/// Keywords that `quote_ident` quotes on some major from 14 to 18: all but the unreserved ones
/// (manual, appendix C; `pg_get_keywords()`). Sorted.
const KEYWORDS: &[&str] = &[
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "authorization",
    "between",
    "bigint",
    "binary",
    "bit",
    "boolean",
    "both",
    "case",
    "cast",
    "char",
    "character",
    "check",
    "coalesce",
    "collate",
    "collation",
    "column",
    "concurrently",
    "constraint",
    "create",
    "cross",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "dec",
    "decimal",
    "default",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "exists",
    "extract",
    "false",
    "fetch",
    "float",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "grant",
    "greatest",
    "group",
    "grouping",
    "having",
    "ilike",
    "in",
    "initially",
    "inner",
    "inout",
    "int",
    "integer",
    "intersect",
    "interval",
    "into",
    "is",
    "isnull",
    "join",
    "json",
    "json_array",
    "json_arrayagg",
    "json_exists",
    "json_object",
    "json_objectagg",
    "json_query",
    "json_scalar",
    "json_serialize",
    "json_table",
    "json_value",
    "lateral",
    "leading",
    "least",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "merge_action",
    "national",
    "natural",
    "nchar",
    "none",
    "normalize",
    "not",
    "notnull",
    "null",
    "nullif",
    "numeric",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "out",
    "outer",
    "overlaps",
    "overlay",
    "placing",
    "position",
    "precision",
    "primary",
    "real",
    "references",
    "returning",
    "right",
    "row",
    "select",
    "session_user",
    "setof",
    "similar",
    "smallint",
    "some",
    "substring",
    "symmetric",
    "system_user",
    "table",
    "tablesample",
    "then",
    "time",
    "timestamp",
    "to",
    "trailing",
    "treat",
    "trim",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "values",
    "varchar",
    "variadic",
    "verbose",
    "when",
    "where",
    "window",
    "with",
    "xmlattributes",
    "xmlconcat",
    "xmlelement",
    "xmlexists",
    "xmlforest",
    "xmlnamespaces",
    "xmlparse",
    "xmlpi",
    "xmlroot",
    "xmlserialize",
    "xmltable",
];

/// The name as SQL needs it: bare where it can be, else in double quotes.
pub fn identifier(name: &str) -> Cow<'_, str> {
    let mut bytes = name.bytes();
    let bare = bytes.next().is_some_and(|first| first.is_ascii_lowercase() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        && KEYWORDS.binary_search(&name).is_err();
    if bare { Cow::Borrowed(name) } else { Cow::Owned(format!("\"{}\"", name.replace('"', "\"\""))) }
}

/// The qualified name as SQL needs it: `schema.name`, each part quoted where it must be.
pub fn qualified(schema: &str, name: &str) -> String {
    format!("{}.{}", identifier(schema), identifier(name))
}

/// The text as an SQL string literal, right under any `standard_conforming_strings`.
pub fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') { format!("E'{}'", quoted.replace('\\', "\\\\")) } else { format!("'{quoted}'") }
}

/// A table's name with that of its schema, raw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QualifiedTable {
    /// The schema's name.
    pub schema: String,
    /// The table's name.
    pub table: String,
}

impl QualifiedTable {
    /// Reads `schema.table`, with SQL's quotes or without. `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        match split_qualified(text)?.as_slice() {
            [schema, table] => Some(Self { schema: schema.to_string(), table: table.to_string() }),
            _ => None,
        }
    }

    /// Whether a table is this one.
    pub fn is(&self, schema: &str, table: &str) -> bool {
        self.schema == schema && self.table == table
    }
}

/// Qualified, and quoted where SQL needs it.
impl std::fmt::Display for QualifiedTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&qualified(&self.schema, &self.table))
    }
}

/// The history of migrations that a project names in its settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChosenHistory {
    /// The table.
    pub table: QualifiedTable,
    /// The column with the revisions, where the project's own tool keeps it; `None` where trueup does, as refinery does.
    pub column: Option<String>,
}

/// Splits `a."b.c".d` at the dots outside of quotes and takes the quotes off. `None` when it is not such a name.
pub fn split_qualified(text: &str) -> Option<Vec<SmolStr>> {
    let mut parts = Vec::new();
    let mut rest = text;
    loop {
        let (part, after) = match rest.starts_with('"') {
            true => quoted_name(rest)?,
            false => {
                let (part, after) = rest.split_at(rest.find('.').unwrap_or(rest.len()));
                (SmolStr::from(part), after)
            }
        };
        if part.is_empty() {
            return None;
        }
        parts.push(part);
        match after.strip_prefix('.') {
            Some(next) => rest = next,
            None if after.is_empty() => return Some(parts),
            None => return None,
        }
    }
}

/// The name in double quotes that a text begins with, and the rest of the text.
fn quoted_name(text: &str) -> Option<(SmolStr, &str)> {
    let quoted = text.strip_prefix('"')?;
    let mut end = 0;
    loop {
        end += quoted[end..].find('"')?;
        if !quoted[end + 1..].starts_with('"') {
            return Some((SmolStr::from(quoted[..end].replace("\"\"", "\"")), &quoted[end + 1..]));
        }
        end += 2;
    }
}

/// The names of the schemas in a search_path, as the server reads them: `"$user"` is one of them, and means a schema with the
/// name of the role. What the server refuses as a search_path has no certain names.
pub fn schemas_of_path(search_path: &str) -> Vec<SmolStr> {
    let mut schemas = Vec::new();
    let mut rest = search_path.trim_start();
    while !rest.is_empty() {
        let (name, after) = match quoted_name(rest) {
            Some(quoted) => quoted,
            None => {
                let (name, after) = rest.split_at(rest.find(',').unwrap_or(rest.len()));
                (SmolStr::from(name.trim_end().to_lowercase()), after)
            }
        };
        schemas.push(name);
        let after = after.trim_start();
        rest = after.strip_prefix(',').unwrap_or(after).trim_start();
    }
    schemas.retain(|schema| !schema.is_empty());
    schemas
}

/// The text with one name in place of another, where it stands as a whole.
pub fn replace_name(text: &str, from: &str, to: &str) -> String {
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '"' | '$');
    let mut replaced = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(from) {
        let (before, after) = (&rest[..at], &rest[at + from.len()..]);
        let whole =
            !before.chars().next_back().is_some_and(is_name) && !after.chars().next().is_some_and(is_name);
        replaced.push_str(before);
        replaced.push_str(if whole { to } else { from });
        rest = after;
    }
    replaced.push_str(rest);
    replaced
}

/// The identifiers in an SQL text as they stand there, quotes included; words inside of strings are none.
pub fn words_of(text: &str) -> impl Iterator<Item = &str> {
    use squawk_lexer::TokenKind;
    let mut at = 0;
    squawk_lexer::tokenize(text).filter_map(move |token| {
        let start = at;
        at += token.len as usize;
        matches!(token.kind, TokenKind::Ident | TokenKind::QuotedIdent { .. }).then(|| &text[start..at])
    })
}

/// The names in an SQL text as the server reads them: unquoted ones in lower case. Keywords are among them.
pub fn names_in(text: &str) -> impl Iterator<Item = String> {
    words_of(text).map(|word| match word.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\"\"", "\""),
        None => word.to_lowercase(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_are_sorted() {
        assert!(KEYWORDS.is_sorted());
    }

    #[test]
    fn names_survive_quoting_and_splitting() {
        for name in
            ["users", "Users", "a.b", "a\"b", "\"", "user", "1a", "a b", "ümlaut", "a\nb", "x.\"y\".z"]
        {
            let text = format!("{}.{}", identifier("public"), identifier(name));
            assert_eq!(split_qualified(&text), Some(vec!["public".into(), name.into()]), "{text}");
        }
    }

    #[test]
    fn a_search_path_has_the_schemas_that_the_server_reads() {
        for (path, schemas) in [
            ("public, pg_temp", vec!["public", "pg_temp"]),
            ("\"$user\",Public", vec!["$user", "public"]),
            (" \"A,b\" , \"c\"\"d\"", vec!["A,b", "c\"d"]),
            ("", vec![]),
            ("a,,b", vec!["a", "b"]),
            ("\"a", vec!["\"a"]),
        ] {
            assert_eq!(schemas_of_path(path), schemas, "{path}");
        }
    }

    #[test]
    fn what_is_no_name_is_not_split() {
        for text in ["", ".", "a.", ".a", "\"a", "\"a\"b", "a..b"] {
            assert_eq!(split_qualified(text), None, "{text}");
        }
    }
}
