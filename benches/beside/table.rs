//! What was measured beside what it may be: one row a figure, and the table of all.

use std::fmt::Write as _;

use crate::measure::Cost;

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

/// The time of one beside the other's.
pub(crate) fn time(what: &str, [ours, reference]: [Cost; 2], limit: f64) -> Figure {
    let text = |cost: Cost| format!("{:.1} ms", cost.time.as_secs_f64() * 1e3);
    Figure {
        what: what.to_owned(),
        ours: text(ours),
        reference: text(reference),
        ratio: ours.time.as_secs_f64() / reference.time.as_secs_f64(),
        limit,
    }
}

pub(crate) fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
