//! Functions and operators: those that are known get their own arguments and results, of others the result is found
//! by trial.

use crate::postgres::sql::{identifier, literal, qualified};

/// Functions of well-known extensions as far as schemas use them: arguments, as what is written is printed with
/// casts to them, and result.
const KNOWN: &[&str] = &[
    "crypt(text, text) text",
    "digest(text, text) bytea",
    "digest(bytea, text) bytea",
    "gen_random_bytes(integer) bytea",
    "gen_random_uuid() uuid",
    "gen_salt(text) text",
    "gen_salt(text, integer) text",
    "hmac(text, text, text) bytea",
    "hmac(bytea, bytea, text) bytea",
    "pgp_sym_encrypt(text, text) bytea",
    "pgp_sym_decrypt(bytea, text) text",
    "uuid_generate_v1() uuid",
    "uuid_generate_v1mc() uuid",
    "uuid_generate_v3(uuid, text) uuid",
    "uuid_generate_v4() uuid",
    "uuid_generate_v5(uuid, text) uuid",
    "uuid_nil() uuid",
    "uuid_ns_dns() uuid",
    "uuid_ns_url() uuid",
    "similarity(text, text) real",
    "word_similarity(text, text) real",
    "strict_word_similarity(text, text) real",
    "unaccent(text) text",
    "unaccent(regdictionary, text) text",
    "st_area(geometry) double precision",
    "st_area(geography) double precision",
    "st_asgeojson(geometry) text",
    "st_astext(geometry) text",
    "st_astext(geography) text",
    "st_buffer(geometry, double precision) geometry",
    "st_centroid(geometry) geometry",
    "st_contains(geometry, geometry) boolean",
    "st_distance(geometry, geometry) double precision",
    "st_distance(geography, geography) double precision",
    "st_dwithin(geometry, geometry, double precision) boolean",
    "st_dwithin(geography, geography, double precision) boolean",
    "st_envelope(geometry) geometry",
    "st_geogfromtext(text) geography",
    "st_geometrytype(geometry) text",
    "st_geomfromtext(text) geometry",
    "st_geomfromtext(text, integer) geometry",
    "st_intersects(geometry, geometry) boolean",
    "st_intersects(geography, geography) boolean",
    "st_isvalid(geometry) boolean",
    "st_length(geometry) double precision",
    "st_length(geography) double precision",
    "st_makeenvelope(double precision, double precision, double precision, double precision, integer) geometry",
    "st_makepoint(double precision, double precision) geometry",
    "st_makepoint(double precision, double precision, double precision) geometry",
    "st_makevalid(geometry) geometry",
    "st_ndims(geometry) smallint",
    "st_npoints(geometry) integer",
    "st_point(double precision, double precision) geometry",
    "st_point(double precision, double precision, integer) geometry",
    "st_setsrid(geometry, integer) geometry",
    "st_setsrid(geography, integer) geography",
    "st_srid(geometry) integer",
    "st_transform(geometry, integer) geometry",
    "st_within(geometry, geometry) boolean",
    "st_x(geometry) double precision",
    "st_y(geometry) double precision",
    "st_z(geometry) double precision",
];

/// Types among them that belong to the extension.
const TYPES: [&str; 2] = ["geometry", "geography"];

/// What a function may return, tried in this order until the statement that calls it is accepted.
const RESULTS: &[&str] = &[
    "text",
    "boolean",
    "uuid",
    "bytea",
    "bigint",
    "integer",
    "double precision",
    "numeric",
    "jsonb",
    "timestamp with time zone",
    "date",
];

/// Operators that measure; others tell whether something holds.
const DISTANCES: [&str; 12] =
    ["<->", "<#>", "<=>", "<+>", "<~>", "<%>", "<<->>", "|=|", "<<->", "<->>", "<<<->", "<->>>"];

/// Operators of `pg_trgm` between texts.
const OF_TEXT: [&str; 10] = ["%", "<%", "%>", "<<%", "%>>", "<->", "<<->", "<->>", "<<<->", "<->>>"];

/// A known function: arguments and result in SQL.
pub(super) struct Known {
    pub(super) signature: String,
    pub(super) result: String,
    /// The types of the extension that it needs.
    pub(super) types: Vec<&'static str>,
}

