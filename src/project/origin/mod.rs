//! Where each setting came from: a flag, a variable, a line of `trueup.toml`, or nobody said it.

mod given_url;
mod listed;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Serialize, Serializer};

pub(super) use given_url::{DATABASE_URL, GivenUrl};
pub use listed::ListedSetting;

/// Where a setting came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A flag of the command line: `--env`.
    Flag(&'static str),
    /// A variable of the environment, by its name.
    Variable(String),
    /// A line of `trueup.toml`.
    File(usize),
    /// The connection URL.
    Url,
    /// A file of its own: the password file.
    Other(String),
    /// Nobody said it.
    Default,
}

impl Origin {
    /// Whether somebody said it.
    pub fn is_given(&self) -> bool {
        *self != Self::Default
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => f.write_str(flag),
            Self::Variable(name) => write!(f, "variable {name}"),
            Self::File(line) => write!(f, "trueup.toml:{line}"),
            Self::Url => f.write_str("the connection URL"),
            Self::Other(file) => f.write_str(file),
            Self::Default => f.write_str("default"),
        }
    }
}

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The origins of settings, by the name of each: `database.url_env`, or a flag for what has no key in `trueup.toml`.
#[derive(Debug, Clone, Default)]
pub struct SettingOrigins(BTreeMap<String, Origin>);

impl SettingOrigins {
    /// Those of the keys in `trueup.toml`, by their lines.
    pub(in crate::project) fn of_file(lines: &BTreeMap<String, usize>) -> Self {
        Self(lines.iter().map(|(name, line)| (name.clone(), Origin::File(*line))).collect())
    }

    /// Notes the origin of a setting, where somebody said it.
    pub(in crate::project) fn note(&mut self, name: &str, origin: Option<Origin>) {
        if let Some(origin) = origin {
            self.0.insert(name.to_owned(), origin);
        }
    }

    /// A setting that overrides another one brings its origin with it.
    pub(in crate::project) fn replace(&mut self, name: &str, by: &str) {
        self.note(name, self.0.get(by).cloned());
    }

    /// Where a setting came from.
    pub fn of(&self, name: &str) -> Origin {
        self.0.get(name).cloned().unwrap_or(Origin::Default)
    }

    /// Takes what a flag says, else what a variable says, and notes which of them it was.
    pub(in crate::project) fn first<T>(
        &mut self,
        flag: &'static str,
        given: Option<T>,
        variable: &str,
        value: impl FnOnce() -> Option<T>,
    ) -> Option<T> {
        let found = match given {
            Some(given) => Some((given, Origin::Flag(flag))),
            None => value().map(|value| (value, Origin::Variable(variable.to_owned()))),
        };
        let (value, origin) = found?;
        self.note(flag, Some(origin));
        Some(value)
    }
}
