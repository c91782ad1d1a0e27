//! What a tool's own history says is applied.

use std::collections::HashMap;

use super::{SqlTool, ToolRevision};
use crate::migrations::Migration;
use crate::migrations::history::Applied;

/// A row of [`SqlTool::applied_query`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppliedRevision {
    /// The tool's identifier.
    pub revision: String,
    /// Whether all that come before it are applied, too, though they have no rows.
    pub through: bool,
}

impl SqlTool {
    /// The query of all applied migrations in the history table `{}`: revision, and whether it stands for all before it. No
    /// condition reaches the table itself (see [`crate::postgres::catalog::history_tables::HistoryTool::query`]).
    pub fn applied_query(self) -> &'static str {
        match self {
            Self::Dbmate | Self::Diesel => "SELECT version::text, false FROM {}",
            Self::Flyway => {
                "SELECT version::text, type = 'BASELINE' FROM (SELECT DISTINCT ON (version) version, type, success FROM \
                 (SELECT version, type, success, installed_rank FROM {} OFFSET 0) AS every \
                 ORDER BY version, installed_rank DESC) AS newest \
                 WHERE success AND version IS NOT NULL AND type NOT LIKE 'UNDO%'"
            }
            Self::GolangMigrate => {
                "SELECT version::text, true FROM (SELECT version, dirty FROM {} OFFSET 0) AS every WHERE NOT dirty"
            }
            Self::Goose => {
                "SELECT version_id::text, false FROM (SELECT DISTINCT ON (version_id) version_id, is_applied FROM \
                 (SELECT id, version_id, is_applied FROM {} OFFSET 0) AS every ORDER BY version_id, id DESC) AS newest \
                 WHERE is_applied AND version_id > 0"
            }
            Self::NodePgMigrate => "SELECT name::text, false FROM {}",
            Self::Prisma => {
                "SELECT migration_name::text, false FROM (SELECT migration_name, finished_at, rolled_back_at FROM {} \
                 OFFSET 0) AS every WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL"
            }
            Self::SqlMigrate => "SELECT id::text, false FROM {}",
            Self::Sqitch => "SELECT change::text, false FROM {}",
            Self::Sqlx => {
                "SELECT version::text, false FROM (SELECT version, success FROM {} OFFSET 0) AS every WHERE success"
            }
        }
    }

    /// A column that the query needs and that does not prove whose table it is.
    pub fn needs_column(self) -> Option<&'static str> {
        (self == Self::Flyway).then_some("type")
    }

    /// A revision such that two spellings of one are equal.
    fn key(self, revision: &str) -> String {
        if self != Self::Flyway {
            return revision.to_owned();
        }
        let parts: Vec<&str> = revision.split('.').map(super::names::plain).collect();
        let end = parts.iter().rposition(|part| *part != "0").map_or(1, |last| last + 1);
        parts[..end].join(".")
    }
}

/// The rows of a tool's history as those of a project with these migrations. Revisions that the project lacks get numbers of
/// their own.
pub fn applied(tool: SqlTool, rows: &[AppliedRevision], migrations: &[Migration]) -> Vec<Applied> {
    let mut known: HashMap<String, Vec<usize>> = HashMap::new();
    for (index, migration) in migrations.iter().enumerate().rev() {
        if let Some(revision) = &migration.revision {
            known.entry(tool.key(&revision.id)).or_default().push(index);
        }
    }
    let mut found = Vec::new();
    let mut unknown: Vec<&str> = Vec::new();
    for row in rows {
        match known.get_mut(&tool.key(&row.revision)).and_then(Vec::pop) {
            Some(index) => found.extend(if row.through { 0..index + 1 } else { index..index + 1 }),
            None => unknown.push(&row.revision),
        }
    }
    found.sort_unstable();
    found.dedup();
    let of = |version, name: &str, id: &str| Applied {
        version,
        name: name.to_owned(),
        applied_on: String::new(),
        checksum: None,
        revision: Some(ToolRevision { tool, id: id.into() }),
    };
    let mut applied: Vec<Applied> = found
        .into_iter()
        .map(|index| &migrations[index])
        .map(|migration| {
            let id = migration.revision.as_ref().map_or("", |revision| revision.id.as_str());
            of(migration.version, &migration.name, id)
        })
        .collect();
    unknown.sort_unstable();
    let taken = |version: i64| migrations.iter().any(|migration| migration.version == version);
    for (id, mut version) in unknown.iter().zip(super::number(&unknown)) {
        while taken(version) || applied.iter().any(|row| row.version == version) {
            version += 1;
        }
        applied.push(of(version, "", id));
    }
    applied.sort_by_key(|row| row.version);
    applied
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrations::Directives;

    fn project(tool: SqlTool, revisions: &[&str]) -> Vec<Migration> {
        let migrations =
            revisions.iter().zip(super::super::number(revisions)).map(|(id, version)| Migration {
                version,
                name: "a".into(),
                path: "x".into(),
                sql: String::new(),
                down: None,
                directives: Directives::default(),
                revision: Some(ToolRevision { tool, id: (*id).into() }),
            });
        migrations.collect()
    }

    fn versions(tool: SqlTool, rows: &[(&str, bool)], revisions: &[&str]) -> Vec<i64> {
        let rows: Vec<AppliedRevision> = rows
            .iter()
            .map(|(revision, through)| AppliedRevision { revision: (*revision).into(), through: *through })
            .collect();
        applied(tool, &rows, &project(tool, revisions)).iter().map(|row| row.version).collect()
    }

    #[test]
    fn rows_are_matched_by_the_tools_own_identifiers() {
        assert_eq!(versions(SqlTool::Dbmate, &[("2", false)], &["1", "2"]), [2]);
        assert_eq!(versions(SqlTool::GolangMigrate, &[("2", true)], &["1", "2", "3"]), [1, 2]);
        assert_eq!(
            versions(SqlTool::Flyway, &[("1.0", false), ("01.2", false)], &["1", "1.2", "2"]),
            [100, 102]
        );
        assert_eq!(versions(SqlTool::Sqitch, &[("a", false), ("a", false)], &["a", "b", "a"]), [1, 3]);
        assert_eq!(versions(SqlTool::Sqlx, &[("7", false)], &["1", "2"]), [7], "the project lacks it");
    }
}
