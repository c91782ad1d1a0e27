//! Carrying a plan out through the door: refinery's Runner over the session that holds the lock, transactional
//! migrations with retries, statements outside of a transaction with what their crash leaves behind.
//!
//! It does not plan and does not ask; what it is told to do was shown and confirmed.

mod adopt;
mod non_transactional;
mod postcondition;
mod refusal;
mod resolve;
mod revert;
mod statements;
mod upgrade;

use std::collections::BTreeSet;
use std::pin::Pin;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::Serialize;

use crate::changes::plan::{LockMode, Step, is_satisfied};
use crate::error::{ErrorCode, Exit, Failure};
use crate::migrations::{Ledger, Migration};
use crate::model::diff;
use crate::model::{Effect, Lock, effects_to_text};
use crate::postgres::catalog::Catalog;
use crate::postgres::catalog::reader::{self, ReadOptions};
use crate::postgres::connection::{ServerVersion, Session};
use crate::postgres::sql::{literal, without_bom};
use crate::writer::{Event, Limits, Next, PreparedStatement, Wanted, Watch, Work, WriteSession};

use refusal::{EarlierWork, ScriptSource};

pub use adopt::{Adopt, adopt};
pub use resolve::{Resolve, Verdict, resolve};
pub use revert::downgrade;
pub use upgrade::upgrade;

/// What is to be done, and with what.
pub struct Job<'j> {
    /// The door, its run begun.
    pub writer: &'j mut WriteSession,
    /// Who is told what happens.
    pub watch: &'j mut dyn Watch,
    /// refinery's history.
    pub ledger: Ledger,
    /// The steps, in order.
    pub steps: &'j [Step],
    /// The project's migrations, by version.
    pub migrations: &'j [Migration],
    /// The compiled project.
    pub lock: &'j Lock,
    /// The migrations that are applied when it begins, as places in `lock`.
    pub applied: BTreeSet<usize>,
    /// How long things may take where a migration does not say it.
    pub limits: DefaultLimits,
    /// The server's version, for reading its catalog.
    pub version: ServerVersion,
    /// What a reading takes in.
    pub options: &'j ReadOptions,
    /// Who is asked before a step whose file requires data checks.
    pub guard: &'j dyn StepGuard,
}

/// Whether the data checks pass that a migration requires. It has a connection of its own.
pub trait StepGuard: Send + Sync {
    /// Asks before a step.
    ///
    /// # Errors
    /// Exit 1 when they do not pass, and whatever keeps them from being run.
    fn pass<'g>(&'g self, step: &'g Step) -> Pin<Box<dyn Future<Output = Result<()>> + Send + 'g>>;
}

/// How long things may take where a migration does not say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DefaultLimits {
    /// Of a transaction.
    pub transaction: Limits,
    /// How long a statement outside of a transaction may wait for locks altogether.
    pub outside_lock_budget: Duration,
}

/// One step that was carried out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AppliedStep {
    /// The migration's version.
    pub version: String,
    /// Its name.
    pub name: String,
    /// How long it took, waiting for locks included, in milliseconds.
    pub milliseconds: u64,
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    /// What was done.
    pub done: Vec<AppliedStep>,
    /// What stopped it.
    pub failure: Option<anyhow::Error>,
}

/// The work on a list of steps.
struct Executor<'j> {
    job: Job<'j>,
    /// Which step comes next.
    next: usize,
    done: Vec<AppliedStep>,
    /// Whether something of this run stays in the database, whatever comes.
    kept: bool,
    /// The number of the last row of this run in `trueup.steps`.
    number: i32,
}

impl<'j> Executor<'j> {
    fn new(job: Job<'j>) -> Self {
        Self { job, next: 0, done: Vec::new(), kept: false, number: 0 }
    }

    fn outcome(self, failure: Option<anyhow::Error>) -> Outcome {
        Outcome { done: self.done, failure }
    }

