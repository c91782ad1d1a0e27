//! Prose that fits a width.

use super::pasted;

/// Breaks text into lines of at most `width` columns; a line after a break begins with `indent` spaces.
///
/// A word is never broken, and neither are a date with its time, a number with its unit, and a name or a command in
/// quotes. What is wider than a line gets a line of its own, which the terminal wraps. Line ends and runs of spaces of the
/// text stay.
pub fn wrap(text: &str, width: usize, indent: usize) -> String {
    wrapped(text, width, indent, pieces)
}

/// The same for what says what to run: a command and a statement stay on one line, how wide they ever are.
pub(super) fn wrap_around_code(text: &str, width: usize, indent: usize) -> String {
    wrapped(text, width, indent, pieces_around_code)
}

fn wrapped(text: &str, width: usize, indent: usize, pieces: impl Fn(&str, usize) -> Vec<String>) -> String {
    let margin = format!("\n{}", " ".repeat(indent));
    let mut wrapped = String::with_capacity(text.len() + 16);
    for (number, paragraph) in text.split('\n').enumerate() {
        if number > 0 {
            wrapped.push_str(if paragraph.is_empty() { "\n" } else { &margin });
        }
        let mut column = if number > 0 { indent } else { 0 };
        let mut is_begun = false;
        for (position, piece) in pieces(paragraph, width.saturating_sub(indent)).into_iter().enumerate() {
            let columns = console::measure_text_width(&piece);
            if is_begun && column + 1 + columns > width {
                wrapped.push_str(&margin);
                (column, is_begun) = (indent, false);
            } else if position > 0 {
                wrapped.push(' ');
                column += 1;
            }
            wrapped.push_str(&piece);
            column += columns;
            is_begun |= columns > 0;
        }
    }
    wrapped
}

/// The text on one line of at most `width` columns, with an ellipsis where something is left out.
pub(super) fn cut(text: &str, width: u16, ascii: bool) -> String {
    console::truncate_str(text, usize::from(width), if ascii { "..." } else { "\u{2026}" }).into_owned()
}

/// The words of a paragraph, those joined that belong together and fit into `room` columns.
fn pieces(paragraph: &str, room: usize) -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    // The quotation mark that was opened and not closed.
    let mut quotation = None;
    for word in paragraph.split(' ') {
        let joined = match pieces.last() {
            Some(last) if quotation.is_some() || belong_together(last, word) => {
                Some(format!("{last} {word}"))
            }
            _ => None,
        };
        match (pieces.last_mut(), joined.filter(|joined| console::measure_text_width(joined) <= room)) {
            (Some(last), Some(joined)) => *last = joined,
            _ => pieces.push(word.to_owned()),
        }
        quotation = open_quotation(word, quotation);
    }
    pieces
}

/// The pieces of a paragraph, what is to be pasted in one piece each.
fn pieces_around_code(paragraph: &str, room: usize) -> Vec<String> {
    let words: Vec<&str> = paragraph.split(' ').collect();
    let belonging = pasted::belonging(&words);
    let is_code = |at: usize| belonging[at] || belonging.get(at + 1).is_some_and(|next| *next);
    let mut found: Vec<String> = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let code = is_code(at);
        let ends = |end: &usize| if code { !belonging[*end] } else { is_code(*end) };
        let end = (at + 1..words.len()).find(ends).unwrap_or(words.len());
        let text = words[at..end].join(" ");
        if code {
            found.push(text)
        } else {
            found.extend(pieces(&text, room))
        }
        at = end;
    }
    found
}

/// Which quotation mark is open after a word, where `open` was open before it. An apostrophe is none.
fn open_quotation(word: &str, open: Option<char>) -> Option<char> {
    word.chars().fold(open, |open, found| match (open, found) {
        (None, '"' | '`') => Some(found),
        (Some(mark), found) if mark == found => None,
        (open, _) => open,
    })
}

