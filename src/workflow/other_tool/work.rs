//! What the tool is going to do: which migrations it applies or takes back, in which order, and by which commands.

use super::place;
use crate::changes::plan::Direction;
use crate::error::Failure;
use crate::migrations::tools::{MigrationTool, REVISION};
use crate::model::diagnosis::MigrationState;
use crate::model::{CompiledMigration, Lock};
use crate::project::Settings;
use crate::workflow::reports::loss::LossReport;

/// The work of one run.
pub(super) struct ToolWork {
    pub(super) direction: Direction,
    /// The migrations, in the order in which the tool applies or reverts them.
    pub(super) steps: Vec<ToolStep>,
    pub(super) commands: Vec<ToolCommand>,
    /// The tables and columns that are dropped with their values.
    pub(super) lost: Vec<LossReport>,
    /// The command line that asks for it.
    pub(super) asked_by: String,
}

/// A migration.
#[derive(PartialEq)]
pub(super) struct ToolStep {
    pub(super) version: i64,
    pub(super) title: String,
}

/// A run of the tool.
pub(super) struct ToolCommand {
    pub(super) words: Vec<String>,
    /// How many of the steps it carries out, after those of the commands before it.
    pub(super) steps: usize,
}

impl ToolStep {
    pub(super) fn of(migration: &CompiledMigration) -> Self {
        Self { version: migration.version, title: migration.id().to_string() }
    }
}

impl ToolWork {
    /// The tool applies all that is pending.
    ///
    /// # Errors
    /// As [`place::apply_command`].
    pub(super) fn upgrade(
        settings: &Settings,
        tool: MigrationTool,
        lock: &Lock,
        state: &MigrationState,
    ) -> Result<Self, Failure> {
        let pending = state.skipped.iter().chain(&state.pending).map(|index| &lock.migrations[*index]);
        let words = place::apply_command(settings, tool)?;
        let commands = match words.iter().any(|word| word.contains(REVISION)) {
            true => pending
                .clone()
                .map(|migration| {
                    let revision = migration.revision.as_ref().map_or("", |revision| &revision.id);
                    ToolCommand { words: place::of_revision(&words, revision), steps: 1 }
                })
                .collect(),
            false => vec![ToolCommand { words, steps: pending.clone().count() }],
        };
        Ok(Self {
            direction: Direction::Up,
            steps: pending.map(ToolStep::of).collect(),
            commands,
            lost: Vec::new(),
            asked_by: "trueup upgrade".to_owned(),
        })
    }

    /// Whether this is what was shown, or the rest of it.
    pub(super) fn is_rest_of(&self, shown: &Self) -> bool {
        shown.steps.ends_with(&self.steps)
    }

    /// `apply` or `revert`, as a third person does it.
    pub(super) fn verb(&self) -> &'static str {
        match self.direction {
            Direction::Up => "applies",
            Direction::Down => "reverts",
        }
    }

    /// What has been done with a migration.
    pub(super) fn done(&self) -> &'static str {
        match self.direction {
            Direction::Up => "applied",
            Direction::Down => "reverted",
        }
    }

    /// The setting that names another command.
    pub(super) fn setting(&self) -> &'static str {
        match self.direction {
            Direction::Up => "command",
            Direction::Down => "revert_command",
        }
    }
}
