//! Runs one statement that cannot run in a transaction. It is recorded as started, run, checked in the catalog, and
//! recorded as done.

use anyhow::Result;

use super::Executor;
use super::postcondition::{self, StatementState};
use super::refusal::{self, EarlierWork, ScriptSource};
use super::sent::SentScript;
use super::statements::{RecordedStatement, rows_worked_on};
use crate::changes::plan::{Direction, PlannedStatement, Script, Step};
use crate::error::{ErrorCode, Exit, Failure, with_failure};
use crate::migrations::script::NonTransactional;
use crate::postgres::connection::sqlstate;
use crate::postgres::sql::literal;
use crate::writer::{self, StepError};

/// A statement that is to be run.
#[derive(Clone, Copy)]
pub(super) struct NonTransactionalStep<'s> {
    pub(super) step: &'s Step,
    pub(super) statement: &'s PlannedStatement,
    pub(super) outside: &'s NonTransactional,
    /// The statement's number in its migration, from 1.
    pub(super) number: usize,
}

/// The statement's row in `trueup.steps`.
struct StepRow {
    run: String,
    number: i32,
    before: Option<String>,
}

impl NonTransactionalStep<'_> {
    /// The statement's name in messages.
    fn what(&self) -> String {
        format!("{}, statement {} ({})", self.step.title, self.number, self.outside.command())
    }
}

