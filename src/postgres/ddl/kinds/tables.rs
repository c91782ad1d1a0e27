//! Tables: ordinary, partitioned, partitions, of a type.

use crate::postgres::catalog::{Attribute, Kind, Object};
use crate::postgres::sql::identifier;

use super::super::names::{belongings, qualified_id};
use super::super::options;
use super::super::text::split_list;
use super::columns;

/// See [`super::super::create`]; owner and comment of the table itself are left to it. `inherited` are the columns of its
/// parents: what a column has from them is not said again.
pub(in crate::postgres::ddl) fn create(
    table: &Object,
    parts: &[&Object],
    inherited: &[&Object],
) -> Vec<String> {
    let mut ordered: Vec<_> = parts.iter().copied().filter(|part| part.id.kind == Kind::Column).collect();
    ordered.sort_by_key(|column| {
        column.get(Attribute::Position).and_then(|position| position.parse::<i32>().ok())
    });
    let sequence_of = |column: &Object| {
        let owner = column.id.to_string();
        let mut sequences = parts.iter().copied().filter(|part| part.id.kind == Kind::Sequence);
        sequences.find(|sequence| sequence.is(Attribute::OwnedBy, &owner))
    };

    let unlogged = if table.is(Attribute::Persistence, "unlogged") { "UNLOGGED " } else { "" };
    let mut sql = format!("CREATE {unlogged}TABLE {}", qualified_id(&table.id));
    let partition = table.get(Attribute::PartitionOf);
    let of_type = table.get(Attribute::OfType);
    if partition.is_some() || of_type.is_some() {
        match (partition, of_type) {
            (Some(parent), _) => sql.push_str(&format!(" PARTITION OF {parent}")),
            (None, kind) => sql.push_str(&format!(" OF {}", kind.unwrap_or_default())),
        }
        let own = ordered.iter().filter_map(|column| {
            // A partition has its generated and identity columns from its parent.
            let from_parent = partition.is_some()
                && (column.get(Attribute::Generated).is_some() || column.get(Attribute::Identity).is_some());
            let value = columns::value(column, sequence_of(column));
            let is_own = !(value.is_empty() || from_parent || is_inherited(column, inherited));
            is_own.then(|| format!("    {}{value}", identifier(&column.id.name)))
        });
        let own: Vec<_> = own.collect();
        if !own.is_empty() {
            sql.push_str(&format!(" (\n{}\n)", own.join(",\n")));
        }
        if partition.is_some() {
            sql.push_str(&format!(" {}", table.get(Attribute::Bounds).unwrap_or("DEFAULT")));
        }
    } else {
        let own = ordered.iter().filter(|column| !is_inherited(column, inherited));
        let own = own.map(|column| format!("    {}", columns::definition(column, sequence_of(column))));
        match own.collect::<Vec<_>>() {
            own if own.is_empty() => sql.push_str(" ()"),
            own => sql.push_str(&format!(" (\n{}\n)", own.join(",\n"))),
        }
    }
    if let Some(inherits) = table.get(Attribute::Inherits) {
        sql.push_str(&format!(" INHERITS ({inherits})"));
    }
    if let Some(key) = table.get(Attribute::PartitionBy) {
        sql.push_str(&format!(" PARTITION BY {key}"));
    }
    if let Some(method) = table.attributes.stated(Attribute::AccessMethod) {
        sql.push_str(&format!(" USING {}", identifier(method)));
    }
    sql.push_str(&options::with(table.get(Attribute::Options)));

    let mut statements = vec![sql + ";"];
    for attribute in [Attribute::RowSecurity, Attribute::ForceRowSecurity] {
        statements.extend(table.attributes.stated(attribute).and_then(|_| setting(table, attribute)));
    }
    // An index that identifies rows is made later than its table.
    if !table.get(Attribute::ReplicaIdentity).is_some_and(|identity| identity.starts_with("index ")) {
        let stated = table.attributes.stated(Attribute::ReplicaIdentity);
        statements.extend(stated.and_then(|_| setting(table, Attribute::ReplicaIdentity)));
    }
    for column in &ordered {
        statements.extend(columns::extras(column));
        statements.extend(belongings(column));
    }
    statements
}

/// Whether a column is as all parents have it that have one of its name.
fn is_inherited(column: &Object, inherited: &[&Object]) -> bool {
    let mut of_parents = inherited.iter().filter(|other| other.id.name == column.id.name).peekable();
    of_parents.peek().is_some()
        && of_parents.all(|other| columns::definition(other, None) == columns::definition(column, None))
        && column.get(Attribute::Identity).is_none()
}

