//! The project directory, `trueup.toml`, and the [`Settings`] that command line, environment and file are resolved
//! to.

mod backup;
mod command_args;
mod directory;
mod file;
mod gate;
mod lint;
mod migrations;
mod named_environment;
mod origin;
mod output;
mod own_tool;
mod pattern;
mod process_env;
mod rehearse;
mod repair;
mod settings;

pub use backup::{BackupKind, BackupRequired, BackupSettings, VerifySetting};
pub use command_args::{CommandArgs, CommandCall};
pub use directory::{LOCK_FILE, Project, SETTINGS_FILE, called};
pub use file::{
    CheckSettings, CompileSettings, DatabaseSettings, Environment, ProjectFile, SeverityOverride,
};
pub use gate::{
    AroundSettings, AttestSettings, DriftScope, EvidenceSettings, GateCommand, GateLevel, GateSettings,
    KnownSecrets, RequiredValue, RequiredVariable, SectionName, VariableState,
};
pub use lint::{LintSettings, RuleSetting};
pub use migrations::MigrationSettings;
pub use named_environment::NamedEnvironment;
pub use origin::{ListedSetting, Origin, SettingOrigins};
pub use output::{OutputFile, OutputSettings};
pub use own_tool::OwnTool;
pub use pattern::{Patterns, matches};
pub use process_env::{Caller, Credentials, ProcessEnv};
pub use rehearse::RehearseSettings;
pub use repair::RepairSettings;
pub use settings::{ScratchSettings, Settings};
