//! Migrations that are programs as SQL: the statements that they run in an empty database.

use std::collections::BTreeSet;
use std::path::Path;

use crate::migrations::script::cannot_run_in_transaction;
use crate::migrations::tools::{MigrationTool, ToolMigration, ToolMigrations};
use crate::postgres::sql::{Statement, split};
use crate::workflow::other_tool::steps::RanRevision;

/// What a program contains that may do more where there are rows.
const COMPUTES: [&str; 5] =
    ["RunPython", "get_bind(", "bulk_insert(", "Session(", "get_context().connection"];

/// The migrations as SQL, and what is worth knowing of them.
#[derive(Debug, Default)]
pub(super) struct LoggedMigrations {
    /// The migrations.
    pub(super) found: ToolMigrations,
    /// Which of them may do more where there are rows, each with its place in the order.
    pub(super) computing: BTreeSet<usize>,
    /// Which of them change rows.
    pub(super) changing_rows: BTreeSet<usize>,
}

/// What becomes of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It stays.
    Kept,
    /// It stays, and changes rows.
    ChangesRows,
    /// It is the driver's or the tool's own.
    Dropped,
    /// It reads rows, or cannot be a statement of a file: the program goes on from there.
    Computed,
}

impl LoggedMigrations {
    /// Of what the revisions of a tool have run; their files are in the directory `project`.
    pub(super) fn of(tool: MigrationTool, project: &Path, ran: &[RanRevision]) -> Self {
        let mut taken = Self::default();
        for (place, RanRevision { revision, statements }) in ran.iter().enumerate() {
            let mut up = String::new();
            for text in statements {
                let Ok(statements) = split(text) else {
                    // COPY FROM STDIN, whose rows only the program had.
                    taken.computing.insert(place);
                    continue;
                };
                for statement in statements {
                    match fate(tool, &statement) {
                        Fate::Dropped => continue,
                        Fate::Computed => {
                            taken.computing.insert(place);
                            continue;
                        }
                        Fate::ChangesRows => {
                            taken.changing_rows.insert(place);
                        }
                        Fate::Kept => {}
                    }
                    up.push_str(statement.text);
                    up.push_str(";\n");
                }
            }
            let path = revision.file.clone().unwrap_or_default();
            let text = std::fs::read_to_string(project.join(&path)).unwrap_or_default();
            if COMPUTES.iter().any(|words| text.contains(words)) {
                taken.computing.insert(place);
            }
            taken.found.migrations.push(ToolMigration {
                revision: revision.id.to_string(),
                name: revision.name.clone(),
                path,
                no_transaction: cannot_run_in_transaction(&up),
                up,
                down: None,
                is_repeatable: false,
            });
        }
        taken
    }
}

fn fate(tool: MigrationTool, statement: &Statement<'_>) -> Fate {
    let names: Vec<String> =
        statement.parts().map(|part| part.name().unwrap_or_default().to_owned()).collect();
    let has = |word: &str| names.iter().any(|name| name == word);
    let is_catalog = |name: &String| name.starts_with("pg_") || name == "information_schema";
    // What Django keeps of its models, after each migration of any app.
    let is_of_django =
        |name: &String| matches!(name.as_str(), "django_content_type" | "auth_permission" | "django_site");
    let is_kept_by_tool = tool == MigrationTool::Django && names.iter().any(is_of_django);
    // What the tool keeps its history in.
    let is_history = |name: &String| {
        name == tool.history().table || tool == MigrationTool::Rails && name == "ar_internal_metadata"
    };
    if names.iter().take(8).any(is_history) {
        return Fate::Dropped;
    }
    match (names.first().map_or("", String::as_str), names.get(1).map_or("", String::as_str)) {
        ("set", "constraints" | "local" | "search_path") => Fate::Kept,
        ("begin" | "commit" | "end" | "rollback" | "savepoint" | "release" | "set" | "reset" | "show", _)
        | ("deallocate" | "discard" | "close", _) => Fate::Dropped,
        ("with", _) if ["insert", "update", "delete", "merge"].into_iter().any(has) => Fate::ChangesRows,
        ("select" | "with" | "values" | "table", _) if has("from") => {
            match is_kept_by_tool || names.iter().any(is_catalog) {
                true => Fate::Dropped,
                false => Fate::Computed,
            }
        }
        // The program asks where it is, or takes a lock. Any other function is called for what it does.
        ("select", _) if is_harmless(&names) => Fate::Dropped,
        ("select", _) => Fate::Kept,
        (
            "values" | "table" | "explain" | "fetch" | "move" | "declare" | "prepare" | "execute" | "copy",
            _,
        ) => Fate::Computed,
        ("insert", _) if is_kept_by_tool => Fate::Kept,
        ("insert" | "update" | "delete" | "merge" | "truncate", _) => Fate::ChangesRows,
        _ => Fate::Kept,
    }
}

