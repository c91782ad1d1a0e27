//! How long a plan says that statements take, beside how long they took: rewrites, index builds, validations and updates of
//! 100,000, 1,000,000 and 5,000,000 rows, each by `trueup upgrade --dry-run` and `trueup upgrade`.
//!
//! `TRUEUP_BENCH_ROWS=100000` names other numbers of rows.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::migrations::Script;
use crate::project::Project;
use crate::server::Server;
use crate::table::Figure;

/// The share of true times that may lie outside of what was said.
const OUTSIDE: f64 = 0.1;

const TABLES: &str = "CREATE TABLE public.parents (id bigint PRIMARY KEY);\n\
    CREATE TABLE public.items (id bigint, n int, email text, created timestamptz, note text);\n";

/// A migration each, in this order.
const STATEMENTS: [&str; 12] = [
    "ALTER TABLE items ADD CHECK (n >= 0);",
    "ALTER TABLE items ALTER COLUMN email SET NOT NULL;",
    "ALTER TABLE items ADD PRIMARY KEY (id);",
    "CREATE INDEX items_n ON items (n);",
    "CREATE INDEX items_email ON items (lower(email));",
    "ALTER TABLE items ALTER COLUMN n TYPE bigint;",
    "ALTER TABLE items ADD COLUMN r float8 DEFAULT random();",
    "ALTER TABLE items ADD CONSTRAINT items_parent FOREIGN KEY (n) REFERENCES parents NOT VALID;",
    "ALTER TABLE items VALIDATE CONSTRAINT items_parent;",
    "UPDATE items SET r = 1;",
    "UPDATE items SET email = email || 'x';",
    "ALTER TABLE items SET UNLOGGED;",
];

pub(crate) fn figures(server: &Server) -> Result<Vec<Figure>> {
    let (mut inside, mut all) = (0, 0);
    for rows in row_counts()? {
        for one in Timed::all(server, rows)? {
            eprintln!("{rows} rows: {one}");
            all += 1;
            inside += usize::from(one.is_inside());
        }
    }
    ensure!(all > 0, "nothing was estimated");
    let outside = (all - inside) as f64 / all as f64;
    Ok(vec![Figure {
        what: format!("{all} statements on up to 5,000,000 rows: true times outside of what the plan said"),
        ours: format!("{} of {all}", all - inside),
        reference: format!("{:.0} %", OUTSIDE * 100.0),
        ratio: outside / OUTSIDE,
        limit: 1.0,
    }])
}

#[allow(clippy::disallowed_methods, reason = "a benchmark is told by variables")]
fn row_counts() -> Result<Vec<u64>> {
    let text = std::env::var("TRUEUP_BENCH_ROWS").unwrap_or_else(|_| "100000,1000000,5000000".to_owned());
    let numbers = text.split(',').map(str::trim).filter(|number| !number.is_empty());
    numbers.map(|number| number.parse().context("TRUEUP_BENCH_ROWS: numbers of rows")).collect()
}

/// A statement, what was said of it, and how long it took.
struct Timed {
    statement: &'static str,
    low: f64,
    high: f64,
    took: f64,
}

impl Timed {
    fn all(server: &Server, rows: u64) -> Result<Vec<Self>> {
        let database = format!("estimate_{rows}");
        let mut scripts = vec![Script { version: 1, name: "tables".to_owned(), sql: TABLES.to_owned() }];
        scripts.extend(STATEMENTS.iter().enumerate().map(|(index, sql)| Script {
            version: index + 2,
            name: "m".to_owned(),
            sql: format!("{sql}\n"),
        }));
        let mut project = Project::of_migrations(server, &database, &scripts)?;
        std::fs::remove_dir_all(project.path().join("schema"))?;
        let toml = "[project]\nname = \"bench\"\n[backup]\nrequired = \"never\"\n[migrations]\nmax_duration = \"5h\"\n";
        project.file("trueup.toml", toml)?;
        project.compile()?;
        server.create_database(&database, &[])?;
        document(project.upgrade().args(["--to", "1"]))?;
        let fill = format!(
            "INSERT INTO parents SELECT generate_series(0, 999); \
             INSERT INTO items SELECT i, i % 1000, md5(i::text) || '@example.com', now(), repeat(md5(i::text), 3) \
             FROM generate_series(1, {rows}) AS i"
        );
        server.statement(&database, &fill)?;
        let mut timed = Vec::new();
        for (index, statement) in STATEMENTS.into_iter().enumerate() {
            for settle in ["VACUUM ANALYZE", "CHECKPOINT"] {
                server.statement(&database, settle)?;
            }
            let to = (index + 2).to_string();
            let plan = document(project.upgrade().args(["--dry-run", "--to", &to]))?;
            let done = document(project.upgrade().args(["--to", &to]))?;
            let footprints = plan["plan"]["steps"][0]["footprints"].as_array();
            let mut estimates = footprints.into_iter().flatten().map(|footprint| &footprint["estimate"]);
            // What does nothing to rows has none.
            let Some(estimate) = estimates.rfind(|estimate| !estimate.is_null()) else {
                continue;
            };
            let number = |value: &Value| value.as_f64().with_context(|| format!("{statement}: {value}"));
            timed.push(Self {
                statement,
                low: number(&estimate["low_s"])?,
                high: number(&estimate["high_s"])?,
                took: number(&done["applied"][0]["milliseconds"])? / 1000.0,
            });
        }
        server.drop_database(&database)?;
        Ok(timed)
    }

    fn is_inside(&self) -> bool {
        (self.low..=self.high).contains(&self.took)
    }
}

impl std::fmt::Display for Timed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { statement, low, high, took } = self;
        let verdict = if self.is_inside() { "" } else { "  OUTSIDE" };
        write!(f, "{took:.2} s of {low} to {high} s: {statement}{verdict}")
    }
}

/// The report of a command that ends well.
fn document(command: &mut Command) -> Result<Value> {
    let output = command.args(["--format", "json"]).output()?;
    ensure!(
        output.status.success(),
        "{command:?}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(serde_json::from_slice(&output.stdout)?)
}
