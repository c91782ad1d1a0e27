//! `trueup compile` with footprints beside the same without them. The program has no switch for that, so this program
//! compiles by the library, in processes of its own.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use trueup::model::{CompiledProject, CompiledSettings, Sources, compile};
use trueup::postgres::scratch::{Scratch, ScratchOptions};

use crate::measure;
use crate::migrations;
use crate::project::Project;
use crate::server::Server;
use crate::table::{Figure, time};

/// What makes this program compile: with `true` or `false` for footprints, PostgreSQL's programs, and the project.
pub(crate) const FLAG: &str = "--compile-with-footprints";

/// What the footprints may add.
const FOOTPRINTS_TIME: f64 = 1.15;
/// How many migrations.
const MIGRATIONS: usize = 400;
/// How many pairs.
const ROUNDS: usize = 5;

pub(crate) fn figure(server: &Server) -> Result<Figure> {
    let project = Project::of_migrations(server, "footprints", &migrations::small(MIGRATIONS))?;
    std::fs::remove_dir_all(project.path().join("schema"))?;
    let compile = |footprints: bool| -> Result<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(FLAG).arg(footprints.to_string()).arg(server.bin_dir()).arg(project.path());
        Ok(command)
    };
    let costs = measure::alternating(ROUNDS, |_| Ok(()), [&compile(true)?, &compile(false)?])?;
    Ok(time(
        &format!("{MIGRATIONS} small migrations: compiled with footprints beside without"),
        costs,
        FOOTPRINTS_TIME,
    ))
}

/// The other side of [`figure`].
pub(crate) fn compile_once(mut args: impl Iterator<Item = OsString>) -> Result<()> {
    let mut next = || args.next().context("an argument");
    let footprints = next()? == "true";
    let bin_dir = Some(PathBuf::from(next()?));
    let directory = next()?;
    let directory = Path::new(&directory);
    let sources = Sources::read(directory, &directory.join("migrations"))?;
    let settings = CompiledSettings { search_path: "public, pg_temp".into(), ..CompiledSettings::default() };
    let project =
        CompiledProject { directory, sources: &sources, settings: &settings, states: None, footprints };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut scratch = Scratch::start(&ScratchOptions { bin_dir, ..ScratchOptions::default() }).await?;
        let compiled = compile(project, &mut scratch, None, &mut |_| {}).await;
        scratch.stop().await?;
        compiled.map(drop)
    })
}
