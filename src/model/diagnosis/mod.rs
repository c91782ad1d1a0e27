//! Changes and history to findings, each with its cause and its remedy. Pure functions over data.

mod between;
mod brief;
mod cause;
mod closest;
mod differences;
mod fold;
mod migration_state;
mod objects;
mod origin;
mod recorded;
mod remedy;
mod rename;
mod renaming;
mod repairs;
mod rows;
pub mod rules;
mod runnable;
mod sequences;
mod severity;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use crate::findings::{CauseKind, Finding, Severity};
use crate::migrations::history::{Applied, OtherHistory};
use crate::model::diff::{self, Difference};
use crate::model::{CompiledMigration, Lock};
use crate::postgres::catalog::{Attribute, Catalog, Kind, Object, ObjectId};
use crate::postgres::connection::ServerVersion;
use crate::postgres::ddl;

use between::Allowed;
pub use between::{CatalogChange, Decided, between, needs_value};
use cause::CauseResolver;
pub use closest::closest;
use differences::{differences, parents_of};
pub use migration_state::{Basis, MigrationState};
use origin::Origins;
pub use recorded::{Accepted, Edit, RecordedState, Unfinished};
pub use repairs::repairs;
pub use rows::{BehindColumn, seeded, sequence_behind};

/// Everything that a diagnosis is made from.
pub struct Facts<'f> {
    /// The database's name.
    pub database: &'f str,
    /// Its server's version.
    pub server: ServerVersion,
    /// Its catalog.
    pub live: &'f Catalog,
    /// Its history; `None` when it has none.
    pub history: Option<&'f [Applied]>,
    /// Whether that history is only assumed: it proves nothing of what was there.
    pub assumed: bool,
    /// Other tools' histories in it.
    pub others: &'f [OtherHistory],
    /// What trueup recorded in it.
    pub recorded: &'f RecordedState,
    /// The compiled model and the effects of the migrations.
    pub lock: &'f Lock,
    /// What all migrations build, as [`Lock::state_after`] says; the model where there are none.
    pub last: &'f Catalog,
    /// The versions whose recorded checksum is that of their file.
    pub unchanged: &'f BTreeSet<i64>,
    /// Which objects are compared.
    pub in_scope: &'f dyn Fn(&ObjectId) -> bool,
    /// Which objects are left out on purpose, with all that belongs to them.
    pub ignored: &'f dyn Fn(&ObjectId) -> bool,
    /// What the history has of the migrations that a baseline replaces, where it has only some of them.
    pub partly_squashed: Option<&'f str>,
    /// A history table that has not the columns of one.
    pub malformed_history: Option<&'f str>,
    /// There is a history that this role may not read.
    pub history_hidden: bool,
    /// Severities that the project sets, by code.
    pub severities: &'f BTreeMap<String, Severity>,
}

/// Every code that a finding can have: what `[check] severity` may name.
pub fn codes() -> Vec<String> {
    severity::codes()
}

/// Whether an object is in scope. What belongs to a table, its indexes and sequences among it, is left out with it.
pub fn takes_in(
    object: &Object,
    in_scope: &dyn Fn(&ObjectId) -> bool,
    ignored: &dyn Fn(&ObjectId) -> bool,
) -> bool {
    let table = fold::relation_of(object).and_then(|path| ObjectId::parse(Kind::Table, &path));
    in_scope(&object.id) && table.is_none_or(|table| !ignored(&table))
}

/// One object that is not in the database as it is declared, or as the migrations make it.
#[derive(Debug)]
pub struct Deviation {
    /// The object in the database.
    pub live: Option<Arc<Object>>,
    /// The declared object.
    pub declared: Option<Arc<Object>>,
    /// The difference in words, as what the files make stands to what the database has.
    pub words: String,
}

/// The objects that are not in the database as they are declared, or as the migrations make them. Nothing is said of causes.
pub fn deviations(facts: &Facts<'_>) -> Vec<Deviation> {
    let differences = differences(facts, facts.last, None).into_iter();
    let deviations = differences.map(|difference| {
        let Difference { id, live, last, model, .. } = difference;
        let words = [&model, &last]
            .into_iter()
            .find_map(|made| diff::deviation(&id, made.as_ref(), live.as_ref(), Attribute::is_compared));
        Deviation { live, declared: model, words: words.unwrap_or_else(|| id.to_string()) }
    });
    deviations.collect()
}