/// The known functions of a name.
pub(super) fn known(schema: &str, name: &str) -> Vec<Known> {
    let lines = KNOWN.iter().filter_map(|line| line.strip_prefix(name)?.strip_prefix('(')?.split_once(") "));
    lines
        .map(|(arguments, result)| {
            let place = |type_name: &str| match TYPES.contains(&type_name) {
                true => qualified(schema, type_name),
                false => type_name.to_owned(),
            };
            let types = TYPES
                .into_iter()
                .filter(|own| result == *own || arguments.split(", ").any(|argument| argument == *own));
            let arguments: Vec<String> = arguments.split(", ").map(place).collect();
            Known {
                signature: format!("{}({})", qualified(schema, name), arguments.join(", ")),
                result: place(result),
                types: types.collect(),
            }
        })
        .collect()
}

/// What a function may return that is not known with these arguments: what it is known to return, then the usual
/// types, then those of the extension.
pub(super) fn results(name: &str, types: &[(String, String)]) -> Vec<String> {
    let known = KNOWN.iter().find_map(|line| {
        let (_, result) = line.strip_prefix(name)?.strip_prefix('(')?.split_once(") ")?;
        (!TYPES.contains(&result)).then_some(result)
    });
    let known = known.or_else(|| name.starts_with("uuid_").then_some("uuid"));
    let others = RESULTS.iter().copied().filter(|result| Some(*result) != known);
    let own = types.iter().map(|(schema, name)| qualified(schema, name));
    known.into_iter().chain(others).map(str::to_owned).chain(own).collect()
}

/// What an operator may return.
pub(super) fn operator_results(name: &str) -> Vec<String> {
    let likely = if DISTANCES.contains(&name) { "double precision" } else { "boolean" };
    let others = RESULTS.iter().filter(|result| **result != likely);
    std::iter::once(&likely).chain(others).map(|result| (*result).to_owned()).collect()
}

/// Whether an operator between texts is one of an extension.
pub(super) fn is_of_text(name: &str) -> bool {
    OF_TEXT.contains(&name)
}

/// What is called: its result is a parameter, as it may have to be guessed.
#[derive(Debug, Clone)]
pub(super) enum Callable {
    /// `schema.name(types)`.
    Function { signature: String },
    /// An operator between two types.
    Operator { schema: String, name: String, left: String, right: String },
}

impl Callable {
    /// Makes it.
    pub(super) fn create(&self, extension: &str, result: &str) -> String {
        let function = function_sql(extension, &self.function(), result);
        let Self::Operator { left, right, .. } = self else { return function };
        let (operator, arguments) = self.operator();
        let signature = self.function();
        let procedure = signature.split('(').next().unwrap_or_default();
        // An exclusion constraint asks for an operator that is its own commutator.
        let commutator =
            if left == right { format!(", COMMUTATOR = OPERATOR({operator})") } else { String::new() };
        format!(
            "{function}; CREATE OPERATOR {operator} (PROCEDURE = {procedure}, LEFTARG = {left}, RIGHTARG = {right}\
             {commutator}); ALTER EXTENSION {} ADD OPERATOR {operator} {arguments}",
            identifier(extension)
        )
    }

    /// Takes it away again.
    pub(super) fn drop(&self, extension: &str) -> String {
        let (extension, function) = (identifier(extension), self.function());
        let operator = match self {
            Self::Function { .. } => String::new(),
            Self::Operator { .. } => {
                let (operator, arguments) = self.operator();
                format!(
                    "ALTER EXTENSION {extension} DROP OPERATOR {operator} {arguments}; \
                     DROP OPERATOR {operator} {arguments}; "
                )
            }
        };
        format!("{operator}ALTER EXTENSION {extension} DROP FUNCTION {function}; DROP FUNCTION {function}")
    }

    fn function(&self) -> String {
        match self {
            Self::Function { signature } => signature.clone(),
            Self::Operator { schema, name, left, right } => {
                let letters: String = name.bytes().map(|sign| format!("_{sign:x}")).collect();
                format!("{}({left}, {right})", qualified(schema, &format!("operator{letters}")))
            }
        }
    }

    fn operator(&self) -> (String, String) {
        match self {
            Self::Function { .. } => Default::default(),
            Self::Operator { schema, name, left, right } => {
                (format!("{}.{name}", identifier(schema)), format!("({left}, {right})"))
            }
        }
    }
}

fn function_sql(extension: &str, signature: &str, result: &str) -> String {
    let extension = identifier(extension);
    let body = if result == "trigger" {
        "LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'".to_owned()
    } else {
        format!("LANGUAGE sql IMMUTABLE AS {}", literal(&format!("SELECT NULL::{result}")))
    };
    format!(
        "CREATE FUNCTION {signature} RETURNS {result} {body}; ALTER EXTENSION {extension} ADD FUNCTION {signature}"
    )
}
