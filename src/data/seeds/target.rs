//! Checks a seed against the catalog of a live database. Pure.

use std::collections::BTreeMap;

use super::columns::{TableColumn, TableColumns, TableName, candidates};
use super::file::{self, Cell, Seed};
use crate::error::Failure;
use crate::postgres::catalog::{Attribute, Catalog, Kind, Object, ObjectId};
use crate::postgres::sql::identifier;
use crate::toml_table::nearest;

/// A table that a seed can be applied to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeedTarget {
    /// The name of the table.
    pub id: ObjectId,
}

impl SeedTarget {
    /// Finds the table of a seed, and checks that it fits.
    ///
    /// # Errors
    /// Exit 2: the table or a column does not exist, a column cannot be written, or no unique index has the columns
    /// of the key.
    pub fn resolve(seed: &Seed, catalog: &Catalog, search_path: &str) -> Result<Self, Failure> {
        let written = &seed.table.value;
        let known = candidates(written, search_path).ok_or_else(|| {
            seed.error_at(seed.table.line, format!("table: {written:?} is not a table name"))
        })?;
        let id_of =
            |table: &TableName, kind| ObjectId::in_schema(kind, table.schema.clone(), table.name.clone());
        let here = known.iter().map(|name| id_of(name, Kind::Table)).find(|id| catalog.get(id).is_some());
        let Some(id) = here else {
            let view = [Kind::View, Kind::MaterializedView]
                .into_iter()
                .find(|kind| known.iter().any(|name| catalog.get(&id_of(name, *kind)).is_some()));
            if let Some(kind) = view {
                return Err(seed.error_at(
                    seed.table.line,
                    format!("table: expected a table, and {written} is a {}", kind.spoken()),
                ));
            }
            let tables = catalog.objects.iter().filter(|object| object.id.kind == Kind::Table);
            let tables: Vec<String> = tables.map(|table| table.id.to_string()).collect();
            let bare = |path: &'_ str| path.rsplit('.').next().unwrap_or_default().to_owned();
            let names: Vec<String> = tables.iter().map(|path| bare(path)).collect();
            let candidates = tables.iter().chain(&names).map(String::as_str);
            let error =
                seed.error_at(seed.table.line, format!("table: this database has no table {written}"));
            return Err(error.next(match nearest(written, candidates) {
                Some(nearest) => {
                    format!("did you mean {nearest:?}? when a pending migration makes it: trueup upgrade")
                }
                None => "when a pending migration makes it: trueup upgrade".to_owned(),
            }));
        };
        let table = Self { id };
        for written in cells(seed) {
            table.writable(catalog, &written)?;
        }
        table.unique(seed, catalog)?;
        Ok(table)
    }

    fn column<'c>(&self, catalog: &'c Catalog, name: &str) -> Option<&'c Object> {
        let schema = self.id.schema.clone().unwrap_or_default();
        let id = ObjectId::under(Kind::Column, schema, self.id.name.clone(), name);
        catalog.get(&id).map(|column| &**column)
    }

    fn parts<'c>(&self, catalog: &'c Catalog, kind: Kind) -> impl Iterator<Item = &'c Object> {
        let path = self.id.to_string();
        let of = move |object: &&Object| object.id.kind == kind && object.id.relation_path() == path;
        catalog.objects.iter().map(|object| &**object).filter(of)
    }

    /// Checks that a column can be written.
    fn writable(&self, catalog: &Catalog, written: &WrittenCell<'_>) -> Result<(), Failure> {
        let name = &written.cell.column;
        let Some(column) = self.column(catalog, name) else {
            let all: Vec<&str> =
                self.parts(catalog, Kind::Column).map(|column| column.id.name.as_str()).collect();
            let failure = written.error(format!("{name}: {} has no such column", self.id));
            return Err(failure.next(match nearest(name, all.iter().copied()) {
                Some(nearest) => format!("did you mean {nearest:?}?"),
                None => format!("its columns: {}", all.join(", ")),
            }));
        };
        let why = match (column.get(Attribute::Generated), column.get(Attribute::Identity)) {
            (Some(_), _) => "is computed from other columns",
            (_, Some("always")) => "is an identity column (GENERATED ALWAYS)",
            _ => return Ok(()),
        };
        Err(written
            .error(format!("{name}: {why}: its values are the database's own"))
            .next("leave the column out; a key that is the same everywhere is one of the project's own"))
    }

    /// Checks that `ON CONFLICT` can use a unique index over exactly these columns, without a predicate and not
    /// deferrable.
    fn unique(&self, seed: &Seed, catalog: &Catalog) -> Result<(), Failure> {
        let mut key: Vec<String> =
            seed.key.value.iter().map(|column| identifier(column).into_owned()).collect();
        key.sort_unstable();
        let path = self.id.to_string();
        let constraints = [Kind::PrimaryKey, Kind::Unique]
            .into_iter()
            .flat_map(|kind| self.parts(catalog, kind))
            .filter(|constraint| constraint.attributes.stated(Attribute::Deferrable).is_none());
        let indexes = catalog.objects.iter().map(|object| &**object).filter(|object| {
            object.id.kind == Kind::Index
                && object.get(Attribute::OnTable) == Some(&path)
                && object.is(Attribute::IsUnique, "true")
                && !object.is(Attribute::Valid, "false")
                && object.attributes.stated(Attribute::Predicate).is_none()
        });
        let lists: Vec<&str> =
            constraints.chain(indexes).filter_map(|unique| unique.get(Attribute::Columns)).collect();
        let is_key = |list: &&str| {
            let mut columns: Vec<&str> = list.split(", ").map(column_of).collect();
            columns.sort_unstable();
            columns == key
        };
        if lists.iter().any(is_key) {
            return Ok(());
        }
        let there = match lists.as_slice() {
            [] => format!("{} has no unique index at all", self.id),
            lists => format!("{} has unique indexes over ({})", self.id, lists.join("), (")),
        };
        let what = format!(
            "key: expected the columns of a unique index that is valid, over all rows, and not deferrable; found ({}), \
             and {there}",
            seed.key.value.join(", ")
        );
        Err(seed
            .error_at(seed.key.line, what)
            .next("the key identifies rows: create a unique index on it, or name the columns of one"))
    }
}