/// Whether a database has no table, or looks like another application's, though the project declares tables.
pub fn is_other(facts: &Facts<'_>) -> bool {
    rules::has_no_table(facts) || rules::other_database(facts).is_some()
}

/// The SQL of findings, in an order that PostgreSQL accepts: what one of them makes, another may need.
pub fn script<'f>(findings: impl Iterator<Item = &'f Finding>) -> Vec<String> {
    let changes: Vec<&ddl::DdlChange> = findings.flat_map(|finding| &finding.remedy.changes).collect();
    ddl::arrange(&changes)
}

/// What came out.
#[derive(Debug)]
pub struct Diagnosis {
    /// All findings: first of the database and its history, then by object.
    pub findings: Vec<Finding>,
    /// Where the database stands in the migrations.
    pub state: MigrationState,
}

impl Facts<'_> {
    /// Whether an object is compared.
    fn takes_in(&self, object: &Object) -> bool {
        takes_in(object, self.in_scope, self.ignored)
    }

    /// Whether the history has a migration of this project, as its file is.
    fn has_own_history(&self) -> bool {
        let is_own = |row: &Applied| {
            let found =
                self.lock.migrations.binary_search_by_key(&row.version, |migration| migration.version);
            found.is_ok_and(|index| self.lock.migrations[index].name == row.name)
                && self.unchanged.contains(&row.version)
        };
        self.history.is_some_and(|rows| rows.iter().any(is_own))
    }

    /// Whether the database has nothing but what a new one has.
    fn is_new(&self) -> bool {
        let known: HashSet<&ObjectId> = self.lock.initial.iter().map(|object| &object.id).collect();
        self.live.objects.iter().all(|object| known.contains(&object.id))
    }

    fn state(&self) -> MigrationState {
        let mut state = self.state_by_history();
        let index = |version: i64| {
            self.lock.migrations.binary_search_by_key(&version, |migration| migration.version).ok()
        };
        state.unfinished = self.recorded.unfinished.iter().filter_map(|step| index(step.version)).collect();
        let edits = self.recorded.edits.iter().filter_map(|(version, edit)| Some((index(*version)?, edit)));
        state.texts = edits.map(|(index, edit)| (index, edit.clone())).collect();
        let respelled = state.texts.iter().filter(|(_, edit)| edit.only_respelled());
        state.respelled = respelled.map(|(index, _)| *index).collect();
        let renumbered = &self.recorded.renumbered;
        state.renumbered = renumbered.iter().filter_map(|(was, is)| Some((*was, index(*is)?))).collect();
        state
    }

    fn state_by_history(&self) -> MigrationState {
        let all = self.lock.migrations.len();
        if all == 0 {
            return MigrationState::first(0, 0, Basis::ModelOnly);
        }
        match self.history {
            Some(rows) if !rows.is_empty() => {
                MigrationState::from_history(&self.lock.migrations, rows, self.unchanged)
            }
            _ if rules::has_no_table(self) || self.is_new() => MigrationState::first(0, all, Basis::History),
            _ => {
                let closest = closest(self.lock, self.live, self.server, self.in_scope);
                MigrationState::first(closest.last().copied().unwrap_or(0), all, Basis::Inferred)
            }
        }
    }
}

/// What the applied migrations built.
struct Built<'f> {
    /// By the project's migrations.
    applied: Cow<'f, Catalog>,
    /// The applied migrations that the project lacks, of those whose effects were recorded.
    ahead: Vec<CompiledMigration>,
    /// With those; `None` where there are none.
    recorded: Option<Catalog>,
}

impl<'f> Built<'f> {
    fn by(facts: &Facts<'f>, state: &MigrationState) -> Self {
        let is_applied: BTreeSet<i64> =
            state.applied.iter().map(|index| facts.lock.migrations[*index].version).collect();
        let applied = match state.pending.is_empty() && state.skipped.is_empty() {
            true => Cow::Borrowed(facts.last),
            false => Cow::Owned(facts.lock.state_after(|version| is_applied.contains(&version))),
        };
        let is_ahead = |version: i64| state.ahead.iter().any(|row| row.version == version);
        let ahead = facts.recorded.ahead.iter().filter(|migration| is_ahead(migration.version));
        let ahead: Vec<CompiledMigration> = ahead.cloned().collect();
        let recorded = (!ahead.is_empty())
            .then(|| facts.lock.state_with(&ahead, |version| is_applied.contains(&version)));
        Self { applied, ahead, recorded }
    }

