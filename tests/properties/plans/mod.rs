//! The way from one catalog to another, and back: what is planned gives the other catalog, or says which object it does not.
//!
//! `PROPTEST_CASES` says how many pairs are tried, `PROPTEST_RNG_SEED` which. With several thousands some pairs are left of which the
//! server refuses a statement: `generate` does not write such a plan, because it proves what it writes.

mod pair;
mod proof;
mod values;

use std::cell::RefCell;
use std::thread;

use anyhow::Result;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};

use self::pair::Pair;
use self::proof::Prover;
use super::catalogs::runtime;

/// How many pairs are tried beside each other, each on a server of its own.
const SERVERS: u32 = 2;

/// How many are tried unless the environment says otherwise.
const CASES: u32 = 800;

/// The pairs that are tried unless the environment says otherwise.
const SEED: u64 = 17;

#[test]
fn a_plan_gives_the_other_catalog_and_its_way_back_the_first() {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(CASES);
    let seed = std::env::var("PROPTEST_RNG_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(SEED);
    let wrong: Vec<String> = thread::scope(|scope| {
        let of = |server: u32| scope.spawn(move || tried(cases / SERVERS, seed + u64::from(server)));
        let servers: Vec<_> = (0..SERVERS).map(of).collect();
        let ended = servers.into_iter().map(|server| server.join().expect("no panic").expect("a server"));
        ended.flatten().collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// Tries so many pairs: the smallest that fails.
fn tried(cases: u32, seed: u64) -> Result<Option<String>> {
    let mut config =
        Config { cases, failure_persistence: None, rng_seed: RngSeed::Fixed(seed), ..Config::default() };
    if std::env::var_os("PROPTEST_MAX_SHRINK_ITERS").is_none() {
        config.max_shrink_iters = 300;
    }
    let runtime = runtime();
    let prover = RefCell::new(runtime.block_on(Prover::start())?);
    let outcome = TestRunner::new(config).run(&Pair::any(), |pair| {
        let held = runtime.block_on(prover.borrow_mut().holds(&pair.catalogs()));
        held.map_err(|why| TestCaseError::fail(format!("{why:#}")))
    });
    let prover = prover.into_inner();
    let (told, is_enough) = (prover.told(), prover.has_tried_enough());
    runtime.block_on(prover.stop())?;
    Ok(match outcome {
        Ok(()) if is_enough => None,
        Ok(()) => Some(format!("seed {seed}: too few were tried: {told}")),
        // The tape says nothing to a reader.
        Err(TestError::Fail(why, _tape)) => Some(format!("PROPTEST_RNG_SEED={seed}: {why}")),
        Err(TestError::Abort(why)) => Some(why.to_string()),
    })
}
