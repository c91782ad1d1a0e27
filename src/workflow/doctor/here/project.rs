//! `project`: the directory, and whether `trueup.lock` is up to date.

use super::super::examination::{DoctorExamination, Examined, Examining, TimeLimit};
use super::super::surroundings::{Surroundings, failure_of};
use crate::error::{ErrorCode, Failure};
use crate::model::{LockFile, Sources};
use crate::project::Settings;
use crate::workflow::project_model;

pub(in super::super) const EXAMINATION: DoctorExamination = DoctorExamination {
    name: "project",
    help: "The project directory, and whether trueup.lock is what schema/ and migrations/ compile to: without it, every command \
           that needs the declared schema compiles it first, which needs a throwaway server.",
    needs: &[],
    limit: TimeLimit::Of(15),
    is_finished_first: false,
    examine,
};

fn examine<'a>(around: &'a mut Surroundings<'_>) -> Examining<'a> {
    Box::pin(async move {
        let settings = around.settings;
        let missing =
            settings.wrong.iter().find(|failure| failure.code == Some(ErrorCode::PROJECT_NOT_FOUND));
        if let Some(missing) = missing {
            return Err(missing.clone());
        }
        let copy = settings.clone();
        let reading = tokio::task::spawn_blocking(move || examined(&copy));
        reading.await.map_err(|error| failure_of(error.into()))?
    })
}

fn examined(settings: &Settings) -> Result<Examined, Failure> {
    let project = &settings.project;
    let sources = Sources::read_any(&project.dir, &project.migrations_dir, project.tool_source())?;
    let lock = LockFile::open(&project.lock_path)?;
    let reasons = project_model::stale(settings, lock.as_ref().map(LockFile::head), &sources);
    let name = project.called();
    Ok(match reasons.split_first() {
        None => Examined::ok(format!("{name} in {}; trueup.lock is up to date", project.dir.display())),
        Some((first, others)) => {
            let more = if others.is_empty() {
                String::new()
            } else {
                format!(" (and {} more reasons)", others.len())
            };
            let next = "run `trueup compile`, and commit trueup.lock";
            Examined::warn("lock", format!("{first}{more}"), next).details(reasons.clone())
        }
    })
}
