//! Loads the files of `schema/` into a scratch database: plain DDL in any files and any order.
//!
//! Every statement runs on its own. A statement that fails is tried again when what it misses was created, and after the
//! others, under the settings that hold at its position in its file, until a pass makes no progress; the statements that
//! still fail are the project's errors.
//!
//! ALTER DEFAULT PRIVILEGES acts on what is created after it. Here that is what the same file creates after it: the names
//! of the files, by which they are sorted, mean nothing.

mod circle;
mod waiting;

use std::collections::{BTreeSet, HashSet};

use anyhow::Result;

use super::default_privileges;
use super::inputs::SchemaFile;
use super::locate::about;
use super::outcome::StatementOutcome;
use super::progress::CompileProgress;
use super::recognise::{Class, classify, declare};
use super::runner::Runner;
use crate::error::{ErrorCode, Failure};
use crate::migrations::script::Tokens;
use crate::postgres::catalog::Catalog;
use crate::postgres::catalog::history_tables;
use crate::postgres::catalog::reader::ReadOptions;
use crate::postgres::connection::sqlstate;
use crate::postgres::sql::{Statement, split_all};
use waiting::Pool;
pub(super) use waiting::Waiting;

/// The number of errors that a message shows.
const MOST_SHOWN: usize = 3;

/// A file with its statements.
pub(super) struct SqlScript<'f> {
    pub(super) path: &'f str,
    pub(super) statements: Vec<Statement<'f>>,
}

impl<'f> SqlScript<'f> {
    /// Splits a text.
    fn new(path: &'f str, text: &'f str) -> Result<Self, Failure> {
        let (statements, errors) = split_all(text);
        let refused = errors.into_iter().map(|error| {
            Err(Failure::usage(format!("{path}: line {}: {}", error.line, error.kind))
                .code(ErrorCode::SCHEMA_INVALID))
        });
        Failure::collect::<()>(refused)?;
        Ok(Self { path, statements })
    }

    /// Adds what the statements declare.
    pub(super) fn declare(&self, options: &mut ReadOptions) {
        for statement in &self.statements {
            declare(statement, options);
        }
    }
}

/// Splits the files, and refuses statements that are not DDL of one database. Rows of a migration history are left out:
/// a tool writes them at the end of its dump.
///
/// # Errors
/// Exit 2: all such statements of all files.
pub(super) fn scripts(files: &[SchemaFile]) -> Result<Vec<SqlScript<'_>>, Failure> {
    let mut scripts = Failure::collect(files.iter().map(|file| SqlScript::new(&file.path, &file.text)))?;
    for script in &mut scripts {
        script.statements.retain(|statement| history_rows(statement).is_none());
    }
    let statements =
        scripts.iter().flat_map(|script| script.statements.iter().map(|statement| (script.path, statement)));
    Failure::collect(statements.map(|(path, statement)| refuse(path, statement)))?;
    Ok(scripts)
}

/// The table of a known tool's migration history that a statement inserts rows into.
pub(super) fn history_rows(statement: &Statement<'_>) -> Option<String> {
    let mut tokens = Tokens::of(statement, 16);
    let table = tokens.take(&["insert", "into"]).then(|| tokens.take_name()).flatten()?.name;
    history_tables::is_of_a_tool(&table).then(|| table.to_string())
}

