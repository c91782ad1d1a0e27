//! The catalog of the database that was backed up, stored beside the archive. A restored database must equal it.

use anyhow::Result;

use crate::model::{Effect, effects_to_text};
use crate::postgres::catalog::Catalog;
use crate::postgres::catalog::reader::{self, ReadOptions};
use crate::postgres::connection::{ServerVersion, Session};

/// The file name of the member.
pub(super) const CATALOG: &str = "catalog.jsonl";

/// Reads the catalog. Owners and privileges are not part of it: another server has other roles.
pub(super) async fn read(session: &mut Session, version: ServerVersion) -> Result<Catalog> {
    Ok(reader::read_inside(session, version, &ReadOptions::default()).await?.catalog)
}

/// Writes one object a line, in the format in which `trueup.lock` stores what a migration creates.
pub(super) fn to_text(catalog: &Catalog) -> String {
    let effects: Vec<Effect> = catalog.objects.iter().cloned().map(Effect::Created).collect();
    effects_to_text(&effects) + "\n"
}
