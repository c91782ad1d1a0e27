//! What the process was started in: its environment variables, its working directory, its terminal. Captured once;
//! nothing else reads them.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::IsTerminal as _;
use std::path::PathBuf;

/// The captured surroundings.
#[derive(Clone, Default)]
pub struct Surroundings {
    variables: BTreeMap<OsString, OsString>,
    /// The working directory; empty when it is gone.
    pub cwd: PathBuf,
    /// Whether standard output is a terminal.
    pub stdout_is_terminal: bool,
    /// Whether standard error is a terminal.
    pub stderr_is_terminal: bool,
}

impl Surroundings {
    /// Captures this process's.
    #[expect(clippy::disallowed_methods, reason = "the one place that looks at the environment")]
    pub fn capture() -> Self {
        Self {
            variables: std::env::vars_os().collect(),
            cwd: std::env::current_dir().unwrap_or_default(),
            stdout_is_terminal: std::io::stdout().is_terminal(),
            stderr_is_terminal: std::io::stderr().is_terminal(),
        }
    }

    /// Surroundings made of these variables and that working directory; no terminal.
    pub fn new(
        variables: impl IntoIterator<Item = (&'static str, &'static str)>,
        cwd: impl Into<PathBuf>,
    ) -> Self {
        let variables = variables
            .into_iter()
            .map(|(name, value)| (OsString::from(name), OsString::from(value)))
            .collect();
        Self { variables, cwd: cwd.into(), ..Self::default() }
    }

    /// A variable; an empty one counts as unset.
    pub fn variable(&self, name: &str) -> Option<&OsStr> {
        self.variables.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// A variable that is text; `None` also when it is not UTF-8.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.variable(name).and_then(OsStr::to_str)
    }

    /// A variable whose value is looked up or parsed anyway: what is not UTF-8 is then found to be wrong, not unset.
    pub fn lossy(&self, name: &str) -> Option<String> {
        self.variable(name).map(|value| value.to_string_lossy().into_owned())
    }

    /// The names of variables that libpq, psql or sqlx would let redirect a connection.
    pub fn libpq_variables(&self) -> impl Iterator<Item = &OsStr> {
        self.variables
            .keys()
            .map(OsString::as_os_str)
            .filter(|name| name.as_encoded_bytes().starts_with(b"PG"))
    }
}

/// Names without values: the values may be secrets.
impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings")
            .field("variables", &self.variables.keys())
            .field("cwd", &self.cwd)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f53_values_are_not_printed() {
        let surroundings = Surroundings::new([("DATABASE_URL", "postgres://app:canary@db/x")], "/");
        assert!(!format!("{surroundings:?}").contains("canary"));
    }

    #[test]
    fn an_empty_variable_is_unset() {
        assert_eq!(Surroundings::new([("DATABASE_URL", "")], "/").variable("DATABASE_URL"), None);
    }
}
