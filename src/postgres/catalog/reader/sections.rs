//! The statements of a reading: which, in which order, and how their text depends on the server's major version and
//! on what is wanted.

use std::fmt::{self, Write as _};

use super::{Presence, ReadOptions};
use crate::postgres::connection::ServerVersion;

/// One statement of the reading. The order is the order of asking: later ones need the names that earlier ones give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Comments,
    Inherits,
    Schemas,
    Opclasses,
    Methods,
    Relations,
    Defaults,
    Columns,
    Triggers,
    Constraints,
    Indexes,
    Sequences,
    Labels,
    DomainChecks,
    Types,
    Ranges,
    Collations,
    Aggregates,
    Languages,
    Routines,
    Rules,
    Policies,
    Statistics,
    EventTriggers,
    Extensions,
    Privileges,
    DefaultPrivileges,
    Unmodeled,
}

/// The sections that this database needs.
pub(super) fn wanted(options: &ReadOptions, presence: &Presence) -> Vec<Section> {
    use Section::*;
    let all = [
        (Comments, true),
        (Inherits, presence.inheritance),
        (Schemas, true),
        (Opclasses, true),
        (Methods, presence.unmodeled),
        (Relations, true),
        (Defaults, true),
        (Columns, true),
        (Triggers, presence.triggers),
        (Constraints, true),
        (Indexes, true),
        (Sequences, presence.sequences),
        (Labels, presence.enums),
        (DomainChecks, presence.domains),
        (Types, presence.enums || presence.domains),
        (Ranges, presence.ranges),
        (Collations, presence.collations),
        (Aggregates, presence.aggregates),
        (Languages, presence.routines),
        (Routines, presence.routines),
        (Rules, presence.rules),
        (Policies, presence.policies),
        (Statistics, presence.statistics),
        (EventTriggers, presence.event_triggers),
        (Extensions, presence.extensions),
        (Privileges, options.privileges),
        (DefaultPrivileges, options.privileges && presence.default_privileges),
        (Unmodeled, presence.unmodeled),
    ];
    all.into_iter().filter_map(|(section, wanted)| wanted.then_some(section)).collect()
}

impl Section {
    /// The statement's text for one server.
    pub(super) fn sql(self, version: ServerVersion, options: &ReadOptions, presence: &Presence) -> String {
        let text = match self {
            Self::Comments => include_str!("sql/comments.sql"),
            Self::Inherits => include_str!("sql/inherits.sql"),
            Self::Schemas => include_str!("sql/schemas.sql"),
            Self::Opclasses => include_str!("sql/opclasses.sql"),
            Self::Methods => include_str!("sql/methods.sql"),
            Self::Relations => include_str!("sql/relations.sql"),
            Self::Defaults => include_str!("sql/defaults.sql"),
            Self::Columns => include_str!("sql/columns.sql"),
            Self::Constraints => include_str!("sql/constraints.sql"),
            Self::Indexes => include_str!("sql/indexes.sql"),
            Self::Sequences => include_str!("sql/sequences.sql"),
            Self::Labels => include_str!("sql/labels.sql"),
            Self::DomainChecks => include_str!("sql/domain_checks.sql"),
            Self::Types => include_str!("sql/types.sql"),
            Self::Ranges => include_str!("sql/ranges.sql"),
            Self::Collations => include_str!("sql/collations.sql"),
            Self::Aggregates => include_str!("sql/aggregates.sql"),
            Self::Languages => include_str!("sql/languages.sql"),
            Self::Routines => include_str!("sql/routines.sql"),
            Self::Triggers => include_str!("sql/triggers.sql"),
            Self::Rules => include_str!("sql/rules.sql"),
            Self::Policies => include_str!("sql/policies.sql"),
            Self::Statistics => include_str!("sql/statistics.sql"),
            Self::EventTriggers => include_str!("sql/event_triggers.sql"),
            Self::Extensions => include_str!("sql/extensions.sql"),
            Self::Privileges => include_str!("sql/privileges.sql"),
            Self::DefaultPrivileges => include_str!("sql/default_privileges.sql"),
            Self::Unmodeled => include_str!("sql/unmodeled.sql"),
        };
        select_lines(text, |condition| match condition {
            "owners" => options.owners,
            "extensions" => presence.extensions,
            "aggregates" => presence.aggregates,
            "ranges" => presence.ranges,
            "transforms" => presence.transforms,
            version_range => in_range(version_range, version.major()),
        })
    }
}

/// A statement that is the same for all.
pub(super) fn without_comments(text: &str) -> String {
    select_lines(text, |_| true)
}

/// Whether `15+` or `<17` holds for a major version.
fn in_range(range: &str, major: u32) -> bool {
    let bound = |digits: &str| digits.parse::<u32>().expect("a condition of the reader's own SQL");
    match range.strip_prefix('<') {
        Some(digits) => major < bound(digits),
        None => major >= bound(range.trim_end_matches('+')),
    }
}

/// Takes away comments, and the lines whose conditions (`--? 15+ !owners`) do not all hold.
fn select_lines(text: &str, holds: impl Fn(&str) -> bool) -> String {
    let mut selected = String::with_capacity(text.len());
    for line in text.lines() {
        let (line, conditions) = line.split_once("--? ").unwrap_or((line, ""));
        let wanted = conditions.split_whitespace().all(|condition| match condition.strip_prefix('!') {
            Some(denied) => !holds(denied),
            None => holds(condition),
        });
        let line = line.trim_end();
        if wanted && !line.starts_with("--") {
            selected.push_str(line);
            selected.push('\n');
        }
    }
    selected
}

/// The elements of an array that holds no text.
pub(super) fn list(elements: impl Iterator<Item = impl fmt::Display>) -> String {
    let mut list = String::new();
    for element in elements {
        let separator = if list.is_empty() { "" } else { "," };
        let _ = write!(list, "{separator}{element}");
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_selected_by_their_conditions() {
        let text = "-- why\nSELECT a\n , b  --? 15+\n , c  --? <15 owners\n , d  --? !owners\nFROM t";
        let on = |major, owners| {
            select_lines(text, |condition| match condition {
                "owners" => owners,
                range => in_range(range, major),
            })
        };
        assert_eq!(on(14, true), "SELECT a\n , c\nFROM t\n");
        assert_eq!(on(15, false), "SELECT a\n , b\n , d\nFROM t\n");
    }
}
