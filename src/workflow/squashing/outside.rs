//! Statements whose effect is not in the schema of the database, so that nothing could prove that a baseline has it.

use crate::error::{ErrorCode, Exit, Failure};
use crate::migrations::Migration;
use crate::postgres::sql::split;
use crate::project::Settings;

/// How such statements begin, and what they change.
const BEGINNINGS: [(&str, &str); 13] = [
    ("create role", "roles of the server"),
    ("create user", "roles of the server"),
    ("create group", "roles of the server"),
    ("alter role", "roles of the server"),
    ("alter user", "roles of the server"),
    ("drop role", "roles of the server"),
    ("drop user", "roles of the server"),
    ("alter database", "settings of the database"),
    ("alter system", "settings of the server"),
    ("comment on database", "the comment of the database"),
    ("comment on role", "roles of the server"),
    ("create tablespace", "the server"),
    ("security label", "labels that are not compared"),
];

/// Refuses them, with file and line.
///
/// # Errors
/// Exit 1.
pub(super) fn refuse(settings: &Settings, migrations: &[Migration]) -> Result<(), Failure> {
    for migration in migrations {
        for statement in split(&migration.sql).unwrap_or_default() {
            let words =
                statement.text.split_whitespace().take(3).collect::<Vec<_>>().join(" ").to_lowercase();
            let is_it = |beginning: &str| {
                words.strip_prefix(beginning).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
                    && !words.starts_with("create user mapping")
                    && !words.starts_with("alter user mapping")
                    && !words.starts_with("drop user mapping")
            };
            let Some((beginning, changes)) = BEGINNINGS.iter().find(|(beginning, _)| is_it(beginning)) else {
                continue;
            };
            let what = format!(
                "{}: line {}: {} changes {changes}, which a baseline does not have; nothing was written",
                settings.project.display(&migration.path),
                statement.line,
                beginning.to_uppercase()
            );
            return Err(Failure::new(Exit::Findings, what)
                .code(ErrorCode::SQUASH_NOT_POSSIBLE)
                .next("squash the migrations below it: trueup squash --to VERSION; or do that elsewhere, when databases are created"));
        }
    }
    Ok(())
}
