//! `trueup check --fix`: what was changed by hand is brought back on the live database.

mod killed;
mod others;
mod page;
mod reports;
mod rights;
mod script;
mod steps;

use std::fs;

use crate::support::program::Program;
use crate::support::project::{Project, SETTINGS};
use crate::support::{self, TestDatabase};

/// What the migration builds and the schema declares.
const BASE: &str = "CREATE TABLE users (
    id bigint PRIMARY KEY,
    email varchar(100) NOT NULL,
    name text NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX users_email_idx ON users (email);
CREATE TABLE orders (
    id bigint PRIMARY KEY,
    user_id bigint NOT NULL REFERENCES users (id),
    amount numeric CHECK (amount > 0)
);
CREATE VIEW names AS SELECT id, name FROM users;
CREATE FUNCTION next(x int) RETURNS int LANGUAGE sql AS 'SELECT x + 1';
";

const ROWS: &str = "INSERT INTO users SELECT i, 'u' || i, 'n' || i FROM generate_series(1, 100) i;
    INSERT INTO orders SELECT i, i, i FROM generate_series(1, 100) i;";

/// What somebody does by hand, of which nothing is lost when it is brought back.
const DRIFT: &str = "DROP INDEX users_email_idx;
    ALTER TABLE users ALTER email DROP NOT NULL;
    ALTER TABLE orders DROP CONSTRAINT orders_user_id_fkey;
    CREATE OR REPLACE VIEW names AS SELECT id, name, email FROM users;
    CREATE OR REPLACE FUNCTION next(x int) RETURNS int LANGUAGE sql AS 'SELECT x + 2';
    CREATE INDEX by_hand ON orders (amount);";

/// A step is given up soon by whom it waits for.
const SHORT: &str =
    "[migrations]\nlock_timeout = \"300ms\"\nlock_budget = \"1s\"\noutside_lock_budget = \"2s\"\n";

/// A project, and its database with rows.
struct Site {
    project: Project,
    database: TestDatabase,
}

impl Site {
    fn with(drift: &str) -> Self {
        let project = at_first(BASE, &format!("{SETTINGS}{SHORT}")).expect("it compiles");
        let database = support::database();
        project.build(&database);
        database.exec(ROWS);
        database.exec(drift);
        Self { project, database }
    }

    fn fix(&self) -> Program {
        self.fix_at(self.database.url())
    }

    fn fix_at(&self, url: &str) -> Program {
        self.project.trueup(["check", "--fix"], url)
    }

    fn check(&self) -> Program {
        self.project.check(self.database.url())
    }

    /// Every row is there, and a check finds nothing.
    #[track_caller]
    fn is_whole(&self) {
        assert_eq!(
            self.database.value("SELECT (SELECT count(*) FROM users) + (SELECT count(*) FROM orders)"),
            "200"
        );
        self.check().exit(0);
    }

    /// Whether this holds in the database.
    fn holds(&self, condition: &str) -> bool {
        self.database.value(&format!("SELECT {condition}")) == "t"
    }

    fn has_records(&self) -> bool {
        self.holds("to_regnamespace('trueup') IS NOT NULL")
    }
}

/// A compiled project whose first migration builds what its schema declares; `None` where it does not.
fn at_first(declared: &str, settings: &str) -> Option<Project> {
    let project = Project::of_schema(declared);
    fs::create_dir(project.path().join("migrations")).unwrap();
    fs::write(project.path().join("migrations/V1__base.sql"), declared).unwrap();
    fs::write(project.path().join("trueup.toml"), settings).unwrap();
    (compile(&project).run().code() == Some(0)).then_some(project)
}

fn compile(project: &Project) -> Program {
    project.trueup(["compile"], "").env("TRUEUP_PG_BIN", &support::server().bin_dir)
}
