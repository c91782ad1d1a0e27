//! Where a connection goes: a URL, resolved. It never says its password.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::password::{self, PasswordLookup, PasswordSources, Wanted};
use super::url::ConnectionUrl;
use crate::error::{ErrorCode, Exit, Failure};

/// How long connecting may take when nothing else is said.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// One database of one server, and how to get there.
#[derive(Clone)]
pub struct Target {
    host: String,
    port: u16,
    database: String,
    role: String,
    pub(super) password: Option<String>,
    /// `URL`, `PGPASSWORD`, or the password file.
    password_source: Option<String>,
    pub(super) tls: PgSslMode,
    says_tls: bool,
    pub(super) root_certificate: Option<PathBuf>,
    pub(super) client_certificate: Option<(PathBuf, PathBuf)>,
    /// The protected environment that forbids a remote connection without TLS where the URL would put up with one.
    pub(super) encryption_required_by: Option<String>,
    url_timeout: Option<Duration>,
    pub(super) timeout: Duration,
    notes: Vec<String>,
}

impl Target {
    /// Reads a connection URL: libpq's or SQLAlchemy's. The environment is not looked at; the role that a URL does not
    /// name is the operating system's user, as everywhere.
    ///
    /// # Errors
    /// When it is none (exit 2). No error holds any part that could be a password.
    pub fn parse(url: &str) -> Result<Self, Failure> {
        let url = ConnectionUrl::parse(url)?;
        let role = match url.role {
            Some(role) => role,
            None => operating_system_user()?,
        };
        let socket = url.host.starts_with('/');
        Ok(Self {
            // libpq: sslmode is ignored for Unix sockets.
            tls: if socket { PgSslMode::Disable } else { url.tls },
            says_tls: url.says_tls && !socket,
            host: url.host,
            port: url.port,
            database: url.database,
            role,
            password_source: url.password.as_ref().map(|_| "URL".to_owned()),
            password: url.password,
            root_certificate: url.root_certificate,
            client_certificate: url.client_certificate,
            encryption_required_by: None,
            url_timeout: url.connect_timeout,
            timeout: url.connect_timeout.unwrap_or(DEFAULT_TIMEOUT),
            notes: url.notes,
        })
    }

    /// How long connecting may take, unless the URL says so itself.
    pub fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = self.url_timeout.unwrap_or(timeout);
    }

    /// The same place, where connecting may take no longer than this.
    #[must_use]
    pub fn within(&self, longest: Duration) -> Self {
        Self { timeout: self.timeout.min(longest), ..self.clone() }
    }

    /// Takes the password from these sources when the URL has none.
    pub fn find_password(&mut self, sources: &PasswordSources) {
        if self.password.is_some() {
            return;
        }
        self.password.clone_from(&sources.password);
        self.password_source = self.password.as_ref().map(|_| "PGPASSWORD".to_owned());
        let (None, Some(file)) = (&self.password, &sources.file) else { return };
        let wanted = Wanted { host: &self.host, port: self.port, database: &self.database, role: &self.role };
        match password::look_up(file, wanted) {
            PasswordLookup::Password(password) => {
                self.password = Some(password);
                self.password_source = Some(file.display().to_string());
            }
            PasswordLookup::Ignored(why) => self.notes.push(format!("the password file was not used: {why}")),
            PasswordLookup::Nothing => {}
        }
    }

    /// Forbids a connection without TLS to another machine, for a protected environment of that name.
    ///
    /// # Errors
    /// When the URL asks for one (exit 4).
    pub fn require_encryption(&mut self, environment: &str) -> Result<(), Failure> {
        if self.is_local() {
            return Ok(());
        }
        match self.tls {
            PgSslMode::Disable => Err(Failure::new(
                Exit::Refused,
                format!(
                    "sslmode=disable asks for a connection to {} without TLS, and environment {environment:?} is \
                     protected",
                    self.place()
                ),
            )
            .code(ErrorCode::CONNECTION_TLS)
            .next("take sslmode=disable out of the URL, or better write sslmode=verify-full")),
            PgSslMode::Allow | PgSslMode::Prefer => {
                self.encryption_required_by = Some(environment.to_owned());
                Ok(())
            }
            PgSslMode::Require | PgSslMode::VerifyCa | PgSslMode::VerifyFull => Ok(()),
        }
    }

    /// The same server, another database.
    #[must_use]
    pub fn with_database(&self, database: &str) -> Self {
        Self { database: database.to_owned(), ..self.clone() }
    }

    /// The host name or address asked for, or the directory of the socket.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port asked for.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The database asked for.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// The role asked for.
    pub fn role(&self) -> &str {
        &self.role
    }

    /// The password, for a program that trueup starts: never for a message.
    pub fn password(&self) -> Option<&str> {
        self.password.as_deref()
    }

    /// Where the password came from: `URL`, `PGPASSWORD`, or the path of the password file.
    pub fn password_source(&self) -> Option<&str> {
        self.password_source.as_deref()
    }

    /// The `sslmode`, as libpq calls it.
    pub fn tls_mode(&self) -> &'static str {
        tls_word(self.tls)
    }

    /// Whether the URL says which `sslmode`, and it counts.
    pub fn says_tls_mode(&self) -> bool {
        self.says_tls
    }

    /// What the URL says without effect, and other things worth knowing (`-v`).
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Whether the connection stays on this machine: a Unix socket or a loopback address.
    pub fn is_local(&self) -> bool {
        self.is_socket()
            || self.host.eq_ignore_ascii_case("localhost")
            || self.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// Whether it is a Unix socket.
    pub fn is_socket(&self) -> bool {
        self.host.starts_with('/')
    }

    pub(super) fn has_password(&self) -> bool {
        self.password.is_some()
    }

    /// The server, for messages.
    pub fn place(&self) -> String {
        if self.is_socket() {
            format!("{}/.s.PGSQL.{}", self.host.trim_end_matches('/'), self.port)
        } else if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// Everything said explicitly: what sqlx would take from `PG*` variables else. (It takes `PGOPTIONS` and the
    /// certificates' variables where nothing is said, and there is no way to say "none": `main` removes them.)
    pub(super) fn options(&self, tls: PgSslMode, application: &str) -> PgConnectOptions {
        let mut options = PgConnectOptions::new_without_pgpass()
            .host(&self.host)
            .port(self.port)
            .username(&self.role)
            // An empty one answers like none.
            .password(self.password.as_deref().unwrap_or_default())
            .database(&self.database)
            .ssl_mode(tls)
            .application_name(application)
            // Poolers refuse it as a startup parameter.
            .extra_float_digits(None);
        if let Some(certificate) = &self.root_certificate {
            options = options.ssl_root_cert(certificate);
        }
        if let Some((certificate, key)) = &self.client_certificate {
            options = options.ssl_client_cert(certificate).ssl_client_key(key);
        }
        options
    }
}

/// What libpq calls it.
pub(super) fn tls_word(mode: PgSslMode) -> &'static str {
    match mode {
        PgSslMode::Disable => "disable",
        PgSslMode::Allow => "allow",
        PgSslMode::Prefer => "prefer",
        PgSslMode::Require => "require",
        PgSslMode::VerifyCa => "verify-ca",
        PgSslMode::VerifyFull => "verify-full",
    }
}

