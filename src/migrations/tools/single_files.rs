//! Tools with one directory of files: both directions in one file, or in two.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::names::{numbered, plain, words};
use super::{
    MigrationTool, ToolMigration, ToolMigrations, entries, is_code, needs_no_transaction, refuse, sections,
    text_of,
};
use crate::error::Failure;

/// What a file's name says.
struct Named {
    digits: String,
    words: String,
    is_down: bool,
}

pub(super) fn read(tool: MigrationTool, directory: &Path) -> Result<ToolMigrations, Failure> {
    let mut code = Vec::new();
    let mut failures = Vec::new();
    let mut files: Vec<(String, Named, PathBuf)> = Vec::new();
    for (file, path) in entries(directory)? {
        if path.is_dir() {
            continue;
        }
        match named(tool, &file) {
            Some(named) => files.push((file, named, path)),
            None if is_code(&file) && numbered(&file).is_some() && !file.ends_with("_test.go") => {
                code.push(path)
            }
            // goose stops at such a file.
            None if tool == MigrationTool::Goose && file.ends_with(".sql") => {
                failures.push(refuse(&path, "goose takes a number and `_` at the beginning of a name"));
            }
            None => {}
        }
    }
    sort(tool, &mut files);
    let mut downs: BTreeMap<String, PathBuf> = BTreeMap::new();
    let mut ups = Vec::new();
    for (file, named, path) in files {
        match named.is_down {
            true => drop(downs.insert(named.digits, path)),
            false => ups.push((file, named, path)),
        }
    }
    let read = ups.into_iter().map(|(file, named, path)| {
        let text = text_of(&path)?;
        let (up, own_down, no_transaction) = parts(tool, &path, text)?;
        let down = match (own_down, downs.get(&named.digits)) {
            (Some(down), _) => Some((path.clone(), down)),
            (None, Some(beside)) => Some((beside.clone(), text_of(beside)?)),
            (None, None) => None,
        };
        Ok(ToolMigration {
            revision: revision(tool, &file, &named.digits),
            name: words(&named.words),
            path,
            up,
            down,
            no_transaction,
            is_repeatable: false,
        })
    });
    let read = read.chain(failures.into_iter().map(Err));
    Ok(ToolMigrations { migrations: Failure::collect(read)?, code, ..ToolMigrations::default() })
}

/// `20260102030405_add-users.up.sql`; `None` for a file that the tool does not take.
fn named(tool: MigrationTool, file: &str) -> Option<Named> {
    let stem = file.strip_suffix(".sql")?;
    let has_directions = matches!(tool, MigrationTool::GolangMigrate | MigrationTool::Sqlx);
    let (stem, is_down) = match stem.rsplit_once('.').filter(|_| has_directions) {
        Some((stem, "up")) => (stem, false),
        Some((stem, "down")) => (stem, true),
        _ if tool == MigrationTool::GolangMigrate => return None,
        _ => (stem, false),
    };
    let (digits, words) = match numbered(stem) {
        None if tool == MigrationTool::SqlMigrate => ("", stem),
        found => found?,
    };
    let needs_underscore = has_directions || tool == MigrationTool::Goose;
    (!needs_underscore || words.starts_with('_')).then(|| Named {
        digits: digits.to_owned(),
        words: words.to_owned(),
        is_down,
    })
}

/// Puts files into the order in which the tool runs them: dbmate and node-pg-migrate compare names, the others numbers, and
/// names without one come last.
fn sort(tool: MigrationTool, files: &mut [(String, Named, PathBuf)]) {
    if matches!(tool, MigrationTool::Dbmate | MigrationTool::NodePgMigrate) {
        return;
    }
    files.sort_by(|(a_file, a, _), (b_file, b, _)| {
        let (a_number, b_number) = (plain(&a.digits), plain(&b.digits));
        (a.digits.is_empty(), a_number.len(), a_number, a_file).cmp(&(
            b.digits.is_empty(),
            b_number.len(),
            b_number,
            b_file,
        ))
    });
}

/// What the tool's history calls a file.
fn revision(tool: MigrationTool, file: &str, digits: &str) -> String {
    match tool {
        MigrationTool::SqlMigrate => file.to_owned(),
        MigrationTool::NodePgMigrate => file.trim_end_matches(".sql").to_owned(),
        MigrationTool::Dbmate => digits.to_owned(),
        _ => plain(digits).to_owned(),
    }
}

/// The SQL that is run, what reverts it where the same file has it, and whether it runs without a transaction.
fn parts(tool: MigrationTool, path: &Path, text: String) -> Result<(String, Option<String>, bool), Failure> {
    match tool {
        // The whole file is sent in one message: a transaction, unless its one statement cannot run in one.
        MigrationTool::GolangMigrate => {
            let no_transaction = needs_no_transaction(&text);
            Ok((text, None, no_transaction))
        }
        MigrationTool::Sqlx => {
            let no_transaction = text.starts_with("-- no-transaction");
            Ok((text, None, no_transaction))
        }
        _ => {
            let wrong = |(line, why)| refuse(path, format!("line {line}: {why}"));
            let found = sections::split(tool, &text).map_err(wrong)?;
            let up = match (found.up, tool) {
                (Some(up), _) => up,
                (None, MigrationTool::NodePgMigrate) => text,
                (None, _) => return Err(refuse(path, format!("there is no marker of {tool} in it"))),
            };
            Ok((up, found.down, found.no_transaction))
        }
    }
}
