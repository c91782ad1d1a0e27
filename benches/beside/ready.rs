//! `trueup ready` of the reference project beside `psql`, which asks nothing.

use anyhow::Result;

use crate::measure;
use crate::project::Project;
use crate::server::Server;
use crate::table::{Figure, time};

/// What `ready` may take of the time of `psql -c 'select 1'`.
const READY_TIME: f64 = 1.2;
const DATABASE: &str = "ready";

pub(crate) fn figures(server: &Server) -> Result<Vec<Figure>> {
    let project = Project::reference(server, DATABASE)?;
    let mut psql = server.program("psql");
    psql.args(["-X", "-d", &project.url, "-c", "select 1"]);
    let costs = measure::pairs(&project.ready(), &psql, 101)?;
    Ok(vec![time("reference project: `ready` beside `psql -c 'select 1'`", costs, READY_TIME)])
}
