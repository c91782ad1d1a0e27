//! Another type of a column in three migrations instead of one that rewrites the table while nobody can read it:
//!
//! 1. **expand**: a second column of the new type, and a trigger that gives it the value of the first whenever a row is written.
//! 2. A data check fills the rows that were there before, in batches. The migrations from here on are contract.
//! 3. **prepare**, statement by statement: what stands on the column is made for the second one, too.
//! 4. **swap**, one transaction: the second column takes the place of the first.
//!
//! [`find`] says which columns can be changed so, [`parts`] which objects are concerned.

mod find;
mod parts;

use std::sync::Arc;

use smol_str::SmolStr;

use super::{PlannedMigration, PlannedStep};
use crate::findings::Hazard;
use crate::postgres::catalog::{Attribute, Attributes, Catalog, Kind, Object, ObjectId};
use crate::postgres::ddl;
use crate::postgres::sql::{identifier, qualified};

pub use find::{RetypedColumns, find};

/// A column that gets another type by a second column.
#[derive(Debug, Clone)]
pub struct RetypedColumn {
    /// As it is.
    pub before: Arc<Object>,
    /// As it is declared.
    pub after: Arc<Object>,
    /// The name of the second column.
    pub second: SmolStr,
    /// The name of the first one, between the swap and its end.
    pub first: SmolStr,
    /// The name of the trigger and of its function. It runs after the table's own triggers, which run by name.
    pub trigger: SmolStr,
}

impl RetypedColumn {
    /// The second column: as declared, without what would need its values or the name of the first one.
    fn second_column(&self) -> Object {
        let kept = [Attribute::Type, Attribute::Collation, Attribute::Compression, Attribute::Storage];
        let attributes = kept
            .into_iter()
            .filter_map(|attribute| Some((attribute, self.after.attributes.stated(attribute)?.into())));
        Object {
            id: self.after.id.named(self.second.clone()),
            attributes: Attributes::new(attributes.collect()),
        }
    }

    fn table(&self) -> String {
        self.before.id.relation_path()
    }

    /// The value of the first column as one of the second.
    pub fn value(&self, first: &str) -> String {
        ddl::converted(first, &self.before, &self.after)
    }

    fn function(&self) -> String {
        qualified(self.before.id.schema.as_deref().unwrap_or_default(), &self.trigger)
    }

    fn is_required(&self) -> bool {
        self.after.is(Attribute::Nullable, "false") && self.after.is(Attribute::Valid, "true")
    }

    /// The constraint that proves that the second column has a value in every row.
    fn proof(&self) -> Object {
        let expression = format!("{} IS NOT NULL", identifier(&self.second));
        let values = [
            (Attribute::Expression, expression.as_str()),
            (Attribute::Valid, "true"),
            (Attribute::Enforced, "true"),
        ];
        let name: SmolStr = format!("{}_not_null", self.trigger).into();
        Object {
            id: ObjectId { kind: Kind::Check, name, ..self.before.id.clone() },
            attributes: Attributes::new(values.map(|(attribute, value)| (attribute, value.into())).to_vec()),
        }
    }
}

impl RetypedColumns {
    /// The second columns, and the triggers that fill them.
    pub fn expand(&self) -> PlannedMigration {
        let steps = self.columns.iter().map(|column| {
            let (table, trigger, function) = (column.table(), identifier(&column.trigger), column.function());
            let (first, second) = (identifier(&column.before.id.name), identifier(&column.second));
            let mut statements = ddl::create(&column.second_column(), &[]);
            statements.push(format!(
                "CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$\n\
                 BEGIN NEW.{second} := {}; RETURN NEW; END\n$$;",
                column.value(&format!("NEW.{first}"))
            ));
            statements.push(format!(
                "CREATE TRIGGER {trigger} BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION {function}();"
            ));
            let second = column.before.id.named(column.second.clone());
            PlannedStep::alone(second, "create", statements)
        });
        PlannedMigration::of(steps.collect(), false, true)
    }

