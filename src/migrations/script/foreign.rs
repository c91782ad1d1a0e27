//! Recognises a file of another migration tool that holds a change and what reverts it: run as SQL alone it would do both.

use std::path::Path;

use crate::error::{ErrorCode, Failure};
use crate::postgres::sql::comments;

/// What a comment of such a file begins with, and the tool. A comment is what follows the dashes.
const MARKERS: &[(&str, &str)] = &[
    ("migrate:up", "dbmate"),
    ("migrate:down", "dbmate"),
    ("+goose", "goose"),
    ("+migrate", "sql-migrate"),
    ("//@UNDO", "MyBatis Migrations"),
    ("@UNDO", "MyBatis Migrations"),
    ("rambler up", "rambler"),
    ("rambler down", "rambler"),
    ("!Ups", "Play evolutions"),
    ("!Downs", "Play evolutions"),
    ("liquibase formatted sql", "Liquibase"),
];

/// Comments that are all of such a marker.
const LINES: &[(&str, &str)] = &[
    ("up migration", "node-pg-migrate"),
    ("down migration", "node-pg-migrate"),
    ("create above / drop below", "tern"),
    ("==== up ====", "shmig"),
    ("==== down ====", "shmig"),
];

/// The refusal of such a file (exit 2), by its first marker, and the marker's line.
pub(super) fn marker(path: &Path, sql: &str) -> Option<(usize, Failure)> {
    let (line, text, tool) = comments(sql).find_map(|comment| {
        let tool = tool_of(comment.text)?;
        Some((comment.line, comment.text, tool))
    })?;
    let shown = path.display();
    let down = path.file_stem().unwrap_or_default().to_string_lossy();
    let failure = Failure::usage(format!(
        "{shown}: line {line}: `{text}` is a marker of {tool}: such a file holds the change and what reverts it, and \
         trueup would run both"
    ))
    .code(ErrorCode::MIGRATIONS_INVALID)
    .next(format!(
        "keep only what applies the change; put what reverts it into a file beside it ({}.down.sql) or remove it; then \
         remove the markers of {tool}",
        down.trim_end_matches(".down")
    ));
    Some((line, failure))
}

/// The tool whose markers are in a file, by the first of them.
pub fn tool_of_markers(sql: &str) -> Option<&'static str> {
    comments(sql).find_map(|comment| tool_of(comment.text))
}

fn tool_of(text: &str) -> Option<&'static str> {
    let begins = |text: &str, marker: &str| {
        text.get(..marker.len()).is_some_and(|head| head.eq_ignore_ascii_case(marker))
            && !text[marker.len()..].starts_with(|next: char| next.is_alphanumeric() || next == '_')
    };
    let bare = text.trim_matches(|end| end == '-' || end == ' ');
    let begun = MARKERS.iter().find(|(marker, _)| begins(bare, marker));
    let whole = || LINES.iter().find(|(line, _)| bare.eq_ignore_ascii_case(line));
    begun.or_else(whole).map(|(_, tool)| *tool)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(sql: &str) -> Option<String> {
        marker(Path::new("migrations/V2__x.sql"), sql)
            .map(|(_, failure)| format!("{} {}", failure.what, failure.next))
    }

    #[test]
    fn files_with_both_directions_are_told_with_their_tool() {
        for (sql, words) in [
            ("-- migrate:up\nselect 1;\n-- migrate:down\n", "line 1: `migrate:up` is a marker of dbmate"),
            ("-- migrate:up transaction:false\nselect 1;\n", "dbmate"),
            ("\n-- +goose Up\n-- +goose StatementBegin\n", "line 2: `+goose Up` is a marker of goose"),
            ("--+migrate Down\n", "sql-migrate"),
            ("select 1;\n--//@UNDO\ndrop table t;\n", "line 2: `//@UNDO` is a marker of MyBatis"),
            ("-- //@UNDO\n", "MyBatis"),
            ("--- !Downs\n", "Play"),
            ("--liquibase formatted sql\n--changeset a:1\n", "Liquibase"),
            ("-- Down Migration\n", "node-pg-migrate"),
            ("create table t ();\n---- create above / drop below ----\ndrop table t;\n", "line 2"),
        ] {
            let told = refused(sql).expect(sql);
            assert!(told.contains(words) && told.contains("V2__x.down.sql"), "{told}");
        }
    }

    #[test]
    fn the_same_words_elsewhere_are_no_markers() {
        for sql in [
            "select '-- migrate:down';",
            "-- We migrate:down by hand.\nselect 1;",
            "-- the down migration is V2__x.down.sql\nselect 1;",
            "-- migrate:upwards\nselect 1;",
            "/* +goose Up */ select 1;",
            "-- Running upgrade  -> 1a2b\nselect 1;",
        ] {
            assert_eq!(refused(sql), None, "{sql}");
        }
    }
}
