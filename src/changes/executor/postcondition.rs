//! Reads from the catalog what became of a statement that ran outside of a transaction: whether it was done, whether
//! it left something incomplete behind, and whether that is ours.

use std::sync::Arc;

use anyhow::Result;

use crate::migrations::script::NonTransactional;
use crate::model::Effect;
use crate::model::diff;
use crate::postgres::catalog::reader::{self, ReadOptions};
use crate::postgres::catalog::{Attribute, Kind, Object};
use crate::postgres::connection::{OwnedRow, RowError, ServerVersion, Session};
use crate::postgres::sql::{literal, qualified};

/// What became of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::changes) enum StatementState {
    /// It was done.
    Done,
    /// It was not done, and nothing of it exists.
    NotDone,
    /// An earlier attempt of this migration left something behind, which must be removed first.
    Leftover {
        /// The statements that remove it.
        clean_up: Vec<String>,
        /// What was left behind, for the message.
        why: String,
    },
    /// An object that trueup did not create is in the way: which, and why.
    Foreign(String),
    /// The catalog does not show whether it was done: why.
    CannotTell(String),
}

/// What the catalog shows before the statement runs, which is kept in its record: the oid of an index of the same
/// name, or the oids of the invalid indexes.
///
/// # Errors
/// The server's and the connection's.
pub(in crate::changes) async fn before(
    session: &mut Session,
    outside: &NonTransactional,
) -> Result<Option<String>> {
    Ok(match outside {
        NonTransactional::CreateIndex { name: Some(name), table, .. } => {
            let found = index(session, name, &table.to_string()).await?;
            Some(found.map(|found| found.oid).unwrap_or_default())
        }
        NonTransactional::CreateIndex { name: None, table, .. } => Some(
            invalid_indexes(session, &format!("i.indrelid = to_regclass({})", literal(&table.to_string())))
                .await?,
        ),
        NonTransactional::Reindex { .. } => Some(invalid_indexes(session, HALF_MADE).await?),
        _ => None,
    })
}

/// Reads what became of a statement, after it ran or after a run that was interrupted in it.
///
/// # Errors
/// The server's and the connection's.
pub(in crate::changes) async fn check(
    session: &mut Session,
    outside: &NonTransactional,
    before: Option<&str>,
    effects: &[Effect],
    version: ServerVersion,
    options: &ReadOptions,
) -> Result<StatementState> {
    let before = before.unwrap_or_default();
    match outside {
        NonTransactional::CreateIndex { name: Some(name), table, if_not_exists, .. } => {
            let Some(found) = index(session, name, &table.to_string()).await? else {
                return Ok(StatementState::NotDone);
            };
            let FoundIndex { valid, path, .. } = &found;
            // An index that was created after the statement was recorded as started is the statement's own.
            match (valid, found.oid != before) {
                (true, true) => return Ok(StatementState::Done),
                (false, true) => {
                    return Ok(StatementState::Leftover {
                        clean_up: vec![format!("DROP INDEX CONCURRENTLY {path}")],
                        why: format!("the index {path} is invalid"),
                    });
                }
                (false, false) => {
                    let why =
                        format!("an invalid index {path} exists already, and IF NOT EXISTS would accept it");
                    return Ok(StatementState::Foreign(why));
                }
                (true, false) => {}
            }
            let wanted = effects.iter().find_map(|effect| match effect {
                Effect::Created(object) if object.id.kind == Kind::Index && object.id.name == *name => {
                    Some(object)
                }
                _ => None,
            });
            // The compiled migration has no effect if the index existed there already.
            let Some(wanted) = wanted else {
                return Ok(if *if_not_exists { StatementState::Done } else { StatementState::NotDone });
            };
            let live = reader::read(session, version, options).await?.catalog;
            let live = live.get(&wanted.id);
            if diff::same(live, Some(wanted)) || differs_by_comment_alone(live, wanted) {
                return Ok(StatementState::Done);
            }
            Ok(StatementState::Foreign(format!(
                "an index {path} exists already, and it differs from the one that this statement creates"
            )))
        }
        NonTransactional::CreateIndex { name: None, table, .. } => {
            let on = format!("i.indrelid = to_regclass({})", literal(&table.to_string()));
            let left = leftovers(session, &on, before).await?;
            if let Some(state) = left {
                return Ok(state);
            }
            // The server chooses the name; the compiled effect has it.
            let live = reader::read(session, version, options).await?.catalog;
            let made: Vec<&Arc<Object>> = effects
                .iter()
                .filter_map(|effect| match effect {
                    Effect::Created(object) if object.id.kind == Kind::Index => Some(object),
                    _ => None,
                })
                .collect();
            Ok(match made.as_slice() {
                [] => StatementState::CannotTell("the catalog does not show which index it creates".into()),
                made if made.iter().all(|index| diff::same(live.get(&index.id), Some(index))) => {
                    StatementState::Done
                }
                _ => StatementState::NotDone,
            })
        }
        NonTransactional::DropIndex { index, .. } => {
            let relation = literal(&index.to_string());
            let sql = format!(
                "SELECT indisvalid FROM pg_catalog.pg_index WHERE indexrelid = pg_catalog.to_regclass({relation})"
            );
            Ok(match session.optional_scalar::<bool>(sql).await? {
                None => StatementState::Done,
                Some(true) => StatementState::NotDone,
                // Running the same statement again completes the drop.
                Some(false) => StatementState::Leftover {
                    clean_up: Vec::new(),
                    why: format!("the index {index} is only partly dropped: it is invalid and still exists"),
                },
            })
        }
        NonTransactional::Reindex { .. } => {
            // Running it again does no harm. PostgreSQL gives an incomplete index a recognisable name.
            Ok(leftovers(session, HALF_MADE, before).await?.unwrap_or(StatementState::CannotTell(
                "the catalog does not show whether an index was rebuilt".into(),
            )))
        }
        NonTransactional::DetachPartition { table, partition } => {
            let sql = format!(
                "SELECT inhdetachpending FROM pg_catalog.pg_inherits WHERE inhrelid = pg_catalog.to_regclass({}) AND \
                 inhparent = pg_catalog.to_regclass({})",
                literal(&partition.to_string()),
                literal(&table.to_string())
            );
            Ok(match session.optional_scalar::<bool>(sql).await? {
                None => StatementState::Done,
                Some(true) => StatementState::Leftover {
                    clean_up: vec![format!("ALTER TABLE {table} DETACH PARTITION {partition} FINALIZE")],
                    why: format!("the partition {partition} is only partly detached"),
                },
                Some(false) => StatementState::NotDone,
            })
        }
        NonTransactional::Vacuum => {
            Ok(StatementState::CannotTell("the catalog does not show whether a VACUUM was done".into()))
        }
        NonTransactional::Other(command) | NonTransactional::Unprovable(command) => {
            Ok(StatementState::CannotTell(format!("the catalog does not show whether {command} was done")))
        }
    }
}

