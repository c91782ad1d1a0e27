//! Migrations of another tool as files of trueup: `V<version>__<name>.sql` and `.down.sql`.

use std::path::Path;

use super::names::words;
use super::{MigrationTool, TakenOver, ToolMigrations, needs_no_transaction, number};
use crate::error::Failure;

/// A file to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConvertedFile {
    /// Its name.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// The files that stand for these migrations, in their order. The SQL stays as it is, but for empty lines around it; the first line says which
/// migration of the tool it was.
///
/// # Errors
/// Exit 2: a file cannot be read.
pub fn convert(
    tool: MigrationTool,
    directory: &Path,
    found: &ToolMigrations,
) -> Result<Vec<ConvertedFile>, Failure> {
    let revisions: Vec<&str> = found.migrations.iter().map(|migration| migration.revision.as_str()).collect();
    // The identifier of a program may begin with digits that mean nothing: `8c1d2e3f`.
    let are_numbers = revisions.iter().all(|revision| revision.bytes().all(|byte| byte.is_ascii_digit()));
    let versions = match tool.is_code() && !are_numbers {
        true => (1..).take(revisions.len()).collect(),
        false => number(&revisions),
    };
    let mut files = Vec::new();
    for (migration, version) in found.migrations.iter().zip(versions) {
        let name = Some(migration.name.clone()).filter(|name| !name.is_empty());
        let stem = format!("V{version}__{}", name.unwrap_or_else(|| words(&migration.revision)));
        let text = script(&migration.up, migration.no_transaction).unwrap_or_else(|| {
            format!("-- Nothing to do: {tool} {} has no statements.\n", migration.revision)
        });
        let from = TakenOver::of(tool, directory, migration)?;
        let text = format!("-- trueup: from {from}\n{text}");
        files.push(ConvertedFile { name: format!("{stem}.sql"), text });
        let down = migration.down.as_ref().and_then(|(_, down)| script(down, needs_no_transaction(down)));
        files.extend(down.map(|text| ConvertedFile { name: format!("{stem}.down.sql"), text }));
    }
    Ok(files)
}

/// A script without the empty lines around it; `None` where nothing is left.
fn script(sql: &str, no_transaction: bool) -> Option<String> {
    let lines: Vec<&str> = sql.split_inclusive('\n').collect();
    let has_text = |line: &&str| !line.trim().is_empty();
    let first = lines.iter().position(has_text)?;
    let last = lines.iter().rposition(has_text)?;
    let mut text = if no_transaction { "-- trueup: no-transaction\n".to_owned() } else { String::new() };
    text.extend(lines[first..=last].iter().copied());
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Some(text)
}
