//! Values of a table as they are kept in a plan: those of the server's own types as they are, all others as text, so that no
//! type of somebody's is kept from being dropped. Both ways lose nothing.

use crate::data::checks::{CheckedColumn, CheckedTable};
use crate::postgres::sql::identifier;

/// The oid of `text`.
const TEXT: u32 = 25;

/// What text depends on.
pub(super) const FORMATS: &str = "SET LOCAL extra_float_digits = 3; SET LOCAL DateStyle = 'ISO, YMD'; \
    SET LOCAL IntervalStyle = 'postgres'; SET LOCAL bytea_output = 'hex'; SET LOCAL TimeZone = 'UTC'";

impl CheckedColumn {
    /// The column of a plan for it.
    pub(super) fn declared(&self, name: &str) -> String {
        let collation = if self.collated || self.mirror.is_none() { " COLLATE pg_catalog.\"C\"" } else { "" };
        format!("{name} {}{collation}", self.kept_type())
    }

    /// The type of that column.
    pub(super) fn kept_type(&self) -> &str {
        self.mirror.as_deref().unwrap_or("pg_catalog.text")
    }

    /// A value of its type, as it is kept.
    pub(super) fn kept(&self, value: &str) -> String {
        match &self.mirror {
            Some(mirror) if self.domain => return format!("({value})::{mirror}"),
            Some(_) => return value.to_owned(),
            None => {}
        }
        // The type's own output, whatever casts somebody has made. `format` takes NULL for an empty text.
        format!(
            "CASE WHEN pg_catalog.num_nulls({value}) OPERATOR(pg_catalog.=) 0 THEN pg_catalog.format('%s', {value}) END"
        )
    }

    /// A value that was kept, as its type has it.
    pub(super) fn back(&self, kept: &str) -> String {
        match self.is_own() {
            true => kept.to_owned(),
            false => format!("({kept})::{}", self.type_name),
        }
    }

    /// A value that a fix returns, as it is kept: assigned, as an UPDATE would, so that what is too long for the column is an
    /// error. Text is taken for a literal.
    pub(super) fn given(&self, value: &str, type_oid: u32) -> String {
        if type_oid == self.type_oid || self.is_own() && type_oid != TEXT {
            return self.kept(value);
        }
        // A cast would cut it; the plan's column, whose length is the domain's, too, refuses it.
        if self.collated && self.mirror.is_some() {
            return value.to_owned();
        }
        self.kept(&self.stored(value))
    }

    /// The same as the column has it: with its length, or its scale.
    pub(super) fn stored(&self, value: &str) -> String {
        format!("({value})::{}", self.type_name)
    }

    /// Whether its type is the server's own.
    fn is_own(&self) -> bool {
        self.mirror.is_some() && !self.domain
    }

    /// Whether two values are the same key.
    pub(super) fn equal(&self, left: &str, right: &str) -> String {
        // The `=` of somebody's type is where that is.
        let operator = if self.is_own() { "OPERATOR(pg_catalog.=)" } else { "=" };
        format!("{left} {operator} {right}")
    }
}

/// `prefix1, prefix2, ...`
pub(super) fn numbered(prefix: &str, count: usize) -> Vec<String> {
    (1..=count).map(|number| format!("{prefix}{number}")).collect()
}

/// `t."name"`
pub(super) fn of(alias: &str, column: &CheckedColumn) -> String {
    format!("{alias}.{}", identifier(&column.name))
}

/// Whether the rows of two lists of values have the same bytes.
pub(super) fn same_image(left: &[String], right: &[String]) -> String {
    format!("pg_catalog.record_image_eq(ROW({}), ROW({}))", left.join(", "), right.join(", "))
}

/// The columns of a table by name; `None` when one is gone.
pub(super) fn named(table: &CheckedTable, names: &[String]) -> Option<Vec<CheckedColumn>> {
    names.iter().map(|name| table.column(name).cloned()).collect()
}
