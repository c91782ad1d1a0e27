//! `trueup lint --fix`: writes migrations for which nobody has to wait, when they are proved to make the same schema.

use anyhow::Result;

use super::choice::Choice;
use super::fixed::LintFixReport;
use crate::changes::lint::{LintFix, LintScope, fix};
use crate::error::{ErrorCode, Exit, Failure};
use crate::findings::Finding;
use crate::migrations::Migration;
use crate::model::{Lock, Sources};
use crate::output;
use crate::postgres::catalog::Catalog;
use crate::project::Settings;
use crate::workflow::deliver::{deliver, style};
use crate::workflow::file_set::FileSet;
use crate::workflow::project_model;

/// What is to be fixed.
pub(super) struct AskedFix<'a> {
    /// `--yes`
    pub(super) yes: bool,
    /// The project as it is.
    pub(super) lock: &'a Lock,
    pub(super) choice: &'a Choice,
    pub(super) findings: &'a [Finding],
}

/// Fixes what can be fixed, once it is proved and confirmed.
///
/// # Errors
/// Exit 2: it is not known which migrations are released; a file cannot be written. Exit 3: no server to compile in.
/// Exit 4: not confirmed, or not proved. Nothing is written then.
pub(super) async fn run(settings: &Settings, sources: &Sources, asked: &AskedFix<'_>) -> Result<Exit> {
    refuse_unknown(settings, asked.choice)?;
    let project = &settings.project;
    let shown = |migration: &Migration| project.display(&migration.path);
    let fixed = fix(asked.findings, &sources.migrations, shown)?;
    let exit = if fixed.left.is_empty() { Exit::Clean } else { Exit::Findings };
    let files = |written: bool| LintFixReport {
        run: settings.run.clone(),
        exit,
        why: asked.choice.why.clone(),
        files: fixed.files.iter().map(|file| (project.display(&file.path), file)).collect(),
        left: &fixed.left,
        written,
    };
    if fixed.files.is_empty() {
        deliver(&settings.output, &files(false))?;
        return Ok(exit);
    }
    prove(settings, sources, asked.lock, &fixed).await?;
    let proposal = files(false);
    if !settings.output.quiet && (settings.output.interactive || !asked.yes) {
        output::err(&output::shown(&proposal.proposal(), style(&settings.output)));
    }
    confirm(settings, asked.yes, &proposal.question()).await?;
    let texts = fixed.files.iter().map(|file| (file.path.clone(), file.after.as_str())).collect();
    FileSet { project: &project.dir, texts, removed: Vec::new() }.carry_out()?;
    deliver(&settings.output, &files(true))?;
    Ok(exit)
}

/// A migration that is applied somewhere must not change.
fn refuse_unknown(settings: &Settings, choice: &Choice) -> Result<(), Failure> {
    if settings.migrations.tool.is_some() {
        return Err(Failure::usage("--fix: another tool keeps the migrations of this project")
            .next("write them by hand: trueup explain blocks.index"));
    }
    if choice.is_pending {
        return Err(Failure::usage(
            "--fix: what is pending in one database may be applied in another, and one that is applied must not change; \
             nothing was written",
        )
        .next("name those that are applied nowhere, or a commit with those that are released: --since REF"));
    }
    if choice.scope == LintScope::Each {
        return Err(Failure::usage(
            "--fix: git has no tag here that says which migrations are released, and one that is applied must not change; \
             nothing was written",
        )
        .next("name those that are applied nowhere, or a commit with those that are released: --since REF"));
    }
    Ok(())
}

/// Compiles the project as it would be: all objects must be as before.
async fn prove(settings: &Settings, sources: &Sources, lock: &Lock, fixed: &LintFix) -> Result<()> {
    const REFUSED: &str = "--fix: what would be written does not make the same schema; nothing was written";
    const NEXT: &str = "name the migrations that can be fixed one by one, and write the others by hand";
    let refused = |what: &str| {
        Failure::new(Exit::Refused, format!("{REFUSED}\n{what}"))
            .code(ErrorCode::SCHEMA_NOT_PROVED)
            .next(NEXT)
    };
    let would_be = Sources { migrations: fixed.migrations.clone(), ..sources.clone() };
    let compiled = match project_model::compile(settings, &would_be, None).await {
        Ok(compiled) => compiled.lock,
        Err(error) => {
            let failure = error.downcast::<Failure>()?;
            return Err(match failure.exit {
                Exit::Usage | Exit::Refused => refused(&failure.what).into(),
                _ => failure.into(),
            });
        }
    };
    let (before, after) = (lock.state_after(|_| true), compiled.state_after(|_| true));
    let differing: Vec<String> = differing(&before, &after).take(MOST_SHOWN).collect();
    if differing.is_empty() { Ok(()) } else { Err(refused(&differing.join("\n")).into()) }
}

/// How many objects a refusal names.
const MOST_SHOWN: usize = 5;

/// The objects that are not the same in both.
fn differing<'c>(before: &'c Catalog, after: &'c Catalog) -> impl Iterator<Item = String> + use<'c> {
    let changed = before.objects.iter().filter(|object| {
        after.get(&object.id).is_none_or(|other| !object.attributes.differing(&other.attributes).is_empty())
    });
    let new = after.objects.iter().filter(|object| before.get(&object.id).is_none());
    changed.chain(new).map(|object| format!("  {} {}", object.id.kind.spoken(), object.id))
}

/// Asks at the terminal, unless `--yes` says it.
async fn confirm(settings: &Settings, yes: bool, question: &str) -> Result<()> {
    if yes {
        return Ok(());
    }
    let refused = |code: ErrorCode, what: &str| Failure::new(Exit::Refused, what).code(code);
    if !settings.output.interactive {
        let what = "--fix: not confirmed, and there is no terminal to ask at; nothing was written";
        let failure = refused(ErrorCode::CONFIRMATION_MISSING, what);
        return Err(failure.next("look at what would be written, then give --yes").into());
    }
    let question = question.to_owned();
    match tokio::task::spawn_blocking(move || output::confirm(&question)).await? {
        Ok(true) => Ok(()),
        Ok(false) => {
            Err(refused(ErrorCode::CONFIRMATION_DECLINED, "not confirmed; nothing was written").into())
        }
        Err(error) => {
            let what = format!("cancelled ({error}): nothing was written");
            Err(refused(ErrorCode::CONFIRMATION_MISSING, &what).into())
        }
    }
}
