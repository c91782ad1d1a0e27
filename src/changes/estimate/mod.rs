//! How long statements of migrations take that work on all rows of a relation: a range, from the relation's size. Pure: who
//! has a size asks here.
//!
//! What kind of work a statement does was measured when the project was compiled (`model::Footprint`); how many rows there
//! are, a live database tells. The time of a row depends on the machine, the types, the indexes, and on what else is done
//! there: so the answer is a range, and says what it is based on. What the database did before corrects it: `trueup.steps` has
//! the times of statements outside of transactions, and how many rows they worked on.

mod earlier;
mod rates;
mod script;
mod sizes;
mod works;

use std::time::Duration;

use crate::findings::{ReportedEstimate, Seconds};
use crate::snapshot::Size;
use crate::text::{plural, size as bytes_in_words};

pub use earlier::{EarlierTimes, kind_of};
pub use script::{StatementEstimate, estimates};
pub use sizes::SizesInPlan;
pub use works::{WorkKind, WorkOnRows};

/// How long something is likely to take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Estimate {
    /// The shortest time that is likely; zero where the work may turn out to be none.
    pub low: Duration,
    /// The longest time that is likely.
    pub high: Duration,
    /// What it was estimated from, as a sentence without a full stop.
    pub basis: String,
}

/// How long something takes, as people plan with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TimeClass {
    /// Less than a second.
    Instant,
    /// Less than a minute.
    Seconds,
    /// Less than an hour.
    Minutes,
    /// An hour or more.
    Hours,
}

impl TimeClass {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Instant => "instant",
            Self::Seconds => "seconds",
            Self::Minutes => "minutes",
            Self::Hours => "hours",
        }
    }
}

/// What a time that was measured on other rows may be multiplied by, beside their number. From 100,000 to 1,600,000 rows the
/// times of rewrites, reads, index builds and updates grew as the rows did, within a factor of 2. A table that does not fit into
/// memory is slower, and so is a server that has other work; a larger machine is faster.
const SCALED: (f64, f64) = (0.5, 3.0);

impl Estimate {
    /// How long this work takes on a relation of this size, at the rates of [`rates`].
    pub fn of(kind: WorkKind, size: Size) -> Self {
        let (low, high) = rates::range(kind, size);
        let indexes = match kind {
            WorkKind::Rewrite | WorkKind::Update if size.index_bytes > 0 => {
                format!(" and {} of indexes", bytes_in_words(size.index_bytes))
            }
            _ => String::new(),
        };
        let basis = format!(
            "{}, {}{indexes}, at usual rates; not measured on this server",
            plural(size.rows, "row"),
            bytes_in_words(size.bytes)
        );
        Self { low, high, basis }
    }

    /// How long work takes on `live` rows that took `measured` on `rows` rows of the same kind. `None` where it was measured
    /// on none.
    pub fn scaled(measured: Duration, rows: u64, live: u64) -> Option<Self> {
        if rows == 0 {
            return None;
        }
        let times = live as f64 / rows as f64;
        let basis =
            format!("{} on {}, scaled to {live}", crate::text::duration(measured), plural(rows, "row"));
        Some(Self {
            low: multiplied(measured, times * SCALED.0),
            // What it costs without any rows does not become less.
            high: multiplied(measured, times.max(1.0) * SCALED.1),
            basis,
        })
    }

    /// This and another one after it.
    #[must_use]
    pub fn and(self, next: Self) -> Self {
        let basis =
            if self.basis == next.basis { self.basis } else { format!("{}; {}", self.basis, next.basis) };
        Self { low: self.low.saturating_add(next.low), high: self.high.saturating_add(next.high), basis }
    }

    /// The same where all of the work may turn out not to be needed: how long it takes at most.
    #[must_use]
    pub fn at_most(self) -> Self {
        Self { low: Duration::ZERO, ..self }
    }

    /// The class of the longest time.
    pub fn class(&self) -> TimeClass {
        match self.high.as_secs() {
            0 => TimeClass::Instant,
            1..60 => TimeClass::Seconds,
            60..3600 => TimeClass::Minutes,
            _ => TimeClass::Hours,
        }
    }

