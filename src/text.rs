//! Words and numbers as people read them: a leaf that every room may use.

mod passwords;

use std::time::{Duration, SystemTime};

pub use passwords::{holds_password, without_passwords};

/// `1 table`, `2 tables`, `2 batches`.
pub fn plural(count: impl TryInto<u64>, noun: &str) -> String {
    let count = count.try_into().unwrap_or(u64::MAX);
    match noun {
        _ if count == 1 => format!("1 {noun}"),
        noun if noun.ends_with("ch") => format!("{count} {noun}es"),
        noun => format!("{count} {noun}s"),
    }
}

/// Bytes in hexadecimal, two lower-case digits each.
pub fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

/// A text on one line, its white space collapsed, cut to so many characters.
pub fn one_line(text: &str, longest: usize) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(longest) {
        Some((end, _)) => format!("{} ...", words[..end].trim_end()),
        None => words,
    }
}

/// The lines of a message as one, for a place that has a line: `a: b` and `  detail: c` are `a: b; detail: c`.
pub fn joined_lines(text: &str) -> String {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
}

/// A text with something else in the place of some words, where they are not part of longer ones.
pub fn replace_words(text: &str, words: &str, with: &str) -> String {
    let is_part = |found: Option<char>| found.is_some_and(|found| found.is_alphanumeric() || found == '_');
    let (begins, ends) = (is_part(words.chars().next()), is_part(words.chars().next_back()));
    let mut replaced = String::new();
    let mut from = 0;
    for (at, _) in text.match_indices(words).filter(|(_, found)| !found.is_empty()) {
        let (before, after) = (&text[..at], &text[at + words.len()..]);
        let is_whole =
            !(begins && is_part(before.chars().next_back()) || ends && is_part(after.chars().next()));
        if is_whole {
            replaced.push_str(&text[from..at]);
            replaced.push_str(with);
            from = at + words.len();
        }
    }
    replaced.push_str(&text[from..]);
    replaced
}

/// How many characters of a run's or backup's identifier people see. Commands accept as many.
const SHORT_ID: usize = 10;
/// The length of a ULID (github.com/ulid/spec).
const ULID: usize = 26;

/// The first characters of a ULID, for people; documents have it whole. Any other text is returned whole.
pub fn short_id(id: &str) -> &str {
    let is_ulid = id.len() == ULID && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_ulid { &id[..SHORT_ID] } else { id }
}

/// `300 ms`, `1.2 s`, `12 s`, `3 min 5 s`, `2 h 4 min`.
pub fn duration(time: Duration) -> String {
    let whole = time.as_secs();
    match whole {
        0 => format!("{} ms", time.as_millis()),
        1..10 => format!("{:.1} s", time.as_secs_f32()),
        10..60 => format!("{whole} s"),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

/// `2026-11-30`, in UTC.
pub fn day(moment: SystemTime) -> String {
    let text = humantime::format_rfc3339_seconds(moment).to_string();
    text.split('T').next().unwrap_or_default().to_owned()
}

/// `8 kB`, `1.2 GB`.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if value >= 10.0 || unit == 0 {
        format!("{value:.0} {}", UNITS[unit])
    } else {
        format!("{value:.1} {}", UNITS[unit])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_the_right_form_of_the_noun() {
        assert_eq!(plural(1_u64, "batch"), "1 batch");
        assert_eq!(plural(0_usize, "row"), "0 rows");
        assert_eq!(plural(2_usize, "batch"), "2 batches");
    }

    #[test]
    fn whole_words_are_replaced() {
        for (text, words, replaced) in [
            ("role \"app\", application app", "app", "role \"?\", application ?"),
            ("app_1 app", "app", "app_1 ?"),
            ("a 'x y' b", "x y", "a '?' b"),
            ("a--b", "--", "a?b"),
            ("abc", "", "abc"),
        ] {
            assert_eq!(replace_words(text, words, "?"), replaced);
        }
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(one_line("SELECT\n  1", 20), "SELECT 1");
        assert_eq!(one_line("ääää b", 4), "ääää ...");
    }

    #[test]
    fn lines_become_one() {
        assert_eq!(joined_lines("a: b\n  detail: c\n\n"), "a: b; detail: c");
        assert_eq!(joined_lines("a"), "a");
    }

    #[test]
    fn an_identifier_is_short_and_other_text_stays() {
        assert_eq!(short_id("01K9Z2Q4R7M8N3P5T6V0W1X2Y3"), "01K9Z2Q4R7");
        for whole in ["", "01K9Z2Q4R7", "nightly-dump-of-yesterday.", "not a run of twenty-six ch"] {
            assert_eq!(short_id(whole), whole);
        }
    }
}
