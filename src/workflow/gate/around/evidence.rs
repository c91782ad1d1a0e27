//! `evidence`: whether the project's own tests passed for the commit that is checked out, by the JUnit files that they wrote.

use std::path::Path;
use std::time::SystemTime;

use super::super::facts::GateFacts;
use super::super::section::{GateSection, Judge, Judgement, Judging, finding};
use super::junit::{self, TestResults};
use super::report_files;
use crate::error::Failure;
use crate::findings::{Finding, Severity};
use crate::project::{EvidenceSettings, GateLevel, SectionName};
use crate::text::plural;
use crate::workflow::git;

pub(in super::super) const SECTION: GateSection = GateSection {
    name: SectionName::Evidence,
    level: GateLevel::Block,
    help: "The project's own tests passed: name and junit = \"reports/*.xml\" below [[gate.evidence]]. Each needs at least one file \
           and one test that ran, no failure, no error, and must not be older than the commit that is checked out. The time is \
           that of the suites, where they say it with a time zone, else that of the files. Without git nobody knows whether it \
           is older: that is no answer. level = \"warn\" belongs into the entry.",
    judge: Judge::Elsewhere(judge),
};

fn judge<'a>(facts: &'a GateFacts<'_>) -> Judging<'a> {
    Box::pin(async move {
        let evidence: Vec<EvidenceSettings> = facts.settings.gate.around.evidence.clone();
        if evidence.iter().all(|entry| entry.level == GateLevel::Off) {
            return Ok(Judgement::off("trueup.toml has no [[gate.evidence]]"));
        }
        let project = facts.settings.project.dir.clone();
        let read = move || {
            let commit = git::head_time(&project);
            let asked = evidence.iter().filter(|entry| entry.level != GateLevel::Off);
            told(asked.map(|entry| (entry, look(&project, entry, &commit))).collect())
        };
        tokio::task::spawn_blocking(read)
            .await
            .map_err(|error| Failure::cannot_tell(format!("the reports of tests could not be read: {error}")))
    })
}

/// What an entry comes to.
enum EvidenceOutcome {
    Passed(String),
    /// The code, and why.
    Wrong(&'static str, String),
    Unknown(String),
}

/// Looks at the files of an entry.
fn look(project: &Path, entry: &EvidenceSettings, commit: &Result<SystemTime, String>) -> EvidenceOutcome {
    let files = match report_files::files(project, &entry.junit) {
        Ok(files) => files,
        Err(error) => return EvidenceOutcome::Unknown(format!("{}: {error}", entry.junit)),
    };
    if files.is_empty() {
        return EvidenceOutcome::Wrong("missing", format!("there is no file {}", entry.junit));
    }
    let mut all = TestResults::default();
    for file in &files {
        match junit::read(file) {
            Ok(results) => all.add(results),
            Err(why) => {
                let shown = file.strip_prefix(project).unwrap_or(file).display();
                return EvidenceOutcome::Unknown(format!("{shown}: {why}"));
            }
        }
    }
    if all.failed > 0 {
        let named = if all.named.is_empty() { String::new() } else { format!(": {}", all.named.join(", ")) };
        return EvidenceOutcome::Wrong(
            "failed",
            format!("{} of {} failed{named}", all.failed, plural(all.ran.max(all.failed), "test")),
        );
    }
    if all.ran == 0 {
        return EvidenceOutcome::Wrong("empty", format!("no test ran in {}", plural(files.len(), "file")));
    }
    let (commit, oldest) = match (commit, all.oldest) {
        (Err(why), _) => {
            return EvidenceOutcome::Unknown(format!(
                "whether it is older than the commit is not known: {why}"
            ));
        }
        (_, None) => return EvidenceOutcome::Unknown("when the tests ran is not known".to_owned()),
        (Ok(commit), Some(oldest)) => (*commit, oldest),
    };
    let shown = |time| humantime::format_rfc3339_seconds(time).to_string();
    // The time of a commit has whole seconds.
    if oldest < commit {
        return EvidenceOutcome::Wrong(
            "stale",
            format!("the tests ran at {}, before the commit of {}", shown(oldest), shown(commit)),
        );
    }
    EvidenceOutcome::Passed(format!("{} passed at {}", plural(all.ran, "test"), shown(oldest)))
}

fn told(looked: Vec<(&EvidenceSettings, EvidenceOutcome)>) -> Judgement {
    let (mut findings, mut words, mut unknown, mut lines): (Vec<Finding>, Vec<_>, Vec<_>, Vec<_>) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let count = looked.len();
    for (entry, outcome) in looked {
        let (code, why) = match outcome {
            EvidenceOutcome::Passed(how) => {
                lines.push(format!("{}: {how}", entry.name));
                continue;
            }
            EvidenceOutcome::Wrong(code, why) => (Some(code), why),
            EvidenceOutcome::Unknown(why) => (None, why),
        };
        let what = format!("{}: {why}", entry.name);
        lines.push(what.clone());
        match code {
            Some(code) => {
                let next = format!(
                    "run these tests for the commit that is deployed, so that they write {}",
                    entry.junit
                );
                let mut found = finding(SectionName::Evidence, code, &entry.name, &why, &next);
                if entry.level == GateLevel::Warn {
                    found.severity = Severity::Warning;
                }
                findings.push(found);
                words.push(what);
            }
            // What may only warn leaves no question open.
            None if entry.level == GateLevel::Warn => {
                let mut found = finding(SectionName::Evidence, "unreadable", &entry.name, &why, "");
                found.severity = Severity::Warning;
                findings.push(found);
                words.push(what);
            }
            None => unknown.push(what),
        }
    }
    let judgement = if findings.is_empty() {
        Judgement::ready(format!("{} of tests passed", plural(count, "report")))
    } else {
        Judgement::of_findings(findings, words.join("; "))
    };
    let judgement = judgement.lines(lines);
    if unknown.is_empty() { judgement } else { judgement.incomplete(unknown.join("; ")) }
}
