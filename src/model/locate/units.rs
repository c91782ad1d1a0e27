//! What a statement of `schema/` is about: the unit that is written, and written again, as one. A table is one with its
//! columns and constraints; its indexes, triggers, policies, rules and statistics are units of their own.

use std::collections::HashMap;
use std::ops::Range;

use super::names::{DEFAULT_PRIVILEGES, DeclaredName, Namespace};
use super::parse::{Declaration, Reader, declarations};
use crate::postgres::catalog::{Attribute, Catalog, Kind, Object, ObjectId};
use crate::postgres::sql::{Part, Statement};

/// The units of the objects of some catalogs.
pub(in crate::model) struct Units {
    /// The sequences that belong to columns, which are written with the table, by their names.
    owned: HashMap<DeclaredName, DeclaredName>,
}

impl Units {
    /// Looks at the objects of the catalogs.
    pub(in crate::model) fn of(catalogs: &[&Catalog]) -> Self {
        let objects = catalogs.iter().flat_map(|catalog| &catalog.objects);
        let owned = objects.filter_map(|object| {
            let column = ObjectId::parse(Kind::Column, object.get(Attribute::OwnedBy)?)?;
            Some((DeclaredName::of(&object.id)?, unit_of_id(&column)))
        });
        Self { owned: owned.collect() }
    }

    /// The unit of an object.
    pub(in crate::model) fn unit(&self, object: &Object) -> DeclaredName {
        self.resolved(unit_of_id(&object.id))
    }

    /// The unit of the object of a name.
    pub(in crate::model) fn unit_of(&self, id: &ObjectId) -> DeclaredName {
        self.resolved(unit_of_id(id))
    }

    /// The unit that a name of [`about`] belongs to.
    pub(in crate::model) fn resolved(&self, name: DeclaredName) -> DeclaredName {
        self.owned.get(&name).cloned().unwrap_or(name)
    }
}

/// The unit of an object by its name alone.
fn unit_of_id(id: &ObjectId) -> DeclaredName {
    let suffix = id.suffix.as_deref().unwrap_or_default();
    let of_kind = |kind| DeclaredName::of(&ObjectId { kind, suffix: None, ..id.clone() });
    let named = match id.kind {
        Kind::Privilege if suffix.starts_with(" FOR ROLE ") => None,
        Kind::Privilege if id.schema.is_none() => of_kind(Kind::Schema),
        Kind::Privilege if suffix.starts_with(" TYPE ") => of_kind(Kind::Enum),
        Kind::Privilege if suffix.starts_with('(') => of_kind(Kind::Function),
        Kind::Privilege => of_kind(Kind::Table),
        _ => DeclaredName::of(id),
    };
    named.map_or_else(default_privileges, unit_of_name)
}

/// Columns and constraints are written with their table.
fn unit_of_name(name: DeclaredName) -> DeclaredName {
    match name.namespace {
        Namespace::Column | Namespace::Constraint => DeclaredName {
            namespace: Namespace::Relation,
            name: name.relation,
            relation: String::new(),
            schema: name.schema,
        },
        _ => name,
    }
}

fn default_privileges() -> DeclaredName {
    let none = String::new();
    DeclaredName {
        namespace: Namespace::DefaultPrivileges,
        schema: none.clone(),
        relation: none,
        name: DEFAULT_PRIVILEGES.to_owned(),
    }
}

impl DeclaredName {
    /// The name without what it stands in.
    pub(in crate::model) fn last(&self) -> &str {
        &self.name
    }

    /// The unit of the relation that this one stands under; `None` where its name does not tell.
    pub(in crate::model) fn parent(&self) -> Option<Self> {
        (!self.relation.is_empty()).then(|| Self {
            namespace: Namespace::Relation,
            name: self.relation.clone(),
            relation: String::new(),
            schema: self.schema.clone(),
        })
    }
}

/// A statement that makes or changes something.
pub(in crate::model) struct About {
    /// The unit that it is about.
    pub(in crate::model) unit: DeclaredName,
    /// Whether it makes it.
    pub(in crate::model) creates: bool,
}

