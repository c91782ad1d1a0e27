//! The types of flags that are no plain strings.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use clap::ValueEnum;
use clap::builder::PossibleValue;

use crate::findings::{CauseKind, Severity};

/// A text that may hold a password: it prints as nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes the text over.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl FromStr for Secret {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self::new(text))
    }
}

/// Reads a duration as PostgreSQL writes it.
///
/// # Errors
/// What was expected instead, for clap.
pub fn duration(text: &str) -> Result<Duration, String> {
    crate::postgres::sql::duration(text).ok_or_else(|| format!("expected {}", crate::postgres::sql::DURATION))
}

/// Reads how long to wait: a duration as PostgreSQL writes it, or with `m` for minutes, as the tools around containers do.
///
/// # Errors
/// What was expected instead, for clap.
pub fn waiting_time(text: &str) -> Result<Duration, String> {
    let minutes = text.strip_suffix('m').map(|minutes| format!("{minutes}min"));
    let found = crate::postgres::sql::duration(minutes.as_deref().unwrap_or(text));
    found
        .filter(|found| *found >= SHORTEST_WAIT)
        .ok_or_else(|| "expected a time such as 500ms, 2s, 5m or 1h".to_owned())
}

/// A shorter pause would keep the server busy with nothing but being asked.
const SHORTEST_WAIT: Duration = Duration::from_millis(100);

/// Reads an age: a duration, or days.
///
/// # Errors
/// What was expected instead, for clap.
pub fn age(text: &str) -> Result<Duration, String> {
    crate::postgres::sql::age(text).ok_or_else(|| "expected an age such as 12h or 90d".to_owned())
}

/// When output is coloured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// At a terminal
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// Which findings end a command with exit code 1: by severity or by cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailOn {
    /// Findings of at least this severity.
    Severity(Severity),
    /// Findings with this cause.
    Cause(CauseKind),
}

impl FailOn {
    /// The word for it, on the command line and in `trueup.toml`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Severity(severity) => severity.word(),
            Self::Cause(kind) => kind.word(),
        }
    }

    fn help(self) -> &'static str {
        match self {
            Self::Severity(Severity::Info) => "Any finding",
            Self::Severity(Severity::Warning) => "Severity warning or error",
            Self::Severity(Severity::Error) => "Severity error",
            Self::Cause(CauseKind::Pending) => "A migration that is not applied yet changes this",
            Self::Cause(CauseKind::Drift) => "Somebody changed the database by hand",
            Self::Cause(CauseKind::Unmigrated) => "schema/ declares it, no migration creates it",
            Self::Cause(CauseKind::Undeclared) => {
                "An applied migration makes it, schema/ does not declare it"
            }
            Self::Cause(CauseKind::Ahead) => "The database has newer migrations than this project",
            Self::Cause(CauseKind::Edited) => "A migration was modified after it was applied",
            Self::Cause(CauseKind::Unfinished) => "A migration was interrupted",
            Self::Cause(CauseKind::Unknown) => "No cause can be proved",
        }
    }
}

impl ValueEnum for FailOn {
    fn value_variants<'a>() -> &'a [Self] {
        &[
            Self::Severity(Severity::Error),
            Self::Severity(Severity::Warning),
            Self::Cause(CauseKind::Pending),
            Self::Cause(CauseKind::Drift),
            Self::Cause(CauseKind::Unmigrated),
            Self::Cause(CauseKind::Undeclared),
            Self::Cause(CauseKind::Ahead),
            Self::Cause(CauseKind::Edited),
            Self::Cause(CauseKind::Unfinished),
            Self::Cause(CauseKind::Unknown),
        ]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.word()).help(self.help()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_prints_as_nothing() {
        assert_eq!(format!("{:?}", Secret::new("canary")), "Secret(..)");
    }

    #[test]
    fn minutes_have_both_names() {
        for text in ["5m", "5min", "300s"] {
            assert_eq!(waiting_time(text), Ok(Duration::from_secs(300)), "{text}");
        }
        for text in ["5", "m", "0s", "99ms", "5mm", "-1s", ""] {
            assert!(waiting_time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn words_are_the_values_of_the_flag() {
        for value in FailOn::value_variants() {
            assert_eq!(value.to_possible_value().unwrap().get_name(), value.word());
        }
    }
}
