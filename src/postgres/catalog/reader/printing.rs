//! Holds `sql/fingerprint.sql` against what the reader has printed: which catalogs the server's printing functions look
//! at in their newest state, so that forgetting one in the fingerprint is a failing test.

use super::column_types::{ColumnType, ColumnTypes};
use super::deferred;
use super::sections;

/// What an expression may name, and how (`get_rule_expr` and what it calls, in `ruleutils.c`): relations and columns,
/// types, functions, operators, collations, labels of enums (`enum_out`), text search configurations and dictionaries
/// (`regconfigout`, `regdictionaryout`), and the schemas of all of these.
const EXPRESSION: &[&str] = &[
    "pg_class",
    "pg_attribute",
    "pg_type",
    "pg_proc",
    "pg_operator",
    "pg_collation",
    "pg_enum",
    "pg_ts_config",
    "pg_ts_dict",
    "pg_namespace",
];

/// The functions and output casts that print for the reader, and the catalogs that each looks at beside those of an
/// [`EXPRESSION`] (`ruleutils.c`, `format_type.c`, `regproc.c`, `acl.c` of PostgreSQL 18).
const PRINTERS: &[(&str, &[&str])] = &[
    ("pg_get_expr", &[]),
    ("pg_get_viewdef", &["pg_rewrite"]),
    ("pg_get_ruledef", &["pg_rewrite"]),
    ("pg_get_triggerdef", &["pg_trigger"]),
    ("pg_get_constraintdef", &["pg_constraint", "pg_index", "pg_opclass"]),
    ("pg_get_indexdef", &["pg_index", "pg_opclass"]),
    ("pg_get_partkeydef", &["pg_opclass"]),
    ("pg_get_statisticsobjdef_columns", &["pg_statistic_ext"]),
    ("pg_get_function_arguments", &["pg_proc"]),
    ("pg_get_function_result", &["pg_proc"]),
    ("pg_get_function_sqlbody", &["pg_proc"]),
    ("pg_get_userbyid", &["pg_authid"]),
    ("format_type", &["pg_type"]),
    ("::regproc", &["pg_proc"]),
    ("::regoper", &["pg_operator"]),
    ("::regcollation", &["pg_collation"]),
];

/// Catalogs that cannot be in the fingerprint: ordinary roles may not read `pg_authid`. A role that is renamed during a
/// reading is noticed by the next reading.
const NOT_HASHED: &[&str] = &["pg_authid"];

/// Every statement of the second and the third message.
fn statements() -> Vec<String> {
    let mut types = ColumnTypes::default();
    types.ask(ColumnType { oid: 1043, modifier: 24, collation: 12_345, storage: b'x' }, 0);
    let mut statements = types.statements();
    assert_eq!(statements.len(), 3, "types, names with a modifier, collations");
    statements.extend(sections::texts().map(sections::without_comments));
    statements.extend(deferred::texts().map(str::to_owned));
    statements
}

/// The functions and casts of a statement that print.
fn printers(sql: &str) -> Vec<String> {
    let word = |text: &str| -> String {
        text.chars().take_while(|found| found.is_ascii_alphanumeric() || *found == '_').collect()
    };
    let functions = ["pg_get_", "format_type"].into_iter().flat_map(|start| sql.match_indices(start));
    let mut found: Vec<String> = functions.map(|(at, _)| word(&sql[at..])).collect();
    for (at, _) in sql.match_indices("::reg") {
        // `'pg_class'::regclass` reads a name of the reader's own.
        if !sql[..at].ends_with('\'') {
            found.push(format!("::{}", word(&sql[at + 2..])));
        }
    }
    found
}

#[test]
fn the_fingerprint_has_every_catalog_that_printing_looks_at() {
    let fingerprint = super::fingerprint();
    let is_hashed = |catalog: &str| fingerprint.contains(&format!(" FROM {catalog} "));
    let mut used = 0;
    for sql in statements() {
        for printer in printers(&sql) {
            let known = PRINTERS.iter().find(|(name, _)| *name == printer);
            let (_, catalogs) = known.unwrap_or_else(|| panic!("{printer} is not in PRINTERS: {sql}"));
            for catalog in EXPRESSION.iter().chain(*catalogs) {
                assert!(
                    is_hashed(catalog) != NOT_HASHED.contains(catalog),
                    "{printer} looks at {catalog}: is it in fingerprint.sql?"
                );
            }
            used += 1;
        }
    }
    assert!(used > 20, "{used}");
}
