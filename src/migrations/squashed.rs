//! A baseline that replaces older migrations, and what a history says that has those.
//!
//! The baseline has the version of the newest of them, and a directive for each: `-- trueup: squashes 12 add_users 0f3a...,9b12...`,
//! with the checksums that a history may have of it. So a database that has them all is known without their files. Nothing here
//! talks to a database.

use std::collections::BTreeMap;
use std::fmt;

use super::checksum;
use super::history::Applied;
use super::{Migration, MigrationId};

/// A migration that a baseline replaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SquashedMigration {
    /// Its version.
    pub version: i64,
    /// Its name.
    pub name: String,
    /// The beginnings of the checksums that a history may have of it: of every form of its text that stands for it.
    checksums: Vec<u32>,
}

impl SquashedMigration {
    /// What a baseline says of a migration that it replaces.
    pub fn of(migration: &Migration) -> Self {
        let mut checksums: Vec<u32> = checksum::accepted(migration).into_iter().map(beginning).collect();
        checksums.sort_unstable();
        checksums.dedup();
        Self { version: migration.version, name: migration.name.clone(), checksums }
    }

    /// Reads what [`fmt::Display`] writes.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let [version, name, checksums] =
            <[&str; 3]>::try_from(text.split_whitespace().collect::<Vec<_>>()).ok()?;
        let checksums = checksums.split(',').map(|one| u32::from_str_radix(one, 16).ok());
        Some(Self {
            version: version.parse().ok()?,
            name: name.to_owned(),
            checksums: checksums.collect::<Option<_>>()?,
        })
    }

    /// Its version and its name.
    pub fn id(&self) -> MigrationId<'_> {
        MigrationId { version: self.version, name: &self.name, revision: None }
    }

    /// Whether a row of a history is of it, and of no other text.
    fn is(&self, row: &Applied) -> bool {
        row.version == self.version
            && row.name == self.name
            && row.checksum.is_some_and(|checksum| self.checksums.contains(&beginning(checksum)))
    }
}

impl fmt::Display for SquashedMigration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let checksums: Vec<String> = self.checksums.iter().map(|one| format!("{one:08x}")).collect();
        write!(f, "{} {} {}", self.version, self.name, checksums.join(","))
    }
}

/// A history of 64 bits for each migration would fill the file.
fn beginning(checksum: u64) -> u32 {
    u32::try_from(checksum >> 32).unwrap_or_default()
}

/// What a history has of the migrations that a baseline replaces, where it does not have the baseline itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SquashState {
    /// All of them: the baseline is applied, and has to be recorded.
    All {
        /// The version of the baseline.
        baseline: i64,
        /// The title of the baseline.
        title: String,
        /// The versions that it replaces, its own among them.
        replaced: Vec<i64>,
    },
    /// Some of them, or some with another text.
    Some {
        /// The title of the baseline.
        title: String,
        /// How many it replaces.
        of: usize,
        /// Those that are not applied.
        missing: Vec<String>,
        /// Those that were applied with another text.
        modified: Vec<String>,
    },
}

impl SquashState {
    /// What is the matter, in one sentence without a full stop.
    pub fn in_words(&self) -> String {
        match self {
            Self::All { title, replaced, .. } => format!(
                "{title} replaces {} migrations, and the history has them all: trueup upgrade records it, without running SQL",
                replaced.len()
            ),
            Self::Some { title, of, missing, modified } => {
                let parts = [(missing, "not applied"), (modified, "applied with another text")];
                let parts = parts.into_iter().filter(|(names, _)| !names.is_empty());
                let parts: Vec<String> = parts
                    .map(|(names, what)| match names.as_slice() {
                        [first, .., last] => format!("{} are {what}: {first} to {last}", names.len()),
                        names => format!("{} is {what}", names.join(", ")),
                    })
                    .collect();
                format!("{title} replaces {of} migrations, of which {}", parts.join(", and "))
            }
        }
    }
}

/// What to do where only some are applied.
pub const SQUASHED_NEXT: &str = "deploy the version of the project from before the squash (git log --diff-filter=D -- migrations) and run \
                                 its `trueup upgrade` first; or restore a backup of a database that has them all";

