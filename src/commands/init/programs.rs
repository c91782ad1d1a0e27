//! Migrations that are programs as SQL: the statements that they run in an empty database.

use std::collections::BTreeSet;
use std::path::Path;

use crate::migrations::script::cannot_run_in_transaction;
use crate::migrations::tools::{MigrationTool, ToolMigration, ToolMigrations};
use crate::postgres::sql::{Part, Statement, split};
use crate::project::MigrationSettings;
use crate::workflow::other_tool::downs::RecordedRevision;
use crate::workflow::other_tool::steps::RanRevision;

/// What a program contains that may do more where there are rows.
const COMPUTES: [&str; 5] =
    ["RunPython", "get_bind(", "bulk_insert(", "Session(", "get_context().connection"];

/// The migrations as SQL, and what is worth knowing of them.
#[derive(Debug, Default)]
pub(super) struct LoggedMigrations {
    /// The migrations.
    pub(super) found: ToolMigrations,
    /// The same as they ran.
    pub(super) applied: Vec<RecordedRevision>,
    /// Which of them may do more where there are rows, each with its place in the order.
    pub(super) computing: BTreeSet<usize>,
    /// Which of them change rows.
    pub(super) changing_rows: BTreeSet<usize>,
}

/// What a program has run, as a script.
#[derive(Debug, Default)]
pub(super) struct LoggedScript {
    /// The statements.
    pub(super) sql: String,
    /// Whether it read rows, or did what cannot be a statement of a file.
    pub(super) computes: bool,
    /// Whether it changes rows.
    pub(super) changes_rows: bool,
    /// The statements about the tool's own table, which are none of the script.
    history: Vec<String>,
}

/// What becomes of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It stays.
    Kept,
    /// It stays, and adds rows that may be there already.
    AddsMissing,
    /// It stays, and changes rows.
    ChangesRows,
    /// It is the driver's or the tool's own.
    Dropped,
    /// It is about the table in which the tool keeps its history.
    History,
    /// It reads rows, or cannot be a statement of a file: the program goes on from there.
    Computed,
}

impl LoggedMigrations {
    /// Of what the revisions of a tool have run; their files are in the directory `project`.
    pub(super) fn of(settings: &MigrationSettings, project: &Path, ran: Vec<RanRevision>) -> Self {
        let mut taken = Self::default();
        for (place, ran) in ran.into_iter().enumerate() {
            let script = LoggedScript::of(settings, &ran.statements);
            let path = ran.revision.file.clone().unwrap_or_default();
            let text = std::fs::read_to_string(project.join(&path)).unwrap_or_default();
            if script.computes || COMPUTES.iter().any(|words| text.contains(words)) {
                taken.computing.insert(place);
            }
            if script.changes_rows {
                taken.changing_rows.insert(place);
            }
            taken.found.migrations.push(ToolMigration {
                revision: ran.revision.id.to_string(),
                name: ran.revision.name.clone(),
                path,
                no_transaction: cannot_run_in_transaction(&script.sql),
                up: script.sql,
                down: None,
                is_repeatable: false,
            });
            taken.applied.push(RecordedRevision { ran, history: script.history });
        }
        taken
    }
}

impl LoggedScript {
    /// Of the statements that a program of this tool has run.
    pub(super) fn of(settings: &MigrationSettings, statements: &[String]) -> Self {
        let mut script = Self::default();
        for text in statements {
            let Ok(statements) = split(text) else {
                // COPY FROM STDIN, whose rows only the program had.
                script.computes = true;
                continue;
            };
            for statement in statements {
                match fate(settings, &statement) {
                    Fate::Dropped => continue,
                    Fate::History => {
                        script.history.push(statement.text.to_owned());
                        continue;
                    }
                    Fate::Computed => {
                        script.computes = true;
                        continue;
                    }
                    Fate::ChangesRows => script.changes_rows = true,
                    Fate::AddsMissing => {
                        script.sql.push_str(&unless_there(&statement));
                        continue;
                    }
                    Fate::Kept => {}
                }
                script.sql.push_str(statement.text);
                script.sql.push_str(";\n");
            }
        }
        script
    }
}

fn fate(settings: &MigrationSettings, statement: &Statement<'_>) -> Fate {
    let parts: Vec<Part<'_>> = statement.parts().collect();
    let names: Vec<String> = parts.iter().map(|part| part.name().unwrap_or_default().to_owned()).collect();
    let has = |word: &str| names.iter().any(|name| name == word);
    let is_catalog = |name: &String| name.starts_with("pg_") || name == "information_schema";
    // What Django keeps of its models, after each migration of any app.
    let is_of_django =
        |name: &String| matches!(name.as_str(), "django_content_type" | "auth_permission" | "django_site");
    let is_kept_by_tool = settings.tool == Some(MigrationTool::Django) && names.iter().any(is_of_django);
    if is_history(settings, &parts) {
        return Fate::History;
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
        ("insert", "into") if is_kept_by_tool && names.get(2).is_some_and(is_of_django) => {
            match has("conflict") {
                true => Fate::Kept,
                false => Fate::AddsMissing,
            }
        }
        ("insert" | "update" | "delete" | "merge" | "truncate", _) => Fate::ChangesRows,
        _ => Fate::Kept,
    }
}

/// An INSERT that passes over what is there: rows that Django keeps stay where a migration is reverted.
fn unless_there(statement: &Statement<'_>) -> String {
    let returning =
        statement.placed_parts().filter(|(_, part)| matches!(part, Part::Word(word) if word == "returning"));
    let end = returning.last().map_or(statement.text.len(), |(at, _)| at.start);
    let (insert, rest) = statement.text.split_at(end);
    let rest = if rest.is_empty() { String::new() } else { format!(" {rest}") };
    format!("{} ON CONFLICT DO NOTHING{rest};\n", insert.trim_end())
}

