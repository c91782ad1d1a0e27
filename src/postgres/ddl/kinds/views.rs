//! Views and materialized views.

use crate::postgres::catalog::{Attribute, Kind, Object};
use crate::postgres::sql::identifier;

use super::super::names::{qualified_id, subject};
use super::super::options;
use super::super::text::output_columns;
use super::tables;

pub(in crate::postgres::ddl) fn create(object: &Object) -> Vec<String> {
    vec![if object.id.kind == Kind::View {
        view(object, "CREATE", &qualified_id(&object.id))
    } else {
        materialized(object)
    }]
}

fn query(object: &Object) -> &str {
    object.get(Attribute::Definition).unwrap_or_default().trim_end().trim_end_matches(';')
}

fn view(object: &Object, verb: &str, name: &str) -> String {
    format!("{verb} VIEW {name}{} AS\n{};", options::with(object.get(Attribute::Options)), query(object))
}

fn materialized(object: &Object) -> String {
    let mut sql = format!("CREATE MATERIALIZED VIEW {}", qualified_id(&object.id));
    if let Some(method) = object.attributes.stated(Attribute::AccessMethod) {
        sql.push_str(&format!(" USING {}", identifier(method)));
    }
    sql.push_str(&options::with(object.get(Attribute::Options)));
    format!("{sql} AS\n{};", query(object))
}

pub(in crate::postgres::ddl) fn alter(
    declared: &Object,
    actual: &Object,
    attribute: Attribute,
) -> Option<String> {
    let wanted = declared.get(attribute);
    match (actual.id.kind, attribute) {
        (_, Attribute::Options) => {
            let actions = options::actions("", wanted, actual.get(attribute));
            // ALTER VIEW takes one action; ALTER MATERIALIZED VIEW takes several.
            let is_accepted = actual.id.kind == Kind::MaterializedView || actions.len() == 1;
            is_accepted.then(|| format!("ALTER {} {};", subject(&actual.id), actions.join(", ")))
        }
        (Kind::View, Attribute::Definition) => {
            // A view can be replaced by one that has its columns and more behind them.
            let (new, old) = (output_columns(query(declared))?, output_columns(query(actual))?);
            new.starts_with(&old).then(|| view(declared, "CREATE OR REPLACE", &qualified_id(&actual.id)))
        }
        (Kind::MaterializedView, Attribute::AccessMethod) => {
            Some(format!("ALTER {} SET ACCESS METHOD {};", subject(&actual.id), identifier(wanted?)))
        }
        (Kind::MaterializedView, Attribute::ClusterOn) => tables::alter(declared, actual, attribute),
        _ => None,
    }
}
