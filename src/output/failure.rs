//! A command that failed, for a person and as a JSON document.

use serde::Serialize;

use super::escape::escape_lines;
use super::metrics::Metrics;
use super::report::{Envelope, Report};
use super::view::{Tone, View};
use super::wrap::wrap_around_code;
use crate::error::{ErrorCode, Exit, Failure, code_of, exit_of};
use crate::findings::{Change, Finding, Remedy, Severity, Sides};
use crate::text::without_passwords;

/// What went wrong, inside of a JSON document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErrorReport {
    code: ErrorCode,
    what: String,
    next: Option<String>,
}

impl ErrorReport {
    /// The condition, what happened, and what to do or run next: empty when there is nothing to say. Passwords of
    /// connection strings are taken out of both, whoever put them there.
    pub fn new(code: ErrorCode, what: &str, next: &str) -> Self {
        let next = (!next.is_empty()).then(|| without_passwords(next).into_owned());
        Self { code, what: without_passwords(what).into_owned(), next }
    }
}

impl From<&Failure> for ErrorReport {
    fn from(failure: &Failure) -> Self {
        Self::new(failure.error_code(), &failure.what, &failure.next)
    }
}

/// The database that a failed command was asked to work on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailureTarget {
    /// The host asked for, or the directory of the socket.
    pub host: String,
    /// The port asked for.
    pub port: u16,
    /// The database asked for.
    pub database: String,
    /// Where its URL came from: `--database-url`, or the name of the variable.
    #[serde(skip)]
    pub source: String,
}

impl FailureTarget {
    fn summary(&self) -> String {
        let Self { host, port, database, source } = self;
        format!("database {database} on {host}, port {port} (from {source})")
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
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<FailureTarget>,
    error: ErrorReport,
    /// The failure as the one finding, for formats that list nothing else.
    #[serde(skip)]
    findings: Vec<Finding>,
    /// What a command that counts says where it could not.
    #[serde(skip)]
    metrics: Option<Metrics>,
}

impl FailureReport {
    /// Says an error in the words of the [`Failure`] inside it, or in its own with all its causes.
    pub fn new(command: Option<&str>, run: &str, error: &anyhow::Error) -> Self {
        let (what, next) = match error.downcast_ref::<Failure>() {
            Some(failure) => (failure.what.clone(), failure.next.clone()),
            None => (format!("{error:#}"), "this is a fault of trueup: please report it".to_owned()),
        };
        Self::of(command, run, exit_of(error), ErrorReport::new(code_of(error), &what, &next))
    }

    /// A failure that is no error inside of the program, such as wrong arguments.
    pub fn of(command: Option<&str>, run: &str, exit: Exit, error: ErrorReport) -> Self {
        let object = command.map_or_else(|| "trueup".to_owned(), |command| format!("trueup {command}"));
        let code = error.code.as_str();
        let finding = Finding::new(code, Severity::Error, "failure", object, Change::Different)
            .sides(Sides::new(&error.what, ""))
            .remedy(error.next.as_deref().map_or_else(Remedy::default, Remedy::advice));
        Self {
            command: command.map(str::to_owned),
            run: run.to_owned(),
            exit,
            target: None,
            error,
            findings: vec![finding],
            metrics: None,
        }
    }

    /// The same, with its words as `redact` returns them.
    #[must_use]
    pub fn redacted(self, redact: impl Fn(&str) -> String) -> Self {
        let ErrorReport { code, what, next } = self.error;
        let next = next.as_deref().map(&redact).unwrap_or_default();
        let error = ErrorReport::new(code, &redact(&what), &next);
        Self::of(self.command.as_deref(), &self.run, self.exit, error)
    }

    /// Names the database that was asked for. A refusal is about it, whatever its reason.
    #[must_use]
    pub fn about(self, target: Option<FailureTarget>) -> Self {
        Self { target: target.filter(|_| self.exit == Exit::Refused), ..self }
    }

    /// Says in metrics, too, that the command failed.
    #[must_use]
    pub fn counted(self, metrics: Option<Metrics>) -> Self {
        Self { metrics, ..self }
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
            .verdict(format!("failed: {}", self.error.what), Tone::Bad)
            .lines(self.target.as_ref().map(|target| format!("target: {}", target.summary())))
            .next(self.error.next.clone())
    }

    fn findings(&self) -> Option<&[Finding]> {
        Some(&self.findings)
    }

    fn metrics(&self) -> Option<Metrics> {
        self.metrics.clone()
    }
}

/// `error: ...`, `target: ...` of a refusal, and `next: ...`, for standard error; with `-v` the stable code, too. Prose is
/// broken where a `width` is given: neither a list of objects nor what is to be pasted is.
pub fn failure_text(report: &FailureReport, verbose: bool, width: Option<u16>) -> String {
    let mut text = String::new();
    let ErrorReport { code, what, next } = &report.error;
    let code = if verbose { code.as_str() } else { "" };
    let target = report.target.as_ref().map(FailureTarget::summary).unwrap_or_default();
    for (label, said) in [
        ("error: ", what.as_str()),
        ("target: ", &target),
        ("next: ", next.as_deref().unwrap_or_default()),
        ("code: ", code),
    ] {
        let said = escape_lines(said.trim_end());
        if said.is_empty() {
            continue;
        }
        let indent = " ".repeat(label.len());
        for (number, line) in said.lines().enumerate() {
            let line = format!("{}{line}", if number == 0 { label } else { &indent });
            let is_listed = line[label.len()..].starts_with(' ');
            text.push_str(&match width.filter(|_| !is_listed) {
                Some(width) => wrap_around_code(&line, usize::from(width), label.len()),
                None => line,
            });
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
            failure_text(&report(), false, None),
            "error: cannot reach \\x1b[2J\n       second line\nnext: look at it\n"
        );
        assert!(failure_text(&report(), true, None).ends_with("\nnext: look at it\ncode: cannot_tell\n"));
    }

    #[test]
    fn prose_is_broken_and_what_is_pasted_is_not() {
        let failure = Failure::cannot_tell(
            "this database does not match the project\n  table public.a_long_name differs",
        )
        .next("run the SQL that repairs it; or accept it: trueup adopt --accept-drift 'public.a_long_name'");
        let report = FailureReport::new(Some("adopt"), "01J", &failure.into());
        assert_eq!(
            failure_text(&report, false, Some(40)),
            "error: this database does not match the\n       project\n         table public.a_long_name differs\n\
             next: run the SQL that repairs it; or\n      accept it:\n      \
             trueup adopt --accept-drift 'public.a_long_name'\n"
        );
    }

    #[test]
    fn the_document_says_the_same() {
        let document: serde_json::Value = {
            let style = super::super::Style::default();
            let text = super::super::render(&report(), super::super::Format::Json, style, "");
            serde_json::from_str(&text).unwrap()
        };
        assert_eq!(document["format"], 1);
        assert_eq!(document["outcome"], "cannot-tell");
        assert_eq!(document["exit_code"], 3);
        assert_eq!(document["error"]["what"], "cannot reach \u{1b}[2J\nsecond line");
        assert_eq!(document["error"]["next"], "look at it");
        assert_eq!(document["error"]["code"], "cannot_tell");
    }
}
