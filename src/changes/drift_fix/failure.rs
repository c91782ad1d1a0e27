//! The failure of a step, for the operator: which statement, what the server said, and what state the database is in.

use super::guard;
use crate::changes::plan::PlannedStatement;
use crate::error::{ErrorCode, Exit, Failure, with_failure};
use crate::postgres::connection::{ServerError, sqlstate};
use crate::writer::StepError;

/// Where a run is.
#[derive(Debug, Clone, Copy)]
pub(super) struct StepPosition<'p> {
    /// The step's number, from 1.
    pub(super) number: usize,
    /// How many steps there are.
    pub(super) of: usize,
    /// What the step does.
    pub(super) title: &'p str,
    /// Whether the run has committed anything before.
    pub(super) committed: bool,
}

/// What a statement that failed has left.
pub(super) enum State {
    /// Nothing.
    RolledBack,
    /// This.
    Left(String),
}

impl StepPosition<'_> {
    /// The failure that ends the command.
    pub(super) fn failure(
        self,
        trouble: StepError,
        statement: Option<&PlannedStatement>,
        role: &str,
        state: State,
    ) -> anyhow::Error {
        let partial = self.committed || matches!(state, State::Left(_));
        let said = match trouble {
            StepError::Refused { said, .. } => said,
            trouble => {
                let failed = trouble.failure(&format!("step {} ({})", self.number, self.title), partial);
                return with_failure(failed, |failure| {
                    let what = format!("{}\n{}", failure.what, self.state(&state));
                    Failure { what, ..failure }
                });
            }
        };
        if said.is(guard::CHANGED) {
            return self.changed(&said);
        }
        let mut what = format!("step {} of {} ({}): {}", self.number, self.of, self.title, said.text());
        if let Some(code) = &said.sqlstate {
            what.push_str(&format!("\nSQLSTATE {code}"));
        }
        if let Some(statement) = statement {
            what.push_str(&format!("\nstatement: {}", statement.summary));
        }
        what.push_str(&format!("\n{}", self.state(&state)));
        let exit = if partial { Exit::Partial } else { Exit::RolledBack };
        let code = match said.is(sqlstate::INSUFFICIENT_PRIVILEGE) {
            true => ErrorCode::PERMISSION_MISSING,
            false => ErrorCode::SERVER_REFUSED,
        };
        Failure::new(exit, what).code(code).next(next(&said, role)).into()
    }

    /// Somebody else was faster.
    fn changed(self, said: &ServerError) -> anyhow::Error {
        let exit = if self.committed { Exit::Partial } else { Exit::Refused };
        let what = format!(
            "step {} of {} ({}): {}\n{}",
            self.number,
            self.of,
            self.title,
            said.message,
            self.state(&State::RolledBack)
        );
        Failure::new(exit, what)
            .code(ErrorCode::SCHEMA_CHANGED_SINCE_SHOWN)
            .next("run the same command again and look at what it shows now")
            .into()
    }

    /// What state the database is in.
    fn state(self, state: &State) -> String {
        let this = match state {
            State::Left(why) => why.clone(),
            State::RolledBack if self.committed => "this step's statement was rolled back".to_owned(),
            State::RolledBack => return "nothing was changed".to_owned(),
        };
        match self.number {
            1 if self.committed => format!("{this}; the statements before it are committed and recorded"),
            1 => this,
            2 => format!("{this}; step 1 is done and recorded"),
            number => format!("{this}; steps 1 to {} are done and recorded", number - 1),
        }
    }
}

/// What to do when the server has refused something.
fn next(said: &ServerError, role: &str) -> String {
    let again = "then run the same command again: it continues with what is left";
    match said.sqlstate.as_deref() {
        Some(sqlstate::INSUFFICIENT_PRIVILEGE) => {
            format!("grant the right to {role}, or work as the owner of the object; {again}")
        }
        Some(
            sqlstate::CHECK_VIOLATION
            | sqlstate::NOT_NULL_VIOLATION
            | sqlstate::UNIQUE_VIOLATION
            | sqlstate::FOREIGN_KEY_VIOLATION
            | sqlstate::EXCLUSION_VIOLATION,
        ) => format!("rows break what is declared: change those rows, {again}"),
        _ => format!("fix what the server reports, {again}"),
    }
}
