//! A table is rewritten while somebody waits.

use super::{LintMatch, LintRule, LintedMigration, waiting};
use crate::findings::Severity;

pub(in crate::changes::lint) const RULE: LintRule = LintRule {
    code: "blocks.rewrite",
    severity: Severity::Error,
    summary: "a table is rewritten, with all its indexes, while nobody can use it",
    help: "The server copies the whole table under a lock that even queries wait for: the time is that of the table's size, and the \
        disk holds it twice meanwhile. Make a new column beside the old one, fill it in batches (a data check with a fix: \
        trueup verify --fix), let the application use it, and drop the old one in a contract migration. A default that is a constant \
        rewrites nothing; neither does varchar(20) to varchar(40) or to text.",
    bad: "ALTER TABLE users ALTER COLUMN id TYPE integer;",
    good: "ALTER TABLE users ADD COLUMN small_id integer;",
    find,
};

fn find(migration: &LintedMigration<'_>) -> Vec<LintMatch> {
    let instead = |_: &str| "make a new column beside the old one, fill it in batches (trueup verify --fix), and drop the old one later";
    waiting::find(
        migration,
        |footprint| &footprint.rewrites,
        |table| format!("{table} is rewritten"),
        instead,
    )
}
