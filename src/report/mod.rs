//! What a person or a pipeline reads: the only user of standard output and standard error.

mod adopt;
mod backup;
mod backup_plan;
mod compile;
mod console;
mod decision;
mod document;
mod envelope;
mod escape;
mod failure;
mod human;
mod json;
mod markdown;
mod meter;
mod plan;
mod progress;
mod prompt;
mod restore;
mod status;
mod style;

pub use adopt::{AdoptionReport, adoption_text};
pub use backup::{BackupReport, BackupRow, Backups};
pub use backup_plan::{BackupPlan, LastBackup};
pub use compile::{CompileReport, Compiled};
pub use console::{err, out};
pub use decision::{DecisionReport, Subject};
pub use document::{Coverage, Document, FORMAT, Format, History, MigrationName, Summary, Target};
pub use escape::{escape, escape_lines};
pub use failure::{ErrorReport, FailureReport, failure_document, failure_text};
pub use meter::Meter;
pub use plan::{LockReport, PlanReport, StepReport, StopReport, plan_text, size};
pub use progress::Progress;
pub use prompt::{confirm, typed};
pub use restore::{RestoreReport, RestoredAs, Standing as RestoredStanding};
pub use status::{StatusHistory, StatusReport};
pub use style::{Style, terminal_width};
