//! The reports that all readers read: each command once, in every format at a time.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde_json::Value;

use super::site::Site;

/// Every format with a file of its own.
const FORMATS: [&str; 7] = ["json", "sarif", "junit", "gitlab", "github", "html", "markdown"];

/// One report.
pub(crate) struct Made {
    pub(crate) name: &'static str,
    pub(crate) exit: i32,
    directory: PathBuf,
}

impl Made {
    /// The file of a format.
    pub(crate) fn file(&self, format: &str) -> PathBuf {
        self.directory.join(format)
    }

    /// What was written in a format.
    pub(crate) fn text(&self, format: &str) -> String {
        fs::read_to_string(self.file(format)).unwrap()
    }

    /// How many sections of the JSON document of a gate were asked.
    pub(crate) fn sections(&self) -> usize {
        let document: Value = serde_json::from_str(&self.text("json")).unwrap();
        let sections = document["sections"].as_array().unwrap();
        sections.iter().filter(|section| section["conclusion"] != "off").count()
    }

    /// The findings of the JSON document; that of a failure has none.
    pub(crate) fn findings(&self) -> Vec<Value> {
        let document: Value = serde_json::from_str(&self.text("json")).unwrap();
        // Those of a gate are in its sections.
        let sections = document["sections"].as_array().into_iter().flatten();
        let in_sections = sections.flat_map(|section| section["findings"].as_array().unwrap());
        document["findings"].as_array().into_iter().flatten().chain(in_sections).cloned().collect()
    }
}

/// All reports. They stay in the target directory, where somebody may want to look at them.
pub(crate) fn all() -> &'static [Made] {
    static ALL: LazyLock<Vec<Made>> = LazyLock::new(make);
    &ALL
}

/// The report of that name.
pub(crate) fn named(name: &str) -> &'static Made {
    all().iter().find(|made| made.name == name).unwrap()
}

fn make() -> Vec<Made> {
    let hostile = Site::of_hostile_names();
    let clean = Site::clean();
    let checked = Site::clean().with_checks();
    let seeded = Site::clean().with_seeds();
    let wrong = Site::clean();
    wrong.write("trueup.toml", "[check]\nseverity = { \"a<b>,c:d%\" = \"error\" }\n");
    let nowhere = Site::clean();
    vec![
        report("hostile", 1, &hostile, &["check"], None),
        report("many", 1, &Site::of_many(500), &["check"], None),
        report("clean", 0, &clean, &["check"], None),
        report("gated", 1, &hostile, &["gate"], None),
        report("verified", 1, &checked, &["verify", "--sample", "3"], None),
        report("seeded", 1, &seeded, &["seed", "--check"], None),
        report("wrong", 2, &wrong, &["check"], None),
        report("nowhere", 3, &nowhere, &["check"], Some("postgres:///x?host=/nonexistent<b>%25")),
    ]
}

/// Runs a command that writes every format, with the annotations on standard output, too.
fn report(name: &'static str, exit: i32, site: &Site, args: &[&str], url: Option<&str>) -> Made {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("formats").join(name);
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).unwrap();
    let made = Made { name, exit, directory };
    let mut command = site.project.trueup(args, url.unwrap_or(site.database.url())).case(name);
    command = command.args(["--format", "github"]).env("GITHUB_STEP_SUMMARY", made.file("summary"));
    for format in FORMATS {
        command = command.arg("--output").arg(format!("{format}={}", made.file(format).display()));
    }
    let ran = command.exit(exit);
    assert_eq!(ran.stdout(), made.text("github"), "{name}: one format is one text");
    assert!(!ran.stderr().contains("warning:"), "{name}: {}", ran.stderr());
    made
}
