//! Which file of `schema/` an object is declared in.

use std::collections::HashMap;

use super::file_names::file_name;
use crate::postgres::catalog::{Attribute, Catalog, Kind, Object, ObjectId};

/// The directory of the schema's files.
const SCHEMA: &str = "schema";
/// Default privileges act on what the same file creates: they have one of their own.
const DEFAULT_PRIVILEGES: &str = "schema/default_privileges.sql";
/// The directory of `schema/` that holds rows; a schema of that name has another one.
const SEEDS: &str = "seeds";

/// The files of a catalog's objects.
pub(in crate::model) struct Layout {
    /// The file of each relation, by its qualified and quoted name.
    relations: HashMap<String, String>,
}

impl Layout {
    /// Looks at the relations of a catalog, whose files their parts share.
    pub(in crate::model) fn new(catalog: &Catalog) -> Self {
        let is_relation =
            |object: &Object| matches!(object.id.kind, Kind::Table | Kind::View | Kind::MaterializedView);
        let relations = catalog.objects.iter().filter(|object| is_relation(object));
        let relations =
            relations.map(|object| (object.id.to_string(), own_file(&object.id))).collect::<HashMap<_, _>>();
        // A sequence that is not a column's is where all of its schema are.
        let sequences = catalog.objects.iter().filter(|object| object.id.kind == Kind::Sequence);
        let sequences: Vec<(String, String)> = sequences
            .map(|sequence| {
                let table = owner(sequence).and_then(|table| relations.get(&table).cloned());
                (sequence.id.to_string(), table.unwrap_or_else(|| own_file(&sequence.id)))
            })
            .collect();
        Self { relations: relations.into_iter().chain(sequences).collect() }
    }

    /// Knows no catalog: what a name alone says.
    pub(in crate::model) fn of_names() -> Self {
        Self { relations: HashMap::new() }
    }

    /// The file that declares an object.
    pub(in crate::model) fn file_of(&self, object: &Object) -> String {
        let relation = object.get(Attribute::OnTable).map(str::to_owned).or_else(|| owner(object));
        let of_relation = relation.and_then(|relation| self.relations.get(&relation).cloned());
        of_relation.unwrap_or_else(|| self.file_of_id(&object.id))
    }

    /// The file that declares the object of a name, where that does not depend on the object's attributes.
    pub(in crate::model) fn file_of_id(&self, id: &ObjectId) -> String {
        if id.kind.is_under_relation() {
            let table =
                || ObjectId::in_schema(Kind::Table, id.schema.clone().unwrap_or_default(), relation_of(id));
            return self.relations.get(&id.relation_path()).cloned().unwrap_or_else(|| own_file(&table()));
        }
        if id.kind == Kind::Privilege {
            return self.file_of_grant(id);
        }
        own_file(id)
    }

    /// The file of what a grant is about; see [`ObjectId::suffix`].
    fn file_of_grant(&self, id: &ObjectId) -> String {
        let suffix = id.suffix.as_deref().unwrap_or_default();
        let of_kind = |kind: Kind| own_file(&ObjectId { kind, suffix: None, ..id.clone() });
        match suffix {
            _ if suffix.starts_with(" FOR ROLE ") => DEFAULT_PRIVILEGES.to_owned(),
            _ if id.schema.is_none() => of_kind(Kind::Schema),
            _ if suffix.starts_with(" TYPE ") => of_kind(Kind::Enum),
            _ if suffix.starts_with('(') => of_kind(Kind::Function),
            _ => self.relations.get(&id.relation_path()).cloned().unwrap_or_else(|| of_kind(Kind::Table)),
        }
    }
}

fn relation_of(id: &ObjectId) -> &str {
    id.relation.as_deref().unwrap_or(&id.name)
}

/// The table whose column owns a sequence.
fn owner(object: &Object) -> Option<String> {
    let column = ObjectId::parse(Kind::Column, object.get(Attribute::OwnedBy)?)?;
    Some(column.relation_path())
}

