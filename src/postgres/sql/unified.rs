//! Two texts side by side, for people.

use similar::TextDiff;

/// A unified diff of two texts, each with its title. A missing newline at an end is no difference.
pub fn unified((title, text): (&str, &str), (other_title, other): (&str, &str)) -> String {
    let ended = |text: &str| if text.ends_with('\n') { text.to_owned() } else { format!("{text}\n") };
    let (text, other) = (ended(text), ended(other));
    let diff = TextDiff::from_lines(&text, &other);
    diff.unified_diff().context_radius(3).header(title, other_title).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_text_is_what_was() {
        let diff = unified(("applied", "a\nb"), ("file", "a\nc\n"));
        assert_eq!(diff, "--- applied\n+++ file\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n");
    }
}
