//! The connection URL, and where it came from.

use super::super::process_env::ProcessEnv;
use super::Origin;
use crate::cli::{Secret, Shared};
use crate::error::{ErrorCode, Failure};

/// The argument that gives the connection URL.
pub(in super::super) const DATABASE_URL: &str = "--database-url";

/// The connection URL, and where it came from.
#[derive(Debug, Clone)]
pub(in super::super) struct GivenUrl {
    pub(in super::super) value: Option<Secret>,
    /// `--database-url`, or the name of the variable.
    pub(in super::super) source: String,
    /// Whether the variable is set to a value that is not UTF-8.
    pub(in super::super) not_utf8: bool,
}

impl GivenUrl {
    /// Where it came from; `None` where there is none.
    pub(in super::super) fn origin(&self) -> Option<Origin> {
        self.value.as_ref()?;
        Some(match self.source.as_str() {
            DATABASE_URL => Origin::Flag(DATABASE_URL),
            name => Origin::Variable(name.to_owned()),
        })
    }

    pub(in super::super) fn find(shared: &Shared, url_env: &str, process_env: &ProcessEnv) -> Self {
        match &shared.database_url {
            Some(url) => Self { value: Some(url.clone()), source: DATABASE_URL.to_owned(), not_utf8: false },
            None => Self {
                value: process_env.text(url_env).map(Secret::new),
                source: url_env.to_owned(),
                not_utf8: process_env.variable(url_env).is_some_and(|value| value.to_str().is_none()),
            },
        }
    }

    pub(in super::super) fn missing(&self) -> Failure {
        let what = match self.not_utf8 {
            true => format!("the variable {} is not UTF-8", self.source),
            false => format!("no database was given: the variable {} is not set", self.source),
        };
        Failure::usage(what).code(ErrorCode::CONNECTION_NOT_GIVEN).next(format!(
            "set {}=postgres://ROLE@HOST:PORT/DATABASE, or give --database-url URL",
            self.source
        ))
    }
}
