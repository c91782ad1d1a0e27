//! Which databases a reset may drop: those of development and tests.

use anyhow::Result;

use crate::error::{ErrorCode, Exit, Failure};
use crate::postgres::connection::{RowError, Target, server_failure};
use crate::project::Settings;
use crate::workflow::environment_mark;
use crate::workflow::write_command::WriteCommand;
use crate::writer::Mark;

/// The environments whose databases may be dropped.
const DISPOSABLE: [&str; 2] = ["development", "test"];

/// Whether the server, too, says that the connection does not leave the machine: a tunnel to another machine begins at a
/// loopback address here, and ends at an address of that machine.
const IS_HERE: &str = "SELECT inet_server_addr() IS NULL OR inet_server_addr() <<= '127.0.0.0/8' \
                       OR inet_server_addr() <<= '::1/128' AS here";

/// Refuses a database that is not marked as one of development or tests. One that has no mark has to be on this machine.
///
/// # Errors
/// Exit 4. Exit 3: the server does not answer.
pub(super) async fn refuse_others(
    settings: &Settings,
    mark: Option<&Mark>,
    writing: &mut WriteCommand<'_>,
) -> Result<()> {
    environment_mark::expect(settings, mark, &writing.writer.server().database)?;
    refuse_environment(settings, mark, &writing.writer.server().database)?;
    if mark.is_some_and(|mark| mark.environment.is_some()) {
        return Ok(());
    }
    let rows = writing.writer.query_control(IS_HERE).await;
    let rows = rows.map_err(|error| server_failure(error, "asking for the server's address"))?;
    let is_here: bool = rows.first().ok_or(RowError::NoRow)?.get("here")?;
    refuse_elsewhere(&writing.target, is_here, &writing.writer.server().database)?;
    Ok(())
}

/// Refuses what the mark, the settings or `--env` say to be another environment.
fn refuse_environment(settings: &Settings, mark: Option<&Mark>, database: &str) -> Result<(), Failure> {
    let marked = mark.and_then(|mark| mark.environment.as_deref());
    let asked = settings.environment.as_ref().map(|environment| environment.name.as_str());
    if let Some(environment) = environment_mark::protected(settings, mark) {
        let what = format!(
            "environment {} is protected, and a reset drops all tables of database {database}; nothing was changed",
            environment.name
        );
        return Err(refused(what, "to apply pending migrations: trueup upgrade".to_owned()));
    }
    for (name, says) in [(marked, "is marked as"), (asked, "is asked for as")] {
        let Some(name) = name.filter(|name| !DISPOSABLE.contains(name)) else { continue };
        let what = format!(
            "database {database} {says} environment {name}, and a reset drops all tables: it is for environments \
             {} alone; nothing was changed",
            DISPOSABLE.join(" and ")
        );
        return Err(refused(what, format!("look at {}; {}", settings.url_source(), mark_it())));
    }
    Ok(())
}

/// Refuses a database without a mark that may be on another machine.
fn refuse_elsewhere(target: &Target, is_here: bool, database: &str) -> Result<(), Failure> {
    let why = match (target.is_local(), is_here) {
        (true, true) => return Ok(()),
        (false, _) => format!("it is on {}", target.place()),
        (true, false) => {
            "its server has another address than the one that was asked for: this may be a tunnel to another machine, \
             or a container"
                .to_owned()
        }
    };
    let what = format!(
        "database {database} is not marked as an environment, and {why}; a reset drops all tables; nothing was changed"
    );
    Err(refused(what, mark_it()))
}

fn mark_it() -> String {
    "if this is a database of development whose rows nobody misses: trueup environment set development"
        .to_owned()
}

fn refused(what: String, next: String) -> Failure {
    Failure::new(Exit::Refused, what).code(ErrorCode::RESET_NOT_ALLOWED).next(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_without_a_mark_has_to_be_on_this_machine() {
        let refused = |url: &str, is_here| {
            let target = Target::parse(url).expect("a URL");
            refuse_elsewhere(&target, is_here, "shop").err().map(|failure| failure.what)
        };
        for url in [
            "postgres://a@localhost/shop",
            "postgres://a@[::1]/shop",
            "postgres://a@/shop?host=/run/postgresql",
        ] {
            assert_eq!(refused(url, true), None, "{url}");
        }
        let tunnel = refused("postgres://a@localhost:6543/shop", false).expect("a tunnel");
        assert!(tunnel.contains("may be a tunnel to another machine"), "{tunnel}");
        let elsewhere = refused("postgres://a@db.example.com/shop", true).expect("another machine");
        assert!(elsewhere.contains("it is on db.example.com"), "{elsewhere}");
    }
}
