//! What a tool's own history says is applied.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};
use std::str::FromStr;

use anyhow::Result;
use smol_str::SmolStr;

use super::{MigrationTool, ToolRevision, flyway, numbers_of};
use crate::migrations::Migration;
use crate::migrations::history::Applied;
use crate::postgres::catalog::history_tables::{HISTORY_TOOLS, HistoryTool};

/// A row of [`HistoryTool::applied`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppliedRevision {
    /// The tool's identifier.
    pub revision: String,
    /// Which migrations the row shows to be applied.
    pub stands_for: StandsFor,
}

/// Which migrations a row of a history shows to be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StandsFor {
    /// Its own.
    Alone,
    /// Its own and all before it, which have no rows.
    Through,
    /// Its own, its parents, theirs, and so on.
    Ancestors,
    /// As [`Self::Through`]; the project may lack its own (Flyway's `baseline`).
    Baseline,
    /// All before it: its own failed or was interrupted.
    Before,
}

impl FromStr for StandsFor {
    type Err = anyhow::Error;

    fn from_str(word: &str) -> Result<Self> {
        Ok(match word {
            "alone" => Self::Alone,
            "through" => Self::Through,
            "ancestors" => Self::Ancestors,
            "baseline" => Self::Baseline,
            "before" => Self::Before,
            _ => anyhow::bail!("{word:?} says of no migration whether it is applied"),
        })
    }
}

