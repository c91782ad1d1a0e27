//! What takes migrations back that another tool had: the tool is let take one after the other back in a throwaway database, the
//! newest first, and every down script is run in one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Result;

use super::steps::{RanRevision, ToolProgram};
use crate::changes::plan::Reversal;
use crate::migrations::{Directives, Migration};
use crate::model::{CompiledSettings, Lock, ToolSteps as _, TrialDatabase};
use crate::postgres::catalog::Catalog;
use crate::postgres::scratch::Scratch;
use crate::postgres::sql::read_file;
use crate::project::Settings;
use crate::workflow::deliver::progress;
use crate::workflow::project_model::scratch_options;

/// Migrations of trueup, as they are compiled.
#[derive(Clone, Copy)]
pub(crate) struct CompiledFiles<'a> {
    pub(crate) files: &'a [Migration],
    pub(crate) lock: &'a Lock,
}

/// A migration of a tool, which ran before.
#[derive(Debug, Clone)]
pub(crate) struct RecordedRevision {
    pub(crate) ran: RanRevision,
    /// The statements by which the tool recorded it.
    pub(crate) history: Vec<String>,
}

/// Lets the tool take its migrations back one by one, and says of each what it ran for that and committed, or why it is not
/// taken back. `files` are the same migrations, with what `compiled` says of the tool's own.
///
/// # Errors
/// Those of the throwaway server. Exit 4: the tool cannot be started.
pub(crate) async fn run_by_tool(
    settings: &Settings,
    compiled: &CompiledSettings,
    files: CompiledFiles<'_>,
    applied: &[RecordedRevision],
) -> Result<Vec<Result<Vec<String>, String>>> {
    let Some(mut program) = ToolProgram::of(settings) else { return Ok(Vec::new()) };
    let tool = program.tool();
    if settings.migrations.own.as_ref().is_some_and(|own| own.revert.is_empty()) {
        return Ok(applied.iter().map(|_| Err(tool.cannot_revert().to_owned())).collect());
    }
    let mut scratch = Scratch::start(&scratch_options(settings)).await?;
    let mut chain = Chain::new(&mut scratch, compiled, files).await?;
    let mut shown = progress(&settings.output);
    let mut found = Vec::with_capacity(applied.len());
    for (done, RecordedRevision { ran: RanRevision { revision, .. }, .. }) in applied.iter().rev().enumerate()
    {
        shown.counted(&format!("reverting {}", revision.id), done, applied.len());
        let index = files.files.len() - 1 - done;
        if chain.build(index + 1).await? {
            chain.record(&mut program, &applied[..applied.len() - done]).await?;
        }
        let before = chain.trial.read().await?;
        let logged = chain.trial.log_statements().await?;
        let url = chain.trial.url();
        let why = if !chain.trial.has_applied(tool, &revision.id).await? {
            Some(format!("{tool} does not take the rows that it wrote into its own table"))
        } else if let Some(why) = program.take_back(&url, revision).await? {
            Some(why)
        } else if chain.trial.has_applied(tool, &revision.id).await? {
            Some(format!("{tool} says that it is reverted, and has it in its own table"))
        } else {
            chain.wrong(index, &before).await?
        };
        found.push(match why {
            Some(why) => Err(why),
            None => {
                chain.built = Some(index);
                Ok(chain.trial.statements_since(logged)?)
            }
        });
    }
    shown.counted("", applied.len(), applied.len());
    chain.trial.finish().await?;
    scratch.stop().await?;
    found.reverse();
    Ok(found)
}

/// Runs all down scripts, each after its migration. Returns what is wrong, by the version of the migration.
///
/// # Errors
/// Those of the throwaway server. Exit 2: a script cannot be read.
pub(crate) async fn wrong_scripts(
    settings: &Settings,
    files: CompiledFiles<'_>,
) -> Result<BTreeMap<i64, String>> {
    let mut scratch = Scratch::start(&scratch_options(settings)).await?;
    let mut chain = Chain::new(&mut scratch, &files.lock.head.settings, files).await?;
    let mut shown = progress(&settings.output);
    let (mut wrong, total) = (BTreeMap::new(), files.files.len());
    for (index, file) in files.files.iter().enumerate().rev() {
        let Some(path) = &file.down else { continue };
        shown.counted(&format!("down script of {}", file.id()), total - 1 - index, total);
        chain.build(index + 1).await?;
        let before = chain.trial.read().await?;
        let script = down_script(file, path)?;
        match chain.trial.run(path, &script).await? {
            Some(refused) => {
                wrong.insert(file.version, refused.what.lines().next().unwrap_or_default().to_owned());
            }
            None => match chain.wrong(index, &before).await? {
                Some(why) => {
                    wrong.insert(file.version, why);
                }
                None => chain.built = Some(index),
            },
        }
    }
    shown.counted("", total, total);
    chain.trial.finish().await?;
    scratch.stop().await?;
    Ok(wrong)
}

/// The down script of a migration, as a migration that is run by itself.
fn down_script(file: &Migration, path: &Path) -> Result<Migration> {
    let sql = read_file(path)?;
    let directives = Directives::read(path, &sql)?;
    Ok(Migration { sql, directives, path: path.to_owned(), ..file.clone() })
}

/// A throwaway database in which migrations are taken back.
struct Chain<'a> {
    trial: TrialDatabase<'a>,
    files: CompiledFiles<'a>,
    /// How many migrations it has; `None` where a revert has left something else.
    built: Option<usize>,
}

impl<'a> Chain<'a> {
    async fn new(
        scratch: &'a mut Scratch,
        settings: &'a CompiledSettings,
        files: CompiledFiles<'a>,
    ) -> Result<Self> {
        let trial = TrialDatabase::new(scratch, settings, &files.lock.head, files.files).await?;
        Ok(Self { trial, files, built: Some(0) })
    }

    /// Makes the database have the first so many migrations. What the last revert has left is that, unless it failed: a new
    /// database is built then, and told.
    async fn build(&mut self, count: usize) -> Result<bool> {
        // Nobody knows what the next revert leaves, until it is known to be right.
        if self.built.take() == Some(count) {
            return Ok(false);
        }
        self.trial.start_again().await?;
        for file in &self.files.files[..count] {
            if let Some(refused) = self.trial.run(&file.path, file).await? {
                return Err(refused.into());
            }
        }
        Ok(true)
    }

    /// Lets the tool's own table say that these are applied. Some tools create it when they list their migrations.
    async fn record(&mut self, program: &mut ToolProgram<'_>, applied: &[RecordedRevision]) -> Result<()> {
        program.list(&self.trial.url()).await?;
        for statement in applied.iter().flat_map(|applied| &applied.history) {
            self.trial.execute(statement).await?;
        }
        Ok(())
    }

    /// What differs from what the migrations before this one build, now that it is taken back.
    async fn wrong(&mut self, index: usize, before: &Catalog) -> Result<Option<String>> {
        let after = self.trial.read().await?;
        let CompiledFiles { files, lock } = self.files;
        let reverted = BTreeSet::from([files[index].version]);
        let stays = files[..index].iter().map(|file| file.version).collect();
        let server = self.trial.server();
        let wrong = Reversal::of(lock, &reverted, &stays).wrong(server, &[], [before, &after]);
        let more = match wrong.len() {
            0 | 1 => String::new(),
            many => format!(" (and {} more)", many - 1),
        };
        Ok(wrong.first().map(|(_, words)| format!("afterwards {words}{more}")))
    }
}
