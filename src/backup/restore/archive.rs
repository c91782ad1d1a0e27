//! Reads an archive out of its store: verifies its hashes before anything else is done, finds out what it requires of
//! a server, and hands it to `pg_restore`.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context as _, Result};

use super::super::catalog::CATALOG;
use super::super::dump::{ARCHIVE, DIRECTORY};
use super::super::full_read::ArchiveReader;
use super::super::manifest::{BackupFormat, Manifest, Scope};
use super::super::programs::Programs;
use super::super::progress::{BackupObserver, BackupProgress};
use super::super::store::Store;
use super::super::verify_member::verify_member;
use super::requirements::ArchiveRequirements;
use crate::error::{Exit, Failure, with_failure};
use crate::postgres::connection::ServerVersion;
use crate::text::short_id;

/// A backup whose stored bytes were verified.
#[derive(Debug)]
pub struct VerifiedArchive<'s> {
    pub(super) store: &'s Store,
    pub(super) manifest: &'s Manifest,
    pub(super) programs: &'s Programs,
    pub(super) needs: ArchiveRequirements,
    /// The text of `catalog.jsonl`.
    pub(super) catalog: String,
    /// The table of contents to restore, where only a part of the archive is restored.
    pub(super) list: Option<String>,
}

impl<'s> VerifiedArchive<'s> {
    /// Reads the whole backup, and compares it with the manifest.
    ///
    /// # Errors
    /// Exit 4: it is not what was stored, or no archive that can be restored; nothing was changed.
    pub async fn read(
        store: &'s Store,
        manifest: &'s Manifest,
        programs: &'s Programs,
        observer: &mut dyn BackupObserver,
    ) -> Result<Self> {
        restorable(manifest)?;
        Self::read_all(store, manifest, programs, observer).await.map_err(|error| {
            with_failure(error, |failure| match failure.exit {
                Exit::RolledBack => {
                    let what = format!("{}; nothing was restored, and nothing was changed", failure.what);
                    let next = "use another backup: trueup backup list".to_owned();
                    Failure { exit: Exit::Refused, what, next, ..failure }
                }
                _ => failure,
            })
        })
    }

    async fn read_all(
        store: &'s Store,
        manifest: &'s Manifest,
        programs: &'s Programs,
        observer: &mut dyn BackupObserver,
    ) -> Result<Self> {
        let mut progress =
            BackupProgress { doing: "hashing", total: manifest.bytes, ..BackupProgress::default() };
        // A member that the manifest does not name has no hash.
        manifest.member(CATALOG)?;
        match manifest.kind {
            BackupFormat::Directory => manifest.member(&format!("{DIRECTORY}/toc.dat"))?,
            _ => manifest.member(ARCHIVE)?,
        };
        for member in &manifest.members {
            verify_member(store, manifest, member, Vec::new(), &mut progress, observer).await?;
        }
        let partial = manifest.scope != Scope::Full;
        let script = pg_restore_text(store, manifest, programs, &SCRIPT).await?;
        let needs = ArchiveRequirements::of(&script).map_err(|why| {
            Failure::new(Exit::RolledBack, format!("the definitions in the archive cannot be read: {why}"))
        })?;
        let list =
            if partial { Some(pg_restore_text(store, manifest, programs, &["--list"]).await?) } else { None };
        let catalog = member_text(store, manifest, CATALOG).await?;
        Ok(Self { store, manifest, programs, needs, catalog, list: list.as_deref().map(tables_alone) })
    }

    /// The manifest of the backup.
    pub fn manifest(&self) -> &'s Manifest {
        self.manifest
    }

    /// The path of the archive; `None` where it is in an object store.
    pub(super) fn path(&self) -> Option<PathBuf> {
        let member = if self.manifest.kind == BackupFormat::Directory { DIRECTORY } else { ARCHIVE };
        self.store.path(&self.manifest.id, member)
    }

    /// Verifies the hashes once more: they prove that what was restored is what was verified before.
    pub(super) async fn verify_again(&self, observer: &mut dyn BackupObserver) -> Result<()> {
        let total = self.manifest.bytes;
        let mut progress = BackupProgress { doing: "hashing again", total, ..BackupProgress::default() };
        for member in &self.manifest.members {
            verify_member(self.store, self.manifest, member, Vec::new(), &mut progress, observer).await?;
        }
        Ok(())
    }
}

