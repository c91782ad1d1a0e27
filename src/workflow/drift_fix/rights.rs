//! Whether the role may do what a plan does, asked before anything is written.

use anyhow::Result;

use crate::changes::drift_fix::{FixPlan, FixStep};
use crate::error::{ErrorCode, Exit, Failure};
use crate::postgres::connection::{self, OwnedRow, RowError, Session};
use crate::postgres::sql::{identifier, literal};
use crate::project::Settings;

/// Which of the objects, and of the schemas for what is made, this role has no right to.
const LACKING: &str = include_str!("rights.sql");

/// Refuses a plan whose steps the role may not carry out.
///
/// # Errors
/// Exit 4: which statement, which object, and who owns it. Exit 3: the question fails.
pub(super) async fn check(settings: &Settings, plan: &FixPlan, session: &mut Session) -> Result<()> {
    let rows: Vec<String> = plan.steps.iter().enumerate().map(|(number, step)| asked(number, step)).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let role = settings.database.set_role.as_ref();
    let role = role.map(|role| format!("SET LOCAL ROLE {};", identifier(role))).unwrap_or_default();
    let question = LACKING.replace("{steps}", &rows.join(", "));
    let failed = |error| connection::server_failure(error, "asking for rights");
    let rows = session.query(format!("BEGIN READ ONLY; {role} {question}; COMMIT")).await.map_err(failed)?;
    let Some(row) = rows.first() else { return Ok(()) };
    let refused = Refused::of(row).map_err(|error| failed(error.into()))?;
    let step = &plan.steps[refused.number];
    let statement = step.script.statements.first().map(|statement| statement.summary.clone());
    let Refused { number, object, owner, role } = refused;
    let (lacks, next) = match owner {
        Some(owner) => (
            format!("role {role} does not own {object}, whose owner is {owner}"),
            format!("work as {owner}, or: GRANT {} TO {}", identifier(&owner), identifier(&role)),
        ),
        None => (
            format!("role {role} may not create anything in schema {object}"),
            format!("GRANT CREATE ON SCHEMA {} TO {}", identifier(&object), identifier(&role)),
        ),
    };
    let what = format!(
        "step {} of {} ({}): {lacks}\nstatement: {}\nnothing was changed",
        number + 1,
        plan.steps.len(),
        step.title(),
        statement.unwrap_or_default()
    );
    let next = format!("{next}; {}", settings.role_setting());
    Err(Failure::new(Exit::Refused, what).code(ErrorCode::PERMISSION_MISSING).next(next).into())
}

/// `(number, relation or type, routine, schema of what is made)`
fn asked(number: usize, step: &FixStep) -> String {
    let id = &step.object;
    let text = |value: Option<String>| value.map_or_else(|| "NULL".to_owned(), |value| literal(&value));
    let is_named = id.schema.is_some() && id.suffix.is_none();
    let relation = is_named.then(|| id.relation_path());
    let routine = id.kind.is_routine().then(|| id.to_string());
    let is_made = matches!(step.verb, "create" | "re-create") && id.relation.is_none();
    let schema = id.schema.as_ref().filter(|_| is_made && (is_named || routine.is_some()));
    let schema = schema.map(ToString::to_string);
    format!("({number}, {}::text, {}::text, {}::text)", text(relation), text(routine), text(schema))
}

/// A row of the answer.
struct Refused {
    number: usize,
    object: String,
    owner: Option<String>,
    role: String,
}

impl Refused {
    fn of(row: &OwnedRow) -> Result<Self, RowError> {
        Ok(Self {
            number: row.get("number")?,
            object: row.get("object")?,
            owner: row.get("owner")?,
            role: row.get("role")?,
        })
    }
}
