//! Functions and procedures.

use trueup::postgres::catalog::{Attribute, Kind, ObjectId};

use super::{Generator, Values, quoted};

impl Generator {
    pub(super) fn routine(&mut self) {
        let kind = if self.tape.rarely(4) { Kind::Procedure } else { Kind::Function };
        let (schema, name) = (self.schema(), self.tape.name());
        let (argument, other) = (quoted(&self.tape.name()), quoted(&self.tape.name()));
        // The mode is printed for procedures only.
        let mode = if kind == Kind::Procedure { "IN " } else { "" };
        let choices = [
            ("", String::new()),
            ("integer", format!("{mode}{argument} integer")),
            ("integer, text", format!("{mode}{argument} integer, {mode}{other} text DEFAULT 'a, b'::text")),
            ("text[]", format!("VARIADIC {argument} text[]")),
        ];
        let (types, arguments) = self.tape.pick(&choices).clone();
        let id = ObjectId::routine(kind, schema, name, types);
        let callable = types.is_empty();
        let mut values = Values::default().with(Attribute::Arguments, arguments);
        let set = kind == Kind::Function && self.tape.rarely(3);
        let standard = kind == Kind::Function && !set && self.tape.rarely(4);
        if kind == Kind::Function {
            if callable && !set {
                self.calls.push(id.to_string());
            }
            values = values.with(Attribute::Returns, if set { "SETOF integer" } else { "integer" });
            values = values.when(
                self.tape.rarely(3),
                Attribute::Volatility,
                *self.tape.pick(&["immutable", "stable"]),
            );
            values = values.when(self.tape.rarely(3), Attribute::Strict, "true");
            values = values.when(self.tape.rarely(4), Attribute::Leakproof, "true");
            values = values.when(
                self.tape.rarely(3),
                Attribute::Parallel,
                *self.tape.pick(&["safe", "restricted"]),
            );
            values = values.when(self.tape.rarely(4), Attribute::Cost, "7");
            values = values.when(set && self.tape.rarely(2), Attribute::Rows, "5");
        }
        values = values.when(self.tape.rarely(4), Attribute::Security, "definer");
        if self.tape.rarely(4) {
            let settings = *self.tape.pick(&[
                "work_mem=8MB",
                "search_path=pg_catalog, \"$user\"",
                "DateStyle=ISO, DMY\nwork_mem=8MB",
            ]);
            values = values.with(Attribute::Settings, settings);
        }
        if standard {
            values = values
                .with(Attribute::Language, "sql")
                .with(Attribute::Body, "RETURN (1 + 1)")
                .with(Attribute::BodyStyle, "sql standard");
        } else if self.tape.rarely(2) {
            let body = format!("\nBEGIN\n    -- {}\n    RETURN;\nEND\n", self.tape.text());
            values = values.with(Attribute::Language, "plpgsql").with(Attribute::Body, body);
        } else {
            let body = format!(" SELECT 1 /* {} */ ", self.tape.text());
            values = values.with(Attribute::Language, "sql").with(Attribute::Body, body);
        }
        self.add(id, values);
    }

    pub(super) fn trigger_function(&mut self) {
        let id = ObjectId::routine(Kind::Function, self.schema(), self.tape.name(), "");
        self.trigger_functions.push(id.to_string());
        let values = Values::default()
            .with(Attribute::Arguments, "")
            .with(Attribute::Returns, "trigger")
            .with(Attribute::Language, "plpgsql")
            .with(Attribute::Body, " BEGIN RETURN NEW; END ");
        self.add(id, values);
    }
}
