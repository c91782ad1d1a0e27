//! Flyway: `V1.2__name.sql`, `U1.2__name.sql`, `R__name.sql`, in directories below one another.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::names::{plain, words};
use super::{ToolMigration, ToolMigrations, entries, is_code, needs_no_transaction, refuse, text_of};
use crate::error::Failure;

/// The version of a migration as Flyway compares it: numbers, without zeros at the end.
pub(super) type Version = Vec<u128>;

pub(super) fn read(directory: &Path) -> Result<ToolMigrations, Failure> {
    let mut files = Vec::new();
    collect(directory, &mut files)?;
    let mut found = ToolMigrations::default();
    let (mut versioned, mut repeatable) = (Vec::new(), Vec::new());
    let mut downs: BTreeMap<Version, PathBuf> = BTreeMap::new();
    let mut failures = Vec::new();
    for (name, path) in files {
        let Some((prefix, rest)) = name.split_at_checked(1) else { continue };
        let Some(stem) = rest.strip_suffix(".sql") else {
            if is_code(&name) && rest.contains("__") {
                found.code.push(path);
            }
            continue;
        };
        let Some((version, description)) = stem.split_once("__") else { continue };
        match (prefix, numbers(version)) {
            ("R", _) if version.is_empty() => repeatable.push((description.to_owned(), path)),
            ("V", Some(number)) => versioned.push((number, version.to_owned(), description.to_owned(), path)),
            ("U", Some(number)) => drop(downs.insert(number, path)),
            ("B", Some(_)) => failures.push(refuse(
                &path,
                "a baseline migration, which Flyway runs in the place of all before it: move it away, or those",
            )),
            _ => {}
        }
    }
    versioned.sort_by(|a, b| a.0.cmp(&b.0));
    repeatable.sort();
    for pair in versioned.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
        failures.push(refuse(&pair[1].3, format!("the version of {}, too", pair[0].3.display())));
    }
    let versioned = versioned.into_iter().map(|(number, version, description, path)| {
        let down = downs.remove(&number).map(|path| text_of(&path).map(|text| (path, text)));
        migration(version.replace('_', "."), &description, path, down.transpose()?)
    });
    let read: Vec<Result<ToolMigration, Failure>> = versioned.collect();
    let repeatable = repeatable.into_iter().map(|(description, path)| {
        // Flyway's history has no version for it, only the description.
        migration(format!("R__{}", description.replace(' ', "_")), &description, path, None)
            .map(|migration| ToolMigration { is_repeatable: true, ..migration })
    });
    let read = read.into_iter().chain(repeatable).chain(failures.into_iter().map(Err));
    found.migrations = Failure::collect(read)?;
    Ok(found)
}

fn collect(directory: &Path, files: &mut Vec<(String, PathBuf)>) -> Result<(), Failure> {
    for (name, path) in entries(directory)? {
        match path.is_dir() && !path.is_symlink() {
            true => collect(&path, files)?,
            false => files.push((name, path)),
        }
    }
    Ok(())
}

/// The numbers of a version; `None` for anything else.
pub(super) fn numbers(version: &str) -> Option<Version> {
    let parts = version.split(['.', '_']).map(|part| plain(part).parse().ok().filter(|_| !part.is_empty()));
    let mut numbers: Version = parts.collect::<Option<_>>()?;
    while numbers.len() > 1 && numbers.last() == Some(&0) {
        numbers.pop();
    }
    Some(numbers)
}

fn migration(
    revision: String,
    description: &str,
    path: PathBuf,
    down: Option<(PathBuf, String)>,
) -> Result<ToolMigration, Failure> {
    let up = text_of(&path)?;
    if let Some(line) = up.lines().position(|line| line.contains("${")) {
        let why = "a placeholder, whose value Flyway puts into the SQL";
        return Err(refuse(&path, format!("line {}: {why}: write the value in its place", line + 1)));
    }
    let mut beside = path.clone().into_os_string();
    beside.push(".conf");
    let beside = PathBuf::from(beside);
    let configured = if beside.is_file() { text_of(&beside)? } else { String::new() };
    let says = |text: &str| text.replace(' ', "").contains("executeInTransaction=false");
    Ok(ToolMigration {
        revision,
        name: words(description),
        no_transaction: says(&configured) || needs_no_transaction(&up),
        path,
        up,
        down,
        is_repeatable: false,
    })
}
