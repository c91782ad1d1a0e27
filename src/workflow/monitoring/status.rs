//! Whether the database is ready, as a probe is told: one line, one document, one HTTP status.

use std::time::Duration;

use serde_json::{Value, json};

use super::probe::is_silence;
use super::readings::Readings;
use crate::error::{ErrorCode, Failure};
use crate::output::ErrorReport;
use crate::output::view::Tone;
use crate::text::{duration, joined_lines, without_passwords};
use crate::workflow::readiness::ReadyReport;

/// What a probe is told.
pub(super) struct Status<'r> {
    /// `true` and `false` by an answer that counts; `None` where nobody can tell.
    pub(super) ready: Option<bool>,
    /// Why.
    pub(super) reason: String,
    /// The last answer, and how old it is.
    last: Option<(&'r ReadyReport, Duration)>,
    /// Why the last attempt was not answered.
    failure: Option<&'r Failure>,
}

impl<'r> Status<'r> {
    /// By what was read last.
    pub(super) fn of(readings: &'r Readings) -> Self {
        let probe = &readings.readiness;
        let (current, failure) = (probe.current(), probe.failure());
        let reason = match (current, failure) {
            (Some(report), _) => report.readiness.sentence(),
            (None, Some(failure)) if !is_silence(failure) || probe.last().is_none() => said(failure),
            (None, _) if probe.last().is_some() => {
                format!("the database has not answered for more than {}", duration(probe.limit()))
            }
            (None, _) => "the database has not answered yet".to_owned(),
        };
        Self {
            ready: current.map(|report| report.readiness.ready),
            reason,
            last: probe.last().zip(probe.age()),
            failure,
        }
    }

    /// `READY`, `NOT READY`, `CANNOT TELL`
    pub(super) fn word(&self) -> &'static str {
        match self.ready {
            Some(true) => "READY",
            Some(false) => "NOT READY",
            None => "CANNOT TELL",
        }
    }

    /// `NOT READY: 1 of 7 migrations is not applied: V7__a`, with what keeps a later answer from coming.
    pub(super) fn line(&self) -> String {
        // Of a lock the reason is worth knowing; a connection that hangs has none.
        let silent = match self.failure.filter(|_| self.ready.is_some()) {
            None => String::new(),
            Some(failure) if failure.error_code() == ErrorCode::CONNECTION_TIMEOUT => {
                "; the database does not answer now".to_owned()
            }
            Some(failure) => format!("; the database does not answer now: {}", said(failure)),
        };
        format!("{}: {}{silent}", self.word(), self.reason)
    }

    /// The colour of the line.
    pub(super) fn tone(&self) -> Tone {
        match self.ready {
            Some(true) => Tone::Good,
            Some(false) => Tone::Bad,
            None => Tone::Warning,
        }
    }

    /// What to run next.
    pub(super) fn next(&self) -> Option<String> {
        let next = match (self.ready, self.failure) {
            (Some(_), _) => self.last.map(|(report, _)| report.readiness.next.clone()),
            (None, failure) => failure.map(|failure| without_passwords(&failure.next).into_owned()),
        };
        next.filter(|next| !next.is_empty())
    }

    /// All of it for people.
    pub(super) fn text(&self) -> String {
        let mut lines = vec![self.line()];
        lines.extend(self.next().map(|next| format!("next: {}", joined_lines(&next))));
        lines.extend(self.last.map(|(_, age)| format!("age: {}", duration(age))));
        lines.iter().map(|line| format!("{}\n", crate::output::escape(line))).collect()
    }

    /// All of it for programs.
    pub(super) fn document(&self) -> Value {
        json!({
            "ready": self.ready,
            "verdict": self.word(),
            "reason": self.reason,
            "next": self.next(),
            "age_seconds": self.last.map(|(_, age)| age.as_millis() as f64 / 1000.0),
            "last": self.last.map(|(report, _)| &report.readiness),
            "error": self.failure.map(ErrorReport::from),
        })
    }
}

fn said(failure: &Failure) -> String {
    joined_lines(&without_passwords(&failure.what))
}
