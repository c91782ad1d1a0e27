//! Prose that fits a width.

/// Breaks a line between words so that none is longer than `width` columns where that is possible; lines after the first
/// begin with `indent` spaces. A word is never broken: people copy names, times and identifiers.
pub fn wrap(text: &str, width: usize, indent: usize) -> String {
    let mut wrapped = String::with_capacity(text.len() + 8);
    let mut column = 0;
    for (number, word) in text.split(' ').enumerate() {
        let length = console::measure_text_width(word);
        if number > 0 {
            if column + 1 + length > width && column > indent {
                wrapped.push('\n');
                wrapped.push_str(&" ".repeat(indent));
                column = indent;
            } else {
                wrapped.push(' ');
                column += 1;
            }
        }
        wrapped.push_str(word);
        column += length;
    }
    wrapped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_broken_between_words_and_indented() {
        assert_eq!(wrap("note: one two three", 13, 6), "note: one two\n      three");
        assert_eq!(wrap("short", 40, 2), "short");
    }

    #[test]
    fn a_word_that_is_too_long_stays_whole() {
        assert_eq!(wrap("see public.a_very_long_name now", 10, 0), "see\npublic.a_very_long_name\nnow");
    }
}
