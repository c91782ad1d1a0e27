//! The SQL that writes refinery's history as refinery itself would, so that an application that embeds refinery reads
//! the same history.

use super::checksum::{self, Width};
use super::{Migration, ToolLedger};
use crate::postgres::catalog::history_tables::REFINERY_TABLE;
use crate::postgres::sql::{QualifiedTable, literal, schemas_of_path};

/// refinery's history table in one database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ledger {
    /// The table's name, qualified and quoted.
    pub table: String,
    /// Whether the table exists already.
    pub exists: bool,
    /// The width of its versions, on which checksums depend.
    pub width: Width,
    /// The schema that the table is to be created in, which only the first migration creates.
    pub awaits_schema: bool,
    /// The table of the tool that the migrations were taken over from, where that is kept in step.
    pub also: Option<ToolLedger>,
    /// The baseline that is to be recorded in the place of the migrations that it replaces: its version, and theirs.
    pub squashed: Option<(i64, Vec<i64>)>,
}

impl Ledger {
    /// A table that exists.
    pub fn existing(table: impl Into<String>, width: Width) -> Self {
        Self { table: table.into(), exists: true, width, awaits_schema: false, also: None, squashed: None }
    }

    /// Where a new history is created: refinery's table in the first schema of the search_path, where plain refinery
    /// creates it.
    pub fn place(search_path: &str) -> QualifiedTable {
        let schema = schemas_of_path(search_path).into_iter().find(|schema| schema != "$user");
        let schema = schema.map_or_else(|| "public".to_owned(), String::from);
        QualifiedTable { schema, table: REFINERY_TABLE.to_owned() }
    }

    /// A table that does not exist yet, with versions as wide as plain refinery's unless one of these does not fit.
    pub fn new(table: &QualifiedTable, versions: impl IntoIterator<Item = i64>) -> Self {
        let fits = versions.into_iter().all(|version| i32::try_from(version).is_ok());
        let width = if fits { Width::Four } else { Width::Eight };
        Self {
            table: table.to_string(),
            exists: false,
            width,
            awaits_schema: false,
            also: None,
            squashed: None,
        }
    }

    /// The statement that creates the table (refinery-core, `ASSERT_MIGRATIONS_TABLE_QUERY`).
    pub fn create(&self) -> String {
        let width = match self.width {
            Width::Four => "int4",
            Width::Eight => "int8",
        };
        format!(
            "CREATE TABLE IF NOT EXISTS {} (version {width} PRIMARY KEY, name varchar(255), applied_on varchar(255), \
             checksum varchar(255))",
            self.table
        )
    }

    /// The statements that record a migration.
    pub fn insert(&self, migration: &Migration) -> String {
        let [version, name, checksum] = self.values(migration);
        let also = self.also.iter().flat_map(|also| also.insert([migration.version]));
        let row = self.insert_of([&version, &name, &checksum]);
        std::iter::once(row).chain(also).collect::<Vec<_>>().join(";\n")
    }

    /// Whether the row of a migration in refinery's table is all that records it.
    pub fn is_alone(&self, version: i64) -> bool {
        !self.also.as_ref().is_some_and(|also| also.knows(version))
    }

    /// The statement that records a migration, whose version, name and checksum are SQL expressions. The time is the
    /// server's, in the form that refinery reads (RFC 3339).
    pub fn insert_of(&self, [version, name, checksum]: [&str; 3]) -> String {
        format!(
            "INSERT INTO {} (version, name, applied_on, checksum) VALUES ({version}, {name}, \
             pg_catalog.to_char(pg_catalog.timezone('UTC', pg_catalog.clock_timestamp()), \
             'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), {checksum})",
            self.table
        )
    }

    /// A migration's values for [`Ledger::insert_of`].
    pub fn values(&self, migration: &Migration) -> [String; 3] {
        let checksum = checksum::written(migration, self.width).to_string();
        [migration.version.to_string(), literal(&migration.name), literal(&checksum)]
    }

    /// The statements that record a baseline in the place of the migrations that it replaces.
    pub fn squash(&self, baseline: &Migration, replaced: &[i64]) -> String {
        let versions: Vec<String> = replaced.iter().map(ToString::to_string).collect();
        let delete = format!("DELETE FROM {} WHERE version IN ({})", self.table, versions.join(", "));
        format!("{delete};\n{}", self.insert(baseline))
    }

    /// The statements that delete the row of a version.
    pub fn delete(&self, version: i64) -> String {
        let also = self.also.iter().flat_map(|also| also.delete(version));
        let row = format!("DELETE FROM {} WHERE version = {version}", self.table);
        std::iter::once(row).chain(also).collect::<Vec<_>>().join(";\n")
    }

    /// The statement that sets the name and the checksum of a recorded migration to those of its file.
    pub fn amend(&self, migration: &Migration) -> String {
        format!(
            "UPDATE {} SET name = {}, checksum = {} WHERE version = {}",
            self.table,
            literal(&migration.name),
            literal(&checksum::written(migration, self.width).to_string()),
            migration.version
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_table_is_as_wide_as_it_has_to_be() {
        let ledger = Ledger::new(&Ledger::place("\"$user\", app, pg_temp"), [1, 2]);
        assert_eq!((ledger.table.as_str(), ledger.width), ("app.refinery_schema_history", Width::Four));
        assert_eq!(Ledger::new(&Ledger::place(""), [20_260_102_030_405]).width, Width::Eight);
        assert!(
            Ledger::new(&Ledger::place("public, pg_temp"), [1])
                .create()
                .contains("public.refinery_schema_history (version int4")
        );
    }
}
