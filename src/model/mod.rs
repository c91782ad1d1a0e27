//! The declared model: SQL files loaded into a scratch server, migrations replayed there, and `trueup.lock`, which
//! keeps the outcome.

mod assume;
mod compile;
pub mod declare;
mod default_privileges;
pub mod diagnosis;
pub mod diff;
mod footprint;
mod inputs;
mod load;
mod locate;
mod lock;
mod notes;
mod outcome;
mod progress;
mod recognise;
mod replay;
mod rewrite;
mod runner;
mod server_error;

pub use compile::{Compilation, CompiledProject, compile, unreadable_bodies};
pub use footprint::{Footprint, HeldLock, RowWork, RowWorkKind};
pub use inputs::{Input, SchemaFile, Sources};
pub use load::UnreadableBody;
pub use locate::Declarations;
pub use lock::{
    CompiledDown, CompiledMigration, CompiledSettings, DeclaredBy, DownOutcome, Effect, FILE_NAME, FORMAT,
    Head, Lock, LockFile, effects_from_text, effects_to_text,
};
pub use progress::CompileProgress;
pub use replay::{Running, StepOutcome, ToolSteps, TrialDatabase, is_long_and_plain};
pub use rewrite::{Rewrite, Rewritten};
