//! What has the name of an object that was not found: functions, types, and the extensions that bring them.

use crate::postgres::connection::{OwnedRow, RowError};
use crate::postgres::sql::literal;

/// A function of a name.
#[derive(Debug, Clone)]
pub(crate) struct NamedRoutine {
    /// Its name with its arguments, qualified and quoted.
    pub(crate) signature: String,
    /// The schema, raw.
    pub(crate) schema: String,
}

/// A type of a name.
#[derive(Debug, Clone)]
pub(crate) struct NamedType {
    /// The schema, raw.
    pub(crate) schema: String,
    /// The name, qualified and quoted.
    pub(crate) name: String,
}

/// An extension that the server has files of, or has installed.
#[derive(Debug, Clone)]
pub(crate) struct AvailableExtension {
    /// The name, raw.
    pub(crate) name: String,
    /// The schema that it was installed in, raw; `None` where it is not installed in this database.
    pub(crate) schema: Option<String>,
}

/// Which extension brings a function that applications use, as the manual's appendix "Additional Supplied Modules" says.
const FUNCTIONS: [(&str, &[&str]); 9] = [
    (
        "uuid-ossp",
        &[
            "uuid_generate_v1",
            "uuid_generate_v1mc",
            "uuid_generate_v3",
            "uuid_generate_v4",
            "uuid_generate_v5",
        ],
    ),
    (
        "pgcrypto",
        &[
            "crypt",
            "gen_salt",
            "digest",
            "hmac",
            "gen_random_bytes",
            "pgp_sym_encrypt",
            "pgp_sym_decrypt",
            "armor",
        ],
    ),
    ("pg_trgm", &["similarity", "word_similarity", "strict_word_similarity", "show_trgm", "set_limit"]),
    ("unaccent", &["unaccent"]),
    ("fuzzystrmatch", &["levenshtein", "soundex", "metaphone", "dmetaphone", "difference"]),
    ("hstore", &["hstore", "hstore_to_json", "akeys", "avals", "each"]),
    ("tablefunc", &["crosstab", "connectby", "normal_rand"]),
    ("intarray", &["idx", "sort_asc", "sort_desc", "uniq"]),
    (
        "postgis",
        &[
            "st_makepoint",
            "st_distance",
            "st_within",
            "st_dwithin",
            "st_geomfromtext",
            "st_setsrid",
            "st_astext",
        ],
    ),
];

/// The same of types.
const TYPES: [(&str, &[&str]); 6] = [
    ("citext", &["citext"]),
    ("hstore", &["hstore"]),
    ("ltree", &["ltree", "lquery", "ltxtquery"]),
    ("cube", &["cube"]),
    ("postgis", &["geometry", "geography"]),
    ("vector", &["vector", "halfvec", "sparsevec"]),
];

/// The extension that brings a function of this name.
pub(super) fn extension_of_function(name: &str) -> Option<&'static str> {
    bringing(&FUNCTIONS, name)
}

/// The extension that brings a type of this name.
pub(super) fn extension_of_type(name: &str) -> Option<&'static str> {
    bringing(&TYPES, name)
}

fn bringing(known: &[(&'static str, &[&str])], name: &str) -> Option<&'static str> {
    let name = name.to_lowercase();
    known.iter().find(|(_, names)| names.contains(&name.as_str())).map(|(extension, _)| *extension)
}

/// One SELECT of the functions of a name, the server's own among them.
pub(super) fn routines(name: &str) -> String {
    format!(
        "SELECT format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)) AS signature, \
                n.nspname AS schema \
           FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace \
          WHERE p.proname = {} ORDER BY n.nspname, signature LIMIT 10",
        literal(name)
    )
}

/// One SELECT of the types of a name.
pub(super) fn types(name: &str) -> String {
    format!(
        "SELECT n.nspname AS schema, format('%I.%I', n.nspname, t.typname) AS name \
           FROM pg_type AS t JOIN pg_namespace AS n ON n.oid = t.typnamespace \
          WHERE t.typname = {} ORDER BY n.nspname LIMIT 10",
        literal(name)
    )
}

/// One SELECT of the extensions of these names, as far as the server has them.
pub(super) fn extensions(names: &[Option<&str>]) -> String {
    let names: Vec<String> = names.iter().flatten().map(|name| literal(name)).collect();
    let names = if names.is_empty() { "NULL".to_owned() } else { names.join(", ") };
    format!(
        "SELECT a.name, (SELECT n.nspname FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace \
                          WHERE e.extname = a.name) AS schema \
           FROM pg_available_extensions AS a WHERE a.name IN ({names})"
    )
}

/// One SELECT of the tables that have an index of this name.
pub(super) fn tables_of_index(name: &str) -> String {
    format!(
        "SELECT n.nspname AS schema, t.relname AS table \
           FROM pg_class AS c JOIN pg_index AS i ON i.indexrelid = c.oid JOIN pg_class AS t ON t.oid = i.indrelid \
           JOIN pg_namespace AS n ON n.oid = t.relnamespace \
          WHERE c.relname = {} AND c.relpersistence <> 't' LIMIT 10",
        literal(name)
    )
}

impl NamedRoutine {
    pub(super) fn read(row: &OwnedRow) -> Result<Self, RowError> {
        Ok(Self { signature: row.get("signature")?, schema: row.get("schema")? })
    }
}

impl NamedType {
    pub(super) fn read(row: &OwnedRow) -> Result<Self, RowError> {
        Ok(Self { schema: row.get("schema")?, name: row.get("name")? })
    }
}

impl AvailableExtension {
    pub(super) fn read(row: &OwnedRow) -> Result<Self, RowError> {
        Ok(Self { name: row.get("name")?, schema: row.get("schema")? })
    }
}
