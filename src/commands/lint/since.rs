//! The migrations that a commit of git has, and the newest tag.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::Command;

use crate::error::Failure;

/// The names of the files that a commit has in the directory of the migrations.
///
/// # Errors
/// Exit 2: there is no git, no repository, or no such commit.
pub(super) fn files(
    project: &Path,
    migrations: &Path,
    reference: &str,
) -> Result<HashSet<OsString>, Failure> {
    let refused = |what: String| {
        Failure::usage(format!("--since {reference}: {what}"))
            .next("name a commit, branch or tag that this repository has; in a pipeline it may have to be fetched first")
    };
    if reference.starts_with('-') {
        return Err(refused("this is no commit".to_owned()));
    }
    let mut git = Command::new("git");
    git.arg("-C").arg(project).args(["ls-tree", "-r", "-z", "--name-only", reference, "--"]).arg(migrations);
    let output = git.output().map_err(|error| refused(format!("git cannot be run: {error}")))?;
    if !output.status.success() {
        return Err(refused(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    let paths = output.stdout.split(|byte| *byte == 0).map(OsStr::from_bytes);
    Ok(paths.filter_map(|path| Path::new(path).file_name()).map(OsStr::to_owned).collect())
}

/// The newest tag of git that the commit which is checked out comes after; `None` where there is none, or no git.
pub(super) fn newest_tag(project: &Path) -> Option<String> {
    let mut git = Command::new("git");
    let output = git.arg("-C").arg(project).args(["describe", "--tags", "--abbrev=0"]).output().ok()?;
    let tag = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !tag.is_empty()).then_some(tag)
}
