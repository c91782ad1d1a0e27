//! A target in the words of libpq, for PostgreSQL's own programs: the connection without the password, and the password
//! as a line of a password file (manual, "Connection Strings", "The Password File").

use std::path::{Path, PathBuf};

use sqlx::postgres::PgSslMode;

use super::target::tls_word;
use super::{ServerVersion, Target};
use crate::error::{Exit, Failure};

/// Where systems keep the certificates that they trust, all in one file.
const SYSTEM_ROOTS: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

impl Target {
    /// `host='db' port=5432 ...`, for a libpq of this release. It holds no password. Everything is said, so that nothing
    /// is taken from an environment or a service file.
    ///
    /// # Errors
    /// Exit 4: the server's certificate is to be verified by the system's roots, and there is no file of them that this
    /// libpq could read.
    pub fn conninfo(&self, application: &str, libpq: ServerVersion) -> Result<String, Failure> {
        let tls = match self.tls {
            PgSslMode::Allow | PgSslMode::Prefer if self.encryption_required_by.is_some() => {
                PgSslMode::Require
            }
            mode => mode,
        };
        let path = |path: &Path| path.display().to_string();
        let mut pairs = vec![
            ("host", self.host().to_owned()),
            ("port", self.port().to_string()),
            ("dbname", self.database().to_owned()),
            ("user", self.role().to_owned()),
            ("application_name", application.to_owned()),
            ("connect_timeout", self.timeout.as_secs().max(2).to_string()),
            ("sslmode", tls_word(tls).to_owned()),
            ("gssencmode", "disable".to_owned()),
        ];
        match &self.root_certificate {
            Some(certificate) => pairs.push(("sslrootcert", path(certificate))),
            None if matches!(tls, PgSslMode::VerifyCa | PgSslMode::VerifyFull) => {
                pairs.push(("sslrootcert", system_roots(tls, libpq)?));
            }
            None => {}
        }
        if let Some((certificate, key)) = &self.client_certificate {
            pairs.push(("sslcert", path(certificate)));
            pairs.push(("sslkey", path(key)));
        }
        let text: Vec<String> =
            pairs.into_iter().map(|(key, value)| format!("{key}={}", quoted(&value))).collect();
        Ok(text.join(" "))
    }

    /// The one line of a password file for this target and nothing else; empty when there is no password.
    ///
    /// # Errors
    /// Exit 4: a password file cannot hold it.
    pub fn passfile_line(&self) -> Result<String, Failure> {
        let Some(password) = &self.password else { return Ok(String::new()) };
        if password.contains(['\n', '\r', '\0']) {
            let what =
                "the password has a line break, and PostgreSQL's programs take none in a password file";
            return Err(Failure::new(Exit::Refused, what));
        }
        Ok(format!("*:*:*:*:{}\n", password.replace('\\', "\\\\").replace(':', "\\:")))
    }
}

/// libpq knows the system's roots by name since 16, and then insists on verify-full.
fn system_roots(mode: PgSslMode, libpq: ServerVersion) -> Result<String, Failure> {
    if libpq.major() >= 16 && matches!(mode, PgSslMode::VerifyFull) {
        return Ok("system".to_owned());
    }
    let found = SYSTEM_ROOTS.iter().map(PathBuf::from).find(|path| path.is_file());
    found.map(|path| path.display().to_string()).ok_or_else(|| {
        Failure::new(
            Exit::Refused,
            format!(
                "sslmode={}: no file with the system's root certificates was found for pg_dump",
                tls_word(mode)
            ),
        )
        .next("name one in the URL: sslrootcert=/path/to/ca.pem")
    })
}

fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conninfo(url: &str) -> String {
        Target::parse(url).unwrap().conninfo("trueup", ServerVersion(150_000)).unwrap()
    }

    #[test]
    fn f53_a_conninfo_has_everything_but_the_password() {
        let text = conninfo("postgres://a%27b:canary@db:5433/sh%5Cop?sslmode=disable");
        assert_eq!(
            text,
            "host='db' port='5433' dbname='sh\\\\op' user='a\\'b' application_name='trueup' connect_timeout='10' \
             sslmode='disable' gssencmode='disable'"
        );
        assert!(conninfo("postgres://a@/x?host=/tmp").contains("host='/tmp'"));
    }

    #[test]
    fn a_protected_environment_makes_libpq_insist_on_tls() {
        let mut target = Target::parse("postgres://a@db/x").unwrap();
        target.require_encryption("production").unwrap();
        let text = target.conninfo("trueup", ServerVersion(150_000)).unwrap();
        assert!(text.contains("sslmode='require'"), "{text}");
    }

    #[test]
    fn a_password_is_escaped_as_a_password_file_wants_it() {
        let line = |url| Target::parse(url).unwrap().passfile_line();
        assert_eq!(line("postgres://a:p%3Aw%5C@b/c").unwrap(), "*:*:*:*:p\\:w\\\\\n");
        assert_eq!(line("postgres://a@b/c").unwrap(), "");
        assert_eq!(line("postgres://a:p%0Aw@b/c").unwrap_err().exit, Exit::Refused);
    }
}
