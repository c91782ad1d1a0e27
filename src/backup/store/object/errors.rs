//! Turns errors of object stores into failures that say what to do.
//!
//! Of an answer only its code and its message are repeated. S3's answer about an expired session contains the session
//! token, and its answer about a wrong signature all that was signed.

use std::error::Error as StdError;
use std::time::Duration;

use object_store::Error;
use object_store::client::{HttpError, HttpErrorKind};

use super::super::location::{Provider, StoreLocation};
use crate::error::{ErrorCode, Exit, Failure};

/// The largest number of characters of a store's message that is repeated.
const WORDS: usize = 300;

/// What an error says about a store.
#[derive(Debug)]
pub(super) struct StoreDescription {
    location: String,
    bucket: String,
    provider: Provider,
    /// The name of the address that requests go to.
    address: String,
    timeout: Duration,
    source: Source,
}

/// Where the credentials come from: the first link of the credential chain that is configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Variables,
    WebIdentity,
    Container,
    Machine,
    /// The role of the machine, whose lookup is switched off.
    Nothing,
    /// The library of the provider finds them by itself.
    Provider,
}

impl Source {
    fn of(location: &StoreLocation) -> Self {
        let set = |name: &str| location.variables.contains_key(name);
        if location.provider != Provider::S3 {
            return Self::Provider;
        }
        if set("AWS_ACCESS_KEY_ID") || set("AWS_SECRET_ACCESS_KEY") {
            Self::Variables
        } else if set("AWS_WEB_IDENTITY_TOKEN_FILE") && set("AWS_ROLE_ARN") {
            Self::WebIdentity
        } else if set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
            || set("AWS_CONTAINER_CREDENTIALS_FULL_URI") && set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
        {
            Self::Container
        } else if location.variables.get("AWS_EC2_METADATA_DISABLED").is_some_and(|value| value == "true") {
            Self::Nothing
        } else {
            Self::Machine
        }
    }

    fn phrase(self) -> &'static str {
        match self {
            Self::Variables => "those of AWS_ACCESS_KEY_ID",
            Self::WebIdentity => "those of the role AWS_ROLE_ARN by AWS_WEB_IDENTITY_TOKEN_FILE",
            Self::Container => "those of the container's role",
            Self::Machine | Self::Nothing => "those of the machine's role",
            Self::Provider => "those of the environment or the machine",
        }
    }
}

/// What went wrong.
#[derive(Debug, PartialEq, Eq)]
enum Kind {
    NoBucket,
    Expired,
    Unknown,
    Clock,
    Denied,
    Region,
    Unreachable,
    Silent,
    Cut,
    Other,
}

impl StoreDescription {
    pub(super) fn new(location: &StoreLocation) -> Self {
        Self {
            location: location.to_string(),
            bucket: location.bucket.clone(),
            provider: location.provider,
            address: match (&location.endpoint, location.provider) {
                (Some(endpoint), _) => endpoint.clone(),
                (None, Provider::S3) => "Amazon S3".to_owned(),
                (None, Provider::Gcs) => "Google Cloud Storage".to_owned(),
                (None, Provider::Azure) => "Azure".to_owned(),
            },
            timeout: location.timeout,
            source: Source::of(location),
        }
    }

    pub(super) fn location(&self) -> &str {
        &self.location
    }

    pub(super) fn provider(&self) -> Provider {
        self.provider
    }

    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The client refuses the settings or variables.
    pub(super) fn invalid_settings(&self, error: &Error) -> Failure {
        let next = "check [backup] store, endpoint and region, and the variables with the credentials";
        Failure::usage(format!("{} cannot be used: {}", self.location, innermost(error)))
            .code(ErrorCode::BACKUP_STORE_UNAVAILABLE)
            .next(next)
    }

    /// Refuses when the credential chain has no link.
    pub(super) fn check_credential_source(&self, exit: Exit) -> Result<(), Failure> {
        match self.source {
            Source::Nothing => Err(self.none_found(exit, "AWS_EC2_METADATA_DISABLED is set")),
            _ => Ok(()),
        }
    }

    /// The credentials could not be obtained.
    pub(super) fn no_credentials(&self, exit: Exit, error: &Error) -> Failure {
        match self.source {
            Source::Machine => self.none_found(exit, "this machine has none, or does not answer"),
            source => {
                let what = format!(
                    "the credentials for {}, {}, could not be had: {}",
                    self.location,
                    source.phrase(),
                    answer(error, self.timeout)
                );
                Failure::new(exit, what)
                    .code(ErrorCode::BACKUP_STORE_CREDENTIALS)
                    .next("check what gives this process its role, then run the same command again")
            }
        }
    }

