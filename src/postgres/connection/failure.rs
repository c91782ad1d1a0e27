//! The server's errors in words: the one place that turns an [`sqlx::Error`] into text and a [`Failure`].
//!
//! sqlx's own `Display` is never printed: its "at line N" is a line of PostgreSQL's C source.

use std::fmt::Write as _;
use std::io;

use nix::errno::Errno;
use sqlx::postgres::{PgDatabaseError, PgErrorPosition};

use super::{RowError, sqlstate};
use crate::error::{ErrorCode, Exit, Failure};

/// An error as the server, the connection or TLS told it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerError {
    /// The SQLSTATE (manual, appendix "PostgreSQL Error Codes"); `None` when it is not the server that speaks.
    pub sqlstate: Option<String>,
    /// One line, in the server's language.
    pub message: String,
    /// May span lines.
    pub detail: Option<String>,
    /// May span lines.
    pub hint: Option<String>,
    /// The call stack of functions and queries inside the server. May span lines.
    pub context: Option<String>,
    /// The schema and the name of the table that it is about.
    pub table: Option<(String, String)>,
    /// Where in the text that was sent, in characters from 1.
    pub position: Option<usize>,
}

impl ServerError {
    /// Whether the SQLSTATE is this one.
    pub fn is(&self, sqlstate: &str) -> bool {
        self.sqlstate.as_deref() == Some(sqlstate)
    }

    /// Whether the text of a statement is the reason, where the server has only parsed and planned it: it has read no row
    /// that could be.
    pub fn is_about_text(&self) -> bool {
        let state = self.sqlstate.as_deref().unwrap_or_default();
        let of_texts =
            [sqlstate::SYNTAX_OR_ACCESS_CLASS, sqlstate::DATA_EXCEPTION_CLASS, sqlstate::LIMIT_CLASS];
        of_texts.iter().any(|class| state.starts_with(class)) && state != sqlstate::INSUFFICIENT_PRIVILEGE
            || matches!(
                state,
                sqlstate::FEATURE_NOT_SUPPORTED
                    | sqlstate::READ_ONLY_SQL_TRANSACTION
                    | sqlstate::INVALID_SCHEMA_NAME
            )
    }

    /// Message, detail and hint, each on lines of its own.
    pub fn text(&self) -> String {
        let mut text = self.message.clone();
        for (label, part) in [("detail", &self.detail), ("hint", &self.hint)] {
            if let Some(part) = part {
                // Writing to a String cannot fail.
                let _ = write!(text, "\n{label}: {part}");
            }
        }
        text
    }
}

/// What an error says, without the noise.
pub fn describe(error: &sqlx::Error) -> ServerError {
    let said = |message: String| ServerError { message, ..ServerError::default() };
    match error {
        sqlx::Error::Database(database) => match database.try_downcast_ref::<PgDatabaseError>() {
            Some(error) => ServerError {
                sqlstate: Some(error.code().to_owned()),
                message: error.message().to_owned(),
                detail: error.detail().map(str::to_owned),
                hint: error.hint().map(str::to_owned),
                table: error.schema().zip(error.table()).map(|(schema, name)| (schema.into(), name.into())),
                context: error.r#where().map(str::to_owned),
                position: match error.position() {
                    Some(PgErrorPosition::Original(position)) => Some(position),
                    _ => None,
                },
            },
            None => said(database.message().to_owned()),
        },
        sqlx::Error::Io(error) => said(io_message(error)),
        sqlx::Error::Tls(source) | sqlx::Error::Configuration(source) => said(source.to_string()),
        // sqlx ends these with the place in its own source.
        sqlx::Error::Protocol(what) => {
            said(what.split_once(" (sqlx").map_or(what.as_str(), |(before, _)| before).to_owned())
        }
        other => said(other.to_string()),
    }
}

