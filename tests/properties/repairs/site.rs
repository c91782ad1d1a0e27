//! A project of nothing but checks, and the commands.

use std::ffi::OsStr;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::support;
use crate::support::program::Program;
use crate::support::project::Address;

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

    pub(crate) fn trueup<I: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = I>,
        at: &(impl Address + ?Sized),
    ) -> Program {
        support::trueup(args).current_dir(self.path()).env("DATABASE_URL", at.url())
    }

    /// Runs it with a JSON report, and expects it to find rows or none.
    pub(crate) fn report(&self, args: &[&str], at: &(impl Address + ?Sized)) -> Result<Value> {
        let ran = self.trueup(args, at).args(["--format", "json"]).run();
        ensure!(matches!(ran.code(), Some(0 | 1)), "{}", ran.shown());
        serde_json::from_str(ran.stdout()).with_context(|| format!("no JSON: {}", ran.shown()))
    }
}
