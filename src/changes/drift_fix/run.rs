//! Carries a plan out, step by step, each recorded in `trueup.steps`.
//!
//! What is a transaction is committed with its record. A statement that cannot be in one is recorded as started before it runs,
//! and the catalog shows what became of it. An interrupted run needs no record to be continued: the next one plans from what
//! the database has then.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::failure::{State, StepPosition};
use super::guard;
use super::{FixPlan, FixStep, SeenObjects};
use crate::changes::executor::postcondition::{self, StatementState};
use crate::changes::executor::{DefaultLimits, wanted_locks};
use crate::changes::plan::PlannedStatement;
use crate::migrations::script::NonTransactional;
use crate::postgres::catalog::reader::ReadOptions;
use crate::postgres::connection::{self, ServerVersion};
use crate::postgres::sql::literal;
use crate::writer::{Event, StandaloneStatement, StepError, Watch, Work, WriteSession};

/// What the records of steps are called.
const ACTION: &str = "fix";

/// A plan that is to be carried out, and what that needs.
pub struct FixJob<'j> {
    /// The write session; its run has been started.
    pub writer: &'j mut WriteSession,
    /// The observer of events.
    pub watch: &'j mut dyn Watch,
    /// The plan.
    pub plan: &'j FixPlan,
    /// What it changes, as it was seen.
    pub seen: &'j SeenObjects,
    /// How long things may take.
    pub limits: DefaultLimits,
    /// The server's version, for reading its catalog.
    pub version: ServerVersion,
    /// What is read of the catalog.
    pub options: &'j ReadOptions,
    /// The role that the statements run as.
    pub role: &'j str,
}

/// The result of a run.
#[derive(Debug)]
pub struct FixOutcome {
    /// How long the steps took that are done.
    pub done: Vec<Duration>,
    /// The error that ended the run before the last step.
    pub failure: Option<anyhow::Error>,
}

/// Carries a plan out.
pub async fn run(job: FixJob<'_>) -> FixOutcome {
    let plan = job.plan;
    let mut runner = Runner { job, records: 0, committed: false };
    let mut done = Vec::new();
    for (number, step) in plan.steps.iter().enumerate() {
        let begun = Instant::now();
        if let Err(error) = runner.step(number, step).await {
            return FixOutcome { done, failure: Some(error) };
        }
        done.push(begun.elapsed());
    }
    FixOutcome { done, failure: None }
}

struct Runner<'j> {
    job: FixJob<'j>,
    /// The number of the last row of this run in `trueup.steps`.
    records: usize,
    /// Whether this run has committed a statement.
    committed: bool,
}

