//! A rehearsal: the pending migrations of a database are applied in a throwaway server by the code of an upgrade, reverted by
//! the code of a downgrade, and applied again. Of the database itself is read which migrations it has; nothing is changed there.
//!
//! In this order:
//! 1. [`prepare`] reads the project and the database, and plans the upgrade.
//! 2. [`ground`] starts a throwaway server, and makes the database there: built by the migrations that the real one has, or
//!    restored from a backup ([`restored`]).
//! 3. [`pass`] goes through the migrations: up, the seeds and the data checks ([`data`]), down, and up again. Each way is a
//!    [`phase`]; [`marks`] and [`probe`] measure it, and [`statements`] and [`blocking`] say what was measured.
//! 4. Where rows are to be made ([`rows`]), all of that is done once more with them: what fails with empty tables is not due to
//!    made rows, and what the migrations demand of rows is known by then.
//! 5. [`judge`] makes findings of what went wrong, and [`record`] writes the file that is kept.

mod blocking;
mod data;
mod ground;
mod judge;
mod live;
mod marks;
mod outcome;
mod pass;
mod phase;
mod prepare;
mod probe;
mod record;
mod restored;
mod rows;
mod statements;

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::Result;

pub(crate) use self::outcome::{
    BlockingWindow, EstimatedTime, RefusedTime, Rehearsal, RehearsedBackup, RehearsedCheck, RehearsedLock,
    RehearsedMigration, RehearsedSeeds, RehearsedStatement, TimesBasis,
};
use self::pass::Pass;
use self::prepare::{Prepared, touched};
pub(crate) use self::probe::in_words as refused_in_words;
pub(crate) use self::record::RehearsedState;
use self::restored::ChosenBackup;
use self::rows::ColumnStats;
use self::statements::RowCounts;
pub(crate) use self::statements::in_words;
use crate::postgres::scratch::Scratch;
use crate::project::Settings;

/// What is to be rehearsed.
#[derive(Debug, Clone, Default)]
pub(crate) struct RehearsalRequest {
    /// The version that the database is taken to be at; `None` to read that from the database.
    pub(crate) from: Option<i64>,
    /// The last version to apply.
    pub(crate) to: Option<i64>,
    /// Whether contract migrations are applied.
    pub(crate) contract: bool,
    /// Whether versions below an applied one are applied.
    pub(crate) allow_out_of_order: bool,
    /// How many rows are made in each table that is touched.
    pub(crate) rows: Option<u64>,
    /// The backup whose rows the migrations work on.
    pub(crate) backup: Option<WantedBackup>,
    /// Whether other sessions use the tables meanwhile.
    pub(crate) probe: bool,
    /// The file that the record is written to.
    pub(crate) record: Option<PathBuf>,
}

/// A backup to rehearse on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WantedBackup {
    /// The newest verified one of the database.
    Newest,
    /// The one of this identifier, of whichever database it is.
    Named(String),
}

/// Rehearses.
///
/// # Errors
/// Exit 2: the project's files, or the arguments. Exit 3: the database cannot be read, or there is no throwaway server. Exit 4:
/// what an upgrade of the database would be refused for, or the backup cannot be used.
pub(crate) async fn rehearse(settings: &Settings, request: &RehearsalRequest) -> Result<Rehearsal> {
    let prepared = prepare::prepare(settings, request).await?;
    let mut rehearsal = Rehearsal::new(settings, &prepared);
    if !prepared.plan.is_empty() {
        let chosen = match &request.backup {
            Some(wanted) => Some(restored::choose(settings, wanted, &prepared).await?),
            None => None,
        };
        started(settings, request, &prepared, chosen, &mut rehearsal).await?;
        rehearsal.hold_against_limit(settings);
    }
    if let Some(path) = &request.record {
        record::write(path, &rehearsal, &prepared.declared.lock)?;
    }
    Ok(rehearsal)
}

