//! GitLab's code quality report, which merge requests show (GitLab Docs, "Code Quality report format").

use serde::Serialize;

use super::Findings;
use crate::findings::Severity;
use crate::output::escape::escape;

#[derive(Serialize)]
struct Violation<'r> {
    description: String,
    check_name: &'r str,
    fingerprint: String,
    severity: &'static str,
    location: Place,
}

#[derive(Serialize)]
struct Place {
    path: String,
    lines: Lines,
}

#[derive(Serialize)]
struct Lines {
    begin: usize,
}

/// A JSON array with an object for each finding. GitLab shows only the first of those that have the same fingerprint.
pub(in crate::output) fn render(findings: &Findings<'_>) -> String {
    let violations: Vec<Violation<'_>> = findings
        .findings
        .iter()
        .zip(findings.fingerprints())
        .map(|(finding, fingerprint)| {
            let place = findings.some_place(finding);
            Violation {
                description: escape(&description(finding)).into_owned(),
                check_name: &finding.code,
                fingerprint,
                severity: severity(finding.severity),
                location: Place { path: place.file, lines: Lines { begin: place.line } },
            }
        })
        .collect();
    let mut text = serde_json::to_string_pretty(&violations).expect("strings and numbers serialise");
    text.push('\n');
    text
}

/// One line: what is wrong and why, and what to do.
fn description(finding: &crate::findings::Finding) -> String {
    match finding.remedy.summary() {
        // The report has no room for statements.
        Some(_) if finding.remedy.run.is_none() && finding.remedy.advice.is_none() => finding.sentence(),
        Some(action) => format!("{}; {action}", finding.sentence()),
        None => finding.sentence(),
    }
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "minor",
        Severity::Error => "critical",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::formats::tests::{clean, sample};

    #[test]
    fn a_violation_says_what_is_wrong_and_where() {
        let report: serde_json::Value = serde_json::from_str(&render(&Findings::of(&sample(), ""))).unwrap();
        let first = &report[0];
        assert_eq!(first["check_name"], "column.nullability");
        assert_eq!(first["severity"], "critical");
        assert_eq!(first["location"]["path"], "schema/a b,ü:1.sql");
        assert_eq!(first["location"]["lines"]["begin"], 4);
        assert!(first["description"].as_str().unwrap().contains("a\\x1b[2J"), "{first}");
        assert_eq!(report[1]["severity"], "minor");
        assert!(report[1]["description"].as_str().unwrap().ends_with("; trueup upgrade"));
        assert_eq!(report[2]["location"]["path"], "trueup.lock");
    }

    #[test]
    fn a_clean_report_is_an_empty_array() {
        assert_eq!(render(&Findings::of(&clean(), "")), "[]\n");
    }
}