/// `role@host:port/database`: never the password.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}/{}", self.role, self.place(), self.database)
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({self})")
    }
}

fn operating_system_user() -> Result<String, Failure> {
    nix::unistd::User::from_uid(nix::unistd::geteuid()).ok().flatten().map(|user| user.name).ok_or_else(
        || {
            Failure::usage("the URL names no role, and this process's user has no name")
                .code(ErrorCode::CONNECTION_URL_INVALID)
                .next("name it: postgres://ROLE@HOST/DATABASE")
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f53_a_target_prints_no_password() {
        let target = Target::parse("postgres://app:canary@db/x").unwrap();
        assert_eq!(format!("{target} {target:?}"), "app@db:5432/x Target(app@db:5432/x)");
    }

    #[test]
    fn loopback_and_sockets_are_local() {
        for (url, local) in [
            ("postgres://a@localhost/x", true),
            ("postgres://a@127.0.0.2/x", true),
            ("postgres://a@[::1]/x", true),
            ("postgres://a@/x?host=/tmp", true),
            ("postgres://a@localhost.example.com/x", false),
            ("postgres://a@10.0.0.1/x", false),
        ] {
            assert_eq!(Target::parse(url).unwrap().is_local(), local, "{url}");
        }
    }

    #[test]
    fn the_urls_own_timeout_wins() {
        let mut target = Target::parse("postgres://a@b/x?connect_timeout=3").unwrap();
        target.set_timeout(Duration::from_secs(30));
        assert_eq!(target.timeout, Duration::from_secs(3));
    }

    #[test]
    fn f55_a_protected_environment_wants_tls_to_other_machines() {
        let required = |url: &str| {
            let mut target = Target::parse(url).unwrap();
            target.require_encryption("production").map(|()| target.encryption_required_by.is_some())
        };
        assert!(required("postgres://a@b/x").unwrap());
        assert!(required("postgres://a@b/x?sslmode=allow").unwrap());
        assert!(!required("postgres://a@b/x?sslmode=verify-full").unwrap());
        assert!(!required("postgres://a@localhost/x?sslmode=disable").unwrap());
        assert_eq!(required("postgres://a@b/x?sslmode=disable").unwrap_err().exit, Exit::Refused);
    }

    #[test]
    fn passwords_come_from_the_url_first() {
        let sources = PasswordSources { password: Some("other".into()), file: None };
        let mut target = Target::parse("postgres://a:own@b/x").unwrap();
        target.find_password(&sources);
        assert_eq!(target.password.as_deref(), Some("own"));
        let mut target = Target::parse("postgres://a@b/x").unwrap();
        target.find_password(&sources);
        assert_eq!(target.password.as_deref(), Some("other"));
    }
}
