//! `scratch`: the throwaway server, in which a model is compiled and migrations are rehearsed.

use super::super::examination::{DoctorExamination, Examined, Examining, Grade, TimeLimit};
use super::super::surroundings::{Surroundings, failure_of};
use crate::postgres::scratch::Scratch;
use crate::workflow::project_model;

pub(in super::super) const EXAMINATION: DoctorExamination = DoctorExamination {
    name: "scratch",
    help: "The throwaway server that compile, rehearse and backup verify start: it is started and removed. In production it is \
           not needed while trueup.lock is up to date, so that its absence is a warning.",
    needs: &[],
    limit: TimeLimit::Of(60),
    is_finished_first: false,
    examine,
};

fn examine<'a>(around: &'a mut Surroundings<'_>) -> Examining<'a> {
    Box::pin(async move {
        let options = project_model::scratch_options(around.settings);
        let started = async {
            let scratch = Scratch::start(&options).await?;
            let version = scratch.version();
            let place = scratch.bin_dir().map(|dir| dir.display().to_string());
            scratch.stop().await?;
            anyhow::Ok((version, place))
        };
        Ok(match started.await.map_err(failure_of) {
            Ok((version, Some(dir))) => {
                Examined::ok(format!("PostgreSQL {version} in {dir} was started and removed"))
            }
            Ok((version, None)) => Examined::ok(format!("PostgreSQL {version}, the server of --scratch-url")),
            Err(failure) => Examined::default().and_failure(Grade::Warn, &failure),
        })
    })
}
