//! What commands share: the project's model, the target and its environment, the confirmation and the backup before a
//! change, the way of a migration, signals, and where a report goes.

pub(crate) mod attestation;
pub(crate) mod backup_policy;
pub(crate) mod backup_store;
pub(crate) mod child_process;
pub(crate) mod comparison;
pub(crate) mod confirmation;
pub(crate) mod data_checks;
pub(crate) mod deliver;
pub(crate) mod doctor;
pub(crate) mod drift_fix;
pub(crate) mod environment_mark;
pub(crate) mod file_set;
pub(crate) mod gate;
pub(crate) mod generation;
pub(crate) mod git;
pub(crate) mod lint;
pub(crate) mod migrate;
pub(crate) mod monitoring;
pub(crate) mod other_tool;
pub(crate) mod plan_steps;
pub(crate) mod project_model;
pub(crate) mod readiness;
pub(crate) mod rehearsal;
pub(crate) mod reports;
pub(crate) mod required_checks;
pub(crate) mod resetting;
pub(crate) mod schema_files;
pub(crate) mod seeding;
pub(crate) mod signals;
pub(crate) mod sizes;
pub(crate) mod squashing;
pub(crate) mod trusted;
pub(crate) mod why;
pub(crate) mod write_command;
