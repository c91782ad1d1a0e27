//! The reader: `pg_catalog` to [`Catalog`], PostgreSQL 14 to 18.
//!
//! It reads structurally: oids, column numbers and flags travel, names are put together here; the server prints
//! only what is an expression, and that once for all that have it. The caller composes the parts into messages:
//! [`SETTINGS`] and [`probe`] in the first, [`statements`] in the second, whose rows an [`Assembler`] takes,
//! [`Assembler::questions`] in the third. [`fingerprint`] proves afterwards that the catalog stood still, which a REPEATABLE READ transaction alone does not (`pg_get_expr` and its like look at the
//! newest state). [`read`] does all of it for a caller that is alone on its server.
//!
//! In the SQL an oid is compared with a literal in quotes, not with a number: for `oid >= int4` there is no operator,
//! and a fresh session would look at all that are called `>=` to find that out.
//!
//! It does not connect, does not retry, and does not judge.

mod assembler;
mod column_types;
mod columns;
mod constraints;
mod deferred;
mod fields;
mod history;
mod indexes;
mod parts;
mod presence;
mod privileges;
mod relations;
mod routines;
mod sections;
mod types;

use std::collections::HashMap;

use anyhow::Result;

pub use assembler::Assembler;
pub use history::LookAlike;
pub use presence::Presence;

use super::{Catalog, ObjectId};
use crate::postgres::connection::{ServerVersion, Session};

/// What is to be read beyond what always is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadOptions {
    /// Owners of objects.
    pub owners: bool,
    /// Privileges, default ones too.
    pub privileges: bool,
    /// Extensions whose version the DDL states: only these get [`super::Attribute::Version`].
    pub extension_versions: Vec<String>,
    /// Keep the oids, see [`Reading::oids`].
    pub oids: bool,
}

/// What was read.
#[derive(Debug, Default)]
pub struct Reading {
    /// The catalog.
    pub catalog: Catalog,
    /// Where each object stands in `pg_catalog`, so that a rename is recognised; empty unless asked for.
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

/// Fixes how the server prints expressions, and what names in the reader's own SQL mean. Only inside a transaction.
///
/// The last three keep the planner from looking at what it would not choose: in a fresh session planning is most of
/// the time of a small database, and the joins are written in the order in which they are to be made.
pub const SETTINGS: &str = "SET LOCAL quote_all_identifiers = off; \
    SET LOCAL search_path = pg_catalog, pg_temp; \
    SET LOCAL TimeZone = 'UTC'; \
    SET LOCAL DateStyle = 'ISO, YMD'; \
    SET LOCAL IntervalStyle = 'postgres'; \
    SET LOCAL bytea_output = 'hex'; \
    SET LOCAL xmlbinary = 'base64'; \
    SET LOCAL lc_monetary = 'C'; \
    SET LOCAL extra_float_digits = 1; \
    SET LOCAL row_security = off; \
    SET LOCAL jit = off; \
    SET LOCAL max_parallel_workers_per_gather = 0; \
    SET LOCAL enable_mergejoin = off; \
    SET LOCAL enable_memoize = off; \
    SET LOCAL join_collapse_limit = 1;";

/// One SELECT of one row for [`Presence::from_row`].
pub fn probe(_version: ServerVersion) -> String {
    sections::without_comments(include_str!("sql/probe.sql"))
}

/// The statements that read the catalog, in the order that [`Assembler::row`] counts them.
pub fn statements(version: ServerVersion, options: &ReadOptions, presence: &Presence) -> Vec<String> {
    let sections = sections::wanted(options, presence);
    sections.into_iter().map(|section| section.sql(version, options, presence)).collect()
}

/// One SELECT of one text: a hash over every row version of the catalogs that a reading looks at. It changes with
/// every DDL that commits.
pub fn fingerprint(_version: ServerVersion) -> String {
    sections::without_comments(include_str!("sql/fingerprint.sql"))
}

/// Reads the catalog of a database that nobody else changes, in three messages.
///
/// # Errors
/// The server's and the connection's. The session is then in an aborted transaction.
pub async fn read(session: &mut Session, version: ServerVersion, options: &ReadOptions) -> Result<Reading> {
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;";
    let mut presence = Presence::default();
    let opening = format!("{begin} {SETTINGS} {}", probe(version));
    session
        .message(opening, |_, row| {
            presence = Presence::from_row(&row)?;
            Ok(())
        })
        .await?;
    let message = statements(version, options, &presence).join(";\n");
    let mut assembler = Assembler::new(version, options, &presence);
    session.message(message, |statement, row| assembler.row(statement, &row)).await?;
    let mut questions = assembler.questions();
    questions.push("COMMIT".into());
    session.message(questions.join(";\n"), |statement, row| assembler.answer(statement, &row)).await?;
    assembler.finish()
}

/// Reads the catalog in the transaction that is open: as it will be when that is committed. Sets [`SETTINGS`] for what is
/// left of the transaction.
///
/// # Errors
/// The server's and the connection's. The transaction is then aborted.
pub async fn read_inside(
    session: &mut Session,
    version: ServerVersion,
    options: &ReadOptions,
) -> Result<Reading> {
    let mut presence = Presence::default();
    let opening = format!("{SETTINGS} {}", probe(version));
    session
        .message(opening, |_, row| {
            presence = Presence::from_row(&row)?;
            Ok(())
        })
        .await?;
    let message = statements(version, options, &presence).join(";\n");
    let mut assembler = Assembler::new(version, options, &presence);
    session.message(message, |statement, row| assembler.row(statement, &row)).await?;
    let questions = assembler.questions();
    if !questions.is_empty() {
        session.message(questions.join(";\n"), |statement, row| assembler.answer(statement, &row)).await?;
    }
    assembler.finish()
}