/// The words before the table that a statement is about.
const BEFORE_TABLE: [&str; 18] = [
    "alter", "comment", "create", "delete", "drop", "exists", "from", "if", "insert", "into", "lock", "not",
    "on", "only", "table", "truncate", "unlogged", "update",
];

/// Whether a statement is about a table in which the tool keeps its history.
fn is_history(settings: &MigrationSettings, parts: &[Part<'_>]) -> bool {
    let tables: Vec<&str> = match (&settings.own, settings.tool) {
        (Some(own), _) => vec![&own.applied.table.table],
        (None, Some(MigrationTool::Liquibase)) => vec!["databasechangelog", "databasechangeloglock"],
        (None, Some(MigrationTool::Rails)) => vec!["schema_migrations", "ar_internal_metadata"],
        (None, tool) => tool.map(|tool| tool.history().table).into_iter().collect(),
    };
    let is_history = |part: &Part<'_>| part.name().is_some_and(|name| tables.contains(&name));
    let is =
        |part: &Part<'_>, words: &[&str]| matches!(part, Part::Word(word) if words.contains(&word.as_str()));
    let start = match parts {
        [verb, ..] if is(verb, &["select"]) => return parts.iter().any(is_history),
        // CREATE INDEX name ON table
        [create, rest @ ..]
            if is(create, &["create"]) && rest.iter().take(2).any(|part| is(part, &["index"])) =>
        {
            parts.iter().position(|part| is(part, &["on"]))
        }
        _ => Some(0),
    };
    let mut names = parts[start.unwrap_or(parts.len())..].iter().skip_while(|part| is(part, &BEFORE_TABLE));
    match (names.next(), names.next(), names.next()) {
        (_, Some(Part::Other(".")), Some(table)) | (Some(table), ..) => is_history(table),
        (None, ..) => false,
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
    use crate::postgres::sql::{ChosenHistory, QualifiedTable};
    use crate::project::OwnTool;

    #[test]
    fn rows_that_django_keeps_may_be_there() {
        let insert = "INSERT INTO \"django_content_type\" (\"model\") VALUES ('returning') RETURNING \"django_content_type\".\"id\"";
        let statements = [insert, "INSERT INTO auth_permission VALUES (1)"].map(str::to_owned);
        assert_eq!(
            LoggedScript::of(&of(MigrationTool::Django), &statements).sql,
            "INSERT INTO \"django_content_type\" (\"model\") VALUES ('returning') ON CONFLICT DO NOTHING RETURNING \
             \"django_content_type\".\"id\";\nINSERT INTO auth_permission VALUES (1) ON CONFLICT DO NOTHING;\n"
        );
    }

    fn of(tool: MigrationTool) -> MigrationSettings {
        MigrationSettings { tool: Some(tool), ..MigrationSettings::default() }
    }

    #[test]
    fn rows_that_only_the_program_had_are_told() {
        let statements = ["CREATE TABLE a (id int)", "COPY a FROM STDIN", "DROP TABLE alembic_version"];
        let statements = statements.map(str::to_owned).to_vec();
        let ran = RanRevision { revision: ListedRevision::default(), statements };
        let taken = LoggedMigrations::of(&of(MigrationTool::Alembic), Path::new("."), vec![ran]);
        assert_eq!(taken.found.migrations[0].up, "CREATE TABLE a (id int);\n");
        assert_eq!(taken.computing, BTreeSet::from([0]));
        assert_eq!(taken.applied[0].history, ["DROP TABLE alembic_version"]);
    }

    #[test]
    fn what_stays_is_what_the_migration_did() {
        let fate_of = |tool, text: &str| {
            let statements = split(text).unwrap();
            super::fate(&of(tool), &statements[0])
        };
        for (tool, text) in [
            (MigrationTool::Rails, "INSERT INTO \"ar_internal_metadata\" (key) VALUES ('environment')"),
            (MigrationTool::Rails, "CREATE UNIQUE INDEX \"unique\" ON \"schema_migrations\" (version)"),
            (MigrationTool::Liquibase, "UPDATE public.databasechangeloglock SET locked = false"),
            (MigrationTool::Django, "SELECT a.id, a.app, a.name FROM \"django_migrations\" a"),
            (MigrationTool::Command, "CREATE TABLE IF NOT EXISTS ops.done (rev text)"),
            (MigrationTool::Command, "INSERT INTO \"ops\".\"done\" VALUES ('1')"),
        ] {
            let mut settings = of(tool);
            settings.own = (tool == MigrationTool::Command).then(|| OwnTool {
                list: Vec::new(),
                status: Vec::new(),
                apply: Vec::new(),
                upgrade: Vec::new(),
                revert: Vec::new(),
                applied: ChosenHistory {
                    table: QualifiedTable::parse("ops.done").unwrap(),
                    column: Some("rev".to_owned()),
                },
            });
            assert_eq!(super::fate(&settings, &split(text).unwrap()[0]), Fate::History, "{text}");
            let other = "ALTER TABLE done_list ADD COLUMN IF NOT EXISTS done boolean";
            assert_eq!(super::fate(&settings, &split(other).unwrap()[0]), Fate::Kept);
        }
        let fate = |text| fate_of(MigrationTool::Alembic, text);
        for (text, expected) in [
            ("CREATE TABLE users (id int)", Fate::Kept),
            ("CREATE TABLE alembic_version (version_num text)", Fate::History),
            ("UPDATE alembic_version SET version_num = 'b'", Fate::History),
            ("ALTER TABLE users ADD COLUMN alembic_version text", Fate::Kept),
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
