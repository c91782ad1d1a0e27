//! One statement that cannot run in a transaction: written down as started, run, looked at, written down as done.

use anyhow::Result;

use super::Executor;
use super::postcondition::{self, StatementState};
use super::refusal::{self, EarlierWork, ScriptSource};
use super::statements::RecordedStatement;
use crate::changes::plan::{NonTransactional, PlannedStatement, Script, Step};
use crate::error::{ErrorCode, Exit, Failure};
use crate::postgres::connection::sqlstate;
use crate::postgres::sql::literal;
use crate::writer::{self, StepError};

/// A statement that is to be carried out.
#[derive(Clone, Copy)]
pub(super) struct NonTransactionalStep<'s> {
    pub(super) step: &'s Step,
    pub(super) statement: &'s PlannedStatement,
    pub(super) outside: &'s NonTransactional,
    /// Which statement of its migration, from 1.
    pub(super) number: usize,
}

/// Its row in `trueup.steps`.
struct StepRow {
    run: String,
    number: i32,
    before: Option<String>,
}

impl NonTransactionalStep<'_> {
    /// Its name in messages.
    fn what(&self) -> String {
        format!("{}, statement {} ({})", self.step.title, self.number, self.outside.command())
    }
}

impl Executor<'_> {
    /// Carries a statement out, or finds that an earlier run did. `last` are the records of the migration, when it is
    /// the last of its statements.
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
                    let done = row.done("found done after the run was interrupted");
                    return self.record(stage.step, &format!("{done}{last}")).await;
                }
                row
            }
            None => self.record_started(stage).await?,
        };
        self.run_outside(stage, &row).await?;
        self.kept = true;
        self.record(stage.step, &format!("{}{last}", row.done(""))).await
    }

    /// Writes down that a statement is started.
    async fn record_started(&mut self, stage: NonTransactionalStep<'_>) -> Result<StepRow> {
        let before = self.state_before(stage).await?;
        let record =
            self.statement_record(stage.step, stage.number, &stage.statement.text, before.as_deref(), false);
        self.record(stage.step, &record).await?;
        Ok(StepRow { run: self.job.writer.run().to_owned(), number: self.number, before })
    }

    /// What became of a statement that an earlier run began: the catalog says it. When it is to be done again, nothing
    /// of it is there any more that could be removed.
    async fn is_done(&mut self, stage: NonTransactionalStep<'_>, row: &StepRow) -> Result<bool> {
        match self.state_after_cleanup(stage, row).await? {
            StatementState::Done => Ok(true),
            // What cannot be removed the statement itself ends.
            StatementState::NotDone | StatementState::Leftover { .. } => Ok(false),
            // Done again it does no harm.
            StatementState::CannotTell(_) if matches!(stage.outside, NonTransactional::Reindex { .. }) => {
                Ok(false)
            }
            StatementState::CannotTell(why) => {
                let what = format!("{} was started by an earlier run that was interrupted, and {why}", stage.what());
                Err(decide_by_hand(what, stage.step))
            }
            StatementState::Foreign(why) => Err(self.foreign(stage, &why)),
        }
    }

    /// Runs it and proves in the catalog that it did what it says.
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
        let work = writer::Outside {
            what: &what,
            statement: &stage.statement.text,
            lock_timeout: (!patient).then_some(self.limits(step).lock_timeout),
            lock_budget: budget,
        };
        let trouble = match self.job.writer.outside(&work, self.job.watch).await {
            Ok(()) => None,
            // What became of it the next run finds out, from the record that it was started.
            Err(trouble @ StepError::LostOutside(_)) => return Err(trouble.failure(&what, true)),
            Err(trouble) => Some(trouble),
        };
        let state = match trouble {
            // Somebody waits for this to end: what is left the next run removes.
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

    /// A statement failed: what of it stays decides what is said. It may have been done all the same.
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
            let source = ScriptSource {
                path: &stage.step.path,
                what: &what,
                sql: &stage.statement.text,
                script: &alone,
            };
            let before = EarlierWork::statement(stage.number, self.kept);
            return Err(refusal::script_failure(trouble, source, before));
        };
        let how = match &trouble {
            StepError::Stopped(signal) => format!("interrupted by {signal}: {what} was cancelled"),
            StepError::Refused { said, .. } => format!("{what} failed: {}", said.text()),
            _ => format!("{what} was cancelled: timed out waiting for a lock"),
        };
        Err(if removable { left(&how, &why) } else { decide_by_hand(format!("{how}; {why}"), stage.step) })
    }

    /// What the catalog says before a statement begins. An index of its name that is not as it should be is not ours.
    async fn state_before(&mut self, stage: NonTransactionalStep<'_>) -> Result<Option<String>> {
        let before = match self.job.writer.reading().await {
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
        let effects = self.job.lock.migrations.iter().find(|compiled| compiled.version == stage.step.version);
        let effects = effects.map(|compiled| compiled.effects.as_slice()).unwrap_or_default();
        let (version, options) = (self.job.version, self.job.options);
        let before = row.before.as_deref();
        let state = match self.job.writer.reading().await {
            Ok(session) => {
                postcondition::check(session, stage.outside, before, effects, version, options).await
            }
            Err(error) => Err(error),
        };
        // The record that it was started stays.
        state.map_err(|error| match self.job.writer.trouble(error, "reading the catalog") {
            StepError::Lost(why) => StepError::LostOutside(why).failure(&stage.what(), true),
            trouble => trouble.failure(&stage.what(), true),
        })
    }

    /// The same after what our own try left behind was removed.
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
            let work = writer::Outside {
                what: &what,
                statement,
                lock_timeout: None,
                lock_budget: self.job.limits.outside_lock_budget,
            };
            let removed = self.job.writer.outside(&work, self.job.watch).await;
            // It is recorded as started: the next run removes it.
            removed.map_err(|trouble| match trouble {
                StepError::Stopped(signal) => {
                    left(&format!("interrupted by {signal}: {} was not started again", stage.what()), why)
                }
                trouble => trouble.failure(&what, true),
            })?;
        }
        self.state_of(stage, row).await
    }

    /// Takes the record back that a statement was started, for it left nothing behind.
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
    /// The statement that records it as done.
    fn done(&self, detail: &str) -> String {
        let detail =
            if detail.is_empty() { String::new() } else { format!(", detail = {}", literal(detail)) };
        format!(
            "UPDATE trueup.steps SET state = 'done', ended_at = clock_timestamp(){detail} \
             WHERE run = {} AND number = {}",
            literal(&self.run),
            self.number
        )
    }
}

/// Something half-made stays for the next run to remove.
fn left(how: &str, why: &str) -> anyhow::Error {
    Failure::new(Exit::Partial, format!("{how}; {why}"))
        .next("run the same command again: it removes that and continues")
        .into()
}

/// Where the catalog does not tell.
fn decide_by_hand(what: String, step: &Step) -> anyhow::Error {
    Failure::new(Exit::Partial, what)
        .next(format!(
            "find out whether it was done, then run one of:\ntrueup resolve {v} --as applied --reason ...      if it \
             was done\ntrueup resolve {v} --as not-applied --reason ...  if it was not, or may be run again",
            v = step.version
        ))
        .into()
}
