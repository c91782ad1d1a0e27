//! A table is rewritten while somebody waits.

use super::{LintMatch, LintRule, LintedMigration, waiting};
use crate::findings::Severity;
use crate::postgres::sql::words_of;

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
    waiting::find(
        migration,
        |footprint| &footprint.rewrites,
        |table| format!("{table} is rewritten"),
        instead,
    )
}

/// What to write in the place of a statement of this text.
fn instead(text: &str) -> &'static str {
    let has = |word| waiting::has_word(text, word);
    // SET LOGGED, SET UNLOGGED, SET TABLESPACE, SET ACCESS METHOD; a column may have such a name.
    let words: Vec<String> = words_of(text).map(str::to_ascii_lowercase).collect();
    let sets = |word: &str| words.windows(2).any(|pair| pair[0] == "set" && pair[1] == word);
    match waiting::verb(text).as_str() {
        "refresh" => "REFRESH MATERIALIZED VIEW CONCURRENTLY, for which a unique index on it is needed",
        "cluster" | "vacuum" | "truncate" => "leave it to a time when nobody uses the table",
        _ if ["logged", "unlogged", "tablespace", "access"].into_iter().any(sets) => {
            "no form of it avoids this: apply it when nobody uses the table, or fill a new table in batches and rename it"
        }
        _ if has("add") && !has("type") => {
            "add the column without identity, expression or default, SET DEFAULT for new rows in a second statement, and fill the old \
             ones in batches (trueup verify --fix)"
        }
        _ => {
            "make a new column beside the old one, fill it in batches (trueup verify --fix), and drop the old one later"
        }
    }
}
