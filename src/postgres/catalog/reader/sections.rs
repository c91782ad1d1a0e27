//! The sections of a reading: one statement each, with what it takes a row, and how its text depends on the server's
//! major version and on what is asked for.

use std::fmt::{self, Write as _};

use anyhow::Result;

use super::fields::Fields;
use super::{Assembler, Presence, ReadOptions};
use crate::postgres::catalog::history_tables::fill_in_names;
use crate::postgres::connection::ServerVersion;

/// One statement of the reading, and what is done with its rows.
pub(super) struct Section {
    /// The name of its file in `sql/`, without the suffix.
    pub(super) name: &'static str,
    sql: &'static str,
    is_needed: fn(&ReadOptions, &Presence) -> bool,
    /// Takes one row of the statement.
    pub(super) row: fn(&mut Assembler, &mut Fields<'_>) -> Result<()>,
}

/// Makes the table of sections: `name if condition => what takes a row`. The text is the file of that name in `sql/`.
macro_rules! sections {
    (|$options:ident, $presence:ident| $($name:ident if $condition:expr => $row:expr,)+) => {
        &[$(Section {
            name: stringify!($name),
            sql: include_str!(concat!("sql/", stringify!($name), ".sql")),
            is_needed: |$options, $presence| {
                let _ = ($options, $presence);
                $condition
            },
            row: $row,
        }),+]
    };
}

/// All sections, in the order in which they are sent: later ones need the names that earlier ones have read. A new kind
/// of object gets one line here.
static SECTIONS: &[Section] = sections! { |options, presence|
    comments           if true                                            => Assembler::comment_row,
    inherits           if presence.inheritance                            => Assembler::inherits_row,
    schemas            if true                                            => Assembler::schema_row,
    opclasses          if true                                            => Assembler::opclass_row,
    methods            if presence.unmodeled                              => Assembler::method_row,
    relations          if true                                            => Assembler::relation_row,
    defaults           if true                                            => Assembler::default_row,
    columns            if true                                            => Assembler::column_row,
    triggers           if presence.triggers                               => Assembler::trigger_row,
    constraints        if true                                            => Assembler::constraint_row,
    indexes            if true                                            => Assembler::index_row,
    sequences          if presence.sequences                              => Assembler::sequence_row,
    labels             if presence.enums                                  => Assembler::label_row,
    domain_checks      if presence.domains                                => Assembler::domain_check_row,
    types              if presence.enums || presence.domains              => Assembler::type_row,
    ranges             if presence.ranges                                 => Assembler::range_row,
    collations         if presence.collations                             => Assembler::collation_row,
    aggregates         if presence.aggregates                             => Assembler::aggregate_row,
    languages          if presence.routines                               => Assembler::language_row,
    routines           if presence.routines                               => Assembler::routine_row,
    rules              if presence.rules                                  => Assembler::rule_row,
    policies           if presence.policies                               => Assembler::policy_row,
    statistics         if presence.statistics                             => Assembler::statistics_row,
    event_triggers     if presence.event_triggers                         => Assembler::event_trigger_row,
    extensions         if presence.extensions                             => Assembler::extension_row,
    privileges         if options.privileges                              => Assembler::privilege_row,
    default_privileges if options.privileges && presence.default_privileges => Assembler::default_privilege_row,
    unmodeled          if presence.unmodeled                              => Assembler::unmodeled_row,
};

/// The sections that are read of this database.
pub(super) fn needed(options: &ReadOptions, presence: &Presence) -> Vec<&'static Section> {
    SECTIONS.iter().filter(|section| (section.is_needed)(options, presence)).collect()
}

/// The texts of all sections, as their files have them.
#[cfg(test)]
pub(super) fn texts() -> impl Iterator<Item = &'static str> {
    SECTIONS.iter().map(|section| section.sql)
}

impl Section {
    /// The statement's text for one server.
    pub(super) fn sql(&self, version: ServerVersion, options: &ReadOptions, presence: &Presence) -> String {
        let sql = select_lines(self.sql, |condition| match condition {
            "owners" => options.owners,
            "without_locks" => options.without_locks,
            "extensions" => presence.extensions,
            "aggregates" => presence.aggregates,
            "ranges" => presence.ranges,
            "transforms" => presence.transforms,
            version_range => in_range(version_range, version.major()),
        });
        if sql.contains('{') { fill_in_names(&sql, options.history.as_ref()) } else { sql }
    }
}

impl fmt::Debug for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// The text of a statement that does not depend on the server or on what is asked for.
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
