//! The section `[lint]` of `trueup.toml`.

use super::pattern::Patterns;
use crate::error::Failure;
use crate::toml_table::TomlTable;

/// The settings in `[lint]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LintSettings {
    /// The relations that are small whatever is known of their size, with or without their schema.
    pub small: Patterns,
}

impl LintSettings {
    /// Whether a relation of this qualified and quoted name is small.
    pub fn is_small(&self, relation: &str) -> bool {
        let bare = relation.rsplit_once('.').map_or(relation, |(_, bare)| bare);
        self.small.matches(relation) || self.small.matches(bare)
    }
}

pub(super) fn lint(section: &TomlTable<'_, '_>) -> Result<LintSettings, Failure> {
    Ok(LintSettings { small: Patterns::new(section.strings("small")?.unwrap_or_default()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_relation_is_named_with_or_without_its_schema() {
        let settings = LintSettings { small: Patterns::new(["settings", "app.*"].map(str::to_owned)) };
        for (relation, small) in [
            ("public.settings", true),
            ("app.users", true),
            ("public.users", false),
            ("public.old_settings", false),
        ] {
            assert_eq!(settings.is_small(relation), small, "{relation}");
        }
    }
}
