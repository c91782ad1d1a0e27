//! What `scripts/tools` installs of others.

use std::io::Write as _;
use std::path::PathBuf;

use super::cache;

/// The directory of the tools: the one that is named, else those that `scripts/tools` uses.
pub(crate) fn directory() -> Option<PathBuf> {
    let named = std::env::var_os("TRUEUP_TOOLS").map(PathBuf::from);
    let cached = [cache(), Some(PathBuf::from("/var/cache/trueup"))];
    let cached = cached.into_iter().flatten().map(|cache| cache.join("tools"));
    named.into_iter().chain(cached).find(|directory| directory.is_dir())
}

/// Says that a tool is missing; see [`not_run`].
#[track_caller]
pub(crate) fn did_not_run(what: &str, unproved: &str) {
    not_run(&format!("{what} is not installed (scripts/tools installs it): {unproved}"));
}

/// Says why a test did not run, where cargo does not swallow it: nobody is to take such a run for a proof. With
/// `TRUEUP_REQUIRE_TOOLS` the test fails.
#[track_caller]
pub(crate) fn not_run(why: &str) {
    let words = format!("NOT RUN: {why}\n");
    let _ = std::io::stderr().write_all(words.as_bytes());
    assert!(std::env::var_os("TRUEUP_REQUIRE_TOOLS").is_none(), "{words}");
}
