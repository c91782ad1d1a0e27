//! A plan as one script for psql or the query console of a managed database.
//!
//! The script looks first whether it stands in the database that it was written for, as that was: else it raises an error before
//! anything is changed. It contains no psql commands.

use std::fmt::Write as _;

use super::guard::{self, Guarded};
use super::{FixPlan, FixStep, SeenObjects};
use crate::changes::plan::{EditorSession, PlannedStatement};
use crate::findings::Hazard;
use crate::postgres::sql::{identifier, literal, portable, reset_meaning, set_meaning};

/// The setting that says that the script has looked.
const LOOKED: &str = "trueup.checked";

/// Where a script may run.
#[derive(Debug, Clone)]
pub struct ScriptPlace {
    /// The database.
    pub database: String,
    /// The table of its history of migrations, qualified and quoted, with what it had: see [`ScriptPlace::history_state`].
    pub history: Option<(String, Option<String>)>,
    /// Where it stands in that, for people: `V7`.
    pub at: String,
    /// The settings under which the statements run.
    pub session: EditorSession,
}

impl ScriptPlace {
    /// The query for the state of a table of a history: every row of it, whichever tool keeps it.
    pub fn history_state(table: &str) -> String {
        format!(
            "SELECT pg_catalog.md5(pg_catalog.string_agg(h::text, E'\\n' ORDER BY h::text COLLATE \"C\")) AS state FROM {table} AS h"
        )
    }
}

/// Returns the script.
pub fn to_sql(plan: &FixPlan, seen: &SeenObjects, place: &ScriptPlace) -> String {
    let mut script = head(plan, place);
    let mut parts: Vec<(bool, Vec<&FixStep>)> = Vec::new();
    for step in &plan.steps {
        match parts.last_mut() {
            Some((transactional, steps)) if *transactional == step.transactional => steps.push(step),
            _ => parts.push((step.transactional, vec![step])),
        }
    }
    let looks = looks(place, &plan.guarded(), seen);
    let mut first = Some(looks);
    for (transactional, steps) in parts {
        if transactional {
            let _ = write!(script, "BEGIN;\n{}", first.take().unwrap_or_else(|| has_looked(place)));
            settings(&mut script, "LOCAL ", &place.session);
            for step in steps {
                script.push_str(&heading(step));
                step.script.statements.iter().for_each(|statement| add(&mut script, statement));
                restore(&mut script, step, seen);
            }
            script.push_str("COMMIT;\n\n");
            continue;
        }
        if let Some(looks) = first.take() {
            let _ = writeln!(script, "BEGIN;\n{looks}COMMIT;\n");
        }
        one_by_one(&mut script, &steps, seen, place);
    }
    script
}

/// The statements that are committed one by one. Those that can be in a transaction are, behind a look whether the script may
/// run here: an editor that goes on after an error must not change anything.
fn one_by_one(script: &mut String, steps: &[&FixStep], seen: &SeenObjects, place: &ScriptPlace) {
    script.push_str("-- Each of these is committed for itself: run them one at a time, not as one batch.\n");
    settings(script, "", &place.session);
    for step in steps {
        script.push_str(&heading(step));
        for statement in &step.script.statements {
            if statement.outside.is_some() {
                script.push_str("-- This one cannot be in a transaction.\n");
                // A short limit makes CREATE INDEX CONCURRENTLY leave an invalid index behind.
                script.push_str("SET lock_timeout = 0;\n");
                add(script, statement);
                let _ = writeln!(script, "SET lock_timeout = {};", place.session.lock_timeout.as_millis());
            } else {
                let _ = write!(script, "BEGIN;\n{}", has_looked(place));
                add(script, statement);
                script.push_str("COMMIT;\n");
            }
        }
        restore(script, step, seen);
    }
    if place.session.set_role.is_some() {
        script.push_str("RESET ROLE;\n");
    }
    let _ = writeln!(script, "RESET search_path;\nRESET lock_timeout;\n{}\n", reset_meaning());
}