fn refuse(path: &str, statement: &Statement<'_>) -> Result<(), Failure> {
    let (what, next) = match classify(statement) {
        Class::Cluster(thing) => (
            format!("creates or changes {thing}; schema/ holds the DDL of one database"),
            "keep it where the server is set up",
        ),
        Class::CreateRole(_) | Class::Role => (
            "creates or changes a role; schema/ holds the DDL of one database".to_owned(),
            "keep it where the server is set up; roles that the DDL names need not exist here",
        ),
        Class::Data(word) => (
            format!("{word} changes rows; schema/ holds DDL"),
            "put rows that the application needs into schema/seeds/*.toml",
        ),
        Class::Rollback => (
            "ROLLBACK is not allowed: a transaction that is rolled back declares nothing".to_owned(),
            "remove it",
        ),
        _ => return Ok(()),
    };
    let summary = statement.summary();
    Err(Failure::usage(format!("{path}: line {}: {what}\n  statement: {summary}", statement.line))
        .code(ErrorCode::SCHEMA_INVALID)
        .next(next))
}

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

    async fn first_pass(
        &mut self,
        total: usize,
        progress: &mut dyn FnMut(CompileProgress<'_>),
    ) -> Result<Vec<Waiting>> {
        let made = self.schemas().await?;
        let mut waiting = Vec::new();
        let mut done = 0;
        for (number, script) in self.scripts.iter().enumerate() {
            self.reset().await?;
            for (index, statement) in script.statements.iter().enumerate() {
                // Tablespaces are not part of a model, and the scratch server does not have them.
                let places = statement.starts_with(&["set", "default_tablespace"]);
                if places || made.contains(&(number, index)) {
                    done += 1;
                    continue;
                }
                if is_about_event_trigger(statement) {
                    self.last.push((number, index, self.settings[number].len()));
                    done += 1;
                    continue;
                }
                let outcome = self.run(script.path, statement).await?;
                let setting = classify(statement) == Class::Setting;
                let defaults = is_about_defaults(statement);
                match outcome {
                    StatementOutcome::Accepted if setting || defaults => self.settings[number].push(index),
                    StatementOutcome::Accepted => {}
                    // They are applied again at the end, when all is there that they name.
                    StatementOutcome::Refused(_) if defaults => {}
                    // No later statement can help.
                    StatementOutcome::Refused(error) if setting || error.code == sqlstate::SYNTAX_ERROR => {
                        return Err(error
                            .in_statement(script.path, statement)
                            .code(ErrorCode::SCHEMA_INVALID)
                            .into());
                    }
                    StatementOutcome::Refused(error) => {
                        let settings = self.settings[number].len();
                        waiting.push(Waiting { script: number, statement: index, settings, error });
                    }
                }
                done += 1;
                progress(CompileProgress::Schema { done: done - waiting.len(), total });
            }
        }
        Ok(waiting)
    }

    /// Creates the schemas first, whichever file declares them: if the search path names a schema that does not exist
    /// yet, a table would be created in the next one. Returns which statements these were.
    async fn schemas(&mut self) -> Result<HashSet<(usize, usize)>> {
        let mut made = HashSet::new();
        self.runner.reset().await?;
        for (number, script) in self.scripts.iter().enumerate() {
            // The role that creates a schema owns it.
            let acts = script.statements.iter().any(|statement| {
                let first: Vec<_> = statement.words().take(3).collect();
                first.first().is_some_and(|word| word == "set")
                    && first.iter().any(|word| word == "role" || word == "authorization")
            });
            if acts {
                continue;
            }
            for (index, statement) in script.statements.iter().enumerate() {
                let alone = !statement.words().skip(1).any(|word| word == "create" || word == "grant");
                if statement.starts_with(&["create", "schema"])
                    && alone
                    && self.run(script.path, statement).await?.is_accepted()
                {
                    made.insert((number, index));
                    // What a dump drops before it creates it again is not there yet.
                    let earlier = script.statements[..index].iter().enumerate();
                    let dropped = earlier.filter(|(_, earlier)| drops_schema_of(earlier, statement));
                    made.extend(dropped.map(|(index, _)| (number, index)));
                }
            }
        }
        Ok(made)
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

    /// Tries each statement once more, and those that wait for what it creates; returns those that still fail.
    async fn again(&mut self, waiting: Vec<Waiting>) -> Result<Vec<Waiting>> {
        let mut pool = Pool::new(waiting);
        for index in 0..pool.len() {
            self.try_again(&mut pool, &[index]).await?;
        }
        Ok(pool.left())
    }

    /// Tries statements once more, and those that wait for what they create: what says more of it comes before what is
    /// created from it. An heir has what its parent has by then.
    async fn try_again(&mut self, pool: &mut Pool, first: &[usize]) -> Result<()> {
        let mut next: BTreeSet<(bool, usize)> = first.iter().map(|index| (true, *index)).collect();
        while let Some((_, index)) = next.pop_first() {
            let Some(mut item) = pool.take(index) else { continue };
            if self.place != Some((item.script, item.settings)) {
                self.settle(item.script, item.settings).await?;
            }
            let script = &self.scripts[item.script];
            let statement = &script.statements[item.statement];
            match self.run(script.path, statement).await?.refusal() {
                None => next.extend(self.woken(pool, statement)),
                Some(error) => {
                    item.error = error;
                    pool.put_back(index, item);
                }
            }
        }
        Ok(())
    }

    /// The statements that wait for what another one creates, each with whether it creates something.
    fn woken(&self, pool: &mut Pool, statement: &Statement<'_>) -> Vec<(bool, usize)> {
        let about = about(statement, &mut String::new()).filter(|about| about.creates);
        let Some(about) = about else { return Vec::new() };
        let woken = pool.waiting_for(about.unit.last()).into_iter();
        woken
            .filter_map(|index| {
                let item = pool.get(index)?;
                Some((self.scripts[item.script].statements[item.statement].starts_with(&["create"]), index))
            })
            .collect()
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

    /// Leaves the default privileges of all files behind.
    async fn default_privileges(&mut self) -> Result<()> {
        if !self.has_defaults {
            return Ok(());
        }
        self.reset().await?;
        for (number, script) in self.scripts.iter().enumerate() {
            self.runner.reset().await?;
            for (index, statement) in script.statements.iter().enumerate() {
                if self.settings[number].binary_search(&index).is_ok() || is_about_defaults(statement) {
                    self.set(statement, script.path).await?;
                }
            }
        }
        Ok(())
    }

    /// Creates functions without reading their bodies, which may need what needs the functions: a table whose default calls
    /// one. Returns the statements that still wait.
    async fn leave_bodies_unread(&mut self, waiting: Vec<Waiting>) -> Result<Vec<Waiting>> {
        let mut pool = Pool::new(waiting);
        for index in 0..pool.len() {
            let Some(item) = pool.take(index) else { continue };
            let script = &self.scripts[item.script];
            let statement = &script.statements[item.statement];
            if !statement.creates_routine() {
                pool.put_back(index, item);
                continue;
            }
            self.settle(item.script, item.settings).await?;
            self.runner.session.execute("SET check_function_bodies = off").await?;
            let is_created = self.runner.run(script.path, statement).await?.is_accepted();
            self.runner.session.execute("RESET check_function_bodies").await?;
            self.place = None;
            if !is_created {
                pool.put_back(index, item);
                continue;
            }
            self.unread.push(item);
            let next: Vec<usize> =
                self.woken(&mut pool, statement).into_iter().map(|(_, index)| index).collect();
            self.try_again(&mut pool, &next).await?;
        }
        Ok(pool.left())
    }

    /// Reads the bodies that were left unread: everything that they can name is there now. Returns those that the server
    /// refuses.
    async fn read_bodies(&mut self) -> Result<Vec<Waiting>> {
        let mut refused = Vec::new();
        for mut item in std::mem::take(&mut self.unread) {
            self.settle(item.script, item.settings).await?;
            let script = &self.scripts[item.script];
            let text = replacing(&script.statements[item.statement]);
            let outcome = StatementOutcome::of(self.runner.session.execute(text).await)?;
            if let Some(error) = outcome.refusal() {
                item.error = error;
                refused.push(item);
            }
        }
        Ok(refused)
    }

    /// Runs the statements about event triggers, now that no other is to come.
    ///
    /// # Errors
    /// Exit 2: what the server refuses.
    async fn event_triggers(&mut self) -> Result<()> {
        let mut waiting = Vec::new();
        for (script, statement, settings) in std::mem::take(&mut self.last) {
            self.settle(script, settings).await?;
            let script_of = &self.scripts[script];
            let outcome = self.run(script_of.path, &script_of.statements[statement]).await?;
            waiting.extend(outcome.refusal().map(|error| Waiting { script, statement, settings, error }));
        }
        // A file may say something about an event trigger that a later one creates.
        while !waiting.is_empty() {
            let before = waiting.len();
            waiting = self.again(waiting).await?;
            if waiting.len() == before {
                return Err(load_failure(self.scripts, &waiting).into());
            }
        }
        Ok(())
    }

    /// Creates one stand-in that a statement needs.
    async fn stand_in(&mut self, waiting: &[Waiting]) -> Result<bool> {
        for item in waiting {
            let statement = &self.scripts[item.script].statements[item.statement];
            self.settle(item.script, item.settings).await?;
            self.place = None;
            let Runner { session, assumed, .. } = &mut *self.runner;
            if assumed.stand_in(session, statement, &item.error).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn is_about_defaults(statement: &Statement<'_>) -> bool {
    statement.starts_with(&["alter", "default", "privileges"])
}

fn is_about_event_trigger(statement: &Statement<'_>) -> bool {
    statement.starts_with(&["comment", "on", "event", "trigger"])
        || ["create", "alter", "drop"].iter().any(|verb| statement.starts_with(&[verb, "event", "trigger"]))
}

/// The statement that creates a routine, for one that is there already.
fn replacing(statement: &Statement<'_>) -> String {
    match statement.starts_with(&["create", "or", "replace"]) {
        true => statement.text.to_owned(),
        false => format!("CREATE OR REPLACE{}", &statement.text["create".len()..]),
    }
}

/// Whether a statement drops the schema that another creates, where it need not be there: `IF EXISTS`, or `public`.
fn drops_schema_of(statement: &Statement<'_>, create: &Statement<'_>) -> bool {
    let mut tokens = Tokens::of(statement, 16);
    if !tokens.take(&["drop", "schema"]) {
        return false;
    }
    let need_not_be_there = tokens.take(&["if", "exists"]);
    let dropped: Vec<_> = tokens.take_names().into_iter().map(|(name, _)| name).collect();
    let mut tokens = Tokens::of(create, 16);
    tokens.take(&["create", "schema"]);
    tokens.take(&["if", "not", "exists"]);
    let created = tokens.take_name();
    dropped.len() == 1
        && dropped.first() == created.as_ref()
        && created.is_some_and(|created| need_not_be_there || created.name == "public")
}

/// Sorts the causes before their consequences: a missing name may only wait for a statement that fails for a reason
/// of its own.
fn load_failure(scripts: &[SqlScript<'_>], waiting: &[Waiting]) -> Failure {
    if let Some(circle) = circle::failure(scripts, waiting) {
        return circle;
    }
    let mut order: Vec<&Waiting> = waiting.iter().collect();
    order.sort_by_key(|item| item.error.is_missing_name());
    let all: Vec<Failure> = order
        .iter()
        .take(MOST_SHOWN)
        .map(|item| {
            let script = &scripts[item.script];
            item.error
                .in_statement(script.path, &script.statements[item.statement])
                .code(ErrorCode::SCHEMA_INVALID)
        })
        .collect();
    let mut what = all.iter().map(|failure| failure.what.as_str()).collect::<Vec<_>>().join("\n");
    if order.len() > MOST_SHOWN {
        what.push_str(&format!(
            "\nand {} more statements that could not be loaded",
            order.len() - MOST_SHOWN
        ));
    }
    Failure::usage(what).code(ErrorCode::SCHEMA_INVALID)
}
