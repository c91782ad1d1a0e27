//! What a person or a pipeline reads: the only user of standard output and standard error, and the only room that knows
//! formats.
//!
//! A command builds plain data that implements [`Report`]: its serialised form is the JSON document, its
//! [`view::View`] what people read, its findings what pipelines read. `formats` has one file for each format.

mod bar;
mod console;
mod escape;
mod excerpt;
mod failure;
mod formats;
mod metrics;
mod pasted;
mod progress;
mod prompt;
mod report;
mod style;
pub mod view;
mod wrap;

pub use console::{err, names_an_open_file, out, write_file, write_report};
pub use escape::{escape, escape_lines, is_invisible};
pub use failure::{ErrorReport, FailureReport, FailureTarget, failure_text};
pub use metrics::{MetricFamily, MetricLabels, Metrics, ProbeName};
pub use progress::{Progress, ProgressMode};
pub use prompt::{confirm, read_text};
pub use report::{Envelope, FORMAT, Format, Report, metrics_text, render, step_summary};
pub use style::{NARROWEST, Style, error_width, terminal_width};
pub use wrap::wrap;

/// A view as text for a terminal: what is shown before a question.
pub fn shown(view: &view::View, style: Style) -> String {
    formats::human::render(view, style)
}
