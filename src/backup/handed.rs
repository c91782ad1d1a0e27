//! A text for a program that reads it from a file: a password, a list of what to restore.

use std::fs::{File, Permissions};
use std::io::{self, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempPath;

use crate::error::{ErrorCode, Exit, Failure};
use crate::postgres::scratch::{in_temporary_place, temporary_places};

/// The directory in which Linux shows the open files of a process.
const OPEN_FILES: &str = "/proc/self/fd";

/// The file. Where the system shows the open files of a process as files, it has no name, lies in memory, and disappears with
/// trueup, even when trueup is killed. The program opens it through `/proc`, which only the same user may do.
#[derive(Debug)]
pub struct HandedFile {
    path: PathBuf,
    _file: File,
    _named: Option<TempPath>,
}

impl HandedFile {
    /// Writes a text into a file that only this user can read.
    ///
    /// # Errors
    /// Exit 4: there is no place for temporary files.
    pub fn of(text: &str) -> Result<Self, Failure> {
        Self::write(text.as_bytes()).map_err(|error| {
            let places: Vec<String> =
                temporary_places().iter().map(|place| place.display().to_string()).collect();
            Failure::new(
                Exit::Refused,
                format!("a temporary file cannot be written in {}: {error}", places.join(", ")),
            )
            .code(ErrorCode::MACHINE_RESOURCES)
            .next("set TMPDIR to a directory with free space, then run the same command again")
        })
    }

    /// Its path, for the program.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn write(text: &[u8]) -> io::Result<Self> {
        let (mut file, named) = match Path::new(OPEN_FILES).is_dir() {
            true => {
                (in_memory().or_else(|_| in_temporary_place(|place| tempfile::tempfile_in(place)))?, None)
            }
            false => {
                let named = in_temporary_place(|place| tempfile::NamedTempFile::new_in(place))?;
                let (file, path) = named.into_parts();
                (file, Some(path))
            }
        };
        // libpq ignores a password file that others can read.
        file.set_permissions(Permissions::from_mode(0o600))?;
        file.write_all(text)?;
        let path = match &named {
            Some(path) => path.to_path_buf(),
            None => format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd()).into(),
        };
        Ok(Self { path, _file: file, _named: named })
    }
}

#[cfg(target_os = "linux")]
fn in_memory() -> io::Result<File> {
    use nix::sys::memfd::{MFdFlags, memfd_create};

    Ok(memfd_create("trueup", MFdFlags::MFD_CLOEXEC)?.into())
}

#[cfg(not(target_os = "linux"))]
fn in_memory() -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f53_a_program_reads_it_and_nobody_else_can() {
        let file = HandedFile::of("canary").unwrap();
        assert_eq!(std::fs::read_to_string(file.path()).unwrap(), "canary");
        assert_eq!(file.path().metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let path = file.path().to_owned();
        drop(file);
        assert!(!path.exists());
    }
}
