//! `trueup status` beside `psql`, which prints the history.

use std::fmt::Write as _;

use anyhow::Result;
use trueup::writer::SCHEMA;

use crate::measure;
use crate::migrations;
use crate::project::{Project, history};
use crate::server::Server;
use crate::table::{Figure, time};

/// What `status` may take of the time of `psql -c` with the history's query.
const STATUS_TIME: f64 = 2.0;
/// How many migrations are applied.
const APPLIED: usize = 10_000;
const DATABASE: &str = "status";
/// What psql prints.
const HISTORY: &str =
    "SELECT version, name, applied_on, checksum FROM public.refinery_schema_history ORDER BY version";

pub(crate) fn figures(server: &Server) -> Result<Vec<Figure>> {
    let project = Project::of_migrations(server, DATABASE, &migrations::small(APPLIED))?;
    let files = project.migrations()?;
    // As runs of `upgrade` would have left it: what the migrations made does not matter to either of the two.
    let mut records = format!("BEGIN;\n{}{SCHEMA}", history(&files));
    records.push_str(
        "INSERT INTO trueup.mark (layout, project, run) VALUES (1, 'bench', 'r');\n\
         INSERT INTO trueup.runs (id, command, arguments, version, os_user, os_host, system_identifier, timeline, \
         ended_at, outcome, exit_code) VALUES ('r', 'upgrade', '', '0.1.0', 'u', 'h', '1', '1', now(), 'clean', 0);\n\
         INSERT INTO trueup.fence (run) VALUES ('r');\n",
    );
    for file in &files {
        let _ = writeln!(
            records,
            "INSERT INTO trueup.migrations (version, name, how, sql, run) VALUES ({}, '{}', 'applied', $sql${}$sql$, 'r');",
            file.version, file.name, file.sql
        );
    }
    records.push_str("COMMIT;\n");
    let records = project.file("records.psql", &records)?;
    server.create_database(DATABASE, &[&records])?;
    server.statement(DATABASE, "VACUUM ANALYZE")?;
    let mut psql = server.program("psql");
    psql.args(["-X", "-d", &project.url, "-c", HISTORY]);
    let costs = measure::pairs(&project.status(), &psql, 21)?;
    let what = format!("{APPLIED} migrations applied: `status` beside `psql -c` of the history");
    Ok(vec![time(&what, costs, STATUS_TIME)])
}