/// `DROP DEFAULT` for each column of a new partition or heir that has none, where a parent's has one.
pub(in crate::postgres::ddl) fn undo_inherited_defaults(
    columns: &[&Object],
    parents: &[&Object],
) -> Vec<String> {
    let inherits = |column: &&&Object| {
        let mut parents = parents.iter().filter(|parent| parent.id.name == column.id.name);
        column.get(Attribute::Default).is_none()
            && parents.any(|parent| parent.get(Attribute::Default).is_some())
    };
    let drop = |column: &&Object| {
        let (table, name) = (column.id.relation_path(), identifier(&column.id.name));
        format!("ALTER TABLE ONLY {table} ALTER COLUMN {name} DROP DEFAULT;")
    };
    columns.iter().filter(inherits).map(drop).collect()
}

/// `REPLICA IDENTITY USING INDEX` and `CLUSTER ON`, where the table says so: after the index has been made.
pub(in crate::postgres::ddl) fn settings_by_index(table: &Object) -> Vec<String> {
    let identity = table.get(Attribute::ReplicaIdentity).filter(|identity| identity.starts_with("index "));
    let identity = identity.and_then(|_| setting(table, Attribute::ReplicaIdentity));
    let cluster = table.get(Attribute::ClusterOn).and_then(|_| setting(table, Attribute::ClusterOn));
    identity.into_iter().chain(cluster).collect()
}

fn attach(table: &Object, parent: &str) -> String {
    let bounds = table.get(Attribute::Bounds).unwrap_or("DEFAULT");
    format!("ALTER TABLE {parent} ATTACH PARTITION {} {bounds};", qualified_id(&table.id))
}

/// The statement that gives the table an attribute's value, for those that have one of their own.
fn setting(table: &Object, attribute: Attribute) -> Option<String> {
    let value = table.get(attribute);
    let action = match (attribute, value) {
        (Attribute::Persistence, Some("unlogged")) => "SET UNLOGGED".into(),
        (Attribute::Persistence, _) => "SET LOGGED".into(),
        (Attribute::OfType, Some(kind)) => format!("OF {kind}"),
        (Attribute::OfType, None) => "NOT OF".into(),
        (Attribute::AccessMethod, Some(method)) => format!("SET ACCESS METHOD {}", identifier(method)),
        (Attribute::RowSecurity, Some("true")) => "ENABLE ROW LEVEL SECURITY".into(),
        (Attribute::RowSecurity, _) => "DISABLE ROW LEVEL SECURITY".into(),
        (Attribute::ForceRowSecurity, Some("true")) => "FORCE ROW LEVEL SECURITY".into(),
        (Attribute::ForceRowSecurity, _) => "NO FORCE ROW LEVEL SECURITY".into(),
        (Attribute::ReplicaIdentity, Some(identity)) => match identity.strip_prefix("index ") {
            Some(index) => format!("REPLICA IDENTITY USING INDEX {index}"),
            None => format!("REPLICA IDENTITY {}", identity.to_uppercase()),
        },
        (Attribute::ClusterOn, Some(index)) => format!("CLUSTER ON {index}"),
        (Attribute::ClusterOn, None) => "SET WITHOUT CLUSTER".into(),
        _ => return None,
    };
    Some(format!("ALTER TABLE {} {action};", qualified_id(&table.id)))
}

pub(in crate::postgres::ddl) fn alter(
    declared: &Object,
    actual: &Object,
    attribute: Attribute,
) -> Option<String> {
    // What is said of the declared table, about the table that is there.
    let wanted = Object { id: actual.id.clone(), attributes: declared.attributes.clone() };
    let name = qualified_id(&actual.id);
    match attribute {
        Attribute::Options => {
            let actions = options::actions("", declared.get(attribute), actual.get(attribute));
            Some(format!("ALTER TABLE {name} {};", actions.join(", ")))
        }
        Attribute::PartitionOf => match (declared.get(attribute), actual.get(attribute)) {
            (Some(parent), None) => Some(attach(&wanted, parent)),
            (None, Some(parent)) => Some(format!("ALTER TABLE {parent} DETACH PARTITION {name};")),
            _ => None,
        },
        // Attaching and detaching say them.
        Attribute::Bounds => match (declared.get(Attribute::PartitionOf), actual.get(Attribute::PartitionOf))
        {
            (Some(_), None) | (None, Some(_)) => alter(declared, actual, Attribute::PartitionOf),
            _ => None,
        },
        Attribute::Inherits => Some(format!("ALTER TABLE {name} {};", heritage(declared, actual)?)),
        _ => setting(&wanted, attribute),
    }
}

/// The actions that make the live parents the declared ones, where new ones come last.
fn heritage(declared: &Object, actual: &Object) -> Option<String> {
    let declared = split_list(declared.get(Attribute::Inherits).unwrap_or_default());
    let actual = split_list(actual.get(Attribute::Inherits).unwrap_or_default());
    let (kept, gone): (Vec<_>, Vec<_>) = actual.into_iter().partition(|parent| declared.contains(parent));
    let new = declared.strip_prefix(&kept[..])?;
    let gone = gone.iter().map(|parent| format!("NO INHERIT {parent}"));
    Some(gone.chain(new.iter().map(|parent| format!("INHERIT {parent}"))).collect::<Vec<_>>().join(", "))
}
