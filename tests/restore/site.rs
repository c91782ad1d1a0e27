//! A project with a store of backups, and a database of it.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::support::program::Program;
use crate::support::project::Address;
use crate::support::{self, TestDatabase, try_query_at};

/// A project directory.
pub(crate) struct Site {
    dir: TempDir,
}

impl Site {
    /// With these lines in `[backup]`.
    pub(crate) fn new(backup: &str) -> Self {
        let site = Self { dir: tempfile::tempdir().unwrap() };
        let toml = format!("[project]\nname = \"restore\"\n[backup]\n{backup}\n");
        fs::write(site.dir.path().join("trueup.toml"), toml).unwrap();
        site
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The one backup's directory, or that of this number.
    pub(crate) fn backup(&self, number: usize) -> PathBuf {
        let entries = fs::read_dir(self.path().join("backups")).unwrap();
        let mut all: Vec<PathBuf> =
            entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
        all.sort();
        all.swap_remove(number)
    }

    /// The real binary in this project.
    pub(crate) fn trueup<I: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = I>,
        at: &(impl Address + ?Sized),
    ) -> Program {
        support::trueup(args).arg("--project").arg(self.path()).env("DATABASE_URL", at.url())
    }
}

/// The URL of another database of the same server.
pub(crate) fn beside(database: &TestDatabase, name: &str) -> String {
    let mut url = url::Url::parse(database.url()).unwrap();
    url.path_segments_mut().unwrap().clear().push(name);
    url.into()
}

/// Values of a query at a URL, the first column of every row.
#[track_caller]
pub(crate) fn values(url: &str, sql: &str) -> Vec<String> {
    let rows = try_query_at(url, sql).unwrap_or_else(|why| panic!("{why:#}\n{sql}"));
    rows.into_iter().map(|row| row.into_iter().next().flatten().unwrap_or_default()).collect()
}

/// The databases of a server whose names begin so.
pub(crate) fn databases(database: &TestDatabase, prefix: &str) -> Vec<String> {
    let prefix = prefix.replace('\'', "''");
    let sql = format!("SELECT datname FROM pg_database WHERE starts_with(datname, '{prefix}') ORDER BY 1");
    values(&beside(database, "postgres"), &sql)
}

/// Every table's rows, summed up in one text; large objects too.
#[track_caller]
pub(crate) fn checksum(url: &str) -> Vec<String> {
    let tables = values(
        url,
        "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' ORDER BY 1",
    );
    let mut sums: Vec<String> = Vec::new();
    for table in tables {
        let sql = format!(
            "SELECT count(*) || ' ' || coalesce(md5(string_agg(h, '' ORDER BY h)), '') \
             FROM (SELECT md5(t::text) AS h FROM ONLY {table} AS t) AS s"
        );
        sums.push(format!("{table}: {}", values(url, &sql).concat()));
    }
    let objects = "SELECT oid || ' ' || md5(lo_get(oid)) FROM pg_largeobject_metadata ORDER BY oid";
    sums.extend(values(url, objects));
    sums
}
