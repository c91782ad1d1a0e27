//! Makes plain lines of what terminals, log collectors and other programs' quoting have made of an error.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

/// How often quoting is taken off: a line of JSON inside of a line of JSON inside of a line of JSON.
const MOST_LEVELS: usize = 3;

/// The text as UTF-8 without colours, control characters and the backslashes of JSON, with LF between lines.
pub(crate) fn clean(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut text = console::strip_ansi_codes(&text).into_owned();
    for _ in 0..MOST_LEVELS {
        for plainer in [unescaped, without_entities, without_doubled_quotes] {
            if let Cow::Owned(other) = plainer(&text) {
                text = console::strip_ansi_codes(&other).into_owned();
            }
        }
    }
    let mut lines = String::with_capacity(text.len());
    for character in text.replace("\r\n", "\n").chars() {
        match character {
            '\n' | '\r' | '\u{2028}' | '\u{2029}' => lines.push('\n'),
            '\t' | '\u{a0}' => lines.push(' '),
            control if control.is_control() => {}
            // They change how a terminal orders what stands around them.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}'..='\u{200f}' | '\u{feff}' => {}
            other => lines.push(other),
        }
    }
    lines
}

/// The text with one level of backslashes taken off, where a quote or a line end has one.
fn unescaped(text: &str) -> Cow<'_, str> {
    if !["\\\"", "\\n", "\\'", "\\u00"].iter().any(|escape| text.contains(escape)) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        plain.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let mut after = rest.chars();
        match after.next() {
            Some('n') => plain.push('\n'),
            Some('r' | 't') => plain.push(' '),
            Some(quote @ ('"' | '\'' | '\\' | '/')) => plain.push(quote),
            Some('u') => {
                let code = rest.get(1..5).and_then(|digits| u32::from_str_radix(digits, 16).ok());
                match code.and_then(char::from_u32) {
                    Some(character) => {
                        plain.push(character);
                        after = rest[5..].chars();
                    }
                    None => plain.push_str("\\u"),
                }
            }
            _ => {
                plain.push('\\');
                after = rest.chars();
            }
        }
        rest = after.as_str();
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

/// The text without the entities of HTML: an error page that was copied.
fn without_entities(text: &str) -> Cow<'_, str> {
    const ENTITIES: [(&str, &str); 6] =
        [("&quot;", "\""), ("&#34;", "\""), ("&#39;", "'"), ("&#x27;", "'"), ("&gt;", ">"), ("&amp;", "&")];
    if !ENTITIES.iter().any(|(entity, _)| text.contains(entity)) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(ENTITIES.iter().fold(text.to_owned(), |text, (entity, is)| text.replace(entity, is)))
}

/// The text with one quote in the place of two around a name: csvlog doubles them.
fn without_doubled_quotes(text: &str) -> Cow<'_, str> {
    static DOUBLED: LazyLock<Regex> =
        LazyLock::new(|| Regex::new("\"\"([^\",\n]+)\"\"").expect("a pattern of this file"));
    if text.contains("\"\"") { DOUBLED.replace_all(text, "\"$1\"") } else { Cow::Borrowed(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_line_ends_and_control_characters_are_gone() {
        assert_eq!(clean(b"\x1b[1mPG::Error\x1b[m: \x07bad\r\nLINE 1\x00"), "PG::Error: bad\nLINE 1");
        assert_eq!(clean(b"\xff\xfe relation"), "\u{fffd}\u{fffd} relation");
        assert_eq!(clean("a\u{202e}b".as_bytes()), "ab");
    }

    #[test]
    fn json_inside_of_json_is_text_again() {
        let once = r#"{"err":"relation \"users\" does not exist\nLINE 1"}"#;
        let plain = "relation \"users\" does not exist\nLINE 1";
        assert!(clean(once.as_bytes()).contains(plain));
        let twice = serde_json::to_string(once).unwrap();
        assert!(clean(twice.as_bytes()).contains(plain));
        assert_eq!(clean(br"\u001b[31mred\u001b[0m \u00e9 \uZZ"), "red é \\uZZ");
    }

    #[test]
    fn a_path_of_windows_stays() {
        assert_eq!(clean(br"C:\app\x.py"), r"C:\app\x.py");
    }
}
