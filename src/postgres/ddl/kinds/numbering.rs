//! Where a column takes its numbers from: a sequence that its default names (serial), or an identity.

use crate::postgres::catalog::{Attribute, Object, ObjectId};
use crate::postgres::sql::{identifier, literal};

use super::super::create;
use super::super::names::{self, alter_relation, belongings, qualified_id};
use super::{columns, sequences};

/// The statements that give a column that has rows its lost sequence again, with what it is declared to have; `alter`
/// is the one that makes the column take its values. It goes on after the last value that is there.
pub fn restore(column: &Object, sequence: &Object, alter: &str) -> Vec<String> {
    let mut statements = match column.get(Attribute::Identity) {
        Some(_) => vec![identity(alter, sequence)],
        None => {
            let mut statements = sequences::create_unowned(sequence);
            statements.push(alter.to_owned());
            statements.extend(sequences::own(sequence));
            statements
        }
    };
    statements.push(go_on(column, sequence, None));
    statements
}

/// A serial column that is to be an identity column, or the other way round.
#[derive(Debug, Clone, Copy)]
pub struct ChangedNumbering<'o> {
    /// The column as declared.
    pub declared: &'o Object,
    /// The column as it is.
    pub actual: &'o Object,
    /// The declared sequence that the column owns.
    pub new: Option<&'o Object>,
    /// The sequence that the column takes its numbers from now.
    pub old: Option<&'o Object>,
    /// Whether the old sequence stays: it is not the column's alone, or it is declared.
    pub keeps_old: bool,
    /// A name that is free, for the sequence that is there for a moment only.
    pub free_name: &'o str,
    /// What is granted on the declared sequence.
    pub grants: &'o [&'o Object],
}

impl ChangedNumbering<'_> {
    /// The statements, which belong into one transaction; `None` where the server has none. Numbers go on after the last one
    /// that was given out, and after the last one that is there.
    pub fn change(&self) -> Option<Vec<String>> {
        match (self.declared.get(Attribute::Identity), self.actual.get(Attribute::Identity)) {
            (Some(_), None) => self.make_identity(),
            (None, Some(_)) => self.make_default(),
            _ => None,
        }
    }

    fn make_identity(&self) -> Option<Vec<String>> {
        let default = self.actual.get(Attribute::Default);
        default.filter(|default| default.starts_with("nextval("))?;
        let mut statements = vec![self.column("DROP DEFAULT")];
        if self.actual.is(Attribute::Nullable, "true") {
            statements.push(self.column("SET NOT NULL"));
        }
        let mut old = self.old.map(|old| old.id.clone());
        if let Some(old) = old.as_mut().filter(|_| self.has_one_name()) {
            statements.extend(names::rename(old, &self.beside(old)));
            *old = self.beside(old);
        }
        let alter = self.alter(Attribute::Identity)?;
        match self.new {
            Some(new) => {
                statements.push(identity(&alter, new));
                let last = old.as_ref().map(|old| literal(&qualified_id(old)));
                statements.push(go_on(self.declared, new, last.as_deref()));
                // An identity's sequence has the owner of its table.
                let unowned = new.attributes.with(Attribute::Owner, None);
                statements.extend(belongings(&Object { id: new.id.clone(), attributes: unowned }));
            }
            None => statements.push(alter),
        }
        statements.extend(self.granted());
        statements.extend(old.and_then(|old| match self.keeps_old {
            false => Some(names::drop(&old)),
            // The column takes nothing from it any more, and would take it along when it goes.
            true if self.has_one_name() => {
                Some(format!("ALTER SEQUENCE {} OWNED BY NONE;", qualified_id(&old)))
            }
            true => None,
        }));
        Some(statements)
    }

    fn make_default(&self) -> Option<Vec<String>> {
        self.declared.get(Attribute::Default)?;
        let mut statements = Vec::new();
        if let Some(new) = self.new {
            let id = if self.has_one_name() { self.beside(&new.id) } else { new.id.clone() };
            let made = Object { id, attributes: new.attributes.clone() };
            statements.extend(sequences::create_unowned(&made));
            let identity = format!(
                "pg_catalog.pg_get_serial_sequence({}, {})",
                literal(&self.actual.id.relation_path()),
                literal(&self.actual.id.name)
            );
            statements.push(go_on(self.declared, &made, Some(&identity)));
            statements.push(self.column("DROP IDENTITY"));
            statements.extend(names::rename(&made.id, &new.id).filter(|_| self.has_one_name()));
            statements.extend(belongings(new));
        } else {
            statements.push(self.column("DROP IDENTITY"));
        }
        statements.push(self.alter(Attribute::Default)?);
        statements.extend(self.new.and_then(sequences::own));
        statements.extend(self.granted());
        Some(statements)
    }

    /// Whether the new sequence has the name of the old one.
    fn has_one_name(&self) -> bool {
        self.new.zip(self.old).is_some_and(|(new, old)| new.id == old.id)
    }

    fn beside(&self, id: &ObjectId) -> ObjectId {
        ObjectId { name: self.free_name.into(), ..id.clone() }
    }

    fn column(&self, action: &str) -> String {
        let name = identifier(&self.actual.id.name);
        format!("{} ALTER COLUMN {name} {action};", alter_relation(&self.actual.id))
    }

    /// The statement that gives the column, which has neither, the declared identity or default.
    fn alter(&self, attribute: Attribute) -> Option<String> {
        let bare = self.actual.attributes.with(Attribute::Default, None).with(Attribute::Identity, None);
        let bare = bare.with(Attribute::Nullable, Some("false".into()));
        columns::alter(self.declared, &Object { id: self.actual.id.clone(), attributes: bare }, attribute)
    }

    fn granted(&self) -> impl Iterator<Item = String> {
        self.grants.iter().flat_map(|grant| create(grant, &[]))
    }
}

