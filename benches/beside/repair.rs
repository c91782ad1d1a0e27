//! `trueup verify`, `verify --fix` and `undo` beside psql: 2,000,000 keys, of which 1,000,000 have no owner. Every run has a
//! fresh copy of the database.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::measure;
use crate::project::Project;
use crate::server::Server;
use crate::table::{Figure, megabytes, time};

/// What finding the rows may take of the time of their query in psql.
const FIND_TIME: f64 = 1.1;
/// What repairing them, before-images included, may take of `CREATE TABLE AS` and one UPDATE.
const REPAIR_TIME: f64 = 1.6;
/// What giving them back may take of the reverse UPDATE.
const UNDO_TIME: f64 = 1.6;
/// How long rows may be locked, in milliseconds.
const LOCKED: f64 = 1000.0;
/// The memory that trueup may have, however many rows there are.
const MEMORY: u64 = 64 * 1024 * 1024;
/// How many pairs.
const ROUNDS: usize = 3;
/// How many pairs where nothing is changed.
const FIND_ROUNDS: usize = 11;

const DATABASE: &str = "repair";
/// The database as it is before; repaired by us; repaired by psql.
const BROKEN: &str = "repair_broken";
const OURS: &str = "repair_ours";
const PSQL: &str = "repair_psql";

const ROWS: &str = "
    CREATE TABLE public.users (id bigint PRIMARY KEY, email text NOT NULL);
    INSERT INTO public.users SELECT n, 'user' || n || '@example.com' FROM generate_series(1, 100000) AS n;
    CREATE TABLE public.api_keys (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        user_id bigint REFERENCES public.users (id),
        name text NOT NULL,
        created_by_email text NOT NULL,
        is_active boolean NOT NULL DEFAULT true);
    INSERT INTO public.api_keys (user_id, name, created_by_email)
        SELECT CASE WHEN n % 2 = 0 THEN n % 100000 + 1 END, 'key ' || n, 'USER' || (n % 100000 + 1) || '@Example.com'
          FROM generate_series(1, 2000000) AS n;
    CREATE INDEX api_keys_user_id_idx ON public.api_keys (user_id);
    VACUUM ANALYZE;
";
const FIND: &str = "SELECT k.id, k.name, k.created_by_email FROM public.api_keys k \
    LEFT JOIN public.users u ON u.id = k.user_id WHERE u.id IS NULL AND k.is_active";
const FIX: &str = "SELECT k.id, u.id AS user_id FROM public.api_keys k \
    JOIN public.users u ON lower(u.email) = lower(k.created_by_email) WHERE k.user_id IS NULL";
/// What somebody does in psql who wants to be able to take it back.
const BEFORE_IMAGES: &str = "CREATE TABLE public.before_images AS SELECT k.* FROM public.api_keys k \
    JOIN public.users u ON lower(u.email) = lower(k.created_by_email) WHERE k.user_id IS NULL";
const UPDATE: &str = "UPDATE public.api_keys k SET user_id = u.id FROM public.users u \
    WHERE lower(u.email) = lower(k.created_by_email) AND k.user_id IS NULL";
const REVERSE: &str =
    "UPDATE public.api_keys k SET user_id = b.user_id FROM public.before_images b WHERE b.id = k.id";

pub(crate) fn figures(server: &Server) -> Result<Vec<Figure>> {
    let project = Project::of_migrations(server, DATABASE, &[])?;
    project.file("trueup.toml", "[project]\nname = \"bench\"\n[backup]\nrequired = \"never\"\n")?;
    std::fs::create_dir(project.path().join("checks"))?;
    let check = format!(
        "-- title: Every API key belongs to an existing user\n-- table: public.api_keys\n-- key: id\n\
         -- show: name, created_by_email\n-- find:\n{FIND};\n-- fix: owner_by_email\n{FIX};\n"
    );
    project.file("checks/keys.sql", &check)?;
    let script = project.file("rows.psql", ROWS)?;
    server.create_database(BROKEN, &[&script])?;
    let mut figures = vec![find(server, &project)?];
    figures.extend(repair(server, &project)?);
    figures.push(undo(server, &project)?);
    Ok(figures)
}

