//! Running `pg_dump` and `pg_restore`: found, of the right version, and connected so that no password is seen by anybody.
//!
//! A program is told where to connect by its arguments, which every user of a machine can read; the password alone stands
//! in a file of its own (`PGPASSFILE`, manual, "The Password File"), which nobody else can open. Nothing of the
//! caller's environment reaches it but where programs and their libraries are.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::{Pid, Uid};
use tempfile::TempPath;
use tokio::process::{Child, Command};

use crate::error::{Exit, Failure};
use crate::postgres::connection::{ServerVersion, Target};
use crate::postgres::programs::{Places, release, variable};

/// `pg_dump` and `pg_restore` of one release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Programs {
    dir: PathBuf,
    version: ServerVersion,
}

impl Programs {
    /// Looks for those that suit a server: of its major, else of the next newer one. An older `pg_dump` refuses a newer
    /// server, and an older `pg_restore` an archive of a newer one.
    ///
    /// # Errors
    /// Exit 4: where it looked, and the ways out.
    pub fn find(explicit: Option<&Path>, server: ServerVersion) -> Result<Self, Failure> {
        let places = Places::of_process(Uid::effective().is_root());
        Self::find_in(&places, explicit, server)
            .map_err(|looked| none_found(&places, explicit, server, &looked))
    }

    /// Looks for those that read an archive: of the major that wrote it, else of the next newer one.
    ///
    /// # Errors
    /// Exit 4: where it looked, and the ways out.
    pub fn reading(explicit: Option<&Path>, written_by: ServerVersion) -> Result<Self, Failure> {
        let places = Places::of_process(Uid::effective().is_root());
        Self::find_in(&places, explicit, written_by).map_err(|looked| {
            let major = written_by.major();
            let mut what = format!(
                "the archive was written by pg_dump {major}, a pg_restore of {major} or newer reads it, and none was \
                 found; nothing was changed; looked in:"
            );
            for line in places.told(explicit).iter().chain(&looked) {
                what.push_str("\n  ");
                what.push_str(line);
            }
            Failure::new(Exit::Refused, what).next(format!(
                "install the package postgresql-client-{major}, or name a directory with --pg-bin (TRUEUP_PG_BIN)"
            ))
        })
    }

    fn find_in(places: &Places, explicit: Option<&Path>, server: ServerVersion) -> Result<Self, Vec<String>> {
        let mut looked = Vec::new();
        let mut best: Option<Self> = None;
        for dir in places.candidates(explicit, "pg_dump") {
            let version = match version_of(&dir) {
                Ok(version) => version,
                Err(why) => {
                    looked.push(format!("{}: {why}", dir.display()));
                    continue;
                }
            };
            looked.push(format!("{}: version {version}", dir.display()));
            let newer = version.major() >= server.major();
            let closer = best.as_ref().is_none_or(|best| version.major() < best.version.major());
            if newer && closer {
                best = Some(Self { dir, version });
            }
        }
        best.ok_or(looked)
    }

    /// Their release.
    pub fn version(&self) -> ServerVersion {
        self.version
    }

    /// Their directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The method of compression that this build of `pg_dump` has, best first; before 16 there was none to choose.
    pub async fn compression(&self) -> &'static str {
        if self.version.major() < 16 {
            return "gzip";
        }
        for method in ["zstd", "lz4"] {
            // It looks at the method before it connects.
            let mut command = self.bare("pg_dump");
            command.arg(format!("--compress={method}")).arg("--dbname=host=/nonexistent dbname=none");
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
            let Ok(answer) = command.output().await else { continue };
            let said = String::from_utf8_lossy(&answer.stderr);
            if !said.contains("does not support compression") && !said.contains("not built with") {
                return method;
            }
        }
        "gzip"
    }

    /// A command without a connection.
    pub fn bare(&self, program: &str) -> Command {
        let mut command = Command::new(self.dir.join(program));
        command.env_clear().kill_on_drop(true);
        for name in ["PATH", "LD_LIBRARY_PATH"] {
            if let Some(value) = variable(name) {
                command.env(name, value);
            }
        }
        // Its words are read by a program.
        command.env("LC_ALL", "C").env("TZ", "UTC");
        // The terminal's Ctrl-C is for trueup, which ends it in its own way.
        command.process_group(0);
        command
    }

    /// A command that connects to a database.
    ///
    /// # Errors
    /// Exit 4 when the certificates that the URL asks for cannot be told to it.
    pub fn connected(
        &self,
        program: &str,
        target: &Target,
        application: &str,
        secrets: &Secrets,
    ) -> Result<Command, Failure> {
        let mut command = self.bare(program);
        let conninfo = target.conninfo(application, self.version)?;
        command.arg("--no-password").arg(format!("--dbname={conninfo}"));
        command.env("PGPASSFILE", &secrets.path).env("HOME", NO_HOME);
        Ok(command)
    }
}

