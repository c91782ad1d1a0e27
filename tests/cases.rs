//! The golden cases of `tests/cases/check/` on one server, or compiled on one and checked on another.
//!
//! - `UPDATE_EXPECTED=1`: what is found becomes what is expected
//! - `CASE=column-`: only cases whose name contains it
//! - `TRUEUP_TEST_MAJOR=17`: on that major; `TRUEUP_TEST_COMPILE_MAJOR=15`: with the model compiled on another
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test may panic, says what it skipped, and is told by variables"
)]

#[allow(dead_code, reason = "the version matrix uses the rest")]
mod corpus;
#[allow(dead_code, reason = "the tests of `tests/it.rs` use all of it")]
mod support;

use corpus::Servers;

#[test]
fn cases_are_as_expected() {
    let filter = std::env::var("CASE").unwrap_or_default();
    let update = std::env::var_os("UPDATE_EXPECTED").is_some();
    let live = support::server();
    let compile = match std::env::var("TRUEUP_TEST_COMPILE_MAJOR") {
        Ok(major) => support::server_of(Some(major.parse().expect("a major"))),
        Err(_) => support::server(),
    };
    let cases = corpus::cases(&filter);
    assert!(!cases.is_empty(), "no case's name contains {filter:?}");
    corpus::run(&cases, &Servers { live, compile }, update).assert_passed();
}

/// What somebody changed by hand is brought back, and a check finds nothing of it any more.
#[test]
fn drift_is_fixed() {
    let filter = std::env::var("CASE").unwrap_or_default();
    let (live, compile) = (support::server(), support::server());
    corpus::fix(&corpus::cases(&filter), &Servers { live, compile }).assert_passed();
}

/// A misspelled file would be no part of its case, and nobody would notice.
#[test]
fn cases_are_well_formed() {
    let mut faults = Vec::new();
    for case in corpus::cases("") {
        let mut fault = |what: &str| faults.push(format!("{}: {what}", case.name));
        let known = ["case.toml", "trueup.toml", "live.sql", "expected.json", "expected.txt"];
        let special = ["expected.across_16.json", "expected.across_16.txt", "expected.since_17.json"];
        let known = [known.as_slice(), &special].concat();
        let sources = [case.schema_files(), case.migration_files()].concat();
        for file in case.files() {
            if !known.contains(&file.as_str()) && !sources.contains(&file) {
                fault(&format!("{file} is no file of a case"));
            }
        }
        match case.text("live.sql") {
            Some(live) if !live.starts_with("-- ") => {
                fault("the first line of live.sql says what is expected")
            }
            None if case.spec.fixture.is_none() => fault("it has no live.sql and no fixture"),
            _ => {}
        }
        if sources.is_empty() == case.spec.project.is_none() {
            fault("it has either a project of its own or the reference project");
        }
        if case.spec.human != case.text("expected.txt").is_some() {
            fault("expected.txt is there exactly when case.toml says human = true");
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Generated expectations are held to what the name promises, lest a wrong one be accepted unseen.
#[test]
fn what_means_nothing_finds_nothing() {
    let mut faults = Vec::new();
    for case in corpus::cases("") {
        let Some(text) = case.text("expected.json") else { continue };
        let expected: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let clean = expected["findings"].as_array().is_some_and(Vec::is_empty) && expected["exit_code"] == 0;
        let promised = case.text("live.sql").is_some_and(|live| live.starts_with("-- No finding"));
        if (case.means_nothing() || promised) && !clean {
            faults.push(format!("{}: expected.json has findings", case.name));
        }
        if case.means_nothing() && !promised {
            faults.push(format!("{}: live.sql does not begin with \"No finding\"", case.name));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
