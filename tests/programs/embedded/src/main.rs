//! Migrates a database as an application does at its start that embeds refinery, and says what it did.
//!
//! `embedded URL DIRECTORY [VERSION]`: one line on standard output for every migration that was applied.

use std::error::Error;

use postgres::{Client, NoTls};
use refinery::{Runner, Target, load_sql_migrations};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().ok_or("no URL")?;
    let directory = arguments.next().ok_or("no directory")?;
    let mut runner = Runner::new(&load_sql_migrations(directory)?);
    if let Some(version) = arguments.next() {
        runner = runner.set_target(Target::Version(version.parse()?));
    }
    let mut client = Client::connect(&url, NoTls)?;
    for migration in runner.run(&mut client)?.applied_migrations() {
        println!("{migration}");
    }
    Ok(())
}
