//! The locks of statements that do no work on rows, as `trueup lint` reports them.

use serde::Serialize;
use smol_str::SmolStr;

use crate::changes::lint::BriefLock;
use crate::findings::Location;
use crate::output::view::{Content, Table};
use crate::text::plural;

/// How many of them a person is shown.
const SHOWN: usize = 20;

/// A lock that others wait for, of a statement that does no work on rows.
#[derive(Debug, Clone, Serialize)]
pub(super) struct ReportedLock {
    location: Location,
    relation: SmolStr,
    /// The name in the manual: `ACCESS EXCLUSIVE`.
    mode: &'static str,
    /// Who waits: `reads and writes`, or `writes`.
    blocks: &'static str,
}

impl From<BriefLock> for ReportedLock {
    fn from(BriefLock { location, relation, mode }: BriefLock) -> Self {
        let blocks = if mode.blocks_readers() { "reads and writes" } else { "writes" };
        Self { location, relation, mode: mode.name(), blocks }
    }
}

/// The table of them; `None` where there are none.
pub(super) fn table(locks: &[ReportedLock]) -> Option<Table> {
    if locks.is_empty() {
        return None;
    }
    let mut table = Table::new(&[
        ("statement", Content::Code),
        ("lock", Content::Prose),
        ("on", Content::Code),
        ("waits", Content::Prose),
    ]);
    table.title = Some("locks of statements that do no work on rows".to_owned());
    for lock in locks.iter().take(SHOWN) {
        table.push([lock.location.to_string().as_str(), lock.mode, lock.relation.as_str(), lock.blocks]);
    }
    Some(table)
}

/// What is to be said of them.
pub(super) fn notes(locks: &[ReportedLock]) -> Vec<String> {
    let mut notes = Vec::new();
    if locks.len() > SHOWN {
        notes.push(format!(
            "{} of this kind: --format json lists all",
            plural(locks.len() - SHOWN, "more lock")
        ));
    }
    if !locks.is_empty() {
        notes.push(
            "these locks are held until their transaction ends. A statement gets one when the queries that use the table have \
             ended, and later queries wait behind it: `trueup upgrade` waits no longer than the lock_timeout, and tries again"
                .to_owned(),
        );
    }
    notes
}
