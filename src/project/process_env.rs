//! The environment of the process: environment variables, working directory, terminals. It is captured once, and
//! nothing else reads them.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::IsTerminal as _;
use std::path::PathBuf;

/// The captured environment.
#[derive(Clone, Default)]
pub struct ProcessEnv {
    variables: BTreeMap<OsString, OsString>,
    /// The working directory; empty when it does not exist any more.
    pub cwd: PathBuf,
    /// Whether standard output is a terminal.
    pub stdout_is_terminal: bool,
    /// Whether standard error is a terminal.
    pub stderr_is_terminal: bool,
    /// Whether standard input is a terminal.
    pub stdin_is_terminal: bool,
    arguments: Vec<String>,
}

/// The variables of the "standardized credential providers" (AWS SDKs and Tools Reference Guide): variables, web
/// identity, container, machine; and the region.
const AWS: [&str; 13] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_EC2_METADATA_DISABLED",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
];

/// Variables of credential chains. Debug output shows their names without the values.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credentials(BTreeMap<String, String>);

impl Credentials {
    /// The variables by name.
    pub fn variables(&self) -> &BTreeMap<String, String> {
        &self.0
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Who runs this process, and on which machine; for the audit log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caller {
    /// The user of the operating system.
    pub user: String,
    /// The host name of the machine or container.
    pub host: String,
    /// The arguments without the program and the command; values that may hold a secret are left out.
    pub arguments: String,
}

impl ProcessEnv {
    /// Captures the environment of this process.
    #[expect(clippy::disallowed_methods, reason = "the one place that looks at the environment")]
    pub fn capture() -> Self {
        Self {
            variables: std::env::vars_os().collect(),
            cwd: std::env::current_dir().unwrap_or_default(),
            stdout_is_terminal: std::io::stdout().is_terminal(),
            stderr_is_terminal: std::io::stderr().is_terminal(),
            stdin_is_terminal: std::io::stdin().is_terminal(),
            arguments: std::env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned()).collect(),
        }
    }

    /// Describes the caller for a run of this command.
    pub fn caller(&self, command: &str) -> Caller {
        let user = nix::unistd::User::from_uid(nix::unistd::geteuid()).ok().flatten().map(|user| user.name);
        let host = nix::unistd::gethostname().ok().map(|name| name.to_string_lossy().into_owned());
        Caller {
            user: user.unwrap_or_else(|| format!("uid {}", nix::unistd::geteuid())),
            host: host.unwrap_or_default(),
            arguments: arguments_without_urls(&self.arguments, command),
        }
    }

    /// An environment of these variables and this working directory, without a terminal.
    pub fn new(
        variables: impl IntoIterator<Item = (&'static str, &'static str)>,
        cwd: impl Into<PathBuf>,
    ) -> Self {
        let variables = variables
            .into_iter()
            .map(|(name, value)| (OsString::from(name), OsString::from(value)))
            .collect();
        Self { variables, cwd: cwd.into(), ..Self::default() }
    }

    /// The value of a variable; `None` when it is unset or empty.
    pub fn variable(&self, name: &str) -> Option<&OsStr> {
        self.variables.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// The value of a variable as text; `None` also when it is not UTF-8.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.variable(name).and_then(OsStr::to_str)
    }

    /// The value of a variable, with replacement characters where it is not UTF-8. Looking it up or parsing it then
    /// reports an error instead of treating the variable as unset.
    pub fn lossy(&self, name: &str) -> Option<String> {
        self.variable(name).map(|value| value.to_string_lossy().into_owned())
    }

    /// The variables of the object stores' credential chains, without those that would send a backup to another
    /// address.
    pub fn credentials(&self) -> Credentials {
        let ours = |name: &str| {
            let redirects = ["ENDPOINT", "URL", "ALLOW_", "SKIP_", "PROXY", "EMULATOR", "TIMEOUT"];
            let known = AWS.contains(&name);
            let other = name.starts_with("GOOGLE_") || name.starts_with("AZURE_");
            known || other && !redirects.iter().any(|word| name.contains(word))
        };
        let named = self.variables.keys().filter_map(|name| name.to_str()).filter(|name| ours(name));
        Credentials(named.filter_map(|name| Some((name.to_owned(), self.text(name)?.to_owned()))).collect())
    }

    /// The names of variables with which libpq, psql or sqlx would redirect a connection.
    pub fn libpq_variables(&self) -> impl Iterator<Item = &OsStr> {
        self.variables
            .keys()
            .map(OsString::as_os_str)
            .filter(|name| name.as_encoded_bytes().starts_with(b"PG"))
    }

    /// The names of those of them that trueup does not heed: all that supply no password.
    pub fn redirecting_variables(&self) -> Vec<String> {
        let names = self.libpq_variables().map(|name| name.to_string_lossy().into_owned());
        names.filter(|name| name != "PGPASSWORD" && name != "PGPASSFILE").collect()
    }
}

/// The arguments without the name of the command. URLs in them are replaced.
fn arguments_without_urls(arguments: &[String], command: &str) -> String {
    let name = arguments.iter().position(|argument| argument == command);
    let others = arguments.iter().enumerate().filter(|(place, _)| Some(*place) != name);
    let shown = others.map(|(_, argument)| argument).map(|argument| match argument.split_once("://") {
        None => argument.clone(),
        Some((before, _)) => match before.split_once('=') {
            Some((flag, _)) => format!("{flag}=(a URL)"),
            None => "(a URL)".to_owned(),
        },
    });
    shown.collect::<Vec<_>>().join(" ")
}

/// Shows the names of the variables without their values, which may be secrets.
impl fmt::Debug for ProcessEnv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessEnv")
            .field("variables", &self.variables.keys())
            .field("cwd", &self.cwd)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f53_values_are_not_printed() {
        let process_env = ProcessEnv::new([("DATABASE_URL", "postgres://app:canary@db/x")], "/");
        assert!(!format!("{process_env:?}").contains("canary"));
    }

    #[test]
    fn f54_credentials_are_taken_from_the_environment_and_addresses_are_not() {
        let process_env = ProcessEnv::new(
            [
                ("AWS_ACCESS_KEY_ID", "AKIA"),
                ("AWS_SECRET_ACCESS_KEY", "canary"),
                ("AWS_ENDPOINT_URL", "https://elsewhere"),
                ("AWS_ALLOW_HTTP", "true"),
                ("GOOGLE_SERVICE_ACCOUNT", "/x"),
                ("GOOGLE_BASE_URL", "https://elsewhere"),
                ("AZURE_STORAGE_ACCOUNT_NAME", "a"),
                ("AZURE_STORAGE_ENDPOINT", "https://elsewhere"),
            ],
            "/",
        );
        let found = process_env.credentials();
        let names: Vec<_> = found.variables().keys().map(String::as_str).collect();
        let expected = [
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AZURE_STORAGE_ACCOUNT_NAME",
            "GOOGLE_SERVICE_ACCOUNT",
        ];
        assert_eq!(names, expected);
        assert!(!format!("{found:?}").contains("canary"));
    }

    #[test]
    fn f53_arguments_are_told_without_urls() {
        let arguments =
            ["-q", "upgrade", "--database-url=postgres://a:canary@b/c", "postgres://a:canary@b", "--yes"];
        let shown = arguments_without_urls(&arguments.map(str::to_owned), "upgrade");
        assert_eq!(shown, "-q --database-url=(a URL) (a URL) --yes");
    }

    #[test]
    fn an_empty_variable_is_unset() {
        assert_eq!(ProcessEnv::new([("DATABASE_URL", "")], "/").variable("DATABASE_URL"), None);
    }
}
