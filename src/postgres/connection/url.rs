//! Connection URLs: libpq's, and SQLAlchemy's spelling of them (manual, "Connection URIs").
//!
//! No error quotes a part of the URL that could be a password, however the URL is malformed. Whatever is split wrongly
//! leaves an `@` behind the host, so an `@` there stops everything else.

use std::path::PathBuf;
use std::time::Duration;

use sqlx::postgres::PgSslMode;

use crate::error::{ErrorCode, Failure};

/// What a connection URL says.
#[derive(Clone)]
pub(super) struct ConnectionUrl {
    /// A host name, an address without brackets, or the directory of a socket.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) role: Option<String>,
    pub(super) password: Option<String>,
    pub(super) database: String,
    pub(super) tls: PgSslMode,
    /// Whether it says which mode, rather than leave it to the default.
    pub(super) says_tls: bool,
    pub(super) root_certificate: Option<PathBuf>,
    pub(super) client_certificate: Option<(PathBuf, PathBuf)>,
    pub(super) connect_timeout: Option<Duration>,
    /// What was understood and has no effect.
    pub(super) notes: Vec<String>,
}

/// Parameters of libpq, of drivers and of ORMs that do not matter here.
const WITHOUT_EFFECT: &[&str] = &[
    "application_name",
    "async_fallback",
    "channel_binding",
    "client_encoding",
    "connection_limit",
    "fallback_application_name",
    "gssdelegation",
    "gssencmode",
    "gsslib",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "krbsrvname",
    "load_balance_hosts",
    "max_protocol_version",
    "min_protocol_version",
    "options",
    "pgbouncer",
    "pool_timeout",
    "prepared_statement_cache_size",
    "prepared_statement_name_func",
    "prepare_threshold",
    "require_auth",
    "requirepeer",
    "schema",
    "socket_timeout",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "sslcertmode",
    "sslcompression",
    "sslcrl",
    "sslcrldir",
    "sslnegotiation",
    "sslsni",
    "statement-cache-capacity",
    "statement_cache_size",
    "target_session_attrs",
    "tcp_user_timeout",
];

/// Parameters that matter.
const WITH_EFFECT: &[&str] = &[
    "connect_timeout",
    "dbname",
    "host",
    "hostaddr",
    "password",
    "port",
    "ssl",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "user",
];

const SSL_MODES: &[&str] = &["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];

impl ConnectionUrl {
    /// Reads a URL.
    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        let rest = after_scheme(text.trim())?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, behind) = rest.split_at(end);
        if behind.contains(['@', '#']) || rest.contains(|found: char| found.is_control() || found == ' ') {
            return Err(not_encoded());
        }
        let (path, query) = behind.split_once('?').unwrap_or((behind, ""));
        let (credentials, place) =
            authority.rsplit_once('@').map_or((None, authority), |(c, p)| (Some(c), p));
        let mut raw = Raw { query_has_password: query.contains("password="), ..Raw::default() };
        if let Some(credentials) = credentials {
            let (user, password) =
                credentials.split_once(':').map_or((credentials, None), |(u, p)| (u, Some(p)));
            raw.user = Some(decode(user)?).filter(|user| !user.is_empty());
            raw.password = password.map(decode).transpose()?.filter(|password| !password.is_empty());
        }
        raw.place(place)?;
        let database = path.strip_prefix('/').unwrap_or_default();
        if database.contains('/') {
            return Err(not_encoded());
        }
        raw.database = Some(decode(database)?).filter(|database| !database.is_empty());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            raw.parameter(pair)?;
        }
        raw.finish()
    }
}

/// Values as they are found; a later one replaces an earlier one, as in libpq.
#[derive(Default)]
struct Raw {
    host: Option<String>,
    port: Option<String>,
    user: Option<String>,
    password: Option<String>,
    database: Option<String>,
    tls: Option<PgSslMode>,
    root_certificate: Option<String>,
    certificate: Option<String>,
    key: Option<String>,
    connect_timeout: Option<Duration>,
    notes: Vec<String>,
    query_has_password: bool,
}