impl Runner<'_> {
    async fn step(&mut self, index: usize, step: &FixStep) -> Result<()> {
        let (number, of, title) = (index + 1, self.job.plan.steps.len(), step.title());
        self.job.watch.observe(&Event::Begun { doing: "fixing", what: &title, number, of });
        let begun = Instant::now();
        let progress = StepPosition { number, of, title: &title, committed: self.committed };
        if step.transactional {
            let all: Vec<&PlannedStatement> = step.script.statements.iter().collect();
            self.transaction(step, &all, Some(&step.guarded), &step.recreated, progress).await?;
        } else {
            self.one_by_one(step, progress).await?;
        }
        self.job.watch.observe(&Event::Done { what: &title, took: begun.elapsed() });
        Ok(())
    }

    /// Runs statements in one transaction, with their record, behind a guard.
    async fn transaction(
        &mut self,
        step: &FixStep,
        statements: &[&PlannedStatement],
        guarded: Option<&Vec<super::Guarded>>,
        recreated: &[super::Guarded],
        progress: StepPosition<'_>,
    ) -> Result<()> {
        let guard = guarded.and_then(|guarded| guard::block(guarded, self.job.seen, ""));
        let guards = usize::from(guard.is_some());
        let texts = guard.into_iter().chain(statements.iter().map(|statement| statement.text.clone()));
        let texts = texts.chain(guard::restoration(recreated, self.job.seen));
        let script = texts.collect::<Vec<_>>().join(";\n");
        let texts: Vec<&str> = statements.iter().map(|statement| statement.text.as_str()).collect();
        let record = self.record_of(progress.title, &texts.join(";\n"), None, true);
        let wanted = wanted_locks(&step.held);
        let work = Work {
            what: progress.title,
            script: &script,
            records: &record,
            recurring: None,
            wanted: &wanted,
            limits: self.job.limits.transaction,
            snapshot: false,
            next: None,
        };
        let done = self.job.writer.transaction(&work, self.job.watch).await;
        done.map_err(|trouble| {
            let failed = match &trouble {
                StepError::Refused { done, .. } => {
                    done.checked_sub(guards).and_then(|done| statements.get(done).copied())
                }
                _ => None,
            };
            progress.failure(trouble, failed, self.job.role, State::RolledBack)
        })?;
        self.committed = true;
        Ok(())
    }

    /// Runs the statements of a step, each of which is committed before the next one.
    async fn one_by_one(&mut self, step: &FixStep, progress: StepPosition<'_>) -> Result<()> {
        let statements = &step.script.statements;
        for (index, statement) in statements.iter().enumerate() {
            let progress = StepPosition { committed: self.committed, ..progress };
            let guarded = (index == 0).then_some(&step.guarded);
            let ran = match &statement.outside {
                None => {
                    let recreated =
                        if index + 1 == statements.len() { step.recreated.as_slice() } else { &[] };
                    self.transaction(step, &[statement], guarded, recreated, progress).await
                }
                Some(outside) => self.outside(step, statement, outside, guarded, progress).await,
            };
            if let Err(error) = ran {
                if index > 0
                    && let Some(helper) = helper_of(statements)
                {
                    // What only helped the statements that follow goes again; where it does not, the next run drops it.
                    let _ = self.transaction(step, &[helper], None, &[], progress).await;
                }
                return Err(error);
            }
        }
        Ok(())
    }

    /// Runs a statement that cannot be in a transaction.
    async fn outside(
        &mut self,
        step: &FixStep,
        statement: &PlannedStatement,
        outside: &NonTransactional,
        guarded: Option<&Vec<super::Guarded>>,
        progress: StepPosition<'_>,
    ) -> Result<()> {
        if let Some(guarded) = guarded {
            self.unchanged(guarded, progress).await?;
        }
        let before = match self.job.writer.read_session().await {
            Ok(session) => postcondition::before(session, outside).await,
            Err(error) => Err(error),
        };
        let before = before.map_err(|error| self.unreadable(error, progress))?;
        let record = self.record_of(progress.title, &statement.text, before.as_deref(), false);
        let number = self.records;
        self.write(&record, progress).await?;
        let work = StandaloneStatement {
            what: progress.title,
            statement: &statement.text,
            // A short limit makes CREATE INDEX CONCURRENTLY leave an invalid index behind.
            lock_timeout: None,
            lock_budget: self.job.limits.outside_lock_budget,
        };
        let ran = self.job.writer.run_standalone(&work, self.job.watch).await;
        if let Err(trouble @ StepError::LostOutside(_)) = ran {
            return Err(trouble.failure(progress.title, true));
        }
        let state = self.state(outside, before.as_deref(), progress).await?;
        let trouble = match (ran, state) {
            (Ok(()), _) | (Err(StepError::Stopped(_)), StatementState::Done) => {
                self.committed = true;
                return self.write(&self.ended(number, "done"), progress).await;
            }
            (Err(trouble), StatementState::Leftover { clean_up, .. }) => {
                if !matches!(trouble, StepError::Stopped(_)) {
                    self.clean_up(step, &clean_up).await;
                }
                trouble
            }
            (Err(trouble), _) => trouble,
        };
        let left = match self.state(outside, before.as_deref(), progress).await? {
            StatementState::Leftover { why, .. } => State::Left(why),
            _ => State::RolledBack,
        };
        self.write(&self.ended(number, "failed"), progress).await?;
        Err(progress.failure(trouble, Some(statement), self.job.role, left))
    }

    /// Refuses to go on where what the step changes is not as it was seen.
    async fn unchanged(&mut self, guarded: &[super::Guarded], progress: StepPosition<'_>) -> Result<()> {
        let Some(block) = guard::block(guarded, self.job.seen, "") else { return Ok(()) };
        let checked = match self.job.writer.read_session().await {
            Ok(session) => session.execute(block).await,
            Err(error) => Err(error),
        };
        let Err(error) = checked else { return Ok(()) };
        match connection::server_error(&error).map(connection::describe) {
            Some(said) if said.is(guard::CHANGED) => {
                let trouble = StepError::Refused { said: Box::new(said), done: 0 };
                Err(progress.failure(trouble, None, self.job.role, State::RolledBack))
            }
            _ => Err(self.unreadable(error, progress)),
        }
    }

    /// What became of a statement outside of a transaction.
    async fn state(
        &mut self,
        outside: &NonTransactional,
        before: Option<&str>,
        progress: StepPosition<'_>,
    ) -> Result<StatementState> {
        let (version, options) = (self.job.version, self.job.options);
        let state = match self.job.writer.read_session().await {
            Ok(session) => postcondition::check(session, outside, before, &[], version, options).await,
            Err(error) => Err(error),
        };
        state.map_err(|error| self.unreadable(error, progress))
    }

    /// Removes what a failed statement left behind. What cannot be removed, the next run replaces.
    async fn clean_up(&mut self, step: &FixStep, statements: &[String]) {
        let what = format!("{}: removing what the statement left behind", step.title());
        for statement in statements {
            let work = StandaloneStatement {
                what: &what,
                statement,
                lock_timeout: None,
                lock_budget: self.job.limits.outside_lock_budget,
            };
            let _ = self.job.writer.run_standalone(&work, self.job.watch).await;
        }
    }

    fn unreadable(&mut self, error: anyhow::Error, progress: StepPosition<'_>) -> anyhow::Error {
        let trouble = self.job.writer.step_error(error, "reading the catalog");
        trouble.failure(progress.title, self.committed)
    }

    async fn write(&mut self, record: &str, progress: StepPosition<'_>) -> Result<()> {
        let what = format!("the record of {}", progress.title);
        let written = self.job.writer.record(&what, record, self.job.watch).await;
        written.map_err(|trouble| trouble.failure(&what, self.committed))
    }

    /// The INSERT of a row of `trueup.steps`.
    fn record_of(&mut self, title: &str, text: &str, before: Option<&str>, done: bool) -> String {
        self.records += 1;
        let (state, ended) = if done { ("done", "clock_timestamp()") } else { ("started", "NULL") };
        format!(
            "INSERT INTO trueup.steps (run, number, action, name, text, before, state, ended_at) \
             VALUES ({}, {}, '{ACTION}', {}, {}, {}, '{state}', {ended})",
            literal(self.job.writer.run()),
            self.records,
            literal(title),
            literal(text),
            before.map_or_else(|| "NULL".to_owned(), literal)
        )
    }

    fn ended(&self, number: usize, state: &str) -> String {
        format!(
            "UPDATE trueup.steps SET state = '{state}', ended_at = clock_timestamp() WHERE run = {} AND number = {number}",
            literal(self.job.writer.run())
        )
    }
}

/// The statement that drops the constraint which the first one adds, where that is only there for those between.
fn helper_of(statements: &[PlannedStatement]) -> Option<&PlannedStatement> {
    let (first, last) = (statements.first()?, statements.last()?);
    let (_, gone) = last.text.split_once(" DROP CONSTRAINT ")?;
    first.text.contains(&format!(" ADD CONSTRAINT {gone} CHECK ")).then_some(last)
}
