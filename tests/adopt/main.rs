//! `trueup adopt`: taking over databases that other tools have migrated so far. The tools are the real ones, each on a
//! version of the reference project of its own; where one is not installed, the test says loudly that it did not run.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests look at their environment, and may panic"
)]

#[path = "../faults/site.rs"]
#[allow(dead_code, reason = "the faults use all of it")]
mod site;
#[path = "../support/mod.rs"]
mod support;

mod alembic;
mod dbmate;
mod django;
mod embedded;
mod fixtures;
mod judged;
mod sqlx;
mod taken;
mod tools;
