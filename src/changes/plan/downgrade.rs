//! Plans a downgrade: the down scripts of the migrations above a version, newest first.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use super::upgrade::{
    by_version, current, file_of, no_such_version, refuse_edited, refuse_no_history, refuse_renumbered,
};
use super::{Direction, LeftBehind, MigrationPlan, Script, Step, titles, touches};
use crate::error::{ErrorCode, Exit, Failure};
use crate::migrations::{Directives, Left, Migration};
use crate::model::diagnosis::MigrationState;
use crate::model::{CompiledMigration, Footprint, Lock};
use crate::postgres::catalog::Attribute;
use crate::postgres::sql::read_file;

impl MigrationPlan {
    /// Plans to revert all applied migrations above `to`; `0` reverts all of them. Reads the down scripts.
    ///
    /// # Errors
    /// Exit 2: `to` names no version, or one above the current version; a down script cannot be read. Exit 4: a
    /// migration without a down script (all of them are named), one that the project does not have, one that was
    /// modified after it was applied; a down script that must not be run (see [`Script::examine`]); a database without a
    /// history.
    pub fn downgrade(
        lock: &Lock,
        migrations: &[Migration],
        state: &MigrationState,
        to: i64,
    ) -> Result<Self, Failure> {
        let current = current(lock, state);
        refuse_renumbered(lock, state, |version| version >= to, "no migration is reverted")?;
        if to != 0 && !lock.migrations.iter().any(|migration| migration.version == to) {
            return Err(no_such_version(lock, to));
        }
        if current.is_none_or(|current| to > current) && to != 0 {
            let stands = current.map_or_else(
                || "no migration is applied".to_owned(),
                |current| format!("the database is at version {current}"),
            );
            return Err(Failure::usage(format!(
                "--to {to}: {stands}; a downgrade does not apply migrations"
            ))
            .next(format!("trueup upgrade --to {to}")));
        }
        refuse_no_history(state)?;
        refuse_unknown(state, to)?;
        let above: Vec<usize> = state
            .applied
            .iter()
            .rev()
            .copied()
            .filter(|index| lock.migrations[*index].version > to)
            .collect();
        refuse_edited(lock, state, |version| version > to, "its down script may be for another text")?;
        let files = by_version(migrations);
        let mut steps = Vec::with_capacity(above.len());
        let mut without = Vec::new();
        for index in above {
            let file = file_of(lock, &files, index)?;
            match &file.down {
                Some(path) => steps.push(step(lock, index, file, path)),
                None => without.push(&lock.migrations[index]),
            }
        }
        let steps = Failure::collect(steps)?;
        if !without.is_empty() {
            return Err(irreversible(&without));
        }
        let (ahead, left) = (state.ahead.clone(), left(lock, &files, state)?);
        Ok(Self { direction: Direction::Down, current, steps, stop: None, ahead, left })
    }
}

/// What the down scripts of migrations say that they leave which are not applied.
fn left(
    lock: &Lock,
    files: &HashMap<i64, &Migration>,
    state: &MigrationState,
) -> Result<Vec<LeftBehind>, Failure> {
    let mut all = Vec::new();
    for index in state.skipped.iter().chain(&state.pending) {
        let file = file_of(lock, files, *index)?;
        if let Some(path) = &file.down {
            let directives = Directives::read(path, &read_file(path)?)?;
            all.extend(directives.leaves.into_iter().map(|left| (file.version, left)));
        }
    }
    let is_applied = |version| state.applied.iter().any(|index| lock.migrations[*index].version == version);
    let applied = lock.state_after(is_applied);
    let labels = |left: &Left| match left {
        Left::Object(_) => None,
        Left::EnumValue { of, .. } => Some(applied.get(of)?.get(Attribute::Labels)?.to_owned()),
    };
    let all = all.into_iter().map(|(version, left)| LeftBehind { version, labels: labels(&left), left });
    Ok(all.collect())
}

/// The step that reverts a migration by its down script.
fn step(lock: &Lock, index: usize, file: &Migration, path: &Path) -> Result<Step, Failure> {
    let compiled = &lock.migrations[index];
    let sql = read_file(path)?;
    let directives = Directives::read(path, &sql)?;
    let measured = compiled.down.as_ref().and_then(|down| down.footprints(&sql));
    Ok(Step {
        index,
        version: compiled.version,
        name: compiled.name.clone(),
        title: file.id().to_string(),
        path: path.to_owned(),
        contract: false,
        script: Script::examine(path, &sql, &directives)?,
        sql,
        transactional: !directives.no_transaction,
        record: false,
        held: BTreeMap::new(),
        footprints: measured.map(<[Footprint]>::to_vec).unwrap_or_default(),
        directives,
        touches: touches(compiled),
    })
}

fn refuse_unknown(state: &MigrationState, to: i64) -> Result<(), Failure> {
    let ahead: Vec<String> =
        state.ahead.iter().filter(|row| row.version > to).map(|row| row.id().to_string()).collect();
    if ahead.is_empty() {
        return Ok(());
    }
    let is = if ahead.len() == 1 { "is" } else { "are" };
    Err(Failure::new(
        Exit::Refused,
        format!(
            "{} {is} applied, but not in this project directory: the migrations below cannot be reverted from here",
            ahead.join(", ")
        ),
    )
    .code(ErrorCode::HISTORY_AHEAD)
    .next("run the downgrade in the project directory that has the newest migrations"))
}

