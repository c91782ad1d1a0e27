//! Who holds a lock for so long that it is better waited for outside of the lock queue. It asks nobody: it is told who
//! holds what, again and again.

use std::time::{Duration, Instant};

use super::super::event::Blocker;
use super::blockers::Holder;

/// From when on a lock is held for long: shorter waits are the queue's everyday.
const LONG: Duration = Duration::from_secs(1);

/// The transactions whose age this role may not see, since when they were seen.
#[derive(Debug, Default)]
pub(in crate::writer) struct Sightings {
    since: Option<Vec<(String, Instant)>>,
}

/// What a look comes to.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::writer) enum InTheWay {
    /// Nobody, or nobody for long.
    Nobody,
    /// Somebody whose age is not visible; that is seen by looking again.
    Perhaps,
    /// These.
    Long(Vec<Blocker>),
}

impl Sightings {
    /// Judges a look. Of holders whose age is not visible those of the first look count: on a busy table there is
    /// always somebody new.
    pub(in crate::writer) fn evaluate(&mut self, holders: Vec<Holder>, now: Instant) -> InTheWay {
        let hidden = |holder: &&Holder| holder.blocker.age.is_none();
        let since = self.since.get_or_insert_with(|| {
            holders.iter().filter(hidden).map(|holder| (holder.transaction.clone(), now)).collect()
        });
        since.retain(|(transaction, _)| holders.iter().any(|holder| holder.transaction == *transaction));
        let age = |holder: &Holder| {
            let seen = || since.iter().find(|(transaction, _)| *transaction == holder.transaction);
            holder.blocker.age.or_else(|| seen().map(|(_, since)| now.duration_since(*since)))
        };
        let long: Vec<Blocker> = holders
            .iter()
            .filter(|holder| age(holder).is_some_and(|age| age >= LONG))
            .map(|holder| holder.blocker.clone())
            .collect();
        match (long.is_empty(), since.is_empty()) {
            (false, _) => InTheWay::Long(long),
            (true, false) => InTheWay::Perhaps,
            (true, true) => InTheWay::Nobody,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(transaction: &str, age: Option<u64>) -> Holder {
        let blocker = Blocker { age: age.map(Duration::from_millis), ..Blocker::default() };
        Holder { blocker, transaction: transaction.to_owned() }
    }

    #[test]
    fn a_short_transaction_is_no_reason_to_wait() {
        let now = Instant::now();
        assert_eq!(Sightings::default().evaluate(Vec::new(), now), InTheWay::Nobody);
        assert_eq!(Sightings::default().evaluate(vec![holder("1/1", Some(999))], now), InTheWay::Nobody);
        let mixed = vec![holder("1/1", Some(10)), holder("1/2", Some(1000))];
        let InTheWay::Long(long) = Sightings::default().evaluate(mixed, now) else { panic!("one is long") };
        assert_eq!(long.len(), 1);
    }

    #[test]
    fn a_transaction_of_hidden_age_is_seen_getting_old() {
        let (now, mut seen) = (Instant::now(), Sightings::default());
        let at = |milliseconds| now + Duration::from_millis(milliseconds);
        assert_eq!(seen.evaluate(vec![holder("1/1", None), holder("1/2", None)], now), InTheWay::Perhaps);
        assert_eq!(seen.evaluate(vec![holder("1/1", None)], at(900)), InTheWay::Perhaps);
        let InTheWay::Long(long) = seen.evaluate(vec![holder("1/1", None)], at(1000)) else {
            panic!("it is old")
        };
        assert_eq!(long.len(), 1);
        assert_eq!(seen.evaluate(Vec::new(), at(1100)), InTheWay::Nobody);
    }

    #[test]
    fn on_a_busy_table_nobody_new_is_waited_for() {
        let (now, mut seen) = (Instant::now(), Sightings::default());
        assert_eq!(seen.evaluate(vec![holder("1/1", None)], now), InTheWay::Perhaps);
        assert_eq!(seen.evaluate(vec![holder("1/2", None), holder("1/3", None)], now), InTheWay::Nobody);
    }
}