impl Executor<'_> {
    /// Runs a statement, or finds that an earlier run has done it. `last` are the migration's records, if this is its
    /// last statement.
    pub(super) async fn run_recorded(
        &mut self,
        stage: NonTransactionalStep<'_>,
        found: Option<&RecordedStatement>,
        last: Option<String>,
    ) -> Result<()> {
        let last = last.map(|last| format!(";\n{last}")).unwrap_or_default();
        let row = match found {
            Some(found) => {
                let row =
                    StepRow { run: found.run.clone(), number: found.number, before: found.before.clone() };
                if self.is_done(stage, &row).await? {
                    let done = row.done(Some(&literal("found done after the run was interrupted")));
                    return self.record(stage.step, &format!("{done}{last}")).await;
                }
                row
            }
            None => self.record_started(stage).await?,
        };
        self.run_outside(stage, &row).await?;
        self.kept = true;
        // One that was begun by an earlier run took longer than it works.
        let rows = rows_worked_on(stage.step, stage.statement).filter(|_| found.is_none());
        self.record(stage.step, &format!("{}{last}", row.done(rows.as_deref()))).await
    }

    /// Records a statement as started.
    async fn record_started(&mut self, stage: NonTransactionalStep<'_>) -> Result<StepRow> {
        let before = self.state_before(stage).await?;
        let record =
            self.statement_record(stage.step, stage.number, stage.statement, before.as_deref(), false);
        self.record(stage.step, &record).await?;
        Ok(StepRow { run: self.job.writer.run().to_owned(), number: self.number, before })
    }

    /// Whether a statement that an earlier run started is done, as the catalog shows. If it must be run again,
    /// everything that the earlier attempt left behind and that can be removed has been removed.
    async fn is_done(&mut self, stage: NonTransactionalStep<'_>, row: &StepRow) -> Result<bool> {
        match self.state_after_cleanup(stage, row).await? {
            StatementState::Done => Ok(true),
            // The statement itself completes what cannot be removed.
            StatementState::NotDone | StatementState::Leftover { .. } => Ok(false),
            // Running it again does no harm.
            StatementState::CannotTell(_) if matches!(stage.outside, NonTransactional::Reindex { .. }) => {
                Ok(false)
            }
            StatementState::CannotTell(why) => {
                let what =
                    format!("{} was started by an earlier run that was interrupted, and {why}", stage.what());
                Err(self.decide_by_hand(what, stage.step))
            }
            StatementState::Foreign(why) => Err(self.foreign(stage, &why)),
        }
    }

    /// Runs the statement and checks its result in the catalog.
    async fn run_outside(&mut self, stage: NonTransactionalStep<'_>, row: &StepRow) -> Result<()> {
        let NonTransactionalStep { step, outside, .. } = stage;
        let what = stage.what();
        let budget = step.directives.lock_timeout.unwrap_or(self.job.limits.outside_lock_budget);
        let patient = matches!(
            outside,
            NonTransactional::CreateIndex { .. }
                | NonTransactional::DropIndex { .. }
                | NonTransactional::Reindex { .. }
                | NonTransactional::DetachPartition { .. }
        );
        let work = writer::StandaloneStatement {
            what: &what,
            statement: &stage.statement.text,
            lock_timeout: (!patient).then_some(self.limits(step).lock_timeout),
            lock_budget: budget,
        };
        let trouble = match self.job.writer.run_standalone(&work, self.job.watch).await {
            Ok(()) => None,
            // The next run finds out what became of it, because it is recorded as started.
            Err(trouble @ StepError::LostOutside(_)) => return Err(trouble.failure(&what, true)),
            Err(trouble) => Some(trouble),
        };
        let state = match trouble {
            // The operator waits for the end: the next run removes what is left.
            Some(StepError::Stopped(_)) => self.state_of(stage, row).await?,
            _ => self.state_after_cleanup(stage, row).await?,
        };
        match (trouble, state) {
            (None, StatementState::Done | StatementState::CannotTell(_)) => Ok(()),
            (None, StatementState::Foreign(why)) => {
                self.record_failed(step, row, &why).await?;
                Err(self.foreign(stage, &why))
            }
            (None, StatementState::NotDone | StatementState::Leftover { .. }) => {
                let what =
                    format!("{what} ended without an error, but the database does not show its result");
                Err(Failure::new(Exit::Partial, what)
                    .code(ErrorCode::MIGRATION_NOT_PROVED)
                    .next("trueup check")
                    .into())
            }
            (Some(trouble), state) => self.failed(stage, row, trouble, state).await,
        }
    }

    /// Handles a failed statement: what it left behind decides the message. The statement may have been done in spite
    /// of the error.
    async fn failed(
        &mut self,
        stage: NonTransactionalStep<'_>,
        row: &StepRow,
        trouble: StepError,
        state: StatementState,
    ) -> Result<()> {
        // query_canceled may come when all is done; what the server refuses otherwise was not done by it.
        let refused =
            matches!(&trouble, StepError::Refused { said, .. } if !said.is(sqlstate::QUERY_CANCELED));
        let stays = match state {
            StatementState::Done if !refused => return Ok(()),
            StatementState::Leftover { why, .. } => Some((why, true)),
            StatementState::CannotTell(why) if matches!(stage.outside, NonTransactional::Unprovable(_)) => {
                Some((why, false))
            }
            StatementState::Done
            | StatementState::NotDone
            | StatementState::Foreign(_)
            | StatementState::CannotTell(_) => None,
        };
        let what = stage.what();
        let Some((why, removable)) = stays else {
            self.record_failed(stage.step, row, "failed, and left nothing behind").await?;
            let alone =
                Script { statements: vec![PlannedStatement { offset: 0, ..stage.statement.clone() }] };
            let sent = SentScript::alone(stage.statement);
            let source = ScriptSource { path: &stage.step.path, what: &what, script: &alone, sent: &sent };
            let before = EarlierWork::statement(stage.number, self.kept);
            return Err(refusal::script_failure(trouble, source, before));
        };
        let how = match &trouble {
            StepError::Stopped(signal) => format!("interrupted by {signal}: {what} was cancelled"),
            StepError::Refused { said, .. } => format!("{what} failed: {}", said.text()),
            _ => format!("{what} was cancelled: timed out waiting for a lock"),
        };
        let failed = if removable {
            left(&how, &why)
        } else {
            self.decide_by_hand(format!("{how}; {why}"), stage.step)
        };
        let (path, at) = (stage.step.path.display().to_string(), stage.statement.place_of(None));
        Err(with_failure(failed, |failure| failure.at(path, at.line, Some(at.column))))
    }

    /// What the catalog shows before a statement runs. An existing index of its name that differs from the
    /// statement's is not ours and is refused.
    async fn state_before(&mut self, stage: NonTransactionalStep<'_>) -> Result<Option<String>> {
        let before = match self.job.writer.read_session().await {
            Ok(session) => postcondition::before(session, stage.outside).await,
            Err(error) => Err(error),
        };
        let before = before.map_err(|error| self.unreadable(error, &stage.step.title))?;
        if let NonTransactional::CreateIndex { if_not_exists: true, .. } = stage.outside
            && before.as_deref().is_some_and(|before| !before.is_empty())
        {
            let row = StepRow { run: String::new(), number: 0, before: before.clone() };
            if let StatementState::Foreign(why) = self.state_of(stage, &row).await? {
                return Err(self.foreign(stage, &why));
            }
        }
        Ok(before)
    }

    async fn state_of(&mut self, stage: NonTransactionalStep<'_>, row: &StepRow) -> Result<StatementState> {
        // A down script makes other objects than its migration.
        let compiled =
            self.job.lock.migrations.get(stage.step.index).filter(|_| self.direction == Direction::Up);
        let effects = compiled.map(|compiled| compiled.effects.as_slice()).unwrap_or_default();
        let (version, options) = (self.job.version, self.job.options);
        let before = row.before.as_deref();
        let state = match self.job.writer.read_session().await {
            Ok(session) => {
                postcondition::check(session, stage.outside, before, effects, version, options).await
            }
            Err(error) => Err(error),
        };
        // The statement stays recorded as started.
        state.map_err(|error| match self.job.writer.step_error(error, "reading the catalog") {
            StepError::Lost(why) => StepError::LostOutside(why).failure(&stage.what(), true),
            trouble => trouble.failure(&stage.what(), true),
        })
    }

    /// What became of a statement, after removing what an earlier attempt left behind.
    async fn state_after_cleanup(
        &mut self,
        stage: NonTransactionalStep<'_>,
        row: &StepRow,
    ) -> Result<StatementState> {
        let state = self.state_of(stage, row).await?;
        let StatementState::Leftover { clean_up, why } = &state else { return Ok(state) };
        if clean_up.is_empty() {
            return Ok(state);
        }
        let what = format!("{}: removing what an earlier try left behind", stage.what());
        for statement in clean_up {
            let work = writer::StandaloneStatement {
                what: &what,
                statement,
                lock_timeout: None,
                lock_budget: self.job.limits.outside_lock_budget,
            };
            let removed = self.job.writer.run_standalone(&work, self.job.watch).await;
            // The statement is recorded as started, so the next run removes it.
            removed.map_err(|trouble| match trouble {
                StepError::Stopped(signal) => {
                    left(&format!("interrupted by {signal}: {} was not started again", stage.what()), why)
                }
                trouble => trouble.failure(&what, true),
            })?;
        }
        self.state_of(stage, row).await
    }

    /// Records that a statement failed and left nothing behind, so that it is no longer recorded as started.
    async fn record_failed(&mut self, step: &Step, row: &StepRow, why: &str) -> Result<()> {
        let record = format!(
            "UPDATE trueup.steps SET state = 'failed', statement = NULL, ended_at = clock_timestamp(), detail = {} \
             WHERE run = {} AND number = {}",
            literal(why),
            literal(&row.run),
            row.number
        );
        self.record(step, &record).await
    }

    /// The failure when the catalog does not show what became of a statement.
    fn decide_by_hand(&self, what: String, step: &Step) -> anyhow::Error {
        let v = step.version;
        let next = match self.direction {
            Direction::Up => format!(
                "find out whether it was done, then run one of:\ntrueup resolve {v} --as applied --reason ...      if it \
                 was done\ntrueup resolve {v} --as not-applied --reason ...  if it was not, or may be run again"
            ),
            Direction::Down => format!(
                "find out whether it was done, and revert by hand what is left of the migration; then:\n\
                 trueup resolve {v} --as not-applied --reason ..."
            ),
        };
        Failure::new(Exit::Partial, what).next(next).into()
    }

    fn foreign(&self, stage: NonTransactionalStep<'_>, why: &str) -> anyhow::Error {
        let exit = if self.kept { Exit::Partial } else { Exit::Refused };
        let NonTransactionalStep { step, statement, .. } = stage;
        Failure::new(
            exit,
            format!(
                "{}: line {}: {why}\nstatement: {}\nit was not started",
                step.path.display(),
                statement.line,
                statement.summary,
            ),
        )
        .next("trueup did not create it and does not change it: check it, drop it if nobody needs it, and run the \
               same command again")
        .into()
    }
}

impl StepRow {
    /// The UPDATE that records the statement as done; `detail` is an expression.
    fn done(&self, detail: Option<&str>) -> String {
        let detail = detail.map(|detail| format!(", detail = {detail}")).unwrap_or_default();
        format!(
            "UPDATE trueup.steps SET state = 'done', ended_at = clock_timestamp(){detail} \
             WHERE run = {} AND number = {}",
            literal(&self.run),
            self.number
        )
    }
}

/// The failure when something incomplete is left for the next run to remove.
fn left(how: &str, why: &str) -> anyhow::Error {
    Failure::new(Exit::Partial, format!("{how}; {why}"))
        .next("run the same command again: it removes that and continues")
        .into()
}
