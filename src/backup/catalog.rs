//! The catalog of a backed-up database beside its archive: what a restored one must equal.

use anyhow::Result;

use crate::model::{Effect, effects_to_text};
use crate::postgres::catalog::Catalog;
use crate::postgres::catalog::reader::{self, ReadOptions};
use crate::postgres::connection::{ServerVersion, Session};

/// The member's name.
pub(super) const CATALOG: &str = "catalog.jsonl";

/// Owners and rights are not compared: the roles of another server are others.
pub(super) async fn read(session: &mut Session, version: ServerVersion) -> Result<Catalog> {
    Ok(reader::read_inside(session, version, &ReadOptions::default()).await?.catalog)
}

/// One object a line, as `trueup.lock` writes what a migration creates.
pub(super) fn to_text(catalog: &Catalog) -> String {
    let effects: Vec<Effect> = catalog.objects.iter().cloned().map(Effect::Created).collect();
    effects_to_text(&effects) + "\n"
}
