//! Binding checks to a database: their tables and what is in the way of them first, then what their queries return. However
//! many checks there are, it takes the same number of messages; only where the server refuses something is each of them
//! asked for by itself, to say which it is.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use super::file::one_failure;
use super::validate::{self, LocatedCheck, ValidatedCheck};
use super::{Check, CheckQuery, CheckedTable, VisibilityGap, visibility};
use crate::error::Failure;
use crate::postgres::connection::{Batch, Session};
use crate::postgres::sql::literal;

/// What the transaction goes back to when the server refuses something.
pub(super) const SAVEPOINT: &str = "trueup_checks";

/// Binds checks to the database of a session that is in a transaction, whose search_path is the project's afterwards.
///
/// # Errors
/// Exit 2: every check that is wrong, with file and line; the connection's.
pub(super) async fn bind(
    session: &mut Session,
    checks: Vec<Check>,
    search_path: &str,
) -> Result<Vec<ValidatedCheck>> {
    let Located { checks: placed, mut wrong } = locate(session, checks, search_path).await?;
    if placed.is_empty() {
        one_failure(wrong)?;
        return Ok(Vec::new());
    }
    let queries: Vec<&CheckQuery> = placed.iter().flat_map(|placed| placed.check.queries()).collect();
    let known = validate::shapes(session, &queries).await?;
    let one_by_one = known.is_none();
    let mut known = known.into_iter().flatten();
    let back = format!("ROLLBACK TO SAVEPOINT {SAVEPOINT}");
    let mut bound = Vec::new();
    for placed in placed {
        if one_by_one {
            session.execute(back.as_str()).await?;
        }
        let queries = placed.check.queries().count();
        let known = known.by_ref().take(queries).collect();
        match validate::prove(session, placed, known).await? {
            Ok(check) => bound.push(check),
            Err(failure) => wrong.push(failure),
        }
    }
    one_failure(wrong)?;
    if one_by_one {
        session.execute(format!("{back}; RELEASE SAVEPOINT {SAVEPOINT}")).await?;
    }
    Ok(bound)
}

/// Checks, and the errors of those whose table does not exist.
struct Located {
    checks: Vec<LocatedCheck>,
    wrong: Vec<Failure>,
}

/// Finds the tables, and what is in the way, in two round trips. Sets the savepoint and the project's search_path.
async fn locate(session: &mut Session, checks: Vec<Check>, search_path: &str) -> Result<Located> {
    let path = |path: &str| format!("SELECT pg_catalog.set_config('search_path', {}, true)", literal(path));
    let theirs = path(search_path);
    let oids = oids(session, &checks, &theirs).await?;
    let distinct: BTreeSet<String> = oids.values().cloned().collect();
    let (mut placed, mut wrong) = (Vec::new(), Vec::new());
    for check in checks {
        match check.table.as_ref().map(|named| (named, oids.get(&named.name))) {
            Some((named, None)) => {
                wrong.push(check.wrong_at(named.line, &format!("there is no table {}", named.name)));
            }
            found => {
                let oid = found.and_then(|(_, oid)| oid.cloned());
                placed.push((check, oid));
            }
        }
    }
    let mut tables: BTreeMap<String, CheckedTable> = BTreeMap::new();
    let mut obstacles: Vec<Vec<VisibilityGap>> = vec![Vec::new(); placed.len()];
    let mut batch = Batch::default();
    batch.execute(path("pg_catalog, pg_temp"));
    batch.each_of(distinct.iter().map(|oid| CheckedTable::statement(oid)), |_, row| {
        let table = CheckedTable::from_row(row)?;
        tables.insert(table.oid.to_string(), table);
        Ok(())
    });
    let gaps =
        placed.iter().map(|(check, oid)| visibility::statement(check.queries(), oid.as_deref(), search_path));
    batch.each_of(gaps, |check, row| {
        obstacles[check].push(visibility::from_row(row)?);
        Ok(())
    });
    batch.execute(theirs);
    batch.execute(format!("SAVEPOINT {SAVEPOINT}"));
    session.run(batch).await?;
    let placed = placed.into_iter().zip(obstacles);
    let placed = placed.map(|((check, oid), obstacles)| {
        let table = oid.and_then(|oid| tables.get(&oid).cloned());
        LocatedCheck { check, table, obstacles }
    });
    Ok(Located { checks: placed.collect(), wrong })
}

/// The oids of the checks' tables, by the names as the checks write them; one that is not there is left out.
async fn oids(session: &mut Session, checks: &[Check], theirs: &str) -> Result<BTreeMap<String, String>> {
    let names: BTreeSet<&str> =
        checks.iter().filter_map(|check| check.table.as_ref()).map(|table| table.name.as_str()).collect();
    let names: Vec<&str> = names.into_iter().collect();
    let lookups = names
        .iter()
        .map(|name| format!("SELECT pg_catalog.to_regclass({})::pg_catalog.oid AS oid", literal(name)));
    let mut oids = BTreeMap::new();
    let mut batch = Batch::default();
    batch.execute(theirs);
    batch.each_of(lookups, |name, row| {
        if let Some(oid) = row.get("oid")? {
            oids.insert(names[name].to_owned(), oid);
        }
        Ok(())
    });
    session.run(batch).await?;
    Ok(oids)
}
