//! Connecting, with words of its own for every way in which it fails.

use std::fs::File;
use std::io;
use std::time::Duration;

use anyhow::Result;
use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnection, PgSslMode};
use tokio::time::{Instant, sleep, timeout_at};

use super::failure::{ServerError, describe, io_message};
use super::{Session, Target, sqlstate};
use crate::error::{ErrorCode, Exit, Failure};

/// How often a server that is starting is asked again.
const STARTING_PAUSE: Duration = Duration::from_millis(200);

impl Target {
    /// Connects, as `application` in `pg_stat_activity`. A server that is starting up is waited for, as long as the
    /// timeout allows.
    ///
    /// # Errors
    /// In words: exit 3, exit 4 when a protected environment would be reached without TLS, exit 2 when a certificate's
    /// file cannot be read.
    pub async fn connect(&self, application: &str) -> Result<Session> {
        self.connect_within(application, self.timeout, &[sqlstate::CANNOT_CONNECT_NOW], Exit::CannotTell)
            .await
    }

    /// The same for a command that is to change something: a server that restarts is waited for, too, for so long.
    ///
    /// # Errors
    /// As [`Target::connect`]; exit 75 when the server is not ready in time.
    pub async fn connect_patiently(&self, application: &str, patience: Duration) -> Result<Session> {
        self.connect_within(
            application,
            patience.max(self.timeout),
            &[sqlstate::ADMIN_SHUTDOWN, sqlstate::CRASH_SHUTDOWN, sqlstate::CANNOT_CONNECT_NOW],
            Exit::Busy,
        )
        .await
    }

    async fn connect_within(
        &self,
        application: &str,
        patience: Duration,
        not_ready: &[&str],
        exit: Exit,
    ) -> Result<Session> {
        self.check_certificates()?;
        let deadline = Instant::now() + patience;
        let mut said = None;
        loop {
            let Ok(answer) = timeout_at(deadline, self.attempt(application)).await else {
                return Err(said.unwrap_or_else(|| self.timed_out()).into());
            };
            match answer {
                Ok(connection) => return Ok(Session::new(connection).at(self, application)),
                Err((tls, error)) => {
                    let failure = self.failure(tls, &error);
                    let said_by_server = describe(&error);
                    if !not_ready.iter().any(|state| said_by_server.is(state)) {
                        return Err(failure.into());
                    }
                    let failure = Failure { exit, ..failure };
                    if Instant::now() + STARTING_PAUSE >= deadline {
                        return Err(failure.into());
                    }
                    said = Some(failure);
                }
            }
            sleep(STARTING_PAUSE).await;
        }
    }

    /// One connection. libpq's "allow" is two attempts, which sqlx does not know.
    async fn attempt(&self, application: &str) -> Result<PgConnection, (PgSslMode, sqlx::Error)> {
        let tls = match (&self.encryption_required_by, self.tls) {
            (Some(_), _) => PgSslMode::Require,
            (None, PgSslMode::Allow) => match self.options(PgSslMode::Disable, application).connect().await {
                Err(error) if describe(&error).is(sqlstate::INVALID_AUTHORIZATION_SPECIFICATION) => {
                    PgSslMode::Require
                }
                answer => return answer.map_err(|error| (PgSslMode::Disable, error)),
            },
            (None, tls) => tls,
        };
        self.options(tls, application).connect().await.map_err(|error| (tls, error))
    }

    pub(super) fn check_certificates(&self) -> Result<(), Failure> {
        let client = self.client_certificate.as_ref();
        let files = [
            ("sslrootcert", self.root_certificate.as_ref()),
            ("sslcert", client.map(|(certificate, _)| certificate)),
            ("sslkey", client.map(|(_, key)| key)),
        ];
        for (parameter, path) in files {
            let Some(path) = path else { continue };
            let unreadable = |why: &str| {
                Failure::usage(format!("{parameter}: {} cannot be read: {why}", path.display()))
                    .code(ErrorCode::CONNECTION_TLS)
                    .next(format!("name a file that this account can read: {parameter}=FILE in the URL"))
            };
            // A pipe would keep the connection waiting.
            if path.metadata().is_ok_and(|found| !found.is_file()) {
                return Err(unreadable("it is not a plain file"));
            }
            File::open(path).map_err(|error| unreadable(&io_message(&error)))?;
        }
        Ok(())
    }

    fn cannot(&self, why: impl AsRef<str>, next: impl Into<String>) -> Failure {
        let what = format!("cannot connect to {}: {}", self.place(), why.as_ref());
        Failure::cannot_tell(what).next(next)
    }

    fn timed_out(&self) -> Failure {
        self.cannot(
            format!("no answer within {} s", self.timeout.as_secs_f32()),
            "check host and port, and that a firewall or security group lets this machine through; \
             [database] connect_timeout in trueup.toml sets how long to wait",
        )
        .code(ErrorCode::CONNECTION_TIMEOUT)
    }

