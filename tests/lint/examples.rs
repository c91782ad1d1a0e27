//! The examples of the rules of lint, run by a server and judged. `tests/it.rs` does it on one major, `tests/matrix.rs` on the
//! others.

use std::collections::{BTreeSet, HashSet};

use trueup::changes::lint::{EXAMPLE_TABLES, LintScope, RULES, lint};
use trueup::migrations::Migration;
use trueup::model::{CompiledProject, CompiledSettings, Sources, compile};
use trueup::postgres::scratch::{Scratch, ScratchOptions};

use crate::support::{self, TestServer};

/// What takes away what an example has made.
const AWAY: &str = "DROP SCHEMA public CASCADE;\nCREATE SCHEMA public;\n";

/// A rule finds its bad example; no rule finds anything in a good one, but its own style.
pub(crate) fn are_judged_as_they_say(server: &TestServer) {
    let mut migrations: Vec<String> = Vec::new();
    let mut examples: Vec<(&str, bool, BTreeSet<i64>)> = Vec::new();
    for rule in RULES {
        // The good one first: a later migration may build the index that the bad one lacks.
        for (is_good, sql) in [(true, rule.good), (false, rule.bad)] {
            migrations.push(format!("{AWAY}{EXAMPLE_TABLES}"));
            let first = migrations.len() + 1;
            migrations.extend(sql.split("\n-- next migration\n").map(str::to_owned));
            let versions = (first..=migrations.len()).filter_map(|version| i64::try_from(version).ok());
            examples.push((rule.code, is_good, versions.collect()));
        }
    }
    let project = tempfile::tempdir().unwrap();
    let directory = project.path().join("migrations");
    std::fs::create_dir(&directory).unwrap();
    for (index, sql) in migrations.iter().enumerate() {
        let (up, down) =
            sql.split_once("\n-- down script\n").map_or((sql.as_str(), None), |(up, down)| (up, Some(down)));
        std::fs::write(directory.join(format!("V{}__m.sql", index + 1)), up).unwrap();
        if let Some(down) = down {
            std::fs::write(directory.join(format!("V{}__m.down.sql", index + 1)), down).unwrap();
        }
    }
    let sources = Sources::read(project.path(), &directory).unwrap();
    let settings = CompiledSettings { search_path: "public, pg_temp".into(), ..CompiledSettings::default() };
    let options = ScratchOptions { bin_dir: Some(server.bin_dir.clone()), ..ScratchOptions::default() };
    let compiled = CompiledProject {
        directory: project.path(),
        sources: &sources,
        settings: &settings,
        states: None,
        footprints: true,
    };
    let lock = support::runtime().block_on(async {
        let mut scratch = Scratch::start(&options).await.unwrap();
        let outcome = compile(compiled, &mut scratch, None, &mut |_| {}).await;
        scratch.stop().await.unwrap();
        outcome.unwrap().lock
    });
    let mut wrong = Vec::new();
    for (rule, is_good, versions) in examples {
        let name = |migration: &Migration| format!("V{}", migration.version);
        let outcome = lint(&lock, &sources.migrations, &LintScope::Run(versions), |_| true, name).unwrap();
        let found: HashSet<&str> = outcome.findings.iter().map(|finding| finding.code.as_str()).collect();
        let others = found.iter().filter(|code| !code.starts_with("style.") || **code == rule).count();
        if is_good && others > 0 || !is_good && !found.contains(rule) {
            wrong.push(format!("{rule}, the {} one: {found:?}", if is_good { "good" } else { "bad" }));
        }
    }
    assert!(wrong.is_empty(), "on {}: {wrong:#?}", server.version);
}
