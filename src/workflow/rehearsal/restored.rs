//! The backup whose rows a rehearsal runs on: which one it is, whether the disk has room for it, and the throwaway database
//! that is restored from it and brought to the version of the real one.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Result;

use super::WantedBackup;
use super::ground::Ground;
use super::judge::{is_out_of_resources, not_finished, says_something_of_the_project};
use super::live::Live;
use super::outcome::RehearsedBackup;
use super::phase::{self, Way};
use super::prepare::{Prepared, applied_versions, reversible};
use crate::backup::restore::{self, TrialOptions, VerifiedArchive};
use crate::backup::{Manifest, Programs, Scope, Store, StoredBackup};
use crate::changes::plan::Step;
use crate::error::{ErrorCode, Exit, Failure, with_failure};
use crate::output;
use crate::postgres::connection::{Target, server_failure};
use crate::postgres::lock_mode::LockMode;
use crate::postgres::scratch::Scratch;
use crate::postgres::sql::words_of;
use crate::project::Settings;
use crate::snapshot::Size;
use crate::text::{duration, plural, short_id, size};
use crate::workflow::backup_store::{self, LatestOf};
use crate::workflow::deliver;
use crate::writer::StopSignal;

/// A backup that was found.
pub(super) struct ChosenBackup {
    store: Store,
    manifest: Manifest,
    /// Whether it is of the database that the migrations are for.
    own: bool,
    /// How many bytes the restored database takes, with what the migrations write beside it.
    disk: u64,
}

/// Finds the backup.
///
/// # Errors
/// Exit 2: there is none, or none of that identifier. Exit 4: it cannot be restored by trueup, or has some tables only.
pub(super) async fn choose(
    settings: &Settings,
    wanted: &WantedBackup,
    prepared: &Prepared,
) -> Result<ChosenBackup> {
    let Some(live) = &prepared.live else {
        return Err(Failure::usage("--from-backup: no database is known that the migrations are for")
            .code(ErrorCode::USAGE_ARGUMENTS)
            .next("name it: --env, --database-url or DATABASE_URL")
            .into());
    };
    let is_own = |manifest: &Manifest| {
        manifest.is_of(&live.target.system_identifier, live.database_oid, &live.target.database)
    };
    let store = backup_store::store(settings)?;
    let manifest = match wanted {
        WantedBackup::Named(id) => {
            let latest = LatestOf { database: Some(&live.target.database), whole: true };
            backup_store::find(&store, id, latest).await.map_err(refused)?
        }
        WantedBackup::Newest => newest(&store, live, is_own).await?,
    };
    restore::written_by(&manifest)?;
    if manifest.scope != Scope::Full {
        let what =
            format!("backup {} has some tables only: nothing can be rehearsed on it", short_id(&manifest.id));
        return Err(Failure::new(Exit::Refused, what).next("name a full one: trueup backup list").into());
    }
    let own = is_own(&manifest);
    let disk = manifest.database_bytes.saturating_add(written_beside(prepared, live));
    Ok(ChosenBackup { store, manifest, own, disk })
}

/// The newest backup of this database that was verified and can be restored.
async fn newest(store: &Store, live: &Live, is_own: impl Fn(&Manifest) -> bool) -> Result<Manifest> {
    let database = &live.target.database;
    let listed = store.list().await?.into_iter().filter_map(|StoredBackup { manifest, .. }| manifest.ok());
    let (own, others): (Vec<Manifest>, Vec<Manifest>) = listed.partition(|manifest| is_own(manifest));
    let (mut verified, unverified): (Vec<Manifest>, Vec<Manifest>) = own
        .into_iter()
        .filter(|manifest| manifest.scope == Scope::Full && manifest.reference.is_none())
        .partition(|manifest| manifest.verified.is_some());
    if let Some(newest) = verified.pop() {
        return Ok(newest);
    }
    let place = store.location();
    let failure =
        |what: String, next: String| Failure::usage(what).code(ErrorCode::BACKUP_NOT_FOUND).next(next).into();
    if let Some(newest) = unverified.last() {
        return Err(failure(
            format!("no full backup of database {database} in {place} is verified"),
            format!("trueup backup verify {}", newest.id),
        ));
    }
    let same_name = others.iter().filter(|manifest| manifest.source.database == *database).count();
    let seen = match (same_name, others.len()) {
        (0, 0) => String::new(),
        (0, count) => format!(", only {} of other databases", plural(count, "backup")),
        (count, _) => {
            format!(
                ", only {} of another database of this name (server or oid differ)",
                plural(count, "backup")
            )
        }
    };
    Err(failure(
        format!("there is no full backup of database {database} in {place}{seen}"),
        "take one: trueup backup; or name the backup to use: --from-backup ID (trueup backup list --all)"
            .to_owned(),
    ))
}

