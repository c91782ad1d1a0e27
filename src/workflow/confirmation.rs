//! The operator's yes to a change: at the terminal, or by `--yes`.

use std::io::ErrorKind;

use anyhow::Result;

use crate::error::{ErrorCode, Exit, Failure};
use crate::output::{self, Progress};
use crate::project::Settings;
use crate::workflow::environment_mark;
use crate::writer::{Mark, StopSignal, interrupted};

/// A confirmation at the terminal, or by `--yes`.
pub(crate) struct Confirmation<'a> {
    pub(crate) settings: &'a Settings,
    /// `--yes`
    pub(crate) yes: bool,
    /// The name that has to be typed for a protected environment.
    pub(crate) database: &'a str,
    pub(crate) stop: &'a mut StopSignal,
    pub(crate) progress: &'a mut Progress,
}

impl Confirmation<'_> {
    /// Asks whether `what` may be done to a database with that environment label.
    ///
    /// # Errors
    /// Exit 4 when it is not confirmed, or when there is no terminal to ask at.
    pub(crate) async fn confirm(&mut self, what: &str, mark: Option<&Mark>) -> Result<()> {
        let protected = environment_mark::protected(self.settings, mark);
        let refuse = |code: ErrorCode, what: &str, next: &str| {
            Err(Failure::new(Exit::Refused, what).code(code).next(next).into())
        };
        match (&protected, self.settings.output.interactive) {
            (None, _) if self.yes => Ok(()),
            (Some(_), false) if self.yes && self.settings.environment.is_some() => Ok(()),
            (Some(environment), false) if self.yes => refuse(
                ErrorCode::CONFIRMATION_MISSING,
                &format!(
                    "environment {:?}, which this database is marked as, is protected: --yes alone does not do; nothing \
                     was changed",
                    environment.name
                ),
                &format!("say which environment you mean: --yes --env {}", environment.name),
            ),
            (_, false) => refuse(
                ErrorCode::CONFIRMATION_MISSING,
                &format!("{what}: not confirmed, and there is no terminal to ask at; nothing was changed"),
                "look at what would be done, then give --yes",
            ),
            (Some(environment), true) => {
                self.confirm_by_name(&format!("{what} in {}, which is protected?", environment.name)).await
            }
            (None, true) => {
                let question = format!("{what} in database {}?", self.database);
                if self.ask(move || output::confirm(&question)).await? {
                    return Ok(());
                }
                refuse(ErrorCode::CONFIRMATION_DECLINED, "not confirmed; nothing was changed", "")
            }
        }
    }

    /// Asks for the database's name.
    ///
    /// # Errors
    /// Exit 4 when another text was typed.
    pub(crate) async fn confirm_by_name(&mut self, what: &str) -> Result<()> {
        let question = format!("{what} Type the database's name");
        let typed = self.ask(move || output::read_text(&question)).await?;
        if typed.trim() == self.database {
            return Ok(());
        }
        let what = "not confirmed: that is not the database's name; nothing was changed";
        Err(Failure::new(Exit::Refused, what).code(ErrorCode::CONFIRMATION_DECLINED).into())
    }

    async fn ask<T: Send + 'static>(
        &mut self,
        question: impl FnOnce() -> std::io::Result<T> + Send + 'static,
    ) -> Result<T> {
        self.progress.clear();
        answer(self.stop, question).await
    }
}

/// Waits for the answer to a question that `question` asks at the terminal, or for a signal.
///
/// # Errors
/// Exit 4 when a signal came or the input ended: nothing was changed.
pub(crate) async fn answer<T: Send + 'static>(
    stop: &mut StopSignal,
    question: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T> {
    let failure = tokio::select! {
        biased;
        signal = stop.wait() => cancelled(signal),
        answer = tokio::task::spawn_blocking(question) => match answer? {
            Ok(answer) => return Ok(answer),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                Failure::new(Exit::Refused, "cancelled (end of input): nothing was changed")
                    .code(ErrorCode::CONFIRMATION_MISSING)
            }
            Err(error) => Failure::new(
                Exit::Refused,
                format!("cancelled: the terminal cannot be read ({error}); nothing was changed"),
            )
            .code(ErrorCode::CONFIRMATION_MISSING),
        },
    };
    // The cursor is behind the question.
    output::err("\n");
    Err(failure.into())
}

/// The failure for a signal that came instead of an answer: most often it is Ctrl-C.
fn cancelled(signal: &str) -> Failure {
    match signal {
        "SIGINT" => Failure::new(Exit::Refused, "cancelled (Ctrl-C): nothing was changed")
            .code(ErrorCode::RUN_INTERRUPTED),
        signal => interrupted(signal),
    }
}
