//! A label of an enum that running code may use is renamed or removed.

use super::{LintMatch, LintRule, LintedMigration};
use crate::findings::Severity;
use crate::model::Effect;
use crate::postgres::catalog::{Attribute, Kind};

pub(in crate::changes::lint) const RULE: LintRule = LintRule {
    code: "breaks.label",
    severity: Severity::Error,
    summary: "a label of an enum is renamed or removed that the code which runs now may use",
    help: "Old code still sends the old label, and the server refuses it; old code that reads the new one does not know it. Add the new \
        label (ALTER TYPE ... ADD VALUE), let the application go over, and change the rows. A label cannot be dropped; rename it, \
        where it has to be, in a migration that is marked -- trueup: contract.",
    bad: "ALTER TYPE mood RENAME VALUE 'ok' TO 'fine';",
    good: "ALTER TYPE mood ADD VALUE 'fine';",
    find,
};

fn find(migration: &LintedMigration<'_>) -> Vec<LintMatch> {
    if migration.compiled.contract {
        return Vec::new();
    }
    let mut found = Vec::new();
    for effect in &migration.compiled.effects {
        let Effect::Changed { after, attributes } = effect else { continue };
        if after.id.kind != Kind::Enum || !attributes.contains(&Attribute::Labels) {
            continue;
        }
        let before = migration.before(&after.id).and_then(|before| before.get(Attribute::Labels));
        let after_labels = labels(after.get(Attribute::Labels).unwrap_or_default());
        let gone: Vec<&str> = labels(before.unwrap_or_default())
            .into_iter()
            .filter(|label| !after_labels.contains(label))
            .collect();
        if !gone.is_empty() {
            found.push(LintMatch {
                at: migration.statement_of(&after.id),
                what: format!("code that uses {} of {} fails from then on", gone.join(", "), after.id),
                instead: "add the new label beside the old one, and rename the old one later, in a contract migration"
                    .to_owned(),
            });
        }
    }
    found
}

/// The labels of a list of string literals, quotes included.
fn labels(text: &str) -> Vec<&str> {
    let mut quoted = false;
    let apart = |found: char| {
        quoted ^= found == '\'';
        found == ',' && !quoted
    };
    text.split(apart).map(str::trim).filter(|label| !label.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_may_have_commas_and_quotes() {
        assert_eq!(labels("'a', 'b, c', 'it''s, d'"), ["'a'", "'b, c'", "'it''s, d'"]);
        assert!(labels("").is_empty());
    }
}
