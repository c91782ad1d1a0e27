//! `store`: whether a backup can be written to the store; by a probe, whether it can be read and removed.

use super::super::examination::{DoctorExamination, Examined, Examining, Grade, TimeLimit};
use super::super::surroundings::{Surroundings, failure_of};
use crate::project::BackupRequired;
use crate::workflow::backup_store;

pub(in super::super) const EXAMINATION: DoctorExamination = DoctorExamination {
    name: "store",
    help: "The store of backups: whether a backup can be written to it; and a probe is written, read and removed again, also when \
           trueup is interrupted meanwhile. That a probe cannot be read or removed in a bucket is a warning: taking backups does \
           not need that. Where no change of the project requires a backup, a store that does not work is a warning, too.",
    needs: &[],
    limit: TimeLimit::Of(15),
    is_finished_first: true,
    examine,
};

fn examine<'a>(around: &'a mut Surroundings<'_>) -> Examining<'a> {
    Box::pin(async move {
        let settings = around.settings;
        if settings.is_unread("backup") {
            return Ok(Examined::not_asked("[backup] cannot be read, and so which store is meant"));
        }
        let probed = async {
            let store = backup_store::store(settings).map_err(failure_of)?;
            let failed = store.probe().await.map_err(failure_of)?;
            Ok((store.location(), failed))
        };
        let is_needed = settings.backup.required != BackupRequired::Never;
        Ok(match probed.await {
            Ok((location, failed)) => {
                let examined = Examined::ok(format!("{location}: a probe was written, read and removed"));
                failed.iter().fold(examined, |examined, failure| examined.and_failure(Grade::Warn, failure))
            }
            Err(failure) => {
                Examined::default().and_failure(if is_needed { Grade::Fail } else { Grade::Warn }, &failure)
            }
        })
    })
}
