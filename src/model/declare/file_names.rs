//! Names of objects as names of files.

use std::fmt::Write as _;

/// A name as a part of a path. No two names give the same one, on a file system that does not tell `A` from `a` either:
/// `Order Items` is `+order%20+items`.
pub(super) fn file_name(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' => text.push(char::from(byte)),
            b'A'..=b'Z' => {
                text.push('+');
                text.push(char::from(byte.to_ascii_lowercase()));
            }
            other => {
                let _ = write!(text, "%{other:02x}");
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_names_collide() {
        let names = [
            "t", "T", "+t", "%54", "%2bt", "a/b", "a%2fb", "a.b", "a b", "a_b", "..", "é", "É", "e\u{301}",
            "a\"b", "\n",
        ];
        let files: HashSet<String> = names.iter().map(|name| file_name(name).to_lowercase()).collect();
        assert_eq!(files.len(), names.len());
        assert_eq!(file_name("order_items"), "order_items");
        assert_eq!(file_name("Order Items"), "+order%20+items");
        let longest = file_name(&"é".repeat(31));
        assert!(longest.len() < 200 && longest.is_ascii(), "{longest}");
    }
}
