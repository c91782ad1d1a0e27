//! What a database did before: how long statements took, and on how many rows. It says more of its server than usual rates, and
//! than another machine. Pure.

use std::time::Duration;

use super::{Estimate, WorkKind};
use crate::model::Footprint;
use crate::postgres::sql::Statement;
use crate::snapshot::EarlierStatement;
use crate::text::{duration, plural};

/// On fewer rows nothing is measured but the statement itself.
const ENOUGH: u64 = 10_000;

/// How many earlier statements of a kind count: the newest.
const NEWEST: usize = 5;

/// Earlier work of a database, the newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EarlierTimes(Vec<DoneWork>);

/// Work that was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct DoneWork {
    kind: WorkKind,
    rows: u64,
    took: Duration,
}

impl EarlierTimes {
    /// What the recorded statements of a database tell.
    pub fn of(recorded: &[EarlierStatement]) -> Self {
        let done = recorded.iter().filter(|earlier| earlier.rows >= ENOUGH).filter_map(|earlier| {
            let statement = Statement { text: &earlier.text, line: 1, column: 1, offset: 0 };
            let kind = kind_of(&statement, None)?;
            Some(DoneWork { kind, rows: earlier.rows, took: Duration::from_millis(earlier.milliseconds) })
        });
        Self(done.collect())
    }

    /// An estimate of work on so many rows, corrected by how long such work took before in the same database. Also whether
    /// anything was corrected. The low end is never raised: an earlier time may include waiting for others, and the low end
    /// refuses a migration.
    pub fn correct(&self, kind: WorkKind, rows: u64, estimate: Estimate) -> (Estimate, bool) {
        let same = self.0.iter().filter(|done| done.kind == kind).take(NEWEST);
        let scaled: Vec<(DoneWork, Estimate)> =
            same.filter_map(|done| Some((*done, Estimate::scaled(done.took, done.rows, rows)?))).collect();
        let low = scaled.iter().map(|(_, scaled)| scaled.low).min();
        let high = scaled.iter().map(|(_, scaled)| scaled.high).max();
        let (Some((newest, _)), Some((low, high))) = (scaled.first(), low.zip(high)) else {
            return (estimate, false);
        };
        let basis = format!(
            "{}; corrected by {} in this database, the last of them {} on {}",
            estimate.basis,
            plural(scaled.len(), &format!("earlier {}", noun(kind))),
            duration(newest.took),
            plural(newest.rows, "row")
        );
        let (low, high) = if high < estimate.low {
            (low, high)
        } else if low > estimate.high {
            (estimate.low, high)
        } else {
            (estimate.low, high.min(estimate.high))
        };
        (Estimate { low, high, basis }, true)
    }
}

fn noun(kind: WorkKind) -> &'static str {
    match kind {
        WorkKind::Read => "reading",
        WorkKind::Index | WorkKind::SlowIndex => "index build",
        WorkKind::Update => "update",
        WorkKind::Rewrite => "rewrite",
    }
}

/// The kind of work that a statement does to all rows of a relation. What was recorded earlier has no footprint: only a text that
/// leaves no doubt tells.
pub fn kind_of(statement: &Statement<'_>, footprint: Option<&Footprint>) -> Option<WorkKind> {
    let words: Vec<String> = statement.words().take(super::works::HEAD).collect();
    let has = |word: &str| words.iter().any(|other| other == word);
    let begins = |with: &[&str]| with.iter().zip(&words).all(|(with, word)| with == word);
    if let Some(footprint) = footprint {
        if !footprint.rewrites.is_empty() && !begins(&["truncate"]) {
            return Some(WorkKind::Rewrite);
        }
        if footprint.builds.is_empty() && !footprint.scans.is_empty() {
            return Some(WorkKind::Read);
        }
    }
    let index = begins(&["create", "index"]) || begins(&["create", "unique", "index"]);
    if index && has("where") {
        None
    } else if index && super::works::is_slow(&words) {
        Some(WorkKind::SlowIndex)
    } else if index {
        Some(WorkKind::Index)
    } else if begins(&["update"]) && !has("where") && !has("from") {
        Some(WorkKind::Update)
    } else if begins(&["alter", "table"]) && has("validate") && has("constraint") {
        Some(WorkKind::Read)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn earlier(text: &str, rows: u64, milliseconds: u64) -> EarlierStatement {
        EarlierStatement { text: text.to_owned(), rows, milliseconds }
    }

    fn range(low: u64, high: u64) -> Estimate {
        Estimate {
            low: Duration::from_secs(low),
            high: Duration::from_secs(high),
            basis: "as usual".to_owned(),
        }
    }

    #[test]
    fn earlier_times_narrow_a_range_or_replace_it() {
        let work = EarlierTimes::of(&[
            earlier("CREATE INDEX CONCURRENTLY i ON a (b)", 1_000_000, 2_000),
            earlier("CREATE INDEX CONCURRENTLY j ON a USING gin (b)", 1_000_000, 90_000),
            earlier("CREATE UNIQUE INDEX CONCURRENTLY k ON a (c)", 500_000, 1_200),
            earlier("CREATE INDEX CONCURRENTLY small ON a (b)", 100, 50_000),
            earlier("ALTER TABLE a ADD COLUMN d int", 1_000_000, 70_000),
            earlier("CREATE INDEX CONCURRENTLY p ON a (b) WHERE b > 0", 1_000_000, 10),
            earlier("CREATE INDEX CONCURRENTLY q ON a USING gin (b) WHERE c", 1_000_000, 10),
        ]);
        let (found, corrected) = work.correct(WorkKind::Index, 10_000_000, range(1, 50));
        assert_eq!((found.low.as_secs(), found.high.as_secs(), corrected), (1, 50, true));
        assert_eq!(
            found.basis,
            "as usual; corrected by 2 earlier index builds in this database, the last of them 2.0 s on 1000000 rows"
        );
        let (found, _) = work.correct(WorkKind::Index, 10_000_000, range(100, 200));
        assert_eq!((found.low.as_secs(), found.high.as_secs()), (10, 72));
        // It may have waited.
        let (found, _) = work.correct(WorkKind::Index, 10_000_000, range(1, 5));
        assert_eq!((found.low.as_secs(), found.high.as_secs()), (1, 72));
        let (found, corrected) = work.correct(WorkKind::Rewrite, 10_000_000, range(1, 50));
        assert_eq!((found, corrected), (range(1, 50), false));
    }
}
