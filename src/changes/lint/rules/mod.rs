//! The rules, one file each: what is found, why that matters, and what to write instead, with an example that is found and one
//! that is not. A test runs both on a real server.

mod blocks;
mod breaks;
mod fails;
mod loses;
mod style;
mod waiting;

use crate::findings::{Change, Finding, Location, Remedy, Severity, Sides};

use super::{LintMatch, LintedMigration};

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
    /// A migration in which it finds something, on [`EXAMPLE_TABLES`].
    pub bad: &'static str,
    /// What to write instead; several migrations are divided by a line `-- next migration`; a down script
    /// follows a line `-- down script`.
    pub good: &'static str,
    pub(super) find: fn(&LintedMigration<'_>) -> Vec<LintMatch>,
}

/// What the examples of the rules change.
pub const EXAMPLE_TABLES: &str = "\
CREATE TABLE users (id bigint, name text);
CREATE TABLE orders (id bigint);
CREATE TABLE authors (id bigint PRIMARY KEY);
CREATE TABLE posts (author_id bigint REFERENCES authors, title varchar(80));
CREATE INDEX posts_author_id ON posts (author_id);
CREATE TABLE visits (day date, n int) PARTITION BY RANGE (day);
CREATE TYPE mood AS ENUM ('sad', 'ok');
";

/// Every rule.
pub const RULES: &[LintRule] = &[
    blocks::rewrite::RULE,
    blocks::index::RULE,
    blocks::scan::RULE,
    blocks::rows::RULE,
    blocks::other_table::RULE,
    blocks::partitions::RULE,
    blocks::deadlock::RULE,
    blocks::window::RULE,
    loses::dropped::RULE,
    loses::rows::RULE,
    loses::narrowed::RULE,
    breaks::dropped::RULE,
    breaks::renamed::RULE,
    breaks::required::RULE,
    breaks::retyped::RULE,
    breaks::label::RULE,
    breaks::mixed::RULE,
    fails::down_heavier::RULE,
    fails::foreign_key_without_index::RULE,
    fails::name_length::RULE,
    fails::search_path::RULE,
    fails::setting::RULE,
    fails::too_many_locks::RULE,
    style::bigint::RULE,
    style::text::RULE,
    style::timestamptz::RULE,
    style::identity::RULE,
    style::jsonb::RULE,
];

/// The rule of this code.
pub fn rule(code: &str) -> Option<&'static LintRule> {
    RULES.iter().find(|rule| rule.code == code)
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
