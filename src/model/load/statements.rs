//! Statements that are loaded in a way of their own, by their first words.

use crate::migrations::script::Tokens;
use crate::postgres::sql::Statement;

pub(super) fn is_about_defaults(statement: &Statement<'_>) -> bool {
    statement.starts_with(&["alter", "default", "privileges"])
}

pub(super) fn is_about_event_trigger(statement: &Statement<'_>) -> bool {
    statement.starts_with(&["comment", "on", "event", "trigger"])
        || ["create", "alter", "drop"].iter().any(|verb| statement.starts_with(&[verb, "event", "trigger"]))
}

/// The statement that creates a routine, for one that is there already.
pub(super) fn replacing(statement: &Statement<'_>) -> String {
    match statement.starts_with(&["create", "or", "replace"]) {
        true => statement.text.to_owned(),
        false => format!("CREATE OR REPLACE{}", &statement.text["create".len()..]),
    }
}

/// Whether a statement drops the schema that another creates, where it need not be there: `IF EXISTS`, or `public`.
pub(super) fn drops_schema_of(statement: &Statement<'_>, create: &Statement<'_>) -> bool {
    let mut tokens = Tokens::of(statement, 16);
    if !tokens.take(&["drop", "schema"]) {
        return false;
    }
    let need_not_be_there = tokens.take(&["if", "exists"]);
    let dropped: Vec<_> = tokens.take_names().into_iter().map(|(name, _)| name).collect();
    let mut tokens = Tokens::of(create, 16);
    tokens.take(&["create", "schema"]);
    tokens.take(&["if", "not", "exists"]);
    let created = tokens.take_name();
    dropped.len() == 1
        && dropped.first() == created.as_ref()
        && created.is_some_and(|created| need_not_be_there || created.name == "public")
}
