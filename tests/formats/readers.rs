//! The readers of reports, where `scripts/tools` puts them.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::program::Program;
use crate::support::tools;

/// The program that asks Python's parsers.
const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/formats/read.py");

/// Says that a format was not proved.
pub(crate) fn did_not_run(what: &str, format: &str) {
    tools::did_not_run(what, &format!("{format} was not read"));
}

/// Python with the parsers; `None` where one of them is not installed.
pub(crate) fn python() -> Option<Python> {
    let program = tools::directory()?.join("venv/bin/python");
    let modules = "import html5lib, jsonschema, junitparser, markdown_it, xmlschema";
    let works = Command::new(&program).args(["-c", modules]).output();
    works.is_ok_and(|output| output.status.success()).then_some(Python { program })
}

/// Python with the parsers.
pub(crate) struct Python {
    program: PathBuf,
}

impl Python {
    /// What a parser says about files: see `read.py`. A parser that refuses one fails the test.
    #[track_caller]
    pub(crate) fn read(&self, what: &str, files: &[&Path]) -> Value {
        let reader = Program::of(&self.program).env("PYTHONDONTWRITEBYTECODE", "1");
        reader.arg(PROGRAM).arg(what).args(files).exit(0).json()
    }
}

/// A file of a package of npm.
pub(crate) fn of_npm(path: &str) -> Option<PathBuf> {
    let file = tools::directory()?.join("npm/node_modules").join(path);
    file.exists().then_some(file)
}

/// The schema of Jenkins' xunit plugin.
pub(crate) fn junit_schema() -> Option<PathBuf> {
    let file = tools::directory()?.join("formats/junit-10.xsd");
    file.is_file().then_some(file)
}

/// node, the system's or that of PyPI's wheel, in npm's directory.
pub(crate) fn node() -> Option<Program> {
    let directory = tools::directory()?;
    let own = directory.join("venv/bin/node");
    let program = if own.is_file() { own } else { PathBuf::from("node") };
    let works = Command::new(&program).arg("--version").output();
    let works = works.is_ok_and(|output| output.status.success());
    works.then(|| Program::of(&program).current_dir(directory.join("npm")))
}

/// A browser without a window.
pub(crate) fn browser() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join("chromium")).find(|program| program.is_file())
}
