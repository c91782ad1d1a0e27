//! Words and numbers as people read them: a leaf that every room may use.

use std::borrow::Cow;
use std::ops::Range;
use std::time::Duration;

/// `1 table`, `2 tables`, `2 batches`.
pub fn plural(count: impl TryInto<u64>, noun: &str) -> String {
    let count = count.try_into().unwrap_or(u64::MAX);
    match noun {
        _ if count == 1 => format!("1 {noun}"),
        noun if noun.ends_with("ch") => format!("{count} {noun}es"),
        noun => format!("{count} {noun}s"),
    }
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

/// How many characters of a run's or backup's identifier people see. Commands accept as many.
const SHORT_ID: usize = 10;
/// The length of a ULID (github.com/ulid/spec).
const ULID: usize = 26;

/// The first characters of a ULID, for people; documents have it whole. Any other text is returned whole.
pub fn short_id(id: &str) -> &str {
    let is_ulid = id.len() == ULID && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_ulid { &id[..SHORT_ID] } else { id }
}

/// Whether a text holds a password as connection strings do: `scheme://user:password@host`, or `password=...`.
pub fn holds_password(text: &str) -> bool {
    password_in(text).is_some()
}

/// The text with `...` in the place of every part of a connection string that holds a password.
pub fn without_passwords(text: &str) -> Cow<'_, str> {
    let mut rest = text;
    let mut shown = String::new();
    while let Some(hidden) = password_in(rest) {
        shown.push_str(&rest[..hidden.start]);
        shown.push_str("...");
        rest = &rest[hidden.end..];
    }
    if rest.len() == text.len() {
        return Cow::Borrowed(text);
    }
    shown.push_str(rest);
    Cow::Owned(shown)
}

/// The first part that must not be shown.
fn password_in(text: &str) -> Option<Range<usize>> {
    let [in_url, assigned] = [url_with_password(text), assigned_password(text)];
    match (in_url, assigned) {
        (Some(one), Some(other)) => Some(if one.start <= other.start { one } else { other }),
        (one, other) => one.or(other),
    }
}

/// What stands behind the `://` of a URL that has a user and a password. A password may hold what must be
/// percent-encoded, so it ends only at the last `@` of the line.
fn url_with_password(text: &str) -> Option<Range<usize>> {
    let starts = text.match_indices("://").map(|(at, mark)| at + mark.len());
    starts.into_iter().find_map(|start| {
        let line = text[start..].lines().next().unwrap_or_default();
        let user = line.find(|found: char| matches!(found, ':' | '/' | '@') || found.is_whitespace())?;
        let at = line.rfind('@').filter(|at| line[user..].starts_with(':') && user < *at)?;
        let has_port = begins_with_port(&line[user + 1..at]);
        (!has_port).then(|| start..start + at + ends(&line[at..]))
    })
}

/// Whether what stands between the `:` of a URL and an `@` is a port, and words that do not belong to the URL:
/// `8443/X-1, ask ops`.
fn begins_with_port(text: &str) -> bool {
    let behind = text.trim_start_matches(|found: char| found.is_ascii_digit());
    let ends_there = behind.starts_with(|next: char| "/?#,;)".contains(next) || next.is_whitespace());
    behind.len() < text.len() && ends_there && behind.contains(char::is_whitespace)
}

/// The value behind a `password=`, of a query of a URL or of a connection string in words.
fn assigned_password(text: &str) -> Option<Range<usize>> {
    let folded = text.to_ascii_lowercase();
    let mut words = folded.match_indices("password").map(|(at, word)| at + word.len());
    words.find_map(|word| {
        let value = text[word..].trim_start().strip_prefix('=')?.trim_start();
        let start = text.len() - value.len();
        let length = value_length(value);
        // What was hidden is not hidden again.
        (length > 0 && !value.starts_with("...")).then_some(start..start + length)
    })
}

/// How long the value of a word of a connection string is, with its quotes. A backslash escapes what follows it
/// (libpq, "Keyword/Value Connection Strings").
fn value_length(value: &str) -> usize {
    let quote = value.chars().next().filter(|first| matches!(first, '\'' | '"'));
    let mut escaped = false;
    let end = value.char_indices().skip(usize::from(quote.is_some())).find(|(_, found)| {
        let ends_here = match quote {
            Some(quote) => *found == quote,
            None => found.is_whitespace(),
        };
        let is_end = ends_here && !escaped;
        escaped = *found == '\\' && !escaped;
        is_end
    });
    end.map_or(value.len(), |(at, _)| at + usize::from(quote.is_some()))
}

/// Where a URL ends.
fn ends(text: &str) -> usize {
    text.find(|found: char| found.is_whitespace() || matches!(found, '"' | '\'' | '`')).unwrap_or(text.len())
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
    fn f53_a_password_is_found_and_hidden_wherever_it_stands() {
        for (text, shown) in [
            ("postgres://app:canary@db/x", "postgres://..."),
            ("no backup \"postgres://app:can ary@db/x\" here", "no backup \"postgres://...\" here"),
            ("postgres://app:can/ary@db/x?sslmode=require", "postgres://..."),
            ("postgres://:canary@db/x, s3://u:canary@b", "postgres://..."),
            ("a: postgres://app:canary@db\nb: https://u:canary@h/", "a: postgres://...\nb: https://..."),
            ("postgres://db/x?password=canary", "postgres://db/x?password=..."),
            ("host=db password='can ary' user=app", "host=db password=... user=app"),
            ("PGPASSWORD=canary psql", "PGPASSWORD=... psql"),
            (r"password='can\'ary rest' user=app", "password=... user=app"),
            (r"password='can\\' user=app", "password=... user=app"),
            ("password='can ary", "password=..."),
            (r"password=can\ ary user=app", "password=... user=app"),
            ("host=db password = canary user=app", "host=db password = ... user=app"),
            ("host=db password\t=\n'can ary'", "host=db password\t=\n..."),
            ("PGPASSWORD=can'ary psql", "PGPASSWORD=... psql"),
            ("PGPASSWORD=\"can ary\" psql", "PGPASSWORD=... psql"),
            ("postgres://app:1234@db/x", "postgres://..."),
            ("postgres://app:12/ca@db/x", "postgres://..."),
            ("https://jira:8443/X, see postgres://u:canary@db", "https://jira:8443/X, see postgres://..."),
        ] {
            assert!(holds_password(text), "{text}");
            assert_eq!(without_passwords(text), shown);
            assert_eq!(without_passwords(shown), shown);
        }
        for harmless in [
            "postgres://app@db:5432/x",
            "see https://tracker/issues/1: asked ops@example.com",
            "https://jira:8443/X-1, ask ops@example.com",
            "https://jira:8443 belongs to ops@example.com",
            "the password is asked of ops@example.com; password=",
            "s3://bucket/prefix",
            "a@b: c",
            "",
        ] {
            assert!(!holds_password(harmless), "{harmless}");
            assert!(matches!(without_passwords(harmless), Cow::Borrowed(_)));
        }
    }

    #[test]
    fn an_identifier_is_short_and_other_text_stays() {
        assert_eq!(short_id("01K9Z2Q4R7M8N3P5T6V0W1X2Y3"), "01K9Z2Q4R7");
        for whole in ["", "01K9Z2Q4R7", "nightly-dump-of-yesterday.", "not a run of twenty-six ch"] {
            assert_eq!(short_id(whole), whole);
        }
    }
}
