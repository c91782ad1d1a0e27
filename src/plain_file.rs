//! Opening and replacing the files of a project. They are plain files: a pipe would keep a command waiting, and a link to a file outside
//! of the project would make messages quote that file.
//!
//! A link inside of the project is followed: container platforms mount a directory whose files are links into a directory
//! beside them.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, openat};
use nix::sys::stat::Mode;
use tempfile::NamedTempFile;

use crate::error::Failure;

/// The settings of a project: the directory that has it is the project's.
pub const SETTINGS_FILE: &str = "trueup.toml";

/// The folders that make a directory a project where it has no settings.
pub const SOURCES: [&str; 2] = ["schema", "migrations"];

/// Opens a plain file for reading; `None` where there is nothing of that name.
///
/// # Errors
/// Exit 2: it is no plain file, a link to nothing or out of the project, or cannot be opened.
pub fn open(path: &Path) -> Result<Option<File>, Failure> {
    let file = match open_without_links(AT_FDCWD, path) {
        Err(error) if is_link(&error) => open_link(path)?,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(|error| unreadable(path, &error))?,
    };
    let metadata = file.metadata().map_err(|error| unreadable(path, &error))?;
    if metadata.is_file() {
        return Ok(Some(file));
    }
    Err(Failure::usage(format!("{}: expected a file, found something else", path.display())))
}

/// Opens what a directory said is a plain file: the way to the directory is not gone for each of them. Whether it still is
/// one is not asked.
///
/// # Errors
/// The system's; a link is one.
pub fn open_in(directory: &File, name: &OsStr) -> io::Result<File> {
    open_without_links(directory, Path::new(name))
}

/// Writes a file, whole or not at all.
///
/// # Errors
/// The system's; the file is then as it was.
pub fn replace(path: &Path, text: &str) -> io::Result<()> {
    place(beside(path, text)?, path)
}

/// Writes a text beside the place of a file, which stays as it is until [`place`]. Dropped, it is removed.
///
/// # Errors
/// The system's, also where the directory is missing or the name is none that it can have.
pub fn beside(path: &Path, text: &str) -> io::Result<NamedTempFile> {
    if let Err(error) = path.symlink_metadata()
        && error.kind() != ErrorKind::NotFound
    {
        return Err(error);
    }
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // As any new file: what the umask leaves.
    let permissions = fs::Permissions::from_mode(0o666);
    let mut file =
        tempfile::Builder::new().prefix(".trueup-").permissions(permissions).tempfile_in(directory)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// Puts what [`beside`] wrote into the place of the file.
///
/// # Errors
/// The system's; the file is then as it was.
pub fn place(written: NamedTempFile, path: &Path) -> io::Result<()> {
    written.persist(path)?;
    // The rename itself; a directory that cannot be synced is no reason to fail.
    let _ = File::open(path.parent().unwrap_or(Path::new("."))).and_then(|directory| directory.sync_all());
    Ok(())
}

/// The failure of reading a file (exit 2).
pub fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::usage(format!("{}: {error}", path.display()))
}

/// A pipe in a file's place is opened without waiting for who writes into it.
fn open_without_links(directory: impl AsFd, path: &Path) -> io::Result<File> {
    let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
    loop {
        match openat(&directory, path, flags, Mode::empty()) {
            Err(Errno::EINTR) => {}
            opened => return Ok(opened?.into()),
        }
    }
}

fn is_link(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::ELOOP as i32)
}

fn open_link(path: &Path) -> Result<File, Failure> {
    let goal = fs::read_link(path).unwrap_or_default();
    let link = |what: &str| {
        let (path, goal) = (path.display(), goal.display());
        Failure::usage(format!("{path}: a symbolic link to {goal}, which {what}"))
    };
    let target = match path.canonicalize() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(link("does not exist").next("restore the file that it points to, or remove the link"));
        }
        target => target.map_err(|error| unreadable(path, &error))?,
    };
    let beside = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !is_inside(&target, beside) && !is_inside(&target, project_above(beside)) {
        return Err(link("is outside of the project").next("put the file itself in the place of the link"));
    }
    open_without_links(AT_FDCWD, &target).map_err(|error| unreadable(path, &error))
}