fn irreversible(without: &[&CompiledMigration]) -> Failure {
    let names = titles(without.iter().copied());
    let has = if without.len() == 1 { "has" } else { "have" };
    let first = without[0];
    Failure::new(Exit::Refused, format!("{names} {has} no down script; nothing was changed"))
        .code(ErrorCode::MIGRATION_NO_DOWN_SCRIPT)
        .next(format!(
            "write migrations/{}.down.sql{}, or put the change that reverts it into a new migration",
            first.id(),
            if without.len() == 1 { "" } else { " and the others" }
        ))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::super::samples::{SampleMigration, lock_of};
    use super::*;
    use crate::migrations::history::Applied;

    struct Project {
        lock: Lock,
        files: Vec<Migration>,
        directory: tempfile::TempDir,
    }

    fn project(downs: &[(usize, &str)]) -> Project {
        let samples: Vec<SampleMigration> =
            (1..=3).map(|version| SampleMigration::new(version, "select 1;")).collect();
        let (lock, mut files) = lock_of(&samples);
        let directory = tempfile::tempdir().expect("a directory");
        for (index, sql) in downs {
            let path = directory.path().join(format!("V{}__m{0}.down.sql", index + 1));
            fs::write(&path, sql).expect("written");
            files[*index].down = Some(path);
        }
        Project { lock, files, directory }
    }

    fn plan(
        project: &Project,
        applied: &[i64],
        unchanged: &[i64],
        to: i64,
    ) -> Result<MigrationPlan, Failure> {
        let rows: Vec<Applied> = applied.iter().map(|version| SampleMigration::row(*version)).collect();
        let unchanged: BTreeSet<i64> = unchanged.iter().copied().collect();
        let state = MigrationState::from_history(&project.lock.migrations, &rows, &unchanged);
        MigrationPlan::downgrade(&project.lock, &project.files, &state, to)
    }

    #[test]
    fn down_scripts_run_newest_first() {
        let project = project(&[(0, "drop table a;"), (1, "drop index i;"), (2, "drop table c;")]);
        let found = plan(&project, &[1, 2, 3], &[1, 2, 3], 1).expect("a plan");
        let steps: Vec<_> = found.steps.iter().map(|step| (step.version, step.transactional)).collect();
        assert_eq!(steps, [(3, true), (2, true)]);
        assert_eq!((found.direction, found.current), (Direction::Down, Some(3)));
        assert!(found.steps[0].path.starts_with(project.directory.path()));
        assert!(found.steps[0].path.ends_with(Path::new("V3__m3.down.sql")));
        assert_eq!(plan(&project, &[1, 2, 3], &[1, 2, 3], 0).expect("a plan").steps.len(), 3);
        assert!(plan(&project, &[1, 2], &[1, 2], 2).expect("a plan").is_empty());
    }

    #[test]
    fn all_that_cannot_be_taken_back_are_named() {
        let project = project(&[(1, "drop table b;")]);
        let failure = plan(&project, &[1, 2, 3], &[1, 2, 3], 0).expect_err("irreversible");
        assert_eq!(failure.exit, Exit::Refused);
        assert!(failure.what.contains("V3__m3, V1__m1 have no down script"), "{}", failure.what);
        assert!(plan(&project, &[1, 2], &[1, 2], 1).is_ok());
    }

    #[test]
    fn a_down_script_that_says_so_runs_outside_of_a_transaction() {
        let project =
            project(&[(1, "-- trueup: no-transaction\ndrop index concurrently i;"), (2, "drop table c;")]);
        let found = plan(&project, &[1, 2, 3], &[1, 2, 3], 1).expect("a plan");
        let steps: Vec<_> = found.steps.iter().map(|step| (step.version, step.transactional)).collect();
        assert_eq!(steps, [(3, true), (2, false)]);
        assert!(found.steps[1].script.statements[0].outside.is_some());
    }

    #[test]
    fn what_is_refused_before_anything_is_touched() {
        let project = project(&[(0, "drop table a;"), (1, "commit;"), (2, "drop table c;")]);
        for (applied, unchanged, to, exit, words) in [
            (&[1, 2][..], &[1, 2][..], 7, Exit::Usage, "no such version"),
            (&[1], &[1], 2, Exit::Usage, "the database is at version 1"),
            (&[1, 2, 3, 9], &[1, 2, 3], 2, Exit::Refused, "V9__m9 is applied, but not in this project"),
            (&[1, 2, 3], &[1, 2], 2, Exit::Refused, "V3__m3 was modified"),
            (&[1, 2, 3], &[1, 2, 3], 1, Exit::Refused, "V2__m2.down.sql: line 1"),
        ] {
            let failure = plan(&project, applied, unchanged, to).expect_err(words);
            assert_eq!(failure.exit, exit, "{}", failure.what);
            assert!(failure.what.contains(words) && !failure.next.is_empty(), "{}", failure.what);
        }
        // What is below is not looked at.
        assert!(plan(&project, &[1, 2, 3], &[2, 3], 2).is_ok());
    }
}
