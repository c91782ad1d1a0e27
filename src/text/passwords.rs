//! Passwords in a text as connection strings hold them, found in one pass: a message may quote megabytes of SQL.

use std::borrow::Cow;
use std::ops::Range;

const MARK: &str = "://";
const WORD: &str = "password";

/// Whether a text holds a password as connection strings do: `scheme://user:password@host`, or `password=...`.
pub fn holds_password(text: &str) -> bool {
    Secrets::new(text).next().is_some()
}

/// The text with `...` in the place of every part of a connection string that holds a password.
pub fn without_passwords(text: &str) -> Cow<'_, str> {
    let mut shown = String::new();
    let mut from = 0;
    for hidden in Secrets::new(text) {
        shown.push_str(&text[from..hidden.start]);
        shown.push_str("...");
        from = hidden.end;
    }
    if from == 0 {
        return Cow::Borrowed(text);
    }
    shown.push_str(&text[from..]);
    Cow::Owned(shown)
}

/// The parts of a text that must not be shown, from left to right.
struct Secrets<'t> {
    text: &'t str,
    /// Where what is not looked at yet begins.
    from: usize,
    /// The next ones of both kinds; `None` when they are not known.
    url: Option<Found>,
    assigned: Option<Found>,
    line: Line,
}

/// What was found from a place on.
#[derive(Debug, Clone)]
enum Found {
    Nothing,
    /// The mark or word that it begins with, and what must not be shown.
    At(usize, Range<usize>),
}

impl Found {
    /// Whether it begins behind a place.
    fn is_behind(&self, from: usize) -> bool {
        match self {
            Self::Nothing => true,
            Self::At(mark, _) => *mark >= from,
        }
    }

    fn range(&self) -> Option<Range<usize>> {
        match self {
            Self::Nothing => None,
            Self::At(_, range) => Some(range.clone()),
        }
    }
}

impl Iterator for Secrets<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let url =
            self.url.take().filter(|found| found.is_behind(self.from)).unwrap_or_else(|| self.next_url());
        let assigned = self.assigned.take().filter(|found| found.is_behind(self.from));
        let assigned = assigned.unwrap_or_else(|| self.next_assigned());
        let first = [url.range(), assigned.range()].into_iter().flatten().min_by_key(|range| range.start);
        (self.url, self.assigned) = (Some(url), Some(assigned));
        self.from = first.as_ref()?.end;
        first
    }
}

impl<'t> Secrets<'t> {
    fn new(text: &'t str) -> Self {
        Self { text, from: 0, url: None, assigned: None, line: Line::default() }
    }

    /// What stands behind the `://` of a URL that has a user and a password. A password may hold what must be
    /// percent-encoded, so it ends only at the last `@` of the line.
    fn next_url(&mut self) -> Found {
        let mut from = self.from;
        while let Some(found) = self.text[from..].find(MARK) {
            let mark = from + found;
            let start = mark + MARK.len();
            if let Some(end) = self.end_of_url(start) {
                return Found::At(mark, start..end);
            }
            from = start;
        }
        Found::Nothing
    }

    fn end_of_url(&mut self, start: usize) -> Option<usize> {
        if !self.line.has(start) {
            self.line = Line::at(self.text, start);
        }
        let at = self.line.last_at?;
        let is_end = |found: char| matches!(found, ':' | '/' | '@') || found.is_whitespace();
        let user = start + self.text[start..self.line.end].find(is_end)?;
        let has_password = self.text[user..].starts_with(':') && user < at;
        if !has_password || self.begins_with_port(user + 1, at) {
            return None;
        }
        Some(at + ends(&self.text[at..self.line.end]))
    }

    /// Whether what stands between the `:` of a URL and an `@` is a port, and words that do not belong to the URL:
    /// `8443/X-1, ask ops`.
    fn begins_with_port(&self, from: usize, at: usize) -> bool {
        let text = &self.text[from..at];
        let behind = text.trim_start_matches(|found: char| found.is_ascii_digit());
        let ends_there = behind.starts_with(|next: char| "/?#,;)".contains(next) || next.is_whitespace());
        let has_space = self.line.last_space.is_some_and(|space| space >= at - behind.len());
        behind.len() < text.len() && ends_there && has_space
    }

    /// The value behind a `password=`, of a query of a URL or of a connection string in words.
    fn next_assigned(&self) -> Found {
        let bytes = self.text.as_bytes();
        let mut from = self.from;
        while let Some(word) = find_word(bytes, from) {
            from = word + WORD.len();
            let Some(value) = self.text[from..].trim_start().strip_prefix('=').map(str::trim_start) else {
                continue;
            };
            let start = self.text.len() - value.len();
            let length = value_length(value);
            // What was hidden is not hidden again.
            if length > 0 && !value.starts_with("...") {
                return Found::At(word, start..start + length);
            }
        }
        Found::Nothing
    }
}

/// Where the word stands next, in letters of either case.
fn find_word(bytes: &[u8], from: usize) -> Option<usize> {
    let is_here = |at: usize| bytes[at..at + WORD.len()].eq_ignore_ascii_case(WORD.as_bytes());
    (from..(bytes.len() + 1).saturating_sub(WORD.len())).find(|at| is_here(*at))
}

/// A line of a text, and what is looked for in it again and again.
#[derive(Default)]
struct Line {
    start: usize,
    end: usize,
    /// The last `@`.
    last_at: Option<usize>,
    /// The last white space before that.
    last_space: Option<usize>,
}

impl Line {
    fn at(text: &str, start: usize) -> Self {
        let line = text[start..].lines().next().unwrap_or_default();
        let last_at = line.rfind('@');
        let last_space = last_at.and_then(|at| line[..at].rfind(char::is_whitespace));
        Self {
            start,
            end: start + line.len(),
            last_at: last_at.map(|at| start + at),
            last_space: last_space.map(|space| start + space),
        }
    }

    fn has(&self, place: usize) -> bool {
        (self.start..self.end).contains(&place)
    }
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

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

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

    /// Texts of 10 MB in which each part makes a reader look at all the others.
    #[test]
    fn a_long_text_is_read_once() {
        const SIZE: usize = 10 << 20;
        for (part, shown) in [
            ("password='canary' ", "password=... "),
            ("postgres://u:canary@h ", "postgres://..."),
            ("see https://h:1/x ", "see https://h:1/x "),
            ("a://b:1/", "a://b:1/"),
            ("a://", "a://"),
            ("a://@", "a://@"),
            ("password ", "password "),
            ("password=... ", "password=... "),
            ("postgres://u:canary@h password=canary\n", "postgres://... password=...\n"),
            ("x", "x"),
        ] {
            let text = part.repeat(SIZE / part.len());
            let begun = Instant::now();
            let hidden = without_passwords(&text);
            assert!(begun.elapsed().as_secs() < 10, "{part}: {:?}", begun.elapsed());
            assert!(hidden.starts_with(shown) && !hidden.contains("canary"), "{part}");
        }
    }
}
