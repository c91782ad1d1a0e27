//! One way through the migrations: up, what the seeds and the data checks say, down, and up again.

use std::collections::BTreeSet;

use anyhow::Result;

use super::ground::Ground;
use super::judge::Stage;
use super::outcome::Rehearsal;
use super::phase::{self, Way};
use super::prepare::{Prepared, applied_versions, reversible};
use super::rows::{self, TableShape};
use super::statements::RowCounts;
use crate::postgres::scratch::Scratch;
use crate::project::Settings;
use crate::text::plural;

/// What is gone through, and what is known of the rows.
pub(super) struct Pass<'p> {
    pub(super) settings: &'p Settings,
    pub(super) prepared: &'p Prepared,
    /// The versions that are applied.
    pub(super) versions: BTreeSet<i64>,
    /// How far the down scripts lead, and what they revert.
    back: Option<(i64, BTreeSet<i64>)>,
    /// The tables that other sessions use meanwhile.
    pub(super) probed: Vec<String>,
    /// The numbers of rows, real and made.
    pub(super) counts: RowCounts,
}

impl<'p> Pass<'p> {
    /// Through all pending migrations.
    pub(super) fn new(settings: &'p Settings, prepared: &'p Prepared) -> Self {
        let versions: BTreeSet<i64> = prepared.plan.steps.iter().map(|step| step.version).collect();
        let back = reversible(prepared, &versions);
        Self { settings, prepared, versions, back, probed: Vec::new(), counts: RowCounts::default() }
    }

    /// Goes through these versions alone.
    pub(super) fn only(&mut self, versions: BTreeSet<i64>) {
        self.back = reversible(self.prepared, &versions);
        self.versions = versions;
    }

    /// Goes up alone.
    pub(super) fn never_back(&mut self) {
        self.back = None;
    }

    /// What is to be said of migrations that are not reverted.
    pub(super) fn kept(&self) -> Option<String> {
        let kept = self.versions.len() - self.back.as_ref().map_or(0, |(_, reverted)| reverted.len());
        (kept > 0)
            .then(|| format!("not reverted, because a down script is missing: {}", plural(kept, "migration")))
    }

    /// A database that the applied migrations build.
    ///
    /// # Errors
    /// As [`Ground::build`].
    pub(super) async fn built<'s>(&self, scratch: &'s mut Scratch) -> Result<Ground<'s>>
    where
        'p: 's,
    {
        let Prepared { declared, live, state, plan, .. } = self.prepared;
        Ground::build(self.settings, scratch, declared, state, plan, live.as_ref()).await
    }

    /// Goes that way, as far as it leads. Returns what these tables look like after the first upgrade.
    ///
    /// # Errors
    /// What says nothing of the migrations.
    pub(super) async fn through(
        &self,
        ground: &mut Ground<'_>,
        rehearsal: &mut Rehearsal,
        tables: &BTreeSet<String>,
    ) -> Result<Vec<TableShape>> {
        let Prepared { declared, state, .. } = self.prepared;
        let before = ground.rows_found(self.prepared).await?;
        let way = Way::Up { versions: &self.versions, marked: true };
        let up = phase::run(ground, declared, &way, &self.probed).await?;
        rehearsal.add_up(self.prepared, &up, ground, &self.counts).await?;
        if !rehearsal.went_well(Stage::Up, &up, self.settings)? {
            return Ok(Vec::new());
        }
        let shapes = rows::read(&mut ground.session, tables).await?;
        let after: BTreeSet<i64> = applied_versions(declared, state).union(&self.versions).copied().collect();
        let compiled = rehearsal.has_result(ground, declared, &after, "after the upgrade").await?;
        let is_last = declared.lock.migrations.iter().all(|migration| after.contains(&migration.version));
        rehearsal.add_data(ground, self.prepared, &before, is_last).await?;
        let Some((to, reverted)) = self.back.as_ref().filter(|_| compiled) else { return Ok(shapes) };
        let down = phase::run(ground, declared, &Way::Down { to: *to }, &[]).await?;
        rehearsal.add_down(declared, &after, &down, ground, &self.counts).await?;
        if !rehearsal.went_well(Stage::Down, &down, self.settings)? {
            return Ok(shapes);
        }
        let again = phase::run(ground, declared, &Way::Up { versions: reverted, marked: false }, &[]).await?;
        rehearsal.add_again(&again);
        if rehearsal.went_well(Stage::Again, &again, self.settings)? {
            rehearsal.has_result(ground, declared, &after, "after the second upgrade").await?;
        }
        Ok(shapes)
    }
}
