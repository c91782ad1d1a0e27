//! Keys, checks and foreign keys.

use trueup::postgres::catalog::{Attribute, Kind, Object, ObjectId};

use super::{Generator, Table, Values, constant, quoted};

impl Generator {
    pub(super) fn keys(&mut self, table: &mut Table, unlogged: bool) {
        let columns = Self::sortable(table);
        if !columns.is_empty() && self.tape.rarely(2) {
            let column = self.tape.pick(&columns).clone();
            let id = self.under(Kind::PrimaryKey, &table.id);
            self.require(&table.id, &column.name);
            let values = Values::default().with(Attribute::Columns, quoted(&column.name));
            self.add(id, values);
            table.key = Some(column);
        }
        if !columns.is_empty() && self.tape.rarely(3) {
            let column = self.tape.pick(&columns).clone();
            let other = self.tape.pick(&columns).clone();
            let id = self.under(Kind::Unique, &table.id);
            let mut values = Values::default().with(Attribute::Columns, quoted(&column.name));
            values = values.when(self.tape.rarely(3), Attribute::NullsNotDistinct, "true");
            values = values.when(
                self.tape.rarely(3),
                Attribute::Deferrable,
                *self.tape.pick(&["initially immediate", "initially deferred"]),
            );
            values = values.when(other.name != column.name, Attribute::Include, quoted(&other.name));
            self.add(id, values);
        }
        if let Some(column) = table.columns.first().cloned().filter(|_| self.tape.rarely(3)) {
            let id = self.under(Kind::Check, &table.id);
            let name = quoted(&column.name);
            let expression = match column.kind.as_str() {
                "integer" => format!("({name} > 0)"),
                "text" => format!("({name} <> {})", constant(self.tape.text(), "text")),
                _ => format!("({name} IS NOT NULL)"),
            };
            let mut values = Values::default().with(Attribute::Expression, expression);
            values = values.when(self.tape.rarely(4), Attribute::NoInherit, "true");
            values = values.when(self.tape.rarely(3), Attribute::Valid, "false");
            self.add(id, values);
        }
        self.foreign_key(table, unlogged);
    }

    /// Makes a column NOT NULL, as a primary key does.
    pub(super) fn require(&mut self, table: &ObjectId, name: &str) {
        let is_it = |object: &&mut Object| {
            object.id.kind == Kind::Column
                && object.id.schema == table.schema
                && object.id.relation.as_ref() == Some(&table.name)
                && object.id.name == name
        };
        let column = self.objects.iter_mut().find(is_it).expect("a column of the table");
        column.attributes = column.attributes.with(Attribute::Nullable, Some("false".into()));
    }

    pub(super) fn foreign_key(&mut self, table: &Table, unlogged: bool) {
        let pairs: Vec<_> = self
            .tables
            .iter()
            .filter_map(|other| Some((other.id.clone(), other.key.clone()?)))
            .flat_map(|(other, key)| {
                let same = table.columns.iter().filter(move |column| column.kind == key.kind).cloned();
                let key_name = self.key_name(&other);
                same.map(move |column| (other.clone(), key_name.clone(), column)).collect::<Vec<_>>()
            })
            .collect();
        // A permanent table may not refer to an unlogged one.
        let pairs: Vec<_> =
            pairs.into_iter().filter(|(other, ..)| unlogged || !self.is_unlogged(other)).collect();
        if pairs.is_empty() || !self.tape.rarely(2) {
            return;
        }
        let (other, key, column) = self.tape.pick(&pairs).clone();
        let id = self.under(Kind::ForeignKey, &table.id);
        let name = quoted(&column.name);
        let mut values = Values::default()
            .with(Attribute::Columns, name.clone())
            .with(Attribute::References, other.to_string())
            .with(Attribute::ReferencedColumns, key);
        values =
            values.when(self.tape.rarely(3), Attribute::OnUpdate, *self.tape.pick(&["cascade", "restrict"]));
        let on_delete = [
            "cascade".to_owned(),
            "set null".to_owned(),
            "set default".to_owned(),
            format!("set null ({name})"),
        ];
        values = values.when(self.tape.rarely(2), Attribute::OnDelete, self.tape.pick(&on_delete).clone());
        values = values.when(self.tape.rarely(4), Attribute::Match, "full");
        values = values.when(self.tape.rarely(3), Attribute::Deferrable, "initially deferred");
        values = values.when(self.tape.rarely(3), Attribute::Valid, "false");
        self.add(id, values);
    }

    pub(super) fn key_name(&self, table: &ObjectId) -> String {
        let key = self.tables.iter().find(|other| other.id == *table).and_then(|other| other.key.as_ref());
        key.map(|column| quoted(&column.name)).unwrap_or_default()
    }

    pub(super) fn is_unlogged(&self, table: &ObjectId) -> bool {
        let mut tables = self.objects.iter().filter(|object| object.id == *table);
        tables.any(|object| object.is(Attribute::Persistence, "unlogged"))
    }
}
