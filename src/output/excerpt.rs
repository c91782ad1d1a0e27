//! Lines of a file for a terminal: their numbers beside them, and what is meant underlined.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::escape::escape_lines;
use super::style::Style;
use super::view::{Excerpt, Tone};

/// The lines, none of them wider than the terminal.
pub(super) fn drawn(excerpt: &Excerpt, style: Style) -> String {
    let text = escape_lines(&excerpt.text);
    // Characters that are escaped take more room than in the file.
    let length = |until: usize| escaped_length(excerpt.text.get(..until).unwrap_or_default());
    let marked = length(excerpt.marked.start)..length(excerpt.marked.end);
    let snippet = Snippet::source(&*text)
        .line_start(excerpt.line)
        .fold(false)
        .annotation(AnnotationKind::Primary.span(marked));
    let level = match excerpt.tone {
        Tone::Bad => Level::ERROR,
        Tone::Warning => Level::WARNING,
        Tone::Plain | Tone::Good => Level::NOTE,
    };
    let renderer = if style.color { Renderer::styled() } else { Renderer::plain() };
    renderer.term_width(usize::from(style.width)).render(&[Group::with_level(level).element(snippet)])
}

/// The bytes that a text has when it is escaped; tabs stay.
fn escaped_length(text: &str) -> usize {
    escape_lines(text).len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(text: &str, marked: &str) -> Excerpt {
        let start = text.find(marked).unwrap();
        Excerpt { line: 9, text: text.to_owned(), marked: start..start + marked.len(), tone: Tone::Bad }
    }

    #[test]
    fn what_is_meant_is_underlined() {
        let shown = drawn(
            &sample("SELECT 1; \tDROP TABLE \"é\u{1b}[2J\"\n  CASCADE;", "DROP TABLE \"é\u{1b}[2J\""),
            Style::default(),
        );
        let expected = "   |\n 9 | SELECT 1;     DROP TABLE \"é\\x1b[2J\"\n   |               ^^^^^^^^^^^^^^^^^^^^^\n10 |   CASCADE;\n   |";
        assert_eq!(shown, expected);
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let text = format!("ALTER TABLE t ADD CHECK ({});", "length(a) > 1 AND ".repeat(20));
        let shown = drawn(&sample(&text, "ALTER TABLE t"), Style { width: 60, ..Style::default() });
        assert!(shown.lines().all(|line| line.chars().count() <= 60) && shown.contains("..."), "{shown}");
        assert!(shown.ends_with("\n  | ^^^^^^^^^^^^^"), "{shown}");
    }

    #[test]
    fn colours_are_there_where_they_are_wanted() {
        let excerpt = sample("DROP TABLE t;", "DROP TABLE t");
        assert!(!drawn(&excerpt, Style::default()).contains('\u{1b}'));
        assert!(drawn(&excerpt, Style { color: true, ..Style::default() }).contains("\u{1b}["));
    }
}
