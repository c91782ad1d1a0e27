//! The project directory, `trueup.toml`, and the one value that flags, environment and file become.

mod backup;
mod command_args;
mod directory;
mod file;
mod pattern;
mod process_env;
mod repair;
mod settings;

pub use backup::{BackupKind, BackupSettings, Required, Verify};
pub use command_args::{CommandArgs, CommandCall};
pub use directory::{LOCK_FILE, Project, SETTINGS_FILE};
pub use file::{
    CheckSettings, CompileSettings, DatabaseSettings, Environment, MigrationSettings, ProjectFile,
    SeverityOverride,
};
pub use pattern::{Patterns, matches};
pub use process_env::{Caller, Credentials, ProcessEnv};
pub use repair::RepairSettings;
pub use settings::{NamedEnvironment, Output, OutputFile, Scratch, Settings};
