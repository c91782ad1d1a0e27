//! The plan of an upgrade or a downgrade, as data: its migrations, statements and locks, where it ends, and which
//! findings conflict with it. Pure: nothing here talks to a database or prints.
//!
//! Every file is examined before anything is planned, so that a fault in the last file is reported before the first one
//! runs. Statements are recognised by their first words, on the tokens of squawk-lexer and not on a syntax tree. Tests
//! compare what is recognised with a real server: the locks with `pg_locks`, and whether a statement runs inside of a
//! transaction block.

mod adopt;
mod affected;
mod conflicts;
mod downgrade;
mod evidence;
mod export;
mod left;
mod locks;
mod resolve;
mod reversal;
mod script;
mod sending;
mod upgrade;

use evidence::applied_evidence;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use smol_str::SmolStr;

use crate::error::Exit;
use crate::migrations::history::Applied;
use crate::migrations::{Directives, Left};
use crate::model::{CompiledMigration, Effect, Footprint, RowWork};
use crate::postgres::catalog::ObjectId;
use crate::postgres::lock_mode::LockMode;

pub use adopt::{Adoption, LiveDatabase};
pub use affected::Affected;
pub use conflicts::collisions;
pub use evidence::already_applied::is_satisfied;
pub use evidence::applied_evidence::Evidence;
pub use export::EditorSession;
use left::is_left_on_purpose;
pub use locks::{ExpectedLock, LockTarget, Relations, expected_locks};
pub use resolve::{Resolution, ResolveCase, Resolved};
pub use reversal::Reversal;
pub use script::{PlannedStatement, Script};
pub use sending::Sending;
pub use upgrade::UpgradeGoal;

/// The direction of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Migrations are applied.
    Up,
    /// Migrations are reverted.
    Down,
}

/// The plan of an upgrade or a downgrade.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationPlan {
    /// The direction.
    pub direction: Direction,
    /// The newest version that is applied now, whether or not the project has it.
    pub current: Option<i64>,
    /// The steps, in the order in which they are executed.
    pub steps: Vec<Step>,
    /// Why the plan ends before the last pending migration.
    pub stop: Option<PlanStop>,
    /// The applied migrations that the project does not have.
    pub ahead: Vec<Applied>,
    /// What the down scripts of migrations left that are not applied any more, by version: a person has accepted that.
    pub left: Vec<LeftBehind>,
}

/// What the down script of a migration left that is not applied any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftBehind {
    version: i64,
    left: Left,
    /// The labels of the enum, of which it left one, without that one.
    labels: Option<String>,
}

impl MigrationPlan {
    /// Marks the steps of these versions to be recorded as applied instead of being run.
    pub fn record(&mut self, versions: &BTreeSet<i64>) {
        for step in &mut self.steps {
            step.record = versions.contains(&step.version);
        }
    }

    /// Determines which existing relations each step locks. Relations that the same run creates are left out: nobody
    /// else uses them yet.
    pub fn look_up(&mut self, relations: &Relations<'_>) {
        for step in &mut self.steps {
            step.held = step.locks(relations);
        }
    }

    /// Makes the paths of the files relative to the project directory.
    pub fn name_paths_from(&mut self, directory: &Path) {
        for step in &mut self.steps {
            if let Ok(inside) = step.path.strip_prefix(directory) {
                step.path = inside.to_owned();
            }
        }
    }

    /// Whether the plan has no steps.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The plan without the steps of these versions, which are recorded without being run.
    #[must_use]
    pub fn without(&self, versions: &BTreeSet<i64>) -> Self {
        let mut rest = self.clone();
        rest.steps.retain(|step| !versions.contains(&step.version));
        rest
    }
}

/// One migration that is applied or reverted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its index in [`crate::model::Lock::migrations`].
    pub index: usize,
    /// Its version.
    pub version: i64,
    /// The name.
    pub name: String,
    /// Version and name: `V3__add_username`.
    pub title: String,
    /// The file that is run: the migration's file, or its down script.
    pub path: PathBuf,
    /// Whether it breaks old app versions (a contract migration).
    pub contract: bool,
    /// The text of that file, as it is stored.
    pub sql: String,
    /// Its statements.
    pub script: Script,
    /// The directives of that file.
    pub directives: Directives,
    /// Whether it runs as one transaction.
    pub transactional: bool,
    /// Whether it is recorded as applied without being run, because the database already has its effect.
    pub record: bool,
    /// The strongest lock on each relation that exists before the run; see [`MigrationPlan::look_up`].
    pub held: BTreeMap<ObjectId, LockMode>,
    /// What its statements did when the project was compiled. Down scripts are not measured.
    pub footprints: Vec<Footprint>,
    /// The objects that the migration creates, changes, renames (both names) or drops.
    pub touches: BTreeSet<ObjectId>,
}

