//! What a tool's own history says is applied.

use std::collections::HashMap;

use super::{SqlTool, ToolRevision, flyway};
use crate::migrations::Migration;
use crate::migrations::history::Applied;
use crate::postgres::catalog::history_tables::{HISTORY_TOOLS, HistoryTool};

/// A row of [`HistoryTool::applied`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppliedRevision {
    /// The tool's identifier.
    pub revision: String,
    /// Whether all that come before it are applied, too, though they have no rows.
    pub through: bool,
}

impl SqlTool {
    /// How its history is recognised and read.
    pub fn history(self) -> &'static HistoryTool {
        let of_this_name = |tool: &&HistoryTool| tool.tool == self.title();
        HISTORY_TOOLS.iter().find(of_this_name).expect("every tool is among them")
    }

    /// A revision such that two spellings of one are equal: Flyway's 1.0 is 1.
    fn key(self, revision: &str) -> String {
        let numbers = flyway::numbers(revision).filter(|_| self == Self::Flyway);
        numbers.map_or_else(|| revision.to_owned(), |numbers| format!("{numbers:?}"))
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
        let exact = known.get_mut(&tool.key(&row.revision)).and_then(Vec::pop);
        if row.through {
            found.extend(up_to(&row.revision, migrations));
        }
        match exact {
            Some(index) => found.push(index),
            // A baseline stands for a database that no migration of the project has built.
            None if row.through && tool == SqlTool::Flyway => {}
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

/// The migrations whose versions are not above a revision, by their index.
fn up_to(revision: &str, migrations: &[Migration]) -> impl Iterator<Item = usize> {
    let limit = flyway::numbers(revision);
    let numbers = |migration: &Migration| flyway::numbers(&migration.revision.as_ref()?.id);
    let is_within = move |migration: &Migration| {
        numbers(migration).zip(limit.as_ref()).is_some_and(|(own, limit)| own <= *limit)
    };
    migrations.iter().enumerate().filter(move |(_, migration)| is_within(migration)).map(|(index, _)| index)
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
        assert_eq!(
            versions(SqlTool::Flyway, &[("R__all_users", false)], &["1", "2", "R__all_users"]).len(),
            1,
            "a repeatable migration"
        );
        assert_eq!(
            versions(SqlTool::Flyway, &[("1.5", true)], &["1.1", "1.2", "2"]),
            [101, 102],
            "a baseline"
        );
        assert_eq!(versions(SqlTool::Sqitch, &[("a", false), ("a", false)], &["a", "b", "a"]), [1, 3]);
        assert_eq!(versions(SqlTool::Sqlx, &[("7", false)], &["1", "2"]), [7], "the project lacks it");
    }
}