/// Puts the baseline in the place of the migrations that it replaces, where a history has all of them. `rows` are in the order of
/// versions.
pub fn fold(rows: Vec<Applied>, migrations: &[Migration]) -> (Vec<Applied>, Option<SquashState>) {
    let baseline = migrations.iter().find(|migration| !migration.directives.squashes.is_empty());
    let Some(baseline) = baseline else { return (rows, None) };
    let squashes = &baseline.directives.squashes;
    let recorded: BTreeMap<i64, &Applied> = rows.iter().map(|row| (row.version, row)).collect();
    let is_baseline = |row: &&Applied| row.checksum.is_some_and(|found| checksum::accepts(baseline, found));
    let at = recorded.get(&baseline.version).copied();
    if at.as_ref().is_some_and(is_baseline) || !squashes.iter().any(|one| recorded.contains_key(&one.version))
    {
        return (rows, None);
    }
    let (mut missing, mut modified) = (Vec::new(), Vec::new());
    for one in squashes {
        match recorded.get(&one.version) {
            None => missing.push(one.id().to_string()),
            Some(row) if !one.is(row) => modified.push(one.id().to_string()),
            Some(_) => {}
        }
    }
    let title = baseline.id().to_string();
    if !missing.is_empty() || !modified.is_empty() {
        return (rows, Some(SquashState::Some { title, of: squashes.len(), missing, modified }));
    }
    let replaced: Vec<i64> = squashes.iter().map(|one| one.version).collect();
    let folded = Applied {
        name: baseline.name.clone(),
        checksum: Some(checksum::written(baseline, checksum::Width::Eight)),
        ..at.cloned().unwrap_or_else(|| rows[0].clone())
    };
    let mut kept: Vec<Applied> = rows.into_iter().filter(|row| !replaced.contains(&row.version)).collect();
    let place = kept.partition_point(|row| row.version < baseline.version);
    kept.insert(place, Applied { version: baseline.version, ..folded });
    (kept, Some(SquashState::All { baseline: baseline.version, title, replaced }))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::migrations::Directives;

    fn migration(version: i64, name: &str, sql: &str) -> Migration {
        Migration {
            version,
            name: name.to_owned(),
            path: PathBuf::new(),
            sql: sql.to_owned(),
            down: None,
            directives: Directives::default(),
            revision: None,
            parents: Vec::new(),
        }
    }

    fn row(of: &Migration) -> Applied {
        Applied {
            version: of.version,
            name: of.name.clone(),
            applied_on: "then".to_owned(),
            checksum: Some(checksum::written(of, checksum::Width::Four)),
            revision: None,
        }
    }

    /// Three migrations, and the baseline of the first two with the third.
    fn project() -> ([Migration; 3], [Migration; 2]) {
        let old = [1, 2, 3].map(|version| migration(version, "m", &format!("select {version};\r\n")));
        let mut baseline = migration(2, "baseline", "select 12;\n");
        baseline.directives.squashes = old[..2].iter().map(SquashedMigration::of).collect();
        let third = old[2].clone();
        (old, [baseline, third])
    }

    #[test]
    fn a_history_that_has_them_all_has_the_baseline() {
        let (old, new) = project();
        let (rows, state) = fold(old.iter().map(row).collect(), &new);
        let told: Vec<(i64, &str)> = rows.iter().map(|row| (row.version, row.name.as_str())).collect();
        assert_eq!(told, [(2, "baseline"), (3, "m")]);
        assert!(checksum::accepts(&new[0], rows[0].checksum.unwrap()));
        assert!(matches!(state, Some(SquashState::All { replaced, .. }) if replaced == [1, 2]));
        // Recorded, and a new database.
        for rows in [vec![row(&new[0]), row(&new[1])], Vec::new()] {
            assert_eq!(fold(rows.clone(), &new), (rows, None));
        }
    }

    #[test]
    fn other_line_endings_are_no_other_text() {
        let (mut old, new) = project();
        old[0].sql = "select 1;\n".to_owned();
        assert!(matches!(fold(old.iter().map(row).collect(), &new).1, Some(SquashState::All { .. })));
    }

    #[test]
    fn a_part_of_them_is_told() {
        let (mut old, new) = project();
        let (rows, state) = fold(vec![row(&old[0])], &new);
        assert_eq!(rows.len(), 1);
        assert_eq!(
            state.unwrap().in_words(),
            "V2__baseline replaces 2 migrations, of which V2__m is not applied"
        );
        old[1].sql = "select 99;".to_owned();
        let state = fold(old.iter().map(row).collect(), &new).1.unwrap();
        assert!(
            state.in_words().ends_with("of which V2__m is applied with another text"),
            "{}",
            state.in_words()
        );
    }

    #[test]
    fn a_directive_reads_back() {
        let one = SquashedMigration::of(&migration(12, "add_users", "select 1"));
        assert_eq!(SquashedMigration::parse(&one.to_string()), Some(one));
        for wrong in ["", "1 a", "x a 00", "1 a zz", "1 a 0f b"] {
            assert_eq!(SquashedMigration::parse(wrong), None);
        }
    }
}
