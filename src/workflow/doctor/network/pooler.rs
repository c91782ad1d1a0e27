//! `pooler`: whether a transaction-pooling proxy is in between.

use super::super::examination::{DoctorExamination, Examined, Examining, Grade, TimeLimit};
use super::super::surroundings::{Surroundings, failure_of};
use crate::writer;

pub(in super::super) const EXAMINATION: DoctorExamination = DoctorExamination {
    name: "pooler",
    help: "Whether a transaction-pooling proxy (PgBouncer, pgcat, RDS Proxy) is between here and the server. Reading commands \
           work through one; commands that write, and backups, refuse it, because locks and settings would belong to whoever \
           gets the session next. It is found by two connections that are compared, and one with sessions to spare may be missed.",
    needs: &["authentication"],
    limit: TimeLimit::Connecting,
    is_finished_first: false,
    examine,
};

fn examine<'a>(around: &'a mut Surroundings<'_>) -> Examining<'a> {
    Box::pin(async move {
        let looked = writer::no_pooler_before(around.target()?, &around.settings.application()).await;
        Ok(match looked.map_err(failure_of) {
            Ok(()) => Examined::ok("none was seen"),
            Err(failure) => Examined::default().and_failure(Grade::Warn, &failure),
        })
    })
}
