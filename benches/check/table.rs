//! What was measured beside what it may be: one row a figure, and the table of all.

use std::fmt::Write as _;

/// A figure, ours beside what it is held against.
pub(crate) struct Figure {
    pub(crate) what: String,
    /// Ours, as text; and what it is compared with.
    pub(crate) ours: String,
    pub(crate) reference: String,
    /// Ours as a share of the reference.
    pub(crate) ratio: f64,
    /// The largest ratio that is right.
    pub(crate) limit: f64,
}

impl Figure {
    pub(crate) fn holds(&self) -> bool {
        self.ratio <= self.limit
    }
}

/// Markdown, as the README has it.
pub(crate) fn markdown(figures: &[Figure]) -> String {
    let mut text =
        String::from("| what | trueup | beside | ratio | at most | |\n|---|--:|--:|--:|--:|---|\n");
    for figure in figures {
        let Figure { what, ours, reference, ratio, limit } = figure;
        let verdict = if figure.holds() { "holds" } else { "**BROKEN**" };
        let _ = writeln!(text, "| {what} | {ours} | {reference} | {ratio:.2} | {limit} | {verdict} |");
    }
    text
}
