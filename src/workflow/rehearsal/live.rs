//! What a rehearsal reads of the database that the migrations are for, in read-only transactions.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Result;

use super::rows::ColumnStats;
use crate::changes::estimate::EarlierTimes;
use crate::error::Failure;
use crate::findings::CauseKind;
use crate::model::diagnosis::MigrationState;
use crate::postgres::connection::{ReadOnlyTransaction, ServerVersion, Session, server_failure};
use crate::project::Settings;
use crate::snapshot::{self, Size};
use crate::workflow::comparison::{self, Comparison};
use crate::workflow::project_model::{self, ProjectModel};
use crate::workflow::reports::target::TargetReport;
use crate::workflow::write_command::refuse_unclear;

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A database that was read.
pub(super) struct Live {
    /// The database.
    pub(super) target: TargetReport,
    /// The oid of the database.
    pub(super) database_oid: u32,
    /// How many differences it has to what its migrations build.
    pub(super) by_hand: usize,
    /// Its server's version.
    pub(super) version: ServerVersion,
    /// The names of the server's roles.
    pub(super) roles: Vec<String>,
    /// The session that reads it, until [`Live::measure`] closes it.
    session: Option<Session>,
    /// How large its tables are.
    pub(super) sizes: BTreeMap<String, Size>,
    /// How wide the values of its columns are, and how many have none.
    pub(super) stats: ColumnStats,
    /// How long statements took in it before.
    pub(super) earlier: EarlierTimes,
    /// What is worth saying of it.
    pub(super) notes: Vec<String>,
}

/// Reads where the database stands.
///
/// # Errors
/// Exit 3: it cannot be read. Exit 4: it is another project's or environment's, or its history cannot be trusted.
pub(super) async fn read(settings: &Settings) -> Result<(ProjectModel, Live, MigrationState)> {
    let target = settings.target()?;
    let (mut session, reading) = project_model::connected(settings, &target).await?;
    let declared = reading.finish(settings).await?;
    let snapshot = comparison::take_snapshot_on(settings, &mut session, &declared).await?;
    let Comparison { document, state } = comparison::compare(settings, &target, &declared, &snapshot)?;
    refuse_unclear(settings, &snapshot)?;
    comparison::refuse_other(settings, &document)?;
    let mut notes = Vec::new();
    let by_hand = document.findings.iter().filter(|finding| finding.has_cause(CauseKind::Drift)).count();
    if !state.ahead.is_empty() {
        let ahead: Vec<String> = state.ahead.iter().map(|row| row.id().to_string()).collect();
        notes.push(format!(
            "not part of the rehearsal, because this project does not have it: {}",
            ahead.join(", ")
        ));
    }
    if !state.unfinished.is_empty() {
        notes.push(
            "a migration was interrupted in this database; the rehearsal begins before its first statement"
                .to_owned(),
        );
    }
    let roles = roles(&mut session).await.map_err(|error| server_failure(error, "listing the roles"))?;
    let live = Live {
        target: document.target,
        database_oid: snapshot.identity.database_oid,
        by_hand,
        version: snapshot.version,
        roles,
        session: Some(session),
        sizes: BTreeMap::new(),
        stats: ColumnStats::new(),
        earlier: snapshot
            .internal
            .as_ref()
            .map(|internal| EarlierTimes::of(&internal.earlier))
            .unwrap_or_default(),
        notes,
    };
    Ok((declared, live, state))
}

impl Live {
    /// Reads how large these relations are, and of the columns of all tables how wide their values are and how many have none,
    /// where rows are to be made. Closes the session.
    ///
    /// # Errors
    /// The server's.
    pub(super) async fn measure(&mut self, relations: &BTreeSet<String>, columns: bool) -> Result<()> {
        let Some(mut session) = self.session.take() else { return Ok(()) };
        let names = relations.iter().map(String::as_str).collect();
        self.sizes = snapshot::sizes(&mut session, &names).await?;
        if columns {
            let stats = stats(&mut session).await;
            self.stats = stats.map_err(|error| server_failure(error, "reading the statistics of columns"))?;
        }
        session.close().await;
        Ok(())
    }
}

/// Never a value: those in `most_common_vals` and `histogram_bounds` are people's.
async fn stats(session: &mut Session) -> Result<ColumnStats> {
    const STATS: &str = "SELECT schemaname, tablename, attname, null_frac::float8 AS missing, avg_width FROM pg_stats \
                         WHERE schemaname NOT IN ('pg_catalog', 'information_schema', 'trueup')";
    let mut stats = ColumnStats::new();
    let transaction = ReadOnlyTransaction::read_committed().statement_timeout(TIMEOUT).catalog_search_path();
    let mut batch = transaction.batch();
    batch.each(STATS, |row| {
        let key = (row.get("schemaname")?, row.get("tablename")?, row.get("attname")?);
        stats.insert(key, (row.get("missing")?, row.get("avg_width")?));
        Ok(())
    });
    batch.execute("COMMIT");
    session.run(batch).await?;
    Ok(stats)
}

/// What the project declares, where no database is read.
///
/// # Errors
/// Exit 2: the project's files. Exit 3: trueup.lock is stale, and there is no server to compile in.
pub(super) async fn without_database(settings: &Settings) -> Result<ProjectModel> {
    let ((), reading) = project_model::beside(settings, async { Ok(()) }).await?;
    let declared = reading.finish(settings).await?;
    if declared.lock.migrations.is_empty() {
        return Err(Failure::usage("this project has no migrations").into());
    }
    Ok(declared)
}

async fn roles(session: &mut Session) -> Result<Vec<String>> {
    const ROLES: &str = "SELECT rolname FROM pg_roles WHERE NOT starts_with(rolname, 'pg_') ORDER BY rolname";
    let mut roles = Vec::new();
    let transaction = ReadOnlyTransaction::read_committed().statement_timeout(TIMEOUT).catalog_search_path();
    let mut batch = transaction.batch();
    batch.each(ROLES, |row| {
        roles.push(row.get("rolname")?);
        Ok(())
    });
    batch.execute("COMMIT");
    session.run(batch).await?;
    Ok(roles)
}
