//! Runs a migration marked `no-transaction` statement by statement, and records each.
//!
//! A statement that can run in a transaction gets one of its own, which also records it. Any other statement is
//! recorded as started before it runs. If the run is interrupted there, the next run reads from the catalog whether
//! the statement was done.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use smol_str::SmolStr;

use super::non_transactional::NonTransactionalStep;
use super::refusal::{self, EarlierWork, ScriptSource};
use super::sent::SentScript;
use super::{Executor, locks_to_wait_for};
use crate::changes::plan::{Direction, PlannedStatement, Script, Step};
use crate::error::{ErrorCode, Exit, Failure};
use crate::postgres::connection::{OwnedRow, RowError};
use crate::postgres::lock_mode::LockMode;
use crate::postgres::sql::literal;
use crate::writer::Work;

/// The record of one statement in `trueup.steps`.
#[derive(Debug, Clone)]
pub(super) struct RecordedStatement {
    pub(super) run: String,
    pub(super) number: i32,
    text: String,
    /// What the catalog showed before the statement ran.
    pub(super) before: Option<String>,
    pub(super) done: bool,
}

impl RecordedStatement {
    fn of(row: &OwnedRow) -> Result<Self, RowError> {
        let text: Option<String> = row.get("text")?;
        Ok(Self {
            run: row.get("run")?,
            number: row.get("number")?,
            text: text.unwrap_or_default(),
            before: row.get("before")?,
            done: row.get::<&str>("state")? == "done",
        })
    }
}

