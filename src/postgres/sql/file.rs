//! Reading the SQL files of a project: text within bounds, or words for what is wrong with the file.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use nix::errno::Errno;

use super::split::SplitError;
use crate::error::Failure;
use crate::plain_file;

/// The largest file that is read, in bytes.
pub const LARGEST_FILE: u64 = 64 << 20;

/// Files of up to so many bytes are read without asking for their size.
const SMALL_FILE: usize = 8 << 10;

/// Reads a file as it is, byte order mark and line endings included.
///
/// # Errors
/// Exit 2: it is missing, no plain file of the project (see [`plain_file::open`]), too large, not UTF-8, or holds a NUL.
pub fn read_file(path: &Path) -> Result<String, Failure> {
    let missing = || plain_file::unreadable(path, &std::io::Error::from(Errno::ENOENT));
    read_whole(path, plain_file::open(path)?.ok_or_else(missing)?)
}

/// The same for a file of a directory that is open, and that said it is a plain file: the way to the directory is not
/// gone for each of them, and the kernel is asked for less.
///
/// # Errors
/// As [`read_file`].
pub fn read_file_in(directory: &File, path: &Path) -> Result<String, Failure> {
    let opened = plain_file::open_in(directory, path.file_name().unwrap_or_default());
    match opened.ok().as_ref().and_then(read_small) {
        Some(bytes) => text(path, bytes),
        // It is large, or no longer what the directory said.
        None => read_file(path),
    }
}

fn read_whole(path: &Path, mut file: File) -> Result<String, Failure> {
    let unreadable = |error: std::io::Error| plain_file::unreadable(path, &error);
    let metadata = file.metadata().map_err(unreadable)?;
    let too_large = || {
        Failure::usage(format!("{}: larger than {} MB", path.display(), LARGEST_FILE >> 20))
            .next("split the file, or load rows with another tool")
    };
    if metadata.len() > LARGEST_FILE {
        return Err(too_large());
    }
    let expected = usize::try_from(metadata.len()).unwrap_or_default();
    let bytes = read_bytes(&mut file, expected).map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(too_large());
    }
    text(path, bytes)
}

/// The bytes of a file as text.
fn text(path: &Path, bytes: Vec<u8>) -> Result<String, Failure> {
    let shown = path.display();
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = line_at(error.as_bytes(), valid);
        Failure::usage(format!("{shown}: line {line}: not UTF-8")).next("save the file as UTF-8")
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

/// Reads a small file to its end; `None` when it is larger, or cannot be read like that.
fn read_small(file: &File) -> Option<Vec<u8>> {
    let mut buffer = [0; SMALL_FILE];
    let length = file.read_at(&mut buffer, 0).ok()?;
    // Nothing is taken for the end but the end: some file systems cut reads short.
    let end = length < SMALL_FILE && file.read_at(&mut buffer[length..], length as u64).ok()? == 0;
    end.then(|| buffer[..length].to_vec())
}

/// Reads a file that was so many bytes long a moment ago, and at most [`LARGEST_FILE`] and one.
fn read_bytes(file: &mut File, expected: usize) -> std::io::Result<Vec<u8>> {
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
    /// The failure that names the file, for the operator (exit 2).
    pub fn in_file(self, path: &Path) -> Failure {
        Failure::usage(format!("{}: line {}: {}", path.display(), self.line, self.kind))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn files_that_are_no_text() {
        let dir = tempfile::tempdir().expect("a directory");
        let at = |name: &str| dir.path().join(name);
        fs::write(at("latin1.sql"), b"select 1;\nselect '\xe4';").expect("written");
        fs::write(at("nul.sql"), b"select 1;\n\nselect '\0';").expect("written");
        fs::create_dir(at("directory.sql")).expect("made");
        std::os::unix::fs::symlink("nowhere.sql", at("link.sql")).expect("linked");
        File::create(at("huge.sql")).and_then(|file| file.set_len(LARGEST_FILE + 1)).expect("made");
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
    fn a_file_of_an_open_directory_is_read_alike_whatever_its_size() {
        let dir = tempfile::tempdir().expect("a directory");
        let open = File::open(dir.path()).expect("opens");
        for size in [0, 1, SMALL_FILE - 1, SMALL_FILE, SMALL_FILE + 1, 5 * SMALL_FILE] {
            let path = dir.path().join("a.sql");
            fs::write(&path, "x".repeat(size)).expect("written");
            assert_eq!(read_file_in(&open, &path).expect("reads"), read_file(&path).expect("reads"));
        }
        // What the directory said of it is no longer true.
        let path = dir.path().join("b.sql");
        fs::create_dir(&path).expect("made");
        for wrong in ["b.sql", "missing.sql"] {
            let path = dir.path().join(wrong);
            let [one, other] = [read_file_in(&open, &path), read_file(&path)];
            assert_eq!(one.expect_err(wrong).what, other.expect_err(wrong).what);
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
