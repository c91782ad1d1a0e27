//! Plans what the tool takes back: the applied migrations behind a revision, and the commands that revert them.

use std::collections::BTreeSet;

use smol_str::SmolStr;

use super::place;
use super::work::{ToolCommand, ToolStep, ToolWork};
use crate::changes::plan::{Direction, Reversal};
use crate::error::{ErrorCode, Exit, Failure};
use crate::migrations::history::Applied;
use crate::migrations::tools::{self, APP, COUNT, MigrationTool, NAME, REVISION, TO};
use crate::model::diagnosis::MigrationState;
use crate::model::{CompiledMigration, Lock};
use crate::postgres::catalog::Catalog;
use crate::project::Settings;
use crate::workflow::reports::loss::LossReport;

/// How many revisions a message names.
const MOST_NAMED: usize = 5;

/// The word for no revision at all.
const NONE: &str = "0";

/// What stays applied.
#[derive(Clone, Copy)]
enum Goal<'l> {
    /// Nothing.
    None,
    /// Nothing of this app of Django.
    WithoutApp(&'l str),
    /// This migration, and what comes before it.
    At(usize),
}

/// What is known of the tool's migrations.
pub(super) struct Reverting<'a> {
    pub(super) settings: &'a Settings,
    pub(super) tool: MigrationTool,
    pub(super) lock: &'a Lock,
    pub(super) state: &'a MigrationState,
    pub(super) live: &'a Catalog,
    /// The revision that stays.
    pub(super) to: &'a str,
}

/// Refuses a tool that cannot revert.
///
/// # Errors
/// Exit 4.
pub(super) fn refuse_tool(settings: &Settings, tool: MigrationTool) -> Result<(), Failure> {
    let why = tool.cannot_revert();
    if why.is_empty() || !settings.migrations.revert_command.is_empty() {
        return Ok(());
    }
    let forward = format!(
        "write a migration that reverts it, and apply that: trueup upgrade; or restore the backup that was taken before it: \
         trueup backup list, then trueup restore ID --replace{}",
        settings.same_database("--into")
    );
    let next = match tool {
        MigrationTool::Flyway => {
            format!(
                "{forward}; in an edition with undo: [migrations] revert_command = [\"flyway\", \"undo\"]"
            )
        }
        _ => forward,
    };
    Err(Failure::new(Exit::Refused, format!("{why}; nothing was changed"))
        .code(ErrorCode::MIGRATION_NO_DOWN_SCRIPT)
        .next(next))
}

impl<'a> Reverting<'a> {
    /// Plans it.
    ///
    /// # Errors
    /// Exit 2: there is no such revision, or it is not applied. Exit 4: a migration that nothing reverts; one that the project
    /// does not have.
    pub(super) fn work(&self) -> Result<ToolWork, Failure> {
        let goal = self.goal()?;
        let steps = self.behind(goal);
        self.refuse_unknown(goal, &steps)?;
        self.refuse_without_down(&steps)?;
        let version = |index: &usize| self.lock.migrations[*index].version;
        let reverted: BTreeSet<i64> = steps.iter().map(version).collect();
        let stays = self.state.applied.iter().map(version).filter(|one| !reverted.contains(one)).collect();
        let (commands, groups): (Vec<ToolCommand>, Vec<Vec<usize>>) =
            self.runs(goal, steps)?.into_iter().unzip();
        Ok(ToolWork {
            direction: Direction::Down,
            commands,
            steps: groups
                .concat()
                .into_iter()
                .map(|index| ToolStep::of(&self.lock.migrations[index]))
                .collect(),
            lost: LossReport::of(&Reversal::of(self.lock, &reverted, &stays).lost(self.live)),
            asked_by: format!("trueup downgrade --to {}", self.to),
        })
    }

