//! A command that failed, for a person and as a JSON document.

use serde::Serialize;

use super::envelope::sealed;
use super::escape::escape_lines;
use crate::error::{Exit, Failure, exit_of};

/// What went wrong, inside of a JSON document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErrorReport {
    message: String,
    next: Option<String>,
}

impl ErrorReport {
    /// What happened, and what to do or run next: empty when there is nothing to say.
    pub fn new(message: &str, next: &str) -> Self {
        Self { message: message.to_owned(), next: (!next.is_empty()).then(|| next.to_owned()) }
    }
}

/// What is said about a failed command.
#[derive(Debug, Clone)]
pub struct FailureReport {
    /// The command's name; `None` when the arguments named none.
    pub command: Option<String>,
    /// The run's ULID.
    pub run: String,
    /// The exit code.
    pub exit: Exit,
    /// What happened. May span lines.
    pub message: String,
    /// What to do or run next; empty when there is nothing to say.
    pub next: String,
}

impl FailureReport {
    /// Says an error in the words of the [`Failure`] inside it, or in its own with all its causes.
    pub fn new(command: Option<&str>, run: &str, error: &anyhow::Error) -> Self {
        let (message, next) = match error.downcast_ref::<Failure>() {
            Some(failure) => (failure.what.clone(), failure.next.clone()),
            None => (format!("{error:#}"), "this is a fault of trueup: please report it".to_owned()),
        };
        Self { command: command.map(str::to_owned), run: run.to_owned(), exit: exit_of(error), message, next }
    }
}

/// `error: ...` and `next: ...`, for standard error.
pub fn failure_text(report: &FailureReport) -> String {
    let mut text = String::new();
    for (label, said) in [("error: ", &report.message), ("next: ", &report.next)] {
        let said = escape_lines(said.trim_end());
        if said.is_empty() {
            continue;
        }
        let indent = " ".repeat(label.len());
        for (number, line) in said.lines().enumerate() {
            text.push_str(if number == 0 { label } else { &indent });
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

/// The one document of `--format json` when there is nothing else to report.
pub fn failure_document(report: &FailureReport) -> String {
    #[derive(Serialize)]
    struct Body {
        error: ErrorReport,
    }
    let body = Body { error: ErrorReport::new(&report.message, &report.next) };
    sealed(report.command.as_deref(), &report.run, report.exit, &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> FailureReport {
        let failure = Failure::cannot_tell("cannot reach \u{1b}[2J\nsecond line").next("look at it");
        FailureReport::new(Some("check"), "01J", &failure.into())
    }

    #[test]
    fn lines_are_labelled_indented_and_safe() {
        assert_eq!(
            failure_text(&report()),
            "error: cannot reach \\x1b[2J\n       second line\nnext: look at it\n"
        );
    }

    #[test]
    fn the_document_says_the_same() {
        let document: serde_json::Value = serde_json::from_str(&failure_document(&report())).unwrap();
        assert_eq!(document["format"], 1);
        assert_eq!(document["outcome"], "cannot-tell");
        assert_eq!(document["exit_code"], 3);
        assert_eq!(document["error"]["message"], "cannot reach \u{1b}[2J\nsecond line");
        assert_eq!(document["error"]["next"], "look at it");
    }
}
