//! The files of `cases/`.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

/// What a check of a case finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    Clean,
    Different,
    /// The schema cannot be loaded in any order: its tables refer to each other.
    Circle,
}

/// One case in one direction.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// What both sides need.
    pub(crate) before: String,
    pub(crate) live: String,
    pub(crate) declared: String,
    /// The statements that fill the live tables.
    pub(crate) rows: String,
    rows_when_swapped: String,
    pub(crate) settings: String,
    /// The majors that have what the case is about; empty for all.
    pub(crate) majors: Vec<u32>,
    pub(crate) expected: Expected,
    pub(crate) verify: Option<String>,
    swappable: bool,
}

impl Case {
    pub(crate) fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap();
        let mut sections: HashMap<&str, String> = HashMap::new();
        let mut section = "";
        for line in text.lines() {
            if let Some(mark) = line.strip_prefix("-- @") {
                let (name, value) = mark.split_once(' ').unwrap_or((mark, ""));
                section = name;
                *sections.entry(name).or_default() += value;
            } else {
                *sections.entry(section).or_default() += &format!("{line}\n");
            }
        }
        let mut take = |name: &str| sections.remove(name);
        let live = take("live").unwrap_or_else(|| panic!("{}: no section live", path.display()));
        let expected = match take("expect").as_deref().map(str::trim) {
            Some("clean") => Expected::Clean,
            Some("diff") => Expected::Different,
            Some("circle") => Expected::Circle,
            other => panic!("{}: expect {other:?}", path.display()),
        };
        let majors = take("pg").unwrap_or_default();
        Self {
            before: take("pre").unwrap_or_default(),
            declared: take("declared").unwrap_or_else(|| live.clone()),
            live,
            rows: take("data").unwrap_or_default(),
            rows_when_swapped: take("rdata").unwrap_or_default(),
            settings: take("toml").unwrap_or_default(),
            majors: majors.split_whitespace().map(|major| major.parse().unwrap()).collect(),
            expected,
            verify: take("verify"),
            swappable: take("norev").is_none(),
        }
    }

    /// The case with the live database and the schema swapped.
    pub(crate) fn swapped(&self) -> Option<Self> {
        self.swappable.then(|| Self {
            live: self.declared.clone(),
            declared: self.live.clone(),
            rows: self.rows_when_swapped.clone(),
            verify: None,
            ..self.clone()
        })
    }
}
