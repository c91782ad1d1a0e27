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

/// Says it where cargo does not swallow it: nobody is to take such a run for a proof.
pub(crate) fn did_not_run(what: &str, unproved: &str) {
    let words = format!("NOT RUN: {what} is not installed (scripts/tools installs it): {unproved}\n");
    let _ = std::io::stderr().write_all(words.as_bytes());
    assert!(std::env::var_os("TRUEUP_REQUIRE_TOOLS").is_none(), "{words}");
}
