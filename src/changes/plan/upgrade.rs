//! Plans an upgrade: the pending migrations, up to where it may go.

use std::collections::{BTreeMap, HashMap};

use super::{Direction, MigrationPlan, PlanStop, Script, Step, UnmetCheck, titles, touches};
use crate::error::{ErrorCode, Exit, Failure};
use crate::migrations::Migration;
use crate::model::Lock;
use crate::model::diagnosis::{Basis, MigrationState};
use crate::postgres::sql::unified;

/// What an upgrade is asked to apply.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UpgradeGoal {
    /// The last version to apply; all pending ones when it is `None`.
    pub to: Option<i64>,
    /// Whether contract migrations are applied.
    pub contract: bool,
    /// Whether versions below an applied one are applied.
    pub allow_out_of_order: bool,
    /// Whether the required data checks are run while the plan is executed, before each migration.
    pub checked: bool,
}

impl MigrationPlan {
    /// Plans an upgrade. `migrations` are the files that `lock` was compiled from.
    ///
    /// # Errors
    /// Exit 2: `--to` names no version, or one below the current version; the lock file is of other migrations. Exit
    /// 4: a file that must not be run (see [`Script::examine`]), applied migrations that were modified, skipped
    /// versions where that is not allowed, a database with tables and no history.
    pub fn upgrade(
        lock: &Lock,
        migrations: &[Migration],
        state: &MigrationState,
        wanted: &UpgradeGoal,
    ) -> Result<Self, Failure> {
        let current = current(lock, state);
        if let Some(to) = wanted.to {
            refuse_goal(lock, state, wanted, to, current)?;
        }
        let files = by_version(migrations);
        let mut open: Vec<usize> = state.skipped.iter().chain(&state.pending).copied().collect();
        open.sort_unstable();
        let mut steps = Failure::collect(open.into_iter().map(|index| step(lock, &files, index)))?;
        refuse_no_history(state)?;
        refuse_renumbered(lock, state, |_| true, "no migration is applied")?;
        refuse_edited(lock, state, |_| true, "no further migration is applied")?;
        if !state.skipped.is_empty() && !wanted.allow_out_of_order {
            return Err(skipped(lock, state));
        }
        if let Some(to) = wanted.to {
            steps.retain(|step| step.version <= to);
        }
        let stop = stop_before(&mut steps, wanted);
        let ahead = state.ahead.clone();
        Ok(Self { direction: Direction::Up, current, steps, stop, ahead, left: Vec::new() })
    }
}

/// The newest version that is applied, whether or not the project has it.
pub(super) fn current(lock: &Lock, state: &MigrationState) -> Option<i64> {
    let known = state.applied.iter().map(|index| lock.migrations[*index].version);
    known.chain(state.ahead.iter().map(|row| row.version)).max()
}

pub(super) fn by_version(migrations: &[Migration]) -> HashMap<i64, &Migration> {
    migrations.iter().map(|migration| (migration.version, migration)).collect()
}

/// The file of a compiled migration.
pub(super) fn file_of<'m>(
    lock: &Lock,
    files: &HashMap<i64, &'m Migration>,
    index: usize,
) -> Result<&'m Migration, Failure> {
    let compiled = &lock.migrations[index];
    let file = files.get(&compiled.version).filter(|file| file.name == compiled.name);
    file.copied().ok_or_else(|| {
        Failure::usage(format!("trueup.lock contains {}, but migrations/ does not", compiled.id()))
            .code(ErrorCode::LOCK_FILE_STALE)
            .next("trueup compile")
    })
}

fn step(lock: &Lock, files: &HashMap<i64, &Migration>, index: usize) -> Result<Step, Failure> {
    let file = file_of(lock, files, index)?;
    let compiled = &lock.migrations[index];
    Ok(Step {
        index,
        version: compiled.version,
        name: compiled.name.clone(),
        title: file.id().to_string(),
        path: file.path.clone(),
        contract: file.directives.contract,
        sql: file.sql.clone(),
        script: Script::examine(&file.path, &file.sql, &file.directives)?,
        directives: file.directives.clone(),
        transactional: !file.directives.no_transaction,
        record: false,
        held: BTreeMap::new(),
        footprints: compiled.footprints.clone(),
        touches: touches(compiled),
    })
}

/// Removes the steps from the first one on that must not be applied now.
fn stop_before(
    steps: &mut Vec<Step>,
    &UpgradeGoal { contract, checked, .. }: &UpgradeGoal,
) -> Option<PlanStop> {
    let requires = |step: &Step| !checked && !step.directives.requires_checks.is_empty();
    let at = steps.iter().position(|step| step.contract && !contract || requires(step))?;
    // The check is reported when contract migrations are asked for.
    if steps[at].contract && !contract {
        let rest = steps.split_off(at);
        let waiting = rest.iter().map(|step| step.title.clone()).collect();
        return Some(PlanStop::Contract { title: rest[0].title.clone(), version: rest[0].version, waiting });
    }
    stop_at(steps, at, Vec::new())
}

