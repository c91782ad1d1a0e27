//! Data checks and their repairs: whatever is killed, locked, changed or hidden meanwhile, every row is right in the end, and
//! can be given back.

mod answers;
mod backed;
mod boundaries;
mod broken;
mod files;
mod hidden;
mod kinds;
mod left_running;
mod meanwhile;
mod paused;
mod reading;
mod refused;
mod undone;

use std::ffi::OsStr;
use std::fs;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::other::Other;
use crate::support::program::Program;
use crate::support::project::{Project, SETTINGS};
use crate::support::{self, TestDatabase, wait_for};

/// Keys, most of which have nobody, and the users that they are of.
const SHOP: &str = "CREATE TABLE public.users (id bigint PRIMARY KEY, email text NOT NULL);
CREATE TABLE public.keys (
    id bigint PRIMARY KEY,
    owner text,
    user_id bigint REFERENCES public.users,
    note text
);
";

/// What finds and repairs them.
const KEYS: &str = "-- title: Every key has a user
-- table: public.keys
-- key: id
-- show: owner
-- find:
SELECT id, owner FROM keys WHERE user_id IS NULL;
-- fix: by_owner   The user whose address it is
SELECT k.id, u.id AS user_id FROM keys k JOIN users u ON u.email = k.owner WHERE k.user_id IS NULL;
";

/// A batch is given up soon by whom it waits for.
const SHORT: &str = "[repair]\nlock_timeout = \"200ms\"\n[migrations]\nlock_budget = \"2s\"\n[database]\nconnect_timeout = \"3s\"\n";

/// A project with data checks, and its database.
struct Shop {
    project: Project,
    database: TestDatabase,
}

impl Shop {
    /// So many keys without a user, and one with.
    fn of(keys: usize) -> Self {
        let shop = Self::with(SHOP, &[("keys", KEYS)]);
        shop.database.exec(&format!(
            "INSERT INTO users SELECT n, 'u' || n FROM generate_series(0, 9) AS n;
             INSERT INTO keys SELECT n, 'u' || n % 10, NULL, 'n' || n FROM generate_series(1, {keys}) AS n;
             INSERT INTO keys VALUES (0, 'u1', 2, 'right as it is')"
        ));
        shop.keep("keys");
        shop
    }

    /// Any schema, any checks.
    fn with(schema: &str, checks: &[(&str, &str)]) -> Self {
        Self::at(support::database(), schema, checks)
    }

    fn at(database: TestDatabase, schema: &str, checks: &[(&str, &str)]) -> Self {
        let shop = Self { project: Project::of_schema(""), database };
        shop.settings(SHORT);
        shop.checks(checks);
        shop.database.exec(schema);
        shop
    }

    /// Writes these checks, and no others.
    fn checks(&self, checks: &[(&str, &str)]) {
        let dir = self.project.path().join("checks");
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir(&dir).unwrap();
        for (name, text) in checks {
            fs::write(dir.join(format!("{name}.sql")), text).unwrap();
        }
    }

    /// What `trueup.toml` says besides [`SETTINGS`].
    fn settings(&self, more: &str) {
        fs::write(self.project.path().join("trueup.toml"), format!("{SETTINGS}{more}")).unwrap();
    }

    /// A copy of a table, to be held against what comes of it.
    fn keep(&self, table: &str) {
        self.database.exec(&format!(
            "CREATE SCHEMA IF NOT EXISTS kept; DROP TABLE IF EXISTS kept.{table}; CREATE TABLE kept.{table} AS TABLE {table}"
        ));
    }

    /// How many rows of a table are not, byte by byte, as they were kept.
    fn differing(&self, table: &str) -> String {
        self.database.value(&format!(
            "SELECT count(*) FROM {table} AS row_now FULL JOIN kept.{table} AS row_kept USING (id)
             WHERE record_image_eq(row_now, row_kept) IS NOT TRUE"
        ))
    }

    #[track_caller]
    fn as_before(&self) {
        assert_eq!(self.differing("keys"), "0", "every row is as it was");
    }

    /// Whether every key has the user that it is to have, and nothing else has changed.
    #[track_caller]
    fn all_right(&self) {
        let wrong = "SELECT count(*) FROM keys AS t FULL JOIN kept.keys AS k USING (id)
            WHERE (t.id IS NULL OR k.id IS NULL OR t.owner <> k.owner OR t.note IS DISTINCT FROM k.note
                OR t.user_id IS DISTINCT FROM COALESCE(k.user_id, substr(k.owner, 2)::bigint))";
        assert_eq!(self.database.value(wrong), "0", "every key has its user");
    }

    /// Keys without a user.
    fn orphans(&self) -> usize {
        self.database.value("SELECT count(*) FROM keys WHERE user_id IS NULL").parse().unwrap()
    }

    fn trueup<I: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = I>) -> Program {
        self.project.trueup(args, &self.database)
    }

    fn trueup_at(&self, url: &str, args: &[&str]) -> Program {
        self.project.trueup(args, url)
    }

    fn fix(&self) -> Program {
        self.trueup(["verify", "--fix", "--yes"])
    }

    fn verify(&self) -> Program {
        self.trueup(["verify"])
    }

    fn undo(&self, run: &str) -> Program {
        self.trueup(["undo", run, "--yes"])
    }

    /// The document of a command that ends so.
    #[track_caller]
    fn document(&self, args: &[&str], code: i32) -> Value {
        self.trueup(args).args(["--format", "json"]).exit(code).document()
    }

    /// The runs that repaired something, the last first.
    fn runs(&self) -> Vec<String> {
        if self.database.value("SELECT to_regclass('trueup.repairs') IS NULL") == "t" {
            return Vec::new();
        }
        let rows = self.database.query("SELECT DISTINCT run FROM trueup.repairs ORDER BY run DESC");
        rows.into_iter().map(|mut row| row.remove(0).unwrap()).collect()
    }

    /// Takes every run back, the last first.
    #[track_caller]
    fn undo_all(&self) {
        for run in self.runs() {
            self.undo(&run).exit(0);
        }
    }

    /// What the records say was changed.
    fn recorded(&self) -> String {
        self.database.value("SELECT COALESCE(sum(changed), 0) FROM trueup.repairs")
    }

    /// Tables of plans.
    fn plans(&self) -> String {
        self.database
            .value("SELECT count(*) FROM pg_class WHERE relname ~ '^repair_.*[0-9]$' AND relkind = 'r'")
    }
}

/// Whether a message of a run writes a batch of keys.
fn writes(message: &str) -> bool {
    message.contains("UPDATE public.keys") || message.contains("INSERT INTO public.keys")
}

/// Waits until the run sleeps in a message of its own.
#[track_caller]
fn wait_until_it_sleeps(database: &TestDatabase) {
    let sql =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
    wait_for("a run that sleeps", || database.value(sql) != "0");
}

/// Waits until the server has noticed that nobody is there.
#[track_caller]
fn wait_until_it_is_gone(database: &TestDatabase) {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
        AND application_name LIKE 'trueup/%'";
    wait_for("the end of a run's sessions", || database.value(sql) == "0");
}
