//! A command that failed, for a person and as a JSON document.

use serde::Serialize;

use super::escape::escape_lines;
use super::report::{Envelope, Report};
use super::view::{Tone, View};
use crate::error::{Exit, Failure, exit_of};
use crate::findings::{Change, Finding, Remedy, Severity, Sides};

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
#[derive(Debug, Clone, Serialize)]
pub struct FailureReport {
    /// The command's name; `None` when the arguments named none.
    #[serde(skip)]
    command: Option<String>,
    /// The run's ULID.
    #[serde(skip)]
    run: String,
    /// The exit code.
    #[serde(skip)]
    exit: Exit,
    error: ErrorReport,
    /// The failure as the one finding, for formats that list nothing else.
    #[serde(skip)]
    findings: Vec<Finding>,
}

impl FailureReport {
    /// Says an error in the words of the [`Failure`] inside it, or in its own with all its causes.
    pub fn new(command: Option<&str>, run: &str, error: &anyhow::Error) -> Self {
        let (message, next) = match error.downcast_ref::<Failure>() {
            Some(failure) => (failure.what.clone(), failure.next.clone()),
            None => (format!("{error:#}"), "this is a fault of trueup: please report it".to_owned()),
        };
        Self::of(command, run, exit_of(error), &message, &next)
    }

    /// What happened, and what to do or run next; `next` is empty when there is nothing to say.
    pub fn of(command: Option<&str>, run: &str, exit: Exit, message: &str, next: &str) -> Self {
        let code = format!("failure.{}", exit.outcome().replace('-', "_"));
        let object = command.map_or_else(|| "trueup".to_owned(), |command| format!("trueup {command}"));
        let finding = Finding::new(code, Severity::Error, "failure", object, Change::Different)
            .sides(Sides::new(message, "an answer"))
            .remedy(if next.is_empty() { Remedy::default() } else { Remedy::advice(next) });
        Self {
            command: command.map(str::to_owned),
            run: run.to_owned(),
            exit,
            error: ErrorReport::new(message, next),
            findings: vec![finding],
        }
    }

    /// The exit code.
    pub fn exit(&self) -> Exit {
        self.exit
    }
}

impl Report for FailureReport {
    fn envelope(&self) -> Envelope<'_> {
        Envelope { command: self.command.as_deref(), run: &self.run, exit: self.exit }
    }

    fn view(&self) -> View {
        View::new()
            .verdict(format!("failed: {}", self.error.message), Tone::Bad)
            .next(self.error.next.clone())
    }

    fn findings(&self) -> Option<&[Finding]> {
        Some(&self.findings)
    }
}

/// `error: ...` and `next: ...`, for standard error.
pub fn failure_text(report: &FailureReport) -> String {
    let mut text = String::new();
    let next = report.error.next.as_deref().unwrap_or_default();
    for (label, said) in [("error: ", report.error.message.as_str()), ("next: ", next)] {
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
        let document: serde_json::Value = {
            let text =
                super::super::render(&report(), super::super::Format::Json, super::super::Style::default());
            serde_json::from_str(&text).unwrap()
        };
        assert_eq!(document["format"], 1);
        assert_eq!(document["outcome"], "cannot-tell");
        assert_eq!(document["exit_code"], 3);
        assert_eq!(document["error"]["message"], "cannot reach \u{1b}[2J\nsecond line");
        assert_eq!(document["error"]["next"], "look at it");
    }
}
