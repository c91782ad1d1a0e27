//! The project directory, `trueup.toml`, and the one value that flags, environment and file become.

mod backup;
mod directory;
mod file;
mod pattern;
mod repair;
mod settings;
mod surroundings;

pub use backup::{BackupKind, BackupSettings, Required, Verify};
pub use directory::{LOCK_FILE, Project, SETTINGS_FILE};
pub use file::{
    CheckSettings, CompileSettings, DatabaseSettings, Environment, MigrationSettings, ProjectFile, Severity,
    SeverityOverride,
};
pub use pattern::{Patterns, matches};
pub use repair::RepairSettings;
pub use settings::{NamedEnvironment, Output, Scratch, Settings};
pub use surroundings::{Caller, Credentials, Surroundings};
