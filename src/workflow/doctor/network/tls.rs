//! `tls`: the server's certificate, who signed it, for which host and until when.

use std::time::{Duration, SystemTime};

use super::super::examination::{DoctorExamination, Examined, Examining, Grade, TimeLimit};
use super::super::surroundings::Surroundings;
use crate::postgres::connection::{Distrust, ServerCertificate, ServerTls, TlsAnswer};
use crate::text::day;

pub(in super::super) const EXAMINATION: DoctorExamination = DoctorExamination {
    name: "tls",
    help: "Whether the server offers TLS; whether this machine trusts who signed its certificate, and who signed theirs \
           (sslrootcert, else the system's roots); whether the certificate is for the host of the URL; until when it is valid. \
           What the sslmode of the URL checks fails, what it does not check is a warning for another machine. A certificate that \
           ends within 21 days is one, too.",
    needs: &["tcp"],
    limit: TimeLimit::Connecting,
    is_finished_first: false,
    examine,
};

/// A certificate that ends sooner is worth a warning.
const SOON: Duration = Duration::from_secs(21 * 24 * 3600);

fn examine<'a>(around: &'a mut Surroundings<'_>) -> Examining<'a> {
    Box::pin(async move {
        let target = around.target()?;
        if target.is_socket() {
            return Ok(Examined::ok("a Unix socket: TLS is not used"));
        }
        let limit = around.settings.database.connect_timeout;
        let answer = target.look_at_tls(limit).await?;
        let asked = Asked {
            mode: target.tls_mode(),
            host: target.host(),
            is_local: target.is_local(),
            is_protected: around.settings.environment.as_ref().is_some_and(|found| found.settings.protected),
        };
        Ok(judge(&answer, &asked, around.now))
    })
}

/// What the connection URL asks for.
struct Asked<'t> {
    mode: &'t str,
    host: &'t str,
    is_local: bool,
    is_protected: bool,
}

impl Asked<'_> {
    /// How bad it is that something is not as it should be, which some modes check.
    fn grade(&self, checked_by: &[&str]) -> Option<Grade> {
        match (checked_by.contains(&self.mode), self.is_local) {
            (true, _) => Some(Grade::Fail),
            (false, false) => Some(Grade::Warn),
            (false, true) => None,
        }
    }
}

fn judge(answer: &TlsAnswer, asked: &Asked<'_>, now: SystemTime) -> Examined {
    let mode = asked.mode;
    match answer {
        TlsAnswer::NotPostgres => {
            Examined::not_asked("what listens there does not answer as PostgreSQL does")
        }
        TlsAnswer::None => {
            let what = format!("the server offers no TLS (sslmode={mode})");
            let next =
                "turn TLS on at the server (ssl = on); if it used to be on, find out who answers there";
            match asked.grade(&["require", "verify-ca", "verify-full"]) {
                Some(Grade::Warn) if asked.is_protected => Examined::fail("none", what, next),
                Some(grade) => Examined::default().and(grade, "none", what, next),
                None => Examined::ok(format!("{what}; the connection stays on this machine")),
            }
        }
        TlsAnswer::Offered(tls) => offered(tls, asked, now),
    }
}

fn offered(tls: &ServerTls, asked: &Asked<'_>, now: SystemTime) -> Examined {
    let mode = asked.mode;
    let Some(own) = tls.chain.first() else {
        return Examined::fail("certificate", "the server sends no certificate", "look at ssl_cert_file");
    };
    let ends = day(own.not_after);
    let mut examined = Examined::ok(format!(
        "{}, sslmode={mode}; {}, signed by {}, valid until {ends}",
        tls.protocol, own.subject, own.issuer
    ));
    examined.details.extend(tls.chain.iter().map(described));
    if mode == "disable" && !asked.is_local {
        let what = "the server offers TLS, and sslmode=disable does not use it";
        let next = "take sslmode=disable out of the URL, or better write sslmode=verify-full";
        examined = examined.and(Grade::Warn, "unused", what, next);
    }
    let checks = ["verify-ca", "verify-full"];
    if !own.is_valid_at(now) {
        let what = format!("the server's certificate {}", outdated(own, now));
        let grade = asked.grade(&checks).unwrap_or(Grade::Warn);
        examined = examined.and(grade, "expired", what, "give the server a new certificate, and reload it");
    } else if own.not_after < now + SOON {
        let what = format!("the server's certificate ends on {ends}");
        examined = examined.and(
            Grade::Warn,
            "ends",
            what,
            "give the server a new certificate before, and reload it",
        );
    }
    if let (Some(why), Some(grade)) = (&tls.untrusted, asked.grade(&checks)) {
        let unchecked = if grade == Grade::Warn {
            format!(" (sslmode={mode} does not check that)")
        } else {
            String::new()
        };
        let (why, next) = distrusted(why, now);
        let what = format!("the server's certificate is not trusted: {why}{unchecked}");
        examined = examined.and(grade, "untrusted", what, next);
    }
    if let (false, Some(grade)) = (tls.fits_host, asked.grade(&["verify-full"])) {
        let names = if own.names.is_empty() { own.subject.clone() } else { own.names.join(", ") };
        let what = format!("the server's certificate is for {names}, not for {}", asked.host);
        let next =
            "write the host name that it is for into the URL, or give the server a certificate for this one";
        examined = examined.and(grade, "name", what, next);
    }
    examined
}