/// How many bytes the migrations write beside what is there: what they rewrite, the indexes that they build, and the new versions
/// of the rows that they change each time: where a down script reverts them, that is up, down, and up again.
fn written_beside(prepared: &Prepared, live: &Live) -> u64 {
    let plan = &prepared.plan;
    let versions = plan.steps.iter().map(|step| step.version).collect();
    let reverted = reversible(prepared, &versions).map(|(_, reverted)| reverted).unwrap_or_default();
    let changed = plan.steps.iter().map(|step| {
        let bytes = changed_tables(step, live).map(|size| size.bytes.saturating_add(size.index_bytes));
        let times = if reverted.contains(&step.version) { 3 } else { 1 };
        bytes.fold(0, u64::saturating_add).saturating_mul(times)
    });
    let changed = changed.fold(0, u64::saturating_add);
    let footprints = plan.steps.iter().flat_map(|step| &step.footprints);
    let bytes = footprints.map(|footprint| {
        let size = |relation: &str| live.sizes.get(relation);
        let rewritten = footprint.rewrites.iter().filter_map(|relation| size(relation));
        let indexed = footprint.builds.difference(&footprint.rewrites).filter_map(|relation| size(relation));
        let rewritten = rewritten.map(|size| size.bytes.saturating_add(size.index_bytes));
        // An index is not larger than its table but in odd cases.
        rewritten.chain(indexed.map(|size| size.bytes)).fold(0, u64::saturating_add)
    });
    bytes.fold(changed, u64::saturating_add)
}

/// The tables whose rows each statement changes, which leaves the old rows where they are. How much an INSERT adds is not known.
fn changed_tables<'l>(step: &'l Step, live: &'l Live) -> impl Iterator<Item = &'l Size> {
    let changing = step.script.statements.iter().filter(|statement| {
        let mut words = words_of(&statement.text);
        let first = words.next().unwrap_or_default();
        let adds = ["insert", "copy"].iter().any(|word| first.eq_ignore_ascii_case(word));
        statement.is_data() && (!adds || words.any(|word| word.eq_ignore_ascii_case("conflict")))
    });
    changing.flat_map(move |statement| {
        let at = statement.as_statement().position();
        let measured = step.footprints.iter().filter(|footprint| footprint.at == at);
        let measured = measured.flat_map(|footprint| &footprint.locks);
        let mut names: BTreeSet<String> = measured
            .filter(|(_, mode)| **mode == LockMode::RowExclusive)
            .map(|(relation, _)| relation.to_string())
            .collect();
        // A stronger lock of an earlier statement of the transaction hides this one from what was measured.
        let written = statement.locks.iter().filter(|lock| lock.mode == LockMode::RowExclusive);
        for name in written.map(|lock| lock.relation.to_string()) {
            let qualified = format!(".{name}");
            names.extend(live.sizes.keys().filter(|key| **key == name || key.ends_with(&qualified)).cloned());
        }
        names.into_iter().filter_map(|name| live.sizes.get(&name))
    })
}

