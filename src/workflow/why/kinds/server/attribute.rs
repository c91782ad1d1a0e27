//! `42501` where it is no right on an object that a role lacks, but an attribute of its own.

use super::super::super::case::Case;
use super::super::super::explanation::{Explanation, reason};
use super::super::ErrorKind;
use super::privilege;
use crate::findings::{Remedy, Severity};
use crate::postgres::sql::identifier;

pub(in super::super) const KIND: ErrorKind = ErrorKind {
    patterns: &[
        "permission denied to (?P<what>[a-z]+(?: [a-z]+){0,3})",
        "must be (?P<what>superuser)",
        "must have (?P<what>[A-Z]+) (?:privilege|attribute)",
    ],
    meaning: "The role of the application is not allowed to do this kind of thing at all.",
    asks: &[],
    judge,
    ..privilege::KIND
};

fn judge(case: &Case<'_>) -> Explanation {
    let settings = &case.facts.settings;
    let role = &settings.role;
    let what = case.names().what.clone().unwrap_or_default();
    let (needed, advice) = match what.as_str() {
        _ if what.starts_with("create role") || what.contains("CREATEROLE") => ("CREATEROLE", None),
        _ if what.starts_with("create database") || what.contains("CREATEDB") => ("CREATEDB", None),
        _ if what.contains("REPLICATION") => ("REPLICATION", None),
        _ if what.starts_with("create extension") => (
            "SUPERUSER",
            Some(
                "let a superuser create it; a trusted extension wants only CREATE on the database".to_owned(),
            ),
        ),
        _ if what.starts_with("set role") || what.starts_with("set session") => (
            "SUPERUSER",
            Some(format!("make it a member of the other role: GRANT ... TO {}", identifier(role))),
        ),
        _ => (
            "SUPERUSER",
            Some("let a superuser do it, or a role that the HINT of the message names".to_owned()),
        ),
    };
    if settings.attributes.iter().any(|has| has == "SUPERUSER" || has == needed) {
        return Explanation::elsewhere(
            format!("role {role} has {needed}: the application connects as another role"),
            "ask for the role of the application's URL: trueup why --role ROLE",
        );
    }
    let advice = advice
        .unwrap_or_else(|| format!("ALTER ROLE {} {needed}, or use a role that has it", identifier(role)));
    let sentence = match needed {
        "SUPERUSER" => format!(
            "it is not a superuser: {}",
            match what == "superuser" {
                true => "only these may do this".to_owned(),
                false => format!("it needs more to {what}"),
            }
        ),
        _ => format!("it lacks {needed}"),
    };
    let found = reason("privilege", Severity::Error, "role", role, sentence).remedy(Remedy::advice(advice));
    Explanation::explained(vec![found], format!("role {role} lacks a right"))
}