/// An I/O error without "(os error N)".
pub(super) fn io_message(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return "the connection was closed".to_owned();
    }
    let text = error.to_string();
    text.split_once(" (os error ").map_or(text.as_str(), |(before, _)| before).to_owned()
}

/// The [`sqlx::Error`] inside of an error.
pub fn server_error(error: &anyhow::Error) -> Option<&sqlx::Error> {
    error.chain().find_map(|cause| cause.downcast_ref::<sqlx::Error>())
}

/// Puts an error of the server, the connection or this machine into words: `doing` says what was being done, as in "reading
/// the catalog". What is a [`Failure`] already, or no such error, comes back as it is.
pub fn server_failure(error: anyhow::Error, doing: &str) -> anyhow::Error {
    if error.downcast_ref::<Failure>().is_some() {
        return error;
    }
    if error.chain().any(|cause| cause.is::<RowError>()) {
        return Failure::cannot_tell(format!("{doing}: the server's answer cannot be read: {error:#}"))
            .next("look at what is between trueup and the server (a proxy?); if nothing does, report this")
            .into();
    }
    if let Some(server) = server_error(&error) {
        return failure(server, doing).into();
    }
    match error.chain().find_map(|cause| cause.downcast_ref::<io::Error>()) {
        Some(of_machine) => machine_failure(&error, of_machine, doing).into(),
        None => error,
    }
}

/// This machine refused a file, a directory, a process or a descriptor.
fn machine_failure(error: &anyhow::Error, of_machine: &io::Error, doing: &str) -> Failure {
    let next = match of_machine.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EMFILE | Errno::ENFILE) => {
            "raise the limit of open files (ulimit -n), then run the same command again"
        }
        Some(Errno::EAGAIN) => "raise the limit of processes (ulimit -u), then run the same command again",
        Some(Errno::ENOSPC | Errno::EDQUOT) => "free space on this machine, then run the same command again",
        _ => {
            "look at the file or directory, and at the limits of this machine, then run the same command again"
        }
    };
    Failure::cannot_tell(format!("{doing}: {error:#}")).code(ErrorCode::MACHINE_RESOURCES).next(next)
}

