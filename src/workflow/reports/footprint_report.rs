//! What a statement does to relations that are there before its migration, for documents and for people.

use std::collections::BTreeSet;

use serde::Serialize;
use smol_str::SmolStr;

use crate::findings::ReportedEstimate;
use crate::model::{Footprint, HeldLock, RowWork, RowWorkKind};
use crate::postgres::sql::Statement;

/// A statement of a migration, and what it does.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct FootprintReport {
    /// The statement.
    pub(crate) statement: StatementPlace,
    /// What it does.
    pub(crate) footprint: MeasuredFootprint,
    /// How long it takes, where the sizes of what it works on are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) estimate: Option<ReportedEstimate>,
}

/// Where a statement is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct StatementPlace {
    /// The version of its migration.
    pub(crate) migration: String,
    /// The file.
    pub(crate) file: String,
    /// The line that it begins on.
    pub(crate) line: usize,
    /// The column that it begins in.
    pub(crate) column: usize,
    /// Its first line, shortened.
    pub(crate) sql: String,
}

/// What was measured when the project was compiled.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct MeasuredFootprint {
    /// The locks that are held while it runs.
    pub(crate) locks: Vec<MeasuredLock>,
    /// The tables that it reads as a whole.
    pub(crate) scans: BTreeSet<SmolStr>,
    /// The relations that it writes anew.
    pub(crate) rewrites: Vec<MeasuredRewrite>,
    /// The tables on which it builds an index.
    pub(crate) builds: BTreeSet<SmolStr>,
    /// The relations that it drops.
    pub(crate) drops: BTreeSet<SmolStr>,
    /// Whether functions or a block of code may have done it.
    pub(crate) dynamic: bool,
}

/// A lock that is held while a statement runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct MeasuredLock {
    /// The relation, qualified and quoted.
    pub(crate) relation: SmolStr,
    /// The mode, as `pg_locks` calls it.
    pub(crate) mode: &'static str,
    /// The line of the statement that took it.
    pub(crate) held_from_line: usize,
}

/// A relation that is written anew.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct MeasuredRewrite {
    /// The relation, qualified and quoted.
    pub(crate) relation: SmolStr,
    /// Why, as far as the statement's own words say it.
    pub(crate) reason: Option<&'static str>,
}

impl FootprintReport {
    /// What the statements of a script do. `footprints` are those of the statements that do anything.
    pub(crate) fn all(
        migration: &str,
        file: &str,
        statements: &[Statement<'_>],
        footprints: &[Footprint],
        transactional: bool,
    ) -> Vec<Self> {
        let held = Footprint::held(footprints, transactional);
        let report = |(footprint, held): (&Footprint, _)| {
            let statement = statements.iter().find(|statement| statement.position() == footprint.at)?;
            let footprint = MeasuredFootprint::of(footprint, held, statement);
            Some(Self {
                statement: StatementPlace::of(migration, file, statement),
                footprint,
                estimate: None,
            })
        };
        footprints.iter().zip(held).filter_map(report).collect()
    }

    /// A statement that does nothing to relations but change rows, under these locks of earlier ones.
    pub(crate) fn of_rows(
        migration: &str,
        file: &str,
        statement: &Statement<'_>,
        held: impl IntoIterator<Item = (SmolStr, HeldLock)>,
    ) -> Self {
        Self {
            statement: StatementPlace::of(migration, file, statement),
            footprint: MeasuredFootprint::of(&Footprint::default(), held, statement),
            estimate: None,
        }
    }
}

impl StatementPlace {
    fn of(migration: &str, file: &str, statement: &Statement<'_>) -> Self {
        Self {
            migration: migration.to_owned(),
            file: file.to_owned(),
            line: statement.line,
            column: statement.column,
            sql: statement.summary(),
        }
    }
}

impl MeasuredFootprint {
    fn of(
        footprint: &Footprint,
        held: impl IntoIterator<Item = (SmolStr, HeldLock)>,
        statement: &Statement<'_>,
    ) -> Self {
        let Footprint { at: _, locks: _, scans, rewrites, builds, drops } = footprint.clone();
        let lock = |(relation, lock): (SmolStr, HeldLock)| MeasuredLock {
            relation,
            mode: lock.mode.pg_locks_name(),
            held_from_line: lock.since.line,
        };
        let reason = reason(statement);
        let rewrite = |relation| MeasuredRewrite { relation, reason };
        Self {
            locks: held.into_iter().map(lock).collect(),
            scans,
            rewrites: rewrites.into_iter().map(rewrite).collect(),
            builds,
            drops,
            dynamic: is_dynamic(statement),
        }
    }
}

fn is_dynamic(statement: &Statement<'_>) -> bool {
    matches!(statement.words().next().as_deref(), Some("do" | "select" | "call" | "with"))
}

/// Why a statement writes a table anew; `None` where its words do not say it.
fn reason(statement: &Statement<'_>) -> Option<&'static str> {
    let words: Vec<String> = statement.words().collect();
    let has = |word: &str| words.iter().any(|other| other == word);
    match words.first()?.as_str() {
        "truncate" => Some("truncate"),
        "refresh" => Some("refresh"),
        "reindex" => Some("reindex"),
        "cluster" => Some("cluster"),
        "alter" if has("logged") || has("unlogged") => Some("persistence"),
        "alter" if has("tablespace") => Some("tablespace"),
        "alter" if has("type") => Some("type"),
        "alter" if has("access") && has("method") => Some("access method"),
        "alter" if has("add") => Some("default"),
        _ => None,
    }
}

/// What takes the longer the more rows a relation has.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct RowWorkReport {
    /// `read`, `index` or `rewrite`.
    kind: &'static str,
    /// The relation, qualified and quoted.
    on: SmolStr,
}

impl RowWorkReport {
    pub(crate) fn of(work: RowWork) -> Self {
        let kind = match work.kind {
            RowWorkKind::Rewrite => "rewrite",
            RowWorkKind::Index => "index",
            RowWorkKind::Read => "read",
        };
        Self { kind, on: work.on }
    }

    /// The work as a sentence: `public.users is rewritten`. `known` is a relation that the sentence before has named.
    pub(crate) fn in_words(&self, known: &str) -> String {
        let on = if self.on == known { "it" } else { self.on.as_str() };
        match self.kind {
            "rewrite" => format!("{on} is rewritten"),
            "index" => format!("an index on {on} is built"),
            _ => format!("all rows of {on} are read"),
        }
    }
}