/// A program and all that it has started. Dropped before [`Group::ended`], all of it is killed: what is left of a
/// `pg_dump` with several connections would go on writing.
#[derive(Debug)]
pub(super) struct Group(Option<Pid>);

impl Group {
    /// Of a program that leads a group of its own, as every [`Programs::bare`] does.
    pub(super) fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw))
    }

    /// The program has come to its end by itself.
    pub(super) fn ended(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            let _ = killpg(leader, Signal::SIGKILL);
        }
    }
}

/// The password's file. Where the system shows a process's open files as files it has no name, and a kill of trueup leaves
/// nothing of it: a program opens it as one of trueup's, which only the same user may.
#[derive(Debug)]
pub struct Secrets {
    path: PathBuf,
    _file: File,
    _named: Option<TempPath>,
}

/// Where there is neither a password file nor anything else of a person's that libpq would read.
const NO_HOME: &str = "/nonexistent";
/// Where Linux shows them.
const OPEN_FILES: &str = "/proc/self/fd";

impl Secrets {
    /// Writes the password of a target where only this user can read it.
    ///
    /// # Errors
    /// When there is no room for temporary files.
    pub fn of(target: &Target) -> Result<Self> {
        let room = "a temporary file for the password";
        let (mut file, named) = if Path::new(OPEN_FILES).is_dir() {
            (tempfile::tempfile().context(room)?, None)
        } else {
            let (file, path) = tempfile::NamedTempFile::new().context(room)?.into_parts();
            (file, Some(path))
        };
        // libpq reads no file that others may read.
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
        file.write_all(target.passfile_line()?.as_bytes())?;
        let path = match &named {
            Some(path) => path.to_path_buf(),
            None => format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd()).into(),
        };
        Ok(Self { path, _file: file, _named: named })
    }
}

/// How long `--version` of a program may be waited for is not limited: it does nothing else.
fn version_of(dir: &Path) -> Result<ServerVersion, String> {
    let mut found = Vec::new();
    for program in ["pg_dump", "pg_restore"] {
        let path = dir.join(program);
        match path.try_exists() {
            Ok(true) => {}
            Ok(false) => return Err(format!("no {program}")),
            Err(why) => return Err(format!("{program}: {why}")),
        }
        let mut command = std::process::Command::new(path);
        command.env_clear();
        for name in ["PATH", "LD_LIBRARY_PATH"] {
            if let Some(value) = variable(name) {
                command.env(name, value);
            }
        }
        found.push(release(command, program)?);
    }
    match found.as_slice() {
        [dump, restore] if dump.major() == restore.major() => Ok(*dump),
        _ => Err("pg_dump and pg_restore are of different majors".to_owned()),
    }
}

fn none_found(places: &Places, explicit: Option<&Path>, server: ServerVersion, looked: &[String]) -> Failure {
    let major = server.major();
    let mut what = format!(
        "a backup of PostgreSQL {server} needs a pg_dump of {major} or newer, and none was found; nothing was changed; \
         looked in:"
    );
    for line in places.told(explicit).iter().chain(looked) {
        what.push_str("\n  ");
        what.push_str(line);
    }
    Failure::new(Exit::Refused, what).next(format!(
        "install the package postgresql-client-{major}, or name a directory with --pg-bin (TRUEUP_PG_BIN), or let a \
         command take the backup ([backup] kind = \"command\"), or say --no-backup where the environment allows it"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stub(dir: &Path, version: &str) -> PathBuf {
        let bin = dir.join(version).join("bin");
        fs::create_dir_all(&bin).unwrap();
        for program in ["pg_dump", "pg_restore"] {
            let path = bin.join(program);
            fs::write(&path, format!("#!/bin/sh\necho '{program} (PostgreSQL) {version}.3'\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        bin
    }

    #[test]
    fn f47_the_closest_that_is_not_older_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let places = Places { system: dir.path().to_owned(), ..Places::default() };
        let find = |major: u32| Programs::find_in(&places, None, ServerVersion(major * 10_000 + 1));
        assert!(find(15).is_err());
        for version in ["14", "16", "18"] {
            stub(dir.path(), version);
        }
        assert_eq!(find(14).unwrap().version().major(), 14);
        assert_eq!(find(15).unwrap().version().major(), 16);
        assert_eq!(find(17).unwrap().version().major(), 18);
        fs::remove_file(dir.path().join("18/bin/pg_restore")).unwrap();
        let failure = none_found(&places, None, ServerVersion(170_001), &find(17).unwrap_err());
        assert_eq!(failure.exit, Exit::Refused);
        assert!(failure.what.contains("18/bin: no pg_restore"), "{failure}");
        assert!(failure.what.contains("16/bin: version 16.3"), "{failure}");
        assert!(failure.next.contains("postgresql-client-17"), "{}", failure.next);
    }
}
