//! Where the sizes of tables come from when migrations are judged: a database that was named, else `sizes.json`.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use serde::Serialize;

use crate::changes::lint::{LintOutcome, LintSizes, SizedFindings};
use crate::error::{ErrorCode, Failure};
use crate::migrations::{Migration, checksum};
use crate::model::Lock;
use crate::model::diagnosis::MigrationState;
use crate::postgres::connection::Session;
use crate::postgres::sql::schemas_of_path;
use crate::project::Settings;
use crate::snapshot::{self, Size, StatusDetail};
use crate::workflow::project_model::Needs;
use crate::workflow::sizes::{RecordedSizes, SIZES_FILE};
use crate::workflow::{comparison, environment_mark};

/// Where sizes come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct SizeSource {
    /// `sizes.json`, or the database's name.
    from: String,
    /// The environment that they are of.
    environment: Option<String>,
    /// The day, in UTC.
    day: String,
}

impl SizeSource {
    /// `sizes.json (production, 2026-11-30)`
    pub(super) fn in_words(&self) -> String {
        let environment = self.environment.as_ref().map(|name| format!("{name}, ")).unwrap_or_default();
        format!("{} ({environment}{})", self.from, self.day)
    }
}

/// The sizes, and what a database that was named has pending.
pub(super) struct FoundSizes {
    pub(super) source: SizeSource,
    pub(super) known: BTreeMap<String, Size>,
    /// The versions that are pending; `None` where no database was named.
    pub(super) pending: Option<BTreeSet<i64>>,
}

/// Finds the sizes; `None` where there are none.
///
/// # Errors
/// Exit 2: `sizes.json` is wrong, or `--env` has no URL. Exit 3: the database cannot be reached or read. Exit 4: it is another one.
pub(super) async fn find(
    settings: &Settings,
    lock: &Lock,
    files: &[Migration],
) -> Result<Option<FoundSizes>> {
    if settings.environment_asked_for || settings.url_source() == "--database-url" {
        return live(settings, lock, files).await.map(Some);
    }
    let Some(recorded) = RecordedSizes::read(&settings.project.dir)? else { return Ok(None) };
    let RecordedSizes { environment, day, relations } = recorded;
    let known = relations.into_iter().filter_map(|(relation, size)| Some((relation, size?))).collect();
    let source = SizeSource { from: SIZES_FILE.to_owned(), environment, day };
    Ok(Some(FoundSizes { source, known, pending: None }))
}

/// Adds to what was found how long others wait, and leaves out what is about small tables alone.
pub(super) fn apply(
    settings: &Settings,
    lock: &Lock,
    files: &[Migration],
    found: Option<&FoundSizes>,
    outcome: &mut LintOutcome,
) -> SizedFindings {
    if found.is_none() && settings.lint.small.is_empty() {
        return SizedFindings::default();
    }
    let nothing = BTreeMap::new();
    let search_path = schemas_of_path(&settings.database.search_path);
    let sizes = LintSizes {
        known: found.map_or(&nothing, |found| &found.known),
        is_small: &|relation| settings.lint.is_small(relation),
        search_path: &search_path,
    };
    outcome.apply_sizes(lock, files, &sizes)
}

async fn live(settings: &Settings, lock: &Lock, files: &[Migration]) -> Result<FoundSizes> {
    let mut session = settings.target()?.connect(&settings.application()).await?;
    let read = read(settings, lock, files, &mut session).await;
    session.close().await;
    read
}

async fn read(
    settings: &Settings,
    lock: &Lock,
    files: &[Migration],
    session: &mut Session,
) -> Result<FoundSizes> {
    let needs = Needs { migrations: files.into(), ..Needs::nothing() };
    let status =
        snapshot::take_status(session, &comparison::request(settings, needs), StatusDetail::Brief).await?;
    environment_mark::expect(settings, status.mark(), &status.identity.database)?;
    if let Some(table) = status.invisible.first().or(status.malformed_history.as_ref()) {
        return Err(Failure::cannot_tell(format!("what is pending is not known: {table} cannot be read"))
            .code(ErrorCode::HISTORY_MALFORMED)
            .next("trueup status says why; or name the versions, without --env: trueup lint VERSION")
            .into());
    }
    let rows = status.history.as_deref().unwrap_or_default();
    let state = MigrationState::from_history(&lock.migrations, rows, &checksum::unchanged(files, rows));
    let pending = state.pending.iter().chain(&state.skipped).map(|index| lock.migrations[*index].version);
    let pending = pending.collect();
    let sizes = snapshot::all_sizes(session, &settings.database.schemas).await?;
    let known = sizes.relations.into_iter().filter_map(|(relation, size)| Some((relation, size?))).collect();
    let environment = settings.environment.as_ref().map(|found| found.name.clone());
    let source = SizeSource { from: format!("database {}", sizes.database), environment, day: sizes.day };
    Ok(FoundSizes { source, known, pending: Some(pending) })
}
