//! The formats of reports, one file each. Nothing outside of `output` knows any of them.

pub(super) mod github;
pub(super) mod gitlab;
pub(super) mod html;
pub(super) mod human;
pub(super) mod json;
pub(super) mod junit;
pub(super) mod markdown;
pub(super) mod prometheus;
pub(super) mod sarif;

use std::cmp::Reverse;
use std::collections::HashMap;

use sha2::{Digest as _, Sha256};

use crate::error::Exit;
use crate::findings::{Finding, LOCK_FILE, Location};
use crate::output::report::{Envelope, Report};
use crate::output::view::{Block, View};
use crate::text::hexadecimal;

/// What formats that list findings are written from.
pub(super) struct Findings<'r> {
    /// Which command made the report, and how it ended.
    envelope: Envelope<'r>,
    /// What was found, the most severe first; in the order of the report where the severity is the same.
    findings: Vec<&'r Finding>,
    /// What was examined and is well.
    passed: Vec<String>,
    /// The report's own sentence about the outcome.
    verdict: Option<String>,
    /// The way from the root of the repository to the project directory: `db/`, or empty.
    from_repository: &'r str,
}

impl<'r> Findings<'r> {
    /// The findings of a report, and the way from the root of the repository to the project directory.
    pub(super) fn of(report: &'r impl Report, from_repository: &'r str) -> Self {
        let mut findings: Vec<&Finding> = report.findings().unwrap_or_default().iter().collect();
        findings.sort_by_key(|finding| Reverse(finding.severity));
        Self {
            envelope: report.envelope(),
            findings,
            passed: report.passed(),
            verdict: verdict(&report.view()).map(str::to_owned),
            from_repository,
        }
    }

    /// `trueup check`
    fn title(&self) -> String {
        title(self.envelope)
    }

    /// Whether the command could not answer in full: any exit code that says neither "clean" nor "findings".
    fn is_unanswered(&self) -> bool {
        !matches!(self.envelope.exit, Exit::Clean | Exit::Findings)
    }

    /// The outcome in one sentence: `incomplete: ... (exit code 3, cannot-tell)`.
    fn outcome(&self) -> String {
        let exit = self.envelope.exit;
        let code = format!("exit code {}, {}", exit.code(), exit.outcome());
        match &self.verdict {
            Some(verdict) => format!("{verdict} ({code})"),
            None => code,
        }
    }

    /// The place of a finding, its file as the repository calls it.
    fn place(&self, finding: &Finding) -> Option<Location> {
        let place = finding.location.clone()?;
        Some(Location { file: in_repository(self.from_repository, &place.file), ..place })
    }

    /// The same for formats that need a place: the lock file, which has every object of the model, where the finding has
    /// none of its own.
    fn some_place(&self, finding: &Finding) -> Location {
        let lock_file = || Location::new(in_repository(self.from_repository, LOCK_FILE), 1);
        self.place(finding).unwrap_or_else(lock_file)
    }

    /// What stays the same in the next report about the same findings, and differs between those of this report: made of
    /// code, object, migration and, where a repository has several, the project. A line number moves with every edit of a
    /// file and is no part of it.
    fn fingerprints(&self) -> Vec<String> {
        let mut met: HashMap<(&str, &str, Option<&str>), usize> = HashMap::new();
        let fingerprint = |finding: &&'r Finding| {
            let migration = finding.cause.as_ref().and_then(|cause| cause.migration.as_deref());
            let count = met.entry((&finding.code, &finding.object, migration)).or_default();
            *count += 1;
            let mut hash = Sha256::new();
            for part in [finding.code.as_str(), &finding.object, migration.unwrap_or_default()] {
                hash.update(part);
                hash.update([0]);
            }
            hash.update(self.from_repository);
            if *count > 1 {
                hash.update([0]);
                hash.update(count.to_string());
            }
            hexadecimal(&hash.finalize()[..16])
        };
        self.findings.iter().map(fingerprint).collect()
    }
}

