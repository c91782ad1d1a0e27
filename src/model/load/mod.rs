//! Loads the files of `schema/` into a scratch database: plain DDL in any files and any order.
//!
//! Every statement runs on its own. A statement that fails is tried again when what it misses was created, and after the
//! others, under the settings that hold at its position in its file, until a pass makes no progress; the statements that
//! still fail are the project's errors.
//!
//! ALTER DEFAULT PRIVILEGES acts on what is created after it. Here that is what the same file creates after it: the names
//! of the files, by which they are sorted, mean nothing.

mod afterwards;
mod circle;
mod failure;
mod first_pass;
mod next_passes;
mod scripts;
mod statements;
mod waiting;

use anyhow::Result;

use super::default_privileges;
use super::outcome::StatementOutcome;
use super::progress::CompileProgress;
use super::recognise::{Class, classify};
use super::runner::Runner;
use crate::error::ErrorCode;
use crate::postgres::catalog::Catalog;
use crate::postgres::catalog::reader::ReadOptions;
use crate::postgres::connection::sqlstate;
use crate::postgres::sql::Statement;
use failure::load_failure;
pub(super) use scripts::{SqlScript, history_rows, scripts};
use statements::is_about_defaults;
pub(super) use waiting::Waiting;

/// Loads the scripts and reads the catalog that they make.
///
/// # Errors
/// Exit 2: what the server refuses, with file, line and statement.
pub(super) async fn load(
    runner: &mut Runner<'_>,
    scripts: &[SqlScript<'_>],
    options: &ReadOptions,
    progress: &mut dyn FnMut(CompileProgress<'_>),
) -> Result<Catalog> {
    let mut loader = Loader::new(runner, scripts);
    loader.create(progress).await?;
    let refused = loader.read_bodies().await?;
    if !refused.is_empty() {
        return Err(load_failure(scripts, &refused).into());
    }
    loader.event_triggers().await?;
    loader.runner.reset().await?;
    Ok(loader.runner.read(options).await?.catalog)
}

/// A function that exists, though the server cannot read its body: it names what is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableBody {
    /// The file that declares it.
    pub path: String,
    /// What the server says, with the statement.
    pub why: String,
}

/// Loads the scripts, and lists the functions whose bodies the server refuses once all else is there.
///
/// # Errors
/// Exit 2: what the server refuses otherwise.
pub(super) async fn unreadable_bodies(
    runner: &mut Runner<'_>,
    scripts: &[SqlScript<'_>],
) -> Result<Vec<UnreadableBody>> {
    let mut loader = Loader::new(runner, scripts);
    loader.create(&mut |_| {}).await?;
    let refused = loader.read_bodies().await?;
    let unreadable = refused.iter().map(|item| {
        let script = &scripts[item.script];
        let failure = item.error.in_statement(script.path, &script.statements[item.statement]);
        UnreadableBody { path: script.path.to_owned(), why: failure.what }
    });
    Ok(unreadable.collect())
}

struct Loader<'l, 's, 'f> {
    runner: &'l mut Runner<'s>,
    scripts: &'l [SqlScript<'f>],
    /// The statements of each script that set something, also for what is created after them.
    settings: Vec<Vec<usize>>,
    /// The statements of functions whose bodies have not been read yet.
    unread: Vec<Waiting>,
    /// The statements about event triggers, which all others would fire: script, statement, and the number of settings
    /// of its file that precede it.
    last: Vec<(usize, usize, usize)>,
    /// Whether any statement is about default privileges.
    has_defaults: bool,
    /// The script whose settings the session has, and how many of them.
    place: Option<(usize, usize)>,
}

impl<'l, 's, 'f> Loader<'l, 's, 'f> {
    fn new(runner: &'l mut Runner<'s>, scripts: &'l [SqlScript<'f>]) -> Self {
        let settings = scripts.iter().map(|_| Vec::new()).collect();
        let has_defaults = scripts.iter().flat_map(|script| &script.statements).any(is_about_defaults);
        Self { runner, scripts, settings, unread: Vec::new(), last: Vec::new(), has_defaults, place: None }
    }

    /// Runs all statements but those about event triggers. Bodies of functions may be left unread.
    ///
    /// # Errors
    /// Exit 2: what the server refuses.
    async fn create(&mut self, progress: &mut dyn FnMut(CompileProgress<'_>)) -> Result<()> {
        let total = self.scripts.iter().map(|script| script.statements.len()).sum();
        let mut waiting = self.first_pass(total, progress).await?;
        while !waiting.is_empty() {
            let before = waiting.len();
            waiting = self.again(waiting).await?;
            progress(CompileProgress::Schema { done: total - waiting.len(), total });
            if waiting.len() < before || self.stand_in(&waiting).await? {
                continue;
            }
            waiting = self.leave_bodies_unread(waiting).await?;
            if waiting.len() == before {
                return Err(load_failure(self.scripts, &waiting).into());
            }
        }
        self.default_privileges().await
    }

    /// Runs a statement. What a dump says, and this server does not know or has already, is passed over: settings of a
    /// newer one, and the schema `public`.
    async fn run(&mut self, path: &str, statement: &Statement<'_>) -> Result<StatementOutcome> {
        let outcome = self.runner.run(path, statement).await?;
        let StatementOutcome::Refused(error) = &outcome else { return Ok(outcome) };
        let passed_over = match classify(statement) {
            Class::Setting => error.code == sqlstate::UNDEFINED_OBJECT && error.missing_role().is_none(),
            Class::CreatePublic => error.code == sqlstate::DUPLICATE_SCHEMA,
            _ => false,
        };
        Ok(if passed_over { StatementOutcome::Accepted } else { outcome })
    }

    /// Resets the session: nothing holds that a file has set, for its session or for what it creates.
    async fn reset(&mut self) -> Result<()> {
        self.place = None;
        self.runner.reset().await?;
        if self.has_defaults {
            default_privileges::clear(&mut self.runner.session).await?;
        }
        Ok(())
    }

    /// Applies the settings that hold at a position of a script to the session.
    async fn settle(&mut self, script: usize, settings: usize) -> Result<()> {
        self.reset().await?;
        let script_of = &self.scripts[script];
        for number in 0..settings {
            self.set(&script_of.statements[self.settings[script][number]], script_of.path).await?;
        }
        self.place = Some((script, settings));
        Ok(())
    }

    async fn set(&mut self, statement: &Statement<'_>, path: &str) -> Result<()> {
        match self.run(path, statement).await?.refusal() {
            None => Ok(()),
            Some(error) => Err(error.in_statement(path, statement).code(ErrorCode::SCHEMA_INVALID).into()),
        }
    }
}
