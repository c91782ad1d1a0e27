//! What refinery itself reads in a migration of the project: the oracle of our names and checksums.
//!
//! refinery defines the names of migration files and the checksums in its history. trueup matches names by a stricter
//! pattern and computes checksums itself, because it needs the forms of a checksum that the linked refinery does not
//! have (see [`super::checksum`]). Before anything is applied, both are compared with what refinery-core makes of the
//! same migration: a history that refinery would reject later is not written.

use refinery_core::Migration as RefineryMigration;

use super::Migration;
use super::checksum::{self, Width};
use crate::error::{Exit, Failure};

/// Checks that refinery reads a migration as trueup does: the version, the name, and the checksum of 8-byte versions,
/// which is the one that this build of refinery-core writes.
///
/// # Errors
/// Exit 4: refinery reads something else. No migration that [`super::read_directory`] accepts is known to lead there.
pub fn check_reads_alike(migration: &Migration) -> Result<(), Failure> {
    let title = migration.id().to_string();
    let read = RefineryMigration::unapplied(&title, &migration.sql)
        .ok()
        .map(|theirs| (i128::from(theirs.version()), theirs.name().to_owned(), theirs.checksum()));
    let ours =
        (i128::from(migration.version), migration.name.clone(), checksum::written(migration, Width::Eight));
    if read == Some(ours) {
        return Ok(());
    }
    let what = format!("{}: refinery does not read this migration as trueup does", migration.path.display());
    Err(Failure::new(Exit::Refused, what)
        .next("rename it: V<version>__<name>.sql, with a name of letters, digits and underscores"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::super::read_directory;
    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        /// What trueup accepts as the name of a migration, refinery reads as the same version and name; and it writes
        /// the same checksum for the text.
        #[test]
        fn refinery_reads_every_accepted_migration_alike(
            version in prop_oneof![0..10_i64, 0..=i64::MAX],
            name in "[a-z_0-9éßЖ]{1,12}|\\PC{1,8}",
            sql in "[ -~\\n]{1,40}",
        ) {
            let directory = tempfile::tempdir().expect("a directory");
            let path = directory.path().join(format!("V{version}__{name}.sql"));
            // A name with a slash or a NUL is no file name.
            if fs::write(&path, &sql).is_ok() {
                for migration in read_directory(directory.path()).unwrap_or_default() {
                    prop_assert!(check_reads_alike(&migration).is_ok(), "{:?}", migration.id().to_string());
                }
            }
        }
    }
}
