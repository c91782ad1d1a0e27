//! SARIF 2.1.0 (OASIS), which GitHub's code scanning, Azure DevOps and editors read.
//!
//! The types here are the few of the format that a finding needs. The crate serde-sarif has all of them, and brings five
//! more crates for that.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Findings, action};
use crate::findings::{Change, Finding, Location as Place, Severity};
use crate::output::escape::{escape, escape_lines};

/// GitHub refuses a run with more results.
const MOST_RESULTS: usize = 25_000;
/// The one fingerprint that GitHub compares (GitHub Docs, "SARIF support for code scanning"). Where it is missing, the upload
/// makes it of the text around the line: all findings of one code that are at `trueup.lock:1` would be one alert, and an
/// edit beside a declaration would close an alert and open another.
const GITHUBS_FINGERPRINT: &str = "primaryLocationLineHash";
/// Where the format is described, for readers that look there.
const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Log<'r> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run<'r>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run<'r> {
    tool: Tool<'r>,
    automation_details: AutomationDetails,
    invocations: [Invocation; 1],
    column_kind: &'static str,
    results: Vec<ResultOf<'r>>,
}

#[derive(Serialize)]
struct Tool<'r> {
    driver: Driver<'r>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver<'r> {
    name: &'static str,
    semantic_version: &'static str,
    rules: Vec<Rule<'r>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule<'r> {
    id: &'r str,
    short_description: Message,
    full_description: Message,
    help: Message,
    default_configuration: Configuration,
}

#[derive(Serialize)]
struct Configuration {
    level: &'static str,
}

#[derive(Serialize)]
struct AutomationDetails {
    id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    execution_successful: bool,
    exit_code: u8,
    exit_code_description: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_execution_notifications: Vec<Notification>,
}

#[derive(Serialize)]
struct Notification {
    level: &'static str,
    message: Message,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResultOf<'r> {
    rule_id: &'r str,
    rule_index: usize,
    level: &'static str,
    message: Message,
    locations: [Location; 1],
    partial_fingerprints: BTreeMap<&'static str, String>,
}

#[derive(Serialize)]
struct Message {
    text: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    physical_location: PhysicalLocation,
    logical_locations: [LogicalLocation; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: ArtifactLocation,
    region: Region,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ArtifactLocation {
    uri: String,
    uri_base_id: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_column: Option<usize>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LogicalLocation {
    fully_qualified_name: String,
    kind: &'static str,
}

/// One log with one run.
pub(in crate::output) fn render(findings: &Findings<'_>) -> String {
    let reported = findings.findings.iter().take(MOST_RESULTS);
    let mut rules: Vec<Rule<'_>> = Vec::new();
    let mut index_of: BTreeMap<&str, usize> = BTreeMap::new();
    let mut results = Vec::new();
    for (finding, fingerprint) in reported.zip(findings.fingerprints()) {
        // The findings are sorted: the first of a code is the most severe one.
        let rule_index = *index_of.entry(&finding.code).or_insert_with(|| {
            rules.push(rule(findings, finding));
            rules.len() - 1
        });
        results.push(result(finding, findings.some_place(finding), rule_index, fingerprint));
    }
    let log = Log {
        schema: SCHEMA,
        version: "2.1.0",
        runs: [Run {
            tool: Tool {
                driver: Driver { name: "trueup", semantic_version: env!("CARGO_PKG_VERSION"), rules },
            },
            automation_details: AutomationDetails { id: category(findings) },
            invocations: [invocation(findings)],
            column_kind: "unicodeCodePoints",
            results,
        }],
    };
    let mut text = serde_json::to_string_pretty(&log).expect("strings and numbers serialise");
    text.push('\n');
    text
}

/// What is before the last slash is the category: a later report of the same one replaces the earlier (GitHub Docs, "SARIF
/// support for code scanning"). `verify` must not replace `check`, nor one project of a repository another.
fn category(findings: &Findings<'_>) -> String {
    format!("{}/{}", findings.title().replace(' ', "/"), findings.from_repository)
}

fn invocation(findings: &Findings<'_>) -> Invocation {
    let exit = findings.envelope.exit;
    let mut notifications = Vec::new();
    if findings.is_unanswered() {
        notifications.push(Notification { level: "error", message: message(&findings.outcome()) });
    }
    let found = findings.findings.len();
    if found > MOST_RESULTS {
        let text = format!(
            "{} of {found} findings are left out: a run has at most {MOST_RESULTS} results",
            found - MOST_RESULTS
        );
        notifications.push(Notification { level: "warning", message: message(&text) });
    }
    Invocation {
        execution_successful: !findings.is_unanswered(),
        exit_code: exit.code(),
        exit_code_description: exit.outcome().to_owned(),
        tool_execution_notifications: notifications,
    }
}

/// A rule for each code. GitHub shows no alert whose rule has no description and no help.
fn rule<'r>(findings: &Findings<'_>, finding: &'r Finding) -> Rule<'r> {
    let words = finding.code.replace('.', ": ").replace('_', " ");
    let kind = finding.kind_label();
    let full = match (finding.kind, finding.change) {
        ("failure", _) => "The command could not answer.".to_owned(),
        ("data_check", _) => "Rows are not as a check in checks/ says that they have to be.".to_owned(),
        ("seed", Change::Missing) => "A row that schema/seeds/ declares is missing.".to_owned(),
        ("seed", _) => "A row is not as schema/seeds/ declares it.".to_owned(),
        ("migration", _) if findings.envelope.command == Some("lint") => {
            "What a migration does to a database that is in use.".to_owned()
        }
        ("migration", _) => "A migration is not as the history of the database has it.".to_owned(),
        ("database", _) => "The database is not one that this project has migrated.".to_owned(),
        (_, Change::Missing) => format!("Declared, but not in the database: {kind}."),
        (_, Change::Unexpected) => format!("In the database, but not declared: {kind}."),
        (_, Change::Different) => format!("Not in the database as it is declared: {kind}."),
    };
    let title = findings.title();
    let help = format!(
        "Each result says what differs, why, and what to run. `{title} --help` explains the command."
    );
    Rule {
        id: &finding.code,
        short_description: Message { text: words },
        full_description: Message { text: full },
        help: Message { text: help },
        default_configuration: Configuration { level: level(finding.severity) },
    }
}

fn result<'r>(finding: &'r Finding, place: Place, rule_index: usize, fingerprint: String) -> ResultOf<'r> {
    let text = std::iter::once(finding.sentence()).chain(action(finding)).collect::<Vec<_>>().join("\n");
    let Place { file, line, column } = place;
    ResultOf {
        rule_id: &finding.code,
        rule_index,
        level: level(finding.severity),
        message: message(&text),
        locations: [Location {
            physical_location: PhysicalLocation {
                artifact_location: ArtifactLocation { uri: uri(&file), uri_base_id: "%SRCROOT%" },
                region: Region { start_line: line.max(1), start_column: column },
            },
            logical_locations: [LogicalLocation {
                fully_qualified_name: escape(&finding.object).into_owned(),
                kind: finding.kind,
            }],
        }],
        partial_fingerprints: BTreeMap::from([
            (GITHUBS_FINGERPRINT, fingerprint.clone()),
            ("trueup/v1", fingerprint),
        ]),
    }
}

/// A message. Square brackets make a link of what they enclose, and braces a placeholder (SARIF 2.1.0, 3.11.5 and 3.11.6):
/// brackets are escaped, and braces doubled only matter with arguments, which trueup never has.
fn message(text: &str) -> Message {
    let mut escaped = String::with_capacity(text.len());
    for found in escape_lines(text).chars() {
        if matches!(found, '[' | ']' | '\\') {
            escaped.push('\\');
        }
        escaped.push(found);
    }
    Message { text: escaped }
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "note",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

/// A relative path as a URI reference (RFC 3986): everything but unreserved characters and `/` in percent-encoded bytes.
fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::formats::tests::{SampleReport, clean, many, sample, unanswered};

    fn run(sample: &SampleReport) -> serde_json::Value {
        let log: serde_json::Value = serde_json::from_str(&render(&Findings::of(sample, ""))).unwrap();
        log["runs"][0].clone()
    }

    #[test]
    fn a_result_has_rule_level_place_and_fingerprint() {
        let run = run(&sample());
        let result = &run["results"][0];
        assert_eq!(result["ruleId"], "column.nullability");
        assert_eq!(run["tool"]["driver"]["rules"][0]["id"], "column.nullability");
        assert_eq!(result["level"], "error");
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "schema/a%20b%2C%C3%BC%3A1.sql");
        assert_eq!(place["region"]["startLine"], 4);
        assert_eq!(result["partialFingerprints"]["trueup/v1"].as_str().unwrap().len(), 32);
        assert_eq!(
            result["partialFingerprints"][GITHUBS_FINGERPRINT],
            result["partialFingerprints"]["trueup/v1"]
        );
        assert_eq!(run["results"][2]["level"], "note");
        assert_eq!(run["automationDetails"]["id"], "trueup/check/");
        assert_eq!(run["invocations"][0]["executionSuccessful"], true);
        assert_eq!(run["invocations"][0]["exitCodeDescription"], "findings");
    }

    #[test]
    fn a_place_may_have_a_column() {
        let mut sample = sample();
        let region = |sample: &SampleReport| {
            run(sample)["results"][0]["locations"][0]["physicalLocation"]["region"].clone()
        };
        assert_eq!(region(&sample), serde_json::json!({ "startLine": 4 }));
        let place = &mut sample.findings[2].location;
        *place = place.take().map(|place| place.at_column(7));
        assert_eq!(region(&sample), serde_json::json!({ "startLine": 4, "startColumn": 7 }));
    }

    #[test]
    fn nothing_in_a_message_becomes_a_link() {
        let run = run(&sample());
        let text = run["results"][0]["message"]["text"].as_str().unwrap();
        assert!(text.contains("a\\\\x1b\\[2J\\\\u{202e}\\]\\]><&"), "{text}");
    }

    #[test]
    fn what_could_not_be_told_is_no_success() {
        let unanswered = run(&unanswered());
        assert_eq!(unanswered["invocations"][0]["executionSuccessful"], false);
        assert_eq!(unanswered["invocations"][0]["exitCode"], 3);
        assert_eq!(unanswered["results"].as_array().unwrap().len(), 1);
        assert!(run(&clean())["results"].as_array().unwrap().is_empty());
    }

    #[test]
    fn of_too_many_findings_the_most_severe_are_reported() {
        let run = run(&many(MOST_RESULTS + 5));
        let results = run["results"].as_array().unwrap();
        assert_eq!(results.len(), MOST_RESULTS);
        assert_eq!(results[0]["level"], "error");
        let notice = &run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"];
        assert!(notice.as_str().unwrap().starts_with("5 of 25005 findings are left out"), "{notice}");
    }
}
