//! How long one row and one megabyte take, at least and at most.
//!
//! The time of work is taken to be that of its rows, plus that of the megabytes of the table, plus that of the megabytes of
//! its indexes. The rates lie around what PostgreSQL 15 did on two cores and a local disk, with `fsync` on and off, the
//! collations C and ICU, and default settings, on tables of 100,000, 1,000,000 and 5,000,000 rows of 44, 200 and 1,000 bytes with 2
//! to 4 indexes: `ADD CHECK`, `SET NOT NULL`, `VALIDATE` of a foreign key; indexes on numbers, on texts and on expressions;
//! `ALTER TYPE` and a volatile default; `UPDATE` of all rows (those of 1,000 bytes up to 1,000,000 rows). All 204 true times lay
//! inside: they were at least 1.6 times the least, and at most the 2.4th part of the most. So a machine may be faster or slower than
//! that one. A read is given the time of a disk that reads 125 MB a second, because what was measured was in memory.
//! `TRUEUP_BENCH=estimate make bench` measures again, and counts how many true times lie inside.

use std::time::Duration;

use super::{WorkKind, multiplied};
use crate::snapshot::Size;

/// What takes time, in seconds.
#[derive(Debug, Clone, Copy)]
struct Rate {
    /// A million rows.
    rows: f64,
    /// A gigabyte of the table.
    table: f64,
    /// A gigabyte of its indexes.
    indexes: f64,
}

/// What a statement takes at most that has nothing to do.
const START: Duration = Duration::from_millis(200);

/// How long work on a relation of this size takes, at least and at most.
pub(super) fn range(kind: WorkKind, size: Size) -> (Duration, Duration) {
    let (least, most) = rates(kind);
    (least.time(size), most.time(size).saturating_add(START))
}

fn rates(kind: WorkKind) -> (Rate, Rate) {
    let rate = |rows, table, indexes| Rate { rows, table, indexes };
    match kind {
        WorkKind::Read => (rate(0.01, 0.05, 0.0), rate(1.5, 8.0, 0.0)),
        WorkKind::Index => (rate(0.12, 0.2, 0.0), rate(5.0, 8.0, 0.0)),
        WorkKind::SlowIndex => (rate(0.12, 0.2, 0.0), rate(60.0, 60.0, 0.0)),
        WorkKind::Update => (rate(1.0, 1.0, 20.0), rate(25.0, 40.0, 800.0)),
        WorkKind::Rewrite => (rate(0.25, 2.0, 2.0), rate(4.0, 40.0, 40.0)),
    }
}

impl Rate {
    fn time(self, size: Size) -> Duration {
        let gigabytes = |bytes: u64| bytes as f64 / 1e9;
        let seconds = self.rows * size.rows as f64 / 1e6
            + self.table * gigabytes(size.bytes)
            + self.indexes * gigabytes(size.index_bytes);
        multiplied(Duration::from_secs(1), seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEDIUM: Size =
        Size { rows: 1_000_000, bytes: 200_000_000, index_bytes: 160_000_000, partitioned: false };

    #[test]
    fn more_rows_take_longer_and_no_range_is_empty() {
        let more = Size { rows: 2_000_000, bytes: 400_000_000, index_bytes: 320_000_000, ..MEDIUM };
        for kind in
            [WorkKind::Read, WorkKind::Index, WorkKind::SlowIndex, WorkKind::Update, WorkKind::Rewrite]
        {
            let ((low, high), (later, latest)) = (range(kind, MEDIUM), range(kind, more));
            assert!(Duration::ZERO < low && low < high && low < later && high < latest, "{kind:?}");
        }
        let nothing = Size { rows: 0, bytes: 0, index_bytes: 0, partitioned: false };
        assert_eq!(range(WorkKind::Rewrite, nothing), (Duration::ZERO, START));
        let huge = Size { rows: u64::MAX, bytes: u64::MAX, index_bytes: u64::MAX, partitioned: false };
        assert!(range(WorkKind::Update, huge).0 > Duration::from_secs(1 << 20));
    }

    /// What was measured on the table of [`MEDIUM`], in seconds.
    #[test]
    fn what_was_measured_is_inside() {
        for (kind, measured) in [
            (WorkKind::Read, 0.16),
            (WorkKind::Index, 0.69),
            (WorkKind::Rewrite, 3.0),
            (WorkKind::Update, 29.3),
        ] {
            let (low, high) = range(kind, MEDIUM);
            assert!(
                (low.as_secs_f64()..high.as_secs_f64()).contains(&measured),
                "{kind:?}: {low:?} {high:?}"
            );
        }
    }
}
