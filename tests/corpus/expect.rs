//! Running `check` on a case, and holding its outputs against what is expected.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value;
use similar::TextDiff;
use trueup::model::diff::crosses_view_printing_change;

use super::spec::Case;
use crate::support::{TestDatabase, trueup};

/// What of the document is expected: the rest tells when, where and by which version it was made.
const KEPT: [&str; 7] = ["outcome", "exit_code", "error", "history", "coverage", "summary", "findings"];

/// What was found.
pub(super) struct Found {
    document: String,
    human: Option<String>,
    /// Which expectations hold on these servers, before the usual one: see the module [`super`].
    special: Vec<&'static str>,
}

/// Runs the real binary: once for the document, and once for people where the case wants it.
pub(super) fn run(case: &Case, project: &Path, database: &TestDatabase, scratch: &TestDatabase) -> Found {
    let run = |format: &str| {
        let check = trueup(["check", "--format", format, "--color", "never"]).arg("--project").arg(project);
        let check = check.args(["--database-url", database.url(), "--scratch-url", scratch.url()]);
        check.args(&case.spec.args).env("COLUMNS", "120").run()
    };
    let document = redact(&run("json").document().to_string(), project, database, scratch);
    let mut document: Value = serde_json::from_str(&document).expect("JSON");
    if let Value::Object(fields) = &mut document {
        fields.retain(|key, _| KEPT.contains(&key.as_str()));
    }
    let document = serde_json::to_string_pretty(&document).expect("JSON") + "\n";
    let human = case.spec.human.then(|| {
        let ran = run("human");
        let shown = if ran.stdout().is_empty() { ran.stderr() } else { ran.stdout() };
        let mut text = redact(shown, project, database, scratch);
        let _ = writeln!(text, "[exit {}]", ran.code().unwrap_or(-1));
        text
    });
    let across_16 = crosses_view_printing_change(database.server.version, scratch.server.version);
    let since_17 = database.server.version.major() >= 17;
    let special = [(".since_17", since_17), (".across_16", across_16)];
    let special = special.into_iter().filter(|(_, holds)| *holds).map(|(infix, _)| infix).collect();
    Found { document, human, special }
}

/// Names of this run become words that stay.
fn redact(text: &str, project: &Path, database: &TestDatabase, scratch: &TestDatabase) -> String {
    let socket = database.socket_dir();
    text.replace(project.to_str().expect("UTF-8"), "PROJECT")
        .replace(socket.to_str().expect("UTF-8"), "SOCKET")
        .replace(database.name(), "DATABASE")
        .replace(&database.server.version.to_string(), "VERSION")
        .replace(&scratch.server.version.to_string(), "VERSION")
}

impl Found {
    /// What was found, with the name of the file that it belongs to.
    fn texts(&self) -> [(&str, Option<&str>); 2] {
        [("json", Some(&self.document)), ("txt", self.human.as_deref())]
    }

    /// The file that says what is expected on these servers, and its text.
    fn expected(&self, case: &Case, extension: &str) -> (String, String) {
        let name = |infix: &&str| format!("expected{infix}.{extension}");
        let mut special = self.special.iter().map(name).filter_map(|file| Some((case.text(&file)?, file)));
        let (text, file) = special.next().unwrap_or_else(|| {
            let usual = name(&"");
            (case.text(&usual).unwrap_or_default(), usual)
        });
        (file, text)
    }

    /// Makes it what is expected.
    pub(super) fn write(&self, case: &Case) {
        for (extension, found) in self.texts() {
            let Some(found) = found else { continue };
            if self.expected(case, extension).1 == found {
                continue;
            }
            let usual = case.text(&format!("expected.{extension}")).is_some();
            let infix = self.special.last().copied().filter(|_| usual).unwrap_or_default();
            fs::write(case.dir.join(format!("expected{infix}.{extension}")), found).expect("written");
        }
        let human = case.dir.join("expected.txt");
        if self.human.is_none() && human.exists() {
            fs::remove_file(human).expect("removed");
        }
    }

    /// Holds it against what is expected.
    pub(super) fn compare(&self, case: &Case) -> Result<(), String> {
        let mut differences = String::new();
        for (extension, found) in self.texts() {
            let Some(found) = found else { continue };
            let (file, expected) = self.expected(case, extension);
            if expected != found {
                let diff = TextDiff::from_lines(expected.as_str(), found);
                let shown = diff.unified_diff().context_radius(4).header(&file, "found").to_string();
                differences.push_str(&shown);
            }
        }
        if differences.is_empty() { Ok(()) } else { Err(differences) }
    }
}
