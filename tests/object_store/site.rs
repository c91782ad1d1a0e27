//! A database, a project whose backups go into a bucket, and credentials that must be seen nowhere.

use tempfile::TempDir;

use super::server::Bucket;
use crate::support::program::{Program, Ran};
use crate::support::{self, TestDatabase};

/// What a request may take in these tests, on a machine that does much else.
const TIMEOUT: &str = "20s";

pub(crate) struct Site {
    dir: TempDir,
    database: TestDatabase,
    secret: String,
    token: String,
}

impl Site {
    /// A database whose archive has about so many MB.
    pub(crate) fn of(megabytes: usize) -> Self {
        let database = support::database();
        // 10 kB a row; the server stores them compressed, the archive does not.
        database.exec(&format!(
            "CREATE TABLE public.filler AS SELECT id, pg_catalog.repeat(pg_catalog.md5(id::text), 320) AS text \
             FROM pg_catalog.generate_series(1, {}) AS id",
            megabytes * 100
        ));
        let process = std::process::id();
        let (secret, token) = (format!("canary{process}secret"), format!("canary{process}token"));
        Self { dir: tempfile::tempdir().unwrap(), database, secret, token }
    }

    /// The URL of a database of this name on the same server, and whether there is one.
    pub(crate) fn beside(&self, name: &str) -> (String, impl Fn() -> bool + '_) {
        let name = format!("{}_{name}", self.database.name());
        let mut url = url::Url::parse(self.database.url()).unwrap();
        url.set_path(&name);
        let sql = format!("SELECT count(*) FROM pg_database WHERE datname LIKE '{name}%'");
        (url.into(), move || self.database.value(&sql) != "0")
    }

    /// Changes the database.
    pub(crate) fn exec(&self, sql: &str) {
        self.database.exec(sql);
    }

    pub(crate) fn secret(&self) -> &str {
        &self.secret
    }

    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// Writes `trueup.toml`.
    pub(crate) fn settings(&self, bucket: &Bucket, endpoint: &str, more: &str) {
        let timeout = if more.contains("store_timeout") {
            String::new()
        } else {
            format!("store_timeout = \"{TIMEOUT}\"\n")
        };
        let toml = format!(
            "[project]\nname = \"objects\"\n[backup]\nstore = \"s3://{}/some/place\"\nendpoint = \"{endpoint}\"\n\
             region = \"eu-west-1\"\ncompression = \"none\"\n{timeout}{more}\n",
            bucket.name
        );
        std::fs::write(self.dir.path().join("trueup.toml"), toml).unwrap();
    }

    /// The binary, with credentials.
    pub(crate) fn trueup(&self, args: &[&str]) -> Program {
        self.without_credentials(args)
            .env("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", &self.secret)
            .env("AWS_SESSION_TOKEN", &self.token)
    }

    pub(crate) fn without_credentials(&self, args: &[&str]) -> Program {
        support::trueup(args).current_dir(self.dir.path()).env("DATABASE_URL", self.database.url())
    }

    /// Runs it with credentials.
    #[track_caller]
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        self.unseen(self.trueup(args))
    }

    /// Runs it; the credentials are seen nowhere.
    #[track_caller]
    pub(crate) fn unseen(&self, program: Program) -> Ran {
        let ran = program.run().lacks([self.secret.as_str(), &self.token]);
        for entry in self.dir.path().read_dir().unwrap().flatten() {
            let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
            assert!(!text.contains(&self.secret) && !text.contains(&self.token), "{:?}", entry.path());
        }
        ran
    }

    /// The identifiers that are listed.
    #[track_caller]
    pub(crate) fn listed(&self) -> Vec<String> {
        let document = self.run(&["backup", "list", "--format", "json"]).exit(0).json();
        let backups = document["backups"].as_array().unwrap_or_else(|| panic!("{document}"));
        backups.iter().map(|backup| backup["id"].as_str().unwrap().to_owned()).collect()
    }
}
