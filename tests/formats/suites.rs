//! JUnit: the schema of Jenkins' xunit plugin, and junitparser.

use serde_json::Value;

use super::made;
use super::readers;

#[test]
fn jenkins_schema_and_a_parser_read_every_report() {
    let (Some(python), Some(schema)) = (readers::python(), readers::junit_schema()) else {
        return readers::did_not_run("junitparser, xmlschema or the schema", "JUnit");
    };
    for made in made::all() {
        let read = python.read("junit", &[&schema, &made.file("junit")]);
        let cases = read["cases"].as_array().unwrap();
        assert_eq!(read["counted"], read["again"], "{}: what the suite says of its cases", made.name);
        let of_kind = |kind: &str| cases.iter().filter(|case| case["results"][0]["kind"] == kind).count();
        let findings = made.findings();
        let failing = findings.iter().filter(|finding| finding["severity"] != "info").count();
        match made.exit {
            0 | 1 => assert_eq!((of_kind("Failure"), of_kind("Error")), (failing, 0), "{}", made.name),
            // What could not be told is an error, never a test that passed.
            _ => assert_eq!((cases.len(), of_kind("Error")), (1, 1), "{}", made.name),
        }
        for finding in &findings {
            let code = finding["code"].as_str().unwrap();
            let object = trueup::output::escape(finding["object"].as_str().unwrap()).into_owned();
            let name = Value::from(format!("{object} {code}"));
            let case = cases.iter().find(|case| case["name"] == name);
            let case = case.unwrap_or_else(|| panic!("{}: no case {name}", made.name));
            assert_eq!(case["class"], finding["kind"]);
            let text = format!("{}{}", case["results"][0]["text"], case["output"]);
            let (file, line) = (&finding["location"]["file"], &finding["location"]["line"]);
            assert!(
                text.contains(&format!("at: {}:{line}", file.as_str().unwrap())),
                "{}: {text}",
                made.name
            );
        }
    }
}

#[test]
fn what_is_well_is_a_test_that_passed() {
    let (Some(python), Some(schema)) = (readers::python(), readers::junit_schema()) else {
        return readers::did_not_run("junitparser, xmlschema or the schema", "JUnit");
    };
    let passed = |name: &str| -> Vec<String> {
        let read = python.read("junit", &[&schema, &made::named(name).file("junit")]);
        let cases = read["cases"].as_array().unwrap().clone();
        let passed = cases.into_iter().filter(|case| case["results"].as_array().unwrap().is_empty());
        passed.map(|case| case["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(passed("clean"), ["3 objects match"]);
    assert_eq!(passed("verified"), ["nothing: No row is wrong"]);
}
