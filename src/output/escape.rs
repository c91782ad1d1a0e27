//! Text that came from a database or a file, made safe for a terminal.
//!
//! A name may hold ESC sequences that rewrite the screen, or marks that turn the reading direction: they are shown as
//! escapes, `\x1b` or `\u{202e}`. Everything else, quotes and emoji included, stays as it is.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The text on one line: control characters, line ends among them, as escapes.
pub fn escape(text: &str) -> Cow<'_, str> {
    escape_unless(text, |_| false)
}

/// The same, but line ends and tabs stay: for definitions and messages of several lines.
pub fn escape_lines(text: &str) -> Cow<'_, str> {
    escape_unless(text, |found| matches!(found, '\n' | '\t'))
}

fn escape_unless(text: &str, keep: impl Fn(char) -> bool) -> Cow<'_, str> {
    let unsafe_here = |found: char| is_unsafe(found) && !keep(found);
    let Some(first) = text.find(unsafe_here) else { return Cow::Borrowed(text) };
    let mut safe = String::with_capacity(text.len() + 8);
    safe.push_str(&text[..first]);
    for found in text[first..].chars() {
        match found {
            _ if !unsafe_here(found) => safe.push(found),
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            '\t' => safe.push_str("\\t"),
            // Writing to a String cannot fail.
            '\0'..='\u{7f}' => drop(write!(safe, "\\x{:02x}", u32::from(found))),
            _ => drop(write!(safe, "\\u{{{:x}}}", u32::from(found))),
        }
    }
    Cow::Owned(safe)
}

/// Control characters (C0, DEL, C1), what is invisible or turns the direction of the text (Unicode's `Bidi_Control`,
/// zero-width characters, line and paragraph separators, tags), and the code points that are no characters and that XML
/// and HTML do not allow (the last two of each plane, U+FDD0 to U+FDEF).
fn is_unsafe(found: char) -> bool {
    found.is_control()
        || is_invisible(found)
        || u32::from(found) & 0xfffe == 0xfffe
        || matches!(found, '\u{fdd0}'..='\u{fdef}')
}

/// Whether nobody sees it, though it may change how the text around it is shown.
pub fn is_invisible(found: char) -> bool {
    matches!(
        found,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn harmless_text_is_not_copied() {
        assert!(matches!(escape("public.\"ümlaut 😀\""), Cow::Borrowed(_)));
    }

    #[test]
    fn f43_what_a_terminal_would_obey_is_shown() {
        assert_eq!(escape("a\x1b[2Jb"), "a\\x1b[2Jb");
        assert_eq!(escape("a\u{202e}b\u{2066}"), "a\\u{202e}b\\u{2066}");
        assert_eq!(escape("a\r\n\tb\0\u{7f}\u{9b}"), "a\\r\\n\\tb\\x00\\x7f\\u{9b}");
        assert_eq!(escape_lines("a\n\tb\r\x07"), "a\n\tb\\r\\x07");
        assert_eq!(escape("\u{fffe}\u{fdd0}\u{10ffff}\u{fffd}"), "\\u{fffe}\\u{fdd0}\\u{10ffff}\u{fffd}");
    }
}
