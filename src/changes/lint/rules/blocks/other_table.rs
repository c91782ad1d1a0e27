//! A statement locks a table that it does not name.

use super::{LintMatch, LintRule, LintedMigration, waiting};
use crate::findings::Severity;
use crate::model::{Footprint, HeldLock};
use crate::postgres::catalog::{Attribute, Kind};
use crate::postgres::sql::names_in;

pub(in crate::changes::lint) const RULE: LintRule = LintRule {
    code: "blocks.other_table",
    severity: Severity::Warning,
    summary: "a statement locks a table that it does not name",
    help: "DROP INDEX locks the index's table; a foreign key that is dropped, alone or with its table, locks the referenced one; CASCADE locks what \
        it reaches. The work is short, but everybody who uses the table waits while the statement waits for the lock. DROP INDEX CONCURRENTLY \
        makes nobody wait. For the others there is no such form: put them into a migration of their own, and apply it when no \
        long query uses the table.",
    bad: "DROP INDEX posts_author_id;",
    good: "-- trueup: no-transaction\nDROP INDEX CONCURRENTLY posts_author_id;",
    find,
};

fn find(migration: &LintedMigration<'_>) -> Vec<LintMatch> {
    migration.compiled.footprints.iter().filter_map(|footprint| at(migration, footprint)).collect()
}

fn at(migration: &LintedMigration<'_>, footprint: &Footprint) -> Option<LintMatch> {
    let at = footprint.at;
    let text = migration.text_at(at);
    let verb = waiting::verb(text);
    // What is done to all rows of a table is told as that.
    let works = [&footprint.scans, &footprint.builds, &footprint.rewrites];
    if !matches!(verb.as_str(), "alter" | "drop" | "truncate")
        || works.into_iter().any(|relations| !relations.is_empty())
    {
        return None;
    }
    let names: Vec<String> = names_in(text).collect();
    let is_named = |name: &str| names.iter().any(|named| named == name);
    let is_other = |relation: &str| {
        let Some(table) = migration.base.relation(relation, Kind::Table) else { return false };
        // Partitions and children are locked with their parents, and partitions with the others of the same one.
        let is_part = [Attribute::PartitionOf, Attribute::Inherits, Attribute::PartitionBy]
            .into_iter()
            .any(|attribute| table.get(attribute).is_some());
        !is_part && !is_named(last_part(relation).as_str()) && !footprint.drops.contains(relation)
    };
    let others =
        footprint.locks.iter().filter(|(relation, mode)| mode.blocks_writers() && is_other(relation));
    let others: Vec<_> = others.map(|(on, mode)| (on, HeldLock { mode: *mode, since: at })).collect();
    let waiting = waiting::waiting(&others, at)?;
    let instead = match verb == "drop" && waiting::has_word(text, "index") {
        true => "DROP INDEX CONCURRENTLY, in a migration of its own {outside}",
        false => {
            "put it into a migration of its own, and apply it when no long query uses that table; or allow it with the reason"
        }
    };
    Some(LintMatch {
        at,
        what: format!("{waiting}: the statement locks it as well"),
        instead: instead.to_owned(),
    })
}

/// The table's own name, without its schema and quotes.
fn last_part(relation: &str) -> String {
    let parts = crate::postgres::sql::split_qualified(relation);
    parts.and_then(|mut parts| parts.pop()).map_or_else(|| relation.to_owned(), |name| name.to_string())
}