fn failure(error: &sqlx::Error, doing: &str) -> Failure {
    let said = describe(error);
    let text = said.text();
    let with = |exit: Exit, code: ErrorCode, what: String, next: &str| {
        Failure::new(exit, what).code(code).next(next)
    };
    match said.sqlstate.as_deref() {
        Some(sqlstate::INSUFFICIENT_PRIVILEGE) => with(
            Exit::CannotTell,
            ErrorCode::PERMISSION_MISSING,
            format!("{doing}: this role lacks a right: {text}"),
            "grant the right to this role, or connect as one that has it",
        ),
        Some(sqlstate::QUERY_CANCELED) => with(
            Exit::Busy,
            ErrorCode::SERVER_STATEMENT_CANCELLED,
            format!("{doing}: the server stopped the statement: {text}"),
            "try again when the server is less busy, or raise [database] statement_timeout in trueup.toml",
        ),
        Some(sqlstate::LOCK_NOT_AVAILABLE) => with(
            Exit::Busy,
            ErrorCode::LOCK_TIMEOUT,
            format!("{doing}: timed out waiting for a lock: {text}"),
            "try again; `select * from pg_stat_activity where wait_event_type = 'Lock'` shows who waits for whom",
        ),
        Some(sqlstate::SERIALIZATION_FAILURE | sqlstate::DEADLOCK_DETECTED) => with(
            Exit::Busy,
            ErrorCode::LOCK_CONFLICT,
            format!("{doing}: somebody else was at it: {text}"),
            "try again",
        ),
        Some(
            sqlstate::ADMIN_SHUTDOWN
            | sqlstate::CRASH_SHUTDOWN
            | sqlstate::CANNOT_CONNECT_NOW
            | sqlstate::IDLE_SESSION_TIMEOUT
            | sqlstate::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
            | sqlstate::CONNECTION_FAILURE
            | sqlstate::CONNECTION_DOES_NOT_EXIST
            | sqlstate::CONNECTION_EXCEPTION,
        ) => with(
            Exit::CannotTell,
            ErrorCode::CONNECTION_LOST,
            format!("{doing}: the server ended the connection: {text}"),
            "try again; if it happens again, look into the server's log",
        ),
        Some(sqlstate::DISK_FULL) => with(
            Exit::CannotTell,
            ErrorCode::SERVER_OUT_OF_RESOURCES,
            format!("{doing}: the disk of the server is full: {text}"),
            "make room on the server; trueup itself wrote nothing there",
        ),
        Some(sqlstate::OUT_OF_MEMORY) => with(
            Exit::CannotTell,
            ErrorCode::SERVER_OUT_OF_RESOURCES,
            format!("{doing}: the server is out of memory: {text}"),
            "look at the server's memory, then try again",
        ),
        Some(sqlstate::TOO_MANY_CONNECTIONS | sqlstate::CONFIGURATION_LIMIT_EXCEEDED) => with(
            Exit::CannotTell,
            ErrorCode::CONNECTION_LIMIT,
            format!("{doing}: the server has reached a limit: {text}"),
            "try again when others have left, or raise the limit",
        ),
        Some(_) => with(
            Exit::CannotTell,
            ErrorCode::CANNOT_TELL,
            format!("{doing}: the server answered: {text}"),
            "look into the server's log; if it says that trueup's query is at fault, report it",
        ),
        None => with(
            Exit::CannotTell,
            ErrorCode::CONNECTION_LOST,
            format!("{doing}: the connection to the server was lost: {text}"),
            "try again; if it happens again, look at the network and the server's log",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn io_errors_lose_their_numbers() {
        let refused = sqlx::Error::Io(io::Error::from_raw_os_error(111));
        assert_eq!(describe(&refused).message, "Connection refused");
        let said = server_failure(refused.into(), "reading the catalog");
        assert_eq!(crate::error::exit_of(&said), Exit::CannotTell);
        assert_eq!(
            said.to_string(),
            "reading the catalog: the connection to the server was lost: Connection refused"
        );
    }

    #[test]
    fn context_does_not_hide_the_server() {
        let error = anyhow::Error::from(sqlx::Error::Protocol("odd".into())).context("outer");
        assert!(server_failure(error, "x").downcast_ref::<Failure>().is_some());
    }

    #[test]
    fn an_answer_that_cannot_be_read_is_no_answer() {
        let unreadable =
            RowError::Unreadable { column: "rows".into(), expected: "a number", text: "x".into() };
        let said = server_failure(anyhow::Error::from(unreadable).context("outer"), "counting");
        assert_eq!(crate::error::exit_of(&said), Exit::CannotTell);
        let what = "counting: the server's answer cannot be read: outer: column \"rows\" is \"x\", which is not a number";
        assert_eq!(said.to_string(), what);
    }

    #[test]
    fn what_this_machine_refuses_is_no_fault_of_trueup() {
        let full = anyhow::Error::from(io::Error::from(Errno::EMFILE)).context("pg_dump");
        let said = server_failure(full, "taking a backup").downcast::<Failure>().unwrap();
        assert_eq!(said.exit, Exit::CannotTell);
        assert!(said.what.contains("taking a backup: pg_dump: Too many open files"), "{said}");
        assert!(said.next.contains("ulimit -n"), "{}", said.next);
    }

    #[test]
    fn failures_and_strangers_stay() {
        let busy = server_failure(Failure::new(Exit::Busy, "moving").into(), "reading");
        assert_eq!((crate::error::exit_of(&busy), busy.to_string().as_str()), (Exit::Busy, "moving"));
        let stranger = server_failure(anyhow::anyhow!("bug"), "reading");
        assert_eq!(crate::error::exit_of(&stranger), Exit::Internal);
    }
}