/// Why a chain is not trusted, and what to do.
fn distrusted(why: &Distrust, now: SystemTime) -> (String, &'static str) {
    let outdated = match why {
        Distrust::Outdated(Some(above)) => {
            format!("a certificate above it, {}, {}", above.subject, outdated(above, now))
        }
        Distrust::Outdated(None) => "a certificate above it is not valid now".to_owned(),
        Distrust::Other(why) => {
            let next = "name the certificate authority in the URL: sslrootcert=FILE, and sslmode=verify-full";
            return (why.clone(), next);
        }
    };
    (
        outdated,
        "give the server (ssl_cert_file) valid certificates of those who signed its own, and reload it",
    )
}

/// How a certificate that is not valid now is outdated.
fn outdated(certificate: &ServerCertificate, now: SystemTime) -> String {
    match now > certificate.not_after {
        true => format!("has expired on {}", day(certificate.not_after)),
        false => format!("is valid from {} on", day(certificate.not_before)),
    }
}

/// A certificate in one line.
fn described(certificate: &ServerCertificate) -> String {
    let ServerCertificate { subject, issuer, names, not_before, not_after } = certificate;
    let names = if names.is_empty() { String::new() } else { format!(" for {}", names.join(", ")) };
    format!("{subject}{names}, signed by {issuer}, valid from {} to {}", day(*not_before), day(*not_after))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 24 * 3600;

    fn at(days: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(days * DAY)
    }

    fn judged(tls: ServerTls, mode: &str, is_local: bool, today: u64) -> (Grade, Vec<String>) {
        let asked = Asked { mode, host: "db", is_local, is_protected: false };
        let examined = judge(&TlsAnswer::Offered(tls), &asked, at(today));
        (examined.grade(), examined.problems.iter().map(|problem| problem.code.clone()).collect())
    }

    fn server(untrusted: Option<&str>, fits_host: bool) -> ServerTls {
        let certificate = ServerCertificate {
            subject: "CN=db".into(),
            issuer: "CN=ca".into(),
            names: vec!["db".into()],
            not_before: at(100),
            not_after: at(200),
        };
        let untrusted = untrusted.map(|why| Distrust::Other(why.to_owned()));
        ServerTls { protocol: "TLSv1.3".into(), chain: vec![certificate], untrusted, fits_host }
    }

    #[test]
    fn what_the_mode_checks_fails_and_the_rest_warns() {
        let good = || server(None, true);
        assert_eq!(judged(good(), "verify-full", false, 150), (Grade::Ok, vec![]));
        assert_eq!(judged(good(), "verify-full", false, 180), (Grade::Warn, vec!["ends".into()]));
        assert_eq!(judged(good(), "verify-full", false, 201), (Grade::Fail, vec!["expired".into()]));
        assert_eq!(judged(good(), "verify-full", false, 99), (Grade::Fail, vec!["expired".into()]));
        assert_eq!(judged(good(), "prefer", true, 201), (Grade::Warn, vec!["expired".into()]));
        assert_eq!(judged(good(), "disable", false, 150), (Grade::Warn, vec!["unused".into()]));
        let bad = || server(Some("signed by nobody"), false);
        assert_eq!(judged(bad(), "prefer", true, 150), (Grade::Ok, vec![]));
        let both = vec!["untrusted".to_owned(), "name".to_owned()];
        assert_eq!(judged(bad(), "require", false, 150), (Grade::Warn, both.clone()));
        assert_eq!(judged(bad(), "verify-full", true, 150), (Grade::Fail, both));
        assert_eq!(judged(bad(), "verify-ca", true, 150), (Grade::Fail, vec!["untrusted".into()]));
    }

    #[test]
    fn no_tls_is_as_bad_as_what_was_asked_for() {
        let judged = |mode, is_local, is_protected| {
            judge(&TlsAnswer::None, &Asked { mode, host: "db", is_local, is_protected }, at(1)).grade()
        };
        assert_eq!(judged("prefer", true, true), Grade::Ok);
        assert_eq!(judged("prefer", false, false), Grade::Warn);
        assert_eq!(judged("prefer", false, true), Grade::Fail);
        assert_eq!(judged("require", true, false), Grade::Fail);
    }
}
