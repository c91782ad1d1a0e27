//! The rules, one file each: what is found, why that matters, and what to write instead, with an example that is found and one
//! that is not. A test runs both on a real server.

mod blocks_index;
mod blocks_rewrite;
mod blocks_rows;
mod blocks_scan;
mod breaks_dropped;
mod breaks_renamed;
mod breaks_required;
mod loses_dropped;
mod loses_rows;
mod waiting;

use crate::findings::{Change, Finding, Location, Remedy, Severity, Sides};

use super::{LintMatch, LintedMigration};
use crate::postgres::catalog::Kind;

/// A rule.
pub struct LintRule {
    /// `blocks.index`: stable, an API.
    pub code: &'static str,
    /// How severe it is.
    pub severity: Severity,
    /// What it finds, in one sentence.
    pub summary: &'static str,
    /// Why that matters and what to do, for `trueup explain`.
    pub help: &'static str,
    /// A migration in which it finds something, on the tables `users (id bigint, name text)` and `orders (id bigint)`.
    pub bad: &'static str,
    /// What to write instead; several migrations are divided by a line `-- next migration`.
    pub good: &'static str,
    pub(super) find: fn(&LintedMigration<'_>) -> Vec<LintMatch>,
}

/// Every rule.
pub const RULES: &[LintRule] = &[
    blocks_rewrite::RULE,
    blocks_index::RULE,
    blocks_scan::RULE,
    blocks_rows::RULE,
    loses_dropped::RULE,
    loses_rows::RULE,
    breaks_dropped::RULE,
    breaks_renamed::RULE,
    breaks_required::RULE,
];

/// The rule of this code.
pub fn rule(code: &str) -> Option<&'static LintRule> {
    RULES.iter().find(|rule| rule.code == code)
}

/// Whether the code of applications names objects of this kind.
fn is_used_by_code(kind: Kind) -> bool {
    let relations = [Kind::Table, Kind::Column, Kind::View, Kind::MaterializedView, Kind::Sequence];
    kind.is_routine() || kind == Kind::Schema || relations.contains(&kind)
}

/// An `allow` of which nothing below it needs to be allowed.
pub(super) fn unused(file: &str, line: usize, code: &str) -> Finding {
    let mut finding =
        Finding::new("lint.allow_unused", Severity::Error, "migration", file, Change::Unexpected)
            .at(Location::new(file, line))
            .remedy(Remedy::advice("remove the comment"));
    finding.sides = Some(Sides::new(format!("the statement below does nothing that {code} finds"), ""));
    finding
}