    /// The range in words: `2 to 6 min`, `40 s to 3 min`, `up to 20 s`, `under 1 s`.
    pub fn range(&self) -> String {
        if self.class() == TimeClass::Instant {
            return "under 1 s".to_owned();
        }
        let unit = Unit::of(self.high);
        let high = format!("{} {}", unit.count(self.high, f64::ceil), unit.word());
        if self.low < Duration::from_secs(1) {
            return format!("up to {high}");
        }
        let below = Unit::of(self.low);
        let low = below.count(self.low, f64::floor);
        match (below == unit, unit.count(self.low, f64::floor)) {
            (true, low) if low == unit.count(self.high, f64::ceil) => high,
            (true, low) => format!("{low} to {high}"),
            (false, whole) if whole >= 1 => format!("{whole} to {high}"),
            (false, _) => format!("{low} {} to {high}", below.word()),
        }
    }

    /// The same for documents. `blocks` is what others cannot do meanwhile.
    pub fn reported(&self, blocks: &'static str) -> ReportedEstimate {
        ReportedEstimate {
            blocks,
            low_s: Seconds::rounded(self.low),
            high_s: Seconds::rounded(self.high),
            class: self.class().word(),
            basis: self.basis.clone(),
        }
    }
}

/// A unit of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Seconds,
    Minutes,
    Hours,
}

impl Unit {
    fn of(time: Duration) -> Self {
        match time.as_secs() {
            0..120 => Self::Seconds,
            120..7200 => Self::Minutes,
            _ => Self::Hours,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::Minutes => "min",
            Self::Hours => "h",
        }
    }

    /// How many of it, of two digits.
    fn count(self, time: Duration, round: fn(f64) -> f64) -> u64 {
        let seconds = match self {
            Self::Seconds => 1.0,
            Self::Minutes => 60.0,
            Self::Hours => 3600.0,
        };
        let count = time.as_secs_f64() / seconds;
        let digits = 10_f64.powf((count.max(1.0).log10().floor() - 1.0).max(0.0));
        (round(count / digits) * digits) as u64
    }
}

/// A time multiplied, or the longest one where that is too long for one.
fn multiplied(time: Duration, times: f64) -> Duration {
    Duration::try_from_secs_f64(time.as_secs_f64() * times).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(low: f64, high: f64) -> Estimate {
        Estimate {
            low: Duration::from_secs_f64(low),
            high: Duration::from_secs_f64(high),
            basis: String::new(),
        }
    }

    #[test]
    fn a_range_is_said_in_the_unit_of_its_end() {
        for (low, high, words, class) in [
            (0.0, 0.4, "under 1 s", "instant"),
            (0.2, 3.1, "up to 4 s", "seconds"),
            (4.0, 4.0, "4 s", "seconds"),
            (2.9, 35.1, "2 to 36 s", "seconds"),
            (95.0, 110.0, "95 to 110 s", "minutes"),
            (40.0, 170.0, "40 s to 3 min", "minutes"),
            (125.0, 350.0, "2 to 6 min", "minutes"),
            (3000.0, 9000.0, "50 min to 3 h", "hours"),
            (9000.0, 1.0e6, "2 to 280 h", "hours"),
        ] {
            let estimate = seconds(low, high);
            assert_eq!((estimate.range().as_str(), estimate.class().word()), (words, class));
        }
    }

    #[test]
    fn what_was_measured_is_scaled() {
        let estimate = Estimate::scaled(Duration::from_secs(2), 10_000, 1_000_000).expect("rows");
        assert_eq!((estimate.low.as_secs(), estimate.high.as_secs()), (100, 600));
        assert_eq!(estimate.basis, "2.0 s on 10000 rows, scaled to 1000000");
        assert_eq!(Estimate::scaled(Duration::from_secs(2), 0, 1), None);
        assert_eq!(Estimate::scaled(Duration::MAX, 1, u64::MAX).map(|most| most.high), Some(Duration::MAX));
    }

    #[test]
    fn times_add_up_and_no_work_is_none() {
        let both = seconds(1.0, 2.0).and(seconds(3.0, 4.0).at_most());
        assert_eq!((both.low.as_secs(), both.high.as_secs()), (1, 6));
        let json = serde_json::to_string(&both.reported("writes")).expect("JSON");
        assert_eq!(json, r#"{"blocks":"writes","low_s":1,"high_s":6,"class":"seconds","basis":""}"#);
    }
}
