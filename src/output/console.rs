//! Writing to standard output and standard error without panicking when they are closed or full, and to the files of
//! `--output`.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use nix::fcntl::{FcntlArg, OFlag, fcntl};

/// Writes to standard output, to the last byte.
///
/// # Errors
/// When it is closed or full: the command then cannot say what it found, and must not end as if it had.
pub fn out(text: &str) -> io::Result<()> {
    let mut stream = io::stdout().lock();
    stream.write_all(text.as_bytes())?;
    stream.flush()
}

/// Writes to standard error. There is no place left to complain when that fails.
pub fn err(text: &str) {
    let mut stream = io::stderr().lock();
    let _ = stream.write_all(text.as_bytes());
    let _ = stream.flush();
}

/// Writes a report to a file, in the place of what it held. A link is not followed, but those by which the system names
/// open files (`/dev/stdout`); a pipe that nobody reads is not waited for.
///
/// # Errors
/// The system's.
pub fn write_file(path: &Path, text: &str) -> io::Result<()> {
    let mut flags = OFlag::O_NONBLOCK;
    if !names_an_open_file(path) {
        flags |= OFlag::O_NOFOLLOW;
    }
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).custom_flags(flags.bits()).open(path)?;
    // Who reads a pipe may be slow.
    fcntl(&file, FcntlArg::F_SETFL(OFlag::empty()))?;
    file.write_all(text.as_bytes())
}

/// Whether a path is one by which the system names devices and open files.
pub fn names_an_open_file(path: &Path) -> bool {
    path.starts_with("/dev") || path.starts_with("/proc")
}
