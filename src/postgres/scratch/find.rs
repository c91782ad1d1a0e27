//! Where PostgreSQL's binaries are. It looks, and says where it looked; it installs nothing.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::account::Account;
use crate::error::{ErrorCode, Failure};
use crate::postgres::connection::ServerVersion;
use crate::postgres::programs::{Places, release};

/// A directory with `initdb` and `postgres`, and which version they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Binaries {
    pub(super) dir: PathBuf,
    pub(super) version: ServerVersion,
}

/// The binaries to use: the first place that has them, of that major when one is asked for.
///
/// # Errors
/// When there are none: where it looked, and the ways out (exit 3).
pub(super) fn binaries(
    account: Account,
    places: &Places,
    explicit: Option<&Path>,
    major: Option<u32>,
) -> Result<Binaries> {
    let mut looked = Vec::new();
    for dir in places.candidates(explicit, "postgres") {
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
    Err(none_found(places, explicit, major, &looked).into())
}

fn none_found(places: &Places, explicit: Option<&Path>, major: Option<u32>, looked: &[String]) -> Failure {
    let wanted = major.map_or_else(|| "PostgreSQL".to_owned(), |major| format!("PostgreSQL {major}"));
    let mut what = format!("a scratch server is needed, but no binaries of {wanted} were found; searched:");
    for line in places.describe(explicit).iter().chain(looked) {
        what.push_str("\n  ");
        what.push_str(line);
    }
    let package = major.map_or_else(|| "postgresql".to_owned(), |major| format!("postgresql-{major}"));
    let script = major.map_or_else(String::new, |major| format!(" {major}"));
    Failure::cannot_tell(what).code(ErrorCode::SCRATCH_UNAVAILABLE).next(format!(
        "install the package ({package}), or run scripts/postgres{script} of trueup's repository, \
         or name a directory with --pg-bin (TRUEUP_PG_BIN), or give a server with --scratch-url"
    ))
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
    release(account.command(dir.join("postgres")), "postgres")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nowhere() -> Places {
        Places {
            path: Some("/nonexistent".into()),
            caches: vec!["/nonexistent/cache".into()],
            system: "/nonexistent/postgresql".into(),
        }
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
        let real = Places::of_process(false);
        let error = binaries(account, &real, Some(dir.path()), None).unwrap_err();
        let failure = error.downcast_ref::<Failure>().unwrap();
        assert!(failure.what.contains(&format!("{}: no postgres", dir.path().display())), "{}", failure.what);
    }
}
