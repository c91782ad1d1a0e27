//! Executes a plan through the write session: transactional migrations with retries, and migrations outside of a
//! transaction, whose statements are recorded one by one so that an interrupted run can be continued.
//!
//! This module does not plan and does not ask: its caller has shown the plan and has got the confirmation.

mod adopt;
mod non_transactional;
pub(in crate::changes) mod postcondition;
mod refusal;
mod resolve;
mod revert;
mod sent;
mod statements;
mod upgrade;

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::Serialize;

use crate::changes::plan::{Direction, Step, is_satisfied};
use crate::error::{ErrorCode, Exit, Failure};
use crate::migrations::{Ledger, Migration};
use crate::model::diff;
use crate::model::{Effect, Lock, effects_to_text};
use crate::postgres::catalog::reader::{self, ReadOptions};
use crate::postgres::catalog::{Catalog, ObjectId};
use crate::postgres::connection::{ServerVersion, Session};
use crate::postgres::lock_mode::LockMode;
use crate::postgres::sql::literal;
use crate::writer::{Event, Next, PreparedStatement, StepLimits, WantedLock, Watch, Work, WriteSession};

use refusal::{EarlierWork, ScriptSource};
use sent::SentScript;

pub use adopt::{Adopt, adopt};
pub use resolve::{Resolve, StatedOutcome, resolve};
pub use revert::downgrade;
pub use upgrade::upgrade;

/// A plan that is to be executed, and what the executor needs for it.
pub struct Job<'j> {
    /// The write session; its run has been started.
    pub writer: &'j mut WriteSession,
    /// The observer of events.
    pub watch: &'j mut dyn Watch,
    /// refinery's history table.
    pub ledger: Ledger,
    /// The steps, in the order in which they are executed.
    pub steps: &'j [Step],
    /// The project's migrations, sorted by version.
    pub migrations: &'j [Migration],
    /// The compiled project.
    pub lock: &'j Lock,
    /// The migrations that are applied before the first step, as indexes into `lock.migrations`.
    pub applied: BTreeSet<usize>,
    /// The versions whose texts are recorded.
    pub texts: BTreeSet<i64>,
    /// The time limits for migrations that set none.
    pub limits: DefaultLimits,
    /// The server's version, for reading its catalog.
    pub version: ServerVersion,
    /// What is read of the catalog.
    pub options: &'j ReadOptions,
    /// Checks the data before a step whose file requires data checks.
    pub guard: &'j dyn StepGuard,
    /// The number of the last row that this run has in `trueup.steps` already.
    pub recorded_steps: i32,
}

/// Runs the data checks that a migration requires, on a connection of its own.
pub trait StepGuard: Send + Sync {
    /// Runs the checks that a step requires.
    ///
    /// # Errors
    /// Exit 1 when a check finds rows; the errors that keep the checks from being run.
    fn pass<'g>(&'g self, step: &'g Step) -> Pin<Box<dyn Future<Output = Result<()>> + Send + 'g>>;
}

/// The time limits for migrations that set none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DefaultLimits {
    /// The limits of a transaction.
    pub transaction: StepLimits,
    /// The time that a statement outside of a transaction may wait for locks, all attempts together.
    pub outside_lock_budget: Duration,
}

/// A step that was executed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AppliedStep {
    /// The migration's version.
    pub version: String,
    /// The migration's name.
    pub name: String,
    /// The duration in milliseconds, including the time spent waiting for locks.
    pub milliseconds: u64,
}

/// The result of an execution.
#[derive(Debug)]
pub struct Outcome {
    /// The steps that were executed.
    pub done: Vec<AppliedStep>,
    /// The error that ended the execution before the last step.
    pub failure: Option<anyhow::Error>,
}

/// The state of an execution.
struct Executor<'j> {
    job: Job<'j>,
    direction: Direction,
    /// The index of the step that is executed next.
    next: usize,
    done: Vec<AppliedStep>,
    /// Whether this run has committed something.
    kept: bool,
    /// The number of the last row of this run in `trueup.steps`.
    number: i32,
}

impl<'j> Executor<'j> {
    fn new(job: Job<'j>, direction: Direction) -> Self {
        let number = job.recorded_steps;
        Self { job, direction, next: 0, done: Vec::new(), kept: false, number }
    }

    fn outcome(self, failure: Option<anyhow::Error>) -> Outcome {
        Outcome { done: self.done, failure }
    }