    fn failure(&self, tls: PgSslMode, error: &sqlx::Error) -> Failure {
        match error {
            sqlx::Error::Database(_) => self.server_said(tls, &describe(error)),
            sqlx::Error::Io(error) => self.io_failed(tls, error),
            sqlx::Error::Tls(source) => self.tls_failed(&source.to_string()),
            sqlx::Error::Protocol(what) if what.contains("authentication method") => self.cannot(
                "the server asks for a way to authenticate that trueup does not know (GSS, SSPI or the like)",
                "let pg_hba.conf ask this role for scram-sha-256 or a client certificate",
            )
            .code(ErrorCode::CONNECTION_AUTHENTICATION),
            // The answer to the request for TLS was none: sqlx then looks at a byte that was never read.
            sqlx::Error::Protocol(what) if what.contains("SSLRequest: 0x00") => self.hung_up(),
            sqlx::Error::Protocol(_) => self.not_postgresql(),
            sqlx::Error::Configuration(source) => {
                self.cannot(source.to_string(), "check the URL's parameters")
            }
            _ => self.cannot(describe(error).message, ""),
        }
    }

    fn not_postgresql(&self) -> Failure {
        self.cannot("the server there is not PostgreSQL", "check host and port")
            .code(ErrorCode::CONNECTION_NOT_POSTGRESQL)
    }

    fn hung_up(&self) -> Failure {
        self.cannot(
            "the connection was closed before the server said anything",
            "check that this is a PostgreSQL server; its log, or its proxy's, may say why",
        )
        .code(ErrorCode::CONNECTION_LOST)
    }

    /// What the server, or a pooler in its place, answered. Its message may be in any language: the SQLSTATE decides,
    /// and the message is given as it is.
    fn server_said(&self, tls: PgSslMode, said: &ServerError) -> Failure {
        let (role, database, text) = (self.role(), self.database(), said.text());
        match said.sqlstate.as_deref() {
            Some(sqlstate::INVALID_PASSWORD) if !self.has_password() => {
                let mut next = "put the password into the URL's variable, PGPASSWORD or .pgpass".to_owned();
                for note in self.notes().iter().filter(|note| note.starts_with("the password file")) {
                    next.push('\n');
                    next.push_str(note);
                }
                self.cannot(format!("role {role:?} needs a password, and none was given"), next)
                    .code(ErrorCode::CONNECTION_AUTHENTICATION)
            }
            Some(sqlstate::INVALID_PASSWORD) => self.cannot(
                format!("the password of role {role:?} is wrong, or there is no such role: {text}"),
                "check role and password; special characters in a URL are percent-encoded",
            )
            .code(ErrorCode::CONNECTION_AUTHENTICATION),
            Some(sqlstate::INVALID_AUTHORIZATION_SPECIFICATION)
                if matches!(tls, PgSslMode::Disable) && !self.is_socket() =>
            {
                self.cannot(
                    format!("the server refuses role {role:?} without TLS: {text}"),
                    "take sslmode=disable out of the URL, or write sslmode=require; if it stays so, look into \
                     pg_hba.conf",
                )
                .code(ErrorCode::CONNECTION_TLS)
            }
            Some(sqlstate::INVALID_AUTHORIZATION_SPECIFICATION) => self.cannot(
                format!("the server refuses role {role:?}: {text}"),
                format!(
                    "check that role {role:?} exists and may log in, and that the server's pg_hba.conf lets it into \
                     database {database:?} from this machine"
                ),
            )
            .code(ErrorCode::CONNECTION_AUTHENTICATION),
            Some(sqlstate::INVALID_CATALOG_NAME) => self.cannot(
                format!("there is no database {database:?}: {text}"),
                "check the database's name at the end of the URL; trueup never creates it",
            )
            .code(ErrorCode::CONNECTION_NO_SUCH_DATABASE),
            Some(sqlstate::INSUFFICIENT_PRIVILEGE) => self.cannot(
                format!("role {role:?} may not connect to database {database:?}: {text}"),
                format!(
                    "as its owner: GRANT CONNECT ON DATABASE {} TO {}",
                    crate::postgres::sql::identifier(database),
                    crate::postgres::sql::identifier(role)
                ),
            )
            .code(ErrorCode::PERMISSION_MISSING),
            Some(sqlstate::TOO_MANY_CONNECTIONS) => self.cannot(
                format!("the server takes no more connections: {text}"),
                "try again when others have left; `select application_name, count(*) from pg_stat_activity group by 1` \
                 shows who they are",
            )
            .code(ErrorCode::CONNECTION_LIMIT),
            Some(sqlstate::CANNOT_CONNECT_NOW) => self.cannot(
                format!("the server is not ready: {text}"),
                "try again when it is up; its log says how far it is",
            )
            .code(ErrorCode::SERVER_NOT_READY),
            Some(sqlstate::ADMIN_SHUTDOWN | sqlstate::CRASH_SHUTDOWN) => {
                self.cannot(format!("the server is shutting down: {text}"), "try again when it is back")
                    .code(ErrorCode::SERVER_NOT_READY)
            }
            Some(sqlstate::PROTOCOL_VIOLATION) => self.pooler_said(&said.message),
            _ => self.cannot(format!("the server answered: {text}"), "look into the server's log"),
        }
    }

