//! How the tool is told which database it works on, and where its migrations are.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use url::Url;

use crate::error::{ErrorCode, Failure};
use crate::migrations::tools::{DIR, MigrationTool, Place, REVISION, URL, UrlForm};
use crate::postgres::connection::Target;
use crate::postgres::programs::variable;
use crate::project::Settings;

/// Parameters of a URL that are a secret.
const SECRETS: [&str; 2] = ["password", "sslpassword"];

/// The command that applies all pending migrations: that of the settings, else the tool's usual one.
///
/// # Errors
/// As [`filled`].
pub(super) fn apply_command(settings: &Settings, tool: MigrationTool) -> Result<Vec<String>, Failure> {
    let words = match settings.migrations.command.as_slice() {
        [] => usual(settings, tool, tool.apply_arguments()),
        chosen => chosen.to_vec(),
    };
    filled(settings, tool, &words, &[])
}

/// The tool's usual program with these arguments.
pub(super) fn usual(settings: &Settings, tool: MigrationTool, arguments: &[&str]) -> Vec<String> {
    let mut words = program(settings, tool);
    words.extend(arguments.iter().map(|word| (*word).to_owned()));
    words
}

/// A command with values in the place of its placeholders. No argument has a password: other users of the machine see them.
///
/// # Errors
/// Exit 2: the connection URL has a part that is not percent-encoded, so that the tool could read another database from it.
pub(super) fn filled(
    settings: &Settings,
    tool: MigrationTool,
    words: &[String],
    values: &[(&str, &str)],
) -> Result<Vec<String>, Failure> {
    let url = match words.iter().any(|word| word.contains(URL)) {
        true => without_password(settings.url().unwrap_or_default()).ok_or_else(|| {
            Failure::usage(format!("the connection URL cannot be given to {tool}: it is not a URL"))
                .code(ErrorCode::USAGE_ARGUMENTS)
                .next("percent-encode the special characters in it: @ is %40, / is %2F, % is %25")
        })?,
        false => String::new(),
    };
    let dir = settings.project.migrations_dir.display().to_string();
    let all = [&[(URL, url.as_str()), (DIR, dir.as_str())], values].concat();
    let fill = |word: &String| all.iter().fold(word.clone(), |word, (from, to)| word.replace(from, to));
    Ok(words.iter().map(fill).collect())
}

/// A command for a revision, which stands in the place of [`REVISION`].
pub(super) fn of_revision(command: &[String], revision: &str) -> Vec<String> {
    command.iter().map(|word| word.replace(REVISION, revision)).collect()
}

/// The command as a shell takes it.
pub(super) fn shown(command: &[String]) -> String {
    shlex::try_join(command.iter().map(String::as_str)).unwrap_or_else(|_| command.join(" "))
}

/// Refuses a directory that is not there: the tool could not be started, and the system would name no reason.
///
/// # Errors
/// Exit 2.
pub(super) fn refuse_missing_directory(settings: &Settings) -> Result<(), Failure> {
    let directory = working_directory(settings);
    if directory.is_dir() {
        return Ok(());
    }
    Err(Failure::usage(format!("{}: there is no such directory; nothing was changed", directory.display()))
        .code(ErrorCode::PROJECT_FILE_INVALID)
        .next("name the directory that the tool is run in: [migrations] working_directory in trueup.toml"))
}

/// The directory in which the tool is run.
pub(super) fn working_directory(settings: &Settings) -> PathBuf {
    settings.project.dir.join(&settings.migrations.working_directory)
}

/// The program of a tool whose migrations are programs, with the arguments that come before all others: that of the
/// settings, else the tool's own, from the project where that has it.
pub(super) fn program(settings: &Settings, tool: MigrationTool) -> Vec<String> {
    let Some(code) = tool.code() else { return Vec::new() };
    if !settings.migrations.program.is_empty() {
        return settings.migrations.program.clone();
    }
    let mut words: Vec<String> = code.program.iter().map(|word| (*word).to_owned()).collect();
    if words.is_empty() {
        return words;
    }
    let directory = working_directory(settings);
    let mut installed = code.installed_in.iter().map(|bin| directory.join(bin).join(&words[0]));
    if let Some(program) = installed.find(|path| is_program(path)) {
        words[0] = program.display().to_string();
    } else if words[0] == "python" && !is_there(settings, "python") {
        words[0] = "python3".to_owned();
    }
    words
}

/// The variables that name the database of a URL to the tool, and have the password.
pub(super) fn variables(
    settings: &Settings,
    tool: MigrationTool,
    url: &str,
    target: &Target,
) -> Vec<(String, String)> {
    let plain = without_driver(url);
    let url = match tool.code().map_or(UrlForm::Plain, |code| code.url) {
        UrlForm::Plain | UrlForm::Network => plain.clone(),
        UrlForm::Driver => with_driver(url, settings),
        UrlForm::SocketAsHost => with_socket_as_host(&plain),
    };
    let dir = settings.project.migrations_dir.display().to_string();
    let place = Place {
        url: &plain,
        host: target.host(),
        port: target.port(),
        database: target.database(),
        role: target.role(),
        password: target.password(),
        dir: &dir,
    };
    let port = place.port.to_string();
    let of_libpq =
        [("PGHOST", place.host), ("PGPORT", &port), ("PGUSER", place.role), ("PGDATABASE", place.database)];
    let mut variables: Vec<(String, String)> = tool
        .variables(&place)
        .into_iter()
        .chain(of_libpq.map(|(name, value)| (name, value.to_owned())))
        .chain(place.password.map(|password| ("PGPASSWORD", password.to_owned())))
        .chain([("DATABASE_URL", url.clone())])
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    let values = [
        (URL, url.as_str()),
        ("{host}", place.host),
        ("{port}", &port),
        ("{database}", place.database),
        ("{user}", place.role),
        ("{password}", place.password.unwrap_or_default()),
    ];
    let own = settings.migrations.variables.iter().map(|(name, value)| {
        let value =
            values.iter().fold(value.clone(), |value, (word, stands_for)| value.replace(word, stands_for));
        (name.clone(), value)
    });
    variables.extend(own);
    variables.extend(placeholders(settings));
    variables
}

