//! Colour, width and characters of human output.

/// How human output looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Whether to colour.
    pub color: bool,
    /// Columns of the terminal; a fixed number where there is none, so that a file looks the same everywhere.
    pub width: u16,
    /// Whether prose is broken between words: not in a pipe whose width nobody asked for, so that a line stays a line.
    pub wraps: bool,
    /// `-q`: the verdict alone.
    pub quiet: bool,
    /// Whether ASCII is all that can be shown: of what trueup itself draws, not of names and values.
    pub ascii: bool,
}

/// The fewest columns that are written for: what is narrower than this nobody reads.
pub const NARROWEST: u16 = 40;

impl Default for Style {
    fn default() -> Self {
        Self { color: false, width: 120, wraps: false, quiet: false, ascii: false }
    }
}

impl Style {
    pub(super) fn bold(self, text: &str) -> String {
        self.colored("1", text)
    }

    pub(super) fn red(self, text: &str) -> String {
        self.colored("31", text)
    }

    pub(super) fn green(self, text: &str) -> String {
        self.colored("32", text)
    }

    pub(super) fn yellow(self, text: &str) -> String {
        self.colored("33", text)
    }

    fn colored(self, code: &str, text: &str) -> String {
        if self.color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// The columns of the terminal that standard output is.
pub fn terminal_width() -> u16 {
    let (_, columns) = console::Term::stdout().size();
    columns.max(NARROWEST)
}

/// The columns of the terminal that standard error is.
pub fn error_width() -> u16 {
    let (_, columns) = console::Term::stderr().size();
    columns.max(NARROWEST)
}
