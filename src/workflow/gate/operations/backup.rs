//! `backup`: whether the change can be taken back: by a backup that the upgrade takes, or by one that is there.

use std::time::Duration;

use super::super::facts::{ComparedSchema, GateFacts, PlannedUpgrade};
use super::super::section::{GateSection, Judge, Judgement, Judging, finding};
use super::super::session::failure_of;
use crate::backup::{Manifest, Scope};
use crate::error::{Exit, Failure};
use crate::findings::Severity;
use crate::project::{BackupRequired, GateLevel, SectionName};
use crate::text::{duration, short_id};
use crate::workflow::backup_policy::{BackupOptions, BackupPolicy, PlannedChanges};
use crate::workflow::reports::backup_plan::BackupDecision;
use crate::workflow::{backup_store, environment_mark};

pub(in super::super) const SECTION: GateSection = GateSection {
    name: SectionName::Backup,
    level: GateLevel::Block,
    help: "The change can be taken back. `trueup upgrade` takes a backup first, where [backup] says so: what keeps it from that \
           (no pg_dump, no store) blocks. With [gate] max_backup_age a full, verified backup of this database that is not \
           older is asked for where the upgrade takes none. Without both, it warns. Whether the store can be written to, the \
           upgrade tries: the gate writes nothing.",
    judge: Judge::Elsewhere(judge),
};

/// How many files of a backup are looked for: a dump into a directory may have thousands.
const LOOKED_FOR: usize = 32;

fn judge<'a>(facts: &'a GateFacts<'_>) -> Judging<'a> {
    Box::pin(async move {
        let upgrade = facts.upgrade.as_ref().map_err(Clone::clone)?;
        let schema = facts.schema.as_ref().map_err(Clone::clone)?;
        if upgrade.plan.steps.is_empty() {
            return match facts.settings.gate.max_backup_age {
                Some(age) => existing(facts, schema, age).await,
                None => Ok(Judgement::ready("nothing to apply")),
            };
        }
        planned(facts, upgrade, schema).await
    })
}

/// By what the upgrade would do about a backup.
async fn planned(
    facts: &GateFacts<'_>,
    upgrade: &PlannedUpgrade,
    schema: &ComparedSchema,
) -> Result<Judgement, Failure> {
    let settings = facts.settings;
    let snapshot = &schema.snapshot;
    let name = &snapshot.identity.database;
    let protected = environment_mark::protected(settings, snapshot.mark()).is_some();
    let options = BackupOptions { no_backup: false, protected, write: false };
    let changes = PlannedChanges::of_plan(&upgrade.plan, snapshot);
    let policy = BackupPolicy::plan(settings, options, &changes, snapshot, None).await;
    let plan = match policy.map_err(failure_of) {
        Ok(policy) => policy.plan,
        Err(failure) if failure.exit == Exit::CannotTell || failure.exit == Exit::Busy => {
            return Err(failure);
        }
        Err(mut failure) => {
            // It is an option of the upgrade.
            failure.next = failure.next.replace("give --no-backup", "run trueup upgrade --no-backup");
            return Ok(Judgement::refused(SectionName::Backup, name, &failure));
        }
    };
    let summary = plan.summary();
    let summary = summary.strip_prefix("backup: ").unwrap_or(&summary).to_owned();
    let by_setting = match settings.backup.required {
        BackupRequired::Always => false,
        BackupRequired::Protected => !protected,
        BackupRequired::Never => true,
    };
    match (plan.action, settings.gate.max_backup_age) {
        (BackupDecision::None, Some(age)) if by_setting => existing(facts, schema, age).await,
        (BackupDecision::None, None) if by_setting => {
            let why = plan.why.unwrap_or_default();
            let what = format!("the upgrade takes none: {why}");
            let next =
                "where something else takes backups, [gate] max_backup_age = \"1d\" asks for a recent one";
            let mut found = finding(SectionName::Backup, "none", name, &what, next);
            found.severity = Severity::Warning;
            Ok(Judgement::of_findings(vec![found], what))
        }
        _ => Ok(Judgement::ready(summary)),
    }
}

/// By the newest full backup of this database that was verified.
async fn existing(
    facts: &GateFacts<'_>,
    schema: &ComparedSchema,
    limit: Duration,
) -> Result<Judgement, Failure> {
    let settings = facts.settings;
    let identity = &schema.snapshot.identity;
    let Some(manifests) = backup_store::manifests(settings).await else {
        let store =
            backup_store::store(settings).map_or_else(|_| "the store".to_owned(), |store| store.location());
        return Err(
            Failure::cannot_tell(format!("{store} did not list its backups")).next("trueup backup list")
        );
    };
    let is_of_it = |manifest: &&Manifest| {
        manifest.is_of(&identity.system_identifier, identity.database_oid, &identity.database)
            && manifest.scope == Scope::Full
    };
    let all: Vec<&Manifest> = manifests.iter().filter(is_of_it).collect();
    let verified =
        all.iter().rev().find(|manifest| manifest.verified.is_some() || manifest.reference.is_some());
    let age = |manifest: &Manifest| backup_store::age(manifest).unwrap_or(Duration::MAX);
    let limit_told = duration(limit);
    let (code, what, next) = match (verified, all.last()) {
        (Some(found), _) if age(found) <= limit => {
            let (id, age) = (short_id(&found.id), duration(age(found)));
            match missing(facts, found).await? {
                None => return Ok(Judgement::ready(format!("{id}, {age} old, verified"))),
                Some(member) => {
                    let what = format!("backup {id} was verified, and {member} is not there any more");
                    ("incomplete", what, "trueup backup".to_owned())
                }
            }
        }
        (Some(found), _) => {
            let (id, age) = (short_id(&found.id), duration(age(found)));
            let what = format!("the newest verified backup, {id}, is {age} old; the limit is {limit_told}");
            ("old", what, "trueup backup".to_owned())
        }
        (None, Some(found)) => {
            let id = short_id(&found.id);
            ("unverified", format!("backup {id} was not verified"), format!("trueup backup verify {id}"))
        }
        (None, None) => {
            let what = format!("there is no full backup of {}", identity.database);
            ("missing", what, "trueup backup".to_owned())
        }
    };
    let found = finding(SectionName::Backup, code, &identity.database, &what, &next);
    Ok(Judgement::of_findings(vec![found], what))
}

/// A file of a backup that the store cannot open; `None` where the first of them are there.
async fn missing(facts: &GateFacts<'_>, manifest: &Manifest) -> Result<Option<String>, Failure> {
    let store = backup_store::store(facts.settings).map_err(failure_of)?;
    for member in manifest.members.iter().take(LOOKED_FOR) {
        if store.open(&manifest.id, &member.name).await.is_err() {
            return Ok(Some(member.name.clone()));
        }
    }
    Ok(None)
}
