//! A project directory with its lock file, and a database that was built from it.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use trueup::migrations::{checksum, read_directory};
use trueup::model::{self, CompiledProject, CompiledSettings, Sources};
use trueup::postgres::scratch::{Scratch, ScratchOptions};

use crate::support::program::{Program, Ran};
use crate::support::{self, TestDatabase};

/// Three differences that every reading of [`Site::with_drift`] has to find, whatever the fault.
const DRIFT: &str = "DROP INDEX public.organizations_slug_key;
    ALTER TABLE public.users ALTER COLUMN email DROP NOT NULL;
    ALTER TABLE public.api_keys ALTER COLUMN created_at SET DEFAULT '2025-03-04 05:06:07+00'::timestamptz";

/// What trueup.toml says. These faults are of reading and of changing; `tests/backup` has those of backups.
pub(crate) const SETTINGS: &str = "[project]\nname = \"faults\"\n[backup]\nrequired = \"never\"\n";

/// A project on the disk.
pub(crate) struct Project {
    dir: TempDir,
}

impl Project {
    /// A project of one schema file, without migrations.
    pub(crate) fn of_schema(schema: &str) -> Self {
        let project = Self { dir: tempfile::tempdir().unwrap() };
        fs::create_dir(project.path().join("schema")).unwrap();
        fs::write(project.path().join("schema/model.sql"), schema).unwrap();
        fs::write(project.path().join("trueup.toml"), SETTINGS).unwrap();
        project
    }

    /// A copy of the reference project.
    pub(crate) fn reference() -> Self {
        let project = Self { dir: tempfile::tempdir().unwrap() };
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        for folder in ["schema", "migrations", "checks"] {
            fs::create_dir(project.path().join(folder)).unwrap();
            for entry in fs::read_dir(root.join(folder)).unwrap() {
                let from = entry.unwrap().path();
                if from.is_file() {
                    let to = project.path().join(folder).join(from.file_name().unwrap());
                    fs::copy(from, to).unwrap();
                }
            }
        }
        let toml = fs::read_to_string(root.join("trueup.toml")).unwrap();
        let toml = format!("{toml}\n[backup]\nrequired = \"never\"\n");
        fs::write(project.path().join("trueup.toml"), toml).unwrap();
        project
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.path().join("trueup.lock")
    }

    /// Writes `trueup.lock`.
    pub(crate) fn compile(&self) {
        let host = support::database();
        let options = ScratchOptions { url: Some(host.url().to_owned()), ..Default::default() };
        let sources = Sources::read(self.path(), &self.path().join("migrations")).unwrap();
        let settings =
            CompiledSettings { search_path: "public, pg_temp".into(), ..CompiledSettings::default() };
        let lock = support::runtime().block_on(async {
            let mut scratch = Scratch::start(&options).await.unwrap();
            let project = CompiledProject {
                directory: self.path(),
                sources: &sources,
                settings: &settings,
                states: None,
                footprints: true,
            };
            let lock = model::compile(project, &mut scratch, None, &mut |_| {}).await.unwrap().lock;
            scratch.stop().await.unwrap();
            lock
        });
        lock.save(&self.lock()).unwrap();
    }

    /// Builds a database as the project declares it: with history where there are migrations.
    pub(crate) fn build(&self, database: &TestDatabase) {
        let migrations = read_directory(&self.path().join("migrations")).unwrap();
        if migrations.is_empty() {
            database.exec(&fs::read_to_string(self.path().join("schema/model.sql")).unwrap());
            return;
        }
        migrations.iter().for_each(|migration| database.exec(&migration.sql));
        self.record(database);
    }