/// A backup that cannot be used was not looked at further.
fn refused(error: anyhow::Error) -> anyhow::Error {
    with_failure(error, |failure| match failure.exit {
        Exit::RolledBack => Failure { exit: Exit::Refused, ..failure },
        _ => failure,
    })
}

/// What ends the restoring in a throwaway server leaves nothing behind.
fn not_restored(error: anyhow::Error) -> anyhow::Error {
    with_failure(error, |failure| match failure.exit {
        Exit::RolledBack | Exit::Partial | Exit::Unknown | Exit::Busy => {
            Failure { exit: Exit::CannotTell, ..failure }
        }
        _ => failure,
    })
}

impl ChosenBackup {
    /// How many bytes it takes on a disk when it is restored, with what the migrations write.
    pub(super) fn disk(&self) -> u64 {
        self.disk
    }

    /// Says what is about to be restored, and how much disk that takes.
    pub(super) fn tell(&self, settings: &Settings) {
        if settings.output.events {
            let age = backup_store::age(&self.manifest).map(|age| format!(", {} old", duration(age)));
            output::err(&format!(
                "restoring backup {} of database {}{} into a throwaway server: about {} of disk\n",
                short_id(&self.manifest.id),
                self.manifest.source.database,
                age.unwrap_or_default(),
                size(self.disk)
            ));
        }
    }

    /// Restores it, and applies what the real database has and it has not.
    ///
    /// # Errors
    /// Exit 4: it is damaged, does not fit the server, or is newer than the database. Exit 3: it cannot be restored, or
    /// brought to the version of the database.
    pub(super) async fn restore<'s>(
        self,
        settings: &Settings,
        scratch: &'s mut Scratch,
        prepared: &Prepared,
    ) -> Result<(Ground<'s>, RehearsedBackup)> {
        let Self { store, manifest, own, disk } = self;
        let written_by = restore::written_by(&manifest)?;
        let programs = Programs::find_for_archive(backup_store::programs(settings), written_by)?;
        let mut progress = deliver::progress(&settings.output);
        let archive = VerifiedArchive::read(&store, &manifest, &programs, &mut progress).await?;
        let application = settings.application();
        let search_path = &settings.database.search_path;
        let options = TrialOptions { application: &application, search_path, analyze: true };
        let stop = StopSignal::channel().1;
        let restored = restore::restore_into_scratch(scratch, &archive, options, stop, &mut progress).await;
        progress.end(restored.is_ok());
        let (database, derivation) = restored.map_err(not_restored)?;
        let cut = cut_off(&Target::parse(&scratch.url(&database))?, &application).await?;
        let mut ground = Ground::restored(settings, scratch, database, prepared).await?;
        ground.notes.extend(cut);
        ground.notes.extend(derivation.missing.iter().map(|missing| format!("not restored: {missing}")));
        let caught_up = catch_up(&mut ground, prepared, &manifest).await?;
        let backup = RehearsedBackup {
            id: manifest.id.clone(),
            taken_at: manifest.taken_at.clone(),
            age_seconds: backup_store::age(&manifest).as_ref().map(Duration::as_secs),
            database: manifest.source.database.clone(),
            own,
            version: manifest.version.clone(),
            verified: manifest.verified.as_ref().map(|verified| verified.how.word()),
            rows: manifest.rows(),
            database_bytes: manifest.database_bytes,
            disk_bytes: disk,
            applied_before: caught_up,
        };
        Ok((ground, backup))
    }
}

