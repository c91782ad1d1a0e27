//! `trueup lint` of many migrations, whose lock file is up to date, beside squawk, which reads their text.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::measure;
use crate::migrations;
use crate::project::Project;
use crate::server::Server;
use crate::table::{Figure, time};

/// What `lint` may take of the time that squawk takes for the same files.
const LINT_TIME: f64 = 1.0;
/// How many migrations.
const MIGRATIONS: usize = 1000;
/// How many pairs.
const ROUNDS: usize = 15;

pub(crate) fn figures(server: &Server) -> Result<Vec<Figure>> {
    let Some(squawk) = squawk() else {
        eprintln!("`lint` is not measured: TRUEUP_SQUAWK names no squawk (scripts/squawk installs it)");
        return Ok(Vec::new());
    };
    let mut project = Project::of_migrations(server, "lint", &migrations::small(MIGRATIONS))?;
    std::fs::remove_dir_all(project.path().join("schema"))?;
    project.compile()?;
    let files: Vec<_> = project.migrations()?.into_iter().map(|migration| migration.path).collect();
    // Both end with 1 when they find something.
    let found = |command: &Command| {
        let mut shell = Command::new("sh");
        shell.args(["-c", "\"$@\"; [ $? -le 1 ]", "sh"]).arg(command.get_program()).args(command.get_args());
        shell.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        shell
    };
    let mut theirs = Command::new(squawk);
    theirs.args(&files);
    let costs = measure::pairs(&found(&project.lint()), &found(&theirs), ROUNDS)?;
    Ok(vec![time(&format!("{MIGRATIONS} small migrations: `lint` beside squawk"), costs, LINT_TIME)])
}

#[allow(clippy::disallowed_methods, reason = "a benchmark is told by variables")]
fn squawk() -> Option<PathBuf> {
    std::env::var_os("TRUEUP_SQUAWK").map(PathBuf::from).filter(|path| path.is_file())
}
