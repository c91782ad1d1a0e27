//! `trueup check` beside `pg_dump --schema-only` and `psql`, whole processes in one run, and the binary itself. Prints
//! one table of medians and ratios; fails when a ratio is above its limit.
//!
//! `TRUEUP_BENCH_SIZES=1000` leaves out the larger schema. `TRUEUP_BENCH_SIZES=` leaves only what is small.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints")]

mod linkage;
mod measure;
mod project;
mod schema;
mod server;
mod table;

use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context as _, Result};
use trueup::scratch::{Scratch, ScratchOptions};

use measure::Cost;
use project::{Project, binary};
use server::Server;
use table::Figure;

/// What `check` may take of the time of `pg_dump --schema-only`.
const CHECK_TIME: f64 = 0.25;
/// What a `check` of a small project may take of the time of `psql -c 'select 1'`.
const SMALL_CHECK_TIME: f64 = 1.5;
/// What `trueup --version` may take of the time of `true`.
const START_TIME: f64 = 10.0;
/// The largest binary, in bytes.
const BINARY_SIZE: u64 = 20_000_000;

fn main() -> Result<ExitCode> {
    let mut args = std::env::args_os().skip(1);
    if args.next().is_some_and(|arg| arg == measure::FLAG) {
        let status = measure::measure_one_process(args)?;
        return Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let mut figures = vec![size()?, linkage::figure()?, start()?];
    let server = server()?;
    figures.push(small(&server)?);
    for tables in sizes()? {
        figures.extend(generated(&server, tables)?);
    }
    print!("\n{}", table::markdown(&figures));
    let hold = figures.iter().all(Figure::holds);
    Ok(if hold { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[allow(clippy::disallowed_methods, reason = "a benchmark is told by variables")]
fn sizes() -> Result<Vec<usize>> {
    let text = std::env::var("TRUEUP_BENCH_SIZES").unwrap_or_else(|_| "1000,10000".to_owned());
    let numbers = text.split(',').map(str::trim).filter(|number| !number.is_empty());
    numbers.map(|number| number.parse().context("TRUEUP_BENCH_SIZES: numbers of tables")).collect()
}

/// A server of the programs that a scratch server would be of.
#[allow(clippy::disallowed_methods, reason = "a benchmark is told by variables")]
fn server() -> Result<Server> {
    let bin_dir = std::env::var_os("TRUEUP_PG_BIN").map(Into::into);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let bin_dir = runtime.block_on(async {
        let scratch = Scratch::start(&ScratchOptions { bin_dir, major: None, url: None }).await?;
        let bin_dir = scratch.bin_dir().context("a local server")?.to_owned();
        scratch.stop().await?;
        anyhow::Ok(bin_dir)
    })?;
    Server::start(&bin_dir)
}

fn size() -> Result<Figure> {
    let size = binary().metadata()?.len();
    Ok(Figure {
        what: "size of the binary".to_owned(),
        ours: megabytes(size),
        reference: megabytes(BINARY_SIZE),
        ratio: size as f64 / BINARY_SIZE as f64,
        limit: 1.0,
    })
}

fn start() -> Result<Figure> {
    let mut ours = Command::new(binary());
    ours.arg("--version");
    let costs = measure::pairs(&ours, &Command::new("/bin/true"), 51)?;
    Ok(time("`trueup --version` beside `true`", costs, START_TIME))
}

fn small(server: &Server) -> Result<Figure> {
    let project = Project::reference(server, "reference")?;
    let mut psql = server.program("psql");
    psql.args(["-X", "-d", &project.url, "-c", "select 1"]);
    let costs = measure::pairs(&project.check(), &psql, 51)?;
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

fn time(what: &str, [ours, reference]: [Cost; 2], limit: f64) -> Figure {
    let text = |cost: Cost| format!("{:.1} ms", cost.time.as_secs_f64() * 1e3);
    Figure {
        what: what.to_owned(),
        ours: text(ours),
        reference: text(reference),
        ratio: ours.time.as_secs_f64() / reference.time.as_secs_f64(),
        limit,
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