    fn migration(&self, step: &Step) -> &'j Migration {
        let found = self.job.migrations.binary_search_by_key(&step.version, |migration| migration.version);
        &self.job.migrations[found.expect("a step of the plan is a migration of the project")]
    }

    fn limits(&self, step: &Step) -> StepLimits {
        let defaults = self.job.limits.transaction;
        StepLimits {
            lock_timeout: step.directives.lock_timeout.unwrap_or(defaults.lock_timeout),
            max_duration: step.directives.max_duration.unwrap_or(defaults.max_duration),
            ..defaults
        }
    }

    /// The beginning of the next step, where that step begins with a transaction. The message that commits the
    /// current step opens it.
    fn following(&self) -> Option<Next> {
        let step = self.job.steps.get(self.next)?;
        let looks = !step.record && !locks_to_wait_for(step).is_empty();
        (step.record || step.transactional).then(|| Next {
            limits: self.limits(step),
            looks,
            snapshot: false,
        })
    }

    /// The statements that record a migration as applied: its row in refinery's history, its text and its effects. The
    /// first of them creates the history where there is none: the migration itself may have created its schema, and what
    /// is rolled back with it leaves nothing.
    fn applied_records(&self, migration: &Migration, how: &str) -> String {
        let text = text_record(self.job.lock, migration, how, self.job.writer.run());
        let insert = self.job.ledger.insert(migration);
        match self.job.ledger.exists {
            true => format!("{insert};\n{text}"),
            false => format!("{};\n{insert};\n{text}", self.job.ledger.create()),
        }
    }

    /// The records of a migration that is one transaction: as statements for the first one of a history, which creates
    /// it, else prepared.
    fn records_of(&self, migration: &Migration, how: &str) -> AppliedRecords {
        match self.job.ledger.exists && self.job.ledger.is_alone(migration.version) {
            true => AppliedRecords::Prepared(self.applied_prepared(migration, how)),
            false => AppliedRecords::Statements(self.applied_records(migration, how)),
        }
    }

    /// The records of [`Executor::applied_records`] as one prepared statement: its definition and its values. A run
    /// prepares it once for all its migrations.
    fn applied_prepared(&self, migration: &Migration, how: &str) -> (String, String) {
        let [version, name, checksum] = self.job.ledger.values(migration);
        let [_, _, how, sql, effects, run] =
            text_values(self.job.lock, migration, how, self.job.writer.run());
        let row = self.job.ledger.insert_of(["$1", "$2", "$3"]);
        let text = text_record_of(["$1", "$2", "$4", "$5", "$6", "$7"]);
        let form = format!("(int8, text, text, text, text, text, text) AS WITH history AS ({row}) {text}");
        (form, [version, name, checksum, how, sql, effects, run].join(", "))
    }

    /// Adds to the table of the tool that the migrations were taken over from what it lacks of those that are applied, because
    /// it was not always kept in step.
    async fn catch_up(&mut self) -> Result<()> {
        let Some(also) = &self.job.ledger.also else { return Ok(()) };
        let rows = also.insert(also.missing().iter().copied());
        if rows.is_empty() {
            return Ok(());
        }
        let (what, rows) = (format!("the rows of {}", also.tool()), rows.join(";\n"));
        let work = Work::records(&what, &rows, self.job.limits.transaction);
        let written = self.job.writer.transaction(&work, self.job.watch).await;
        written.map_err(|trouble| trouble.failure(&what, self.kept))
    }

    /// Applies one migration. The steps are applied in order: `self.next` is the number of those that were begun.
    async fn apply(&mut self, step: &Step) -> Result<()> {
        self.next += 1;
        let begun = Instant::now();
        let (number, of) = (self.next, self.job.steps.len());
        if !step.record && !step.directives.requires_checks.is_empty() {
            self.job.writer.while_connected(self.job.guard.pass(step)).await?;
        }
        let doing = if step.record { "recording" } else { "applying" };
        self.job.watch.observe(&Event::Begun { doing, what: &step.title, number, of });
        if step.record {
            self.record_satisfied(step).await?;
        } else if step.transactional {
            self.transactional(step).await?;
        } else {
            self.statement_by_statement(step).await?;
        }
        (self.kept, self.job.ledger.exists) = (true, true);
        let took = begun.elapsed();
        self.job.watch.observe(&Event::Done { what: &step.title, took });
        self.done.push(AppliedStep {
            version: step.version.to_string(),
            name: step.name.clone(),
            milliseconds: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        });
        Ok(())
    }

    /// Runs a migration's script and its records in one transaction.
    async fn transactional(&mut self, step: &Step) -> Result<()> {
        let migration = self.migration(step);
        let records = self.records_of(migration, "applied");
        let wanted = locks_to_wait_for(step);
        let sent = SentScript::of(&step.script, self.limits(step), self.job.version);
        let work = Work {
            what: &step.title,
            script: &sent.text,
            records: records.statements(),
            recurring: records.prepared(),
            wanted: &wanted,
            limits: self.limits(step),
            snapshot: false,
            next: self.following(),
        };
        let before = if self.kept { EarlierWork::Applied } else { EarlierWork::Nothing };
        let source = ScriptSource { path: &step.path, what: &step.title, script: &step.script, sent: &sent };
        let applied = self.job.writer.transaction(&work, self.job.watch).await;
        applied.map_err(|trouble| refusal::script_failure(trouble, source, before))
    }
}

