//! `pg_dump`: PostgreSQL's programs for backups, beside the server's major.

use super::super::examination::{DoctorExamination, Examined, Examining, Grade, TimeLimit};
use super::super::surroundings::{Surroundings, failure_of};
use crate::backup::Programs;
use crate::postgres::connection::ServerVersion;
use crate::project::{BackupKind, BackupRequired};
use crate::workflow::backup_store;

pub(in super::super) const EXAMINATION: DoctorExamination = DoctorExamination {
    name: "pg_dump",
    help: "pg_dump and pg_restore: where they are, and whether they can dump this server: those of its own major, else of the \
           next newer one. Where the project takes no backups by them, that they are missing is a warning.",
    needs: &[],
    limit: TimeLimit::Of(15),
    is_finished_first: false,
    examine,
};

fn examine<'a>(around: &'a mut Surroundings<'_>) -> Examining<'a> {
    Box::pin(async move {
        let settings = around.settings;
        let (server, bin_dir) = (around.version, backup_store::programs(settings).map(ToOwned::to_owned));
        let oldest = ServerVersion(*ServerVersion::SUPPORTED.start() * 10_000);
        let finding =
            tokio::task::spawn_blocking(move || Programs::find(bin_dir.as_deref(), server.unwrap_or(oldest)));
        let backup = &settings.backup;
        let is_needed = backup.kind != BackupKind::Command && backup.required != BackupRequired::Never;
        Ok(match finding.await.map_err(|error| failure_of(error.into()))? {
            Err(failure) => {
                Examined::default().and_failure(if is_needed { Grade::Fail } else { Grade::Warn }, &failure)
            }
            Ok(programs) => {
                let (version, dir) = (programs.version(), programs.dir().display());
                Examined::ok(match server {
                    None => format!("{version} in {dir}; which one is used, the server's version decides"),
                    Some(server) if server.major() == version.major() => format!("{version} in {dir}"),
                    Some(server) => {
                        format!(
                            "{version} in {dir}, for a server of {}: none of its own major was found",
                            server.major()
                        )
                    }
                })
            }
        })
    })
}
