//! For how long others wait while a migration runs. Pure.

use std::collections::BTreeMap;

use smol_str::SmolStr;

use super::outcome::{BlockingWindow, EstimatedTime, RehearsedLock};
use crate::postgres::lock_mode::LockMode;

/// A statement, as far as others wait for it.
#[derive(Debug, Clone, Default)]
pub(super) struct TimedStatement {
    /// The line that it begins on.
    pub(super) line: usize,
    /// How long it took, in milliseconds.
    pub(super) milliseconds: f64,
    /// How long it takes on the real rows, as far as that can be told.
    pub(super) estimate: Option<EstimatedTime>,
    /// The locks that it takes on relations that were there before.
    pub(super) locks: BTreeMap<SmolStr, LockMode>,
}

/// The longest time for which others wait. In one transaction it begins with the first statement that locks out writers of a
/// relation, and ends with the commit, which takes `commit` milliseconds; else each statement is a time of its own.
pub(super) fn longest(
    statements: &[TimedStatement],
    transactional: bool,
    commit: f64,
) -> Option<BlockingWindow> {
    let blocks = |statement: &TimedStatement| statement.locks.values().any(|mode| mode.blocks_writers());
    if transactional {
        let first = statements.iter().position(blocks)?;
        return Some(window(&statements[first..], commit));
    }
    let each = statements.iter().filter(|statement| blocks(statement));
    let windows = each.map(|statement| window(std::slice::from_ref(statement), 0.0));
    windows.max_by(|one, other| one.milliseconds.total_cmp(&other.milliseconds))
}

fn window(statements: &[TimedStatement], commit: f64) -> BlockingWindow {
    let mut locks: BTreeMap<SmolStr, LockMode> = BTreeMap::new();
    for (relation, mode) in statements.iter().flat_map(|statement| &statement.locks) {
        if mode.blocks_writers() {
            let strongest = locks.entry(relation.clone()).or_insert(*mode);
            *strongest = (*strongest).max(*mode);
        }
    }
    let line = |statement: Option<&TimedStatement>| statement.map_or(1, |statement| statement.line);
    let all: f64 = statements.iter().map(|statement| statement.milliseconds).sum();
    BlockingWindow {
        from_line: line(statements.first()),
        to_line: line(statements.last()),
        milliseconds: rounded(all + commit),
        estimate: estimated(statements, commit),
        locks: locks.into_iter().map(|(relation, mode)| RehearsedLock::of(relation, mode)).collect(),
    }
}

/// The time of all statements on the real rows, where that is known of any of them.
fn estimated(statements: &[TimedStatement], commit: f64) -> Option<EstimatedTime> {
    statements.iter().find_map(|statement| statement.estimate)?;
    let sum = |side: fn(&EstimatedTime) -> f64| {
        let each = statements
            .iter()
            .map(|statement| statement.estimate.as_ref().map_or(statement.milliseconds, side));
        rounded(each.sum::<f64>() + commit)
    };
    Some(EstimatedTime {
        low_milliseconds: sum(|estimate| estimate.low_milliseconds),
        high_milliseconds: sum(|estimate| estimate.high_milliseconds),
    })
}

/// Milliseconds with one decimal.
pub(super) fn rounded(milliseconds: f64) -> f64 {
    (milliseconds * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(line: usize, milliseconds: f64, locks: &[(&str, LockMode)]) -> TimedStatement {
        let locks = locks.iter().map(|(relation, mode)| ((*relation).into(), *mode)).collect();
        TimedStatement { line, milliseconds, estimate: None, locks }
    }

    #[test]
    fn a_transaction_blocks_from_its_first_lock_to_its_commit() {
        let statements = [
            statement(1, 100.0, &[("a", LockMode::ShareUpdateExclusive)]),
            statement(2, 5.0, &[("a", LockMode::ShareRowExclusive), ("b", LockMode::RowExclusive)]),
            statement(4, 20.0, &[("a", LockMode::AccessExclusive)]),
            statement(5, 1.0, &[]),
        ];
        let found = longest(&statements, true, 3.0).unwrap();
        assert_eq!((found.from_line, found.to_line, found.milliseconds), (2, 5, 29.0));
        assert_eq!(found.locks, [RehearsedLock::of("a".into(), LockMode::AccessExclusive)]);
        let found = longest(&statements, false, 3.0).unwrap();
        assert_eq!((found.from_line, found.to_line, found.milliseconds), (4, 4, 20.0));
        assert_eq!(longest(&statements[..1], true, 3.0), None);
        let mut statements = statements;
        statements[2].estimate = Some(EstimatedTime { low_milliseconds: 100.0, high_milliseconds: 600.0 });
        let found = longest(&statements, true, 3.0).unwrap();
        let range = EstimatedTime { low_milliseconds: 109.0, high_milliseconds: 609.0 };
        assert_eq!((found.milliseconds, found.estimate, found.longest()), (29.0, Some(range), 609.0));
    }
}