/// Whether the function that a SELECT calls changes nothing: all of the server's own that begin with `pg_`, and some.
fn is_harmless(names: &[String]) -> bool {
    let mut words = names.iter().skip(1).map(String::as_str).filter(|name| *name != "pg_catalog");
    let called = match words.next() {
        // Behind `pg_catalog.`
        Some("") => words.next(),
        called => called,
    };
    let called = called.unwrap_or_default();
    called.starts_with("pg_")
        || matches!(
            called,
            "" | "version" | "current_schema" | "current_database" | "current_user" | "set_config"
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrations::tools::ListedRevision;

    #[test]
    fn rows_that_only_the_program_had_are_told() {
        let statements = ["CREATE TABLE a (id int)", "COPY a FROM STDIN"].map(str::to_owned).to_vec();
        let ran = RanRevision { revision: ListedRevision::default(), statements };
        let taken = LoggedMigrations::of(MigrationTool::Alembic, Path::new("."), &[ran]);
        assert_eq!(taken.found.migrations[0].up, "CREATE TABLE a (id int);\n");
        assert_eq!(taken.computing, BTreeSet::from([0]));
    }

    #[test]
    fn what_stays_is_what_the_migration_did() {
        let of = |tool, text: &str| {
            let statements = split(text).unwrap();
            super::fate(tool, &statements[0])
        };
        let metadata = "INSERT INTO \"ar_internal_metadata\" (key) VALUES ('environment')";
        assert_eq!(of(MigrationTool::Rails, metadata), Fate::Dropped);
        let fate = |text| of(MigrationTool::Alembic, text);
        for (text, expected) in [
            ("CREATE TABLE users (id int)", Fate::Kept),
            ("CREATE TABLE alembic_version (version_num text)", Fate::Dropped),
            ("UPDATE alembic_version SET version_num = 'b'", Fate::Dropped),
            // sqitch has tables of these names.
            ("INSERT INTO events VALUES (1)", Fate::ChangesRows),
            ("ALTER TABLE tasks ADD COLUMN tags text[]", Fate::Kept),
            ("UPDATE users SET id = 1", Fate::ChangesRows),
            ("WITH gone AS (DELETE FROM users RETURNING id) SELECT * FROM gone", Fate::ChangesRows),
            ("SELECT id FROM users", Fate::Computed),
            ("SELECT relname FROM pg_catalog.pg_class", Fate::Dropped),
            ("SELECT pg_catalog.version()", Fate::Dropped),
            ("SELECT 1", Fate::Dropped),
            ("select setval('users_id_seq', 7)", Fate::Kept),
            ("SELECT pg_catalog.setval('users_id_seq', 7)", Fate::Kept),
            ("SELECT pg_try_advisory_lock(7)", Fate::Dropped),
            ("SET CONSTRAINTS \"fk\" IMMEDIATE", Fate::Kept),
            ("SET client_encoding = 'UTF8'", Fate::Dropped),
            ("COPY users TO '/tmp/x'", Fate::Computed),
            ("ALTER TABLE users ADD COLUMN a int", Fate::Kept),
        ] {
            assert_eq!(fate(text), expected, "{text}");
        }
    }
}