/// What a statement is about; `None` for what is about nothing in particular, or several things at once, and for what no
/// catalog shows: such statements stay where they are. `schema` is where names without a schema go; `SET search_path`
/// changes it.
pub(in crate::model) fn about(statement: &Statement<'_>, schema: &mut String) -> Option<About> {
    let creates = statement.starts_with(&["create"]);
    let declared = declarations(statement, schema).into_iter().find_map(|declaration| match declaration {
        Declaration::Object { name, .. } => Some(unit_of_name(name)),
        Declaration::Grant { .. } => None,
    });
    if creates {
        return declared.map(|unit| About { unit, creates });
    }
    let parts: Vec<(Range<usize>, Part<'_>)> = statement.placed_parts().collect();
    let mut reader = Reader::new(statement, &parts, schema);
    let unit = if reader.accept("alter") {
        // Where files lie is in no catalog here.
        if statement.words().any(|word| word == "tablespace") { None } else { reader.altered() }
    } else if reader.accept("comment") {
        reader.accept("on").then(|| reader.named()).flatten()
    } else if reader.accept("grant") || reader.accept("revoke") {
        reader.granted()
    } else {
        None
    };
    unit.map(|unit| About { unit: unit_of_name(unit), creates })
}

impl Reader<'_, '_> {
    fn altered(&mut self) -> Option<DeclaredName> {
        match self.is("default") {
            true => Some(default_privileges()),
            false => self.named(),
        }
    }

    /// A kind of object and the name of one, as `ALTER` and `COMMENT ON` have them.
    fn named(&mut self) -> Option<DeclaredName> {
        let _ = self.accept("materialized") || self.accept("foreign");
        let is_event = self.accept("event");
        let relations = ["table", "view", "index", "sequence"];
        if relations.into_iter().any(|word| self.accept(word)) {
            return self.after_if(Namespace::Relation);
        }
        if self.accept("column") {
            return self.column();
        }
        if ["type", "domain"].into_iter().any(|word| self.accept(word)) {
            return self.after_if(Namespace::Type);
        }
        if ["function", "procedure", "aggregate", "routine"].into_iter().any(|word| self.accept(word)) {
            return self.after_if(Namespace::Routine);
        }
        if self.accept("collation") {
            return self.after_if(Namespace::Collation);
        }
        if self.accept("statistics") {
            return self.after_if(Namespace::Statistics);
        }
        if self.accept("schema") {
            return self.alone(Namespace::Schema);
        }
        if self.accept("extension") {
            return self.alone(Namespace::Extension);
        }
        if is_event {
            return self.accept("trigger").then(|| self.alone(Namespace::EventTrigger)).flatten();
        }
        let under = [
            ("constraint", Namespace::Constraint),
            ("trigger", Namespace::Trigger),
            ("policy", Namespace::Policy),
            ("rule", Namespace::Rule),
        ];
        let namespace =
            under.into_iter().find(|(word, _)| self.accept(word)).map(|(_, namespace)| namespace)?;
        let name = self.name()?;
        if !self.accept("on") {
            return None;
        }
        if namespace == Namespace::Constraint && self.accept("domain") {
            return self.after_if(Namespace::Type);
        }
        let (schema, relation) = self.qualified()?;
        Some(DeclaredName { namespace, schema, relation, name })
    }

    fn after_if(&mut self, namespace: Namespace) -> Option<DeclaredName> {
        if self.accept("if") {
            self.accept("exists");
        }
        self.accept("only");
        let (schema, name) = self.qualified()?;
        Some(DeclaredName { namespace, schema, relation: String::new(), name })
    }

    fn alone(&mut self, namespace: Namespace) -> Option<DeclaredName> {
        let name = self.name()?;
        Some(DeclaredName { namespace, schema: String::new(), relation: String::new(), name })
    }

    /// `schema.table.column`: the table.
    fn column(&mut self) -> Option<DeclaredName> {
        let mut path = vec![self.name()?];
        while self.accept_sign(".") {
            path.push(self.name()?);
        }
        path.pop()?;
        let name = path.pop()?;
        let schema = path.pop().unwrap_or_else(|| self.default_schema());
        Some(DeclaredName { namespace: Namespace::Relation, schema, relation: String::new(), name })
    }

    /// `GRANT ... ON [kind] name TO ...`; of several names, none.
    fn granted(&mut self) -> Option<DeclaredName> {
        self.skip_to("on")?;
        let unit = match self.starts_a_kind() {
            true => self.named()?,
            false => self.after_if(Namespace::Relation)?,
        };
        if unit.namespace == Namespace::Routine {
            self.skip_parentheses();
        }
        (self.is("to") || self.is("from")).then_some(unit)
    }

    fn starts_a_kind(&self) -> bool {
        let kinds =
            ["table", "sequence", "function", "procedure", "routine", "schema", "type", "domain", "all"];
        kinds.into_iter().any(|word| self.is(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::sql::split;

    fn unit(text: &str) -> Option<String> {
        let statements = split(text).unwrap();
        let mut schema = "public".to_owned();
        let about = statements.iter().map(|statement| about(statement, &mut schema)).last()??;
        let DeclaredName { namespace, schema, relation, name } = about.unit;
        let path: Vec<String> =
            [schema, relation, name].into_iter().filter(|part| !part.is_empty()).collect();
        Some(format!("{namespace:?} {}{}", path.join("."), if about.creates { "!" } else { "" }))
    }

    #[test]
    fn statements_are_about_units() {
        for (text, expected) in [
            ("CREATE TABLE t (id int, CONSTRAINT c CHECK (id > 0))", "Relation public.t!"),
            ("SET search_path = app; CREATE TABLE t (id int)", "Relation app.t!"),
            ("CREATE INDEX i ON app.t (id)", "Relation app.i!"),
            ("CREATE INDEX ON app.t (id)", "Relation app.t_id_idx!"),
            ("CREATE TRIGGER g BEFORE INSERT ON t EXECUTE FUNCTION f()", "Trigger public.t.g!"),
            ("CREATE OR REPLACE FUNCTION app.f(a int) RETURNS int LANGUAGE sql AS ''", "Routine app.f!"),
            ("ALTER TABLE ONLY t ADD CONSTRAINT c UNIQUE (id)", "Relation public.t"),
            ("ALTER TABLE IF EXISTS app.t ENABLE ROW LEVEL SECURITY", "Relation app.t"),
            ("ALTER SEQUENCE s OWNED BY t.id", "Relation public.s"),
            ("ALTER MATERIALIZED VIEW m OWNER TO o", "Relation public.m"),
            ("ALTER EVENT TRIGGER e DISABLE", "EventTrigger e"),
            ("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO r", "DefaultPrivileges default_privileges"),
            ("COMMENT ON COLUMN app.t.id IS 'x'", "Relation app.t"),
            ("COMMENT ON COLUMN t.id IS 'x'", "Relation public.t"),
            ("COMMENT ON CONSTRAINT c ON t IS 'x'", "Relation public.t"),
            ("COMMENT ON CONSTRAINT c ON DOMAIN d IS 'x'", "Type public.d"),
            ("COMMENT ON TRIGGER g ON t IS 'x'", "Trigger public.t.g"),
            ("COMMENT ON FUNCTION f(int) IS 'x'", "Routine public.f"),
            ("GRANT SELECT (id), UPDATE ON t TO r", "Relation public.t"),
            ("REVOKE ALL ON FUNCTION f(int, numeric(1, 2)) FROM PUBLIC", "Routine public.f"),
            ("GRANT USAGE ON SCHEMA app TO r", "Schema app"),
        ] {
            assert_eq!(unit(text).as_deref(), Some(expected), "{text}");
        }
        for text in [
            "GRANT SELECT ON t, v TO r",
            "GRANT SELECT ON ALL TABLES IN SCHEMA app TO r",
            "ALTER TABLE t SET TABLESPACE fast",
            "DO $$ BEGIN END $$",
            "SELECT 1",
            "CREATE PUBLICATION p FOR TABLE t",
        ] {
            assert_eq!(unit(text), None, "{text}");
        }
    }
}
