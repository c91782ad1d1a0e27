//! Compares a restored database with the backup: every object of the catalog, the rows of every table, the large
//! objects.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use smol_str::SmolStr;

use super::super::catalog;
use super::super::manifest::{BackedUpRelation, Manifest, Scope};
use super::super::pg_dump_errors;
use super::super::progress::{BackupObserver, BackupProgress};
use super::super::snapshot::BackupSnapshot;
use super::archive::{VerifiedArchive, major_of};
use super::derived::Derivation;
use crate::error::{ErrorCode, Exit, Failure};
use crate::model::diff::{self, States};
use crate::model::{Effect, effects_from_text};
use crate::postgres::catalog::{Attribute, Catalog, Kind, ObjectId};
use crate::postgres::connection::{self, ServerVersion, Target};
use crate::postgres::sql::split_qualified;
use crate::text::short_id;

/// The catalog of the database that was backed up.
///
/// # Errors
/// Exit 4: its text cannot be read.
pub(super) fn expected_catalog(backup: &VerifiedArchive<'_>) -> Result<Catalog, Failure> {
    let effects = effects_from_text(&backup.catalog).map_err(|why| {
        Failure::new(
            Exit::Refused,
            format!(
                "the schema beside the archive of backup {} cannot be read: {why}; nothing was changed",
                short_id(&backup.manifest.id)
            ),
        )
        .code(ErrorCode::BACKUP_DAMAGED)
        .next("use the trueup that took the backup, or a newer one")
    })?;
    let created = effects.into_iter().filter_map(|effect| match effect {
        Effect::Created(object) => Some(object),
        _ => None,
    });
    Ok(Catalog::new(created.collect(), Vec::new()))
}

/// Whether a partition is partitioned itself.
pub(super) fn has_nested_partitions(catalog: &Catalog) -> bool {
    let partitions = || catalog.objects.iter().filter(|object| object.id.kind == Kind::Table);
    let parents: BTreeSet<&str> =
        partitions().filter_map(|object| object.get(Attribute::PartitionOf)).collect();
    partitions().any(|object| {
        object.get(Attribute::PartitionOf).is_some() && parents.contains(object.id.to_string().as_str())
    })
}

/// Whether the database had the schema `public`, which every new database has.
pub(super) fn has_public(expected: &Catalog) -> bool {
    expected.get(&ObjectId::bare(Kind::Schema, "public")).is_some()
}

/// Compares a restored database with its backup. Where something is missing already, what else the catalog lacks is a
/// consequence, and is added to it; the rows have to be equal.
///
/// # Errors
/// Exit 5: they differ; the error names the differences.
pub(super) async fn prove(
    backup: &VerifiedArchive<'_>,
    expected: &Catalog,
    (target, application): (&Target, &str),
    derivation: &mut Derivation,
    observer: &mut dyn BackupObserver,
) -> Result<()> {
    observer.progress(&BackupProgress { doing: "comparing with the backup", ..BackupProgress::default() });
    let manifest = backup.manifest;
    let mut snapshot = BackupSnapshot::open(target, application, None, None).await?;
    let version = snapshot.session().server_version()?;
    let mut wrong = Vec::new();
    if manifest.scope == Scope::Full {
        let found = catalog::read(snapshot.session(), version).await;
        let found =
            found.map_err(|error| connection::server_failure(error, "reading the restored catalog"))?;
        let differences = objects(&found, version, expected, manifest);
        match derivation.missing.is_empty() {
            true => wrong.extend(differences),
            false => derivation.missing.extend(differences),
        }
        if let Some(objects) = manifest.large_objects.filter(|objects| *objects != snapshot.large_objects) {
            wrong.push(format!("{} large objects, not {objects}", snapshot.large_objects));
        }
    }
    let relations = snapshot.count(&manifest.scope).await?;
    let is_complete = derivation.missing.is_empty();
    wrong.extend(rows(&relations, manifest, |relation| is_complete || relation.rows.is_some()));
    snapshot.close().await?;
    if wrong.is_empty() {
        return Ok(());
    }
    Err(Failure::new(
        Exit::RolledBack,
        format!("the restored database does not match the backup: {}", pg_dump_errors::first_of(&wrong)),
    )
    .code(ErrorCode::RESTORE_NOT_PROVED)
    .next("use another backup: trueup backup list")
    .into())
}

fn objects(found: &Catalog, version: ServerVersion, expected: &Catalog, manifest: &Manifest) -> Vec<String> {
    let source = major_of(&manifest.source.server_version).unwrap_or(version);
    let aligned = diff::align_majors(found, version, source, &expected.objects);
    let found = aligned.as_ref().unwrap_or(found);
    let states = States { live: found, applied: expected, last: expected, model: expected };
    let differences = diff::compare(states);
    let words = differences.iter().filter_map(|difference| {
        let (is, was) = (difference.live.as_ref(), difference.model.as_ref());
        diff::deviation(&difference.id, is, was, Attribute::is_compared)
    });
    words.collect()
}

/// How the relations differ from those of the backup, of those that are compared.
fn rows(
    found: &[BackedUpRelation],
    manifest: &Manifest,
    is_compared: impl Fn(&BackedUpRelation) -> bool,
) -> Vec<String> {
    // Which names are quoted depends on the release, because it decides which words are keywords: compare the parts.
    let parts = |name: &str| split_qualified(name).unwrap_or_else(|| vec![SmolStr::new(name)]);
    let mut there: BTreeMap<Vec<SmolStr>, Option<u64>> = found
        .iter()
        .filter(|found| is_compared(found))
        .map(|found| (parts(&found.name), found.rows))
        .collect();
    let mut wrong = Vec::new();
    let expected = manifest.relations.iter().filter(|relation| is_compared(relation));
    for BackedUpRelation { name, rows: expected, .. } in expected {
        match there.remove(&parts(name)) {
            None => wrong.push(format!("{name} is not there")),
            Some(rows) if rows != *expected => {
                let count = |rows: Option<u64>| rows.map_or_else(|| "no".to_owned(), |rows| rows.to_string());
                wrong.push(format!("{name} has {} rows, not {}", count(rows), count(*expected)));
            }
            Some(_) => {}
        }
    }
    wrong.extend(there.into_keys().map(|name| format!("{} is there", name.join("."))));
    wrong
}