    /// PgBouncer answers everything with 08P01 and English text.
    fn pooler_said(&self, message: &str) -> Failure {
        let says = |part: &str| message.contains(part);
        let (code, next) = if says("no such database") {
            (
                ErrorCode::CONNECTION_NO_SUCH_DATABASE,
                "check the database's name: the pooler has its own list of databases",
            )
        } else if says("authentication failed") || says("no such user") {
            (
                ErrorCode::CONNECTION_AUTHENTICATION,
                "check role and password: the pooler has its own list of roles",
            )
        } else if says("SSL required") {
            (ErrorCode::CONNECTION_TLS, "write sslmode=require into the URL")
        } else if says("no more connections") || says("max_client_conn") {
            (ErrorCode::CONNECTION_LIMIT, "try again when others have left, or raise the pooler's limits")
        } else {
            (ErrorCode::CANNOT_TELL, "look into the log of the server or pooler")
        };
        self.cannot(format!("the server or pooler answered: {message}"), next).code(code)
    }

    fn io_failed(&self, tls: PgSslMode, error: &io::Error) -> Failure {
        use io::ErrorKind;
        let why = io_message(error);
        if error.get_ref().is_some_and(|inner| inner.to_string().contains("peer certificate")) {
            return self.tls_failed(&why);
        }
        match error.kind() {
            ErrorKind::NotFound if self.is_socket() => {
                self.cannot("there is no such socket", "check that the server runs, and the directory and port in the URL")
                    .code(ErrorCode::CONNECTION_UNREACHABLE)
            }
            ErrorKind::ConnectionRefused => self.cannot(
                "connection refused: no server is listening there",
                "check that the server runs, and host and port in the URL",
            )
            .code(ErrorCode::CONNECTION_REFUSED),
            ErrorKind::PermissionDenied => {
                self.cannot(why, "let this user into the socket's directory, or connect by host name")
                    .code(ErrorCode::CONNECTION_UNREACHABLE)
            }
            ErrorKind::TimedOut => self.timed_out(),
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
                self.cannot(why, "check the network: is this machine in the right one, is the VPN up?")
                    .code(ErrorCode::CONNECTION_UNREACHABLE)
            }
            // The wording is std's own.
            _ if why.starts_with("failed to lookup address information") => self.cannot(
                format!("the host name {:?} cannot be resolved", self.host()),
                "check the name, and that this machine can resolve it (a private name needs the right network)",
            )
            .code(ErrorCode::CONNECTION_UNREACHABLE),
            ErrorKind::InvalidData if !matches!(tls, PgSslMode::Disable) => self.tls_failed(&why),
            ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => self.hung_up(),
            _ => self.cannot(why, "check host and port in the URL"),
        }
    }

    fn tls_failed(&self, why: &str) -> Failure {
        if why.contains("does not support TLS") {
            return match &self.encryption_required_by {
                Some(environment) => Failure::new(
                    Exit::Refused,
                    format!(
                        "{} offers no TLS, and environment {environment:?} is protected: a remote connection without \
                         TLS is refused",
                        self.place()
                    ),
                )
                .code(ErrorCode::CONNECTION_TLS)
                .next("turn TLS on at the server (ssl = on); if it used to be on, find out who answers there"),
                None => self.cannot(
                    "the URL requires TLS, and the server offers none",
                    "turn TLS on at the server (ssl = on); if it used to be on, find out who answers there",
                )
                .code(ErrorCode::CONNECTION_TLS),
            };
        }
        if why.contains("not valid for name") || why.contains("NotValidForName") {
            return self
                .cannot(
                    format!("the server's certificate is for another name than {:?}: {why}", self.host()),
                    "use the host name that the certificate is for, or sslmode=verify-ca",
                )
                .code(ErrorCode::CONNECTION_TLS);
        }
        if why.contains("certificate") {
            return self
                .cannot(
                    format!("the server's certificate is not trusted: {why}"),
                    "give the authority that signed it: sslrootcert=/path/to/ca.pem in the URL",
                )
                .code(ErrorCode::CONNECTION_TLS);
        }
        self.cannot(
            format!("TLS could not be set up: {why}"),
            "check the TLS settings of the server and the URL",
        )
        .code(ErrorCode::CONNECTION_TLS)
    }
}
