//! GitLab's code quality report: what GitLab's parser requires of it, as a JSON schema. No package has a parser of it.

use std::collections::BTreeSet;

use super::made;
use super::readers;

/// "Code Quality report format" of GitLab's documentation as a schema. GitLab drops everything after the first entry that it
/// cannot read.
const SCHEMA: &str = r#"{
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "array",
    "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "severity", "location"],
        "additionalProperties": false,
        "properties": {
            "description": {"type": "string", "minLength": 1, "pattern": "^[^\\u0000-\\u001f]*$"},
            "check_name": {"type": "string", "pattern": "^[a-z_.]+$"},
            "fingerprint": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "type": "object",
                "required": ["path", "lines"],
                "additionalProperties": false,
                "properties": {
                    "path": {"type": "string", "pattern": "^(?!/)(?!\\./)."},
                    "lines": {
                        "type": "object",
                        "required": ["begin"],
                        "additionalProperties": false,
                        "properties": {"begin": {"type": "integer", "minimum": 1}}
                    }
                }
            }
        }
    }
}"#;

#[test]
fn the_documented_schema_accepts_every_report() {
    let Some(python) = readers::python() else { return readers::did_not_run("jsonschema", "code quality") };
    let schema = made::named("clean").file("quality.schema.json");
    std::fs::write(&schema, SCHEMA).unwrap();
    for made in made::all() {
        python.read("json", &[&schema, &made.file("gitlab")]);
    }
}

/// GitLab shows the first of those that have one fingerprint.
#[test]
fn every_finding_is_an_entry_with_a_fingerprint_of_its_own() {
    for made in made::all() {
        let entries: Vec<serde_json::Value> = serde_json::from_str(&made.text("gitlab")).unwrap();
        let findings = made.findings();
        assert_eq!(entries.len(), if made.exit > 1 { 1 } else { findings.len() }, "{}", made.name);
        let prints: BTreeSet<&str> =
            entries.iter().map(|entry| entry["fingerprint"].as_str().unwrap()).collect();
        assert_eq!(prints.len(), entries.len(), "{}", made.name);
        for finding in &findings {
            let (file, line) = (&finding["location"]["file"], &finding["location"]["line"]);
            let is_it = |entry: &&serde_json::Value| {
                let place = &entry["location"];
                let object = trueup::output::escape(finding["object"].as_str().unwrap()).into_owned();
                entry["check_name"] == finding["code"]
                    && place["path"] == *file
                    && place["lines"]["begin"] == *line
                    && entry["description"].as_str().unwrap().contains(&object)
            };
            assert!(entries.iter().any(|entry| is_it(&entry)), "{}: {finding:#}", made.name);
        }
    }
}
