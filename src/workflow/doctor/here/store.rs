//! `store`: whether a backup can be written to the store, read and removed: by a probe.

use super::super::examination::{DoctorExamination, Examined, Examining, Grade, TimeLimit};
use super::super::surroundings::{Surroundings, failure_of};
use crate::project::BackupRequired;
use crate::workflow::backup_store;

pub(in super::super) const EXAMINATION: DoctorExamination = DoctorExamination {
    name: "store",
    help: "The store of backups: a probe is written, read and removed again, also when trueup is interrupted meanwhile. Where no \
           change of the project requires a backup, a store that does not work is a warning.",
    needs: &[],
    limit: TimeLimit::Of(15),
    is_finished_first: true,
    examine,
};

fn examine<'a>(around: &'a mut Surroundings<'_>) -> Examining<'a> {
    Box::pin(async move {
        let settings = around.settings;
        let probed = async {
            let store = backup_store::store(settings).map_err(failure_of)?;
            let location = store.location();
            store.probe().await.map_err(failure_of)?;
            Ok(location)
        };
        let is_needed = settings.backup.required != BackupRequired::Never;
        Ok(match probed.await {
            Ok(location) => Examined::ok(format!("{location}: a probe was written, read and removed")),
            Err(failure) => {
                Examined::default().and_failure(if is_needed { Grade::Fail } else { Grade::Warn }, &failure)
            }
        })
    })
}