impl Executor<'_> {
    /// Records a migration without running it, because the database already has its effect. That is verified again in
    /// the transaction that records it.
    async fn record_satisfied(&mut self, step: &Step) -> Result<()> {
        let migration = self.migration(step);
        let records = self.records_of(migration, "recorded");
        let (limits, next, recurring) = (self.limits(step), self.following(), records.prepared());
        let work = Work { recurring, next, ..Work::records(&step.title, records.statements(), limits) };
        let (lock, version, options) = (self.job.lock, self.job.version, self.job.options);
        let prove = async |session: &mut Session| {
            let live = reader::read_inside(session, version, options).await?.catalog;
            let made =
                lock.migrations.iter().flat_map(|migration| &migration.effects).filter_map(Effect::after);
            let live = diff::align_majors(&live, version, lock.head.server, made).unwrap_or(live);
            if is_satisfied(&lock.migrations[step.index].effects, &live, &Catalog::default()) {
                return Ok(());
            }
            let what = format!(
                "{}: the database no longer has its complete effect; it was not recorded",
                step.title
            );
            Err(Failure::new(Exit::RolledBack, what)
                .code(ErrorCode::MIGRATION_NOT_PROVED)
                .next("trueup check")
                .into())
        };
        let recorded = self.job.writer.proved_transaction(&work, self.job.watch, prove).await;
        recorded.map_err(|trouble| trouble.failure(&step.title, self.kept))
    }
}

/// The records of a migration.
enum AppliedRecords {
    Statements(String),
    /// The definition and the values of a prepared statement.
    Prepared((String, String)),
}

impl AppliedRecords {
    fn statements(&self) -> &str {
        match self {
            Self::Statements(statements) => statements,
            Self::Prepared(_) => "",
        }
    }

    fn prepared(&self) -> Option<PreparedStatement<'_>> {
        match self {
            Self::Statements(_) => None,
            Self::Prepared((form, values)) => Some(PreparedStatement { name: "applied", form, values }),
        }
    }
}

/// The statement that records the text of a migration, and its effects as lines of `trueup.lock`.
fn text_record(lock: &Lock, migration: &Migration, how: &str, run: &str) -> String {
    let values = text_values(lock, migration, how, run);
    text_record_of(values.each_ref().map(String::as_str))
}

/// The statement of [`text_record`] for six SQL expressions: version, name, how, text, effects and run.
fn text_record_of(values: [&str; 6]) -> String {
    format!(
        "INSERT INTO trueup.migrations (version, name, how, sql, effects, run) VALUES ({})",
        values.join(", ")
    )
}

/// The values of [`text_record_of`].
fn text_values(lock: &Lock, migration: &Migration, how: &str, run: &str) -> [String; 6] {
    let index = lock.migrations.binary_search_by_key(&migration.version, |compiled| compiled.version).ok();
    let effects = index.map(|index| effects_to_text(&lock.migrations[index].effects));
    [
        migration.version.to_string(),
        literal(&migration.name),
        literal(how),
        literal(&migration.sql),
        effects.as_deref().map_or_else(|| "NULL".to_owned(), literal),
        literal(run),
    ]
}

/// Deletes the recorded texts of migrations. They are left over from versions whose row in the history is gone, and
/// they would violate the primary key of [`text_record`]'s table.
fn delete_stale_texts(versions: impl IntoIterator<Item = i64>) -> String {
    let versions: Vec<String> = versions.into_iter().map(|version| version.to_string()).collect();
    format!("DELETE FROM trueup.migrations WHERE version IN ({})", versions.join(", "))
}

/// The relations whose lock holders a step waits for outside of the lock queue. Locks that do not block writers are
/// left out.
fn locks_to_wait_for(step: &Step) -> Vec<WantedLock> {
    wanted_locks(&step.held)
}

/// Those of the locks that block writers, with what each conflicts with.
pub(in crate::changes) fn wanted_locks(held: &BTreeMap<ObjectId, LockMode>) -> Vec<WantedLock> {
    let held = held.iter().filter(|(_, mode)| mode.blocks_writers());
    held.map(|(relation, mode)| {
        let conflicting = LockMode::ALL.into_iter().filter(|other| mode.conflicts_with(*other));
        WantedLock {
            relation: relation.to_string(),
            conflicting: conflicting.map(LockMode::pg_locks_name).collect(),
        }
    })
    .collect()
}