/// Whether two words are one value: `2026-01-31 12:30:57`, `12:30:57 UTC`, `1.2 s`, `40 MB`.
fn belong_together(before: &str, word: &str) -> bool {
    const UNITS: [&str; 11] = ["ms", "s", "min", "h", "d", "B", "kB", "MB", "GB", "TB", "%"];
    let last = before.rsplit(' ').next().unwrap_or(before);
    let word = word.trim_end_matches([',', '.', ';', ':', ')']);
    let is_time = |text: &str| {
        text.as_bytes().get(2) == Some(&b':') && text.starts_with(|found: char| found.is_ascii_digit())
    };
    let is_date = |text: &str| {
        let bytes = text.trim_start_matches('(').as_bytes();
        bytes.len() == 10 && bytes[4] == b'-' && bytes[7] == b'-' && bytes[..4].iter().all(u8::is_ascii_digit)
    };
    let is_number = |text: &str| {
        let text = text.trim_start_matches('(');
        text.starts_with(|found: char| found.is_ascii_digit())
            && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b','))
    };
    is_date(last) && is_time(word)
        || is_time(last) && word == "UTC"
        || is_number(last) && UNITS.contains(&word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_broken_between_words() {
        assert_eq!(wrap("one two three four", 9, 0), "one two\nthree\nfour");
        assert_eq!(wrap("note: one two three", 13, 6), "note: one two\n      three");
        assert_eq!(wrap("one\ntwo\n\nthree", 80, 2), "one\n  two\n\n  three");
        assert_eq!(wrap("", 80, 2), "");
        assert_eq!(wrap("see public.a_very_long_name now", 10, 0), "see\npublic.a_very_long_name\nnow");
    }

    #[test]
    fn runs_of_spaces_stay() {
        assert_eq!(wrap("  --as applied    when it was", 80, 0), "  --as applied    when it was");
        assert_eq!(wrap("  one two", 6, 2), "  one\n  two");
    }

    #[test]
    fn what_is_one_value_stays_on_one_line() {
        let uuid = "5f0c9ad4-6f0e-4c4f-9ad5-52f3a1b1d8aa";
        let name = "public.a_table_with_a_long_name.and_a_column";
        for (text, value) in [
            (format!("row {uuid} of it"), uuid),
            (format!("column {name} differs"), name),
            ("running since 2026-01-31 12:30:57 UTC, by app".to_owned(), "2026-01-31 12:30:57 UTC,"),
            ("it took just 12.5 s, and then".to_owned(), "12.5 s,"),
            ("the role \"my own role\" may not".to_owned(), "\"my own role\""),
            ("run `trueup upgrade --yes` again".to_owned(), "`trueup upgrade --yes`"),
        ] {
            for width in 24..40 {
                let wrapped = wrap(&text, width, 0);
                assert!(wrapped.lines().any(|line| line.contains(value)), "{width}: {wrapped}");
                assert_eq!(wrapped.replace('\n', " "), text);
                let too_wide = wrapped.lines().find(|line| line.len() > width);
                assert!(too_wide.is_none_or(|line| line == value), "{width}: {wrapped}");
            }
        }
    }

    #[test]
    fn a_quotation_that_is_wider_than_a_line_is_broken() {
        let wrapped = wrap("run `trueup upgrade --database-url URL --yes` again", 16, 0);
        assert_eq!(wrapped, "run\n`trueup upgrade\n--database-url\nURL --yes` again");
    }

    #[test]
    fn a_command_is_never_broken() {
        let text = "run the SQL; or trueup adopt --accept-drift 'public.a b' --version 3; or look";
        let wrapped = wrap_around_code(text, 20, 2);
        assert_eq!(
            wrapped,
            "run the SQL; or\n  trueup adopt --accept-drift 'public.a b' --version 3;\n  or look"
        );
        assert_eq!(wrap_around_code("one  two three", 9, 0), "one  two\nthree");
    }

    #[test]
    fn columns_are_counted_as_a_terminal_shows_them() {
        assert_eq!(wrap("表表 表表 x", 9, 0), "表表 表表\nx");
        assert_eq!(wrap("\x1b[1mbold\x1b[0m text", 9, 0), "\x1b[1mbold\x1b[0m text");
        assert_eq!(cut("applying V9__slow ...", 12, false), "applying V9\u{2026}");
        assert_eq!(cut("applying V9__slow ...", 12, true), "applying ...");
        assert_eq!(cut("short", 12, true), "short");
    }
}