impl Executor<'_> {
    /// Applies a migration statement by statement; the last one is recorded together with the migration.
    pub(super) async fn statement_by_statement(&mut self, step: &Step) -> Result<()> {
        let records = self.applied_records(self.migration(step), "applied");
        if step.script.statements.is_empty() {
            return self.record(step, &records).await;
        }
        self.statements(step, Some(&records)).await
    }

    /// Runs the statements of a step that are not recorded as done. `records` are written with the last one.
    pub(super) async fn statements(&mut self, step: &Step, records: Option<&str>) -> Result<()> {
        let recorded = self.recorded(step.version).await?;
        self.unchanged(step, &recorded)?;
        let count = step.script.statements.len();
        for (index, statement) in step.script.statements.iter().enumerate() {
            let number = index + 1;
            let last = records.filter(|_| number == count).map(str::to_owned);
            let found = recorded.get(&number);
            match (found, &statement.outside) {
                (Some(found), _) if found.done => match last {
                    // The migration's own record was missing, although its last statement was done.
                    Some(last) => self.record(step, &last).await?,
                    None => continue,
                },
                (_, None) => self.run_in_transaction(step, statement, number, last).await?,
                (found, Some(outside)) => {
                    self.run_recorded(NonTransactionalStep { step, statement, outside, number }, found, last)
                        .await?;
                }
            }
            self.kept = true;
        }
        Ok(())
    }

    /// The records of a migration's statements since it was last reverted or resolved, by statement number.
    async fn recorded(&mut self, version: i64) -> Result<BTreeMap<usize, RecordedStatement>> {
        let sql = include_str!("recorded.sql")
            .replace("{version}", &version.to_string())
            .replace("{action}", self.action())
            .replace("{restarted_by}", self.restarted_by());
        let rows = match self.job.writer.read_session().await {
            Ok(session) => session.query(sql).await,
            Err(error) => Err(error),
        };
        let rows = rows.map_err(|error| self.unreadable(error, "the steps of earlier runs"))?;
        rows.iter().map(|row| Ok((row.get("statement")?, RecordedStatement::of(row)?))).collect()
    }

    /// What the records of statements are called.
    fn action(&self) -> &'static str {
        match self.direction {
            Direction::Up => "apply",
            Direction::Down => "revert",
        }
    }

    /// Which later record `r` of the migration makes its statements begin again with the first.
    fn restarted_by(&self) -> &'static str {
        match self.direction {
            Direction::Up => "r.action IN ('revert', 'resolve', 'reset', 'squash')",
            // A whole migration that is reverted is a record without a statement.
            Direction::Down => {
                "r.action IN ('apply', 'record', 'adopt', 'resolve', 'reset') \
                 OR r.action = 'revert' AND r.state = 'done' AND r.statement IS NULL"
            }
        }
    }

    /// Refuses a migration whose recorded statements differ from those of its file now.
    fn unchanged(&self, step: &Step, recorded: &BTreeMap<usize, RecordedStatement>) -> Result<()> {
        for (number, recorded) in recorded {
            let same = step.script.statements.get(number - 1).is_some_and(|now| now.text == recorded.text);
            if !same {
                return Err(Failure::new(
                    if self.kept { Exit::Partial } else { Exit::Refused },
                    format!(
                        "{}: statement {number} differs from the one that run {} started: {} was modified after the \
                 interruption",
                        step.path.display(),
                        recorded.run,
                        step.title
                    ),
                )
                .code(ErrorCode::HISTORY_EDITED)
                .next(format!(
                    "restore the statement: {}\nor record that it was not applied: trueup resolve {} --as not-applied \
                 --reason ...",
                    recorded.text, step.version
                ))
                .into());
            }
        }
        Ok(())
    }

    /// Runs a statement that can run in a transaction, together with its record.
    async fn run_in_transaction(
        &mut self,
        step: &Step,
        statement: &PlannedStatement,
        number: usize,
        last: Option<String>,
    ) -> Result<()> {
        let record = self.statement_record(step, number, statement, None, true);
        let records = [Some(record), last].into_iter().flatten().collect::<Vec<_>>().join(";\n");
        let wanted = locks_to_wait_for(step);
        let what = format!("{}, statement {number}", step.title);
        let alone = Script { statements: vec![PlannedStatement { offset: 0, ..statement.clone() }] };
        let sent = SentScript::of(&alone, self.limits(step), self.job.version);
        let work = Work {
            what: &what,
            script: &sent.text,
            records: &records,
            recurring: None,
            wanted: &wanted,
            limits: self.limits(step),
            snapshot: false,
            next: None,
        };
        let before = EarlierWork::statement(number, self.kept);
        let source = ScriptSource { path: &step.path, what: &what, script: &alone, sent: &sent };
        let applied = self.job.writer.transaction(&work, self.job.watch).await;
        applied.map_err(|trouble| refusal::script_failure(trouble, source, before))
    }

    /// The failure when records or catalog cannot be read during a run.
    pub(super) fn unreadable(&mut self, error: anyhow::Error, what: &str) -> anyhow::Error {
        let trouble = self.job.writer.step_error(error, &format!("reading {what}"));
        trouble.failure(what, self.kept)
    }

    /// Writes records in a transaction of their own.
    pub(super) async fn record(&mut self, step: &Step, records: &str) -> Result<()> {
        let what = format!("the record of {}", step.title);
        let limits = self.job.limits.transaction;
        let work = Work::records(&what, records, limits);
        let recorded = self.job.writer.transaction(&work, self.job.watch).await;
        recorded.map_err(|trouble| trouble.failure(&what, self.kept))
    }

    /// The INSERT of a statement's row.
    pub(super) fn statement_record(
        &mut self,
        step: &Step,
        number: usize,
        statement: &PlannedStatement,
        before: Option<&str>,
        done: bool,
    ) -> String {
        self.number += 1;
        let (state, ended) = if done { ("done", "clock_timestamp()") } else { ("started", "NULL") };
        let detail = rows_worked_on(step, statement).filter(|_| done);
        format!(
            "INSERT INTO trueup.steps (run, number, action, version, name, statement, text, before, state, detail, ended_at) \
             VALUES ({}, {}, '{}', {}, {}, {number}, {}, {}, '{state}', {}, {ended})",
            literal(self.job.writer.run()),
            self.number,
            self.action(),
            step.version,
            literal(&step.name),
            literal(&statement.text),
            before.map_or_else(|| "NULL".to_owned(), literal),
            detail.as_deref().unwrap_or("NULL"),
        )
    }
}

/// An expression for the number of rows that a statement works on as a whole: it is recorded with the time that it took, which
/// corrects later estimates. `None` where there is no relation, or several.
pub(super) fn rows_worked_on(step: &Step, statement: &PlannedStatement) -> Option<String> {
    let at = statement.as_statement().position();
    let footprint = step.footprints.iter().find(|footprint| footprint.at == at)?;
    let changed = footprint.locks.iter().filter(|(_, mode)| **mode == LockMode::RowExclusive);
    let whole = footprint.builds.iter().chain(&footprint.rewrites).chain(&footprint.scans);
    let mut relations: BTreeSet<&str> = whole.map(SmolStr::as_str).collect();
    if relations.is_empty() {
        relations = changed.map(|(relation, _)| relation.as_str()).collect();
    }
    let (Some(relation), 1) = (relations.first(), relations.len()) else { return None };
    Some(format!(
        "(SELECT '{{\"rows\": ' || c.reltuples::int8 || '}}' FROM pg_catalog.pg_class AS c \
         WHERE c.oid = pg_catalog.to_regclass({}) AND c.reltuples > 0)",
        literal(relation)
    ))
}
