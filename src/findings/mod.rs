//! Findings: the one type that every judgement returns, every format prints and every test compares.
//!
//! `check`, `verify` and `seed --check` return the same [`Finding`]: what is wrong with which object, how severe it
//! is, why it is so, where it is declared, and what to do about it.

mod cause;
mod command;
mod estimate;
mod finding;
mod location;
mod remedy;
mod severity;

pub use cause::{Cause, CauseKind};
pub use command::Command;
pub use estimate::{ReportedEstimate, Seconds};
pub use finding::{AttributeFinding, Change, Finding, Sides, Undeclared};
pub use location::{LOCK_FILE, Location};
pub use remedy::{Hazard, Remedy};
pub use severity::{Severity, Summary};
