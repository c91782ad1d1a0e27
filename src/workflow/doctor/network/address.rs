//! `address`: the connection URL.

use super::super::examination::{DoctorExamination, Examined, Examining, TimeLimit};
use super::super::surroundings::Surroundings;
use crate::error::ErrorCode;

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
        let unknown =
            settings.wrong.iter().find(|failure| failure.code == Some(ErrorCode::ENVIRONMENT_UNKNOWN));
        if unknown.is_some() && settings.url_source() != "--database-url" {
            return Ok(Examined::not_asked("the environment is not known, and so which database is meant"));
        }
        let target = settings.target()?;
        let what = format!("{target}, from {}", settings.url_source());
        let examined = Examined::ok(what).details(target.notes().iter().cloned());
        around.target = Some(target);
        Ok(examined)
    })
}