/// The constant defaults of a table's columns, by column.
pub fn defaults(columns: &TableColumns, catalog: &Catalog) -> BTreeMap<String, String> {
    let TableName { schema, name: table } = &columns.table;
    let constant_of = |column: &TableColumn| {
        let id = ObjectId::under(Kind::Column, schema.clone(), table.clone(), column.name.clone());
        let default = constant(catalog.get(&id)?.get(Attribute::Default)?)?;
        Some((column.name.to_string(), default))
    };
    columns.all.iter().filter_map(constant_of).collect()
}

/// What can silently prevent an INSERT: BEFORE triggers and rules, by kind and name.
pub fn insert_blockers(columns: &TableColumns, catalog: &Catalog) -> Vec<String> {
    let path = columns.path();
    let is_here = |object: &&Object| object.id.relation_path() == path;
    let keeps = |object: &Object| {
        let definition = object.get(Attribute::Definition).unwrap_or_default();
        let made =
            format!("CREATE {} {} ", object.id.kind.spoken().to_uppercase(), identifier(&object.id.name));
        let event = definition.strip_prefix(&made).and_then(|rest| match object.id.kind {
            Kind::Trigger => rest.strip_prefix("BEFORE ")?.split_once(" ON "),
            _ => rest.trim_start_matches("AS").trim_start().strip_prefix("ON ")?.split_once(" TO "),
        });
        event.is_some_and(|(events, _)| events.contains("INSERT"))
            && object.attributes.stated(Attribute::Enabled) != Some("disabled")
    };
    let objects = catalog.objects.iter().map(|object| &**object);
    let objects = objects.filter(|object| matches!(object.id.kind, Kind::Trigger | Kind::Rule));
    let named = |object: &Object| format!("{} {}", object.id.kind.spoken(), object.id.name);
    objects.filter(is_here).filter(|object| keeps(object)).map(named).collect()
}

/// The value of a constant default, as the server prints it: `false`, `0.00`, `'it''s'::text`.
fn constant(default: &str) -> Option<String> {
    let Some(quoted) = default.strip_prefix('\'') else {
        let is_number = default.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        return (is_number || matches!(default, "true" | "false")).then(|| default.to_owned());
    };
    let end = quoted.replace("''", "  ").find('\'')?;
    // The rest must be the type: no operator, no call, no other text.
    let (value, rest) = (&quoted[..end], &quoted[end + 1..]);
    let is_cast = rest.is_empty() || rest.starts_with("::") && !rest[2..].contains("::");
    let is_type = !rest.contains(['\'', '|', '+', '/', '*']);
    (is_cast && is_type).then(|| value.replace("''", "'"))
}

/// The column of an index key without its options. An expression is returned as it is and matches no column.
fn column_of(key: &str) -> &str {
    let end = match key.strip_prefix('"') {
        Some(quoted) => {
            let mut end = 0;
            while let Some(next) = quoted[end..].find('"') {
                end += next + 1;
                if quoted[end..].starts_with('"') {
                    end += 1;
                } else {
                    break;
                }
            }
            end + 1
        }
        None => key.find(' ').unwrap_or(key.len()),
    };
    &key[..end.min(key.len())]
}

/// A column where a file names it first.
struct WrittenCell<'s> {
    cell: &'s Cell,
    file: &'s str,
}

impl WrittenCell<'_> {
    /// An error about the column (exit 2).
    fn error(&self, what: String) -> Failure {
        file::error_at(self.file, self.cell.line, what)
    }
}

/// Every written column where it is first named.
fn cells(seed: &Seed) -> Vec<WrittenCell<'_>> {
    let of_rows =
        seed.rows.iter().flat_map(|row| row.cells.iter().map(|cell| WrittenCell { cell, file: &row.file }));
    let on_change = seed.on_change.iter().map(|cell| WrittenCell { cell, file: &seed.file });
    let mut seen = std::collections::HashSet::new();
    of_rows.chain(on_change).filter(|written| seen.insert(written.cell.column.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::{column_of, constant};

    #[test]
    fn defaults_are_constants_or_nothing_that_is_known() {
        for (default, value) in [
            ("false", Some("false")),
            ("0", Some("0")),
            ("1.50", Some("1.50")),
            ("'-1'::integer", Some("-1")),
            ("'it''s'::text", Some("it's")),
            ("'{}'::character varying[]", Some("{}")),
            ("'a'::public.\"My type\"", Some("a")),
            ("''::text", Some("")),
            ("'it''s'::text || 'x'::text", None),
            ("('a'::text || 'b'::text)", None),
            ("now()", None),
            ("nextval('public.s'::regclass)", None),
            ("CURRENT_USER", None),
            ("(1 + 2)", None),
        ] {
            assert_eq!(constant(default).as_deref(), value, "{default}");
        }
    }

    #[test]
    fn keys_of_indexes_are_columns_or_none() {
        for (key, column) in [
            ("slug", "slug"),
            ("slug DESC NULLS LAST", "slug"),
            ("\"a \"\" b\" COLLATE \"C\"", "\"a \"\" b\""),
            ("lower(slug)", "lower(slug)"),
        ] {
            assert_eq!(column_of(key), column);
        }
    }
}
