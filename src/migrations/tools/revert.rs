//! The command by which a tool takes applied migrations back.

use super::command::{DIR, URL};
use super::{MigrationTool, ToolMigration};
use crate::postgres::sql::split_all;

/// Stands in a command for the revision that stays applied as the newest.
pub const TO: &str = "{to}";
/// Stands in a command for the number of migrations that are taken back.
pub const COUNT: &str = "{count}";
/// Stands in a command for the app of Django that the revision is of.
pub const APP: &str = "{app}";
/// Stands in a command for the name of the revision in that app.
pub const NAME: &str = "{name}";

impl MigrationTool {
    /// What comes behind [`Self::program`]: the arguments that take migrations back, down to a revision or `all` of them.
    /// `None` for a tool that cannot.
    pub fn revert_arguments(self, all: bool) -> Option<&'static [&'static str]> {
        Some(match self {
            Self::Alembic => &["downgrade", TO],
            Self::Django => &["migrate", APP, NAME, "--no-input"],
            Self::Dbmate => &["dbmate", "--no-dump-schema", "--migrations-dir", DIR, "rollback"],
            Self::Diesel => &["diesel", "migration", "revert", "--migration-dir", DIR],
            Self::Rails => &["db:migrate:down", "VERSION={revision}"],
            Self::Command | Self::Flyway | Self::Liquibase | Self::Prisma => return None,
            Self::GolangMigrate if all => &["migrate", "-path", DIR, "-database", URL, "down", "-all"],
            Self::GolangMigrate => &["migrate", "-path", DIR, "-database", URL, "goto", TO],
            Self::Goose => &["goose", "-dir", DIR, "down-to", TO],
            Self::NodePgMigrate => &["node-pg-migrate", "down", COUNT, "--migrations-dir", DIR],
            Self::SqlMigrate => &["sql-migrate", "down", "-limit={count}"],
            Self::Sqitch if all => &["sqitch", "revert", "--chdir", DIR, "--target", "db:{url}", "-y"],
            Self::Sqitch => &["sqitch", "revert", "--chdir", DIR, "--target", "db:{url}", "--to", TO, "-y"],
            Self::Sqlx => &["sqlx", "migrate", "revert", "--source", DIR, "--target-version", TO],
        })
    }

    /// Whether one run takes back the newest migration alone.
    pub fn reverts_one_by_one(self) -> bool {
        matches!(self, Self::Dbmate | Self::Diesel | Self::Rails)
    }

    /// Why it cannot take migrations back; empty for one that can.
    pub fn cannot_revert(self) -> &'static str {
        match self {
            Self::Command => "trueup.toml names no command that reverts a migration ([migrations] revert)",
            Self::Liquibase => "trueup does not know which change sets `liquibase rollback` can take back",
            Self::Prisma => "Prisma has no command that reverts an applied migration",
            Self::Flyway => "Flyway's Community edition has no command that reverts an applied migration",
            _ => "",
        }
    }

    /// What the tool's command takes in the place of a revision, where none is to stay.
    pub fn no_revision(self) -> &'static str {
        match self {
            Self::Alembic => "base",
            Self::Django => "zero",
            _ => "0",
        }
    }

    /// Whether a word of the command line means this revision. Alembic and Django take the beginning of one, and numbers may
    /// have zeros before them.
    pub fn means(self, word: &str, revision: &str) -> bool {
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let same_number =
            || is_number(word) && word.trim_start_matches('0') == revision.trim_start_matches('0');
        word == revision
            || self.is_code() && word.len() >= 3 && revision.starts_with(word)
            || !self.is_code() && is_number(revision) && same_number()
    }
}

impl ToolMigration {
    /// Whether it has statements that revert it.
    pub fn has_down(&self) -> bool {
        self.down.as_ref().is_some_and(|(_, sql)| {
            let (statements, errors) = split_all(sql);
            !statements.is_empty() || !errors.is_empty()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_means_one_revision() {
        for (tool, word, revision, means) in [
            (MigrationTool::Goose, "00003", "3", true),
            (MigrationTool::Goose, "3", "30", false),
            (MigrationTool::Dbmate, "20260101", "20260101000000", false),
            (MigrationTool::Alembic, "8c1d", "8c1d2e3f", true),
            (MigrationTool::Alembic, "8", "8c1d2e3f", false),
            (MigrationTool::Django, "shop.0022", "shop.0022_keys", true),
            (MigrationTool::Sqitch, "users", "users_2", false),
        ] {
            assert_eq!(tool.means(word, revision), means, "{tool} {word} {revision}");
        }
    }

    #[test]
    fn a_tool_reverts_or_says_why_it_cannot() {
        for tool in MigrationTool::ALL {
            let can = tool.revert_arguments(false).is_some();
            assert_eq!(can, tool.cannot_revert().is_empty(), "{tool}");
            assert_eq!(can, tool.revert_arguments(true).is_some(), "{tool}");
        }
    }
}