/// The statements that keep the copy from reaching other servers. A dump has the passwords of user mappings. A subscription
/// without a slot is dropped without a connection to its publisher, whose slot the real database uses.
const CUT_OFF: &str = "SELECT 'user mapping' AS kind, srvname AS name, 0 AS step, pg_catalog.format('DROP USER MAPPING FOR %s SERVER %I',
      CASE WHEN umuser = 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(usename) END, srvname) AS statement
    FROM pg_catalog.pg_user_mappings
    UNION ALL
    SELECT CASE step WHEN 3 THEN 'subscription' END, subname, step, pg_catalog.format(CASE step WHEN 1 THEN 'ALTER SUBSCRIPTION %I DISABLE'
      WHEN 2 THEN 'ALTER SUBSCRIPTION %I SET (slot_name = NONE)' ELSE 'DROP SUBSCRIPTION %I' END, subname)
    FROM (SELECT s.subname, step FROM pg_catalog.pg_subscription AS s
      JOIN pg_catalog.pg_database AS d ON d.oid = s.subdbid, pg_catalog.generate_series(1, 3) AS step
      WHERE d.datname = pg_catalog.current_database()) AS steps
    ORDER BY step, name";

/// Drops the user mappings and the subscriptions of a restored database before anything runs in it: a statement, a trigger or a
/// seed would write to the real remote database. Returns what is to be said of that.
///
/// # Errors
/// Exit 3: the server refuses it.
async fn cut_off(target: &Target, application: &str) -> Result<Option<String>> {
    let doing = |error| server_failure(error, "cutting the restored copy off from other servers");
    let mut session = target.connect(application).await?.unobserved();
    let (mut mappings, mut subscriptions) = (0, 0);
    for row in session.query(CUT_OFF).await.map_err(doing)? {
        let kind: Option<String> = row.get("kind").map_err(|error| doing(error.into()))?;
        let statement: String = row.get("statement").map_err(|error| doing(error.into()))?;
        session.execute(statement).await.map_err(doing)?;
        match kind.as_deref() {
            Some("user mapping") => mappings += 1,
            Some(_) => subscriptions += 1,
            None => {}
        }
    }
    session.close().await;
    let dropped: Vec<String> = [(mappings, "user mapping"), (subscriptions, "subscription")]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, kind)| plural(count, kind))
        .collect();
    Ok((!dropped.is_empty()).then(|| {
        format!(
            "dropped in the copy, so that it cannot reach other servers: {}; a statement that needs one of them fails in the \
             rehearsal alone",
            dropped.join(" and ")
        )
    }))
}

/// Applies what the real database has and the backup has not. Returns what that was.
async fn catch_up(ground: &mut Ground<'_>, prepared: &Prepared, manifest: &Manifest) -> Result<Vec<String>> {
    let Prepared { declared, state, .. } = prepared;
    let id = short_id(&manifest.id);
    let copy = applied_versions(declared, &ground.state(declared).await?);
    let live = applied_versions(declared, state);
    let named = |versions: &BTreeSet<i64>| -> Vec<String> {
        let all = declared.lock.migrations.iter();
        all.filter(|one| versions.contains(&one.version)).map(|one| one.id().to_string()).collect()
    };
    let ahead = named(&copy.difference(&live).copied().collect());
    if !ahead.is_empty() {
        let what = format!("backup {id} has {}, which the database has not", ahead.join(", "));
        return Err(Failure::new(Exit::Refused, what)
            .code(ErrorCode::BACKUP_TOO_NEW)
            .next("name a backup that is not newer than the database: --from-backup ID (trueup backup list)")
            .into());
    }
    let missing: BTreeSet<i64> = live.difference(&copy).copied().collect();
    if !missing.is_empty() {
        let way = Way::Up { versions: &missing, marked: false };
        let done = phase::run(ground, declared, &way, &[]).await?;
        if let Some(failure) = done.failure {
            if is_out_of_resources(&failure) {
                return Err(not_finished(failure.into()));
            }
            let what = format!(
                "backup {id} is older than {}, which the database has and which cannot be applied to its rows: {}",
                named(&missing).join(", "),
                failure.what
            );
            let exit = if says_something_of_the_project(&failure) { Exit::CannotTell } else { failure.exit };
            return Err(Failure { exit, what, ..failure }
                .next("take a backup of the database as it is now: trueup backup")
                .into());
        }
    }
    ground.know_differences(declared, &live).await?;
    Ok(named(&missing))
}
