//! All tests of the real binary and of the library against a real server, in one program: it is linked once, and its
//! tests share one server. Which folder has what is said in CONTRIBUTING.md.
//!
//! What has to stand apart is in programs of its own: the golden cases (`tests/cases.rs`), which use four threads
//! themselves, the properties (`tests/properties.rs`) and the version matrix (`tests/matrix.rs`).
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests look at their environment, wait, say what they measured or could not run, and may panic"
)]

mod adopt;
mod backup;
mod beside;
mod causes;
mod check_fix;
mod command_line;
mod compile;
mod connect;
mod doctor;
mod examples;
mod faults;
mod footprints;
mod formats;
mod gate;
mod generate;
mod incidents;
mod init;
mod lint;
mod migrations;
#[cfg(feature = "s3")]
mod object_store;
mod pipelines;
mod plan;
mod postgres;
mod ready;
mod rehearse;
mod repair;
mod reports;
mod reset;
mod restore;
mod scratch;
mod seeds;
mod serve;
mod sizes;
mod squash;
mod support;
mod why;
