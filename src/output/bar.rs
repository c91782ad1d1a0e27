//! The line that is drawn over, in indicatif's templates. indicatif computes percentages, rates and times left.

use std::io;

use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};

/// What the line shows beside its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// That something goes on.
    Spinner,
    /// A share of what there is, whose unit says little: blocks, tuples, files.
    Share,
    /// Rows.
    Rows,
    /// Bytes of how many.
    Bytes,
    /// Bytes of nobody knows how many.
    OpenBytes,
}

/// Below this many columns the figures that can be done without have no room.
const WIDE: u16 = 100;

impl Shape {
    /// The template for a terminal of that width. What the text leaves free stays free between it and the figures.
    fn template(self, width: u16) -> &'static str {
        match (self, width >= WIDE) {
            (Self::Spinner, _) => "{spinner} {wide_msg}",
            (Self::Share, false) => "{spinner} {wide_msg} {bar:10} {percent:>3}% eta {eta}",
            (Self::Share, true) => "{spinner} {wide_msg} {bar:20} {percent:>3}% eta {eta}",
            (Self::Rows, false) => "{spinner} {wide_msg} {bar:10} {percent:>3}% {per_sec:0} eta {eta}",
            (Self::Rows, true) => {
                "{spinner} {wide_msg} {bar:20} {percent:>3}% {human_pos} of {human_len} rows {per_sec:0} eta {eta}"
            }
            (Self::Bytes, false) => {
                "{spinner} {wide_msg} {bar:10} {percent:>3}% {binary_bytes_per_sec} eta {eta}"
            }
            (Self::Bytes, true) => {
                "{spinner} {wide_msg} {bar:20} {percent:>3}% {binary_bytes} of {binary_total_bytes} \
                 {binary_bytes_per_sec} eta {eta}"
            }
            (Self::OpenBytes, _) => "{spinner} {wide_msg} {binary_bytes} {binary_bytes_per_sec}",
        }
    }

    /// The style of a line of this shape.
    pub(super) fn style(self, width: u16, ascii: bool) -> ProgressStyle {
        style(self.template(width), ascii)
    }
}

/// A style of that template, in the characters that the terminal has.
pub(super) fn style(template: &str, ascii: bool) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner());
    match ascii {
        true => style.progress_chars("#-").tick_chars("|/-\\ "),
        false => style.progress_chars("\u{2588}\u{2591}"),
    }
}

/// A line on standard error, where it is `shown`; else one that only counts.
pub(super) fn bar(shown: bool) -> ProgressBar {
    let target = match shown {
        true => ProgressDrawTarget::term_like_with_hz(Box::new(Margin(Term::buffered_stderr())), REFRESH),
        false => ProgressDrawTarget::hidden(),
    };
    ProgressBar::with_draw_target(None, target)
}

/// How often a second the line is drawn, at the most: as often as indicatif does by itself.
const REFRESH: u8 = 20;

/// A terminal whose last columns stay free. indicatif fills the line that it draws, and the terminal shows Ctrl-C as `^C`
/// where the cursor is: on the next line, if there were no room, and the line that was drawn would stay above it.
#[derive(Debug)]
struct Margin(Term);

impl TermLike for Margin {
    fn width(&self) -> u16 {
        let (_, columns) = self.0.size();
        columns.saturating_sub(3).max(1)
    }

    fn height(&self) -> u16 {
        self.0.size().0
    }

    fn move_cursor_up(&self, lines: usize) -> io::Result<()> {
        self.0.move_cursor_up(lines)
    }

    fn move_cursor_down(&self, lines: usize) -> io::Result<()> {
        self.0.move_cursor_down(lines)
    }

    fn move_cursor_right(&self, columns: usize) -> io::Result<()> {
        self.0.move_cursor_right(columns)
    }

    fn move_cursor_left(&self, columns: usize) -> io::Result<()> {
        self.0.move_cursor_left(columns)
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.0.write_line(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.0.write_str(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.0.clear_line()
    }

    fn flush(&self) -> io::Result<()> {
        self.0.flush()
    }
}
