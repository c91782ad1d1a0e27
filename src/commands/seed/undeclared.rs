//! Finds the tables that were seeded, and of which no file of `schema/seeds/` declares rows any more.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use crate::data::seeds::{RowFilter, SeededRecord, TableColumn, TableColumns, TableName, recorded_rows};
use crate::postgres::catalog::reader::SETTINGS;
use crate::postgres::catalog::{TableUse, UntrustedCode, WITHOUT_JIT};
use crate::postgres::connection::{self, Batch, ReadOnlyTransaction, Session};
use crate::postgres::sql::{literal, split_qualified};
use crate::project::Settings;
use crate::workflow::comparison;
use crate::workflow::project_model::Needs;
use crate::workflow::seeding::{SeedPlan, UndeclaredTable};

/// Why no row of a table is named that does not exist.
const NO_TABLE: &str = "this database has no such table";

/// What the database knows of a table that was seeded.
#[derive(Debug, Default)]
struct SeededTable {
    records: Vec<SeededRecord>,
    /// How many records there are; some may be unreadable.
    count: usize,
    columns: Vec<TableColumn>,
    /// The columns of its unique indexes.
    unique: Vec<Vec<String>>,
    /// Why its rows cannot be read.
    unreadable: Option<String>,
}

/// Reads which rows of such tables are still there.
///
/// # Errors
/// Exit 3: the records cannot be read, or the connection is lost.
pub(super) async fn read(
    settings: &Settings,
    session: &mut Session,
    seed_plan: &SeedPlan,
) -> Result<Vec<UndeclaredTable>> {
    if !seed_plan.snapshot.seeded.recorded {
        return Ok(Vec::new());
    }
    let found = find(settings, session, &seed_plan.declared_tables()).await;
    found.map_err(|error| connection::server_failure(error, "reading what was seeded"))
}

/// Reads the records of tables that are not `declared`, and then each table by itself.
async fn find(
    settings: &Settings,
    session: &mut Session,
    declared: &BTreeSet<String>,
) -> Result<Vec<UndeclaredTable>> {
    let declared: Vec<String> = declared.iter().map(|table| literal(table)).collect();
    let mut tables: BTreeMap<String, SeededTable> = BTreeMap::new();
    let mut batch = transaction(settings).batch();
    let records = format!(
        "SELECT s.relation, s.key, s.seeded FROM trueup.seeds AS s WHERE s.relation <> ALL (ARRAY[{}]::text[])",
        declared.join(", ")
    );
    batch.each(records, |row| {
        let table = tables.entry(row.get("relation")?).or_default();
        table.count += 1;
        table.records.extend(SeededRecord::read(row.get("key")?, row.get("seeded")?));
        Ok(())
    });
    batch.execute("ROLLBACK");
    session.run(batch).await?;
    if tables.is_empty() {
        return Ok(Vec::new());
    }
    describe(settings, session, &mut tables).await?;
    let mut undeclared = Vec::new();
    for (path, table) in tables {
        let (seeded, is_dropped) = (table.count, table.columns.is_empty());
        let rows = existing(settings, session, &path, table).await?;
        let (rows, unknown) = match rows {
            Ok(rows) if rows.is_empty() => continue,
            Ok(rows) => (rows, None),
            Err(why) => (Vec::new(), Some(why)),
        };
        undeclared.push(UndeclaredTable { table: path, seeded, rows, unknown, is_dropped });
    }
    Ok(undeclared)
}

