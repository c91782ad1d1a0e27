//! Tables, columns, the sequences of columns, partitions.

use trueup::postgres::catalog::{Attribute, Kind, ObjectId};

use super::{Column, Generator, Table, Values, constant, quoted};

impl Generator {
    pub(super) fn table(&mut self) {
        let id = ObjectId::in_schema(Kind::Table, self.schema(), self.tape.name());
        let unlogged = self.tape.rarely(6);
        let mut values = Values::default().when(unlogged, Attribute::Persistence, "unlogged");
        values =
            values.when(self.tape.rarely(6), Attribute::Options, "autovacuum_enabled=false, fillfactor=70");
        values = values.when(self.tape.rarely(6), Attribute::RowSecurity, "true");
        values = values.when(self.tape.rarely(8), Attribute::ForceRowSecurity, "true");
        values = values.when(
            self.tape.rarely(8),
            Attribute::ReplicaIdentity,
            *self.tape.pick(&["full", "nothing"]),
        );
        self.add(id.clone(), values);
        let mut table = Table { id, columns: Vec::new(), key: None };
        let count = self.tape.below(6);
        for position in 1..=count {
            self.column(&mut table, position);
        }
        self.keys(&mut table, unlogged);
        for _ in 0..self.tape.below(3) {
            self.index(&table);
        }
        if self.tape.rarely(4) {
            self.statistics(&table);
        }
        if !self.trigger_functions.is_empty() && self.tape.rarely(2) {
            self.trigger(&table);
        }
        if self.tape.rarely(3) {
            self.policy(&table);
        }
        if self.tape.rarely(6) {
            self.rule(&table);
        }
        self.tables.push(table);
    }

    pub(super) fn column(&mut self, table: &mut Table, position: usize) {
        let id = self.under(Kind::Column, &table.id);
        let kind = self.column_type();
        let mut values = Values::default()
            .with(Attribute::Type, kind.name.clone())
            .with(Attribute::Position, position.to_string());
        let is_text = kind.name == "text";
        let whole = kind.name == "integer" || kind.name == "bigint";
        let mut nullable = true;
        match self.tape.below(6) {
            1 | 2 if !kind.defaults.is_empty() => {
                values = values.with(Attribute::Default, self.tape.pick(&kind.defaults).clone());
            }
            3 if whole => {
                nullable = false;
                values = values.with(Attribute::Identity, *self.tape.pick(&["always", "by default"]));
                self.owned_sequence(&table.id, &id, &kind.name);
            }
            4 if whole => {
                let sequence = self.owned_sequence(&table.id, &id, &kind.name);
                let sequence = constant(&sequence.to_string(), "regclass");
                values = values.with(Attribute::Default, format!("nextval({sequence})"));
            }
            5 if whole => {
                let generated = table.columns.iter().find(|column| column.kind == kind.name);
                if let Some(column) = generated.cloned() {
                    values = values.with(Attribute::Generated, format!("({} * 2)", quoted(&column.name)));
                    // Nothing may be computed from a computed column, and no key is made of it.
                    values = values.when(self.tape.rarely(2), Attribute::StatisticsTarget, "0");
                    self.add(id, values);
                    return;
                }
            }
            _ => {}
        }
        values = values.when(!nullable || self.tape.rarely(3), Attribute::Nullable, "false");
        let collated = is_text && self.tape.rarely(4);
        values = values.when(collated, Attribute::Collation, *self.tape.pick(&["\"C\"", "\"POSIX\""]));
        if kind.wide {
            values = values.when(
                self.tape.rarely(5),
                Attribute::Storage,
                *self.tape.pick(&["external", "main", "plain"]),
            );
            values = values.when(self.tape.rarely(5), Attribute::Compression, "pglz");
        }
        values =
            values.when(self.tape.rarely(6), Attribute::StatisticsTarget, *self.tape.pick(&["0", "1000"]));
        values =
            values.when(self.tape.rarely(8), Attribute::Options, "n_distinct=5, n_distinct_inherited=-0.5");
        table.columns.push(Column { name: id.name.clone(), kind: kind.name, collated });
        self.add(id, values);
    }

    pub(super) fn sequence_values(&mut self, kind: &str) -> Values {
        let values = Values::default().with(Attribute::Type, kind);
        match self.tape.below(4) {
            0 => values,
            1 => values.with(Attribute::Start, "100").with(Attribute::Increment, "5"),
            2 => values
                .with(Attribute::Minimum, "-10")
                .with(Attribute::Maximum, "1000")
                .with(Attribute::Cycle, "true"),
            _ => values
                .with(Attribute::Increment, "-1")
                .with(Attribute::Start, "-1")
                .with(Attribute::Cache, "7"),
        }
    }

    pub(super) fn owned_sequence(&mut self, table: &ObjectId, column: &ObjectId, kind: &str) -> ObjectId {
        let id =
            ObjectId::in_schema(Kind::Sequence, table.schema.clone().unwrap_or_default(), self.tape.name());
        let values = self.sequence_values(kind).with(Attribute::OwnedBy, column.to_string());
        self.add(id.clone(), values);
        id
    }

    /// A partitioned table with two partitions, whose indexes and checks are the parent's.
    pub(super) fn partitioned(&mut self) {
        let id = ObjectId::in_schema(Kind::Table, self.schema(), self.tape.name());
        let column = self.tape.name();
        let name = quoted(&column);
        let default = self.tape.rarely(2);
        self.add(id.clone(), Values::default().with(Attribute::PartitionBy, format!("LIST ({name})")));
        let partitions = [
            ("FOR VALUES IN ('a', 'it''s')", self.schema(), self.tape.name()),
            ("DEFAULT", self.schema(), self.tape.name()),
        ];
        let partitions =
            partitions.map(|(bounds, schema, name)| (bounds, ObjectId::in_schema(Kind::Table, schema, name)));
        for (bounds, partition) in &partitions {
            let values = Values::default()
                .with(Attribute::PartitionOf, id.to_string())
                .with(Attribute::Bounds, *bounds);
            self.add(partition.clone(), values);
        }
        for table in [&id, &partitions[0].1, &partitions[1].1] {
            let schema = table.schema.clone().unwrap_or_default();
            let column = ObjectId::under(Kind::Column, schema, table.name.clone(), column.clone());
            let mut values = Values::default().with(Attribute::Type, "text").with(Attribute::Position, "1");
            let own = if *table == id { default } else { default && self.tape.rarely(2) };
            values = values.when(own, Attribute::Default, "'a'::text");
            self.add(column, values);
        }
        if self.tape.rarely(2) {
            let index =
                ObjectId::in_schema(Kind::Index, id.schema.clone().unwrap_or_default(), self.tape.name());
            let values = Values::default()
                .with(Attribute::OnTable, id.to_string())
                .with(Attribute::Columns, name.clone());
            self.add(index, values);
        }
        if self.tape.rarely(2) {
            let check = self.under(Kind::Check, &id);
            self.add(check, Values::default().with(Attribute::Expression, format!("({name} <> ''::text)")));
        }
    }
}
