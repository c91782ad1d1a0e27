//! `42501`: a role may not do what a statement does.

use super::super::super::case::Case;
use super::super::super::explanation::{Explanation, reason, sql};
use super::super::super::facts::{Ask, GrantedObject};
use super::super::ErrorKind;
use crate::findings::{Finding, Remedy, Severity};
use crate::postgres::sql::identifier;

pub(in super::super) const KIND: ErrorKind = ErrorKind {
    condition: "insufficient_privilege",
    sqlstate: "42501",
    patterns: &[
        r#"permission denied for (?P<what>table|relation|sequence|view|materialized view|foreign table) "?(?P<table>[^\s"',()\]]+)"?"#,
        r#"permission denied for (?P<what>function|procedure|aggregate|routine) "?(?P<function>[^\s"'(]+)"?"#,
        r#"permission denied for (?P<what>schema|database|language|type|tablespace) "?(?P<schema>[^\s"',()\]]+)"?"#,
        r#"must be owner of (?P<owned>table|relation|view|sequence|materialized view|foreign table|index) "?(?P<table>[^\s"',()\]]+)"?"#,
        r#"must be owner of (?P<owned>function|procedure|aggregate|routine) "?(?P<function>[^\s"'(]+)"?"#,
        r#"must be owner of (?P<owned>schema|database|type|domain) "?(?P<schema>[^\s"',()\]]+)"?"#,
        "new row violates (?P<what>row-level security) policy (?:\"[^\"\\n]+\" )?for table {table}",
    ],
    follows: false,
    meaning: "The role of the application may not do what the statement does.",
    asks: &[Ask::Schema, Ask::Privileges],
    judge,
};

fn judge(case: &Case<'_>) -> Explanation {
    let role = &case.facts.settings.role;
    let what = case.names().what.as_deref().unwrap_or_default();
    let objects = &meant(case)[..];
    let wanted = case.error.mentions.privilege;
    let declared: Vec<Finding> = objects
        .iter()
        .flat_map(|object| {
            let of = format!("{} ", object.object);
            let is_it =
                move |finding: &&Finding| finding.kind == "privilege" && finding.object.starts_with(&of);
            case.schema.findings.iter().filter(is_it).cloned()
        })
        .collect();
    if objects.is_empty() {
        return Explanation::elsewhere(
            format!("database {} has no such object", case.database),
            "is this the database of the application? compare its URL with this one",
        );
    }
    let lacks: Vec<Finding> = match what {
        _ if case.names().owned.is_some() => {
            objects.iter().filter(|object| object.owner != *role).map(|object| owned(object, role)).collect()
        }
        "row-level security" => Vec::new(),
        _ => objects.iter().filter_map(|object| lacking(object, role, wanted)).collect(),
    };
    let findings: Vec<Finding> = declared.into_iter().chain(lacks).collect();
    if !findings.is_empty() {
        return Explanation::explained(findings, format!("role {role} lacks a right"));
    }
    let object = objects[0];
    if what == "row-level security" || object.row_security {
        return Explanation::elsewhere(
            format!("policies of {} decide which rows role {role} may write", object.object),
            "look at the policies (\\d in psql), and at the setting that they read: current_setting('app. ...')",
        );
    }
    Explanation::elsewhere(
        format!(
            "role {role} has these rights on {}: the application connects as another role",
            object.object
        ),
        "ask for the role of the application's URL: trueup why --role ROLE",
    )
}

/// The objects that may be meant. The server skips schemas of the search_path that the role may not use.
fn meant<'c>(case: &'c Case<'_>) -> Vec<&'c GrantedObject> {
    // A schema may have the name of a table.
    let names = case.names();
    let kinds: &[&str] = match names.owned.as_deref().or(names.what.as_deref()) {
        Some("function" | "procedure" | "aggregate" | "routine") => &["FUNCTION"],
        Some("schema") => &["SCHEMA"],
        Some("database") => &["DATABASE"],
        Some("type" | "domain") => &["TYPE"],
        Some("index") => &["INDEX"],
        Some("relation") => &["TABLE", "SEQUENCE", "INDEX"],
        _ => &["TABLE", "SEQUENCE"],
    };
    let all: Vec<&GrantedObject> =
        case.facts.privileges.iter().filter(|object| kinds.contains(&object.what.as_str())).collect();
    let path = case.facts.path();
    let found_in =
        |schema: &String| all.iter().find(|object| object.usage && object.schema == *identifier(schema));
    match path.iter().find_map(found_in).map(|first| first.schema.clone()) {
        Some(schema) => all.into_iter().filter(|object| object.schema == schema).collect(),
        None => all,
    }
}

/// What a GRANT would give.
fn lacking(object: &GrantedObject, role: &str, wanted: Option<&'static str>) -> Option<Finding> {
    let GrantedObject { what, object: name, schema, usage, missing, .. } = object;
    let grantee = identifier(role);
    let mut statements = Vec::new();
    let mut lacks = Vec::new();
    if !usage && !schema.is_empty() {
        lacks.push(format!("USAGE on schema {schema}"));
        statements.push(format!("GRANT USAGE ON SCHEMA {schema} TO {grantee};"));
    }
    let asked: Vec<&str> = match wanted {
        Some(wanted) if what == "TABLE" => {
            missing.iter().map(String::as_str).filter(|one| *one == wanted).collect()
        }
        _ => missing.iter().map(String::as_str).collect(),
    };
    // CREATE on a schema or database is rarely what an application lacks.
    let asked: Vec<&str> = asked.into_iter().filter(|one| *one != "CREATE" || missing.len() == 1).collect();
    if !asked.is_empty() {
        lacks.push(format!("{} on {name}", asked.join(", ")));
        statements.push(format!("GRANT {} ON {what} {name} TO {grantee};", asked.join(", ")));
    }
    if lacks.is_empty() {
        return None;
    }
    let sentence = format!("role {role} lacks {}", lacks.join(" and "));
    Some(reason("privilege", Severity::Error, word(what), name, sentence).remedy(sql(statements)))
}

fn word(what: &str) -> &'static str {
    match what {
        "SEQUENCE" => "sequence",
        "FUNCTION" => "function",
        "SCHEMA" => "schema",
        "DATABASE" => "database",
        "INDEX" => "index",
        "TYPE" => "type",
        _ => "table",
    }
}

fn owned(object: &GrantedObject, role: &str) -> Finding {
    let GrantedObject { what, object, owner, .. } = object;
    let sentence =
        format!("it belongs to role {owner}, and {role} is another one: only the owner changes it");
    let advice = format!(
        "run migrations as {owner}: set_role under [database] in trueup.toml, or SET ROLE {}",
        identifier(owner)
    );
    reason("privilege", Severity::Error, word(what), object, sentence).remedy(Remedy::advice(advice))
}