/// Refuses a folder of a project that leads out of it by a link. A folder that is named outside of the project, as
/// `../shared/migrations`, is where its name says.
///
/// # Errors
/// Exit 2.
pub fn check_folder(project: &Path, folder: &Path) -> Result<(), Failure> {
    let named_inside = folder
        .strip_prefix(project)
        .is_ok_and(|inner| !inner.components().any(|part| matches!(part, Component::ParentDir)));
    match folder.canonicalize() {
        Ok(target) if named_inside && !is_inside(&target, project) => Err(Failure::usage(format!(
            "{}: a symbolic link leads to {}, which is outside of the project",
            folder.display(),
            target.display()
        ))
        .next("put the directory itself in the place of the link; migrations elsewhere: [migrations] dir")),
        // What is not there, or cannot be entered, is told where it is read.
        _ => Ok(()),
    }
}

/// Whether a path without links lies in a directory.
fn is_inside(target: &Path, directory: &Path) -> bool {
    directory.canonicalize().is_ok_and(|directory| target.starts_with(directory))
}

/// The project that a directory belongs to: the nearest one with settings, else the nearest one with sources.
fn project_above(directory: &Path) -> &Path {
    let nearest = |names: &[&str]| {
        directory.ancestors().find(|above| names.iter().any(|name| above.join(name).exists()))
    };
    nearest(&[SETTINGS_FILE]).or_else(|| nearest(&SOURCES)).unwrap_or(directory)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use nix::unistd::mkfifo;

    use super::*;

    #[test]
    fn plain_files_and_links_to_those_of_the_project_are_opened() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join("project").join(name);
        fs::create_dir_all(at("schema/..2026")).unwrap();
        fs::create_dir_all(at("shared")).unwrap();
        for file in ["trueup.toml", "schema/a.sql", "schema/..2026/b.sql", "shared/c.sql"] {
            fs::write(at(file), "x").unwrap();
        }
        symlink("..2026", at("schema/..data")).unwrap();
        symlink("..data/b.sql", at("schema/b.sql")).unwrap();
        symlink("../shared/c.sql", at("schema/c.sql")).unwrap();
        symlink(at(""), root.path().join("link")).unwrap();
        for file in ["schema/a.sql", "schema/b.sql", "schema/c.sql"] {
            assert!(open(&at(file)).unwrap().is_some(), "{file}");
            assert!(open(&root.path().join("link").join(file)).unwrap().is_some(), "{file}");
        }
        assert!(open(&at("schema/missing.sql")).unwrap().is_none());
    }

    #[test]
    fn without_settings_the_directory_above_the_sources_is_the_project() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        fs::create_dir_all(at("project/schema")).unwrap();
        for file in ["secret", "project/shared.sql"] {
            fs::write(at(file), "x").unwrap();
        }
        symlink("../shared.sql", at("project/schema/a.sql")).unwrap();
        symlink("../secret", at("project/trueup.lock")).unwrap();
        assert!(open(&at("project/schema/a.sql")).unwrap().is_some());
        let failure = open(&at("project/trueup.lock")).unwrap_err();
        assert!(failure.what.contains("outside of the project"), "{failure}");
    }

    #[test]
    fn everything_else_is_refused_at_once_and_not_read() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        fs::write(at("secret"), "canary").unwrap();
        fs::create_dir_all(at("project/schema")).unwrap();
        fs::write(at("project/trueup.toml"), "").unwrap();
        mkfifo(&at("project/pipe"), Mode::S_IRWXU).unwrap();
        symlink("/dev/zero", at("project/device")).unwrap();
        symlink(at("secret"), at("project/schema/a.sql")).unwrap();
        symlink("../../secret", at("project/schema/b.sql")).unwrap();
        symlink("nothing", at("project/schema/c.sql")).unwrap();
        symlink("d.sql", at("project/schema/d.sql")).unwrap();
        for (name, words) in [
            ("pipe", "expected a file"),
            ("schema", "expected a file"),
            ("device", "outside of the project"),
            ("schema/a.sql", "outside of the project"),
            ("schema/b.sql", "outside of the project"),
            ("schema/c.sql", "does not exist"),
            ("schema/d.sql", "symbolic links"),
        ] {
            let failure = open(&at("project").join(name)).unwrap_err();
            assert!(failure.what.contains(words) && !failure.what.contains("canary"), "{name}: {failure}");
        }
    }
}