/// The arguments that print the definitions without the rows.
const SCRIPT: [&str; 3] = ["--section=pre-data", "--section=post-data", "--file=-"];

/// The major version of the `pg_dump` that wrote the archive.
///
/// # Errors
/// Exit 4: the backup has no archive of `pg_dump`.
pub fn written_by(manifest: &Manifest) -> Result<ServerVersion, Failure> {
    restorable(manifest)?;
    let version = manifest.tools.pg_dump.as_deref().unwrap_or_default();
    major_of(version).ok_or_else(|| {
        Failure::new(
            Exit::Refused,
            format!(
                "backup {} was made by a pg_dump {version:?}; nothing was changed",
                short_id(&manifest.id)
            ),
        )
    })
}

/// The first version number of a major version: 150000 for `15.18`.
pub(super) fn major_of(version: &str) -> Option<ServerVersion> {
    let digits = version.find(|found: char| !found.is_ascii_digit()).unwrap_or(version.len());
    version[..digits].parse::<u32>().ok().map(|major| ServerVersion(major * 10_000))
}

fn restorable(manifest: &Manifest) -> Result<(), Failure> {
    match &manifest.reference {
        Some(reference) => Err(Failure::new(
            Exit::Refused,
            format!(
                "backup {} was taken elsewhere, as {reference}; nothing was changed",
                short_id(&manifest.id)
            ),
        )
        .next(format!("restore {reference} there, then: trueup check"))),
        None => Ok(()),
    }
}

async fn pg_restore_text(
    store: &Store,
    manifest: &Manifest,
    programs: &Programs,
    what: &[&str],
) -> Result<String> {
    let mut command = programs.command("pg_restore");
    command.args(what);
    let member = if manifest.kind == BackupFormat::Directory { DIRECTORY } else { ARCHIVE };
    if let Some(path) = store.path(&manifest.id, member) {
        command.arg(path).stdin(Stdio::null());
        return ArchiveReader::of_text(command)?.finish("its definitions").await;
    }
    if manifest.kind == BackupFormat::Directory {
        let what = "an archive in a directory is restored from a local store alone; nothing was changed";
        return Err(Failure::new(Exit::Refused, what).next("copy it to a local directory").into());
    }
    command.stdin(Stdio::piped());
    let mut reader = ArchiveReader::of_text(command)?;
    let mut inputs = vec![&mut reader.input];
    // The definitions come first in an archive: `pg_restore` closes its input before the rows are read.
    let mut download = store.open(&manifest.id, ARCHIVE).await?;
    while let Some(chunk) = download.chunk().await? {
        for input in &mut inputs {
            super::super::full_read::feed(input, &chunk).await?;
        }
        if inputs.iter().all(|input| input.is_none()) {
            break;
        }
    }
    reader.finish("its definitions").await
}

async fn member_text(store: &Store, manifest: &Manifest, member: &str) -> Result<String> {
    let mut download = store.open(&manifest.id, member).await?;
    let mut bytes = Vec::new();
    while let Some(chunk) = download.chunk().await? {
        bytes.extend_from_slice(&chunk);
    }
    String::from_utf8(bytes).with_context(|| format!("{member} of backup {}", short_id(&manifest.id)))
}

/// The table of contents without what needs other tables: foreign keys, triggers, policies and rules.
fn tables_alone(list: &str) -> String {
    const LEFT_OUT: [&str; 5] = ["FK CONSTRAINT", "TRIGGER", "POLICY", "ROW SECURITY", "RULE"];
    let stays = |line: &&str| {
        let what = line.split_once("; ").and_then(|(_, rest)| rest.splitn(3, ' ').nth(2)).unwrap_or_default();
        !LEFT_OUT.iter().any(|kind| what.starts_with(kind))
    };
    list.lines().filter(stays).map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hangs_on_other_tables_is_left_out() {
        let list = "; Archive\n214; 1259 16385 TABLE public a postgres\n3; 2606 1 FK CONSTRAINT public a a_fkey postgres\n\
                    4; 2620 2 TRIGGER public a t postgres\n5; 0 16385 TABLE DATA public a postgres\n";
        assert_eq!(tables_alone(list).lines().count(), 3);
    }

    #[test]
    fn the_major_of_a_version_is_read() {
        assert_eq!(major_of("15.18"), Some(ServerVersion(150_000)));
        assert_eq!(major_of("18beta1"), Some(ServerVersion(180_000)));
        assert_eq!(major_of("x"), None);
    }
}
