//! A name is longer than what PostgreSQL keeps of it.

use super::{LintMatch, LintRule, LintedMigration};
use crate::findings::Severity;
use crate::postgres::sql::LONGEST_NAME;

pub(in crate::changes::lint) const RULE: LintRule = LintRule {
    code: "fails.name_length",
    severity: Severity::Warning,
    summary: "a name has more than 63 bytes: PostgreSQL cuts it",
    help: "PostgreSQL keeps the first 63 bytes of a name, with only a notice. Two long names that differ at their ends are the same one \
        then, and what looks the object up by the name in the file does not find it.",
    bad: "CREATE INDEX an_index_on_the_names_of_the_users_for_the_list_of_people_by_name ON users (name);",
    good: "-- trueup: no-transaction\nCREATE INDEX CONCURRENTLY users_by_name ON users (name);",
    find,
};

fn find(migration: &LintedMigration<'_>) -> Vec<LintMatch> {
    let found = migration.statements.iter().filter_map(|examined| {
        let part = examined.statement.parts().find(|part| part.overlong_name().is_some())?;
        let (written, kept) = (part.overlong_name()?, part.name()?);
        Some(LintMatch {
            at: examined.statement.position(),
            what: format!("the name {written} has {} bytes: PostgreSQL makes {kept} of it", written.len()),
            instead: format!("a name of at most {LONGEST_NAME} bytes"),
        })
    });
    found.collect()
}