impl Raw {
    /// `host`, `host:port`, `[address]:port`, `%2Fsocket%2Fdirectory`, or nothing.
    fn place(&mut self, place: &str) -> Result<(), Failure> {
        if place.contains(',') {
            return Err(several_hosts());
        }
        let (host, port) = match place.strip_prefix('[') {
            Some(bracketed) => {
                let (host, port) = bracketed.split_once(']').ok_or_else(not_encoded)?;
                (
                    host,
                    port.strip_prefix(':')
                        .or_else(|| port.is_empty().then_some(""))
                        .ok_or_else(not_encoded)?,
                )
            }
            None => place.split_once(':').unwrap_or((place, "")),
        };
        self.host = Some(decode(host)?).filter(|host| !host.is_empty());
        if !port.is_empty() {
            // What is no number here may be half of a password.
            port.parse::<u16>().ok().filter(|&port| port > 0).ok_or_else(not_encoded)?;
            self.port = Some(port.to_owned());
        }
        Ok(())
    }

    fn parameter(&mut self, pair: &str) -> Result<(), Failure> {
        let Some((key, value)) = pair.split_once('=') else { return Err(not_encoded()) };
        let (key, value) = (decode(key)?, decode(value)?);
        let key = match key.as_str() {
            "ssl-mode" => "sslmode",
            "ssl-ca" | "ssl-root-cert" => "sslrootcert",
            "ssl-cert" => "sslcert",
            "ssl-key" => "sslkey",
            other => other,
        };
        match key {
            "host" | "hostaddr" => self.host = Some(value).filter(|host| !host.is_empty()),
            "port" => self.port = Some(value),
            "user" => self.user = Some(value).filter(|user| !user.is_empty()),
            "password" => self.password = Some(value).filter(|password| !password.is_empty()),
            "dbname" => self.database = Some(value).filter(|database| !database.is_empty()),
            "sslmode" | "ssl" => self.tls = Some(ssl_mode(key, &value)?),
            "sslrootcert" => self.root_certificate = Some(value),
            "sslcert" => self.certificate = Some(value),
            "sslkey" => self.key = Some(value),
            "connect_timeout" => {
                let seconds = value.parse::<u64>().map_err(|_| {
                    Failure::usage("the URL's connect_timeout is no whole number of seconds")
                        .code(ErrorCode::CONNECTION_URL_INVALID)
                })?;
                self.connect_timeout = (seconds > 0).then(|| Duration::from_secs(seconds));
            }
            _ if WITHOUT_EFFECT.contains(&key) || key.starts_with("options[") => self.notes.push(match key {
                "application_name" => "application_name: trueup sends its own".to_owned(),
                "schema" => "schema: set [database] search_path in trueup.toml instead".to_owned(),
                _ if key.starts_with("options") => {
                    "options: poolers refuse it; settings stand in trueup.toml".to_owned()
                }
                _ => format!("{key}: has no effect here"),
            }),
            _ => return Err(self.unknown_parameter(key)),
        }
        Ok(())
    }

    fn unknown_parameter(&self, key: &str) -> Failure {
        let word = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
        if self.query_has_password || !word {
            // An `&` inside of a password begins what looks like a parameter.
            return not_encoded();
        }
        let nearest = WITH_EFFECT
            .iter()
            .chain(WITHOUT_EFFECT)
            .map(|known| (strsim::damerau_levenshtein(known, key), known))
            .min()
            .filter(|&(distance, known)| distance <= 1 + known.len() / 4);
        Failure::usage(format!("the URL has an unknown parameter {key:?}"))
            .code(ErrorCode::CONNECTION_URL_INVALID)
            .next(match nearest {
                Some((_, nearest)) => format!("did you mean {nearest:?}?"),
                None => format!("known: {}", WITH_EFFECT.join(", ")),
            })
    }

