//! What holds for everything that a generator can think of: catalogs that are written as DDL and read back, the
//! way from one to another, and repairs that are taken back beside others who write.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests are told by variables, wait, and may panic"
)]

mod properties {
    mod catalogs;
    mod plans;
    mod repairs;
    mod tape;
}
#[allow(dead_code, reason = "the tests of `tests/it.rs` use all of it")]
mod support;