    fn none_found(&self, exit: Exit, machine: &str) -> Failure {
        let what = format!(
            "no credentials for {} were found: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set, no container's \
             role, no machine's role ({machine})",
            self.location
        );
        Failure::new(exit, what).code(ErrorCode::BACKUP_STORE_CREDENTIALS).next(
            "set the variables (files in ~/.aws are not read: eval \"$(aws configure export-credentials --format env)\"), \
             or give the task or the machine a role",
        )
    }

    /// The failure of a request: an error of the store, or no answer.
    pub(super) fn failure(&self, exit: Exit, doing: impl std::fmt::Display, error: &Error) -> Failure {
        let kind = kind(error);
        let said = match kind {
            Kind::NoBucket => format!("there is no bucket {} at {}", self.bucket, self.address),
            Kind::Expired => {
                format!(
                    "the credentials have expired ({}): {}",
                    self.source.phrase(),
                    answer(error, self.timeout)
                )
            }
            Kind::Unreachable => {
                format!("{} cannot be reached: {}", self.address, answer(error, self.timeout))
            }
            _ => format!("{}: {}", self.address, answer(error, self.timeout)),
        };
        let next = match kind {
            Kind::NoBucket => "create the bucket, or name another: [backup] store".to_owned(),
            Kind::Expired => "renew the credentials, then run the same command again".to_owned(),
            Kind::Unknown => format!("check the credentials ({}), and [backup] endpoint", self.source.phrase()),
            Kind::Clock => "set this machine's clock right, then run the same command again".to_owned(),
            Kind::Denied => format!(
                "let the role of the credentials ({}) work on {}: README.md, \"Backups in S3\", has the policy",
                self.source.phrase(),
                self.location
            ),
            Kind::Region => "name the bucket's region: [backup] region".to_owned(),
            Kind::Unreachable => {
                "check [backup] endpoint and region, and the network (proxies: HTTPS_PROXY, NO_PROXY)".to_owned()
            }
            Kind::Silent | Kind::Cut => {
                "check the network and the store, then run the same command again ([backup] store_timeout: how long \
                 one request may take)"
                    .to_owned()
            }
            Kind::Other => "check the store, then run the same command again".to_owned(),
        };
        Failure::new(exit, format!("{doing}: {said}")).code(ErrorCode::BACKUP_STORE_UNAVAILABLE).next(next)
    }
}

fn kind(error: &Error) -> Kind {
    let text = error.to_string();
    match between(&text, "<Code>", "</Code>") {
        Some("NoSuchBucket") => return Kind::NoBucket,
        Some("ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired" | "RequestExpired") => {
            return Kind::Expired;
        }
        Some("InvalidAccessKeyId" | "SignatureDoesNotMatch" | "InvalidToken" | "InvalidSecurity") => {
            return Kind::Unknown;
        }
        Some("RequestTimeTooSkewed") => return Kind::Clock,
        Some("AuthorizationHeaderMalformed" | "PermanentRedirect" | "IllegalLocationConstraintException") => {
            return Kind::Region;
        }
        _ => {}
    }
    match (transport(error), status(&text)) {
        (Some(HttpErrorKind::Connect), _) => Kind::Unreachable,
        (Some(HttpErrorKind::Timeout), _) => Kind::Silent,
        (Some(_), _) => Kind::Cut,
        (_, Some("401" | "403")) => Kind::Denied,
        (_, Some("301" | "307")) => Kind::Region,
        _ if text.contains("redirect without LOCATION") => Kind::Region,
        _ => Kind::Other,
    }
}

/// What the store or the system says about the error, without anything that may be secret.
fn answer(error: &Error, timeout: Duration) -> String {
    let text = error.to_string();
    let code = between(&text, "<Code>", "</Code>");
    let message = between(&text, "<Message>", "</Message>");
    let status = status(&text);
    match (transport(error), status, code) {
        (Some(HttpErrorKind::Timeout), ..) => {
            format!("no answer within {}", crate::text::duration(timeout))
        }
        (Some(HttpErrorKind::Connect), ..) => innermost(error),
        (Some(_), ..) => format!("the connection was cut: {}", innermost(error)),
        (_, status, Some(code)) => {
            let status = status.map(|status| format!("{status} ")).unwrap_or_default();
            let message = message.map(|message| format!(": {}", short(message))).unwrap_or_default();
            format!("it answers {status}{code}{message}")
        }
        (_, Some(status), None) => format!("it answers {status}"),
        _ => innermost(error),
    }
}

