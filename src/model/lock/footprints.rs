//! The lines of a lock file that say what the statements of a migration did: one for each statement that did something to a
//! relation that was there before.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{CompiledDown, DownOutcome};
use crate::model::Footprint;
use crate::postgres::lock_mode::LockMode;
use crate::postgres::sql::Position;

/// The first key of such a line.
pub(super) const KEY: &str = "statement";
/// The first key of the line of a down script, which is followed by those of its statements.
pub(super) const DOWN: &str = "down";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DownLine {
    /// The SHA-256 of its text.
    down: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
    /// `false`, or left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    measured: Option<bool>,
}

/// Writes the lines of a down script.
pub(super) fn write_down(text: &mut String, down: &CompiledDown) {
    let mut line = DownLine { down: down.sha256.clone(), refused: None, measured: None };
    match &down.outcome {
        DownOutcome::Measured(_) => {}
        DownOutcome::Refused(why) => line.refused = Some(why.clone()),
        DownOutcome::Unmeasured => line.measured = Some(false),
    }
    text.push_str(&serde_json::to_string(&line).unwrap_or_default());
    text.push('\n');
    if let DownOutcome::Measured(footprints) = &down.outcome {
        footprints.iter().for_each(|footprint| write(text, footprint));
    }
}

/// Reads the line of a down script.
///
/// # Errors
/// What was expected.
pub(super) fn read_down(line: &str) -> Result<CompiledDown, String> {
    let DownLine { down, refused, measured } = super::read::parse(line)?;
    let outcome = match (refused, measured) {
        (Some(why), _) => DownOutcome::Refused(why),
        (None, Some(false)) => DownOutcome::Unmeasured,
        (None, _) => DownOutcome::Measured(Vec::new()),
    };
    Ok(CompiledDown { sha256: down, outcome })
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StatementLine {
    /// Where it begins in the migration's file: `12:1`.
    statement: String,
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
    let Footprint { at, locks, scans, rewrites, builds, drops } = footprint.clone();
    let locks = locks.into_iter().map(|(relation, mode)| (relation, mode.name().to_owned())).collect();
    let line = StatementLine { statement: at.to_string(), locks, scans, rewrites, builds, drops };
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
    let at = Position::parse(&statement)
        .ok_or_else(|| format!("expected a line and a column such as 12:1, found `{statement}`"))?;
    Ok(Footprint { at, locks, scans, rewrites, builds, drops })
}
