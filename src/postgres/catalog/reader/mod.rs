//! Reads `pg_catalog` of PostgreSQL 14 to 18 into a [`Catalog`].
//!
//! A reading is three messages of the simple protocol in one transaction:
//!
//! | message | what is sent | what takes its rows |
//! |---|---|---|
//! | 1 | [`SETTINGS`], and [`probe`]: which kinds of object the database has | [`Presence::from_row`] |
//! | 2 | [`statements`]: the catalogs, expressions as trees and types as oids | [`Assembler::row`] |
//! | 3 | [`Assembler::questions`]: each distinct expression and type, printed once | [`Assembler::answer`] |
//! | afterwards | [`fingerprint`], which proves that nobody changed the catalog meanwhile | the caller |
//!
//! [`read`] sends the first three messages itself. Other callers put them into messages of their own, beside what else
//! they ask.
//!
//! The statements read oids, column numbers and flags, and the names are put together here: the server only prints
//! expressions and types. The fingerprint is needed because a REPEATABLE READ transaction does not make printing
//! consistent: `pg_get_expr` and its like look at the newest state of the catalogs, not at the transaction's snapshot.
//!
//! In the SQL an oid is compared with a quoted literal and not with a number: there is no operator `oid >= int4`, and a
//! fresh session would look at all operators of the name `>=` to find that out.
//!
//! This module does not connect, does not retry, and does not judge.

mod assembler;
mod column_types;
mod columns;
mod deferred;
mod fields;
mod history;
mod numbering;
mod parts;
mod presence;
#[cfg(test)]
mod printing;
mod routines;
mod rows;
mod sections;
mod types;

use rows::{indexes, privileges, relations};
use std::collections::HashMap;

use anyhow::Result;

pub use assembler::Assembler;
pub use history::LookAlike;
pub use numbering::IndexedSequence;
pub use presence::Presence;

use super::{Attribute, Catalog, ObjectId};
use crate::postgres::connection::{ServerVersion, Session};
use crate::postgres::sql::ChosenHistory;

/// What is read in addition to what is always read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadOptions {
    /// Owners of objects.
    pub owners: bool,
    /// Privileges, default ones too.
    pub privileges: bool,
    /// Extensions whose version the DDL states: only these get [`super::Attribute::Version`].
    pub extension_versions: Vec<String>,
    /// The history table that the project chose: it is no part of the catalog. The lock file does not say it.
    pub history: Option<ChosenHistory>,
    /// Keep the oids, see [`CatalogReading::oids`].
    pub oids: bool,
    /// Leave out what the server prints under a lock on a relation, and so wait for nobody: views, rules, policies, and all
    /// expressions that name columns. These attributes are then absent, see [`NEEDS_LOCK`]; what extended statistics cover is
    /// empty.
    pub without_locks: bool,
}

/// The attributes that [`ReadOptions::without_locks`] leaves out.
pub const NEEDS_LOCK: [Attribute; 9] = [
    Attribute::Columns,
    Attribute::PartitionBy,
    Attribute::Generated,
    Attribute::Bounds,
    Attribute::Predicate,
    Attribute::Expression,
    Attribute::Definition,
    Attribute::Using,
    Attribute::WithCheck,
];

/// The result of a reading.
#[derive(Debug, Default)]
pub struct CatalogReading {
    /// The catalog.
    pub catalog: Catalog,
    /// The address of each object in `pg_catalog`, by which a rename is recognised; empty unless asked for.
    pub oids: HashMap<ObjectId, ObjectOid>,
}

/// The address of an object, as `pg_depend` and `pg_description` write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectOid {
    /// The oid of the system catalog.
    pub class: u32,
    /// The oid of the row.
    pub oid: u32,
    /// The column's number, else 0.
    pub subid: i32,
}