    fn finish(self) -> Result<ConnectionUrl, Failure> {
        let host = self.host.ok_or_else(|| {
            Failure::usage("the URL names no host").code(ErrorCode::CONNECTION_URL_INVALID).next(
                "name it: postgres://ROLE@HOST/DATABASE, or a socket's directory: \
                 postgres:///DATABASE?host=/run/postgresql",
            )
        })?;
        if host.contains(',') {
            return Err(several_hosts());
        }
        let database = self.database.ok_or_else(|| {
            Failure::usage("the URL names no database")
                .code(ErrorCode::CONNECTION_URL_INVALID)
                .next("name it: postgres://ROLE@HOST/DATABASE")
        })?;
        let port = match self.port.as_deref() {
            None | Some("") => 5432,
            Some(port) => port.parse().ok().filter(|&port| port > 0).ok_or_else(|| {
                Failure::usage("the URL's port is no number from 1 to 65535")
                    .code(ErrorCode::CONNECTION_URL_INVALID)
            })?,
        };
        let client_certificate = match (self.certificate, self.key) {
            (Some(certificate), Some(key)) => Some((certificate.into(), key.into())),
            (None, None) => None,
            (Some(_), None) => {
                return Err(Failure::usage("the URL has sslcert without sslkey")
                    .code(ErrorCode::CONNECTION_URL_INVALID));
            }
            (None, Some(_)) => {
                return Err(Failure::usage("the URL has sslkey without sslcert")
                    .code(ErrorCode::CONNECTION_URL_INVALID));
            }
        };
        let mut tls = self.tls;
        let root_certificate = match self.root_certificate.as_deref() {
            // libpq 16: the system's roots, and full verification.
            Some("system") => {
                tls = Some(PgSslMode::VerifyFull);
                None
            }
            // libpq: a root certificate makes "require" verify against it.
            Some(_) if matches!(tls, Some(PgSslMode::Require)) => {
                tls = Some(PgSslMode::VerifyCa);
                self.root_certificate.map(PathBuf::from)
            }
            _ => self.root_certificate.map(PathBuf::from),
        };
        Ok(ConnectionUrl {
            host,
            port,
            role: self.user,
            password: self.password,
            database,
            says_tls: tls.is_some(),
            tls: tls.unwrap_or(PgSslMode::Prefer),
            root_certificate,
            client_certificate,
            connect_timeout: self.connect_timeout,
            notes: self.notes,
        })
    }
}

/// What stands behind `postgres://`, `postgresql://`, or either with `+driver`.
fn after_scheme(text: &str) -> Result<&str, Failure> {
    const SHAPE: &str = "give a URL such as postgres://ROLE@HOST:5432/DATABASE";
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err(Failure::usage("this is no connection URL: it does not begin with postgres://")
            .code(ErrorCode::CONNECTION_URL_INVALID)
            .next(SHAPE));
    };
    let word = |text: &str| {
        !text.is_empty()
            && text.len() <= 20
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    let (name, driver) = scheme.split_once('+').map_or((scheme, None), |(name, driver)| (name, Some(driver)));
    let known = matches!(name.to_ascii_lowercase().as_str(), "postgres" | "postgresql");
    match (known, driver) {
        (true, None) => Ok(rest),
        (true, Some(driver)) if word(driver) => Ok(rest),
        (false, None) if word(name) => Err(Failure::usage(format!("{name}:// is not a PostgreSQL URL"))
            .code(ErrorCode::CONNECTION_URL_INVALID)
            .next(SHAPE)),
        _ => Err(Failure::usage("this is no connection URL: it does not begin with postgres://")
            .code(ErrorCode::CONNECTION_URL_INVALID)
            .next(SHAPE)),
    }
}

fn ssl_mode(key: &str, value: &str) -> Result<PgSslMode, Failure> {
    let value = match (key, value) {
        ("ssl", "true" | "1") => "require",
        ("ssl", "false" | "0") => "disable",
        _ => value,
    };
    Ok(match value {
        "disable" => PgSslMode::Disable,
        "allow" => PgSslMode::Allow,
        "prefer" => PgSslMode::Prefer,
        "require" => PgSslMode::Require,
        "verify-ca" => PgSslMode::VerifyCa,
        "verify-full" => PgSslMode::VerifyFull,
        _ => {
            return Err(Failure::usage(format!("the URL's {key} has a value that is unknown"))
                .code(ErrorCode::CONNECTION_URL_INVALID)
                .next(format!("known: {}", SSL_MODES.join(", "))));
        }
    })
}

