//! Writing to standard output and standard error without panicking when they are closed or full, and to the files of
//! `--output`.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Component, Path};

use nix::fcntl::{FcntlArg, OFlag, fcntl};

use super::report::Format;
use crate::plain_file;

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

/// Writes a report in a format to a file: see [`write_file`]. A format whose readers look at any time is written beside
/// the file and takes its place whole.
///
/// # Errors
/// The system's.
pub fn write_report(path: &Path, text: &str, format: Format) -> io::Result<()> {
    let is_file = path.symlink_metadata().map_or(true, |found| found.is_file());
    match format.is_read_at_any_time() && is_file {
        true => plain_file::replace(path, text),
        false => write_file(path, text),
    }
}

/// Whether a path is one by which the system names devices and open files. Nothing else below `/dev` is: anybody may put a
/// link into `/dev/shm`.
pub fn names_an_open_file(path: &Path) -> bool {
    let names: Option<Vec<&str>> = path
        .components()
        .map(|part| match part {
            Component::RootDir => Some("/"),
            Component::Normal(name) => name.to_str(),
            _ => None,
        })
        .collect();
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    match names.as_deref() {
        Some(["/", "dev", name]) => ["stdin", "stdout", "stderr", "null", "tty"].contains(name),
        Some(["/", "dev", "fd", number] | ["/", "proc", _, "fd", number]) => is_number(number),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_devices_and_open_files_are_followed() {
        for path in ["/dev/stdout", "/dev/stderr", "/dev/null", "/dev/tty", "/dev/fd/3", "/proc/self/fd/12"] {
            assert!(names_an_open_file(Path::new(path)), "{path}");
        }
        for path in
            ["/dev/shm/report.json", "/dev/fd/../shm/1", "/dev/fd", "/proc/self/cwd/1", "dev/stdout", "/dev"]
        {
            assert!(!names_an_open_file(Path::new(path)), "{path}");
        }
    }
}
