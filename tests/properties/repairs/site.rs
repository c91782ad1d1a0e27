//! A project of nothing but checks, and the commands.

use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::support;

pub(crate) struct Project {
    dir: TempDir,
}

impl Project {
    /// Check files by name, without `.sql`.
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let settings = "[project]\nname = \"repairs\"\n[backup]\nrequired = \"never\"\n[repair]\nlock_timeout = \"100ms\"\n";
        std::fs::write(dir.path().join("trueup.toml"), settings).unwrap();
        std::fs::create_dir(dir.path().join("checks")).unwrap();
        for (name, text) in files {
            std::fs::write(dir.path().join(format!("checks/{name}.sql")), text).unwrap();
        }
        Self { dir }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn trueup(&self, args: &[&str], url: &str) -> Command {
        let mut command = support::command(args);
        command.current_dir(self.path()).env("DATABASE_URL", url);
        command
    }

    /// Runs it with a JSON report, and expects it to find rows or none.
    pub(crate) fn report(&self, args: &[&str], url: &str) -> Result<Value> {
        let output = self.trueup(args, url).args(["--format", "json"]).output()?;
        ensure!(
            matches!(output.status.code(), Some(0 | 1)),
            "{args:?}: {}\n{}",
            output.status,
            said(&output)
        );
        serde_json::from_slice(&output.stdout)
            .with_context(|| format!("{args:?}: no JSON: {}", said(&output)))
    }
}

/// What a command said, on both streams.
pub(crate) fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
