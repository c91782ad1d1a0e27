//! sqitch: the changes of `sqitch.plan`, with their scripts in `deploy/` and `revert/`.

use std::path::{Path, PathBuf};

use super::names::words;
use super::{ToolMigration, ToolMigrations, refuse, text_of};
use crate::error::Failure;

pub(super) fn read(directory: &Path) -> Result<ToolMigrations, Failure> {
    let path = directory.join("sqitch.plan");
    let text = text_of(&path)?;
    let scripts = scripts(&text).map_err(|line| refuse(&path, format!("line {line}: not a change")))?;
    let read = scripts.into_iter().map(|(change, script)| {
        let at = |folder: &str| directory.join(folder).join(format!("{script}.sql"));
        let (deploy, revert) = (at("deploy"), at("revert"));
        if !deploy.is_file() {
            return Err(refuse(&deploy, format!("the script of change {change}, which is not there")));
        }
        let down: Option<(PathBuf, String)> = match revert.is_file() {
            true => Some((revert.clone(), text_of(&revert)?)),
            false => None,
        };
        Ok(ToolMigration {
            name: words(change),
            revision: change.to_owned(),
            up: text_of(&deploy)?,
            path: deploy,
            down,
            // The scripts say BEGIN and COMMIT themselves.
            no_transaction: false,
            is_repeatable: false,
        })
    });
    Ok(ToolMigrations { migrations: Failure::collect(read)?, ..ToolMigrations::default() })
}

/// The changes with the names of their scripts. One that was reworked after a tag has two: the older one is `name@tag`.
fn scripts(plan: &str) -> Result<Vec<(&str, String)>, usize> {
    let mut found: Vec<(&str, String)> = Vec::new();
    let mut tag = None;
    for (index, line) in plan.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['%', '#']) {
            continue;
        }
        let first = line.split_whitespace().next().unwrap_or_default();
        if first.starts_with('@') {
            tag = Some(first);
            continue;
        }
        if first.starts_with('-') {
            return Err(index + 1);
        }
        let name = first.strip_prefix('+').unwrap_or(first);
        if let Some((_, older)) = found.iter_mut().find(|(change, script)| *change == name && script == name)
        {
            older.push_str(tag.ok_or(index + 1)?);
        }
        found.push((name, name.to_owned()));
    }
    Ok(found)
}
