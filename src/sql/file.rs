//! Reading the SQL files of a project: text within bounds, or words for what is wrong with the file.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use nix::fcntl::OFlag;

use super::split::SplitError;
use crate::error::Failure;

/// The largest file that is read, in bytes.
pub const LARGEST_FILE: u64 = 64 << 20;

/// Reads a file as it is, byte order mark and line endings included.
///
/// # Errors
/// Exit 2: it is missing, a dangling symlink, no regular file, too large, not UTF-8, or holds a NUL.
pub fn read_file(path: &Path) -> Result<String, Failure> {
    let shown = path.display();
    let unreadable = |error: std::io::Error| {
        let dangling = fs::symlink_metadata(path).is_ok_and(|link| link.file_type().is_symlink());
        if dangling && error.kind() == std::io::ErrorKind::NotFound {
            let goal = fs::read_link(path).unwrap_or_default();
            return Failure::usage(format!(
                "{shown}: a symbolic link to {}, which does not exist",
                goal.display()
            ))
            .next("Restore the file that it points to, or remove the link.");
        }
        Failure::usage(format!("{shown}: {error}"))
    };
    // A pipe in a file's place is opened without waiting for who writes into it.
    let opened = fs::OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path);
    let mut file = opened.map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(Failure::usage(format!("{shown}: expected a file, found something else")));
    }
    let too_large = || {
        Failure::usage(format!("{shown}: larger than {} MB", LARGEST_FILE >> 20))
            .next("Rows do not belong into such a file; split it, or load them with a tool for data.")
    };
    if metadata.len() > LARGEST_FILE {
        return Err(too_large());
    }
    let expected = usize::try_from(metadata.len()).unwrap_or_default();
    let bytes = read_bytes(&mut file, expected).map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(too_large());
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = line_at(error.as_bytes(), valid);
        Failure::usage(format!("{shown}: line {line}: not UTF-8")).next("Save the file as UTF-8.")
    })?;
    match text.find('\0') {
        Some(at) => {
            let line = line_at(text.as_bytes(), at);
            Err(Failure::usage(format!(
                "{shown}: line {line}: a NUL character, which PostgreSQL does not accept"
            )))
        }
        None => Ok(text),
    }
}

/// Reads a file that was so many bytes long a moment ago, and at most [`LARGEST_FILE`] and one.
fn read_bytes(file: &mut fs::File, expected: usize) -> std::io::Result<Vec<u8>> {
    // A read that ends where the file was to end says that it still does: no second one is needed to find that out.
    let mut bytes = vec![0; expected + 1];
    let first = file.read(&mut bytes)?;
    bytes.truncate(first);
    if first != expected {
        // The size has changed between the look and the read, or the read was cut short.
        file.take(LARGEST_FILE + 1 - first as u64).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

fn line_at(bytes: &[u8], offset: usize) -> usize {
    1 + bytes[..offset].iter().filter(|byte| **byte == b'\n').count()
}

impl SplitError {
    /// The failure that the operator sees (exit 2).
    pub fn in_file(self, path: &Path) -> Failure {
        Failure::usage(format!("{}: line {}: {}", path.display(), self.line, self.what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_no_text() {
        let dir = tempfile::tempdir().expect("a directory");
        let at = |name: &str| dir.path().join(name);
        fs::write(at("latin1.sql"), b"select 1;\nselect '\xe4';").expect("written");
        fs::write(at("nul.sql"), b"select 1;\n\nselect '\0';").expect("written");
        fs::create_dir(at("directory.sql")).expect("made");
        std::os::unix::fs::symlink("nowhere.sql", at("link.sql")).expect("linked");
        fs::File::create(at("huge.sql")).and_then(|file| file.set_len(LARGEST_FILE + 1)).expect("made");
        for (name, words) in [
            ("latin1.sql", "line 2: not UTF-8"),
            ("nul.sql", "line 3: a NUL"),
            ("directory.sql", "expected a file"),
            ("link.sql", "symbolic link to nowhere.sql"),
            ("huge.sql", "larger than 64 MB"),
            ("missing.sql", "No such file"),
        ] {
            let failure = read_file(&at(name)).expect_err(name);
            assert!(failure.what.contains(words) && failure.what.contains(name), "{}", failure.what);
            assert_eq!(failure.exit, crate::error::Exit::Usage);
        }
    }

    #[test]
    fn text_stays_as_it_is() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("a.sql");
        fs::write(&path, "\u{feff}select 1;\r\n").expect("written");
        assert_eq!(read_file(&path).expect("reads"), "\u{feff}select 1;\r\n");
    }
}