fn head(plan: &FixPlan, place: &ScriptPlace) -> String {
    let mut script = String::new();
    let _ = writeln!(
        script,
        "-- Written by trueup: brings database {} back to what is declared at {}.",
        identifier(&place.database),
        place.at
    );
    script.push_str(
        "-- It changes nothing where the database is not as it was when this was written.\n\
         -- Stop at the first error (psql: -v ON_ERROR_STOP=1).\n",
    );
    if plan.loses_data() {
        script.push_str("-- It loses data: take a backup first.\n");
    }
    script.push('\n');
    script
}

/// The statement that raises an error where the script must not run.
fn looks(place: &ScriptPlace, guarded: &[&Guarded], seen: &SeenObjects) -> String {
    let nothing = "; nothing was changed";
    let raise = |condition: &str, message: &str| {
        format!(
            "  IF {condition} THEN RAISE EXCEPTION USING ERRCODE = '{}', MESSAGE = {}; END IF;\n",
            guard::CHANGED,
            literal(&format!("{message}{nothing}"))
        )
    };
    let mut body = String::from("BEGIN\n");
    body.push_str(&raise(
        &format!("pg_catalog.current_database() <> {}", literal(&place.database)),
        &format!("this script is for database {}", place.database),
    ));
    if let Some((table, state)) = &place.history {
        let state = state.as_deref().map_or_else(|| "NULL".to_owned(), literal);
        let condition = format!(
            "pg_catalog.to_regclass({}) IS NULL OR ({}) IS DISTINCT FROM {state}",
            literal(table),
            ScriptPlace::history_state(table)
        );
        body.push_str(&raise(
            &condition,
            &format!("{table} has other migrations than when this was written (at {})", place.at),
        ));
    }
    body.push_str("END\n");
    let mut block = format!("{};\n", guard::quoted_block(&body));
    if let Some(objects) = guard::block(guarded.iter().copied(), seen, nothing) {
        let _ = writeln!(block, "{objects};");
    }
    let _ = writeln!(
        block,
        "SELECT pg_catalog.set_config('{LOOKED}', {}, false) AS checked;",
        literal(&place.database)
    );
    block
}

/// The statement that raises an error where the script has not looked, or has found something.
fn has_looked(place: &ScriptPlace) -> String {
    let body = format!(
        "BEGIN\n  IF pg_catalog.current_setting('{LOOKED}', true) IS DISTINCT FROM {} THEN RAISE EXCEPTION USING ERRCODE = '{}', \
         MESSAGE = 'the checks at the top of this script did not pass in this session'; END IF;\nEND\n",
        literal(&place.database),
        guard::CHANGED
    );
    format!("{};\n", guard::quoted_block(&body))
}

fn settings(script: &mut String, local: &str, session: &EditorSession) {
    if let Some(role) = &session.set_role {
        let _ = writeln!(script, "SET {local}ROLE {};", identifier(role));
    }
    let _ = writeln!(script, "{}", set_meaning(format!("SET {local}").trim_end()));
    let _ = writeln!(script, "SET {local}search_path = {};", session.search_path);
    let _ = writeln!(script, "SET {local}lock_timeout = {};", session.lock_timeout.as_millis());
}

fn heading(step: &FixStep) -> String {
    let hazards: Vec<&str> = step.hazards.iter().map(|hazard: &Hazard| hazard.label()).collect();
    let hazards = if hazards.is_empty() { String::new() } else { format!(": {}", hazards.join(", ")) };
    format!("-- {}{hazards}\n", step.title().replace(['\r', '\n'], " "))
}

fn add(script: &mut String, statement: &PlannedStatement) {
    let _ = writeln!(script, "{};", portable(&statement.text));
}

/// Gives owner and grants back to what a step creates again.
fn restore(script: &mut String, step: &FixStep, seen: &SeenObjects) {
    if let Some(block) = guard::restoration(&step.recreated, seen) {
        let _ = writeln!(script, "{block};");
    }
}
