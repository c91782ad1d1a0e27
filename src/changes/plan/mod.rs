//! What an upgrade or a downgrade will do, as data: which migrations, which statements, which locks, where it stops
//! and what it collides with. Pure: nothing here talks to a database or prints.
//!
//! Every file is looked through before anything is planned, so that what is wrong with the last one is told before
//! the first one runs.

mod adopt;
mod affected;
mod already_applied;
mod applied_evidence;
mod conflicts;
mod downgrade;
mod export;
mod locks;
mod non_transactional;
mod refuse;
mod resolve;
mod script;
mod statement_effect;
mod tokens;
mod upgrade;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use crate::error::Exit;
use crate::migrations::Directives;
use crate::migrations::history::Applied;
use crate::model::{CompiledMigration, Effect};
use crate::postgres::catalog::ObjectId;

pub use adopt::{Adoption, LiveDatabase};
pub use affected::Affected;
pub use already_applied::is_satisfied;
pub use applied_evidence::Evidence;
pub use conflicts::collisions;
pub use export::EditorSession;
pub use locks::{ExpectedLock, LockMode, LockTarget, Relations, expected_locks};
pub use non_transactional::NonTransactional;
pub use resolve::{Resolution, ResolveCase, Resolved};
pub use script::{PlannedStatement, Script};
pub use statement_effect::StatementEffect;
pub use tokens::WrittenName;
pub use upgrade::UpgradeGoal;

/// Which way a plan leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Migrations are applied.
    Up,
    /// They are taken back.
    Down,
}

/// What is going to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationPlan {
    /// Which way.
    pub direction: Direction,
    /// The newest version that is applied now, the project's or not.
    pub current: Option<i64>,
    /// The steps, in the order in which they are done.
    pub steps: Vec<Step>,
    /// Why it ends before all that is pending is done.
    pub stop: Option<PlanStop>,
    /// What the database has and the project does not.
    pub ahead: Vec<Applied>,
}

impl MigrationPlan {
    /// Makes these versions be recorded as applied instead of run.
    pub fn record(&mut self, versions: &BTreeSet<i64>) {
        for step in &mut self.steps {
            step.record = versions.contains(&step.version);
        }
    }

    /// Finds out which relations of the database the steps lock. What the same run makes, nobody holds for long.
    pub fn look_up(&mut self, relations: &Relations<'_>) {
        for step in &mut self.steps {
            step.held = step.locks(relations);
        }
    }

    /// Names the files as people do: relative to the project directory.
    pub fn name_paths_from(&mut self, directory: &Path) {
        for step in &mut self.steps {
            if let Ok(inside) = step.path.strip_prefix(directory) {
                step.path = inside.to_owned();
            }
        }
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The plan without some of its steps: those that are recorded without being run.
    #[must_use]
    pub fn without(&self, versions: &BTreeSet<i64>) -> Self {
        let mut rest = self.clone();
        rest.steps.retain(|step| !versions.contains(&step.version));
        rest
    }
}

/// One migration, applied or taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its place in [`crate::model::Lock::migrations`].
    pub index: usize,
    /// Its version.
    pub version: i64,
    /// Its name.
    pub name: String,
    /// `V3__add_username`.
    pub title: String,
    /// The file that is run: the migration's, or its down script.
    pub path: PathBuf,
    /// Whether old code does not survive it.
    pub contract: bool,
    /// The text of that file, as it lies on the disk.
    pub sql: String,
    /// Its statements.
    pub script: Script,
    /// What the file that is run says about itself.
    pub directives: Directives,
    /// Whether all of it is one transaction.
    pub transactional: bool,
    /// It is not run but recorded as applied: its effect is there already.
    pub record: bool,
    /// The strongest lock on each relation that is there before the run; see [`MigrationPlan::look_up`].
    pub held: BTreeMap<ObjectId, LockMode>,
    /// The objects that the migration makes, changes, renames (both names) or drops.
    pub touches: BTreeSet<ObjectId>,
}

impl Step {
    /// The strongest lock that it takes on each relation that exists already.
    pub fn locks(&self, relations: &Relations<'_>) -> BTreeMap<ObjectId, LockMode> {
        relations.held(self.script.statements.iter().flat_map(|statement| &statement.locks))
    }
}

/// A data check that found rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnmetCheck {
    /// Its name.
    pub check: String,
    /// How many rows it found.
    pub rows: u64,
    /// Whether it has fixes.
    pub fixable: bool,
}

impl fmt::Display for UnmetCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = if self.rows == 1 { "row" } else { "rows" };
        write!(f, "data check {} finds {} {rows}", self.check, self.rows)
    }
}

/// Why a plan ends early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanStop {
    /// The first contract migration, which was not asked for.
    Contract {
        /// `V5__drop_username`.
        title: String,
        /// Its version.
        version: i64,
        /// What waits with it: its title and those of all after it.
        waiting: Vec<String>,
    },
    /// A migration that wants data checks to be clean before it.
    RequiresCheck {
        /// `V5__require_username`.
        title: String,
        /// Its version.
        version: i64,
        /// The checks.
        checks: Vec<String>,
        /// Those that found rows; empty where they were not run.
        unmet: Vec<UnmetCheck>,
        /// What waits with it: its title and those of all after it.
        waiting: Vec<String>,
    },
}

impl PlanStop {
    /// How a command ends that did all of the plan: what is left to other people's code is no finding, a check is.
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

    /// What waits: that migration and those after it.
    pub fn waiting(&self) -> &[String] {
        match self {
            Self::Contract { waiting, .. } | Self::RequiresCheck { waiting, .. } => waiting,
        }
    }

    /// Why, in one sentence.
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

    /// What to run next.
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

/// What to run when a contract migration comes next.
pub const CONTRACT_NEXT: &str = "when no old app version is running any more: trueup upgrade --contract";

/// The objects that effects are about.
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

/// `V3__a, V4__b`.
fn titles<'m>(migrations: impl IntoIterator<Item = &'m CompiledMigration>) -> String {
    migrations.into_iter().map(|migration| migration.id().to_string()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod samples;
