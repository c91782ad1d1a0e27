//! trueup's commands beside the programs that come with PostgreSQL, whole processes in one run, and the binary itself.
//! Prints one table of medians and ratios; fails when a ratio is above its limit.
//!
//! `TRUEUP_BENCH=check,compile,upgrade,status,ready,backup,repair,estimate,lint` names what is measured. `TRUEUP_BENCH_SIZES=1000` leaves out `check`'s larger
//! schema, `TRUEUP_BENCH_SIZES=` leaves only what is small.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints")]

mod backup;
mod binary;
mod check;
mod compile;
mod estimate;
mod footprints;
mod linkage;
mod lint;
mod measure;
mod migrations;
mod project;
mod ready;
mod repair;
mod schema;
mod server;
mod status;
mod table;
mod upgrade;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use trueup::postgres::scratch::{Scratch, ScratchOptions};

use server::{Locks, Server};
use table::Figure;

/// The part of a table that a name stands for.
type Room = fn(&Server) -> Result<Vec<Figure>>;

/// What can be measured on a server.
const ROOMS: [(&str, Locks, Room); 9] = [
    // `pg_dump` locks 10,000 tables in one transaction.
    ("check", Locks::Many, check::figures),
    ("compile", Locks::Default, compile::figures),
    ("upgrade", Locks::Default, upgrade::figures),
    ("status", Locks::Default, status::figures),
    ("ready", Locks::Default, ready::figures),
    ("backup", Locks::Default, backup::figures),
    ("repair", Locks::Default, repair::figures),
    ("estimate", Locks::Default, estimate::figures),
    ("lint", Locks::Default, lint::figures),
];

#[allow(clippy::disallowed_methods, reason = "a benchmark is told by variables")]
fn main() -> Result<ExitCode> {
    let mut args = std::env::args_os().skip(1);
    match args.next() {
        Some(arg) if arg == measure::FLAG => {
            let status = measure::measure_one_process(args)?;
            return Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Some(arg) if arg == footprints::FLAG => {
            return footprints::compile_once(args).map(|()| ExitCode::SUCCESS);
        }
        _ => {}
    }
    let wanted = std::env::var("TRUEUP_BENCH").ok();
    let is_wanted =
        |name: &str| wanted.as_ref().is_none_or(|wanted| wanted.split(',').any(|one| one.trim() == name));
    let mut figures = binary::figures()?;
    let bin_dir = programs()?;
    for (_, locks, room) in ROOMS.into_iter().filter(|(name, ..)| is_wanted(name)) {
        figures.extend(room(&Server::start(&bin_dir, locks)?)?);
    }
    print!("\n{}", table::markdown(&figures));
    let hold = figures.iter().all(Figure::holds);
    Ok(if hold { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The programs that a scratch server would be of.
#[allow(clippy::disallowed_methods, reason = "a benchmark is told by variables")]
fn programs() -> Result<PathBuf> {
    let bin_dir = std::env::var_os("TRUEUP_PG_BIN").map(Into::into);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let scratch = Scratch::start(&ScratchOptions { bin_dir, ..Default::default() }).await?;
        let bin_dir = scratch.bin_dir().context("a local server")?.to_owned();
        scratch.stop().await?;
        anyhow::Ok(bin_dir)
    })
}
