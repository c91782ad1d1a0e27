//! Finds `pg_dump` and `pg_restore` in the right version, and runs them so that no password is visible to others.
//!
//! Every user of a machine can read the arguments of a program. The arguments therefore say where to connect, and the
//! password stands in a file (`PGPASSFILE`, manual, "The Password File") that nobody else can open. The programs
//! inherit nothing of the caller's environment but `PATH` and `LD_LIBRARY_PATH`.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::{Pid, Uid};
use tokio::process::{Child, Command};

use super::handed::HandedFile;
use crate::error::{ErrorCode, Exit, Failure};
use crate::postgres::connection::{ServerVersion, Target};
use crate::postgres::programs::{Places, release, variable};

/// The directory of a `pg_dump` and a `pg_restore` of the same release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Programs {
    dir: PathBuf,
    version: ServerVersion,
}

impl Programs {
    /// Finds the programs for a server: those of its own major version, otherwise of the next newer one. An older
    /// `pg_dump` refuses a newer server.
    ///
    /// # Errors
    /// Exit 4: no suitable programs were found. The error names the directories that were searched, and what to do.
    pub fn find(explicit: Option<&Path>, server: ServerVersion) -> Result<Self, Failure> {
        let places = Places::of_process(Uid::effective().is_root());
        Self::find_in(&places, explicit, server)
            .map_err(|looked| none_found(&places, explicit, server, &looked))
    }

    /// Finds the programs that can read an archive: those of the major version that wrote it, otherwise of the next
    /// newer one. An older `pg_restore` refuses an archive of a newer `pg_dump`.
    ///
    /// # Errors
    /// Exit 4: no suitable programs were found. The error names the directories that were searched, and what to do.
    pub fn find_for_archive(explicit: Option<&Path>, written_by: ServerVersion) -> Result<Self, Failure> {
        let places = Places::of_process(Uid::effective().is_root());
        Self::find_in(&places, explicit, written_by).map_err(|looked| {
            let major = written_by.major();
            let mut what = format!(
                "the archive was written by pg_dump {major}, a pg_restore of {major} or newer reads it, and none was \
                 found; nothing was changed\nlooked in:"
            );
            for line in places.describe(explicit).iter().chain(&looked) {
                what.push_str("\n  ");
                what.push_str(line);
            }
            Failure::new(Exit::Refused, what).code(ErrorCode::BACKUP_PROGRAM_MISSING).next(format!(
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

    /// The release of the programs.
    pub fn version(&self) -> ServerVersion {
        self.version
    }

    /// The directory of the programs.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The best compression method of this build of `pg_dump`. Before version 16 it has gzip alone.
    pub async fn compression(&self) -> &'static str {
        if self.version.major() < 16 {
            return "gzip";
        }
        for method in ["zstd", "lz4"] {
            // `pg_dump` checks the method before it connects.
            let mut command = self.command("pg_dump");
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

    /// A command that does not connect to a server.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.dir.join(program));
        command.env_clear().kill_on_drop(true);
        for name in ["PATH", "LD_LIBRARY_PATH"] {
            if let Some(value) = variable(name) {
                command.env(name, value);
            }
        }
        // trueup parses the messages, which must not be translated.
        command.env("LC_ALL", "C").env("TZ", "UTC");
        // Ctrl-C at the terminal is a signal to trueup alone, which then ends the program.
        command.process_group(0);
        command
    }

    /// A command that connects to a database.
    ///
    /// # Errors
    /// Exit 4: libpq cannot be given the certificates that the URL asks for.
    pub fn connected_command(
        &self,
        program: &str,
        target: &Target,
        application: &str,
        secrets: &HandedFile,
    ) -> Result<Command, Failure> {
        let mut command = self.command(program);
        let conninfo = target.conninfo(application, self.version)?;
        command.arg("--no-password").arg(format!("--dbname={conninfo}"));
        command.env("PGPASSFILE", secrets.path()).env("HOME", NO_HOME);
        Ok(command)
    }
}

/// A program and all of its child processes. All of them are killed when this value is dropped before
/// [`ProcessGroup::ended`]: the children of a parallel `pg_dump` would go on writing.
#[derive(Debug)]
pub struct ProcessGroup(Option<Pid>);

impl ProcessGroup {
    /// The group of a program that is a group leader, as every [`Programs::command`] is.
    pub fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw))
    }

    /// Records that the program has ended by itself, so that nothing has to be killed.
    pub fn ended(mut self) {
        self.0 = None;
    }

    /// Tells the program and its child processes to end, and kills what is left of them after this time.
    pub async fn end(self, program: &mut Child, grace: Duration) {
        let Some(leader) = self.0 else { return };
        let _ = killpg(leader, Signal::SIGTERM);
        let begun = Instant::now();
        // A program that has ended is of the group until it was waited for.
        let _ = tokio::time::timeout(grace, program.wait()).await;
        // Signal 0 only asks whether anything of the group is left.
        while begun.elapsed() < grace && killpg(leader, None).is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            let _ = killpg(leader, Signal::SIGKILL);
        }
    }
}

/// A home directory that does not exist: libpq finds no `.pgpass`, no service file and no certificates of a person
/// there.
const NO_HOME: &str = "/nonexistent";
/// The common release of `pg_dump` and `pg_restore` in a directory. `--version` has no timeout: it does nothing else
/// than print.
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
        "a backup of PostgreSQL {server} needs a pg_dump of {major} or newer, and none was found; nothing was changed\n\
         looked in:"
    );
    for line in places.describe(explicit).iter().chain(looked) {
        what.push_str("\n  ");
        what.push_str(line);
    }
    Failure::new(Exit::Refused, what).code(ErrorCode::BACKUP_PROGRAM_MISSING).next(format!(
        "install the package postgresql-client-{major}, or name a directory with --pg-bin (TRUEUP_PG_BIN), or let a \
         command take the backup ([backup] kind = \"command\"), or give --no-backup where the environment allows it"
    ))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

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