/// The values of placeholders that are in `trueup.toml`: Flyway takes them before those of its own settings. It does not start
/// with a variable whose name has a dot.
fn placeholders(settings: &Settings) -> impl Iterator<Item = (String, String)> {
    let values = settings.migrations.placeholders.iter().filter(|(name, _)| !name.contains('.'));
    values.map(|(name, value)| (format!("FLYWAY_PLACEHOLDERS_{name}"), value.clone()))
}

/// A URL as SQLAlchemy takes it, with the driver that the settings name, else the connection URL, else the URL itself.
fn with_driver(url: &str, settings: &Settings) -> String {
    let driver_of = |url: &str| {
        let (scheme, _) = url.split_once("://")?;
        scheme.split_once('+').map(|(_, driver)| driver.to_owned())
    };
    let driver = settings.migrations.driver.clone();
    let driver = driver.or_else(|| driver_of(settings.url().unwrap_or_default())).or_else(|| driver_of(url));
    let driver = driver.map(|driver| format!("+{driver}")).unwrap_or_default();
    match url.split_once("://") {
        Some((_, rest)) => format!("postgresql{driver}://{rest}"),
        None => url.to_owned(),
    }
}

/// A URL whose `host` parameter is the directory of a socket, with that directory in the place of the host.
fn with_socket_as_host(url: &str) -> String {
    let Some((base, query)) = url.split_once('?') else { return url.to_owned() };
    let Some((scheme, rest)) = base.split_once("://") else { return url.to_owned() };
    let mut directory = None;
    let kept: Vec<&str> = query
        .split('&')
        .filter(|pair| match pair.strip_prefix("host=") {
            Some(host) if host.starts_with(['/', '%']) => {
                directory = Some(host.replace('/', "%2F"));
                false
            }
            _ => true,
        })
        .collect();
    let Some(directory) = directory else { return url.to_owned() };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (role, address) = authority
        .rsplit_once('@')
        .map_or((String::new(), authority), |(role, address)| (format!("{role}@"), address));
    let port = address.rsplit_once(':').map(|(_, port)| format!(":{port}")).unwrap_or_default();
    let query = if kept.is_empty() { String::new() } else { format!("?{}", kept.join("&")) };
    format!("{scheme}://{role}{directory}{port}/{path}{query}")
}

/// SQLAlchemy names the driver in the scheme, which other tools do not take: `postgresql+psycopg2://`.
fn without_driver(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => format!("{}://{rest}", scheme.split('+').next().unwrap_or(scheme)),
        None => url.to_owned(),
    }
}

fn without_password(url: &str) -> Option<String> {
    let mut url = Url::parse(&without_driver(url)).ok()?;
    if url.password().is_some() {
        url.set_password(None).ok()?;
    }
    let is_secret = |name: &str| SECRETS.contains(&name);
    if url.query_pairs().any(|(name, _)| is_secret(&name)) {
        let kept: Vec<(String, String)> =
            url.query_pairs().into_owned().filter(|(name, _)| !is_secret(name)).collect();
        url.query_pairs_mut().clear().extend_pairs(kept);
    }
    Some(url.to_string())
}

/// Whether there is such a program: a path, or a name that PATH finds.
pub(super) fn is_there(settings: &Settings, program: &str) -> bool {
    if program.contains('/') {
        return is_program(&working_directory(settings).join(program));
    }
    let path = variable("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| is_program(&directory.join(program)))
}

fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_loses_its_passwords_and_nothing_else() {
        for (url, without) in [
            ("postgres://a:p%40s@h:1/d?sslmode=disable", "postgres://a@h:1/d?sslmode=disable"),
            ("postgres://a@h/d?password=p%40s&sslmode=disable", "postgres://a@h/d?sslmode=disable"),
            ("postgresql:///d?host=/tmp/x", "postgresql:///d?host=/tmp/x"),
            ("postgresql+psycopg2://a:b@h/d", "postgresql://a@h/d"),
        ] {
            assert_eq!(without_password(url).as_deref(), Some(without), "{url}");
        }
        assert_eq!(without_password("host=h dbname=d"), None);
    }

    #[test]
    fn the_directory_of_a_socket_stands_where_the_host_does() {
        for (url, expected) in [
            ("postgresql://a@localhost:5433/d?host=/tmp/x", "postgresql://a@%2Ftmp%2Fx:5433/d"),
            (
                "postgres://a:p%40@/d?sslmode=disable&host=%2Ftmp%2Fx",
                "postgres://a:p%40@%2Ftmp%2Fx/d?sslmode=disable",
            ),
            ("postgresql:///d?host=/tmp", "postgresql://%2Ftmp/d"),
            ("postgresql://a@h:1/d?host=other", "postgresql://a@h:1/d?host=other"),
            ("postgresql://a@h/d", "postgresql://a@h/d"),
        ] {
            assert_eq!(with_socket_as_host(url), expected);
        }
    }
}