    fn migration(&self, step: &Step) -> &'j Migration {
        let found = self.job.migrations.binary_search_by_key(&step.version, |migration| migration.version);
        &self.job.migrations[found.expect("a step of the plan is a migration of the project")]
    }

    fn limits(&self, step: &Step) -> Limits {
        let defaults = self.job.limits.transaction;
        Limits {
            lock_timeout: step.directives.lock_timeout.unwrap_or(defaults.lock_timeout),
            max_duration: step.directives.max_duration.unwrap_or(defaults.max_duration),
            ..defaults
        }
    }

    /// How the step begins that comes next, where it begins with a transaction.
    fn following(&self) -> Option<Next> {
        let step = self.job.steps.get(self.next)?;
        let looks = !step.record && !locks_to_wait_for(step).is_empty();
        (step.record || step.transactional).then(|| Next {
            limits: self.limits(step),
            looks,
            snapshot: false,
        })
    }

    /// What records that a migration is applied: refinery's row, its text, its effects.
    fn applied_records(&self, migration: &Migration, how: &str) -> String {
        let text = text_record(self.job.lock, migration, how, self.job.writer.run());
        format!("{};\n{text}", self.job.ledger.insert(migration))
    }

    /// The same for one migration after the other: what is said, and its values.
    fn applied_prepared(&self, migration: &Migration, how: &str) -> (String, String) {
        let [version, name, checksum] = self.job.ledger.values(migration);
        let [_, _, how, sql, effects, run] =
            text_values(self.job.lock, migration, how, self.job.writer.run());
        let row = self.job.ledger.insert_of(["$1", "$2", "$3"]);
        let text = text_record_of(["$1", "$2", "$4", "$5", "$6", "$7"]);
        let form = format!("(int8, text, text, text, text, text, text) AS WITH history AS ({row}) {text}");
        (form, [version, name, checksum, how, sql, effects, run].join(", "))
    }

    /// Applies one migration. The steps are applied in order: `self.next` is the number of those that were begun.
    async fn apply(&mut self, step: &Step) -> Result<()> {
        self.next += 1;
        let begun = Instant::now();
        let (number, of) = (self.next, self.job.steps.len());
        if !step.record && !step.directives.requires_checks.is_empty() {
            self.job.guard.pass(step).await?;
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
        self.kept = true;
        let took = begun.elapsed();
        self.job.watch.observe(&Event::Done { what: &step.title, took });
        self.done.push(AppliedStep {
            version: step.version.to_string(),
            name: step.name.clone(),
            milliseconds: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        });
        Ok(())
    }

    /// Script and records in one transaction.
    async fn transactional(&mut self, step: &Step) -> Result<()> {
        let migration = self.migration(step);
        let (form, values) = self.applied_prepared(migration, "applied");
        let wanted = locks_to_wait_for(step);
        let work = Work {
            what: &step.title,
            script: without_bom(&step.sql),
            records: "",
            recurring: Some(PreparedStatement { name: "applied", form: &form, values: &values }),
            wanted: &wanted,
            limits: self.limits(step),
            snapshot: false,
            next: self.following(),
        };
        let before = if self.kept { EarlierWork::Applied } else { EarlierWork::Nothing };
        let source =
            ScriptSource { path: &step.path, what: &step.title, sql: &step.sql, script: &step.script };
        let applied = self.job.writer.transaction(&work, self.job.watch).await;
        applied.map_err(|trouble| refusal::script_failure(trouble, source, before))
    }
}

impl Executor<'_> {
    /// Records a migration whose effect is there already: proved once more in the transaction that records it.
    async fn record_satisfied(&mut self, step: &Step) -> Result<()> {
        let migration = self.migration(step);
        let (form, values) = self.applied_prepared(migration, "recorded");
        let recurring = Some(PreparedStatement { name: "applied", form: &form, values: &values });
        let (limits, next) = (self.limits(step), self.following());
        let work = Work { recurring, next, ..Work::records(&step.title, "", limits) };
        let (lock, version, options) = (self.job.lock, self.job.version, self.job.options);
        let prove = async |session: &mut Session| {
            let live = reader::read_inside(session, version, options).await?.catalog;
            let made =
                lock.migrations.iter().flat_map(|migration| &migration.effects).filter_map(Effect::after);
            let live = diff::align_majors(&live, version, lock.head.server, made).unwrap_or(live);
            if is_satisfied(&lock.migrations[step.index].effects, &live, &Catalog::default()) {
                return Ok(());
            }
            let what =
                format!("{}: the database no longer has its complete effect; it was not recorded", step.title);
            Err(Failure::new(Exit::RolledBack, what)
                .code(ErrorCode::MIGRATION_NOT_PROVED)
                .next("trueup check")
                .into())
        };
        let recorded = self.job.writer.proved_transaction(&work, self.job.watch, prove).await;
        recorded.map_err(|trouble| trouble.failure(&step.title, self.kept))
    }
}

/// The statement that keeps the text of a migration, and its effects as lines of `trueup.lock`.
fn text_record(lock: &Lock, migration: &Migration, how: &str, run: &str) -> String {
    let values = text_values(lock, migration, how, run);
    text_record_of(values.each_ref().map(String::as_str))
}

/// The same of expressions: version, name, how, text, effects and run.
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

/// Room for [`text_record`]: what is kept of a version is of no use once its row of the history is gone.
fn delete_stale_texts(versions: impl IntoIterator<Item = i64>) -> String {
    let versions: Vec<String> = versions.into_iter().map(|version| version.to_string()).collect();
    format!("DELETE FROM trueup.migrations WHERE version IN ({})", versions.join(", "))
}

/// The relations whose holders a step waits for outside of the lock queue. A lock that stands in nobody's way is not
/// waited for.
fn locks_to_wait_for(step: &Step) -> Vec<Wanted> {
    let held = step.held.iter().filter(|(_, mode)| mode.blocks_writers());
    held.map(|(relation, mode)| {
        let conflicting = LockMode::ALL.into_iter().filter(|other| mode.conflicts_with(*other));
        Wanted {
            relation: relation.to_string(),
            conflicting: conflicting.map(LockMode::pg_locks_name).collect(),
        }
    })
    .collect()
}
