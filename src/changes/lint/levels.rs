//! Which rules are on, and how severe what they find is.

use std::collections::BTreeMap;

use super::{LintOutcome, LintRule};
use crate::findings::Severity;

impl LintRule {
    /// Whether it is on where the project says nothing: matters of style are not.
    pub fn is_on_by_default(&self) -> bool {
        !self.code.starts_with("style.")
    }

    /// How severe what it finds is where the project says nothing; `None` where it is off.
    pub fn default_level(&self) -> Option<Severity> {
        self.is_on_by_default().then_some(self.severity)
    }
}

impl LintOutcome {
    /// Leaves out what rules that are off have found, and gives the rest the severity that the project wants. `levels` are those
    /// that it names.
    pub fn set_levels(&mut self, levels: &BTreeMap<String, Option<Severity>>) {
        self.findings.retain_mut(|finding| {
            // What is allowed without need is the finding of no rule.
            let default = super::rule(&finding.code).map_or(Some(finding.severity), LintRule::default_level);
            let level = levels.get(&finding.code).copied().unwrap_or(default);
            finding.severity = level.unwrap_or(finding.severity);
            level.is_some()
        });
    }
}
