//! Who waits for what, and for which lock.

pub(super) mod deadlock;
pub(super) mod index;
pub(super) mod other_table;
pub(super) mod partitions;
pub(super) mod rewrite;
pub(super) mod rows;
pub(super) mod scan;
pub(super) mod window;

use super::{LintMatch, LintRule, LintedMigration, waiting};
