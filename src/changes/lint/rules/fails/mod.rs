//! What fails later, or does something else than its text says.

pub(super) mod down_heavier;
pub(super) mod foreign_key_without_index;
pub(super) mod name_length;
pub(super) mod search_path;
pub(super) mod setting;
pub(super) mod too_many_locks;

use super::{LintMatch, LintRule, LintedMigration};