    fn differences(&self, facts: &Facts<'_>) -> Vec<Difference> {
        differences(facts, &self.applied, self.recorded.as_ref())
    }
}

/// What tells the causes of a database's differences, by `origins`: those of the project's migrations, and of the applied ones
/// that it lacks.
fn resolver<'f>(
    facts: &'f Facts<'f>,
    state: &'f MigrationState,
    built: &'f Built<'_>,
    [origins, ahead_origins]: [&'f Origins<'f>; 2],
) -> CauseResolver<'f> {
    CauseResolver {
        migrations: &facts.lock.migrations,
        state,
        origins,
        ahead: &built.ahead,
        ahead_origins,
        live: facts.live,
        model: &facts.lock.model,
        knows_privileges: facts.lock.head.options.privileges,
        proved: state.basis == Basis::History && !facts.assumed,
        accepted: facts.recorded.accepted.as_ref(),
        evidence: evidence(facts.others),
        allowed: Allowed::Repairs,
        views_print_differently: diff::crosses_view_printing_change(facts.server, facts.lock.head.server),
    }
}

/// Diagnoses.
pub fn diagnose(facts: &Facts<'_>) -> Diagnosis {
    let mut state = facts.state();
    let model = &facts.lock.model;
    let built = Built::by(facts, &state);
    let differences = built.differences(facts);
    let differing: HashSet<ObjectId> = differences.iter().map(|difference| difference.id.clone()).collect();
    let origins = Origins::new(if differences.is_empty() { &[] } else { &facts.lock.migrations });
    let ahead_origins = Origins::new(&built.ahead);
    let resolver = resolver(facts, &state, &built, [&origins, &ahead_origins]);
    let nothing_to_say = differences.is_empty() || rules::is_empty(facts, &state);
    if let Some(other) = if nothing_to_say { None } else { rules::other_database(facts) } {
        return Diagnosis { findings: graded(vec![other], facts), state };
    }
    // Which of the old migrations made what differs, no file says any more.
    if facts.partly_squashed.is_some() {
        return Diagnosis { findings: graded(rules::partly_squashed(facts, &state), facts), state };
    }
    let mut findings = match nothing_to_say {
        true => Vec::new(),
        false => objects::findings(&resolver, differences, &parents_of(facts.live, model)),
    };
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    let is_unexplained =
        |finding: &&Finding| matches!(finding.cause_kind(), Some(CauseKind::Drift | CauseKind::Unknown));
    state.distance = findings.iter().filter(is_unexplained).count();

    let mut all = rules::findings(facts, &state, &differing);
    all.append(&mut findings);
    for finding in &mut all {
        if let Some(step) = interrupted_revert(facts, finding) {
            let resume = step.resume();
            (finding.remedy.run, finding.remedy.advice) = (resume.run, resume.advice);
        }
    }
    Diagnosis { findings: graded(all, facts), state }
}

/// The findings with the severities that the project sets.
fn graded(mut findings: Vec<Finding>, facts: &Facts<'_>) -> Vec<Finding> {
    for finding in &mut findings {
        if let Some(severity) = facts.severities.get(&finding.code) {
            finding.severity = *severity;
        }
    }
    findings
}

/// What other tools' histories say, as the end of a sentence.
fn evidence(others: &[OtherHistory]) -> String {
    let stands = others.iter().filter_map(|other| {
        let current = other.current.as_deref()?;
        Some(format!("; {} is at {current}", other.tool))
    });
    stands.collect()
}

/// The interrupted revert that a finding is about: `downgrade` finishes it, not `upgrade`.
fn interrupted_revert<'f>(facts: &Facts<'f>, finding: &Finding) -> Option<&'f Unfinished> {
    let cause = finding.cause.as_ref().filter(|cause| cause.kind == CauseKind::Unfinished)?;
    let version: i64 = cause.migration.as_deref()?.parse().ok()?;
    facts.recorded.unfinished.iter().find(|step| step.reverts && !step.running && step.version == version)
}
