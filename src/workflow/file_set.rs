//! Writes the files of a run: first all of them beside their places, and only then in their places.
//!
//! A disk that is full, or a directory that cannot be written to, is met before any file of the project has changed.

use std::fs;
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};
use tempfile::NamedTempFile;

use crate::error::{ErrorCode, Failure};
use crate::plain_file;
use crate::workflow::schema_files::first_of;

/// The files that a run writes and removes.
pub(crate) struct FileSet<'f> {
    /// The directory of the project, in which all of them are.
    pub(crate) project: &'f Path,
    pub(crate) texts: Vec<(PathBuf, &'f str)>,
    pub(crate) removed: Vec<PathBuf>,
}

impl FileSet<'_> {
    /// Looks at all places before the first file is written.
    ///
    /// # Errors
    /// Exit 2: what stands in the way, at all of these places.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let places = self.texts.iter().map(|(path, _)| path).chain(&self.removed);
        Failure::collect(places.map(|path| check_place(self.project, path))).map(drop)
    }

    /// Writes and removes the files.
    ///
    /// # Errors
    /// Exit 2, with the files that were written, where there are any.
    pub(crate) fn carry_out(self) -> Result<(), Failure> {
        self.check()?;
        let mut made = MadeDirectories::default();
        let mut beside: Vec<(NamedTempFile, &PathBuf)> = Vec::new();
        for (path, text) in &self.texts {
            let directory = path.parent().unwrap_or(self.project);
            let written = made.make(directory).and_then(|()| plain_file::beside(path, text));
            let written = written.map_err(|error| {
                Failure::usage(format!("{}: cannot be written: {error}\nnothing was written", path.display()))
                    .next("run the same command again when it can be")
            })?;
            beside.push((written, path));
        }
        made.keep();
        let mut done = Vec::new();
        for (file, path) in beside {
            plain_file::place(file, path).map_err(|error| self.part_way(path, &error, &done))?;
            done.push(format!("written: {}", path.display()));
        }
        for path in &self.removed {
            fs::remove_file(path).map_err(|error| self.part_way(path, &error, &done))?;
            done.push(format!("removed: {}", path.display()));
        }
        Ok(())
    }

    fn part_way(&self, path: &Path, error: &std::io::Error, done: &[String]) -> Failure {
        let all = self.texts.len() + self.removed.len();
        let state = match done.len() {
            0 => "nothing was written".to_owned(),
            some => format!("of {all} files, {some} are written or removed:{}", first_of(done)),
        };
        let what = format!("{}: cannot be written or removed: {error}\n{state}", path.display());
        Failure::usage(what).next(
            "restore schema/ and migrations/ as they were (git status shows what changed), and run the same command again",
        )
    }
}

/// The directories that a run has made. Those that are not kept are removed again.
#[derive(Default)]
struct MadeDirectories(Vec<PathBuf>);

impl MadeDirectories {
    fn make(&mut self, directory: &Path) -> std::io::Result<()> {
        let missing: Vec<&Path> = directory.ancestors().take_while(|above| !above.exists()).collect();
        for directory in missing.into_iter().rev() {
            fs::create_dir(directory)?;
            self.0.push(directory.to_owned());
        }
        Ok(())
    }

    fn keep(mut self) {
        self.0.clear();
    }
}

impl Drop for MadeDirectories {
    fn drop(&mut self) {
        for directory in self.0.iter().rev() {
            let _ = fs::remove_dir(directory);
        }
    }
}

/// Refuses a place that is no plain file, that is reached by a link, or that cannot be written to. A link may lead out of
/// the project, and one that is replaced by a file is a link no more.
fn check_place(project: &Path, path: &Path) -> Result<(), Failure> {
    let refused = |place: &Path, what: &str, next: &str| {
        Err(Failure::usage(format!("{}: {what}; nothing was written", place.display()))
            .code(ErrorCode::SCHEMA_FILE_FOREIGN)
            .next(next))
    };
    let inside = |place: &&Path| place.starts_with(project) && *place != project;
    if let Some(link) = path.ancestors().take_while(inside).find(|place| place.is_symlink()) {
        let what = "a symbolic link, which is not followed";
        return refused(link, what, "put the file or directory itself in the place of the link");
    }
    if path.is_dir() {
        return refused(path, "a directory, where a file is to be written", "move it away");
    }
    let Some(directory) = path.ancestors().skip(1).find(|above| above.exists()) else { return Ok(()) };
    if !directory.is_dir() {
        return refused(directory, "no directory, though files are to be written into it", "move it away");
    }
    match access(directory, AccessFlags::W_OK | AccessFlags::X_OK) {
        Ok(()) => Ok(()),
        Err(error) => {
            let what = format!("files cannot be written here: {}", error.desc());
            refused(directory, &what, "give yourself the right to write in it")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn all_is_written_or_nothing() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        fs::create_dir(at("schema")).unwrap();
        fs::write(at("schema/old.sql"), "old").unwrap();
        let good = (at("schema/public/a.sql"), "a");
        // Longer than a name of a file may be.
        let bad = (at(&format!("schema/public/{}.sql", "b".repeat(300))), "b");
        let set = |texts| FileSet { project: root.path(), texts, removed: vec![at("schema/old.sql")] };
        let failure = set(vec![good.clone(), bad]).carry_out().unwrap_err();
        assert!(failure.what.contains("cannot be written") && failure.what.contains("nothing was written"));
        assert_eq!(names(&at("schema")), ["old.sql"]);
        set(vec![good]).carry_out().unwrap();
        assert_eq!(names(&at("schema")), ["public"]);
        assert_eq!(names(&at("schema/public")), ["a.sql"]);
    }

    #[test]
    fn what_was_done_is_told() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        let set =
            FileSet { project: root.path(), texts: vec![(at("a.sql"), "a")], removed: vec![at("gone")] };
        let failure = set.carry_out().unwrap_err();
        assert!(failure.what.contains("of 2 files, 1 are written or removed:"), "{failure}");
        assert!(failure.what.contains(&format!("written: {}", at("a.sql").display())), "{failure}");
        assert!(failure.next.contains("restore schema/"), "{}", failure.next);
    }
}