    fn id(&self, index: usize) -> &'a str {
        self.lock.migrations[index].revision.as_ref().map_or("", |revision| revision.id.as_str())
    }

    fn goal(&self) -> Result<Goal<'a>, Failure> {
        let all = 0..self.lock.migrations.len();
        let mut found: Vec<usize> = all.clone().filter(|index| self.id(*index) == self.to).collect();
        if found.is_empty() {
            found = all.filter(|index| self.tool.means(self.to, self.id(*index))).collect();
        }
        match found.as_slice() {
            [] if self.to == NONE || self.to == self.tool.no_revision() => Ok(Goal::None),
            [] => match self.to.split_once('.') {
                Some((app, "zero")) => self.without_app(app),
                _ => Err(self.no_such()),
            },
            [index] if self.state.applied.contains(index) => Ok(Goal::At(*index)),
            [index] => Err(Failure::usage(format!(
                "--to {}: {} is not applied, and a downgrade applies no migrations",
                self.to,
                self.lock.migrations[*index].id()
            ))
            .code(ErrorCode::USAGE_ARGUMENTS)
            .next("trueup status shows what is applied; to apply all that is pending: trueup upgrade")),
            several => {
                let several: Vec<&str> = several.iter().map(|index| self.id(*index)).collect();
                Err(Failure::usage(format!("--to {}: that can be {}", self.to, several.join(" or ")))
                    .code(ErrorCode::USAGE_ARGUMENTS)
                    .next("name one of them in full"))
            }
        }
    }

    fn without_app(&self, app: &str) -> Result<Goal<'a>, Failure> {
        let mut apps = (0..self.lock.migrations.len()).map(|index| self.app(index));
        match apps.find(|known| *known == app && self.tool == MigrationTool::Django) {
            Some(app) => Ok(Goal::WithoutApp(app)),
            None => Err(self.no_such()),
        }
    }

    fn no_such(&self) -> Failure {
        let newest = self.state.applied.iter().rev().take(MOST_NAMED).map(|index| self.id(*index));
        let newest: Vec<&str> = newest.collect();
        let known = match newest.as_slice() {
            [] => "none is applied".to_owned(),
            newest => format!("the newest that are applied: {}", newest.join(", ")),
        };
        Failure::usage(format!("--to {}: {} has no such migration; {known}", self.to, self.tool))
            .code(ErrorCode::MIGRATION_UNKNOWN)
            .next(format!("name a migration as {} calls it; {NONE} reverts all", self.tool))
    }

    /// The app of a migration of Django.
    fn app(&self, index: usize) -> &'a str {
        self.id(index).split_once('.').map_or("", |(app, _)| app)
    }

    /// The applied migrations that are taken back, those first that others rest on least.
    fn behind(&self, goal: Goal<'_>) -> Vec<usize> {
        let applied = self.state.applied.iter().rev().copied();
        match goal {
            Goal::None => applied.collect(),
            Goal::WithoutApp(app) => {
                let of_app = self.resting_on(|index| self.app(index) == app);
                applied.filter(|index| of_app.contains(index)).collect()
            }
            Goal::At(target) if self.tool.is_code() => {
                let is_child = |index: usize| {
                    let CompiledMigration { parents, dependencies, .. } = &self.lock.migrations[index];
                    let names_it = |names: &[SmolStr]| names.iter().any(|name| name == self.id(target));
                    names_it(parents) && !names_it(dependencies) && self.app(index) == self.app(target)
                };
                let children = self.resting_on(is_child);
                applied.filter(|index| children.contains(index)).collect()
            }
            Goal::At(target) => applied.filter(|index| *index > target).collect(),
        }
    }

    /// The migrations that are so, and those that come after one of them by the parents that each names.
    fn resting_on(&self, is_so: impl Fn(usize) -> bool) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        let mut ids: BTreeSet<&str> = BTreeSet::new();
        // Parents come before their children.
        for (index, migration) in self.lock.migrations.iter().enumerate() {
            if is_so(index) || migration.parents.iter().any(|parent| ids.contains(parent.as_str())) {
                found.insert(index);
                ids.insert(self.id(index));
            }
        }
        found
    }

    /// Refuses to take anything back from under migrations that the project does not have.
    fn refuse_unknown(&self, goal: Goal<'_>, steps: &[usize]) -> Result<(), Failure> {
        let is_above = |row: &&Applied| match (self.tool, goal) {
            _ if steps.is_empty() => false,
            (MigrationTool::Django, _) => {
                let app = row.revision.as_ref().and_then(|revision| revision.id.split_once('.'));
                app.is_some_and(|(app, _)| steps.iter().any(|index| self.app(*index) == app))
            }
            (MigrationTool::Alembic, _) | (_, Goal::None | Goal::WithoutApp(_)) => true,
            (_, Goal::At(target)) => row.version > self.lock.migrations[target].version,
        };
        let unknown: Vec<String> =
            self.state.ahead.iter().filter(is_above).map(|row| row.id().to_string()).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let is = if unknown.len() == 1 { "is" } else { "are" };
        let what = format!(
            "{} {is} applied, but not in this project directory: what comes before cannot be reverted from here; nothing was \
             changed",
            unknown.join(", ")
        );
        Err(Failure::new(Exit::Refused, what)
            .code(ErrorCode::HISTORY_AHEAD)
            .next("run the downgrade in the project directory that has these migrations"))
    }

    /// Refuses migrations that change the schema and have no statement that reverts them: some tools would only delete their
    /// row.
    fn refuse_without_down(&self, steps: &[usize]) -> Result<(), Failure> {
        let own = &self.settings.migrations;
        if self.tool.is_code() || !own.revert_command.is_empty() || steps.is_empty() {
            return Ok(());
        }
        let project = &self.settings.project;
        let source = project.tool_source().expect("another tool reverts them");
        let files = tools::read(source, &project.migrations_dir)?.migrations;
        let lacks = |index: &&usize| {
            let has_down = files.get(**index).is_some_and(tools::ToolMigration::has_down);
            !has_down && !self.lock.migrations[**index].effects.is_empty()
        };
        let without: Vec<&CompiledMigration> =
            steps.iter().filter(lacks).map(|index| &self.lock.migrations[*index]).collect();
        if without.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = without.iter().map(|migration| migration.id().to_string()).collect();
        let has = if names.len() == 1 { "has" } else { "have" };
        let what = format!("{} {has} no statements that revert it; nothing was changed", names.join(", "));
        Err(Failure::new(Exit::Refused, what).code(ErrorCode::MIGRATION_NO_DOWN_SCRIPT).next(
            "write them; or put the change that reverts it into a new migration; or restore a backup that was taken before it: \
             trueup backup list",
        ))
    }

    /// The runs of the tool that take these back, each with its own.
    fn runs(&self, goal: Goal<'a>, steps: Vec<usize>) -> Result<Vec<(ToolCommand, Vec<usize>)>, Failure> {
        let chosen = &self.settings.migrations.revert_command;
        let words = match chosen.as_slice() {
            [] => {
                let all = matches!(goal, Goal::None);
                place::usual(self.settings, self.tool, self.tool.revert_arguments(all).unwrap_or_default())
            }
            chosen => chosen.to_vec(),
        };
        let has = |placeholder: &str| words.iter().any(|word| word.contains(placeholder));
        let one_by_one = match chosen.is_empty() {
            true => self.tool.reverts_one_by_one(),
            false => ![TO, COUNT, APP, NAME].into_iter().any(has),
        };
        let groups = match goal {
            _ if steps.is_empty() => Vec::new(),
            _ if one_by_one => steps.into_iter().map(|index| vec![index]).collect(),
            Goal::None if has(APP) => self.by_app(steps),
            _ => vec![steps],
        };
        let runs = groups.into_iter().map(|group| {
            let none = self.tool.no_revision();
            let (to, app, name) = match goal {
                Goal::None => (none, group.first().map_or("", |index| self.app(*index)), none),
                Goal::WithoutApp(app) => (none, app, none),
                Goal::At(target) => {
                    let name = self.id(target).split_once('.').map_or("", |(_, name)| name);
                    (self.id(target), self.app(target), name)
                }
            };
            let count = group.len().to_string();
            let revision = group.first().map_or("", |index| self.id(*index));
            let values = [(TO, to), (APP, app), (NAME, name), (COUNT, count.as_str()), (REVISION, revision)];
            let words = place::filled(self.settings, self.tool, &words, &values)?;
            Ok((ToolCommand { words, steps: group.len() }, group))
        });
        Failure::collect(runs)
    }

    /// What Django takes back with each app.
    fn by_app(&self, steps: Vec<usize>) -> Vec<Vec<usize>> {
        let (mut groups, mut rest) = (Vec::new(), steps);
        while let Some(newest) = rest.first() {
            let app = self.app(*newest);
            let with_app = self.resting_on(|index| self.app(index) == app);
            let (group, others) = rest.into_iter().partition(|index| with_app.contains(index));
            groups.push(group);
            rest = others;
        }
        groups
    }
}