impl MigrationTool {
    /// How its history is recognised and read.
    pub fn history(self) -> &'static HistoryTool {
        if self == Self::Command {
            return HistoryTool::own();
        }
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
pub fn applied(tool: MigrationTool, rows: &[AppliedRevision], migrations: &[Migration]) -> Vec<Applied> {
    let mut known: HashMap<String, Vec<usize>> = HashMap::new();
    for (index, migration) in migrations.iter().enumerate().rev() {
        if let Some(revision) = &migration.revision {
            known.entry(tool.key(&revision.id)).or_default().push(index);
        }
    }
    let mut found = Vec::new();
    let mut unknown: Vec<&str> = Vec::new();
    for AppliedRevision { revision, stands_for } in rows {
        match stands_for {
            StandsFor::Alone => {}
            StandsFor::Ancestors => found.extend(ancestors(revision, migrations)),
            StandsFor::Through | StandsFor::Baseline => {
                found.extend(until(revision, Ordering::is_le, migrations))
            }
            StandsFor::Before => found.extend(until(revision, Ordering::is_lt, migrations)),
        }
        match known.get_mut(&tool.key(revision)).and_then(Vec::pop) {
            _ if *stands_for == StandsFor::Before => {}
            Some(index) => found.push(index),
            None if *stands_for == StandsFor::Baseline => {}
            None => unknown.push(revision),
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
    unknown.sort_by_cached_key(|revision| {
        let numbers = flyway::numbers(revision)
            .or_else(|| Some(vec![u128::try_from(*numbers_of(revision).first()?).ok()?]));
        (numbers.is_none(), numbers, *revision)
    });
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

/// The migrations whose versions compare so with a revision, by their index.
fn until(
    revision: &str,
    is_so: fn(Ordering) -> bool,
    migrations: &[Migration],
) -> impl Iterator<Item = usize> {
    let limit = flyway::numbers(revision);
    let numbers = |migration: &Migration| flyway::numbers(&migration.revision.as_ref()?.id);
    let is_within = move |migration: &Migration| {
        numbers(migration).zip(limit.as_ref()).is_some_and(|(own, limit)| is_so(own.cmp(limit)))
    };
    migrations.iter().enumerate().filter(move |(_, migration)| is_within(migration)).map(|(index, _)| index)
}

/// The migrations that come before a revision by the parents that each names, by their index.
fn ancestors(revision: &str, migrations: &[Migration]) -> BTreeSet<usize> {
    let places: HashMap<&str, usize> = migrations
        .iter()
        .enumerate()
        .filter_map(|(index, migration)| Some((migration.revision.as_ref()?.id.as_str(), index)))
        .collect();
    let mut found = BTreeSet::new();
    let mut next = vec![revision];
    while let Some(revision) = next.pop() {
        let Some(index) = places.get(revision) else { continue };
        if found.insert(*index) {
            next.extend(migrations[*index].parents.iter().map(SmolStr::as_str));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::StandsFor::{Alone, Baseline, Before, Through};
    use super::*;
    use crate::migrations::Directives;

    fn project(tool: MigrationTool, revisions: &[&str]) -> Vec<Migration> {
        let migrations =
            revisions.iter().zip(super::super::number(revisions)).map(|(id, version)| Migration {
                version,
                name: "a".into(),
                path: "x".into(),
                sql: String::new(),
                down: None,
                directives: Directives::default(),
                revision: Some(ToolRevision { tool, id: (*id).into() }),
                parents: Vec::new(),
            });
        migrations.collect()
    }

    fn rows(tool: MigrationTool, rows: &[(&str, StandsFor)], revisions: &[&str]) -> Vec<Applied> {
        let row = |(revision, stands_for): &(&str, StandsFor)| AppliedRevision {
            revision: (*revision).into(),
            stands_for: *stands_for,
        };
        let rows: Vec<AppliedRevision> = rows.iter().map(row).collect();
        applied(tool, &rows, &project(tool, revisions))
    }

    fn versions(tool: MigrationTool, found: &[(&str, StandsFor)], revisions: &[&str]) -> Vec<i64> {
        rows(tool, found, revisions).iter().map(|row| row.version).collect()
    }

    #[test]
    fn rows_are_matched_by_the_tools_own_identifiers() {
        assert_eq!(versions(MigrationTool::Dbmate, &[("2", Alone)], &["1", "2"]), [2]);
        assert_eq!(
            versions(MigrationTool::Flyway, &[("1.0", Alone), ("01.2", Alone)], &["1", "1.2", "2"]),
            [100, 102]
        );
        assert_eq!(
            versions(MigrationTool::Flyway, &[("R__all_users", Alone)], &["1", "2", "R__all_users"]).len(),
            1,
            "a repeatable migration"
        );
        assert_eq!(versions(MigrationTool::Sqitch, &[("a", Alone), ("a", Alone)], &["a", "b", "a"]), [1, 3]);
    }

    #[test]
    fn a_row_stands_for_others() {
        let golang = |row, revisions: &[&str]| versions(MigrationTool::GolangMigrate, &[row], revisions);
        assert_eq!(golang(("2", Through), &["1", "2", "10"]), [1, 2]);
        assert_eq!(golang(("10", Through), &["1", "2", "10"]), [1, 2, 10]);
        assert_eq!(golang(("10", Before), &["1", "2", "10"]), [1, 2], "dirty");
        assert_eq!(golang(("-1", Before), &["1", "2", "10"]), [0; 0], "the first one, reverted half");
        assert_eq!(golang(("5", Before), &["1", "2", "10"]), [1, 2], "dirty, and the project lacks it");
        assert_eq!(versions(MigrationTool::Flyway, &[("1.5", Baseline)], &["1.1", "1.2", "2"]), [101, 102]);
    }

    #[test]
    fn a_head_stands_for_its_ancestors() {
        let mut migrations = project(MigrationTool::Alembic, &["a", "b", "c", "d", "e"]);
        for (index, parents) in [(1, &["a"][..]), (2, &["a"]), (3, &["b", "c"]), (4, &["d"])] {
            migrations[index].parents = parents.iter().map(|parent| SmolStr::from(*parent)).collect();
        }
        let at = |heads: &[&str]| -> Vec<i64> {
            let rows: Vec<AppliedRevision> = heads
                .iter()
                .map(|head| AppliedRevision { revision: (*head).into(), stands_for: StandsFor::Ancestors })
                .collect();
            applied(MigrationTool::Alembic, &rows, &migrations).iter().map(|row| row.version).collect()
        };
        assert_eq!(at(&["c"]), [1, 3]);
        assert_eq!(at(&["b", "c"]), [1, 2, 3]);
        assert_eq!(at(&["d"]), [1, 2, 3, 4]);
        assert_eq!(at(&["x"]).len(), 1, "the project lacks it");
    }

    #[test]
    fn what_the_project_lacks_is_in_the_order_of_its_numbers() {
        assert_eq!(versions(MigrationTool::Sqlx, &[("7", Alone)], &["1", "2"]), [7]);
        let lacking = |tool, revisions: [&str; 3]| {
            let found = rows(tool, &revisions.map(|revision| (revision, Alone)), &["1"]);
            found.iter().map(|row| row.id().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(lacking(MigrationTool::Goose, ["10", "9", "100"]), ["goose 9", "goose 10", "goose 100"]);
        assert_eq!(
            lacking(MigrationTool::Flyway, ["R__a", "1.10", "1.9"]),
            ["Flyway 1.9", "Flyway 1.10", "Flyway R__a"]
        );
    }
}
