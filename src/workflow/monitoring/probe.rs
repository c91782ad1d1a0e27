//! What one reading answered last, how old that is, and whether it still counts.

use std::time::{Duration, Instant, SystemTime};

use crate::error::{ErrorCode, Exit, Failure};

/// A reading that is repeated.
#[derive(Debug)]
pub(super) struct Probe<T> {
    answer: Option<Answer<T>>,
    /// Why the last attempt was not answered, where it was not.
    failure: Option<Failure>,
    /// How long the last attempt took; `None` before the first one has ended.
    took: Option<Duration>,
    /// How old an answer may be.
    limit: Duration,
}

/// What is known of a reading, whatever it reads.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ProbeFacts {
    /// Whether the last attempt was answered; `None` before the first one has ended.
    pub(super) succeeded: Option<bool>,
    /// When the last answer was given, by the clock.
    pub(super) answered_at: Option<SystemTime>,
    /// How old it is.
    pub(super) age: Option<Duration>,
    /// How long the last attempt took.
    pub(super) took: Option<Duration>,
}

/// An answer, and when it came.
#[derive(Debug)]
struct Answer<T> {
    value: T,
    at: Instant,
    by_clock: SystemTime,
}

impl<T> Probe<T> {
    /// A reading that was not tried yet, and whose answers count for so long.
    pub(super) fn new(limit: Duration) -> Self {
        Self { answer: None, failure: None, took: None, limit }
    }

    /// Notes the end of an attempt that began at that moment.
    pub(super) fn ended(&mut self, begun: Instant, outcome: Result<T, Failure>) {
        self.took = Some(begun.elapsed());
        match outcome {
            Ok(value) => {
                // It is as old as the question: the server may have answered at once, and the answer have waited.
                let by_clock = SystemTime::now() - begun.elapsed();
                (self.answer, self.failure) = (Some(Answer { value, at: begun, by_clock }), None);
            }
            Err(failure) => self.failure = Some(failure),
        }
    }

    /// The answer that counts: the last one, unless something else than silence followed it, or it is too old.
    pub(super) fn current(&self) -> Option<&T> {
        let contradicted = self.failure.as_ref().is_some_and(|failure| !is_silence(failure));
        let answer = self.answer.as_ref().filter(|answer| !contradicted && answer.at.elapsed() <= self.limit);
        answer.map(|answer| &answer.value)
    }

    /// The last answer, whether it counts or not.
    pub(super) fn last(&self) -> Option<&T> {
        self.answer.as_ref().map(|answer| &answer.value)
    }

    /// How old the last answer is.
    pub(super) fn age(&self) -> Option<Duration> {
        self.answer.as_ref().map(|answer| answer.at.elapsed())
    }

    /// What is known of it, whatever it reads.
    pub(super) fn facts(&self) -> ProbeFacts {
        ProbeFacts {
            succeeded: self.took.map(|_| self.failure.is_none()),
            answered_at: self.answer.as_ref().map(|answer| answer.by_clock),
            age: self.age(),
            took: self.took,
        }
    }

    /// Why the last attempt was not answered.
    pub(super) fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    /// How old an answer may be.
    pub(super) fn limit(&self) -> Duration {
        self.limit
    }
}

impl ProbeFacts {
    /// What is known of several readings together; nothing where one of them was not tried or answered yet, or there are none.
    pub(super) fn of_all(all: &[Self]) -> Self {
        let known =
            all.iter().copied().map(|one| Some((one.succeeded?, one.took?, one.answered_at, one.age)));
        let Some(known) = known.collect::<Option<Vec<_>>>().filter(|known| !known.is_empty()) else {
            return Self::default();
        };
        let answered =
            known.iter().map(|(_, _, at, age)| Some(((*at)?, (*age)?))).collect::<Option<Vec<_>>>();
        let answered = answered.unwrap_or_default();
        Self {
            succeeded: Some(known.iter().all(|(succeeded, ..)| *succeeded)),
            answered_at: answered.iter().map(|(at, _)| *at).min(),
            age: answered.iter().map(|(_, age)| *age).max(),
            took: Some(known.iter().map(|(_, took, ..)| *took).sum()),
        }
    }
}

/// Whether a failure says nothing of the database but that it does not answer now. Any other one is an answer: a refused
/// connection, a wrong password, a history that is hidden.
pub(super) fn is_silence(failure: &Failure) -> bool {
    failure.exit == Exit::Busy || failure.error_code() == ErrorCode::CONNECTION_TIMEOUT
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn answered(limit: Duration) -> Probe<u8> {
        let mut probe = Probe::new(limit);
        probe.ended(Instant::now(), Ok(7));
        probe
    }

    #[test]
    fn silence_keeps_the_last_answer_until_it_is_too_old() {
        let mut probe = answered(LONG);
        probe.ended(Instant::now(), Err(Failure::new(Exit::Busy, "locked")));
        assert_eq!((probe.current(), probe.facts().succeeded), (Some(&7), Some(false)));
        let mut probe = answered(Duration::ZERO);
        std::thread::yield_now();
        probe.ended(Instant::now(), Err(Failure::new(Exit::Busy, "locked")));
        assert_eq!((probe.current(), probe.last()), (None, Some(&7)));
    }

    #[test]
    fn a_failure_that_is_an_answer_ends_the_last_one() {
        let mut probe = answered(LONG);
        probe.ended(Instant::now(), Err(Failure::cannot_tell("refused").code(ErrorCode::CONNECTION_REFUSED)));
        assert_eq!((probe.current(), probe.last()), (None, Some(&7)));
        probe.ended(Instant::now(), Ok(8));
        assert_eq!((probe.current(), probe.facts().succeeded), (Some(&8), Some(true)));
    }

    #[test]
    fn nothing_is_known_before_the_first_attempt() {
        let probe = Probe::<u8>::new(LONG);
        assert_eq!((probe.current(), probe.facts().succeeded, probe.age()), (None, None, None));
    }
}