/// Removes the steps from one on whose data checks do not pass or are not run.
fn stop_at(steps: &mut Vec<Step>, at: usize, unmet: Vec<UnmetCheck>) -> Option<PlanStop> {
    let rest = steps.split_off(at);
    let waiting = rest.iter().map(|step| step.title.clone()).collect();
    let first = rest.into_iter().next()?;
    let checks = first.directives.requires_checks;
    Some(PlanStop::RequiresCheck { title: first.title, version: first.version, checks, unmet, waiting })
}

impl MigrationPlan {
    /// Ends the plan before a step whose data checks do not pass.
    pub fn stop_before(&mut self, version: i64, unmet: Vec<UnmetCheck>) {
        if let Some(at) = self.steps.iter().position(|step| step.version == version) {
            self.stop = stop_at(&mut self.steps, at, unmet);
        }
    }
}

fn refuse_goal(
    lock: &Lock,
    state: &MigrationState,
    wanted: &UpgradeGoal,
    to: i64,
    current: Option<i64>,
) -> Result<(), Failure> {
    let Some(index) = lock.migrations.iter().position(|migration| migration.version == to) else {
        return Err(no_such_version(lock, to));
    };
    let fills_a_gap = wanted.allow_out_of_order && state.skipped.contains(&index);
    match current {
        Some(current) if to < current && !fills_a_gap => Err(Failure::usage(format!(
            "--to {to} is below the current version {current}: an upgrade does not revert migrations"
        ))
        .next(format!("trueup downgrade --to {to}"))),
        _ => Ok(()),
    }
}

/// The number of versions that a message names.
const MOST_TOLD: usize = 5;

pub(super) fn no_such_version(lock: &Lock, to: i64) -> Failure {
    let newest = lock.migrations.iter().rev().take(MOST_TOLD);
    let newest: Vec<_> = newest.map(|migration| migration.version.to_string()).collect();
    let known = match newest.as_slice() {
        [] => "the project has no migrations".to_owned(),
        _ => format!("the newest are {}", newest.join(", ")),
    };
    Failure::usage(format!("--to {to}: no such version; {known}"))
        .code(ErrorCode::MIGRATION_UNKNOWN)
        .next("name the version of a file in migrations/")
}

pub(super) fn refuse_no_history(state: &MigrationState) -> Result<(), Failure> {
    match state.basis {
        Basis::Inferred => {
            Err(Failure::new(Exit::Refused, "the database has tables, but no migration history")
                .code(ErrorCode::HISTORY_MISSING)
                .next("trueup adopt"))
        }
        Basis::History | Basis::ModelOnly => Ok(()),
    }
}

/// The most lines of a diff that a refusal shows.
const MOST_LINES: usize = 60;

/// Refuses applied migrations whose file was modified (F36), and shows both texts where the applied one is recorded.
pub(super) fn refuse_edited(
    lock: &Lock,
    state: &MigrationState,
    counts: impl Fn(i64) -> bool,
    so: &str,
) -> Result<(), Failure> {
    let edited: Vec<usize> =
        state.edited.iter().copied().filter(|index| counts(lock.migrations[*index].version)).collect();
    let compiled: Vec<_> = edited.iter().map(|index| &lock.migrations[*index]).collect();
    let (noun, was) = match compiled.as_slice() {
        [] => return Ok(()),
        [_] => ("the migration", "was"),
        _ => ("the migrations", "were"),
    };
    let version = if compiled.len() == 1 { compiled[0].version.to_string() } else { "V".to_owned() };
    let mut what =
        format!("{noun} {} {was} modified after being applied; {so}", titles(compiled.iter().copied()));
    for (index, edit) in edited.iter().filter_map(|index| Some((index, state.texts.get(index)?))) {
        if edit.applied == edit.file {
            what.push_str("\nthe text is unchanged; only the name differs");
        } else if state.respelled.contains(index) {
            what.push_str("\nonly comments or whitespace were changed:");
        }
        let file = format!("migrations/{}.sql", lock.migrations[*index].id());
        let diff = unified(("as it was applied", &edit.applied), (&file, &edit.file));
        let lines: Vec<&str> = diff.lines().take(MOST_LINES).collect();
        what.push_str(&format!("\n{}", lines.join("\n")));
        if diff.lines().nth(MOST_LINES).is_some() {
            what.push_str("\n... (trueup check --format json has both texts)");
        }
    }
    Err(Failure::new(Exit::Refused, what).code(ErrorCode::HISTORY_EDITED).next(format!(
        "restore the applied text and put the change into a new migration; or, if the edit does not change the \
         meaning: trueup resolve {version} --as accept-edit --reason TEXT"
    )))
}