/// An index, as the catalog shows it.
struct FoundIndex {
    oid: String,
    valid: bool,
    /// Qualified and quoted.
    path: String,
}

impl FoundIndex {
    fn of(row: &OwnedRow) -> Result<Self, RowError> {
        let path = qualified(row.get("nspname")?, row.get("relname")?);
        Ok(Self { oid: row.get("oid")?, valid: row.get("valid")?, path })
    }
}

/// The index of that name in the schema of a table.
async fn index(session: &mut Session, name: &str, table: &str) -> Result<Option<FoundIndex>> {
    let sql = format!(
        "SELECT c.oid, i.indisvalid AND i.indisready AND i.indislive AS valid, n.nspname, c.relname \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid \
         WHERE c.relname = {} AND c.relnamespace = \
         (SELECT t.relnamespace FROM pg_catalog.pg_class t WHERE t.oid = pg_catalog.to_regclass({}))",
        literal(name),
        literal(table)
    );
    let row = session.query_optional(sql).await?;
    Ok(row.as_ref().map(FoundIndex::of).transpose()?)
}

/// The names that REINDEX CONCURRENTLY gives the index that it builds and the index that it replaces.
const HALF_MADE: &str = "c.relname ~ '_cc(new|old)[0-9]*$'";

/// The oids of the invalid indexes, separated by spaces.
async fn invalid_indexes(session: &mut Session, condition: &str) -> Result<String> {
    let rows = invalid(session, condition).await?;
    Ok(rows.into_iter().map(|index| index.oid).collect::<Vec<_>>().join(" "))
}

/// The invalid indexes.
async fn invalid(session: &mut Session, condition: &str) -> Result<Vec<FoundIndex>> {
    let sql = format!(
        "SELECT c.oid, i.indisvalid AS valid, n.nspname, c.relname FROM pg_catalog.pg_index i \
         JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE NOT i.indisvalid AND c.relkind = 'i' AND {condition} ORDER BY c.oid"
    );
    let rows = session.query(sql).await?;
    Ok(rows.iter().map(FoundIndex::of).collect::<Result<_, _>>()?)
}

/// The state after a statement that left behind invalid indexes that did not exist before; `None` when there are
/// none.
async fn leftovers(session: &mut Session, condition: &str, before: &str) -> Result<Option<StatementState>> {
    let known: Vec<&str> = before.split(' ').collect();
    let ours: Vec<String> = invalid(session, condition)
        .await?
        .into_iter()
        .filter(|index| !known.contains(&index.oid.as_str()))
        .map(|index| index.path)
        .collect();
    if ours.is_empty() {
        return Ok(None);
    }
    Ok(Some(StatementState::Leftover {
        why: format!("invalid: {}", ours.join(", ")),
        clean_up: ours.iter().map(|path| format!("DROP INDEX CONCURRENTLY {path}")).collect(),
    }))
}

/// Whether two versions of an index differ only by their comment, which a later statement of the same migration may
/// set.
fn differs_by_comment_alone(live: Option<&Arc<Object>>, wanted: &Arc<Object>) -> bool {
    let Some(live) = live else { return false };
    let differs =
        |attribute: Attribute| live.attributes.stated(attribute) != wanted.attributes.stated(attribute);
    live.attributes
        .iter()
        .chain(wanted.attributes.iter())
        .map(|(attribute, _)| attribute)
        .all(|attribute| matches!(attribute, Attribute::Comment) || !differs(attribute))
}