/// Reads the columns and unique indexes of the tables, and whether this role may read them all.
async fn describe(
    settings: &Settings,
    session: &mut Session,
    tables: &mut BTreeMap<String, SeededTable>,
) -> Result<()> {
    let paths: Vec<String> = tables.keys().cloned().collect();
    let names: Vec<String> = paths.iter().map(|path| literal(path)).collect();
    let mut found: Vec<&mut SeededTable> = tables.values_mut().collect();
    let mut code: Vec<UntrustedCode> = Vec::new();
    let mut oids: BTreeMap<u32, usize> = BTreeMap::new();
    let mut batch = transaction(settings).batch();
    batch.execute(WITHOUT_JIT);
    let tables = format!(
        "WITH asked AS (SELECT n.place - 1 AS place, to_regclass(n.name)::oid AS oid \
         FROM unnest(ARRAY[{}]) WITH ORDINALITY AS n (name, place))",
        names.join(", ")
    );
    batch.each(
        format!(
            "{tables} SELECT asked.place, c.oid, CASE WHEN c.relkind NOT IN ('r', 'p') THEN 'it is no table any more' \
             WHEN NOT has_schema_privilege(c.relnamespace, 'USAGE') OR NOT has_table_privilege(c.oid, 'SELECT') \
             THEN 'this role may not read it' WHEN row_security_active(c.oid) THEN 'row-level security hides rows of it' END AS why, \
             (SELECT json_agg(json_build_array(a.attname, a.atttypid::int8) ORDER BY a.attnum) FROM pg_attribute AS a \
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns, \
             (SELECT coalesce(json_agg((SELECT json_agg(a.attname) FROM pg_attribute AS a WHERE a.attrelid = c.oid \
             AND a.attnum = ANY (i.indkey[0:i.indnkeyatts - 1])) ORDER BY NOT i.indisprimary, i.indexrelid), '[]') \
             FROM pg_index AS i WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indexprs IS NULL \
             AND i.indpred IS NULL) AS keys \
             FROM asked JOIN pg_class AS c ON c.oid = asked.oid"
        ),
        |row| {
            let place: usize = row.get("place")?;
            oids.insert(row.get("oid")?, place);
            let columns: Vec<(String, u32)> = serde_json::from_str(row.get("columns")?)?;
            found[place].columns = columns
                .into_iter()
                .map(|(name, type_oid)| TableColumn { name: name.into(), type_oid })
                .collect();
            found[place].unique = serde_json::from_str(row.get("keys")?)?;
            found[place].unreadable = row.get("why")?;
            Ok(())
        },
    );
    let suspects = format!("ARRAY({tables} SELECT oid FROM asked WHERE oid IS NOT NULL)");
    batch.each(UntrustedCode::statement_of(TableUse::Read, &suspects), |row| {
        code.push(UntrustedCode::from_row(TableUse::Read, row)?);
        Ok(())
    });
    batch.execute("ROLLBACK");
    session.run(batch).await?;
    for code in code {
        if let Some(place) = oids.get(&code.oid) {
            found[*place].unreadable.get_or_insert(code.sentence());
        }
    }
    Ok(())
}

/// The rows of a table that were seeded and are there, by their keys. The inner error says in words why that is not known.
async fn existing(
    settings: &Settings,
    session: &mut Session,
    path: &str,
    table: SeededTable,
) -> Result<Result<Vec<String>, String>> {
    if table.columns.is_empty() {
        return Ok(Err(NO_TABLE.to_owned()));
    }
    if let Some(why) = table.unreadable {
        return Ok(Err(why));
    }
    let name = split_qualified(path).and_then(|parts| <[_; 2]>::try_from(parts).ok());
    let Some([schema, name]) = name else { return Ok(Err(NO_TABLE.to_owned())) };
    let columns = TableColumns { table: TableName { schema, name }, all: table.columns };
    let Some(query) = recorded_rows(columns, &table.records, &table.unique) else {
        return Ok(Err("no unique index of it has the columns of their key".to_owned()));
    };
    let mut rows = Vec::new();
    let mut batch: Batch<'_> = transaction(settings).batch();
    batch.each(query.sql(true, RowFilter::Differing), |row| {
        rows.push(query.label(&query.read_row(row)?.key));
        Ok(())
    });
    batch.execute("ROLLBACK");
    if let Err(error) = session.run(batch).await {
        let said = connection::server_error(&error).map(connection::describe);
        let Some(said) = said.filter(|said| said.sqlstate.is_some()) else { return Err(error) };
        session.execute("ROLLBACK").await?;
        return Ok(Err(said.text()));
    }
    rows.sort();
    Ok(Ok(rows))
}

/// The transaction that reads.
fn transaction(settings: &Settings) -> ReadOnlyTransaction {
    let request = comparison::request(settings, Needs::nothing());
    ReadOnlyTransaction::read_committed()
        .statement_timeout(request.statement_timeout)
        .lock_timeout(request.lock_timeout)
        .settings(SETTINGS)
        .row_security_off()
        .role(request.set_role.as_deref())
}