/// The statements that make a column an identity column which goes on with the numbers of another column's sequence.
pub fn move_identity(column: &Object, sequence: &Object, from: &ObjectId) -> Vec<String> {
    let mut statements = Vec::new();
    let aside = ObjectId { name: super::super::free_name(&from.name, "_old", |_| false), ..from.clone() };
    statements.extend(names::rename(from, &aside));
    let how = column.get(Attribute::Identity).unwrap_or_default().to_uppercase();
    statements.push(identity(
        &format!(
            "{} ALTER COLUMN {} ADD GENERATED {how} AS IDENTITY;",
            alter_relation(&column.id),
            identifier(&column.id.name)
        ),
        sequence,
    ));
    statements.push(format!(
        "SELECT pg_catalog.setval({}, last_value, is_called) FROM {};",
        literal(&qualified_id(&sequence.id)),
        qualified_id(&aside)
    ));
    statements
}

/// The statement that makes a column an identity column, with the options of its sequence.
fn identity(alter: &str, sequence: &Object) -> String {
    format!("{} ({});", alter.trim_end_matches(';'), sequences::identity_options(sequence))
}

/// `setval` to the last value that the column has, or the sequence of this name (an expression of type text) has given out;
/// nothing where there is none that the sequence counts.
fn go_on(column: &Object, sequence: &Object, before: Option<&str>) -> String {
    let is_down = sequence.get(Attribute::Increment).is_some_and(|increment| increment.starts_with('-'));
    let (last, of_both, beyond) = if is_down { ("min", "least", "<=") } else { ("max", "greatest", ">=") };
    let mut value = format!("{last}({})::bigint", identifier(&column.id.name));
    if let Some(before) = before {
        value =
            format!("{of_both}({value}, pg_catalog.pg_sequence_last_value({before}::pg_catalog.regclass))");
    }
    format!(
        "SELECT pg_catalog.setval({}, {value}) FROM {} HAVING {value} {beyond} {};",
        literal(&qualified_id(&sequence.id)),
        column.id.relation_path(),
        sequence.get(Attribute::Start).unwrap_or("1"),
    )
}
