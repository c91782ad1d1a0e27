//! `verify --fix` and `undo` on random tables, beside others who write: what is taken back is what was, byte by byte, and
//! nobody's change is lost (F43, F44).
//!
//! `PROPTEST_CASES` says how many cases are tried, `PROPTEST_RNG_SEED` which.

mod case;
mod kinds;
mod large;
mod names;
mod oracle;
mod site;
mod writer;

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result, ensure};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};

use self::case::Case;
use self::site::Project;
use self::writer::Writer;
use crate::support::{self, TestDatabase};

/// How many numbers a case may be made of.
const TAPE: usize = 120;

#[test]
fn f44_what_is_repaired_and_taken_back_is_what_it_was() {
    let database = support::database();
    database.exec("CREATE EXTENSION hstore; CREATE EXTENSION citext");
    let mut config = Config { failure_persistence: None, ..Config::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = 64;
    }
    if std::env::var_os("PROPTEST_MAX_SHRINK_ITERS").is_none() {
        config.max_shrink_iters = 60;
    }
    if std::env::var_os("PROPTEST_RNG_SEED").is_none() {
        config.rng_seed = RngSeed::Fixed(44);
    }
    let tapes = proptest::collection::vec(any::<u16>(), 0..TAPE);
    let outcome = TestRunner::new(config).run(&tapes, |tape| {
        let case = Case::of(tape);
        let holds = one(&database, &case);
        database.exec(&format!("DROP SCHEMA IF EXISTS {} CASCADE", case.schema));
        holds.map_err(|why| TestCaseError::fail(format!("{why:#}\n{}\n{}", case.create(), told(&case))))
    });
    match outcome {
        Ok(()) => {}
        // The tape says nothing to a reader.
        Err(TestError::Fail(why, _tape)) => panic!("{why}"),
        Err(TestError::Abort(why)) => panic!("{why}"),
    }
}

fn told(case: &Case) -> String {
    let fresh: Vec<String> = (1..=case.rows.min(8)).map(|rid| case.insert(rid, 0)).collect();
    format!("{};\n{}\n{:?}, twice: {}", fresh.join(";\n"), case.files().join("\n"), case.writers, case.twice)
}

/// Repairs, and takes back.
fn one(database: &TestDatabase, case: &Case) -> Result<()> {
    let mut script = format!("{};{}", writer::LOG, case.create());
    for rid in 1..=case.rows {
        script.push_str(&format!(";{}", case.insert(rid, 0)));
    }
    database.try_query(&script).context("the table of the case")?;
    let files = case.files();
    let names = ["one", "two"];
    let files: Vec<(&str, &str)> = names.into_iter().zip(files.iter().map(String::as_str)).collect();
    let project = Project::of(&files);
    let runtime = support::runtime();
    let mut session = runtime.block_on(database.connect());
    let mut seq = 0;
    let mut runs = Vec::new();
    for round in 0..=usize::from(case.twice) {
        runtime.block_on(async {
            oracle::remember(&mut session, case).await.context("the copies")?;
            if round == 0 {
                session.execute("CREATE TEMP TABLE first_of_all AS SELECT * FROM before").await?;
            }
            anyhow::Ok(())
        })?;
        // What was touched before is touched no more.
        if round > 0 {
            database.exec("ALTER TABLE public.log RENAME TO log_before; CREATE TABLE public.log (LIKE public.log_before)");
        }
        let report = beside(database, case, &mut seq, || {
            project.report(&["verify", "--fix", "--yes"], database.url())
        })?;
        let checked = runtime.block_on(oracle::repaired(&mut session, case));
        if round > 0 {
            database
                .exec("INSERT INTO public.log SELECT * FROM public.log_before; DROP TABLE public.log_before");
        }
        checked.with_context(|| format!("{report:#}"))?;
        let changed = report["fixes"].as_array().into_iter().flatten().any(|fix| fix["rows"] != 0);
        let run = report["run"].as_str().context("a run")?.to_owned();
        if changed {
            runs.push(run);
        }
    }
    seq = Writer::new(case, seq).some(database, case.writers.between);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| Writer::new(case, seq).until(database, case.writers.undoing, &stop));
        let undone = runs.iter().rev().try_for_each(|run| {
            let report = project.report(&["undo", run, "--yes"], database.url())?;
            ensure!(report["undoes"] == run.as_str(), "{report:#}");
            Ok(())
        });
        stop.store(true, Ordering::Relaxed);
        writing.join().expect("no panic");
        undone
    })?;
    runtime.block_on(async {
        let undone = oracle::undone(&mut session, case).await;
        session.close().await;
        undone
    })
}

/// Does something while the writers of the case write.
fn beside<T>(
    database: &TestDatabase,
    case: &Case,
    seq: &mut usize,
    work: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let writers = &case.writers;
    let (stop, ready, begun) = (AtomicBool::new(false), Barrier::new(2), *seq);
    let holds = writers.held > 0;
    std::thread::scope(|scope| {
        let held = holds.then(|| {
            scope.spawn(|| {
                Writer::new(case, begun + 10_000).held(database, (writers.held, writers.kept), &ready)
            })
        });
        if holds {
            ready.wait();
        }
        let writing = scope.spawn(|| Writer::new(case, begun).until(database, writers.beside, &stop));
        let done = work();
        stop.store(true, Ordering::Relaxed);
        *seq = writing.join().expect("no panic");
        if let Some(held) = held {
            *seq = held.join().expect("no panic");
        }
        done
    })
}
