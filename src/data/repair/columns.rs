//! The values of a table as a plan records them. A value of a built-in type is recorded as it is, and any other value as
//! text, so that a plan does not keep a user-defined type from being dropped. Neither way loses anything.

use crate::data::checks::{CheckedColumn, CheckedTable};
use crate::postgres::sql::identifier;

/// The oid of `text` (`pg_type.dat`).
const TEXT: u32 = 25;

/// The settings that the text of a value depends on.
pub(super) const FORMATS: &str = "SET LOCAL extra_float_digits = 3; SET LOCAL DateStyle = 'ISO, YMD'; \
    SET LOCAL IntervalStyle = 'postgres'; SET LOCAL bytea_output = 'hex'; SET LOCAL TimeZone = 'UTC'";

impl CheckedColumn {
    /// The definition of a plan's column that records values of this one: `k1 pg_catalog.int8`.
    pub(super) fn plan_column(&self, name: &str) -> String {
        let collation =
            if self.collated || self.builtin_type.is_none() { " COLLATE pg_catalog.\"C\"" } else { "" };
        format!("{name} {}{collation}", self.recorded_type())
    }

    /// The type of that column.
    pub(super) fn recorded_type(&self) -> &str {
        self.builtin_type.as_deref().unwrap_or("pg_catalog.text")
    }

    /// The SQL expression that records a value of the column's type.
    pub(super) fn recorded(&self, value: &str) -> String {
        match &self.builtin_type {
            Some(builtin_type) if self.domain => return format!("({value})::{builtin_type}"),
            Some(_) => return value.to_owned(),
            None => {}
        }
        // The output function of the type, whatever casts users have created. `format` prints NULL as an empty text.
        format!(
            "CASE WHEN pg_catalog.num_nulls({value}) OPERATOR(pg_catalog.=) 0 THEN pg_catalog.format('%s', {value}) END"
        )
    }

    /// The SQL expression that turns a recorded value into a value of the column's type again.
    pub(super) fn restored(&self, recorded: &str) -> String {
        match self.is_builtin() {
            true => recorded.to_owned(),
            false => format!("({recorded})::{}", self.type_name),
        }
    }

    /// The SQL expression that records a value which a fix returns, of the type `type_oid`. The value is assigned as UPDATE
    /// assigns it: one that is too long for the column is an error. A text is read like a literal.
    pub(super) fn recorded_answer(&self, value: &str, type_oid: u32) -> String {
        if type_oid == self.type_oid || self.is_builtin() && type_oid != TEXT {
            return self.recorded(value);
        }
        // A cast would truncate the value. The plan's column has the length of the type, or of the domain, and refuses it.
        if self.collated && self.builtin_type.is_some() {
            return value.to_owned();
        }
        self.recorded(&self.cast(value))
    }

    /// The SQL expression that casts a value to the column's type, with its length or scale.
    pub(super) fn cast(&self, value: &str) -> String {
        format!("({value})::{}", self.type_name)
    }

    /// Whether the type of the column is a built-in one.
    fn is_builtin(&self) -> bool {
        self.builtin_type.is_some() && !self.domain
    }

    /// The SQL condition that two values are equal as parts of a key.
    pub(super) fn equal(&self, left: &str, right: &str) -> String {
        // The `=` of a user-defined type may be in any schema of the search_path.
        let operator = if self.is_builtin() { "OPERATOR(pg_catalog.=)" } else { "=" };
        format!("{left} {operator} {right}")
    }
}

/// The names `prefix1`, `prefix2`, ...
pub(super) fn numbered(prefix: &str, count: usize) -> Vec<String> {
    (1..=count).map(|number| format!("{prefix}{number}")).collect()
}

/// A column of a table that has an alias: `t."name"`.
pub(super) fn of(alias: &str, column: &CheckedColumn) -> String {
    format!("{alias}.{}", identifier(&column.name))
}

/// The SQL condition that two rows of values have the same bytes.
pub(super) fn same_image(left: &[String], right: &[String]) -> String {
    format!("pg_catalog.record_image_eq(ROW({}), ROW({}))", left.join(", "), right.join(", "))
}

/// The columns of a table with these names; `None` where the table lacks one of them.
pub(super) fn named(table: &CheckedTable, names: &[String]) -> Option<Vec<CheckedColumn>> {
    names.iter().map(|name| table.column(name).cloned()).collect()
}
