//! JUnit XML, which Jenkins, GitLab, Azure DevOps and most other CI servers show as tests.
//!
//! It is written by hand: the crate quick-junit gives `<testsuites>` an attribute `skipped`, which the schema of Jenkins'
//! xunit plugin does not have, and the plugin rejects such files.

use std::fmt::Write as _;

use super::{Findings, action, is_unanswered};
use crate::error::Exit;
use crate::findings::{Finding, Severity};
use crate::output::escape::escape_lines;

/// How a test case ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Passed,
    Failure,
    Error,
}

/// One test case.
struct Case {
    class: String,
    name: String,
    status: Status,
    /// What the case stands for: `column.missing`.
    code: String,
    /// One sentence.
    message: String,
    /// More lines about it.
    text: String,
}

impl Case {
    fn passed(class: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            class: class.into(),
            name: name.into(),
            status: Status::Passed,
            code: String::new(),
            message: String::new(),
            text: String::new(),
        }
    }
}

/// One suite: a case for each finding, and one for each thing that was examined and is well.
pub(in crate::output) fn render(findings: &Findings<'_>) -> String {
    let title = findings.title();
    let exit = findings.envelope.exit;
    let mut cases: Vec<Case> = findings.findings.iter().map(|finding| case(finding, exit)).collect();
    cases.extend(outcome(findings, &cases));
    cases.extend(findings.passed.iter().map(|passed| Case::passed(&title, passed)));
    if cases.is_empty() {
        cases.push(Case::passed(&title, "no findings"));
    }
    let count = |status| cases.iter().filter(|case| case.status == status).count();
    let counts = format!(
        "tests=\"{}\" failures=\"{}\" errors=\"{}\"",
        cases.len(),
        count(Status::Failure),
        count(Status::Error)
    );
    let suite = attribute(&title);
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <testsuites name=\"{suite}\" {counts}>\n  <testsuite name=\"{suite}\" {counts} skipped=\"0\">\n"
    );
    for case in &cases {
        write_case(&mut xml, case);
    }
    xml.push_str("  </testsuite>\n</testsuites>\n");
    xml
}

fn case(finding: &Finding, exit: Exit) -> Case {
    let status = match finding.severity {
        _ if is_unanswered(finding) => Status::Error,
        Severity::Info => Status::Passed,
        // A suite must not be red when the command was not.
        Severity::Warning if exit == Exit::Clean => Status::Passed,
        Severity::Warning | Severity::Error => Status::Failure,
    };
    let mut lines = vec![format!("severity: {}", finding.severity)];
    lines.extend(finding.location.as_ref().map(|location| format!("at: {location}")));
    for cause in finding.causes() {
        lines.push(format!("cause: {}: {}", cause.kind.label(), cause.detail));
    }
    lines.extend(finding.consequences.iter().map(|consequence| format!("also: {consequence}")));
    lines.extend(action(finding));
    Case {
        class: finding.kind.to_owned(),
        name: format!("{} {}", finding.object_in_line(), finding.code),
        status,
        code: finding.code.clone(),
        message: finding.sentence(),
        text: lines.join("\n"),
    }
}

/// A case for an exit code that the cases of the findings do not show: a suite must not be green when the command was not.
fn outcome(findings: &Findings<'_>, cases: &[Case]) -> Option<Case> {
    let exit = findings.envelope.exit;
    let shown = |status| cases.iter().any(|case| case.status == status);
    let status = match exit {
        Exit::Clean => return None,
        Exit::Findings if shown(Status::Failure) || shown(Status::Error) => return None,
        Exit::Findings => Status::Failure,
        _ if shown(Status::Error) => return None,
        _ => Status::Error,
    };
    let message = findings.outcome();
    let code = exit.outcome().to_owned();
    Some(Case { name: message.clone(), status, code, text: String::new(), message, class: findings.title() })
}

