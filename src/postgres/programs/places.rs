//! The directories that may hold PostgreSQL's programs, best first.

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::variable;

/// Where Debian's packages put each major.
const SYSTEM: &str = "/usr/lib/postgresql";

/// The directory of this account in which trueup may keep what it can make again: `TRUEUP_CACHE`, else below
/// `XDG_CACHE_HOME` or `HOME`.
pub fn cache_directory() -> Option<PathBuf> {
    let place = |name| variable(name).map(PathBuf::from);
    place("TRUEUP_CACHE")
        .or_else(|| place("XDG_CACHE_HOME").map(|cache| cache.join("trueup")))
        .or_else(|| place("HOME").map(|home| home.join(".cache/trueup")))
}

/// What of this process's environment says where programs may be.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// `PATH`
    pub path: Option<OsString>,
    /// Directories that `scripts/postgres` downloads into.
    pub caches: Vec<PathBuf>,
    /// Where the system's packages put each major.
    pub system: PathBuf,
}

impl Places {
    /// Reads `PATH`, `TRUEUP_CACHE`, `XDG_CACHE_HOME` and `HOME`. `shared` says whether programs of another account's
    /// cache are looked at, too: root's own lies below a directory that others cannot enter.
    pub fn of_process(shared: bool) -> Self {
        let mut caches = Vec::from_iter(cache_directory());
        if shared {
            caches.push("/var/cache/trueup".into());
        }
        Self { path: variable("PATH"), caches, system: SYSTEM.into() }
    }

    /// Directories that may hold a program of this name, best first. Nothing but `explicit` and what lies below it when
    /// that is given.
    pub fn candidates(&self, explicit: Option<&Path>, program: &str) -> Vec<PathBuf> {
        if let Some(dir) = explicit {
            return [vec![dir.to_owned(), dir.join("bin")], majors_below(dir)].concat();
        }
        let mut candidates = Vec::new();
        for dir in self.path.iter().flat_map(std::env::split_paths).filter(|dir| dir.is_absolute()) {
            // A link there leads to where the other programs are. Debian's `pg_dump` is a link to a wrapper that looks
            // for the real one by a connection's settings: no program of PostgreSQL's lies beside it.
            if let Ok(found) = dir.join(program).canonicalize()
                && found.file_name() == Some(program.as_ref())
            {
                candidates.extend(found.parent().map(Path::to_owned));
            }
            if let Some(found) = from_pg_config(&dir, program) {
                candidates.push(found);
            }
        }
        candidates.extend(majors_below(&self.system));
        for cache in &self.caches {
            candidates.extend(majors_below(&cache.join("postgresql")));
        }
        let mut seen = HashSet::new();
        candidates.retain(|dir| seen.insert(dir.clone()));
        candidates
    }

    /// Where [`Places::candidates`] looks, for an error message.
    pub fn describe(&self, explicit: Option<&Path>) -> Vec<String> {
        match explicit {
            Some(dir) => vec![format!("{} (as asked for)", dir.display())],
            None => {
                let caches = self.caches.iter().map(|cache| format!("{}/postgresql/*/bin", cache.display()));
                ["PATH and pg_config".to_owned(), format!("{}/*/bin", self.system.display())]
                    .into_iter()
                    .chain(caches)
                    .collect()
            }
        }
    }
}

/// `dir/<major>/bin`, highest first.
fn majors_below(dir: &Path) -> Vec<PathBuf> {
    let mut majors: Vec<u32> = std::fs::read_dir(dir)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    majors.sort_unstable_by(|a, b| b.cmp(a));
    majors.into_iter().map(|major| dir.join(major.to_string()).join("bin")).collect()
}

/// Debian and others keep programs out of PATH; their `pg_config` knows where.
fn from_pg_config(dir: &Path, wanted: &str) -> Option<PathBuf> {
    let program = dir.join("pg_config");
    if !program.is_file() {
        return None;
    }
    // It needs nothing of the caller's environment, which may hold a password.
    let answer = Command::new(program)
        .arg("--bindir")
        .env_clear()
        .env("PATH", dir)
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let bin = PathBuf::from(String::from_utf8(answer.stdout).ok()?.trim());
    bin.join(wanted).is_file().then_some(bin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn majors_are_looked_at_from_the_highest_number() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["9", "15", "16", "share"] {
            std::fs::create_dir_all(dir.path().join(name).join("bin")).unwrap();
        }
        let found: Vec<_> = majors_below(dir.path())
            .iter()
            .map(|bin| bin.strip_prefix(dir.path()).unwrap().to_owned())
            .collect();
        assert_eq!(found, [Path::new("16/bin"), Path::new("15/bin"), Path::new("9/bin")]);
    }

    #[test]
    fn a_wrapper_under_another_name_is_none_of_the_programs() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("pg_wrapper"), "").unwrap();
        std::os::unix::fs::symlink("pg_wrapper", dir.path().join("pg_dump")).unwrap();
        let places = Places { path: Some(dir.path().into()), ..Places::default() };
        assert_eq!(places.candidates(None, "pg_dump"), Vec::<PathBuf>::new());
        std::fs::remove_file(dir.path().join("pg_dump")).unwrap();
        std::fs::write(dir.path().join("pg_dump"), "").unwrap();
        assert_eq!(places.candidates(None, "pg_dump"), [dir.path().canonicalize().unwrap()]);
    }
}
