//! What the code that runs now does not survive.

pub(super) mod dropped;
pub(super) mod label;
pub(super) mod mixed;
pub(super) mod renamed;
pub(super) mod required;
pub(super) mod retyped;

use super::{LintMatch, LintRule, LintedMigration};
