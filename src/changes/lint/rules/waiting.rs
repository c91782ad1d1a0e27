//! What the rules about locks share: who waits while a statement works on all rows.

use std::collections::BTreeSet;

use smol_str::SmolStr;

use super::{LintMatch, LintedMigration};
use crate::model::{Footprint, HeldLock};
use crate::postgres::sql::{Position, words_of};
use crate::text::plural;

/// The statements that work on all rows of a relation while somebody waits. `of` chooses the relations, `work` says what is
/// done to one of them, and `instead` what to write in the place of a statement of this text.
pub(super) fn find(
    migration: &LintedMigration<'_>,
    of: fn(&Footprint) -> &BTreeSet<SmolStr>,
    work: fn(&str) -> String,
    instead: fn(&str) -> &'static str,
) -> Vec<LintMatch> {
    let found = |footprint: &Footprint| {
        let on = of(footprint).iter().find(|relation| migration.had_rows(relation))?;
        let blocked = migration.blocked_at(footprint.at);
        let waiting = waiting(&blocked, footprint.at)?;
        let statement =
            migration.statements.iter().find(|examined| examined.statement.position() == footprint.at)?;
        let text = statement.statement.text;
        // Nobody waits for a statement that takes no such lock itself, where it does not come after one that does.
        let of_others = blocked.iter().all(|(_, lock)| lock.since < footprint.at);
        let instead = match of_others && (has_word(text, "validate") || !changes_relation(text)) {
            true => "put it into a migration of its own: the locks of a transaction are held until its end",
            false => instead(text),
        };
        let instead = instead.to_owned();
        let on = if blocked.len() == 1 && blocked[0].0 == on { "it" } else { on.as_str() };
        Some(LintMatch { at: footprint.at, what: format!("{waiting} while {}", work(on)), instead })
    };
    migration.compiled.footprints.iter().filter_map(found).collect()
}

/// Who waits for these locks: `readers and writers of public.users wait`. `None` where nobody does.
pub(super) fn waiting(blocked: &[(&SmolStr, HeldLock)], at: Position) -> Option<String> {
    const NAMED: usize = 3;
    let strongest = blocked.iter().map(|(_, lock)| lock.mode).max()?;
    let who = if strongest.blocks_readers() { "readers and writers" } else { "writers" };
    let same: Vec<_> = blocked.iter().filter(|(_, lock)| lock.mode == strongest).collect();
    let mut names: Vec<String> = same.iter().take(NAMED).map(|(relation, _)| relation.to_string()).collect();
    if same.len() > NAMED {
        names.push(plural(same.len() - NAMED, "more relation"));
    }
    let since = same.iter().map(|(_, lock)| lock.since).min().filter(|since| *since < at);
    let since = since.map_or_else(String::new, |since| format!(" (locked since line {})", since.line));
    Some(format!("{who} of {}{since} wait", names.join(", ")))
}

/// Whether a statement changes a relation, or what is on one: it takes a lock of its own that others wait for.
fn changes_relation(text: &str) -> bool {
    let verb = verb(text);
    matches!(verb.as_str(), "alter" | "truncate" | "cluster" | "reindex" | "refresh")
        || verb == "create" && ["index", "trigger", "rule", "policy"].iter().any(|what| has_word(text, what))
}

/// The first word of a statement, in lower case.
pub(super) fn verb(text: &str) -> String {
    words_of(text).next().unwrap_or_default().to_ascii_lowercase()
}

/// Whether a statement has this word outside of names and strings.
pub(super) fn has_word(text: &str, word: &str) -> bool {
    words_of(text).any(|other| other.eq_ignore_ascii_case(word))
}