/// How the connection failed; `None` where the store has answered.
fn transport(error: &Error) -> Option<HttpErrorKind> {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<HttpError>() {
            return Some(error.kind());
        }
        cause = error.source();
    }
    None
}

/// The innermost cause: a message of the system or of the TLS library, never an answer of the store.
fn innermost(error: &Error) -> String {
    let mut cause: &(dyn StdError + 'static) = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    let text = cause.to_string();
    let text = text.split_once('<').map_or(text.as_str(), |(before, _)| before);
    short(text)
}

fn status(text: &str) -> Option<&str> {
    let (_, after) = text.split_once("status code: ")?;
    after.get(..3).filter(|status| status.bytes().all(|byte| byte.is_ascii_digit()))
}

fn between<'t>(text: &'t str, from: &str, to: &str) -> Option<&'t str> {
    let (_, after) = text.split_once(from)?;
    Some(after.split_once(to)?.0)
}

fn short(text: &str) -> String {
    let words: String = text.chars().filter(|c| !c.is_control()).take(WORDS).collect();
    words.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer in the words of the library.
    fn answered(status: &str, body: &str) -> Error {
        let source = format!(
            "Error performing PUT https://b.s3.eu-west-1.amazonaws.com/x in 5ms - Server returned non-2xx status code: \
             {status}: {body}"
        );
        Error::Generic { store: "S3", source: source.into() }
    }

    fn words() -> StoreDescription {
        let mut location = StoreLocation::parse("s3://b/x").unwrap();
        location.variables.insert("AWS_ACCESS_KEY_ID".to_owned(), "AKIA".to_owned());
        StoreDescription::new(&location)
    }

    #[test]
    fn f50_each_refusal_says_what_to_do() {
        for (status, code, kind_of, said) in [
            ("404 Not Found", "NoSuchBucket", Kind::NoBucket, "there is no bucket b"),
            ("400 Bad Request", "ExpiredToken", Kind::Expired, "have expired"),
            ("403 Forbidden", "InvalidAccessKeyId", Kind::Unknown, "403 InvalidAccessKeyId"),
            ("403 Forbidden", "AccessDenied", Kind::Denied, "403 AccessDenied: No."),
            ("403 Forbidden", "RequestTimeTooSkewed", Kind::Clock, "RequestTimeTooSkewed"),
            ("400 Bad Request", "AuthorizationHeaderMalformed", Kind::Region, "400"),
            ("503 Service Unavailable", "SlowDown", Kind::Other, "503 SlowDown"),
        ] {
            let error =
                answered(status, &format!("<Error><Code>{code}</Code><Message>No.</Message></Error>"));
            assert_eq!(kind(&error), kind_of, "{code}");
            let failure = words().failure(Exit::Refused, "writing", &error);
            assert!(failure.what.contains(said) && !failure.next.is_empty(), "{failure}");
        }
        assert_eq!(kind(&answered("403 Forbidden", "")), Kind::Denied);
    }

    #[test]
    fn f53_what_an_answer_holds_of_a_session_is_not_repeated() {
        let body = "<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message>\
                    <Token-0>canary</Token-0></Error>";
        let failure = words().failure(Exit::RolledBack, "writing", &answered("400 Bad Request", body));
        assert!(failure.what.contains("The provided token has expired."), "{failure}");
        assert!(!failure.what.contains("canary") && !failure.next.contains("canary"), "{failure}");
        let failure = words().failure(Exit::RolledBack, "writing", &answered("403 Forbidden", "<a>canary"));
        assert!(!failure.what.contains("canary"), "{failure}");
    }

    #[test]
    fn the_chain_is_gone_through_in_its_order() {
        let mut location = StoreLocation::parse("s3://b").unwrap();
        let mut next = |name: &str, value: &str| {
            location.variables.insert(name.to_owned(), value.to_owned());
            Source::of(&location)
        };
        assert_eq!(next("AWS_REGION", "eu-west-1"), Source::Machine);
        assert_eq!(next("AWS_EC2_METADATA_DISABLED", "true"), Source::Nothing);
        assert_eq!(next("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2"), Source::Container);
        assert_eq!(next("AWS_ROLE_ARN", "arn"), Source::Container);
        assert_eq!(next("AWS_WEB_IDENTITY_TOKEN_FILE", "/t"), Source::WebIdentity);
        assert_eq!(next("AWS_ACCESS_KEY_ID", "AKIA"), Source::Variables);
    }
}
