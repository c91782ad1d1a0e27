//! `trueup upgrade` beside `psql`, which runs the same statements from one script: each migration in a transaction of
//! its own, with its row of the history.

use std::fmt::Write as _;

use anyhow::{Result, ensure};

use crate::measure;
use crate::migrations;
use crate::project::{HISTORY_TABLE, Project, history_row};
use crate::server::Server;
use crate::table::{Figure, time};

/// What `upgrade` may take of psql's time.
const UPGRADE_TIME: f64 = 1.25;
/// How many migrations.
const MIGRATIONS: usize = 1000;
/// How many pairs.
const ROUNDS: usize = 5;
/// The database, made anew for each of them.
const DATABASE: &str = "upgrade";

pub(crate) fn figures(server: &Server) -> Result<Vec<Figure>> {
    let mut project = Project::of_migrations(server, DATABASE, &migrations::small(MIGRATIONS))?;
    project.compile()?;
    eprintln!("{MIGRATIONS} migrations: compiled in {:.1} s", project.compiled_in.as_secs_f64());
    let mut script = format!("{HISTORY_TABLE};\n");
    for migration in &project.migrations()? {
        let _ = write!(script, "BEGIN;\n{}{};\nCOMMIT;\n", migration.sql, history_row(migration));
    }
    let script = project.file("migrations.psql", &script)?;
    let mut psql = server.program("psql");
    psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &project.url, "-f"]).arg(script);
    let mut begun = false;
    let fresh = |_| {
        if begun {
            all_applied(server)?;
        }
        begun = true;
        server.drop_database(DATABASE)?;
        server.create_database(DATABASE, &[])
    };
    let costs = measure::alternating(ROUNDS, fresh, [&project.upgrade(), &psql])?;
    all_applied(server)?;
    let what = format!("{MIGRATIONS} small migrations: `upgrade` beside the same in one `psql -f`");
    Ok(vec![time(&what, costs, UPGRADE_TIME)])
}

/// A run that did not do its work would be a fast one.
fn all_applied(server: &Server) -> Result<()> {
    let rows = server.statement(DATABASE, "SELECT count(*) FROM public.refinery_schema_history")?;
    ensure!(rows == MIGRATIONS.to_string(), "{rows} migrations are applied");
    Ok(())
}
