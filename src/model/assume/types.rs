//! Types that are text underneath.

use crate::postgres::sql::{identifier, qualified};

/// A base type over text's functions: binary-coercible to text, so that text's operator classes serve its indexes;
/// one number as modifier, to which a cast brings it that keeps what it is given.
pub(super) fn type_sql(extension: &str, schema: &str, name: &str) -> String {
    let (extension, full) = (identifier(extension), qualified(schema, name));
    let helper = |suffix: &str| qualified(schema, &format!("{name}_{suffix}"));
    let (input, output) = (helper("in"), helper("out"));
    let (modifier_in, modifier_out) = (helper("typmod_in"), helper("typmod_out"));
    format!(
        "CREATE TYPE {full}; \
         CREATE FUNCTION {input}(cstring) RETURNS {full} LANGUAGE internal IMMUTABLE STRICT AS 'textin'; \
         CREATE FUNCTION {output}({full}) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout'; \
         CREATE FUNCTION {modifier_in}(cstring[]) RETURNS integer LANGUAGE internal IMMUTABLE STRICT \
         AS 'varchartypmodin'; \
         CREATE FUNCTION {modifier_out}(integer) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT \
         AS 'varchartypmodout'; \
         CREATE TYPE {full} (INPUT = {input}, OUTPUT = {output}, TYPMOD_IN = {modifier_in}, \
         TYPMOD_OUT = {modifier_out}, LIKE = pg_catalog.text, CATEGORY = 'S', COLLATABLE = true); \
         CREATE CAST ({full} AS pg_catalog.text) WITHOUT FUNCTION AS IMPLICIT; \
         CREATE CAST (pg_catalog.text AS {full}) WITHOUT FUNCTION AS ASSIGNMENT; \
         CREATE FUNCTION {full}({full}, integer, boolean) RETURNS {full} LANGUAGE sql IMMUTABLE AS 'SELECT $1'; \
         CREATE CAST ({full} AS {full}) WITH FUNCTION {full}({full}, integer, boolean) AS IMPLICIT; \
         ALTER EXTENSION {extension} ADD TYPE {full}; \
         ALTER EXTENSION {extension} ADD FUNCTION {input}(cstring); \
         ALTER EXTENSION {extension} ADD FUNCTION {output}({full}); \
         ALTER EXTENSION {extension} ADD FUNCTION {modifier_in}(cstring[]); \
         ALTER EXTENSION {extension} ADD FUNCTION {modifier_out}(integer); \
         ALTER EXTENSION {extension} ADD CAST ({full} AS pg_catalog.text); \
         ALTER EXTENSION {extension} ADD CAST (pg_catalog.text AS {full}); \
         ALTER EXTENSION {extension} ADD FUNCTION {full}({full}, integer, boolean); \
         ALTER EXTENSION {extension} ADD CAST ({full} AS {full})"
    )
}