impl Step {
    /// The strongest lock that the step takes on each relation that exists already: those that its text tells, on the
    /// relations that this database has, and those that were measured when the project was compiled.
    pub fn locks(&self, relations: &Relations<'_>) -> BTreeMap<ObjectId, LockMode> {
        let mut locks = relations.held(self.script.statements.iter().flat_map(|statement| &statement.locks));
        for (relation, mode) in self.footprints.iter().flat_map(|footprint| &footprint.locks) {
            if let Some(id) = relations.named(relation).filter(|_| *mode >= LockMode::RowExclusive) {
                let strongest = locks.entry(id).or_insert(*mode);
                *strongest = mode.max(strongest).to_owned();
            }
        }
        locks
    }

    /// The longest work on all rows of a relation that is done while the step holds each lock, by the locked relation.
    pub fn works(&self) -> BTreeMap<SmolStr, RowWork> {
        Footprint::works_under_locks(&self.footprints, self.transactional)
    }
}

/// A data check that found rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnmetCheck {
    /// The name.
    pub check: String,
    /// The number of rows that it found.
    pub rows: u64,
    /// Whether it has a fix for them.
    pub fixable: bool,
}

impl fmt::Display for UnmetCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = if self.rows == 1 { "row" } else { "rows" };
        write!(f, "data check {} finds {} {rows}", self.check, self.rows)
    }
}

/// Why a plan ends before the last pending migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanStop {
    /// A contract migration comes next, and contract migrations were not asked for.
    Contract {
        /// `V5__drop_username`.
        title: String,
        /// Its version.
        version: i64,
        /// The migrations that are not applied: this one and all after it.
        waiting: Vec<String>,
    },
    /// A migration comes next that requires data checks to pass first.
    RequiresCheck {
        /// `V5__require_username`.
        title: String,
        /// Its version.
        version: i64,
        /// The checks.
        checks: Vec<String>,
        /// The checks that found rows; empty when they were not run.
        unmet: Vec<UnmetCheck>,
        /// The migrations that are not applied: this one and all after it.
        waiting: Vec<String>,
    },
}

impl PlanStop {
    /// The exit code of a command that has executed the whole plan. A contract migration that waits is not a finding;
    /// a data check that found rows is one.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Contract { .. } => Exit::Clean,
            Self::RequiresCheck { .. } => Exit::Findings,
        }
    }

    /// The migration before which the plan ends.
    pub fn title(&self) -> &str {
        match self {
            Self::Contract { title, .. } | Self::RequiresCheck { title, .. } => title,
        }
    }

    /// The migrations that are not applied: that migration and those after it.
    pub fn waiting(&self) -> &[String] {
        match self {
            Self::Contract { waiting, .. } | Self::RequiresCheck { waiting, .. } => waiting,
        }
    }

    /// The reason, as a sentence without a full stop.
    pub fn why(&self) -> String {
        match self {
            Self::Contract { title, .. } => {
                format!("stopped before {title}: it breaks old app versions (contract migration)")
            }
            Self::RequiresCheck { title, unmet, .. } if !unmet.is_empty() => {
                let found: Vec<String> = unmet.iter().map(UnmetCheck::to_string).collect();
                format!("stopped before {title}: {}", found.join(", "))
            }
            Self::RequiresCheck { title, checks, .. } => {
                let (noun, verb) =
                    if checks.len() == 1 { ("data check", "has") } else { ("data checks", "have") };
                format!("stopped before {title}: the {noun} {} {verb} to pass first", checks.join(", "))
            }
        }
    }

    /// The command to run next.
    pub fn next(&self) -> String {
        match self {
            Self::Contract { .. } => CONTRACT_NEXT.to_owned(),
            Self::RequiresCheck { checks, unmet, .. } if unmet.is_empty() => {
                format!("trueup verify {}; when it passes, trueup upgrade", checks.join(" "))
            }
            Self::RequiresCheck { unmet, .. } => {
                let names: Vec<&str> = unmet.iter().map(|unmet| unmet.check.as_str()).collect();
                let fix = if unmet.iter().any(|unmet| unmet.fixable) { "--fix " } else { "" };
                format!("trueup verify {fix}{}; then run the same command to continue", names.join(" "))
            }
        }
    }
}

/// The command to run when a contract migration comes next.
pub const CONTRACT_NEXT: &str = "when no old app version is running any more: trueup upgrade --contract";

/// The objects that a migration's effects change; of a rename both names.
fn touches(migration: &CompiledMigration) -> BTreeSet<ObjectId> {
    let mut touched = BTreeSet::new();
    for effect in &migration.effects {
        if let Effect::Renamed { from, .. } = effect {
            touched.insert(ObjectId::clone(from));
        }
        touched.insert(effect.id().clone());
    }
    touched
}

/// The names of migrations as a list: `V3__a, V4__b`.
fn titles<'m>(migrations: impl IntoIterator<Item = &'m CompiledMigration>) -> String {
    migrations.into_iter().map(|migration| migration.id().to_string()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod samples;
