//! SARIF: its official schema, and Microsoft's SARIF SDK with the rules of GitHub's code scanning.

use std::collections::BTreeSet;

use serde_json::Value;

use super::made::{self, Made};
use super::readers;
use crate::support::program::Program;

/// The SDK, and the schema that it carries.
const MULTITOOL: &str = "@microsoft/sarif-multitool-linux/Sarif.Multitool";
const SCHEMA: &str = "@microsoft/sarif-multitool-linux/sarif-2.1.0.json";

fn run(made: &Made) -> Value {
    let log: Value = serde_json::from_str(&made.text("sarif")).unwrap();
    log["runs"][0].clone()
}

#[test]
fn the_official_schema_accepts_every_report() {
    let (Some(python), Some(schema)) = (readers::python(), readers::of_npm(SCHEMA)) else {
        return readers::did_not_run("jsonschema or SARIF Multitool", "SARIF");
    };
    for made in made::all() {
        python.read("json", &[&schema, &made.file("sarif")]);
    }
    // It refuses what is wrong: the schema is read.
    let broken = made::named("clean").file("broken.sarif");
    std::fs::write(
        &broken,
        made::named("clean").text("sarif").replace("\"results\": []", "\"results\": [{}]"),
    )
    .unwrap();
    let refused = std::panic::catch_unwind(|| python.read("json", &[&schema, &broken]));
    assert!(refused.is_err(), "a result without a message is accepted");
}

/// Of an error of its rules, the service would take nothing or show nothing. The one warning asks for a home page, which
/// trueup has not.
#[test]
fn the_reference_reader_has_nothing_to_say_against_any_report() {
    let Some(multitool) = readers::of_npm(MULTITOOL) else {
        return readers::did_not_run("SARIF Multitool", "SARIF");
    };
    for made in made::all() {
        let (file, told) = (made.file("read.sarif"), made.file("told.sarif"));
        std::fs::copy(made.file("sarif"), &file).unwrap();
        let validate =
            Program::of(&multitool).env("DOTNET_SYSTEM_GLOBALIZATION_INVARIANT", "1").arg("validate");
        let validate = validate.arg(&file).arg("--output").arg(&told);
        let validate = validate.args(["--log", "ForceOverwrite", "--level", "Error;Warning"]);
        let ran = validate.args(["--rule-kind", "Sarif;Ghas"]).exit(0);
        let ran = ran.stdout_contains("Analysis completed successfully");
        let text = std::fs::read_to_string(&told).unwrap();
        let told: Value = serde_json::from_str(text.trim_start_matches('\u{feff}')).unwrap();
        let results = told["runs"][0]["results"].as_array().cloned().unwrap_or_default();
        let ids: BTreeSet<&str> =
            results.iter().map(|result| result["message"]["id"].as_str().unwrap()).collect();
        assert_eq!(
            ids,
            BTreeSet::from(["Warning_ProvideToolnformationUri"]),
            "{}: {}",
            made.name,
            ran.shown()
        );
    }
}

#[test]
fn every_finding_is_a_result_with_its_place_and_a_fingerprint_of_its_own() {
    for made in made::all() {
        let run = run(made);
        let results = run["results"].as_array().unwrap();
        let findings = made.findings();
        // A failure has no findings, and is one result.
        assert_eq!(results.len(), if made.exit > 1 { 1 } else { findings.len() }, "{}", made.name);
        assert_eq!(run["invocations"][0]["exitCode"], made.exit);
        assert_eq!(run["invocations"][0]["executionSuccessful"], made.exit <= 1);
        let prints: BTreeSet<&str> = results
            .iter()
            .map(|result| result["partialFingerprints"]["primaryLocationLineHash"].as_str().unwrap())
            .collect();
        assert_eq!(prints.len(), results.len(), "{}: two results have one fingerprint", made.name);
        let places = |result: &Value| {
            let place = &result["locations"][0]["physicalLocation"];
            let file = place["artifactLocation"]["uri"].as_str().unwrap().to_owned();
            (
                result["ruleId"].as_str().unwrap().to_owned(),
                file,
                place["region"]["startLine"].as_u64().unwrap(),
            )
        };
        let mut found: Vec<_> = results.iter().map(places).collect();
        assert!(found.iter().all(|(.., line)| *line >= 1), "{}", made.name);
        if made.exit <= 1 {
            let mut expected: Vec<_> = findings
                .iter()
                .map(|finding| {
                    let (file, line) = (&finding["location"]["file"], &finding["location"]["line"]);
                    let code = finding["code"].as_str().unwrap().to_owned();
                    (code, file.as_str().unwrap().to_owned(), line.as_u64().unwrap())
                })
                .collect();
            found.sort();
            expected.sort();
            assert_eq!(found, expected, "{}", made.name);
        }
    }
}

/// An edit of a file moves lines, and a second look finds the same.
#[test]
fn a_fingerprint_outlives_an_edit() {
    let site = super::site::Site::of_many(3);
    let prints = || -> Vec<(String, String)> {
        let log = site.run(&["check", "--format", "sarif"]).json();
        let results = log["runs"][0]["results"].as_array().unwrap().clone();
        let print = |result: &Value| {
            let line = &result["locations"][0]["physicalLocation"]["region"]["startLine"];
            (line.to_string(), result["partialFingerprints"].to_string())
        };
        results.iter().map(print).collect()
    };
    let before = prints();
    let schema = std::fs::read_to_string(site.path().join("schema/model.sql")).unwrap();
    site.write("schema/model.sql", &format!("-- A remark.\n\n{schema}"));
    site.project.compile();
    let after = prints();
    assert_eq!(before.len(), 6);
    assert_ne!(before[0].0, after[0].0, "the lines have moved");
    let only = |all: Vec<(String, String)>| all.into_iter().map(|(_, print)| print).collect::<Vec<_>>();
    assert_eq!(only(before), only(after));
}

/// The reader replaces what an earlier upload of the same category said.
#[test]
fn each_command_has_a_category_of_its_own() {
    let category = |name| {
        let id = run(made::named(name))["automationDetails"]["id"].as_str().unwrap().to_owned();
        id.rsplit_once('/').unwrap().0.to_owned()
    };
    assert_eq!(category("hostile"), "trueup/check");
    assert_eq!(category("verified"), "trueup/verify");
    assert_eq!(category("seeded"), "trueup/seed");
}