fn write_case(xml: &mut String, case: &Case) {
    // Writing to a String cannot fail.
    let _ = write!(
        xml,
        "    <testcase classname=\"{}\" name=\"{}\"",
        attribute(&case.class),
        attribute(&case.name)
    );
    let element = match case.status {
        Status::Passed if case.message.is_empty() => {
            xml.push_str("/>\n");
            return;
        }
        Status::Passed => {
            let output = format!("{}\n{}", case.message, case.text);
            let _ = write!(xml, ">\n      <system-out>{}</system-out>\n    </testcase>\n", text(&output));
            return;
        }
        Status::Failure => "failure",
        Status::Error => "error",
    };
    let (code, message) = (attribute(&case.code), attribute(&case.message));
    let _ = write!(
        xml,
        ">\n      <{element} type=\"{code}\" message=\"{message}\">{}</{element}>\n    </testcase>\n",
        text(&case.text)
    );
}

/// Text of an element. XML 1.0 has no control characters but tab and line ends, not even as references: they are shown
/// as on a terminal.
fn text(value: &str) -> String {
    escaped(value, false)
}

/// Text of an attribute, in quotes. A parser makes a space of a tab or a line end that stands there itself (XML 1.0,
/// 3.3.3).
fn attribute(value: &str) -> String {
    escaped(value, true)
}

fn escaped(value: &str, in_attribute: bool) -> String {
    let mut xml = String::with_capacity(value.len());
    for found in escape_lines(value).chars() {
        match found {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '"' if in_attribute => xml.push_str("&quot;"),
            '\n' if in_attribute => xml.push_str("&#10;"),
            '\t' if in_attribute => xml.push_str("&#9;"),
            found => xml.push(found),
        }
    }
    xml
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::formats::tests::{clean, sample, unanswered};

    #[test]
    fn a_finding_fails_unless_it_only_informs() {
        let xml = render(&Findings::of(&sample(), ""));
        assert!(xml.contains("tests=\"3\" failures=\"2\" errors=\"0\""), "{xml}");
        assert!(xml.contains("<testcase classname=\"table\" name=\"public.t table.missing\">"), "{xml}");
        let informs = "name=\"public.i index.unexpected\">\n      <system-out>index public.i: not declared";
        assert!(xml.contains(informs), "{xml}");
        assert!(xml.contains("run: trueup upgrade"), "{xml}");
    }

    #[test]
    fn no_control_character_gets_into_the_xml() {
        let xml = render(&Findings::of(&sample(), ""));
        assert!(xml.contains("a\\x1b[2J\\u{202e}]]&gt;&lt;&amp;"), "{xml}");
        let allowed = |found: char| found == '\n' || !found.is_control() && found != '\u{fffe}';
        assert!(xml.chars().all(allowed), "{xml:?}");
    }

    #[test]
    fn a_clean_report_has_passing_cases() {
        let xml = render(&Findings::of(&clean(), ""));
        assert!(xml.contains("<testcase classname=\"trueup check\" name=\"62 objects match\"/>"), "{xml}");
        let mut nothing = clean();
        nothing.passed.clear();
        let xml = render(&Findings::of(&nothing, ""));
        assert!(xml.contains("tests=\"1\" failures=\"0\" errors=\"0\""), "{xml}");
        assert!(xml.contains("name=\"no findings\"/>"), "{xml}");
    }

    #[test]
    fn what_could_not_be_told_is_an_error() {
        let mut sample = unanswered();
        let xml = render(&Findings::of(&sample, ""));
        assert!(xml.contains("tests=\"1\" failures=\"0\" errors=\"1\""), "{xml}");
        assert!(xml.contains("<error type=\"failure.cannot_tell\""), "{xml}");
        sample.findings.clear();
        sample.passed.push("half of it".to_owned());
        let xml = render(&Findings::of(&sample, ""));
        assert!(xml.contains("tests=\"2\" failures=\"0\" errors=\"1\""), "{xml}");
        assert!(xml.contains("<error type=\"cannot-tell\" message=\"0 found (exit code 3, cannot-tell)\""));
    }

    #[test]
    fn an_exit_code_for_findings_that_only_inform_is_a_failure() {
        let mut sample = sample();
        sample.findings.truncate(1);
        let xml = render(&Findings::of(&sample, ""));
        assert!(xml.contains("tests=\"2\" failures=\"1\" errors=\"0\""), "{xml}");
        sample.exit = Exit::Clean;
        assert!(render(&Findings::of(&sample, "")).contains("tests=\"1\" failures=\"0\" errors=\"0\""));
    }
}
