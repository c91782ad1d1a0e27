//! A column that running code uses gets a type of another family.

use super::{LintMatch, LintRule, LintedMigration};
use crate::changes::lint::rules::loses;
use crate::findings::Severity;
use crate::model::Effect;
use crate::postgres::catalog::{Attribute, Kind};

pub(in crate::changes::lint) const RULE: LintRule = LintRule {
    code: "breaks.retyped",
    severity: Severity::Warning,
    summary: "a column gets another type, which the code that runs now does not send or expect",
    help: "Code that reads the column gets values of another type from one moment to the next, and the parameters that it sends no longer \
        fit; prepared statements of open connections fail with \"cached plan must not change result type\". Add a column of the new type \
        beside the old one, let the application go over, and drop the old one in a migration that is marked -- trueup: contract.",
    bad: "ALTER TABLE users ALTER COLUMN name TYPE jsonb USING to_jsonb(name);",
    good: "ALTER TABLE users ADD COLUMN details jsonb;",
    find,
};

fn find(migration: &LintedMigration<'_>) -> Vec<LintMatch> {
    if migration.compiled.contract {
        return Vec::new();
    }
    let mut found = Vec::new();
    for effect in &migration.compiled.effects {
        let Effect::Changed { after, attributes } = effect else { continue };
        if after.id.kind != Kind::Column || !attributes.contains(&Attribute::Type) {
            continue;
        }
        let before = migration.before(&after.id).and_then(|before| before.get(Attribute::Type));
        let (Some(from), Some(to)) = (before, after.get(Attribute::Type)) else { continue };
        // What loses values is told as that.
        if family(from) != family(to) && loses::narrowed::narrowed(from, to).is_none() {
            found.push(LintMatch {
                at: migration.statement_retyping(&after.id),
                what: format!("code that knows {} as {from} gets {to} from then on", after.id),
                instead: "add a column of the new type beside it, and drop the old one later, in a contract migration"
                    .to_owned(),
            });
        }
    }
    found
}

/// What code takes for the same type: lengths and precisions do not count, and texts are texts.
fn family(name: &str) -> String {
    let (head, rest) = name.split_once('(').unwrap_or((name, ""));
    let rest = rest.split_once(')').map_or("", |(_, rest)| rest);
    match head {
        "character varying" | "character" => format!("text{rest}"),
        _ => format!("{head}{rest}"),
    }
}
