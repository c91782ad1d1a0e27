//! The version matrix: the golden cases, the reference project's among them, compiled on 15 and checked on every
//! supported major, and compiled on every major and checked on 15. What differs between majors alone is no finding.
//!
//! `make matrix` runs it; a plain `cargo test` does not build it, because it needs five servers (`test = false` in
//! Cargo.toml).
//!
//! - `TRUEUP_MATRIX=brief`: only the cases that tell most about a server, see [`is_brief`]
//! - `CASE=column-`: only cases whose name contains it
//! - `UPDATE_EXPECTED=1`: what is found becomes what is expected on such servers; run one test at a time
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may panic, and says what it skipped")]
#![allow(clippy::disallowed_methods, reason = "tests are told by variables")]

#[allow(dead_code, reason = "`tests/cases.rs` uses the rest")]
mod corpus;
#[allow(dead_code, reason = "the tests of `tests/it.rs` use all of it")]
mod footprints;
mod lint {
    pub(crate) mod examples;
}
#[allow(dead_code, reason = "the tests of `tests/it.rs` use all of it")]
mod restore {
    pub(crate) mod kinds;
    mod site;
}
#[allow(dead_code, reason = "the tests of `tests/it.rs` use all of it")]
mod support;

use corpus::{Case, Servers};
use restore::kinds;

/// The reference project, every kind of object read and written as DDL, and how servers print.
fn is_brief(case: &Case) -> bool {
    let reference = case.spec.project.as_deref() == Some("reference");
    reference
        || case.name.ends_with("-missing")
        || case.name.contains("printing")
        || case.name.contains("-all-")
}

/// Runs the corpus; `only` chooses among the cases that the servers can run.
fn check(compiled_on: u32, checked_on: u32, only: fn(&Case) -> bool) {
    let filter = std::env::var("CASE").unwrap_or_default();
    let update = std::env::var_os("UPDATE_EXPECTED").is_some();
    let brief = match std::env::var("TRUEUP_MATRIX").as_deref() {
        Ok("brief") => true,
        Ok(other) => panic!("TRUEUP_MATRIX={other:?}: only brief is known"),
        Err(_) => false,
    };
    let all = corpus::cases(&filter).into_iter().filter(only);
    let cases: Vec<_> = all.filter(|case| !brief || is_brief(case)).collect();
    let [live, compile] = [checked_on, compiled_on].map(|major| support::server_of(Some(major)));
    let report = corpus::run(&cases, &Servers { live, compile }, update);
    assert!(brief || !filter.is_empty() || !report.passed.is_empty(), "no case was run");
    report.assert_passed();
}

macro_rules! matrix {
    ($($name:ident: $compiled_on:literal => $checked_on:literal,)*) => {
        $(
            #[test]
            fn $name() {
                check($compiled_on, $checked_on, |_| true);
            }
        )*
    };
}

matrix! {
    compiled_on_15_checked_on_14: 15 => 14,
    compiled_on_15_checked_on_15: 15 => 15,
    compiled_on_15_checked_on_16: 15 => 16,
    compiled_on_15_checked_on_17: 15 => 17,
    compiled_on_15_checked_on_18: 15 => 18,
    compiled_on_14_checked_on_15: 14 => 15,
    compiled_on_16_checked_on_15: 16 => 15,
    compiled_on_17_checked_on_15: 17 => 15,
    compiled_on_18_checked_on_15: 18 => 15,
}

/// What 15 does not understand yet.
#[test]
fn compiled_on_18_checked_on_18_what_15_does_not_know() {
    check(18, 18, |case| case.spec.min_major > 15);
}

/// A database with every kind of object, large objects and hostile names, backed up and restored by the programs of its own
/// server; with a million rows on one of them.
fn comes_back(major: u32) {
    // Brief: the oldest and the newest.
    if std::env::var("TRUEUP_MATRIX").as_deref() == Ok("brief") && !matches!(major, 14 | 18) {
        return;
    }
    if std::env::var_os("CASE").is_some() {
        return;
    }
    kinds::comes_back(
        &support::server_of(Some(major)).database(),
        if major == 15 { 1_000_000 } else { 50_000 },
    );
}

/// The locks, readings and rewritings of statements, and what the rules of lint say of their examples.
fn footprints_are_the_same(major: u32) {
    // Brief: the oldest and the newest.
    if std::env::var("TRUEUP_MATRIX").as_deref() == Ok("brief") && !matches!(major, 14 | 18) {
        return;
    }
    if std::env::var_os("CASE").is_none() {
        let server = support::server_of(Some(major));
        footprints::are_as_expected(&server, &footprints::measured(&server));
        lint::examples::are_judged_as_they_say(&server);
    }
}

macro_rules! restored {
    ($($name:ident: $major:literal,)*) => {
        $(
            #[test]
            fn $name() {
                comes_back($major);
            }
        )*
    };
}

restored! {
    restored_on_14: 14,
    restored_on_15: 15,
    restored_on_16: 16,
    restored_on_17: 17,
    restored_on_18: 18,
}

macro_rules! footprints {
    ($($name:ident: $major:literal,)*) => {
        $(
            #[test]
            fn $name() {
                footprints_are_the_same($major);
            }
        )*
    };
}

footprints! {
    footprints_on_14: 14,
    footprints_on_16: 16,
    footprints_on_17: 17,
    footprints_on_18: 18,
}
