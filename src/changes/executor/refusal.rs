//! Turns an error of the server into a message that names the file, the line and the statement.

use std::fmt::Write as _;
use std::path::Path;

use super::sent::SentScript;
use crate::changes::plan::Script;
use crate::error::{ErrorCode, Exit, Failure};
use crate::migrations::script::border_advice;
use crate::writer::StepError;

/// A script, and where it comes from.
#[derive(Debug, Clone, Copy)]
pub(super) struct ScriptSource<'s> {
    /// Its file.
    pub(super) path: &'s Path,
    /// The migration's name in messages.
    pub(super) what: &'s str,
    /// Its statements.
    pub(super) script: &'s Script,
    /// What was sent of it.
    pub(super) sent: &'s SentScript,
}

/// What was committed before the script or the statement that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EarlierWork {
    /// This run has committed nothing.
    Nothing,
    /// This run has applied migrations.
    Applied,
    /// This run has reverted migrations.
    TakenBack,
    /// Statements of the same migration, committed by this run or by an interrupted one.
    Statements {
        /// Whether this run has committed any of them.
        kept: bool,
    },
}

impl EarlierWork {
    /// What precedes statement `number` of a migration that runs statement by statement.
    pub(super) fn statement(number: usize, kept: bool) -> Self {
        match number {
            1 if kept => Self::Applied,
            1 => Self::Nothing,
            _ => Self::Statements { kept },
        }
    }

    /// Whether this run has committed anything.
    fn kept(self) -> bool {
        !matches!(self, Self::Nothing | Self::Statements { kept: false })
    }

    fn words(self) -> &'static str {
        match self {
            Self::Nothing => "it was rolled back: the database is as it was",
            Self::Applied => "it was rolled back; the migrations before it are applied and recorded",
            Self::TakenBack => "it was rolled back; the migrations before it are reverted and recorded",
            Self::Statements { .. } => {
                "it was rolled back; the statements before it are committed and recorded: the same command continues \
                 with this one"
            }
        }
    }
}

/// The failure of a step, for the operator.
pub(super) fn script_failure(
    trouble: StepError,
    source: ScriptSource<'_>,
    before: EarlierWork,
) -> anyhow::Error {
    let ScriptSource { path, what, script, sent } = source;
    let StepError::Refused { said, done } = trouble else { return trouble.failure(what, before.kept()) };
    let failed = match said.position {
        Some(position) => sent.at(position).map(|(index, position)| (index, Some(position))),
        None => sent.after(done).map(|index| (index, None)),
    };
    let statement = failed.and_then(|(index, position)| Some((script.statements.get(index)?, position)));
    let exit = if before.kept() { Exit::Partial } else { Exit::RolledBack };
    let at = statement.map(|(statement, position)| statement.place_of(position));
    let (place, statement) = match (statement, at) {
        (Some((statement, _)), Some(at)) => {
            (format!("{}: line {}: ", path.display(), at.line), Some(statement))
        }
        _ if done == usize::MAX => (format!("{}: at COMMIT: ", path.display()), None),
        _ => (format!("{}: after its last statement: ", path.display()), None),
    };
    let mut text = format!("{place}{}", said.text());
    if let Some(context) = &said.context {
        // Writing to a String cannot fail.
        let _ = write!(text, "\ncontext: {context}");
    }
    if let Some(state) = &said.sqlstate {
        let _ = write!(text, "\nSQLSTATE {state}");
    }
    if let Some(statement) = statement {
        let _ = write!(text, "\nstatement: {}", statement.summary);
    }
    let _ = write!(text, "\n{what} failed, {}", before.words());
    let advice = said.sqlstate.as_deref().and_then(|code| border_advice(code, said.context.is_some()));
    let failure = Failure::new(exit, text)
        .code(ErrorCode::MIGRATION_FAILED)
        .next(advice.unwrap_or("fix the migration or the data, then run the same command again"));
    match at {
        Some(at) => failure.at(path.display().to_string(), at.line, Some(at.column)).into(),
        None => failure.into(),
    }
}