/// Refuses to go on with migrations that were applied under another version than their files have, where that is one of
/// these. `so` says what that leaves undone.
pub(super) fn refuse_renumbered(
    lock: &Lock,
    state: &MigrationState,
    concerns: impl Fn(i64) -> bool,
    so: &str,
) -> Result<(), Failure> {
    let mut what = Vec::new();
    let mut next = Vec::new();
    for (version, index) in state.renumbered.iter().filter(|(version, _)| concerns(**version)) {
        let now = lock.migrations[*index].id();
        let known = lock.migrations.iter().find(|migration| migration.version == *version);
        what.push(format!(
            "version {version} was applied with the text that is now {now}: the file was renumbered after it was applied"
        ));
        let back = format!("rename {now}.sql so that it has version {version} again");
        next.push(match known {
            Some(taken) => format!("{back}, and give {} a version that is not applied", taken.id()),
            None => back,
        });
    }
    if what.is_empty() {
        return Ok(());
    }
    what.push(so.to_owned());
    Err(Failure::new(Exit::Refused, what.join("\n"))
        .code(ErrorCode::HISTORY_RENUMBERED)
        .next(next.join("\n")))
}

/// The refusal of pending versions below an applied one (F37).
fn skipped(lock: &Lock, state: &MigrationState) -> Failure {
    let skipped: Vec<_> = state.skipped.iter().map(|index| &lock.migrations[*index]).collect();
    let (verb, them) = if skipped.len() == 1 { ("is", "it") } else { ("are", "them") };
    let newest = current(lock, state).unwrap_or_default();
    let names = titles(skipped.iter().copied());
    Failure::new(
        Exit::Refused,
        format!("{names} {verb} not applied, but the newer version {newest} is"),
    )
    .code(ErrorCode::HISTORY_SKIPPED)
    .next(format!(
        "give {them} a version above {newest}; or, if the order does not matter: trueup upgrade --allow-out-of-order"
    ))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::samples::{SampleMigration, lock_of};
    use super::*;
    use crate::migrations::history::Applied;

    fn samples() -> Vec<SampleMigration> {
        vec![
            SampleMigration::new(1, "create table users (id bigint);"),
            SampleMigration::new(2, "alter table users add column name text;"),
            SampleMigration::new(
                3,
                "-- trueup: no-transaction\ncreate index concurrently i on users (name);",
            ),
            SampleMigration::new(4, "-- trueup: contract\nalter table users drop column name;"),
            SampleMigration::new(5, "create table later (id bigint);"),
        ]
    }

    fn state(lock: &Lock, applied: &[i64]) -> MigrationState {
        let rows: Vec<Applied> = applied.iter().map(|version| SampleMigration::row(*version)).collect();
        MigrationState::from_history(&lock.migrations, &rows, &applied.iter().copied().collect())
    }

    fn plan(
        samples: &[SampleMigration],
        applied: &[i64],
        wanted: UpgradeGoal,
    ) -> Result<MigrationPlan, Failure> {
        let (lock, files) = lock_of(samples);
        MigrationPlan::upgrade(&lock, &files, &state(&lock, applied), &wanted)
    }

    fn versions(plan: &MigrationPlan) -> Vec<i64> {
        plan.steps.iter().map(|step| step.version).collect()
    }

    #[test]
    fn it_stops_before_the_first_contract_migration() {
        let found = plan(&samples(), &[1], UpgradeGoal::default()).expect("a plan");
        assert_eq!(versions(&found), [2, 3]);
        assert_eq!((found.current, found.steps[1].transactional), (Some(1), false));
        let stop = found.stop.expect("a stop");
        assert_eq!((stop.title(), stop.waiting().len()), ("V4__m4", 2));
        assert!(stop.next().contains("--contract") && stop.exit() == Exit::Clean);
        let all =
            plan(&samples(), &[1], UpgradeGoal { contract: true, ..UpgradeGoal::default() }).expect("a plan");
        assert_eq!((versions(&all), all.stop), (vec![2, 3, 4, 5], None));
    }

    #[test]
    fn a_check_that_is_required_stops_it_even_so() {
        let mut samples = samples();
        samples[2] = SampleMigration::new(3, "-- trueup: requires-check orphans\nselect 1;");
        let found =
            plan(&samples, &[], UpgradeGoal { contract: true, ..UpgradeGoal::default() }).expect("a plan");
        assert_eq!(versions(&found), [1, 2]);
        let stop = found.stop.expect("a stop");
        assert!(
            matches!(&stop, PlanStop::RequiresCheck { version: 3, checks, .. } if checks == &["orphans"])
        );
        assert!(stop.next().contains("trueup verify orphans"), "{}", stop.next());
        assert_eq!(stop.exit(), Exit::Findings);
    }

    #[test]
    fn it_goes_as_far_as_it_is_told() {
        let to = |to| UpgradeGoal { to: Some(to), ..UpgradeGoal::default() };
        assert_eq!(versions(&plan(&samples(), &[], to(2)).expect("a plan")), [1, 2]);
        assert!(plan(&samples(), &[1, 2], to(2)).expect("a plan").is_empty());
        for (goal, words) in [(9, "no such version; the newest are 5"), (1, "below the current version 2")] {
            let failure = plan(&samples(), &[1, 2], to(goal)).expect_err(words);
            assert_eq!(failure.exit, Exit::Usage);
            assert!(failure.what.contains(words), "{}", failure.what);
        }
        let below = plan(&samples(), &[1, 2], to(1)).expect_err("below");
        assert_eq!(below.next, "trueup downgrade --to 1");
    }

    #[test]
    fn f37_skipped_versions_are_never_passed_over() {
        let failure = plan(&samples(), &[1, 3], UpgradeGoal::default()).expect_err("skipped");
        assert_eq!(failure.exit, Exit::Refused);
        assert!(failure.what.contains("V2__m2 is not applied, but the newer version 3"), "{}", failure.what);
        let allowed = UpgradeGoal { allow_out_of_order: true, ..UpgradeGoal::default() };
        assert_eq!(versions(&plan(&samples(), &[1, 3], allowed).expect("a plan")), [2]);
        let gap = UpgradeGoal { to: Some(2), ..allowed };
        assert_eq!(versions(&plan(&samples(), &[1, 3], gap).expect("a plan")), [2]);
    }

    #[test]
    fn f36_edited_migrations_are_named() {
        let (lock, files) = lock_of(&samples());
        let rows = [SampleMigration::row(1), SampleMigration::row(2)];
        let state = MigrationState::from_history(&lock.migrations, &rows, &BTreeSet::from([1]));
        let failure =
            MigrationPlan::upgrade(&lock, &files, &state, &UpgradeGoal::default()).expect_err("edited");
        assert_eq!(failure.exit, Exit::Refused);
        assert!(failure.what.contains("V2__m2") && !failure.what.contains("V1__m1"), "{}", failure.what);
        assert!(failure.next.contains("trueup resolve 2 --as accept-edit"), "{}", failure.next);
    }

    #[test]
    fn f39_a_database_that_is_ahead_has_nothing_to_do() {
        let found = plan(&samples(), &[1, 2, 3, 4, 5, 7], UpgradeGoal::default()).expect("a plan");
        assert!(found.is_empty() && found.stop.is_none());
        assert_eq!((found.current, found.ahead.len()), (Some(7), 1));
    }

    #[test]
    fn a_fault_in_the_last_file_is_told_before_anything_else() {
        let mut samples = samples();
        samples[4] = SampleMigration::new(5, "select 1;\ncommit;");
        for applied in [&[][..], &[1, 3]] {
            let wanted = UpgradeGoal { to: Some(4), ..UpgradeGoal::default() };
            let failure = plan(&samples, applied, wanted).expect_err("refused");
            assert!(failure.what.contains("V5__m5.sql: line 2"), "{}", failure.what);
        }
    }

    #[test]
    fn the_faults_of_all_files_are_told_at_once() {
        let mut samples = samples();
        samples[1] = SampleMigration::new(2, "set role a;\nvacuum;");
        samples[4] = SampleMigration::new(5, "select 1;\ncommit;");
        let failure = plan(&samples, &[1], UpgradeGoal::default()).expect_err("refused");
        for place in ["V2__m2.sql: line 1", "V2__m2.sql: line 2", "V5__m5.sql: line 2"] {
            assert!(failure.what.contains(place), "{}", failure.what);
        }
        assert_eq!((failure.exit, failure.next.lines().count()), (Exit::Refused, 3), "{}", failure.next);
    }

    #[test]
    fn a_database_without_history_is_adopted_first() {
        let (lock, files) = lock_of(&samples());
        let state = MigrationState::first(2, 5, Basis::Inferred);
        let failure =
            MigrationPlan::upgrade(&lock, &files, &state, &UpgradeGoal::default()).expect_err("no history");
        assert_eq!((failure.exit, failure.next.as_str()), (Exit::Refused, "trueup adopt"));
    }
}
