//! What came of a statement that was sent to the scratch server, where a refusal is an answer and not a failure.

use anyhow::Result;

use super::server_error::StatementError;

/// What came of one statement.
#[derive(Debug)]
#[must_use]
pub(super) enum StatementOutcome {
    /// The server has accepted it.
    Accepted,
    /// The server has refused it.
    Refused(StatementError),
}

impl StatementOutcome {
    /// Tells a refusal by the server from a failure of the connection.
    ///
    /// # Errors
    /// A lost connection.
    pub(super) fn of(answer: Result<()>) -> Result<Self> {
        match answer {
            Ok(()) => Ok(Self::Accepted),
            Err(error) => Ok(Self::Refused(StatementError::of(error)?)),
        }
    }

    /// Whether the server has accepted the statement.
    pub(super) fn is_accepted(&self) -> bool {
        matches!(self, Self::Accepted)
    }

    /// The server's error, where it has refused the statement.
    pub(super) fn refusal(self) -> Option<StatementError> {
        match self {
            Self::Accepted => None,
            Self::Refused(error) => Some(error),
        }
    }
}