/// The file of what stands in a schema, or outside of all.
fn own_file(id: &ObjectId) -> String {
    let in_schema = |rest: &str| {
        let schema = match id.schema.as_deref().unwrap_or_default() {
            SEEDS => "%73eeds".to_owned(),
            schema => file_name(schema),
        };
        format!("{SCHEMA}/{schema}/{rest}.sql")
    };
    let name = file_name(&id.name);
    match id.kind {
        Kind::Schema => format!("{SCHEMA}/schemas.sql"),
        Kind::Extension => format!("{SCHEMA}/extensions.sql"),
        Kind::EventTrigger => format!("{SCHEMA}/event_triggers.sql"),
        Kind::Collation | Kind::Enum | Kind::Domain | Kind::CompositeType | Kind::RangeType => {
            in_schema("types")
        }
        Kind::Sequence => in_schema("sequences"),
        Kind::View | Kind::MaterializedView => in_schema(&format!("views/{name}")),
        Kind::Function | Kind::Procedure | Kind::Aggregate => in_schema(&format!("functions/{name}")),
        _ => in_schema(&name),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::postgres::catalog::Attributes;

    fn object(id: ObjectId, attributes: &[(Attribute, &str)]) -> Arc<Object> {
        let attributes = attributes.iter().map(|(attribute, value)| (*attribute, (*value).into())).collect();
        Arc::new(Object { id, attributes: Attributes::new(attributes) })
    }

    #[test]
    fn parts_stand_with_their_relation() {
        let named = |kind, name: &str| ObjectId::in_schema(kind, "app", name);
        let of = |kind, relation: &str| ObjectId::under(kind, "app", relation, "part");
        let grant = |name: &str, suffix: &str| ObjectId {
            suffix: Some(suffix.into()),
            ..named(Kind::Privilege, name)
        };
        let on = |table| [(Attribute::OnTable, table)];
        let owned = [(Attribute::OwnedBy, "app.\"T\".id")];
        let cases: &[(Arc<Object>, &str)] = &[
            (object(ObjectId::bare(Kind::Schema, "app"), &[]), "schema/schemas.sql"),
            (object(ObjectId::bare(Kind::Extension, "citext"), &[]), "schema/extensions.sql"),
            (object(named(Kind::Table, "T"), &[]), "schema/app/+t.sql"),
            (object(named(Kind::Table, "a/b"), &[]), "schema/app/a%2fb.sql"),
            (object(of(Kind::Policy, "T"), &[]), "schema/app/+t.sql"),
            (object(named(Kind::Sequence, "T_id_seq"), &owned), "schema/app/+t.sql"),
            (object(named(Kind::Sequence, "alone"), &[]), "schema/app/sequences.sql"),
            (object(named(Kind::Index, "i"), &on("app.\"T\"")), "schema/app/+t.sql"),
            (object(named(Kind::Statistics, "s"), &on("app.\"T\"")), "schema/app/+t.sql"),
            (object(named(Kind::MaterializedView, "m"), &[]), "schema/app/views/m.sql"),
            (object(named(Kind::Index, "m_i"), &on("app.m")), "schema/app/views/m.sql"),
            (object(of(Kind::Trigger, "m"), &[]), "schema/app/views/m.sql"),
            (object(named(Kind::Domain, "d"), &[]), "schema/app/types.sql"),
            (
                object(ObjectId::routine(Kind::Function, "app", "f", "integer"), &[]),
                "schema/app/functions/f.sql",
            ),
            (
                object(ObjectId::routine(Kind::Aggregate, "app", "f", "text"), &[]),
                "schema/app/functions/f.sql",
            ),
            (object(ObjectId::in_schema(Kind::Table, "seeds", "t"), &[]), "schema/%73eeds/t.sql"),
            (object(grant("m", " TO reporting"), &[]), "schema/app/views/m.sql"),
            (object(grant("T_id_seq", " TO reporting"), &[]), "schema/app/+t.sql"),
            (object(grant("f", "(integer) TO reporting"), &[]), "schema/app/functions/f.sql"),
            (object(grant("d", " TYPE TO reporting"), &[]), "schema/app/types.sql"),
        ];
        let objects = cases.iter().map(|(object, _)| Arc::clone(object)).collect();
        let layout = Layout::new(&Catalog::new(objects, Vec::new()));
        for (object, file) in cases {
            assert_eq!(layout.file_of(object), *file, "{}", object.id);
        }
    }
}
