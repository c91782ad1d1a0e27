//! A project with a store, a database with rows, and `pg_dump`s that are not what they seem.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::program::Program;
use crate::support::{self, TestDatabase};

/// Three tables; `b` is large enough to come out of `pg_dump` in several pieces.
pub(crate) const ROWS: &str = "CREATE TABLE public.a (id int PRIMARY KEY, t text);
    INSERT INTO public.a SELECT n, 'row ' || n FROM generate_series(1, 100) AS n;
    CREATE TABLE public.b (id int, t text);
    INSERT INTO public.b SELECT n, md5(n::text) || md5((n + 1)::text) FROM generate_series(1, 20000) AS n;
    CREATE TABLE public.empty (id int);";

/// A project in a directory of its own, and its database.
pub(crate) struct Site {
    dir: TempDir,
    pub(crate) database: TestDatabase,
}

impl Site {
    /// With the rows of [`ROWS`].
    pub(crate) fn new() -> Self {
        Self::of(ROWS)
    }

    /// With what this SQL makes.
    pub(crate) fn of(sql: &str) -> Self {
        let site = Self { dir: tempfile::tempdir().unwrap(), database: support::database() };
        // What a temporary directory's mode is, is not what is tested.
        fs::set_permissions(site.dir(), fs::Permissions::from_mode(0o755)).unwrap();
        site.database.exec(sql);
        site.settings("");
        site
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The default store.
    pub(crate) fn store(&self) -> PathBuf {
        self.dir().join("backups")
    }

    /// Writes `trueup.toml`: what stands in `[backup]`, and what follows it.
    pub(crate) fn settings(&self, backup: &str) {
        let text = format!("[project]\nname = \"faults\"\n[backup]\n{backup}\n");
        fs::write(self.dir().join("trueup.toml"), text).unwrap();
    }

    /// `trueup backup ...` of this site's database.
    pub(crate) fn backup(&self, args: &[&str]) -> Program {
        self.backup_of(self.database.url(), args)
    }

    /// `trueup backup ...` of the database of a URL.
    pub(crate) fn backup_of(&self, url: &str, args: &[&str]) -> Program {
        support::trueup(["backup"]).args(args).current_dir(self.dir()).env("DATABASE_URL", url)
    }

    /// Takes a backup, which must succeed, and returns its document.
    #[track_caller]
    pub(crate) fn taken(&self, args: &[&str]) -> Value {
        self.backup(args).args(["--format", "json"]).exit(0).json()["backup"].clone()
    }

    /// What `trueup backup list` lists.
    #[track_caller]
    pub(crate) fn listed(&self) -> Vec<Value> {
        let listed = self.backup(&["list", "--format", "json"]).exit(0);
        listed.json()["backups"].as_array().unwrap().clone()
    }

    /// Everything in the store but what keeps it out of a repository.
    pub(crate) fn stored(&self) -> Vec<String> {
        let entries = fs::read_dir(self.store()).into_iter().flatten();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| name != ".gitignore").collect();
        names.sort();
        names
    }

    /// Expects that there is no backup, and nothing of one.
    #[track_caller]
    pub(crate) fn nothing(&self) {
        assert_eq!(self.listed(), Vec::<Value>::new());
        assert_eq!(self.stored(), Vec::<String>::new());
    }

    /// A directory of programs in which `pg_dump` is this script, where `$REAL` is the real one and `$HERE` the
    /// directory; `pg_restore` is the real one.
    pub(crate) fn stub(&self, script: &str) -> PathBuf {
        let version = self.database.server.version;
        self.stub_that_says(&version.to_string(), script)
    }

    /// The same of another version.
    pub(crate) fn stub_that_says(&self, version: &str, script: &str) -> PathBuf {
        let bin = tempfile::Builder::new().prefix("bin-").tempdir_in(self.dir()).unwrap().keep();
        fs::set_permissions(&bin, fs::Permissions::from_mode(0o755)).unwrap();
        let real = &self.database.server.bin_dir;
        let text = format!(
            "#!/bin/sh\nif [ \"$1\" = --version ]; then echo 'pg_dump (PostgreSQL) {version}'; exit; fi\n\
             REAL='{}'\nHERE='{}'\n{script}\n",
            real.join("pg_dump").display(),
            bin.display()
        );
        fs::write(bin.join("pg_dump"), text).unwrap();
        fs::set_permissions(bin.join("pg_dump"), fs::Permissions::from_mode(0o755)).unwrap();
        std::os::unix::fs::symlink(real.join("pg_restore"), bin.join("pg_restore")).unwrap();
        bin
    }

    /// `trueup backup` with the programs of a directory.
    pub(crate) fn backup_by(&self, bin: &Path, args: &[&str]) -> Program {
        self.backup(args).arg("--pg-bin").arg(bin)
    }
}

/// Writes a part of the real archive, says so by a file, and goes no further.
pub(crate) const STUCK: &str =
    "\"$REAL\" \"$@\" >$HERE/all; head -c 200000 $HERE/all; touch $HERE/begun; sleep 60";

/// How soon a command has to be gone that is told to stop.
pub(crate) const BOUND: Duration = Duration::from_secs(10);

/// Whether any process has this text in its arguments.
pub(crate) fn runs(text: &str) -> bool {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes.filter(|entry| entry.file_name().to_str().is_some_and(|name| name.parse::<u32>().is_ok())).any(
        |entry| {
            let arguments = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&arguments).contains(text)
        },
    )
}
