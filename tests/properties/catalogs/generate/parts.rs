//! What hangs on tables: indexes, statistics, triggers, policies, rules, views.

use smol_str::SmolStr;
use trueup::postgres::catalog::{Attribute, Kind, ObjectId};

use super::{Generator, Table, Values, quoted};

impl Generator {
    pub(super) fn index(&mut self, table: &Table) {
        let columns = Self::sortable(table);
        if columns.is_empty() {
            return;
        }
        let column = self.tape.pick(&columns).clone();
        let name = quoted(&column.name);
        let is_text = column.kind == "text";
        let id =
            ObjectId::in_schema(Kind::Index, table.id.schema.clone().unwrap_or_default(), self.tape.name());
        let mut values = Values::default().with(Attribute::OnTable, table.id.to_string());
        match self.tape.below(7) {
            0 | 1 => values = values.with(Attribute::Columns, name.clone()),
            2 => {
                let order = *self.tape.pick(&["DESC", "NULLS FIRST", "DESC NULLS LAST"]);
                values = values.with(Attribute::Columns, format!("{name} {order}"));
                let other = self.tape.pick(&columns).clone();
                values = values.when(other.name != column.name, Attribute::Include, quoted(&other.name));
                values = values.when(self.tape.rarely(3), Attribute::Options, "fillfactor=70");
            }
            3 if is_text && !column.collated => {
                values = values.with(Attribute::Columns, format!("lower({name})"))
            }
            4 if is_text => values = values.with(Attribute::Columns, format!("{name} text_pattern_ops")),
            5 if is_text && !column.collated => {
                values = values
                    .with(Attribute::Columns, format!("{name} COLLATE \"POSIX\" text_pattern_ops DESC"));
            }
            6 => {
                values = values.with(Attribute::Method, *self.tape.pick(&["hash", "brin"]));
                values = values.with(Attribute::Columns, name.clone());
                values =
                    values.when(self.tape.rarely(2), Attribute::Predicate, format!("({name} IS NOT NULL)"));
                self.add(id, values);
                return;
            }
            _ => {
                values = values.with(Attribute::Columns, name.clone());
                values = values.with(Attribute::Predicate, format!("({name} IS NOT NULL)"));
            }
        }
        if self.tape.rarely(3) {
            values = values.with(Attribute::IsUnique, "true");
            values = values.when(self.tape.rarely(2), Attribute::NullsNotDistinct, "true");
        }
        self.add(id, values);
    }

    pub(super) fn statistics(&mut self, table: &Table) {
        let columns = Self::sortable(table);
        let [first, second, ..] = &columns[..] else { return };
        let id = ObjectId::in_schema(Kind::Statistics, self.schema(), self.tape.name());
        let kinds = *self.tape.pick(&["", "(ndistinct) ", "(ndistinct, dependencies) "]);
        let covers = format!("{kinds}ON {}, {}", quoted(&first.name), quoted(&second.name));
        let mut values = Values::default()
            .with(Attribute::Expression, covers)
            .with(Attribute::OnTable, table.id.to_string());
        values = values.when(self.tape.rarely(3), Attribute::StatisticsTarget, "50");
        self.add(id, values);
    }

    pub(super) fn trigger(&mut self, table: &Table) {
        let function = self.tape.pick(&self.trigger_functions).clone();
        let id = self.under(Kind::Trigger, &table.id);
        let (name, on) = (quoted(&id.name), table.id.to_string());
        let what = *self.tape.pick(&["BEFORE INSERT", "AFTER INSERT OR DELETE OR UPDATE", "BEFORE UPDATE"]);
        let how = if self.tape.rarely(3) { "STATEMENT" } else { "ROW" };
        let argument = if self.tape.rarely(3) { format!("'{}'", "it''s") } else { String::new() };
        let definition = format!(
            "CREATE TRIGGER {name} {what} ON {on} FOR EACH {how} EXECUTE FUNCTION {}{argument})",
            function.trim_end_matches(')')
        );
        let mut values = Values::default().with(Attribute::Definition, definition);
        values = values.when(
            self.tape.rarely(3),
            Attribute::Enabled,
            *self.tape.pick(&["disabled", "replica", "always"]),
        );
        self.add(id, values);
    }

    pub(super) fn policy(&mut self, table: &Table) {
        let id = self.under(Kind::Policy, &table.id);
        let mut values = Values::default().when(self.tape.rarely(3), Attribute::Permissive, "false");
        match self.tape.below(4) {
            0 => values = values.with(Attribute::Using, "true"),
            1 => values = values.with(Attribute::Command, "insert").with(Attribute::WithCheck, "(1 = 1)"),
            2 => {
                values = values
                    .with(Attribute::Command, "update")
                    .with(Attribute::Using, "(CURRENT_USER = 'x'::name)")
                    .with(Attribute::WithCheck, "false");
            }
            _ => values = values.with(Attribute::Command, "delete").with(Attribute::Using, "false"),
        }
        self.add(id, values);
    }

    pub(super) fn rule(&mut self, table: &Table) {
        let id = self.under(Kind::Rule, &table.id);
        let definition =
            format!("CREATE RULE {} AS\n    ON DELETE TO {} DO INSTEAD NOTHING", quoted(&id.name), table.id);
        self.add(id, Values::default().with(Attribute::Definition, definition));
    }

    /// A view over a table, or over the view before it. Its definition is as it is written here until the server has
    /// printed it.
    pub(super) fn view(&mut self) {
        let materialized = self.tape.rarely(3);
        let kind = if materialized { Kind::MaterializedView } else { Kind::View };
        let id = ObjectId::in_schema(kind, self.schema(), self.tape.name());
        let mut sources: Vec<(ObjectId, SmolStr)> = self
            .tables
            .iter()
            .filter_map(|table| Some((table.id.clone(), table.columns.first()?.name.clone())))
            .collect();
        sources.extend(self.views.iter().cloned());
        // The newest is the simplest choice: a view on a view.
        sources.reverse();
        let own = self.tape.name();
        let (one, mut first) = (quoted(&own), own);
        let query = match sources.is_empty() {
            true => format!("SELECT 1 AS {one}"),
            false => {
                let (source, column) = self.tape.pick(&sources).clone();
                first = column.clone();
                let column = quoted(&column);
                match self.tape.below(3) {
                    0 => format!("SELECT {column} FROM {source}"),
                    1 => format!("SELECT a.{column}, count(*) AS {one} FROM {source} a GROUP BY a.{column}"),
                    _ => format!(
                        "SELECT a.{column} FROM {source} a JOIN {source} b ON true WHERE a.{column} IS NOT NULL"
                    ),
                }
            }
        };
        self.views.push((id.clone(), first));
        let mut values = Values::default().with(Attribute::Definition, query);
        values =
            values.when(!materialized && self.tape.rarely(3), Attribute::Options, "security_barrier=true");
        self.add(id, values);
    }
}
