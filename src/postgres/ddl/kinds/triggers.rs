//! Triggers, event triggers and rules.

use crate::postgres::catalog::{Attribute, Kind, Object};
use crate::postgres::sql::identifier;

use super::super::names::{alter_relation, subject};

pub(in crate::postgres::ddl) fn create(object: &Object) -> Vec<String> {
    // A partition has it from its parent: only when it fires is its own.
    if object.id.kind == Kind::Trigger && object.get(Attribute::PartitionOf).is_some() {
        return enable(object, object).into_iter().collect();
    }
    let definition =
        if object.id.kind == Kind::EventTrigger { event_trigger(object) } else { printed(object) };
    let enabled = object.attributes.stated(Attribute::Enabled).and_then(|_| enable(object, object));
    [definition].into_iter().chain(enabled).collect()
}

fn printed(object: &Object) -> String {
    format!("{};", object.get(Attribute::Definition).unwrap_or_default().trim_end().trim_end_matches(';'))
}

fn event_trigger(object: &Object) -> String {
    let event = object.get(Attribute::Event).unwrap_or_default();
    let mut sql = format!("CREATE EVENT TRIGGER {} ON {event}", identifier(&object.id.name));
    if let Some(tags) = object.get(Attribute::Tags) {
        sql.push_str(&format!(" WHEN TAG IN ({tags})"));
    }
    let function = object.get(Attribute::Runs).unwrap_or_default();
    let call = if function.ends_with(')') { "" } else { "()" };
    format!("{sql} EXECUTE FUNCTION {function}{call};")
}

/// The statement that puts `actual` into the state that `declared` has.
fn enable(declared: &Object, actual: &Object) -> Option<String> {
    let action = match declared.get(Attribute::Enabled)? {
        "disabled" => "DISABLE",
        "replica" => "ENABLE REPLICA",
        "always" => "ENABLE ALWAYS",
        _ => "ENABLE",
    };
    let name = identifier(&actual.id.name);
    let relation = alter_relation(&actual.id);
    Some(match actual.id.kind {
        Kind::EventTrigger => format!("ALTER {} {action};", subject(&actual.id)),
        Kind::Rule => format!("{relation} {action} RULE {name};"),
        _ => format!("{relation} {action} TRIGGER {name};"),
    })
}

fn is_constraint(trigger: &Object) -> bool {
    printed(trigger).starts_with("CREATE CONSTRAINT TRIGGER ")
}

pub(in crate::postgres::ddl) fn alter(
    declared: &Object,
    actual: &Object,
    attribute: Attribute,
) -> Option<String> {
    match (actual.id.kind, attribute) {
        (_, Attribute::Enabled) => enable(declared, actual),
        // A replaced trigger fires at origin again; a constraint trigger cannot be replaced.
        (Kind::Trigger, Attribute::Definition)
            if declared.is(Attribute::Enabled, "origin") && !is_constraint(actual) =>
        {
            Some(format!("CREATE OR REPLACE TRIGGER {}", printed(declared).strip_prefix("CREATE TRIGGER ")?))
        }
        (Kind::Rule, Attribute::Definition) => {
            Some(format!("CREATE OR REPLACE RULE {}", printed(declared).strip_prefix("CREATE RULE ")?))
        }
        _ => None,
    }
}
