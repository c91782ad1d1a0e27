//! How long somebody is kept waiting, as documents have it.

use serde::{Serialize, Serializer};

/// How long a statement takes, or a lock is held, and who waits meanwhile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReportedEstimate {
    /// What others cannot do meanwhile: `reads and writes`, `writes` or `nothing`.
    pub blocks: &'static str,
    /// The shortest time that is likely.
    pub low_s: Seconds,
    /// The longest time that is likely.
    pub high_s: Seconds,
    /// The class of the longest time: `instant`, `seconds`, `minutes` or `hours`.
    pub class: &'static str,
    /// What it was estimated from, as a sentence.
    pub basis: String,
}

/// A time in seconds, rounded to two digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seconds {
    milliseconds: u64,
}

impl Seconds {
    /// The two digits of a time.
    pub fn rounded(time: std::time::Duration) -> Self {
        let whole = u64::try_from(time.as_millis()).unwrap_or(u64::MAX / 100);
        let mut unit = 1;
        while whole / unit >= 100 {
            unit *= 10;
        }
        Self { milliseconds: (whole + unit / 2) / unit * unit }
    }
}

/// `120`, or `0.35`.
impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.milliseconds % 1000 {
            0 => serializer.serialize_u64(self.milliseconds / 1000),
            _ => serializer.serialize_f64(self.milliseconds as f64 / 1000.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn seconds_have_two_digits() {
        for (milliseconds, json) in
            [(0, "0"), (7, "0.007"), (346, "0.35"), (999, "1"), (1_234, "1.2"), (123_456, "120")]
        {
            let seconds = Seconds::rounded(Duration::from_millis(milliseconds));
            assert_eq!(serde_json::to_string(&seconds).expect("JSON"), json);
        }
        assert_eq!(Seconds::rounded(Duration::MAX), Seconds::rounded(Duration::MAX));
    }
}
