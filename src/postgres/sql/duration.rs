//! Durations as PostgreSQL writes them: a whole number and ms, s, min, h or d (manual, "Parameter Names and Values").

use std::time::Duration;

/// What a duration looks like, for error messages.
pub const DURATION: &str = "a duration such as \"500ms\", \"5s\", \"10min\" or \"1h\"";

/// Reads a duration. `None` when it is none, or longer than the server can take (2^31 - 1 ms).
pub fn duration(text: &str) -> Option<Duration> {
    let digits = text.find(|found: char| !found.is_ascii_digit())?;
    let count: u64 = text[..digits].parse().ok()?;
    let unit: u64 = match text[digits..].trim_start() {
        "ms" => 1,
        "s" => 1_000,
        "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    let milliseconds = count.checked_mul(unit)?;
    (milliseconds <= i32::MAX as u64).then(|| Duration::from_millis(milliseconds))
}

/// Reads how old something may be: a duration, or any number of days. PostgreSQL's durations end at 24 days.
pub fn age(text: &str) -> Option<Duration> {
    match text.strip_suffix('d') {
        Some(days) => Some(Duration::from_secs(u64::from(days.trim().parse::<u32>().ok()?) * 24 * 3600)),
        None => duration(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_postgresqls() {
        assert_eq!(duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(duration("5s"), Some(Duration::from_secs(5)));
        assert_eq!(duration("10 min"), Some(Duration::from_secs(600)));
        assert_eq!(duration("0s"), Some(Duration::ZERO));
        assert_eq!(duration("1d"), Some(Duration::from_secs(86_400)));
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in ["", "5", "s", "-5s", "1.5s", "5m", "5 sec", "99999999999999999999s", "25d", "5s "] {
            assert_eq!(duration(text), None, "{text}");
        }
    }
}