fn several_hosts() -> Failure {
    Failure::usage("the URL names several hosts: which one would be asked is left to chance")
        .code(ErrorCode::CONNECTION_URL_INVALID)
        .next("name one host")
}

fn not_encoded() -> Failure {
    Failure::usage("the connection URL is malformed (it is not shown: it may hold a password)")
        .code(ErrorCode::CONNECTION_URL_INVALID)
        .next(
        "the shape is postgres://ROLE:PASSWORD@HOST:PORT/DATABASE?sslmode=...; inside a part write @ as %40, \
         : as %3A, / as %2F, ? as %3F, # as %23, & as %26, % as %25, a space as %20",
    )
}

/// Percent-decoding (RFC 3986, section 2.1). `+` is itself, as in libpq.
fn decode(text: &str) -> Result<String, Failure> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        if byte != b'%' {
            bytes.push(byte);
            rest = after;
            continue;
        }
        let digit = |index: usize| after.get(index).and_then(|&found| char::from(found).to_digit(16));
        let (Some(high), Some(low)) = (digit(0), digit(1)) else { return Err(not_encoded()) };
        bytes.push(u8::try_from(high * 16 + low).map_err(|_| not_encoded())?);
        rest = &after[2..];
    }
    // The protocol ends its strings with a zero byte.
    String::from_utf8(bytes).ok().filter(|text| !text.contains('\0')).ok_or_else(not_encoded)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> ConnectionUrl {
        ConnectionUrl::parse(text).map_err(|failure| failure.what).unwrap()
    }

    fn refused(text: &str) -> String {
        let Err(failure) = ConnectionUrl::parse(text) else { panic!("{text} was understood") };
        assert_eq!(failure.exit, crate::error::Exit::Usage);
        format!("{} | {}", failure.what, failure.next)
    }

    #[test]
    fn spellings_of_one_target() {
        for text in [
            "postgres://app:pw@db:6543/shop",
            "postgresql://app:pw@db:6543/shop",
            "postgresql+psycopg2://app:pw@db:6543/shop",
            "postgresql+asyncpg://app:pw@db:6543/shop",
            "postgres:///shop?host=db&port=6543&user=app&password=pw",
            "postgres:///?host=db&port=6543&user=app&password=pw&dbname=shop",
            "  postgres://app:pw@db:6543/shop\n",
        ] {
            let url = parse(text);
            assert_eq!((url.host.as_str(), url.port, url.database.as_str()), ("db", 6543, "shop"), "{text}");
            assert_eq!((url.role.as_deref(), url.password.as_deref()), (Some("app"), Some("pw")), "{text}");
        }
    }

    #[test]
    fn sockets_and_addresses() {
        assert_eq!(parse("postgres:///shop?host=/run/postgresql").host, "/run/postgresql");
        assert_eq!(parse("postgres://app@/shop?host=/run/postgresql").host, "/run/postgresql");
        assert_eq!(parse("postgres://%2Frun%2Fpostgresql/shop").host, "/run/postgresql");
        assert_eq!(parse("postgres://[::1]:5433/shop").host, "::1");
        assert_eq!(parse("postgres://[::1]/shop").port, 5432);
    }

    #[test]
    fn parts_are_percent_decoded() {
        let url = parse("postgres://a%40b:p%2F%3a%25@db/sh%C3%B6p?sslrootcert=%2Fa%20b");
        assert_eq!(url.role.as_deref(), Some("a@b"));
        assert_eq!(url.password.as_deref(), Some("p/:%"));
        assert_eq!(url.database, "shöp");
        assert_eq!(url.root_certificate.unwrap().to_str(), Some("/a b"));
        assert_eq!(parse("postgres://a:p@ss@db/x").password.as_deref(), Some("p@ss"));
    }

    #[test]
    fn what_is_missing_is_named() {
        assert!(refused("postgres://db").contains("names no database"));
        assert!(refused("postgres://db/").contains("names no database"));
        assert!(refused("postgres:///shop").contains("names no host"));
        assert!(refused("postgres://a,b/shop").contains("several hosts"));
        assert!(refused("host=db dbname=shop").contains("no connection URL"));
        assert!(refused("mysql://db/shop").contains("mysql:// is not a PostgreSQL URL"));
        assert!(refused("postgres://db/x?sslcert=/a").contains("sslcert without sslkey"));
    }

    #[test]
    fn parameters_are_known_ignored_or_refused() {
        let url =
            parse("postgres://db/x?application_name=app&options=-csearch_path%3Da&channel_binding=require");
        assert_eq!(url.notes.len(), 3);
        assert!(refused("postgres://db/x?sslmod=require").contains("did you mean \"sslmode\"?"));
        assert!(refused("postgres://db/x?sslmode=requre").contains("known: disable, allow"));
        assert!(refused("postgres://db/x?port=0").contains("port"));
    }

    #[test]
    fn tls_modes_are_libpqs() {
        let mode = |text| format!("{:?}", parse(text).tls);
        let says = |text| parse(text).says_tls;
        assert!(!says("postgres://ssl.example.com/ssl") && says("postgres://db/x?sslrootcert=system"));
        assert_eq!(mode("postgres://db/x"), "Prefer");
        assert_eq!(mode("postgres://db/x?sslmode=require"), "Require");
        assert_eq!(mode("postgres://db/x?sslmode=require&sslrootcert=/ca"), "VerifyCa");
        assert_eq!(mode("postgres://db/x?sslrootcert=system"), "VerifyFull");
        assert_eq!(mode("postgres://db/x?ssl=true"), "Require");
        assert_eq!(mode("postgres://db/x?ssl=verify-full"), "VerifyFull");
    }

    #[test]
    fn f53_a_malformed_url_is_not_quoted() {
        for text in [
            "postgres://app:can/ary@db/x",
            "postgres://app:12/ary@db/x",
            "postgres://app:can?ary@db/x",
            "postgres://app:12?ary=1@db/x",
            "postgres://app:can#ary@db/x",
            "postgres://app:12#ary@db/x",
            "postgres://app:12#ary",
            "postgres://app:can@1/ary@db/x",
            "postgres://app:can%zzary@db/x",
            "postgres://app:can%ffary@db/x",
            "postgres://app:can ary@db/x",
            "postgres://app:can@db:ary/x",
            "postgres://app:can@[ary/x",
            "postgres://db/x?password=can&ary=1",
            "postgres://db/x?password=can&ary",
            "postgres://db/x?ca%6Eary%21=1",
            "postgres//app:canary@db/x",
            "app:canary@db/x",
        ] {
            let said = refused(text);
            assert!(!said.contains("ary"), "{text}: {said}");
        }
    }

    proptest! {
        #[test]
        fn f53_no_password_is_ever_quoted(password in "[A-Za-z0-9@:/?#&=%+. \\[\\],]{0,24}") {
            let password = format!("{password}CANARY");
            for text in [
                format!("postgres://app:{password}@db/x?sslmode=nope"),
                format!("postgres://app:{password}@db/x?unknown=1"),
                format!("postgres://app:{password}@db"),
                format!("postgresql+psycopg2://app:{password}@db:99999/x"),
            ] {
                if let Err(failure) = ConnectionUrl::parse(&text) {
                    prop_assert!(!format!("{} {}", failure.what, failure.next).contains("CANARY"), "{text}");
                }
            }
        }

        #[test]
        fn an_encoded_password_arrives(password in "\\PC{1,24}") {
            let encoded: String = password.bytes().map(|byte| format!("%{byte:02X}")).collect();
            let url = ConnectionUrl::parse(&format!("postgres://app:{encoded}@db/x")).map_err(|f| f.what);
            prop_assert_eq!(url.unwrap().password, Some(password));
        }
    }
}
