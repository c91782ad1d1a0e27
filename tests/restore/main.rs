//! `trueup restore` and verification by restore, on real servers: what comes back is what was backed up, what was tampered
//! with is refused, and whatever kills a run leaves a database that can be told from a good one.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that cannot go on may panic; tests sleep and read variables"
)]

#[path = "../support/mod.rs"]
mod support;

mod kept;
mod killed;
mod kinds;
mod refused;
mod site;
mod tampered;
