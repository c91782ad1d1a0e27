//! Types that users make, and the types of columns with defaults as the server prints them.

use trueup::postgres::catalog::{Attribute, Kind, ObjectId};
use trueup::postgres::sql::literal;

use super::{ColumnType, Generator, Values, constant, quoted};

impl Generator {
    pub(super) fn an_enum(&mut self) {
        let id = ObjectId::in_schema(Kind::Enum, self.schema(), self.tape.name());
        let mut labels: Vec<&str> = Vec::new();
        for _ in 0..=self.tape.below(4) {
            let label = self.tape.text();
            if !labels.contains(&label) {
                labels.push(label);
            }
        }
        let kind = id.to_string();
        let defaults = labels.iter().map(|label| constant(label, &kind)).collect();
        let labels: Vec<_> = labels.into_iter().map(literal).collect();
        self.types.push((kind, defaults));
        self.add(id, Values::default().with(Attribute::Labels, labels.join(", ")));
    }

    pub(super) fn domain(&mut self) {
        let id = ObjectId::in_schema(Kind::Domain, self.schema(), self.tape.name());
        let (kind, default, check) = *self.tape.pick(&[
            ("integer", "0", "CHECK ((VALUE > 0))"),
            ("text", "'x'::text", "CHECK ((VALUE <> 'a, b'::text))"),
            ("character varying(20)", "'x'::character varying", "CHECK ((length((VALUE)::text) > 2))"),
            ("numeric(10,2)", "0.00", "CHECK ((VALUE IS NOT NULL))"),
        ]);
        let mut values = Values::default().with(Attribute::Type, kind);
        values = values.when(self.tape.rarely(3), Attribute::Nullable, "false");
        values = values.when(self.tape.rarely(3), Attribute::Default, default);
        if self.tape.rarely(2) {
            let name = self.tape.name();
            let suffix = if self.tape.rarely(3) { " NOT VALID" } else { "" };
            values = values.with(Attribute::Checks, format!("{} {check}{suffix}", quoted(&name)));
        }
        self.types.push((id.to_string(), Vec::new()));
        self.add(id, values);
    }

    pub(super) fn composite(&mut self) {
        let id = ObjectId::in_schema(Kind::CompositeType, self.schema(), self.tape.name());
        let mut fields = Vec::new();
        for _ in 0..=self.tape.below(3) {
            let name = self.tape.name();
            let kind = self.tape.pick(&[
                "integer",
                "text",
                "numeric(10,2)",
                "text COLLATE \"C\"",
                "timestamp(3) with time zone",
            ]);
            fields.push(format!("{} {kind}", quoted(&name)));
        }
        self.types.push((id.to_string(), Vec::new()));
        self.add(id, Values::default().with(Attribute::Fields, fields.join(", ")));
    }

    pub(super) fn range(&mut self) {
        let id = ObjectId::in_schema(Kind::RangeType, self.schema(), self.tape.name());
        let multirange = id.named(self.tape.name()).to_string();
        let subtype = *self.tape.pick(&["integer", "timestamp with time zone", "text"]);
        self.types.push((id.to_string(), vec![constant("empty", &id.to_string())]));
        self.types.push((multirange.clone(), Vec::new()));
        let mut values =
            Values::default().with(Attribute::Subtype, subtype).with(Attribute::Multirange, multirange);
        values = values.when(subtype == "text" && self.tape.rarely(2), Attribute::Collation, "\"C\"");
        self.add(id, values);
    }

    pub(super) fn column_type(&mut self) -> ColumnType {
        let text = self.tape.text();
        let scalar = |name: &str, defaults: &[&str], wide| ColumnType {
            name: name.into(),
            defaults: defaults.iter().map(|default| (*default).to_owned()).collect(),
            wide,
        };
        match self.tape.below(20) {
            0 => {
                let mut kind = scalar("integer", &["0", "'-1'::integer", "(1 + 2)"], false);
                kind.defaults.extend(self.calls.iter().cloned());
                kind
            }
            1 => ColumnType { name: "text".into(), defaults: vec![constant(text, "text")], wide: true },
            2 => scalar("bigint", &["0"], false),
            3 => scalar("smallint", &["1"], false),
            4 => scalar("boolean", &["true", "false"], false),
            5 => scalar("character varying(40)", &["'x'::character varying"], true),
            6 => scalar("character(3)", &["'abc'::bpchar"], true),
            7 => scalar("numeric(10,2)", &["0", "0.00"], false),
            8 => scalar("timestamp with time zone", &["now()", "CURRENT_TIMESTAMP"], false),
            9 => scalar(
                "timestamp(3) without time zone",
                &["'2020-01-01 00:00:00'::timestamp without time zone"],
                false,
            ),
            10 => scalar("date", &["CURRENT_DATE", "'2020-02-29'::date"], false),
            11 => scalar("uuid", &["gen_random_uuid()"], false),
            12 => scalar("jsonb", &["'{}'::jsonb", "'{\"a\": [1]}'::jsonb"], true),
            13 => scalar("text[]", &["'{}'::text[]", "ARRAY['a'::text, 'b'::text]"], true),
            14 => scalar("bytea", &["'\\x'::bytea"], true),
            15 => scalar("double precision", &["0", "1.5"], false),
            16 => scalar("interval", &["'01:00:00'::interval"], false),
            17 => scalar("bit(3)", &["'101'::\"bit\""], true),
            _ if self.types.is_empty() => scalar("inet", &["'::1'::inet"], false),
            _ => {
                let (name, defaults) = self.tape.pick(&self.types).clone();
                ColumnType { name, defaults, wide: false }
            }
        }
    }
}
