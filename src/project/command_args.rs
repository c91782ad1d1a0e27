//! What settings need to know of a command, which its arguments tell: no command is named here.

use super::settings::Settings;
use crate::cli::{ScratchArgs, Secret, Shared};
use crate::error::Failure;
use crate::output::ProbeName;

/// What the arguments of a command say about its settings. The defaults suit a command that works on a project's
/// database, starts no server and has no flag in place of a setting.
pub trait CommandArgs {
    /// Whether the command works on the project and its environments. One that does not gets the working directory and
    /// an empty `trueup.toml`.
    fn needs_project(&self) -> bool {
        true
    }

    /// Whether the command starts a project: in the directory that `--project` names, else in the working directory.
    fn starts_project(&self) -> bool {
        false
    }

    /// Whether what a project says counts where there is one already, though the command starts one where there is none.
    fn continues_project(&self) -> bool {
        false
    }

    /// Whether it works although the project or its settings are wrong, and tells what is wrong with them.
    fn works_with_wrong_settings(&self) -> bool {
        false
    }

    /// Where its throwaway server, and PostgreSQL's programs, come from.
    fn scratch(&self) -> ScratchArgs {
        ScratchArgs::default()
    }

    /// The environment that it is about, where `--env` or `TRUEUP_ENV` asks for `asked`.
    ///
    /// # Errors
    /// Exit 2: the arguments name another one.
    fn environment(&self, asked: Option<String>) -> Result<Option<String>, Failure> {
        Ok(asked)
    }

    /// The URL of the database that it works on in the place of the project's, and the flag that has it.
    fn works_on(&self) -> Option<(&Secret, &'static str)> {
        None
    }

    /// What it reads of a database, where it counts that: in the format `prometheus`.
    fn probe(&self) -> Option<ProbeName> {
        None
    }

    /// Puts the command's own flags in the place of what `trueup.toml` says.
    fn override_settings(&self, settings: &mut Settings) {
        let _ = settings;
    }
}

/// A command as it was called.
pub struct CommandCall<'c> {
    /// The command's name.
    pub name: &'static str,
    /// Its arguments.
    pub args: &'c dyn CommandArgs,
    /// The flags that every command has.
    pub shared: &'c Shared,
}
