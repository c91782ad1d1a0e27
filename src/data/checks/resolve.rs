//! Resolves checks in a database: first their tables and what hides rows from the role, then what their queries return.
//!
//! It takes the same number of messages, however many checks there are. Only where the server refuses one of the queries,
//! each check is validated by itself to find out which it is.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use super::file::combine;
use super::reach::{self, Reaching};
use super::validate::{self, LocatedCheck, ValidatedCheck, ValidationError};
use super::visibility::{self, Obstacle};
use super::{Check, CheckQuery, CheckedTable, VisibilityGap};
use crate::error::Failure;
use crate::postgres::catalog::{TableUse, UntrustedCode, WITHOUT_JIT};
use crate::postgres::connection::{Batch, Session};
use crate::postgres::sql::literal;

/// The savepoint that the transaction is rolled back to when the server refuses a query.
pub(super) const SAVEPOINT: &str = "trueup_checks";

/// Validates checks against the database of a session that is in a transaction. Afterwards the search_path of the
/// transaction is the project's.
///
/// # Errors
/// Exit 2: all errors of all checks, with file and line. Those of the connection.
pub(super) async fn resolve(
    session: &mut Session,
    checks: Vec<Check>,
    search_path: &str,
) -> Result<Vec<ValidatedCheck>> {
    let LocatedChecks { checks: located, mut failures } = locate(session, checks, search_path).await?;
    if located.is_empty() {
        combine(failures)?;
        return Ok(Vec::new());
    }
    // What could run code of a weaker role is not planned.
    let is_planned = |located: &&LocatedCheck| !located.has_code() && located.not_applicable().is_none();
    let planned = located.iter().filter(is_planned);
    let queries: Vec<&CheckQuery> = planned.flat_map(|located| located.check.queries()).collect();
    let returned = match queries.is_empty() {
        true => None,
        false => validate::returned_by_all(session, &queries).await?,
    };
    let one_by_one = returned.is_none();
    let mut returned = returned.into_iter().flatten();
    let rollback = format!("ROLLBACK TO SAVEPOINT {SAVEPOINT}");
    let mut validated = Vec::new();
    for located in located {
        if !is_planned(&&located) {
            let why = located.not_applicable();
            validated.push(ValidatedCheck::unseen(located, why));
            continue;
        }
        if one_by_one {
            session.execute(rollback.as_str()).await?;
        }
        let queries = located.check.queries().count();
        let known = returned.by_ref().take(queries).collect();
        match validate::validate(session, located, known).await {
            Ok(check) => validated.push(check),
            Err(ValidationError::File(failure)) => failures.push(failure),
            Err(ValidationError::Server(error)) => return Err(error),
        }
    }
    combine(failures)?;
    if one_by_one {
        session.execute(format!("{rollback}; RELEASE SAVEPOINT {SAVEPOINT}")).await?;
    }
    Ok(validated)
}

/// The checks whose table exists and whose queries only read, and the errors of the others.
struct LocatedChecks {
    checks: Vec<LocatedCheck>,
    failures: Vec<Failure>,
}

/// Finds the tables of checks, and what hides rows from the role, in two round trips. Sets the savepoint and the project's
/// search_path.
async fn locate(session: &mut Session, checks: Vec<Check>, search_path: &str) -> Result<LocatedChecks> {
    let path = |path: &str| format!("SELECT pg_catalog.set_config('search_path', {}, true)", literal(path));
    let project_path = path(search_path);
    let oids = oids(session, &checks, &project_path).await?;
    let distinct: BTreeSet<String> = oids.values().cloned().collect();
    let (mut located, mut failures) = (Vec::new(), Vec::new());
    for check in checks {
        let calls = match reach::calls(&check) {
            Ok(calls) => calls,
            Err(failure) => {
                failures.push(failure);
                continue;
            }
        };
        match check.table.as_ref().map(|table| (table, oids.get(&table.name))) {
            Some((table, None)) => {
                failures.push(check.error_at(table.line, &format!("there is no table {}", table.name)));
            }
            table => {
                let oid = table.and_then(|(_, oid)| oid.cloned());
                located.push((check, calls, oid));
            }
        }
    }
    let mut tables: BTreeMap<String, CheckedTable> = BTreeMap::new();
    let mut gaps: Vec<Vec<VisibilityGap>> = vec![Vec::new(); located.len()];
    let mut reaching: Vec<Option<Reaching>> = located.iter().map(|_| None).collect();
    let mut batch = Batch::default();
    // The settings of these statements end with the savepoint: the checks' queries run with the database's own.
    batch.execute(format!("SAVEPOINT {SAVEPOINT}"));
    batch.execute(WITHOUT_JIT);
    batch.execute(path("pg_catalog, pg_temp"));
    batch.each_of(distinct.iter().map(|oid| CheckedTable::statement(oid)), |_, row| {
        let table = CheckedTable::from_row(row)?;
        tables.insert(table.oid.to_string(), table);
        Ok(())
    });
    let statements = located.iter().flat_map(|(check, calls, oid)| {
        visibility::statements(check.queries(), calls, oid.as_deref(), search_path)
    });
    batch.each_of(statements, |statement, row| {
        let (check, about) = (statement / 2, statement % 2);
        if about == 1 {
            gaps[check].push(visibility::of_code(&UntrustedCode::from_row(TableUse::Read, row)?));
            return Ok(());
        }
        match Obstacle::from_row(row)? {
            Obstacle::Gap(gap) => gaps[check].push(gap),
            Obstacle::Reaching(function) => {
                reaching[check].get_or_insert(function);
            }
        }
        Ok(())
    });
    batch.execute(format!("ROLLBACK TO SAVEPOINT {SAVEPOINT}"));
    batch.execute(format!("RELEASE SAVEPOINT {SAVEPOINT}"));
    batch.execute(project_path);
    batch.execute(format!("SAVEPOINT {SAVEPOINT}"));
    session.run(batch).await?;
    let mut checks = Vec::new();
    for (((check, calls, oid), gaps), reaching) in located.into_iter().zip(gaps).zip(reaching) {
        if let Some(reaching) = reaching {
            failures.push(reaching.failure(&check, &calls));
            continue;
        }
        let table = oid.and_then(|oid| tables.get(&oid).cloned());
        checks.push(LocatedCheck { check, table, gaps });
    }
    Ok(LocatedChecks { checks, failures })
}

/// The oids of the checks' tables, by the names as the checks write them. A table that does not exist is left out.
/// `project_path` is the statement that sets the project's search_path.
async fn oids(
    session: &mut Session,
    checks: &[Check],
    project_path: &str,
) -> Result<BTreeMap<String, String>> {
    let names: BTreeSet<&str> =
        checks.iter().filter_map(|check| check.table.as_ref()).map(|table| table.name.as_str()).collect();
    let names: Vec<&str> = names.into_iter().collect();
    let lookups = names
        .iter()
        .map(|name| format!("SELECT pg_catalog.to_regclass({})::pg_catalog.oid AS oid", literal(name)));
    let mut oids = BTreeMap::new();
    let mut batch = Batch::default();
    batch.execute(project_path);
    batch.each_of(lookups, |name, row| {
        if let Some(oid) = row.get("oid")? {
            oids.insert(names[name].to_owned(), oid);
        }
        Ok(())
    });
    session.run(batch).await?;
    Ok(oids)
}
