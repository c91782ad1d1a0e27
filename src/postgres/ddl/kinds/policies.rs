//! Row level security policies.

use crate::postgres::catalog::{Attribute, Object};

use super::super::names::subject;

pub(in crate::postgres::ddl) fn create(object: &Object) -> Vec<String> {
    let mut sql = format!("CREATE {}", subject(&object.id));
    if object.is(Attribute::Permissive, "false") {
        sql.push_str(" AS RESTRICTIVE");
    }
    if let Some(command) = object.attributes.stated(Attribute::Command) {
        sql.push_str(&format!(" FOR {}", command.to_uppercase()));
    }
    if let Some(roles) = object.attributes.stated(Attribute::Roles) {
        sql.push_str(&format!(" TO {roles}"));
    }
    for attribute in [Attribute::Using, Attribute::WithCheck] {
        if let Some(expression) = object.get(attribute) {
            sql.push_str(&format!(" {} ({expression})", word(attribute)));
        }
    }
    vec![sql + ";"]
}

fn word(attribute: Attribute) -> &'static str {
    if attribute == Attribute::Using { "USING" } else { "WITH CHECK" }
}

/// ALTER POLICY changes roles and expressions; it cannot take an expression away.
pub(in crate::postgres::ddl) fn alter(
    declared: &Object,
    actual: &Object,
    attribute: Attribute,
) -> Option<String> {
    let wanted = declared.get(attribute)?;
    let action = match attribute {
        Attribute::Roles => format!("TO {wanted}"),
        Attribute::Using | Attribute::WithCheck => format!("{} ({wanted})", word(attribute)),
        _ => return None,
    };
    Some(format!("ALTER {} {action};", subject(&actual.id)))
}
