//! Which migrations are judged, and why these.

use std::collections::BTreeSet;

use super::args::LintArgs;
use super::since;
use crate::changes::lint::LintScope;
use crate::error::Failure;
use crate::migrations::Migration;
use crate::model::Lock;
use crate::project::Settings;

/// Which migrations are judged.
pub(super) struct Choice {
    pub(super) scope: LintScope,
    /// What decided, in a sentence.
    pub(super) why: String,
    /// The commit, branch or tag of git whose migrations are left out.
    pub(super) since: Option<String>,
    /// Whether they are those that one database does not have yet.
    pub(super) is_pending: bool,
}

/// Chooses them: those that are named, else those that `--since` does not have, else those that are `pending` in a
/// database that was named, else those that the newest tag does not have,
/// else all.
///
/// # Errors
/// Exit 2: a version that the project does not have, a commit that git does not have.
pub(super) fn choose(
    settings: &Settings,
    args: &LintArgs,
    lock: &Lock,
    files: &[Migration],
    pending: Option<&BTreeSet<i64>>,
) -> Result<Choice, Failure> {
    if !args.versions.is_empty() {
        let versions = Failure::collect(args.versions.iter().map(|text| version(lock, text)))?;
        let scope = LintScope::Run(versions.into_iter().collect());
        return Ok(Choice {
            scope,
            why: "judged: those that are named, as one run".to_owned(),
            since: None,
            is_pending: false,
        });
    }
    if let Some(reference) = &args.since {
        let scope = LintScope::Run(not_in(settings, files, reference)?);
        let why = format!("judged: those that {reference} does not have, as one run");
        return Ok(Choice { scope, why, since: Some(reference.clone()), is_pending: false });
    }
    if let Some(pending) = pending {
        let why = "judged: those that are pending in that database, as one run".to_owned();
        return Ok(Choice { scope: LintScope::Run(pending.clone()), why, since: None, is_pending: true });
    }
    if let Some(tag) = since::newest_tag(&settings.project.dir) {
        let scope = LintScope::Run(not_in(settings, files, &tag)?);
        let why = format!(
            "judged: those that are not released yet, as one run: {tag}, the newest tag, does not have them"
        );
        return Ok(Choice { scope, why, since: Some(tag), is_pending: false });
    }
    let why =
        "judged: all, each as if it were applied by itself: git has no tag here that says what is released";
    Ok(Choice { scope: LintScope::Each, why: why.to_owned(), since: None, is_pending: false })
}

/// The migrations that a commit does not have.
fn not_in(settings: &Settings, files: &[Migration], reference: &str) -> Result<BTreeSet<i64>, Failure> {
    let known = since::files(&settings.project.dir, &settings.project.migrations_dir, reference)?;
    let new = files.iter().filter(|file| file.path.file_name().is_none_or(|name| !known.contains(name)));
    Ok(new.map(|file| file.version).collect())
}

/// The version that a person means: `7`, `V7`, or what another tool calls it.
fn version(lock: &Lock, text: &str) -> Result<i64, Failure> {
    let named = lock.migrations.iter().find(|migration| {
        text.trim_start_matches(['V', 'v']) == migration.version.to_string()
            || migration.revision.as_ref().is_some_and(|revision| revision.id == *text)
    });
    named.map(|migration| migration.version).ok_or_else(|| {
        Failure::usage(format!("this project has no migration {text}"))
            .next("trueup status lists those that it has")
    })
}