/// A copy of a database in the place of the one that is worked in.
fn fresh(server: &Server, of: &str) -> Result<()> {
    copy(server, of, DATABASE)
}

fn copy(server: &Server, of: &str, name: &str) -> Result<()> {
    server.drop_database(name)?;
    server.statement("postgres", &format!("CREATE DATABASE {name} TEMPLATE {of}"))?;
    server.statement("postgres", "CHECKPOINT")?;
    Ok(())
}

fn psql(server: &Server, project: &Project, statements: &[&str]) -> Command {
    let mut psql = server.program("psql");
    psql.args(["-X", "-q", "-d", &project.url]);
    for statement in statements {
        psql.args(["-c", statement]);
    }
    psql
}

fn find(server: &Server, project: &Project) -> Result<Figure> {
    fresh(server, BROKEN)?;
    // It ends with 1, as there are such rows.
    let verify = project.verify(&[]);
    let mut ours = Command::new("bash");
    ours.env_clear().envs(verify.get_envs().filter_map(|(name, value)| Some((name, value?))));
    ours.args(["-c", "\"$@\"; test $? -eq 1", "verify"]).arg(verify.get_program()).args(verify.get_args());
    let count = format!("SELECT count(*) FROM ({FIND}) AS q");
    let costs = measure::pairs(&ours, &psql(server, project, &[&count]), FIND_ROUNDS)?;
    Ok(time("2,000,000 keys: `verify` beside `psql -c` with the count of its query", costs, FIND_TIME))
}

fn repair(server: &Server, project: &Project) -> Result<Vec<Figure>> {
    let ours = project.verify(&["--fix", "--yes"]);
    let reference = psql(server, project, &[BEFORE_IMAGES, UPDATE]);
    let prepare = |_| fresh(server, BROKEN);
    let costs = measure::alternating(ROUNDS, prepare, [&ours, &reference])?;
    // psql had the last turn.
    copy(server, DATABASE, PSQL)?;
    fresh(server, BROKEN)?;
    let output = project.verify(&["--fix", "--yes", "--format", "json"]).output()?;
    ensure!(output.status.success(), "verify --fix: {}", output.status);
    let document: Value = serde_json::from_slice(&output.stdout)?;
    let fix = &document["fixes"][0];
    ensure!(fix["changed"] == 1_000_000, "{fix}");
    copy(server, DATABASE, OURS)?;
    let longest = fix["longest_batch_milliseconds"].as_f64().context("the longest batch")?;
    let memory = costs[0].memory * 1024;
    let what = "1,000,000 of 2,000,000 keys: `verify --fix`";
    Ok(vec![
        time(&format!("{what} beside `CREATE TABLE AS` and one UPDATE in psql"), costs, REPAIR_TIME),
        Figure {
            what: format!("{what}: the longest that rows are locked"),
            ours: format!("{longest:.0} ms"),
            reference: format!("{LOCKED:.0} ms"),
            ratio: longest / LOCKED,
            limit: 1.0,
        },
        Figure {
            what: format!("{what}: peak memory"),
            ours: megabytes(memory),
            reference: megabytes(MEMORY),
            ratio: memory as f64 / MEMORY as f64,
            limit: 1.0,
        },
    ])
}

fn undo(server: &Server, project: &Project) -> Result<Figure> {
    let run = server.statement(OURS, "SELECT run FROM trueup.repairs")?;
    let ours = project.undo(&run);
    let reference = psql(server, project, &[REVERSE]);
    let prepare = |which| fresh(server, if which == 0 { OURS } else { PSQL });
    let costs = measure::alternating(ROUNDS, prepare, [&ours, &reference])?;
    Ok(time("1,000,000 of 2,000,000 keys: `undo` beside the reverse UPDATE in psql", costs, UNDO_TIME))
}
