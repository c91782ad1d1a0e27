//! An environment of `trueup.toml` by its name, and the address that it expects.

use super::file::Environment;
use super::pattern::matches;
use crate::error::{ErrorCode, Exit, Failure};
use crate::postgres::connection::Target;
use crate::toml_table::nearest;

/// An environment and its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedEnvironment {
    /// The name: `production`.
    pub name: String,
    /// Its section in `trueup.toml`.
    pub settings: Environment,
}

impl NamedEnvironment {
    /// Compares the connection URL with what the environment expects.
    ///
    /// # Errors
    /// Exit 4: they differ.
    pub fn expect(&self, target: &Target, source: &str) -> Result<(), Failure> {
        let expected = [
            ("host", self.settings.expect_host.as_deref(), target.host()),
            ("database", self.settings.expect_database.as_deref(), target.database()),
        ];
        for (what, pattern, found) in expected {
            let Some(pattern) = pattern.filter(|pattern| !matches(pattern, found)) else { continue };
            return Err(Failure::new(
                Exit::Refused,
                format!(
                    "{source} names the {what} {found:?}, but environment {:?} expects {pattern:?}",
                    self.name
                ),
            )
            .code(ErrorCode::DATABASE_WRONG_ADDRESS)
            .next(format!(
                "check {source} and --env, or [environments.{}] expect in trueup.toml",
                self.name
            )));
        }
        Ok(())
    }
}

/// An error that names the environments that there are.
pub(super) fn unknown_environment(name: &str, known: Vec<&str>) -> Failure {
    let failure = Failure::usage(format!("trueup.toml has no environment {name:?}"))
        .code(ErrorCode::ENVIRONMENT_UNKNOWN);
    match nearest(name, known.iter().copied()) {
        Some(nearest) => failure.next(format!("did you mean {nearest}?")),
        None if known.is_empty() => {
            failure.next(format!("add a section [environments.{name}] to trueup.toml"))
        }
        None => failure.next(format!("known: {}", known.join(", "))),
    }
}
