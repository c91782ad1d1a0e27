//! Data directories: made once by `initdb`, kept as a template, copied for each server.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};
use siphasher::sip::SipHasher13;

use super::account::Account;
use super::find::Binaries;
use super::server::{SUPERUSER, Watchdog};
use super::workspace::{Home, Workspace};
use crate::error::{ErrorCode, Failure};

/// What `initdb` is asked for; every major from 14 to 18 knows these. The smallest WAL segments make the smallest copy.
const INITDB: [&str; 7] = [
    "--auth=trust",
    "--encoding=UTF8",
    "--locale=C",
    "--wal-segsize=1",
    "--no-sync",
    "--no-instructions",
    "--text-search-config=english",
];

/// What the names of templates begin with.
pub(super) const PREFIX: &str = "template-";

/// The file in a template that says whose it is: the directory of its binaries.
const OWNER: &str = "trueup.binaries";

/// The template of one set of binaries. Its name carries the version: after a minor update another one is made.
#[derive(Debug)]
pub(super) struct Template {
    path: PathBuf,
}

impl Template {
    pub(super) fn of(home: &Home, binaries: &Binaries) -> Self {
        Self { path: home.path.join(format!("{}{}", family(binaries), binaries.version.0)) }
    }

    /// Whether it has been made: it appears under its name only when it is complete.
    pub(super) fn exists(&self) -> bool {
        self.path.is_dir()
    }

    /// Copies it to `workspace`. A copy on the same file system shares its blocks where that can be.
    ///
    /// # Errors
    /// With `cp`'s words (exit 3).
    pub(super) fn copy(
        &self,
        account: Account,
        workspace: &Workspace,
        watchdog: &mut Watchdog,
    ) -> Result<()> {
        // As the account: root never follows a path that another user could have changed under its feet.
        let mut cp = account.command("cp");
        cp.arg("-R").arg("--").arg(&self.path).arg(workspace.data());
        run(cp, "copying the data directory of a scratch server", watchdog)?;
        // Modes are not copied when the umask is strict or loose; PostgreSQL insists on this one.
        let mut chmod = account.command("chmod");
        chmod.arg("700").arg(workspace.data());
        run(chmod, "preparing the data directory of a scratch server", watchdog)
    }

    /// Makes the template, and takes the place of those of other versions of the same binaries.
    ///
    /// # Errors
    /// With `initdb`'s words (exit 3).
    pub(super) fn make(&self, account: Account, home: &Home, binaries: &Binaries) -> Result<()> {
        let workspace = home.workspace()?;
        let mut watchdog = Watchdog::start(account, &workspace)?;
        let mut initdb = account.command(binaries.dir.join("initdb"));
        initdb.args(INITDB).arg(format!("--username={SUPERUSER}")).arg("-D").arg(workspace.data());
        run(initdb, "making the data directory of a scratch server", &mut watchdog)?;
        std::fs::write(workspace.data().join(OWNER), binaries.dir.as_os_str().as_encoded_bytes())?;
        let family = family(binaries);
        for entry in std::fs::read_dir(&home.path)?.flatten() {
            let name = entry.file_name();
            let older = name.to_str().is_some_and(|name| name.starts_with(&family));
            if older && entry.path() != self.path {
                // Should another process be copying it, that copy fails, and it makes its own.
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
        match std::fs::rename(workspace.data(), &self.path) {
            // Two processes at once: the other one's template is as good.
            Err(why)
                if matches!(why.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists) =>
            {
                Ok(())
            }
            other => other.with_context(|| self.path.display().to_string()),
        }
    }

    /// Removes it, to be made again: a cleaner of temporary files may have taken some of its files.
    pub(super) fn forget(&self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// Whether a template's binaries are no longer there, so that nobody needs it.
pub(super) fn is_orphan(template: &Path) -> bool {
    std::fs::read(template.join(OWNER))
        .is_ok_and(|dir| !Path::new(OsStr::from_bytes(&dir)).join("postgres").exists())
}

/// The start of the names of all versions' templates of these binaries.
fn family(binaries: &Binaries) -> String {
    let place = SipHasher13::new().hash(binaries.dir.as_os_str().as_encoded_bytes());
    format!("{PREFIX}{}-{:08x}-", binaries.version.major(), place & 0xffff_ffff)
}

/// Runs a short-lived command to its end; the watchdog knows it meanwhile.
fn run(mut command: Command, doing: &str, watchdog: &mut Watchdog) -> Result<()> {
    let program = Path::new(command.get_program()).display().to_string();
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| program.clone())?;
    watchdog.group(Some(child.id()));
    let ended = child.wait_with_output();
    watchdog.group(None);
    let ended = ended?;
    if ended.status.success() {
        return Ok(());
    }
    let message = String::from_utf8_lossy(&ended.stderr);
    Err(Failure::cannot_tell(format!(
        "{doing} failed ({program}, {}):\n{}",
        ended.status,
        message.trim_end()
    ))
    .code(ErrorCode::SCRATCH_UNAVAILABLE)
    .next("`trueup doctor` tells which binaries and directories are used")
    .into())
}
