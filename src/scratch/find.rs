//! Where PostgreSQL's binaries are. It looks, and says where it looked; it installs nothing.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::Result;

use super::account::{Account, variable};
use crate::db::ServerVersion;
use crate::error::Failure;

/// Where Debian's packages put each major.
const SYSTEM: &str = "/usr/lib/postgresql";

/// A directory with `initdb` and `postgres`, and which version they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Binaries {
    pub(super) dir: PathBuf,
    pub(super) version: ServerVersion,
}

/// What of this process's environment says where binaries may be.
#[derive(Debug, Clone, Default)]
pub(super) struct Surroundings {
    path: Option<OsString>,
    caches: Vec<PathBuf>,
    system: PathBuf,
}

impl Surroundings {
    /// Reads `PATH`, `TRUEUP_CACHE`, `XDG_CACHE_HOME` and `HOME`.
    pub(super) fn of_process(account: Account) -> Self {
        let place = |name| variable(name).map(PathBuf::from);
        let own = place("TRUEUP_CACHE")
            .or_else(|| place("XDG_CACHE_HOME").map(|cache| cache.join("trueup")))
            .or_else(|| place("HOME").map(|home| home.join(".cache/trueup")));
        let mut caches = Vec::from_iter(own);
        if account.step_down.is_some() {
            // Root's own cache lies below a directory that the server's user cannot enter.
            caches.push("/var/cache/trueup".into());
        }
        Self { path: variable("PATH"), caches, system: SYSTEM.into() }
    }

    /// Directories that may hold binaries, best first.
    fn candidates(&self, explicit: Option<&Path>) -> Vec<PathBuf> {
        if let Some(dir) = explicit {
            return [vec![dir.to_owned(), dir.join("bin")], majors_below(dir)].concat();
        }
        let mut candidates = Vec::new();
        for dir in self.path.iter().flat_map(std::env::split_paths).filter(|dir| dir.is_absolute()) {
            // A link there leads to where the other programs are.
            if let Ok(program) = dir.join("postgres").canonicalize() {
                candidates.extend(program.parent().map(Path::to_owned));
            }
            if let Some(told) = told_by_pg_config(&dir) {
                candidates.push(told);
            }
        }
        candidates.extend(majors_below(&self.system));
        for cache in &self.caches {
            candidates.extend(majors_below(&cache.join("postgresql")));
        }
        let mut seen = std::collections::HashSet::new();
        candidates.retain(|dir| seen.insert(dir.clone()));
        candidates
    }
}

/// The binaries to use: the first place that has them, of that major when one is asked for.
///
/// # Errors
/// When there are none: where it looked, and the ways out (exit 3).
pub(super) fn binaries(
    account: Account,
    surroundings: &Surroundings,
    explicit: Option<&Path>,
    major: Option<u32>,
) -> Result<Binaries> {
    let mut looked = Vec::new();
    for dir in surroundings.candidates(explicit) {
        match version_of(account, &dir) {
            Err(why) => looked.push(format!("{}: {why}", dir.display())),
            Ok(version) if major.is_some_and(|major| major != version.major()) => {
                looked.push(format!("{}: version {version}", dir.display()));
            }
            Ok(version) if !ServerVersion::SUPPORTED.contains(&version.major()) => {
                looked.push(format!("{}: version {version} is not one of 14 to 18", dir.display()));
            }
            Ok(version) => return Ok(Binaries { dir, version }),
        }
    }
    Err(none_found(surroundings, explicit, major, &looked).into())
}