    /// Records all migrations as applied, as refinery does.
    pub(crate) fn record(&self, database: &TestDatabase) {
        database.exec(
            "CREATE TABLE public.refinery_schema_history(version INT4 PRIMARY KEY, name VARCHAR(255), \
             applied_on VARCHAR(255), checksum VARCHAR(255))",
        );
        for migration in read_directory(&self.path().join("migrations")).unwrap() {
            database.exec(&format!(
                "INSERT INTO public.refinery_schema_history VALUES ({}, '{}', '2025-02-03T09:30:00Z', '{}')",
                migration.version,
                migration.name,
                checksum::written(&migration, checksum::Width::Four)
            ));
        }
    }

    /// `trueup check` of a database where no PostgreSQL binaries can be found: trueup.lock is all there is.
    pub(crate) fn check(&self, at: &(impl Address + ?Sized)) -> Program {
        self.without_postgres(["check"], at)
    }

    /// `trueup` of a database where no PostgreSQL binaries can be found.
    pub(crate) fn without_postgres<I: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = I>,
        at: &(impl Address + ?Sized),
    ) -> Program {
        let nothing = self.path().join("nothing");
        fs::create_dir_all(&nothing).unwrap();
        self.trueup(args, at).env("PATH", &nothing).env("TRUEUP_PG_BIN", &nothing)
    }

    /// The binary in this project, with everything of PostgreSQL in reach.
    pub(crate) fn trueup<I: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = I>,
        at: &(impl Address + ?Sized),
    ) -> Program {
        support::trueup(args).current_dir(self.path()).env("DATABASE_URL", at.url())
    }
}

/// The compiled reference project and a database with [`DRIFT`].
pub(crate) struct Site {
    pub(crate) project: Project,
    pub(crate) database: TestDatabase,
}

impl Site {
    /// On the server that the tests share.
    pub(crate) fn with_drift() -> Self {
        Self::on(support::database())
    }

    /// In a certain database.
    pub(crate) fn on(database: TestDatabase) -> Self {
        let project = Project::reference();
        project.compile();
        project.build(&database);
        database.exec(DRIFT);
        Self { project, database }
    }

    /// A check that answers in JSON.
    pub(crate) fn check(&self, at: &(impl Address + ?Sized)) -> Program {
        self.project.check(at).args(["--format", "json"])
    }

    /// Checks as the owner; fails when that does not work or finds nothing.
    #[track_caller]
    pub(crate) fn findings(&self) -> Vec<String> {
        let found = self.check(&self.database).run().findings();
        let codes: Vec<_> = found.iter().map(|line| line.split(' ').next().unwrap()).collect();
        assert_eq!(codes, ["column.default", "column.nullability", "index.missing"], "{found:?}");
        found
    }
}

impl Program {
    /// Runs a check that answers in JSON; what it found, as [`Ran::findings`] has it.
    #[track_caller]
    pub(crate) fn findings(self) -> Vec<String> {
        self.run().findings()
    }
}

impl Ran {
    /// The findings of a report, sorted, each with its values: what has to be equal when nothing changed.
    #[track_caller]
    pub(crate) fn findings(&self) -> Vec<String> {
        let document = self.document();
        let Some(findings) = document["findings"].as_array() else { panic!("no findings: {document:#}") };
        assert_eq!(document["exit_code"], u64::from(!findings.is_empty()), "{document:#}");
        let mut lines: Vec<_> = findings
            .iter()
            .map(|one| {
                let text = |key: &str| one[key].as_str().unwrap_or_default().to_owned();
                let rest = [&one["attributes"], &one["cause"], &one["remedy"]];
                format!("{} {} {}", text("code"), text("object"), rest.map(ToString::to_string).join(" "))
            })
            .collect();
        lines.sort();
        lines
    }
}

/// What says which database is meant: itself, or a URL.
pub(crate) trait Address {
    fn url(&self) -> &str;
}

impl Address for TestDatabase {
    fn url(&self) -> &str {
        Self::url(self)
    }
}

impl Address for str {
    fn url(&self) -> &str {
        self
    }
}

impl Address for String {
    fn url(&self) -> &str {
        self
    }
}

impl<A: Address + ?Sized> Address for &A {
    fn url(&self) -> &str {
        (**self).url()
    }
}
