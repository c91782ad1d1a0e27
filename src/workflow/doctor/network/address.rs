//! `address`: the connection URL.

use super::super::examination::{DoctorExamination, Examined, Examining, TimeLimit};
use super::super::surroundings::Surroundings;
use crate::error::{ErrorCode, Failure};
use crate::project::Settings;

pub(in super::super) const EXAMINATION: DoctorExamination = DoctorExamination {
    name: "address",
    help: "The connection URL: where it came from, whether it can be read, and whether it is the database that the environment \
           expects. PG* variables, service files and .psqlrc redirect no connection of trueup.",
    needs: &[],
    limit: TimeLimit::Of(5),
    is_finished_first: false,
    examine,
};

fn examine<'a>(around: &'a mut Surroundings<'_>) -> Examining<'a> {
    Box::pin(async move {
        let settings = around.settings;
        if settings.url_source() != "--database-url"
            && let Some(why) = unknown(settings)
        {
            return Ok(Examined::not_asked(why));
        }
        let target = settings.target()?;
        let what = format!("{target}, from {}", settings.url_source());
        let examined = Examined::ok(what).details(target.notes().iter().cloned());
        around.target = Some(target);
        Ok(examined)
    })
}

/// Why it is not known which database is meant.
fn unknown(settings: &Settings) -> Option<&'static str> {
    let is_unknown = |failure: &Failure| failure.code == Some(ErrorCode::ENVIRONMENT_UNKNOWN);
    let wants_environment = settings.environment_asked_for && settings.environment.is_none();
    if wants_environment && settings.is_unread("environments") || settings.wrong.iter().any(is_unknown) {
        return Some("the environment is not known, and so which database is meant");
    }
    settings.is_unread("database").then_some("[database] cannot be read, and so which database is meant")
}
