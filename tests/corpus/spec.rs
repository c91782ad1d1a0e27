//! What a case says about itself.

use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::Servers;

/// `case.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Spec {
    /// `"reference"`: the project at the repository's root instead of the case's own files.
    pub(crate) project: Option<String>,
    /// A file of `tests/fixtures/`, without `.sql`, that builds the database; its head names the applied versions.
    pub(crate) fixture: Option<String>,
    /// Whether the model itself is run in the database first. Without a word: when there are no migrations.
    pub(crate) model_in_live: Option<bool>,
    /// Versions to run in the database and to record, `"1..2, 4..4"`.
    pub(crate) apply: Option<String>,
    /// Versions to record without running them; `""` makes an empty history.
    pub(crate) record: Option<String>,
    /// Recorded versions whose file was another one when it was applied.
    pub(crate) edited: Vec<i64>,
    /// The name that the recorded migrations had when they were applied.
    pub(crate) recorded_name: Option<String>,
    /// How the files were spelled when they were applied: `crlf`, `bom`, `no-final-newline`.
    pub(crate) spelling: Option<String>,
    /// Bytes of the history's version column: 4, or 8.
    pub(crate) width: Option<u8>,
    /// Whether schema `trueup` is made first, as trueup makes it.
    pub(crate) own: bool,
    /// Further arguments.
    pub(crate) args: Vec<String>,
    /// The oldest major that understands the case.
    pub(crate) min_major: u32,
    /// What the servers must have: `icu`.
    pub(crate) needs: Option<String>,
    /// Whether the human output is expected too.
    pub(crate) human: bool,
}

/// One folder.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) dir: PathBuf,
    pub(crate) spec: Spec,
}

impl Case {
    /// Reads a case's folder.
    pub(crate) fn read(dir: &Path) -> Self {
        let name = dir.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
        let text = fs::read_to_string(dir.join("case.toml")).unwrap_or_default();
        let spec = toml::from_str(&text).unwrap_or_else(|why| panic!("{name}/case.toml: {why}"));
        Self { name, dir: dir.to_owned(), spec }
    }

    /// A file's text, where the case has it.
    pub(crate) fn text(&self, file: &str) -> Option<String> {
        fs::read_to_string(self.dir.join(file)).ok()
    }

    /// The names of its files, sorted.
    pub(crate) fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.dir).expect("a folder");
        let mut names: Vec<_> = entries
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name in UTF-8"))
            .collect();
        names.sort();
        names
    }

    /// The model's files.
    pub(crate) fn schema_files(&self) -> Vec<String> {
        let is_schema = |name: &String| name.starts_with("schema") && name.ends_with(".sql");
        self.files().into_iter().filter(is_schema).collect()
    }

    /// The migrations' files.
    pub(crate) fn migration_files(&self) -> Vec<String> {
        let is_migration = |name: &String| name.starts_with('V') && name.ends_with(".sql");
        self.files().into_iter().filter(is_migration).collect()
    }

    /// Whether the case expects that nothing is found: its name says so.
    pub(crate) fn means_nothing(&self) -> bool {
        self.name.ends_with("-means-nothing") || self.name.ends_with("-mean-nothing")
    }

    /// Why these servers cannot run it.
    pub(crate) fn unfit(&self, servers: &Servers) -> Option<String> {
        let oldest = servers.live.version.major().min(servers.compile.version.major());
        if oldest < self.spec.min_major {
            return Some(format!("needs PostgreSQL {}", self.spec.min_major));
        }
        match self.spec.needs.as_deref() {
            None => None,
            Some("icu") => {
                let lacks = [&servers.live, &servers.compile].into_iter().any(|server| {
                    // `unicode` is there without ICU too.
                    let asked = "SELECT EXISTS (SELECT FROM pg_collation WHERE collprovider = 'i' AND collname <> 'unicode')";
                    server.database().value(asked) == "f"
                });
                lacks.then(|| "needs ICU".to_owned())
            }
            Some(other) => panic!("{}: needs = {other:?} is unknown", self.name),
        }
    }
}

/// Reads `"1..2, 4..4"`.
pub(crate) fn versions(text: &str) -> Vec<RangeInclusive<i64>> {
    let read = |range: &str| -> Option<RangeInclusive<i64>> {
        let (first, last) = range.trim().split_once("..")?;
        Some(first.parse().ok()?..=last.parse().ok()?)
    };
    let ranges = text.split(',').filter(|range| !range.trim().is_empty());
    ranges.map(|range| read(range).unwrap_or_else(|| panic!("{range:?} is no range of versions"))).collect()
}