/// The settings that fix how the server prints expressions and what names in the reader's own SQL mean. They hold
/// until the end of the transaction.
///
/// The last settings keep the planner from considering plans that it would not choose: in a fresh session planning is
/// most of the time for a small database, and the joins are written in the order in which they should be made.
pub const SETTINGS: &str = "SET LOCAL quote_all_identifiers = off; \
    SET LOCAL search_path = pg_catalog, pg_temp; \
    SET LOCAL standard_conforming_strings = on; \
    SET LOCAL TimeZone = 'UTC'; \
    SET LOCAL DateStyle = 'ISO, MDY'; \
    SET LOCAL IntervalStyle = 'postgres'; \
    SET LOCAL bytea_output = 'hex'; \
    SET LOCAL xmlbinary = 'base64'; \
    SET LOCAL lc_monetary = 'C'; \
    SET LOCAL extra_float_digits = 1; \
    SET LOCAL row_security = off; \
    SET LOCAL jit = off; \
    SET LOCAL max_parallel_workers_per_gather = 0; \
    SET LOCAL constraint_exclusion = off; \
    SET LOCAL enable_mergejoin = off; \
    SET LOCAL enable_memoize = off; \
    SET LOCAL join_collapse_limit = 1;";

/// One SELECT of one row for [`Presence::from_row`].
pub fn probe() -> String {
    sections::without_comments(include_str!("sql/probe.sql"))
}

/// The statements that read the catalog, in the order in which [`Assembler::row`] counts them.
pub fn statements(version: ServerVersion, options: &ReadOptions, presence: &Presence) -> Vec<String> {
    let sections = sections::needed(options, presence);
    sections.into_iter().map(|section| section.sql(version, options, presence)).collect()
}

/// One SELECT of one text: a hash over the row versions of the catalogs that the server looks at when it prints an
/// expression. It changes with every committed DDL that such a printing could see, and with little else. Catalogs that
/// are only read by the reading's own statements are left out (`pg_description`, `pg_extension` and others): those
/// statements see them in the transaction's snapshot.
pub fn fingerprint() -> String {
    sections::without_comments(include_str!("sql/fingerprint.sql"))
}

/// Reads the catalog in a READ ONLY transaction of its own, in three messages. For a database that nobody else changes:
/// nothing proves that the catalog stayed as it was.
///
/// # Errors
/// The server's errors and the connection's. The session is then in an aborted transaction.
pub async fn read(
    session: &mut Session,
    version: ServerVersion,
    options: &ReadOptions,
) -> Result<CatalogReading> {
    let begin = format!("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {SETTINGS}");
    read_after(session, version, options, &begin, Some("COMMIT")).await
}

/// Reads the catalog in the transaction that is open: the catalog as it will be when that is committed. [`SETTINGS`] hold
/// for the rest of the transaction.
///
/// # Errors
/// The server's errors and the connection's. The transaction is then aborted.
pub async fn read_inside(
    session: &mut Session,
    version: ServerVersion,
    options: &ReadOptions,
) -> Result<CatalogReading> {
    read_after(session, version, options, SETTINGS, None).await
}

/// Sends the three messages; `begin` precedes the first statement and `end` follows the last.
async fn read_after(
    session: &mut Session,
    version: ServerVersion,
    options: &ReadOptions,
    begin: &str,
    end: Option<&str>,
) -> Result<CatalogReading> {
    let mut presence = Presence::default();
    let first = format!("{begin} {}", probe());
    session
        .message(first, |_, row| {
            presence = Presence::from_row(&row)?;
            Ok(())
        })
        .await?;
    let second = statements(version, options, &presence).join(";\n");
    let mut assembler = Assembler::new(options, &presence);
    session.message(second, |statement, row| assembler.row(statement, &row)).await?;
    let mut third = assembler.questions();
    third.extend(end.map(str::to_owned));
    if !third.is_empty() {
        session.message(third.join(";\n"), |statement, row| assembler.answer(statement, &row)).await?;
    }
    Ok(assembler.finish())
}
