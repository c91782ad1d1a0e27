//! The files in a project that a pattern names: `*` is any part of a name, `**` any directories.

use std::io;
use std::path::{Path, PathBuf};

use crate::project::matches;

/// The most files of one pattern.
const MOST: usize = 10_000;

/// The files that a pattern names, sorted.
///
/// # Errors
/// The system's, but a directory that is missing has no files.
pub(super) fn files(project: &Path, pattern: &str) -> io::Result<Vec<PathBuf>> {
    let parts: Vec<&str> = pattern.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    let root = if pattern.starts_with('/') { Path::new("/") } else { project };
    let mut found = Vec::new();
    add(root, &parts, &mut found)?;
    found.sort();
    found.dedup();
    Ok(found)
}

fn add(directory: &Path, parts: &[&str], found: &mut Vec<PathBuf>) -> io::Result<()> {
    let Some((first, rest)) = parts.split_first() else { return Ok(()) };
    if !first.contains(['*', '?']) {
        let path = directory.join(first);
        return match rest {
            [] if path.is_file() => {
                found.push(path);
                Ok(())
            }
            [] => Ok(()),
            rest => add(&path, rest, found),
        };
    }
    if *first == "**" {
        // No directory at all.
        add(directory, rest, found)?;
    }
    let entries = match directory.read_dir() {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(());
        }
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        let Some(name) = name.to_str() else { continue };
        // A link to a directory may lead in a circle.
        let is_directory = entry.file_type()?.is_dir();
        match (*first, rest) {
            ("**", _) if is_directory && !name.starts_with('.') => add(&path, parts, found)?,
            ("**", _) => {}
            (first, []) if matches(first, name) && path.is_file() => found.push(path),
            (first, rest) if matches(first, name) && is_directory => add(&path, rest, found)?,
            _ => {}
        }
        if found.len() > MOST {
            return Err(io::Error::other(format!("more than {MOST} files")));
        }
    }
    Ok(())
}
