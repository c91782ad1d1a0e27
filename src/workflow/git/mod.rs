//! What the repository of a project says: which commit is checked out, and who has written a file.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

/// The commit that is checked out.
pub(crate) fn head(project: &Path) -> Option<String> {
    git(project, ["rev-parse", "--verify", "HEAD"]).ok().filter(|commit| !commit.is_empty())
}

/// When the commit that is checked out was made.
///
/// # Errors
/// Why that is not known, in words: no git, no repository, no commit.
pub(crate) fn head_time(project: &Path) -> Result<SystemTime, String> {
    let text = git(project, ["log", "-1", "--format=%ct"])?;
    let seconds = text.parse().map_err(|_| "git does not tell the time of the commit".to_owned())?;
    Ok(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}

/// The name that commits of this person get here.
pub(crate) fn user_name(project: &Path) -> Option<String> {
    git(project, ["config", "user.name"]).ok().filter(|name| !name.is_empty())
}

/// The names and addresses of everybody who has written a commit of these files.
///
/// # Errors
/// Why that is not known, in words: no git, no repository, a history that is cut off, a file that no commit has.
pub(crate) fn authors(
    project: &Path,
    files: impl IntoIterator<Item = impl AsRef<Path>>,
) -> Result<BTreeSet<String>, String> {
    if git(project, ["rev-parse", "--is-shallow-repository"])? == "true" {
        return Err("the repository has only a part of its history (fetch it whole: git fetch --unshallow)"
            .to_owned());
    }
    let mut authors = BTreeSet::new();
    for file in files {
        let file = file.as_ref();
        let format = OsStr::new("--format=%an%n%ae");
        let args = [OsStr::new("log"), format, OsStr::new("--"), file.as_os_str()];
        let found = git(project, args)?;
        if found.is_empty() {
            return Err(format!("no commit has {}", file.display()));
        }
        authors.extend(found.lines().map(str::to_owned));
    }
    Ok(authors)
}

/// Which of these files are not as a commit has them: changed, new, or ignored.
///
/// # Errors
/// Why that is not known, in words: no git, no repository.
pub(crate) fn uncommitted(
    project: &Path,
    files: impl IntoIterator<Item = impl AsRef<Path>>,
) -> Result<Vec<String>, String> {
    let options = ["status", "--porcelain", "--untracked-files=all", "--ignored", "--"].map(OsStr::new);
    let files: Vec<_> = files.into_iter().collect();
    let args = options.into_iter().chain(files.iter().map(|file| file.as_ref().as_os_str()));
    let found = git(project, args)?;
    Ok(found.lines().map(|line| line.trim().to_owned()).collect())
}

fn git(project: &Path, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<String, String> {
    let mut git = Command::new("git");
    let output = git.arg("-C").arg(project).args(args).output();
    let output = output.map_err(|error| format!("git cannot be run: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.lines().next().unwrap_or_default().trim();
        return Err(format!("git: {}", said.strip_prefix("fatal: ").unwrap_or(said)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
