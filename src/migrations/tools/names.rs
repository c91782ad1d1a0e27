//! The names of files: a version, and words.

/// The digits at the beginning of a name, and the words after them. `None` where there are no digits.
pub(super) fn numbered(name: &str) -> Option<(&str, &str)> {
    let digits = name.bytes().take_while(u8::is_ascii_digit).count();
    (digits > 0).then(|| name.split_at(digits))
}

/// Words as a migration's name has them: letters, digits and underscores.
pub fn words(text: &str) -> String {
    let word = |found: char| if found.is_alphanumeric() { found } else { '_' };
    let name: String = text.trim_matches(|found: char| !found.is_alphanumeric()).chars().map(word).collect();
    if name.is_empty() { "migration".to_owned() } else { name }
}

/// A number without the zeros before it, as a column of numbers shows it.
pub(super) fn plain(digits: &str) -> &str {
    match digits.trim_start_matches('0') {
        "" => "0",
        plain => plain,
    }
}
