//! The lines of a lock file that say what the statements of a migration did: one for each statement that did something to a
//! relation that was there before.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::model::Footprint;
use crate::postgres::lock_mode::LockMode;

/// The first key of such a line.
pub(super) const KEY: &str = "statement";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StatementLine {
    /// The line of the migration's file.
    statement: usize,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    locks: BTreeMap<SmolStr, String>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    scans: BTreeSet<SmolStr>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    rewrites: BTreeSet<SmolStr>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    builds: BTreeSet<SmolStr>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    drops: BTreeSet<SmolStr>,
}

/// Writes the line of a statement.
pub(super) fn write(text: &mut String, footprint: &Footprint) {
    let Footprint { line, locks, scans, rewrites, builds, drops } = footprint.clone();
    let locks = locks.into_iter().map(|(relation, mode)| (relation, mode.name().to_owned())).collect();
    let line = StatementLine { statement: line, locks, scans, rewrites, builds, drops };
    text.push_str(&serde_json::to_string(&line).unwrap_or_default());
    text.push('\n');
}

/// Reads the line of a statement.
///
/// # Errors
/// What was expected.
pub(super) fn read(line: &str) -> Result<Footprint, String> {
    let StatementLine { statement, locks, scans, rewrites, builds, drops } = super::read::parse(line)?;
    let locks = locks.into_iter().map(|(relation, name)| {
        let mode = LockMode::of_name(&name).ok_or_else(|| format!("expected a lock mode, found `{name}`"))?;
        Ok((relation, mode))
    });
    let locks = locks.collect::<Result<_, String>>()?;
    Ok(Footprint { line: statement, locks, scans, rewrites, builds, drops })
}
