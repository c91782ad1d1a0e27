//! How long a statement takes on the real rows, from its time on made ones. Pure.

use std::collections::BTreeMap;

use serde::Serialize;

/// How much faster, and how much slower, it may be than the time per row tells: machines and rows differ.
const SPREAD: (f64, f64) = (0.5, 3.0);

/// A range of time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct EstimatedTime {
    /// The least, in milliseconds.
    pub(crate) low_milliseconds: f64,
    /// The most, in milliseconds.
    pub(crate) high_milliseconds: f64,
}

/// The numbers of rows of tables, real and made.
#[derive(Debug, Clone, Default)]
pub(super) struct RowCounts {
    /// Of the real database, as far as they are known.
    pub(super) real: BTreeMap<String, u64>,
    /// Of the throwaway one.
    pub(super) made: BTreeMap<String, u64>,
}

/// The time of a statement that does something to all rows of these relations; `None` where the real number of rows is not known
/// of any of them.
pub(super) fn estimate<'r>(
    milliseconds: f64,
    relations: impl IntoIterator<Item = &'r str>,
    counts: &RowCounts,
) -> Option<EstimatedTime> {
    let ratio = |relation: &str| {
        let (real, made) = (counts.real.get(relation)?, counts.made.get(relation).filter(|made| **made > 0)?);
        Some(*real as f64 / *made as f64)
    };
    let longest = relations.into_iter().filter_map(ratio).max_by(f64::total_cmp)?;
    Some(EstimatedTime {
        low_milliseconds: milliseconds * longest * SPREAD.0,
        // What a statement costs without any rows does not become less.
        high_milliseconds: milliseconds * longest.max(1.0) * SPREAD.1,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_grows_with_the_rows() {
        let counts = RowCounts {
            real: [("a".to_owned(), 40_000), ("small".to_owned(), 10), ("b".to_owned(), 7)].into(),
            made: [("a".to_owned(), 10_000), ("small".to_owned(), 10_000)].into(),
        };
        let range = |relations: &[&str]| {
            let found = estimate(100.0, relations.iter().copied(), &counts)?;
            Some((found.low_milliseconds, found.high_milliseconds))
        };
        assert_eq!(range(&["a", "small"]), Some((200.0, 1200.0)));
        assert_eq!(range(&["small"]), Some((0.05, 300.0)));
        assert_eq!(range(&["b"]), None);
        assert_eq!(range(&[]), None);
    }
}
