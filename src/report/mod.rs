//! What a person or a pipeline reads: the only user of standard output and standard error.

mod compile;
mod console;
mod document;
mod escape;
mod failure;
mod human;
mod json;
mod markdown;
mod meter;
mod style;

pub use compile::{CompileReport, Compiled};
pub use console::{err, out};
pub use document::{Coverage, Document, FORMAT, Format, History, MigrationName, Summary, Target};
pub use escape::{escape, escape_lines};
pub use failure::{FailureReport, failure_document, failure_text};
pub use meter::Meter;
pub use style::{Style, terminal_width};