    /// What stands on the first columns, for the second ones: nobody waits for it.
    pub fn prepare(&self) -> PlannedMigration {
        let mut steps = Vec::new();
        for pair in &self.parts {
            let statements = match pair.beside.id.kind {
                Kind::Index => ddl::create_concurrently(&pair.beside),
                // Its index is enough until the old key is gone.
                Kind::PrimaryKey => ddl::create_key_concurrently(&pair.beside).into_iter().take(1).collect(),
                Kind::Unique => ddl::create_key_concurrently(&pair.beside),
                _ => ddl::add_and_validate(&pair.beside),
            };
            steps.push(PlannedStep::alone(pair.declared.id.clone(), "prepare", statements));
        }
        for column in self.columns.iter().filter(|column| column.is_required()) {
            let statements = ddl::add_and_validate(&column.proof());
            steps.push(PlannedStep::alone(column.before.id.clone(), "prepare", statements));
        }
        PlannedMigration::of(steps, true, false)
    }

    /// The second columns in the place of the first ones. What else reads them follows in the same transaction: see
    /// [`Self::finished`].
    pub fn swap(&self) -> PlannedMigration {
        let mut steps = Vec::new();
        for column in &self.columns {
            let mut statements = self.swapped(column);
            statements.retain(|statement| !statement.is_empty());
            let mut step = PlannedStep::alone(column.after.id.clone(), "swap", statements);
            let types =
                [&column.before, &column.after].map(|side| side.get(Attribute::Type).unwrap_or_default());
            if !ddl::keeps_values(types[0], types[1]) {
                step.hazards.push(Hazard::LosesData);
            }
            steps.push(step);
        }
        let mut swap = PlannedMigration::of(steps, true, true);
        swap.one_way =
            Some("the values of the old type are gone: change the type back by a migration of its own");
        swap
    }

    fn swapped(&self, column: &RetypedColumn) -> Vec<String> {
        let table = column.table();
        let alter = |action: String| format!("ALTER TABLE {table} {action};");
        let [first, second, name] =
            [&column.first, &column.second, &column.before.id.name].map(|name| identifier(name));
        let mut statements = vec![
            format!("DROP TRIGGER {} ON {table};", identifier(&column.trigger)),
            format!("DROP FUNCTION {}();", column.function()),
        ];
        // A part that stands on several of these columns goes with the last of them.
        let parts: Vec<_> = self.parts.iter().filter(|pair| pair.last_column == column.before.id).collect();
        statements.extend(parts.iter().filter_map(|pair| pair.replaced.as_ref()).map(ddl::drop));
        statements.push(alter(format!("RENAME COLUMN {name} TO {first}")));
        statements.push(alter(format!("RENAME COLUMN {second} TO {name}")));
        if column.is_required() {
            statements.push(alter(format!("ALTER COLUMN {name} SET NOT NULL")));
            statements.push(ddl::drop(&column.proof().id));
        }
        for pair in parts {
            let own = &pair.declared.id.name;
            if pair.declared.id.kind == Kind::PrimaryKey {
                statements.push(alter(format!(
                    "ADD CONSTRAINT {} PRIMARY KEY USING INDEX {}",
                    identifier(own),
                    identifier(&pair.beside.id.name)
                )));
            } else {
                statements.extend(ddl::rename(&pair.beside.id, &pair.declared.id));
            }
        }
        statements.extend(self.numbered(column));
        statements
    }

    /// The statements that let the second column take its numbers from where the first one does.
    fn numbered(&self, column: &RetypedColumn) -> Vec<String> {
        let (table, name) = (column.table(), identifier(&column.before.id.name));
        let owned = |catalog: &Catalog, column: &Object| {
            let path = column.id.to_string();
            catalog.objects.iter().find(|object| object.is(Attribute::OwnedBy, &path)).cloned()
        };
        let (old, new) = (owned(&self.from, &column.before), owned(&self.to, &column.after));
        match (column.after.get(Attribute::Identity), old, new) {
            (Some(_), Some(old), Some(new)) => ddl::move_identity(&column.after, &new, &old.id),
            (None, Some(old), Some(new)) if old.id == new.id => vec![
                format!("ALTER SEQUENCE {} OWNED BY {};", old.id, column.after.id),
                format!(
                    "ALTER TABLE {table} ALTER COLUMN {name} SET DEFAULT {};",
                    column.after.get(Attribute::Default).unwrap_or("NULL")
                ),
            ],
            _ => Vec::new(),
        }
    }
}
