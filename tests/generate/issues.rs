//! What people reported of tools that write migrations, each with the outcome that the reporter wanted. The cases are the files
//! of `issues/`.

use std::fs;
use std::path::Path;

use super::{files, generate, project, text, upgraded};
use crate::support::program::Program;

/// A report, as its file tells it.
#[derive(Default)]
struct Issue {
    before: String,
    after: String,
    rows: String,
    /// The lines that the command gives to choose from, when nothing is decided.
    asked: Vec<String>,
    decided: Vec<String>,
    /// What the statements are to have, and to lack.
    contains: Vec<String>,
    lacks: Vec<String>,
    /// A value, and the query that gives it afterwards.
    kept: Vec<(String, String)>,
}

#[test]
fn what_was_reported_of_other_tools_ends_well() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/generate/issues");
    let mut paths: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let wrong: Vec<String> = paths
        .iter()
        .filter_map(|path| {
            let why = Issue::read(path).holds().err()?;
            Some(format!("{}: {why}", path.display()))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

impl Issue {
    fn read(path: &Path) -> Self {
        let (mut issue, mut section) = (Self::default(), String::new());
        for line in fs::read_to_string(path).unwrap().lines() {
            let Some(mark) = line.strip_prefix("-- @") else {
                issue.text(&section).push_str(&format!("{line}\n"));
                continue;
            };
            let (name, value) = mark.split_once(' ').unwrap_or((mark, ""));
            let value = value.to_owned();
            match name {
                "source" => assert!(value.starts_with("https://"), "{}", path.display()),
                "asked" => issue.asked.push(value),
                "decide" => issue.decided.push(value),
                "contains" => issue.contains.push(value),
                "lacks" => issue.lacks.push(value),
                "kept" => {
                    let (kept, query) = value.split_once(" = ").unwrap();
                    issue.kept.push((kept.to_owned(), query.to_owned()));
                }
                _ => section = name.to_owned(),
            }
        }
        issue
    }

    fn text(&mut self, section: &str) -> &mut String {
        match section {
            "before" => &mut self.before,
            "after" => &mut self.after,
            "rows" => &mut self.rows,
            other => panic!("no section {other:?}"),
        }
    }

    fn holds(&self) -> Result<(), String> {
        let project = project(&self.before, &self.after);
        if !self.asked.is_empty() {
            let ran = generate(&project).args(["next"]).run();
            let asked = self.asked.iter().all(|line| ran.stderr().contains(&format!("-- trueup: {line}\n")));
            if ran.code() != Some(2) || !asked || files(&project, "migrations").len() != 1 {
                return Err(format!("it is not asked: {}", ran.shown()));
            }
        }
        let decide = |call: Program, line: &String| call.args(["--decide", line]);
        let ran = self.decided.iter().fold(generate(&project).args(["next"]), decide).run();
        if ran.code() != Some(0) {
            return Err(ran.shown());
        }
        let written = files(&project, "migrations").into_iter();
        let written = written.filter(|file| file.contains("__next") && !file.contains(".down."));
        let written: String = written.map(|file| text(&project, &format!("migrations/{file}"))).collect();
        let missing = self.contains.iter().find(|wanted| !written.contains(wanted.as_str()));
        if let Some(wrong) = missing.or(self.lacks.iter().find(|bad| written.contains(bad.as_str()))) {
            return Err(format!("{wrong}:\n{written}"));
        }
        let database = upgraded(&project, &self.rows)?;
        for (kept, query) in &self.kept {
            let found = database.value(query);
            if found != *kept {
                return Err(format!("{query}: {found}"));
            }
        }
        Ok(())
    }
}
