//! `settings`: whether `trueup.toml`, flags and variables can be read, and what is ignored of the environment.

use super::super::examination::{DoctorExamination, Examined, Examining, Grade, TimeLimit};
use super::super::surroundings::Surroundings;
use crate::error::ErrorCode;
use crate::project::Origin;
use crate::text::plural;

pub(in super::super) const EXAMINATION: DoctorExamination = DoctorExamination {
    name: "settings",
    help: "Whether trueup.toml can be read, and whether --env names one of its environments. A section with an error has its \
           defaults here; every other command refuses the file. PG* variables other than PGPASSWORD and PGPASSFILE are ignored.",
    needs: &[],
    limit: TimeLimit::Of(5),
    is_finished_first: false,
    examine,
};

fn examine<'a>(around: &'a mut Surroundings<'_>) -> Examining<'a> {
    Box::pin(async move {
        let settings = around.settings;
        let list = settings.list();
        let of_file = list.iter().filter(|setting| matches!(setting.origin, Origin::File(_))).count();
        let given = list.iter().filter(|setting| setting.origin.is_given()).count();
        let mut what = format!(
            "{} from trueup.toml, {} from elsewhere, the others by default",
            of_file,
            given - of_file
        );
        let ignored = &settings.ignored_variables;
        if !ignored.is_empty() {
            what.push_str(&format!(
                "; {} ignored: {}",
                plural(ignored.len(), "variable"),
                ignored.join(", ")
            ));
        }
        let wrong =
            settings.wrong.iter().filter(|failure| failure.code != Some(ErrorCode::PROJECT_NOT_FOUND));
        Ok(wrong.fold(Examined::ok(what), |examined, failure| examined.and_failure(Grade::Fail, failure)))
    })
}