fn none_found(
    surroundings: &Surroundings,
    explicit: Option<&Path>,
    major: Option<u32>,
    looked: &[String],
) -> Failure {
    let wanted = major.map_or_else(|| "PostgreSQL".to_owned(), |major| format!("PostgreSQL {major}"));
    let mut what = format!("a scratch server is needed, and no binaries of {wanted} were found; looked in:");
    let places = match explicit {
        Some(dir) => vec![format!("{} (as asked for)", dir.display())],
        None => {
            let caches =
                surroundings.caches.iter().map(|cache| format!("{}/postgresql/*/bin", cache.display()));
            ["PATH and pg_config".to_owned(), format!("{}/*/bin", surroundings.system.display())]
                .into_iter()
                .chain(caches)
                .collect()
        }
    };
    for line in places.iter().chain(looked) {
        what.push_str("\n  ");
        what.push_str(line);
    }
    let package = major.map_or_else(|| "postgresql".to_owned(), |major| format!("postgresql-{major}"));
    let script = major.map_or_else(String::new, |major| format!(" {major}"));
    Failure::cannot_tell(what).next(format!(
        "install the package ({package}), or run scripts/postgres{script} of trueup's repository, \
         or name a directory with --pg-bin (TRUEUP_PG_BIN), or give a server with --scratch-url"
    ))
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

/// Debian and others keep servers out of PATH; their `pg_config` knows where.
fn told_by_pg_config(dir: &Path) -> Option<PathBuf> {
    let program = dir.join("pg_config");
    if !program.is_file() {
        return None;
    }
    // It needs nothing of the caller's environment, which may hold a password.
    let told = std::process::Command::new(program)
        .arg("--bindir")
        .env_clear()
        .env("PATH", dir)
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let bin = PathBuf::from(String::from_utf8(told.stdout).ok()?.trim());
    bin.join("postgres").is_file().then_some(bin)
}

/// Asks `postgres --version` as the account that will run it: that also proves that the account may, and that
/// the shared libraries are there.
fn version_of(account: Account, dir: &Path) -> Result<ServerVersion, String> {
    for program in ["postgres", "initdb"] {
        match dir.join(program).try_exists() {
            Ok(true) => {}
            Ok(false) => return Err(format!("no {program}")),
            Err(why) => return Err(format!("{program}: {why}")),
        }
    }
    let answer = account
        .command(dir.join("postgres"))
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .map_err(|why| format!("postgres does not start: {why}"))?;
    if !answer.status.success() {
        let told = String::from_utf8_lossy(&answer.stderr);
        return Err(format!("postgres does not start: {}", told.lines().next().unwrap_or("no reason given")));
    }
    let text = String::from_utf8_lossy(&answer.stdout);
    parse_version(&text).ok_or_else(|| format!("not a release: {}", text.trim()))
}

/// 150018 of `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`. Development and beta versions are none.
fn parse_version(text: &str) -> Option<ServerVersion> {
    let (_, after) = text.split_once("(PostgreSQL) ")?;
    let (major, minor) = after.split_whitespace().next()?.split_once('.')?;
    Some(ServerVersion(major.parse::<u32>().ok()? * 10_000 + minor.parse::<u32>().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nowhere() -> Surroundings {
        Surroundings {
            path: Some("/nonexistent".into()),
            caches: vec!["/nonexistent/cache".into()],
            system: "/nonexistent/postgresql".into(),
        }
    }

    #[test]
    fn versions_are_read_as_the_packages_print_them() {
        let read = |text| parse_version(text).map(|version| version.0);
        assert_eq!(read("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), Some(150_018));
        assert_eq!(read("postgres (PostgreSQL) 18.0"), Some(180_000));
        assert_eq!(read("postgres (PostgreSQL) 19devel"), None);
        assert_eq!(read("redis 7.0"), None);
    }

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
    fn nothing_found_says_where_it_looked_and_the_ways_out() {
        let account = Account::of_process().unwrap();
        let error = binaries(account, &nowhere(), None, Some(16)).unwrap_err();
        let failure = error.downcast_ref::<Failure>().unwrap();
        assert_eq!(failure.exit, crate::error::Exit::CannotTell);
        for place in
            ["PostgreSQL 16", "PATH", "/nonexistent/postgresql/*/bin", "/nonexistent/cache/postgresql/*/bin"]
        {
            assert!(failure.what.contains(place), "{place}: {}", failure.what);
        }
        for way in ["postgresql-16", "scripts/postgres 16", "--pg-bin", "--scratch-url"] {
            assert!(failure.next.contains(way), "{way}: {}", failure.next);
        }
    }

    #[test]
    fn an_explicit_directory_is_the_only_one_looked_at() {
        let dir = tempfile::tempdir().unwrap();
        let account = Account::of_process().unwrap();
        let real = Surroundings::of_process(account);
        let error = binaries(account, &real, Some(dir.path()), None).unwrap_err();
        let failure = error.downcast_ref::<Failure>().unwrap();
        assert!(failure.what.contains(&format!("{}: no postgres", dir.path().display())), "{}", failure.what);
    }
}