/// Rehearses what is pending, in a throwaway server that is gone afterwards.
async fn started(
    settings: &Settings,
    request: &RehearsalRequest,
    prepared: &Prepared,
    chosen: Option<ChosenBackup>,
    rehearsal: &mut Rehearsal,
) -> Result<()> {
    let major = match &prepared.live {
        Some(live) => live.version.major(),
        None => settings.scratch.major.unwrap_or(prepared.declared.lock.head.server.major()),
    };
    let needed = chosen.as_ref().map(ChosenBackup::disk);
    if let Some(chosen) = &chosen {
        chosen.tell(settings);
    }
    let (mut scratch, other) = ground::start(settings, major, needed).await?;
    rehearsal.server = Some(scratch.version().to_string());
    rehearsal.notes.extend(other);
    let measured = prepared.declared.lock.head.server;
    if measured.major() != scratch.version().major() {
        rehearsal
            .notes
            .push(format!("the locks were measured by PostgreSQL {measured}, when the project was compiled"));
    }
    let pass = Pass::new(settings, prepared);
    if let Some(kept) = pass.kept() {
        rehearsal.notes.push(kept);
    }
    let done = match chosen {
        Some(chosen) => on_backup(pass, &mut scratch, chosen, rehearsal, request).await,
        None => on_built(pass, &mut scratch, rehearsal, request).await,
    };
    let stopped = scratch.stop().await;
    done?;
    stopped
}

/// On the rows of a backup: times are measured, and everything that is found is true of real rows.
async fn on_backup(
    mut pass: Pass<'_>,
    scratch: &mut Scratch,
    chosen: ChosenBackup,
    rehearsal: &mut Rehearsal,
    request: &RehearsalRequest,
) -> Result<()> {
    let touched = touched(&pass.prepared.plan);
    rehearsal.times = TimesBasis::RealRows;
    let (mut ground, backup) = chosen.restore(pass.settings, scratch, pass.prepared).await?;
    rehearsal.backup = Some(backup);
    rehearsal.notes.append(&mut ground.notes);
    if request.probe {
        pass.probed = rows::names(&rows::read(&mut ground.session, &touched).await?);
    }
    pass.through(&mut ground, rehearsal, &BTreeSet::new()).await?;
    ground.finish().await
}

/// On what the migrations build: with empty tables, and then with made rows where they are asked for.
async fn on_built(
    mut pass: Pass<'_>,
    scratch: &mut Scratch,
    rehearsal: &mut Rehearsal,
    request: &RehearsalRequest,
) -> Result<()> {
    let prepared = pass.prepared;
    let touched = touched(&prepared.plan);
    let mut ground = pass.built(scratch).await?;
    rehearsal.notes.append(&mut ground.notes);
    if request.probe && request.rows.is_none() {
        pass.probed = rows::names(&rows::read(&mut ground.session, &touched).await?);
    }
    let later = pass.through(&mut ground, rehearsal, &touched).await?;
    ground.finish().await?;
    let Some(rows) = request.rows else { return Ok(()) };
    if rehearsal.cannot_be_applied() {
        rehearsal.notes.push("no rows were made: the findings come first".to_owned());
        return Ok(());
    }
    let reverts = !rehearsal.cannot_be_reverted();
    let steps = &prepared.plan.steps;
    let timed = steps.iter().take_while(|step| step.directives.requires_checks.is_empty());
    pass.only(timed.map(|step| step.version).collect());
    if let Some(step) = steps.get(pass.versions.len()) {
        rehearsal.notes.push(format!(
            "{} requires data checks, which rows that are made do not pass: from it on, times are without rows",
            step.title
        ));
        if pass.versions.is_empty() {
            return Ok(());
        }
    }
    if !reverts {
        pass.never_back();
    }
    rehearsal.forget_times(pass.versions.len());
    let mut ground = pass.built(scratch).await?;
    let mut tables = rows::read(&mut ground.session, &touched).await?;
    tables.iter_mut().for_each(|table| table.demand(&later));
    let none = ColumnStats::new();
    let stats = prepared.live.as_ref().map_or(&none, |live| &live.stats);
    rehearsal.times = TimesBasis::MadeRows;
    rehearsal.rows = Some(rows);
    rehearsal.filled = rows::fill(&mut ground.session, &tables, rows, stats).await?;
    for table in &mut rehearsal.filled {
        let size = prepared.live.as_ref().and_then(|live| live.sizes.get(&table.table));
        table.real_rows = size.map(|size| size.rows);
    }
    rehearsal.notes.extend(rows::in_words(&rehearsal.filled, rows));
    let earlier = prepared.live.as_ref().map(|live| live.earlier.clone()).unwrap_or_default();
    pass.counts = RowCounts::of(&rehearsal.filled, earlier);
    if request.probe {
        pass.probed = rows::names(&tables);
    }
    pass.through(&mut ground, rehearsal, &BTreeSet::new()).await?;
    ground.finish().await
}
