//! `identity`: whether the database is marked as the one that is meant.

use super::super::examination::{DoctorExamination, Examined, Examining, Grade, TimeLimit};
use super::super::surroundings::Surroundings;
use crate::workflow::environment_mark;

pub(in super::super) const EXAMINATION: DoctorExamination = DoctorExamination {
    name: "identity",
    help: "The environment and the project that the database is marked as, beside those that were asked for. \
           `trueup environment set` marks a database.",
    needs: &["project", "authentication"],
    limit: TimeLimit::Of(5),
    is_finished_first: false,
    examine,
};

fn examine<'a>(around: &'a mut Surroundings<'_>) -> Examining<'a> {
    Box::pin(async move {
        let settings = around.settings;
        let Some(status) = around.status.as_ref() else {
            return Ok(Examined::not_asked("history failed"));
        };
        let (mark, database) = (status.mark(), &status.identity.database);
        environment_mark::refuse_foreign(settings, mark, database)?;
        environment_mark::expect(settings, mark, database)?;
        let marked = mark.and_then(|mark| mark.environment.as_deref());
        let asked = settings.environment.as_ref().map(|found| found.name.as_str());
        let what = match (marked, asked) {
            (Some(marked), _) => format!("database {database}, marked as environment {marked}"),
            (None, Some(asked)) => format!("database {database} has no mark; {asked} was asked for"),
            (None, None) => format!("database {database} has no mark, and no environment was asked for"),
        };
        let examined = Examined::ok(what);
        Ok(match environment_mark::note(settings, around.target()?, mark) {
            Some(note) => examined.and(Grade::Warn, "copy", note, "look at the URL, or mark the copy"),
            None => examined,
        })
    })
}