/// `trueup check`, for titles.
fn title(envelope: Envelope<'_>) -> String {
    envelope.command.map_or_else(|| "trueup".to_owned(), |command| format!("trueup {command}"))
}

/// The report's own sentence about the outcome.
fn verdict(view: &View) -> Option<&str> {
    view.blocks.iter().find_map(|block| match block {
        Block::Verdict(verdict) => Some(verdict.text.as_str()),
        _ => None,
    })
}

/// Whether a finding says that there is no answer, instead of what is wrong.
fn is_unanswered(finding: &Finding) -> bool {
    finding.kind == "failure" || finding.code.ends_with(".unreadable")
}

/// A file of the project directory as a path from the root of the repository. Migrations may lie beside the project:
/// `../migrations/V1__a.sql`.
fn in_repository(from_repository: &str, file: &str) -> String {
    if file.starts_with('/') {
        return file.to_owned();
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in from_repository.split('/').chain(file.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// What to do about a finding, a line each: the command or the advice, then the SQL with what it does beside changing the
/// schema.
fn action(finding: &Finding) -> Vec<String> {
    let mut lines = instructions(finding);
    lines.extend(sql(finding));
    lines
}

/// The command to run, and the advice.
fn instructions(finding: &Finding) -> Vec<String> {
    let remedy = &finding.remedy;
    let run = remedy.run.as_ref().map(|command| format!("run: {command}"));
    run.into_iter().chain(remedy.advice.as_ref().map(|advice| format!("do: {advice}"))).collect()
}

/// The statements, after a line that says what they do beside changing the schema.
fn sql(finding: &Finding) -> Vec<String> {
    let remedy = &finding.remedy;
    let Some(sql) = &remedy.sql else { return Vec::new() };
    let hazards: Vec<&str> = remedy.hazards.iter().map(|hazard| hazard.label()).collect();
    let title = match hazards.as_slice() {
        [] => "SQL:".to_owned(),
        hazards => format!("SQL ({}):", hazards.join(", ")),
    };
    std::iter::once(title).chain(sql.lines().map(str::to_owned)).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use serde::Serialize;

    use super::*;
    use crate::findings::{AttributeFinding, Cause, CauseKind, Change, Command, Remedy, Severity, Sides};
    use crate::output::view::{Content, Table, Tone};

    /// A report of whatever a test needs.
    #[derive(Serialize)]
    pub(in crate::output) struct SampleReport {
        #[serde(skip)]
        pub(in crate::output) exit: Exit,
        pub(in crate::output) findings: Vec<Finding>,
        pub(in crate::output) passed: Vec<String>,
    }

    impl Report for SampleReport {
        fn envelope(&self) -> Envelope<'_> {
            Envelope { command: Some("check"), run: "01J", exit: self.exit }
        }

        fn view(&self) -> View {
            let mut table = Table::new(&[("object", Content::Code), ("rows", Content::Number)]);
            table.push(["public.\"<b>\"", "3"]);
            let view =
                View::new().table(table).findings(&self.findings).sql("Fix", vec!["SELECT 1;".to_owned()]);
            let view = view.notes(["a note"]).verdict(format!("{} found", self.findings.len()), Tone::Bad);
            view.next(["trueup upgrade"])
        }

        fn findings(&self) -> Option<&[Finding]> {
            Some(&self.findings)
        }

        fn passed(&self) -> Vec<String> {
            self.passed.clone()
        }
    }

    /// One finding of each severity, the least severe first, with text that every format has to escape.
    pub(in crate::output) fn sample() -> SampleReport {
        let info = Finding::new("index.unexpected", Severity::Info, "index", "public.i", Change::Unexpected);
        let pending = Cause {
            kind: CauseKind::Pending,
            migration: Some("7".to_owned()),
            detail: "V7 adds it, 100%: a,b".to_owned(),
        };
        let warning = Finding::new("table.missing", Severity::Warning, "table", "public.t", Change::Missing)
            .cause(pending)
            .remedy(Remedy::run(Command::Upgrade));
        let mut error = Finding::new(
            "column.nullability",
            Severity::Error,
            "column",
            "public.users.\"a\u{1b}[2J\u{202e}]]><&\"",
            Change::Different,
        )
        .remedy(Remedy {
            sql: Some("ALTER TABLE x\nALTER y DROP NOT NULL;".to_owned()),
            advice: Some("look at it".to_owned()),
            ..Remedy::default()
        });
        error.attributes.push(AttributeFinding {
            name: "default".to_owned(),
            declared: None,
            actual: Some("'a'\n\u{fffe}b".to_owned()),
            cause: None,
        });
        error.location = Some(Location::new("schema/a b,ü:1.sql", 4));
        SampleReport { exit: Exit::Findings, findings: vec![info, warning, error], passed: Vec::new() }
    }

    /// Nothing was found, and nothing kept the command from looking.
    pub(in crate::output) fn clean() -> SampleReport {
        SampleReport { exit: Exit::Clean, findings: Vec::new(), passed: vec!["62 objects match".to_owned()] }
    }

    /// The command could not answer.
    pub(in crate::output) fn unanswered() -> SampleReport {
        let finding = Finding::new(
            "failure.cannot_tell",
            Severity::Error,
            "failure",
            "trueup check",
            Change::Different,
        )
        .sides(Sides::new("connection refused", ""));
        SampleReport { exit: Exit::CannotTell, findings: vec![finding], passed: Vec::new() }
    }

    /// Many findings of one kind, the last the most severe.
    pub(in crate::output) fn many(count: usize) -> SampleReport {
        let mut findings: Vec<Finding> = (0..count)
            .map(|number| {
                Finding::new(
                    "table.missing",
                    Severity::Warning,
                    "table",
                    format!("public.t{number}"),
                    Change::Missing,
                )
            })
            .collect();
        if let Some(last) = findings.last_mut() {
            last.severity = Severity::Error;
        }
        SampleReport { exit: Exit::Findings, findings, passed: Vec::new() }
    }

    #[test]
    fn the_most_severe_finding_is_the_first() {
        let sample = sample();
        let findings = Findings::of(&sample, "");
        let severities: Vec<_> = findings.findings.iter().map(|finding| finding.severity).collect();
        assert_eq!(severities, [Severity::Error, Severity::Warning, Severity::Info]);
        assert_eq!(findings.outcome(), "3 found (exit code 1, findings)");
    }

    #[test]
    fn fingerprints_are_stable_and_unique_and_know_no_lines() {
        let mut sample = sample();
        let twin = sample.findings[1].clone();
        sample.findings.push(twin);
        let before = Findings::of(&sample, "").fingerprints();
        assert_eq!(before.iter().collect::<std::collections::BTreeSet<_>>().len(), 4);
        sample.findings[2].location = Some(Location::new("schema/other.sql", 99));
        assert_eq!(Findings::of(&sample, "").fingerprints(), before);
        assert_eq!(before[0].len(), 32);
        assert_ne!(Findings::of(&sample, "services/db/").fingerprints()[0], before[0]);
    }

    #[test]
    fn what_has_no_place_is_placed_in_the_lock_file() {
        let sample = sample();
        let place = |from: &str| Findings::of(&sample, from).some_place(&sample.findings[0]).to_string();
        assert_eq!(place(""), "trueup.lock:1");
        assert_eq!(place("services/db/"), "services/db/trueup.lock:1");
        for (from, file, path) in [
            ("", "schema/users.sql", "schema/users.sql"),
            ("services/db/", "../migrations/V1__a.sql", "services/migrations/V1__a.sql"),
            ("", "../migrations/V1__a.sql", "../migrations/V1__a.sql"),
            ("services/", "../../up/./V1__a.sql", "../up/V1__a.sql"),
            ("services/", "/migrations/V1__a.sql", "/migrations/V1__a.sql"),
        ] {
            assert_eq!(in_repository(from, file), path);
        }
    }
}
