//! Findings about a database as a whole and about its history. One rule, one file; each is registered here once.
//!
//! What differs between single objects is no rule of its own: it comes out of [`crate::model::diff`].

mod database_empty;
mod database_other;
mod function_search_path;
mod history_ahead;
mod history_edited;
mod history_failed;
mod history_malformed;
mod history_missing;
mod history_partly_squashed;
mod history_skipped;
mod likeness;
mod migration_pending;
mod migration_unfinished;

use std::collections::{BTreeSet, HashSet};

use super::{Facts, MigrationState};
use crate::findings::{Change, Finding, Severity};
use crate::postgres::catalog::{Catalog, Kind, ObjectId};
use likeness::Likeness;

/// The names of the objects on which the four states disagree.
type Differing = HashSet<ObjectId>;

/// One rule.
pub struct Rule {
    /// The code of its findings.
    pub code: &'static str,
    /// What it means and what to do, in a few sentences, for the reference.
    pub help: &'static str,
    /// The severity of its findings, unless a finding sets another.
    pub severity: Severity,
    find: fn(&Rule, &Facts<'_>, &MigrationState, &Differing) -> Vec<Finding>,
}

impl Rule {
    /// A finding of this rule, to be completed.
    fn finding(&self, kind: &'static str, object: impl Into<String>, change: Change) -> Finding {
        Finding::new(self.code, self.severity, kind, object, change)
    }
}

/// Every rule, in the order of the findings.
pub const RULES: &[Rule] = &[
    database_empty::RULE,
    database_other::RULE,
    history_malformed::RULE,
    history_missing::RULE,
    history_partly_squashed::RULE,
    history_failed::RULE,
    history_edited::RULE,
    history_skipped::RULE,
    history_ahead::RULE,
    migration_unfinished::RULE,
    migration_pending::RULE,
    function_search_path::RULE,
];

/// Runs every rule.
pub(super) fn findings(facts: &Facts<'_>, state: &MigrationState, differing: &Differing) -> Vec<Finding> {
    RULES.iter().flat_map(|rule| (rule.find)(rule, facts, state, differing)).collect()
}

/// The one finding of a database that has only some of the migrations that a baseline replaces.
pub(super) fn partly_squashed(facts: &Facts<'_>, state: &MigrationState) -> Vec<Finding> {
    let rule = &history_partly_squashed::RULE;
    (rule.find)(rule, facts, state, &Differing::new())
}

/// How many tables a catalog has.
fn tables(catalog: &Catalog) -> usize {
    catalog.objects.iter().filter(|object| object.id.kind == Kind::Table).count()
}

/// Whether a catalog has any table.
fn has_tables(catalog: &Catalog) -> bool {
    catalog.objects.iter().any(|object| object.id.kind == Kind::Table)
}

/// Whether the database has no table though the model has some: what else differs is a consequence.
/// Where its history says that it is as the first migrations leave it, which create no table yet, nothing is amiss.
pub(super) fn is_empty(facts: &Facts<'_>, state: &MigrationState) -> bool {
    let has_none = || {
        let versions: BTreeSet<i64> =
            state.applied.iter().map(|index| facts.lock.migrations[*index].version).collect();
        !has_tables(&facts.lock.state_after(|version| versions.contains(&version)))
    };
    let as_applied =
        || facts.history.is_some() && !state.applied.is_empty() && state.ahead.is_empty() && has_none();
    has_no_table(facts) && !as_applied()
}

/// Whether the database has no table though the model has some.
pub(super) fn has_no_table(facts: &Facts<'_>) -> bool {
    !has_tables(facts.live) && has_tables(&facts.lock.model)
}

/// What a database that looks like another application's has in common with the project: little of what is declared is
/// there, and little of what is there is known. A history of this project's migrations proves that it is the project's.
fn likeness_of_other(facts: &Facts<'_>) -> Option<Likeness> {
    let is_comparable = has_tables(facts.live) && has_tables(&facts.lock.model) && !facts.has_own_history();
    is_comparable.then(|| Likeness::of(facts)).filter(|likeness| likeness.is_low())
}

/// The one finding of a database that looks like another application's: nothing else is worth telling of it.
pub(super) fn other_database(facts: &Facts<'_>) -> Option<Finding> {
    likeness_of_other(facts).map(|likeness| database_other::finding(facts, likeness))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_stands_in_the_readme() {
        let readme = include_str!("../../../../README.md");
        let codes = readme.split_once("### Codes of findings").expect("the section").1;
        let codes = codes.split("\n## ").next().unwrap_or_default();
        for code in RULES.iter().map(|rule| rule.code).chain(crate::model::diagnosis::rows::CODES) {
            assert!(codes.contains(&format!("`{code}`")), "{code}");
        }
    }
}
