//! Tools with one directory for each migration.

use std::path::Path;

use super::names::{numbered, words};
use super::{ToolMigration, ToolMigrations, entries, needs_no_transaction, refuse, text_of};
use crate::error::Failure;

/// `20260102030405_add_users/migration.sql`, in the order of the directories' names.
pub(super) fn prisma(directory: &Path) -> Result<ToolMigrations, Failure> {
    let found = entries(directory)?.into_iter().filter(|(_, path)| path.join("migration.sql").is_file());
    let read = found.map(|(name, directory)| {
        let path = directory.join("migration.sql");
        let up = text_of(&path)?;
        Ok(ToolMigration {
            name: numbered(&name).map_or_else(|| words(&name), |(_, rest)| words(rest)),
            revision: name,
            down: down(&directory)?,
            no_transaction: needs_no_transaction(&up),
            path,
            up,
            is_repeatable: false,
        })
    });
    Ok(ToolMigrations { migrations: Failure::collect(read)?, ..ToolMigrations::default() })
}

/// `2026-01-02-030405_add_users/up.sql`, in the order of the versions; diesel leaves the dashes of a version out.
pub(super) fn diesel(directory: &Path) -> Result<ToolMigrations, Failure> {
    let found = entries(directory)?.into_iter().filter(|(_, path)| path.join("up.sql").is_file());
    let read = found.map(|(name, directory)| {
        let path = directory.join("up.sql");
        let (version, rest) = name.split_once('_').unwrap_or((&name, ""));
        Ok(ToolMigration {
            revision: version.replace('-', ""),
            name: words(rest),
            up: text_of(&path)?,
            down: down(&directory)?,
            no_transaction: runs_without_transaction(&directory)?,
            path,
            is_repeatable: false,
        })
    });
    let mut migrations: Vec<ToolMigration> = Failure::collect(read)?;
    migrations.sort_by(|a, b| a.revision.cmp(&b.revision));
    Ok(ToolMigrations { migrations, ..ToolMigrations::default() })
}

fn down(directory: &Path) -> Result<Option<(std::path::PathBuf, String)>, Failure> {
    let path = directory.join("down.sql");
    match path.is_file() {
        true => text_of(&path).map(|text| Some((path, text))),
        false => Ok(None),
    }
}

/// `run_in_transaction = false` in diesel's `metadata.toml`.
fn runs_without_transaction(directory: &Path) -> Result<bool, Failure> {
    let path = directory.join("metadata.toml");
    if !path.is_file() {
        return Ok(false);
    }
    let table: toml::Table =
        toml::from_str(&text_of(&path)?).map_err(|error| refuse(&path, error.message()))?;
    Ok(table.get("run_in_transaction").and_then(toml::Value::as_bool) == Some(false))
}
