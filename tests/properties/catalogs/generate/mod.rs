//! Random catalogs, in the words that the reader would use: every value as PostgreSQL prints it.

mod constraints;
mod parts;
mod routines;
mod tables;
mod types;

use std::sync::Arc;

use smol_str::SmolStr;
use trueup::postgres::catalog::{Attribute, Attributes, Catalog, Kind, Object, ObjectId};
use trueup::postgres::sql::identifier;

use crate::properties::tape::Tape;

/// A type for columns: how it prints, and defaults as they print.
struct ColumnType {
    name: String,
    defaults: Vec<String>,
    /// Whether storage, compression and (for texts) collation can be set.
    wide: bool,
}

/// A column that later objects may use.
#[derive(Clone)]
struct Column {
    name: SmolStr,
    kind: String,
    /// Whether its collation is not the type's own: the server prints it with expressions.
    collated: bool,
}

/// A table that later objects may use.
struct Table {
    id: ObjectId,
    columns: Vec<Column>,
    key: Option<Column>,
}

pub(crate) struct Generator {
    tape: Tape,
    objects: Vec<Object>,
    schemas: Vec<SmolStr>,
    /// Printed names of types that were made, with a default each.
    types: Vec<(String, Vec<String>)>,
    tables: Vec<Table>,
    /// Views, and the name of a column of each.
    views: Vec<(ObjectId, SmolStr)>,
    trigger_functions: Vec<String>,
    /// Calls that return an integer.
    calls: Vec<String>,
}

/// The catalog that a tape tells.
pub(crate) fn catalog(numbers: Vec<u16>) -> Catalog {
    let mut generator = Generator {
        tape: Tape::new(numbers),
        objects: Vec::new(),
        schemas: vec!["public".into()],
        types: Vec::new(),
        tables: Vec::new(),
        views: Vec::new(),
        trigger_functions: Vec::new(),
        calls: Vec::new(),
    };
    generator.all();
    Catalog::new(generator.objects.into_iter().map(Arc::new).collect(), Vec::new())
}

/// Attributes in the order in which they come to mind.
#[derive(Default)]
struct Values(Vec<(Attribute, SmolStr)>);

impl Values {
    fn with(mut self, attribute: Attribute, value: impl Into<SmolStr>) -> Self {
        let value = value.into();
        if !value.is_empty() {
            self.0.push((attribute, value));
        }
        self
    }

    fn when(self, really: bool, attribute: Attribute, value: impl Into<SmolStr>) -> Self {
        if really { self.with(attribute, value) } else { self }
    }
}

fn quoted(name: &str) -> String {
    identifier(name).into_owned()
}

/// A string constant as the server prints it: never with `E`.
fn constant(text: &str, kind: &str) -> String {
    format!("'{}'::{kind}", text.replace('\'', "''"))
}

impl Generator {
    fn all(&mut self) {
        for _ in 0..self.tape.below(3) {
            let id = ObjectId::bare(Kind::Schema, self.tape.name());
            self.schemas.push(id.name.clone());
            self.add(id, Values::default());
        }
        for _ in 0..self.tape.below(4) {
            match self.tape.below(4) {
                0 => self.an_enum(),
                1 => self.domain(),
                2 => self.composite(),
                _ => self.range(),
            }
        }
        for _ in 0..self.tape.below(3) {
            self.routine();
        }
        for _ in 0..self.tape.below(2) {
            self.trigger_function();
        }
        for _ in 0..self.tape.below(2) {
            let schema = self.schema();
            let name = self.tape.name();
            let id = ObjectId::in_schema(Kind::Sequence, schema, name);
            let values = self.sequence_values("bigint");
            self.add(id, values);
        }
        for _ in 0..self.tape.below(5) {
            self.table();
        }
        if self.tape.rarely(3) {
            self.partitioned();
        }
        for _ in 0..self.tape.below(4) {
            self.view();
        }
    }

    fn schema(&mut self) -> SmolStr {
        self.tape.pick(&self.schemas).clone()
    }

    /// Adds an object, sometimes with a comment.
    fn add(&mut self, id: ObjectId, values: Values) {
        let comment = self.tape.rarely(5).then(|| self.tape.text()).filter(|text| !text.is_empty());
        let values = match comment {
            Some(text) => values.with(Attribute::Comment, text),
            None => values,
        };
        self.objects.push(Object { id, attributes: Attributes::new(values.0) });
    }

    fn under(&mut self, kind: Kind, table: &ObjectId) -> ObjectId {
        let schema = table.schema.clone().unwrap_or_default();
        ObjectId::under(kind, schema, table.name.clone(), self.tape.name())
    }

    /// Columns of types that a b-tree can take.
    fn sortable(table: &Table) -> Vec<Column> {
        let sortable = ["integer", "text", "bigint", "smallint", "uuid", "date", "timestamp with time zone"];
        table.columns.iter().filter(|column| sortable.contains(&column.kind.as_str())).cloned().collect()
    }
}
