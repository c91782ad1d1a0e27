//! The section `[lint]` of `trueup.toml`: which rules of `lint` are on, how severe they are, and which relations are small.

use std::collections::BTreeMap;

use super::pattern::Patterns;
use crate::error::Failure;
use crate::findings::Severity;
use crate::toml_table::TomlTable;

/// The settings in `[lint]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LintSettings {
    /// The configured levels by the codes of rules.
    pub rules: BTreeMap<String, RuleSetting>,
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

/// An entry of `[lint] rules`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleSetting {
    /// The severity of what the rule finds; `None` where it is off.
    pub severity: Option<Severity>,
    /// The line in `trueup.toml`, for an error about an unknown code.
    pub line: usize,
}

/// The word that switches a rule off.
const OFF: &str = "off";

pub(super) fn lint(section: TomlTable<'_, '_>) -> Result<LintSettings, Failure> {
    let mut settings = LintSettings {
        small: Patterns::new(section.strings("small")?.unwrap_or_default()),
        ..LintSettings::default()
    };
    if let Some(rules) = section.section("rules")? {
        let read = |word: &str, line| match (word, Severity::from_word(word)) {
            (OFF, _) => Some(RuleSetting { severity: None, line }),
            (_, severity) => severity.map(|severity| RuleSetting { severity: Some(severity), line }),
        };
        let rules = rules.map("\"off\", \"info\", \"warning\" or \"error\"", read)?;
        settings.rules = rules.into_iter().collect();
    }
    section.finish()?;
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::ProjectFile;

    #[test]
    fn a_rule_has_a_severity_or_is_off() {
        let text = "[lint]\nrules = { \"style.text\" = \"warning\", \"blocks.scan\" = \"off\" }\n";
        let settings = ProjectFile::parse("trueup.toml", text).unwrap().lint;
        assert_eq!(settings.rules["style.text"], RuleSetting { severity: Some(Severity::Warning), line: 2 });
        assert_eq!(settings.rules["blocks.scan"], RuleSetting { severity: None, line: 2 });
        let failure =
            ProjectFile::parse("trueup.toml", "[lint.rules]\n\"blocks.scan\" = \"on\"").unwrap_err();
        assert!(
            failure.what.contains("trueup.toml:2: lint.rules.blocks.scan: expected \"off\""),
            "{}",
            failure.what
        );
    }

    #[test]
    fn a_small_relation_is_named_with_or_without_its_schema() {
        let settings = LintSettings {
            small: Patterns::new(["settings", "app.*"].map(str::to_owned)),
            ..LintSettings::default()
        };
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
