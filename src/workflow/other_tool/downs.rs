//! What takes migrations back that another tool had: each is let be taken back by the tool when it has run in a throwaway
//! database, and then by its down script.

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

/// What the tool ran to take a migration back, and committed.
pub(crate) struct TakenBack {
    pub(crate) statements: Vec<String>,
    /// Why the tool does not take it back.
    pub(crate) refused: Option<String>,
    /// What differs afterwards from what was there before the migration.
    pub(crate) wrong: Option<String>,
}

/// Lets the tool take its migrations back, each after it has run, in a copy of the database. `files` are the same migrations,
/// with what `compiled` says of the tool's own.
///
/// # Errors
/// Those of the throwaway server. Exit 4: the tool cannot be started.
pub(crate) async fn run_by_tool(
    settings: &Settings,
    compiled: &CompiledSettings,
    files: CompiledFiles<'_>,
    recorded: &[RecordedRevision],
) -> Result<Vec<TakenBack>> {
    let Some(mut program) = ToolProgram::of(settings) else { return Ok(Vec::new()) };
    let tool = program.tool();
    if settings.migrations.own.as_ref().is_some_and(|own| own.revert.is_empty()) {
        let why = Some(tool.cannot_revert().to_owned());
        let none = || TakenBack { statements: Vec::new(), refused: why.clone(), wrong: None };
        return Ok(recorded.iter().map(|_| none()).collect());
    }
    let mut scratch = Scratch::start(&scratch_options(settings)).await?;
    let mut trial = TrialDatabase::new(&mut scratch, compiled, &files.lock.head, files.files).await?;
    // Some tools create their table when they list their migrations.
    program.list(&trial.url()).await?;
    let mut shown = progress(&settings.output);
    let mut found = Vec::with_capacity(recorded.len());
    // The table of the tool's history may be a migration of its own.
    let first = files.files.len() - recorded.len();
    for index in 0..files.files.len() {
        apply(&mut trial, &files.files[index]).await?;
        let Some(RecordedRevision { ran: RanRevision { revision, .. }, history }) =
            index.checked_sub(first).map(|place| &recorded[place])
        else {
            continue;
        };
        shown.counted(&format!("reverting {}", revision.id), index, files.files.len());
        for statement in history {
            trial.execute(statement).await?;
        }
        let before = trial.read().await?;
        let taken = trial.in_copy(async |copy| {
            let logged = copy.log_statements().await?;
            let mut refused = match copy.has_applied(tool, &revision.id).await? {
                true => program.take_back(&copy.url(), revision).await?,
                false => Some(format!("{tool} does not have it in its own table any more")),
            };
            if refused.is_none() && copy.has_applied(tool, &revision.id).await? {
                refused = Some(format!("{tool} says that it is reverted, and has it in its own table"));
            }
            let wrong = wrong(copy, files, index, &before).await?;
            Ok(TakenBack { statements: copy.statements_since(logged)?, refused, wrong })
        });
        found.push(taken.await?);
    }
    shown.counted("", found.len(), found.len());
    trial.finish().await?;
    scratch.stop().await?;
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
    let head = &files.lock.head;
    let mut trial = TrialDatabase::new(&mut scratch, &head.settings, head, files.files).await?;
    let mut shown = progress(&settings.output);
    let (mut all, total) = (BTreeMap::new(), files.files.len());
    for (index, file) in files.files.iter().enumerate() {
        apply(&mut trial, file).await?;
        let Some(path) = &file.down else { continue };
        shown.counted(&format!("down script of {}", file.id()), index, total);
        let script = down_script(file, path)?;
        let before = trial.read().await?;
        let tried = trial.in_copy(async |copy| match copy.run(path, &script).await? {
            Some(refused) => Ok(Some(refused.what.lines().next().unwrap_or_default().to_owned())),
            None => wrong(copy, files, index, &before).await,
        });
        all.extend(tried.await?.map(|why| (file.version, why)));
    }
    shown.counted("", total, total);
    trial.finish().await?;
    scratch.stop().await?;
    Ok(all)
}

async fn apply(trial: &mut TrialDatabase<'_>, file: &Migration) -> Result<()> {
    match trial.run(&file.path, file).await? {
        Some(refused) => Err(refused.into()),
        None => Ok(()),
    }
}

/// The down script of a migration, as a migration that is run by itself.
fn down_script(file: &Migration, path: &Path) -> Result<Migration> {
    let sql = read_file(path)?;
    let directives = Directives::read(path, &sql)?;
    Ok(Migration { sql, directives, path: path.to_owned(), ..file.clone() })
}

/// What differs from what the migrations before this one build, now that it is taken back.
async fn wrong(
    trial: &mut TrialDatabase<'_>,
    CompiledFiles { files, lock }: CompiledFiles<'_>,
    index: usize,
    before: &Catalog,
) -> Result<Option<String>> {
    let after = trial.read().await?;
    let reverted = BTreeSet::from([files[index].version]);
    let stays = files[..index].iter().map(|file| file.version).collect();
    let reversal = Reversal::of(lock, &reverted, &stays);
    let wrong = reversal.wrong(trial.server(), &[], [before, &after]);
    let more = match wrong.len() {
        0 | 1 => String::new(),
        many => format!(" (and {} more)", many - 1),
    };
    Ok(wrong.first().map(|(_, words)| format!("afterwards {words}{more}")))
}
