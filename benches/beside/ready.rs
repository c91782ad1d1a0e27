//! `trueup ready` of the reference project beside `psql`, which asks nothing, and `trueup gate` beside `trueup check`.

use anyhow::Result;

use crate::measure;
use crate::project::Project;
use crate::server::Server;
use crate::table::{Figure, time};

/// What `ready` may take of the time of `psql -c 'select 1'`.
const READY_TIME: f64 = 1.2;
/// What `gate` without data checks may take of the time of `check`.
const GATE_TIME: f64 = 1.5;
const DATABASE: &str = "ready";

pub(crate) fn figures(server: &Server) -> Result<Vec<Figure>> {
    let project = Project::reference(server, DATABASE)?;
    let mut psql = server.program("psql");
    psql.args(["-X", "-d", &project.url, "-c", "select 1"]);
    let costs = measure::pairs(&project.ready(), &psql, 101)?;
    let ready = time("reference project: `ready` beside `psql -c 'select 1'`", costs, READY_TIME);
    project.add_settings("[gate.data]\nlevel = \"off\"\n")?;
    let costs = measure::pairs(&project.gate(), &project.check(), 101)?;
    let gate = time("reference project: `gate` without data checks beside `check`", costs, GATE_TIME);
    Ok(vec![ready, gate])
}
