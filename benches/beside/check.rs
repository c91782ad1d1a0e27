//! `trueup check` beside `pg_dump --schema-only` and `psql`.

use std::time::Instant;

use anyhow::{Context as _, Result};

use crate::measure;
use crate::project::Project;
use crate::schema;
use crate::server::Server;
use crate::table::{Figure, megabytes, time};

/// What `check` may take of the time of `pg_dump --schema-only`.
const CHECK_TIME: f64 = 0.25;
/// What a `check` of a small project may take of the time of `psql -c 'select 1'`.
const SMALL_CHECK_TIME: f64 = 1.5;

/// Of a few milliseconds each: so many that what else the machine does evens out.
const SMALL_PAIRS: usize = 201;

pub(crate) fn figures(server: &Server) -> Result<Vec<Figure>> {
    let mut figures = vec![small(server)?];
    for tables in sizes()? {
        figures.extend(generated(server, tables)?);
    }
    Ok(figures)
}

#[allow(clippy::disallowed_methods, reason = "a benchmark is told by variables")]
fn sizes() -> Result<Vec<usize>> {
    let text = std::env::var("TRUEUP_BENCH_SIZES").unwrap_or_else(|_| "1000,10000".to_owned());
    let numbers = text.split(',').map(str::trim).filter(|number| !number.is_empty());
    numbers.map(|number| number.parse().context("TRUEUP_BENCH_SIZES: numbers of tables")).collect()
}

fn small(server: &Server) -> Result<Figure> {
    let project = Project::reference(server, "reference")?;
    let mut psql = server.program("psql");
    psql.args(["-X", "-d", &project.url, "-c", "select 1"]);
    let costs = measure::pairs(&project.check(), &psql, SMALL_PAIRS)?;
    Ok(time("reference project: `check` beside `psql -c 'select 1'`", costs, SMALL_CHECK_TIME))
}

fn generated(server: &Server, tables: usize) -> Result<[Figure; 2]> {
    let begin = Instant::now();
    let project = Project::generated(server, &format!("tables_{tables}"), &schema::ddl(tables))?;
    let made_in = (begin.elapsed() - project.compiled_in).as_secs_f64();
    let compiled_in = project.compiled_in.as_secs_f64();
    let lock = megabytes(project.lock_size()?);
    eprintln!(
        "{tables} tables: made in {made_in:.1} s, compiled in {compiled_in:.1} s, trueup.lock of {lock}"
    );
    let mut pg_dump = server.program("pg_dump");
    pg_dump.args(["--schema-only", "--no-password", "-d", &project.url]);
    let costs = measure::pairs(&project.check(), &pg_dump, 5)?;
    let what = format!("{tables} tables: `check` beside `pg_dump --schema-only`");
    let [ours, reference] = costs.map(|cost| cost.memory);
    let memory = Figure {
        what: format!("{what}, peak memory"),
        ours: megabytes(ours * 1024),
        reference: megabytes(reference * 1024),
        ratio: ours as f64 / reference as f64,
        limit: 1.0,
    };
    Ok([time(&what, costs, CHECK_TIME), memory])
}
