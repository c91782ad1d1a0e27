//! How the tool is told which database it works on, and where its migrations are.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use url::Url;

use crate::error::{ErrorCode, Failure};
use crate::migrations::tools::{DIR, Place, SqlTool, URL};
use crate::postgres::connection::Target;
use crate::postgres::programs::variable;
use crate::project::Settings;

/// Parameters of a URL that are a secret.
const SECRETS: [&str; 2] = ["password", "sslpassword"];

/// The command of the settings, else the tool's usual one. No argument has a password: other users of the machine see them.
///
/// # Errors
/// Exit 2: the connection URL has a part that is not percent-encoded, so that the tool could read another database from it.
pub(super) fn arguments(settings: &Settings, tool: SqlTool) -> Result<Vec<String>, Failure> {
    let dir = settings.project.migrations_dir.display().to_string();
    let words: Vec<&str> = match settings.migrations.command.as_slice() {
        [] => tool.apply_arguments().to_vec(),
        chosen => chosen.iter().map(String::as_str).collect(),
    };
    let url = match words.iter().any(|word| word.contains(URL)) {
        true => without_password(settings.url().unwrap_or_default()).ok_or_else(|| {
            Failure::usage(format!("the connection URL cannot be given to {tool}: it is not a URL"))
                .code(ErrorCode::USAGE_ARGUMENTS)
                .next("percent-encode the special characters in it: @ is %40, / is %2F, % is %25")
        })?,
        false => String::new(),
    };
    Ok(words.into_iter().map(|word| word.replace(URL, &url).replace(DIR, &dir)).collect())
}

/// The command as a shell takes it.
pub(super) fn shown(command: &[String]) -> String {
    shlex::try_join(command.iter().map(String::as_str)).unwrap_or_else(|_| command.join(" "))
}

/// The variables that name the database to the tool, and have the password.
pub(super) fn variables(settings: &Settings, tool: SqlTool, target: &Target) -> Vec<(&'static str, String)> {
    let url = without_driver(settings.url().unwrap_or_default());
    let dir = settings.project.migrations_dir.display().to_string();
    let place = Place {
        url: &url,
        host: target.host(),
        port: target.port(),
        database: target.database(),
        role: target.role(),
        password: target.password(),
        dir: &dir,
    };
    let mut variables = tool.variables(&place);
    variables.extend(target.password().map(|password| ("PGPASSWORD", password.to_owned())));
    variables.push(("DATABASE_URL", url));
    variables
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
    let is_program = |path: &Path| {
        path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    if program.contains('/') {
        return is_program(&settings.project.dir.join(program));
    }
    let path = variable("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| is_program(&directory.join(program)))
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
}
