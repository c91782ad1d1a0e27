//! What is lost.

pub(super) mod dropped;
pub(super) mod narrowed;
pub(super) mod rows;

use super::{LintMatch, LintRule, LintedMigration, waiting};
