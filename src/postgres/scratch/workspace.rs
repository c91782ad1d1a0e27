//! Directories that scratch servers live in: `<base>/trueup-<uid>/s-<random>`, private to the account that runs
//! the server, locked as long as its trueup lives, removed afterwards.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use nix::fcntl::OFlag;
use nix::sys::statvfs::statvfs;
use ulid::Ulid;

use super::account::Account;
use crate::error::{ErrorCode, Exit, Failure};

/// A server and its template take some 60 MB; loading a schema of 10,000 tables some 150 MB more.
const ENOUGH: u64 = 256 * 1024 * 1024;
/// Where temporary files lie in memory.
const MEMORY: &str = "/dev/shm";
/// The longest path of a Unix socket (`sun_path`, without its final zero byte).
const LONGEST_SOCKET: usize = 107;

/// What the names of workspaces begin with.
pub(super) const PREFIX: &str = "s-";

/// Where temporary files may lie, the best place first: in memory, else where `TMPDIR` says, else where every system has
/// them.
pub fn temporary_places() -> Vec<PathBuf> {
    let places = [PathBuf::from(MEMORY), std::env::temp_dir(), "/tmp".into(), "/var/tmp".into()];
    let mut distinct: Vec<PathBuf> = Vec::new();
    for place in places {
        if !distinct.contains(&place) {
            distinct.push(place);
        }
    }
    distinct
}

/// Whether a directory is on a file system that keeps files in memory.
#[cfg(target_os = "linux")]
fn lies_in_memory(path: &Path) -> bool {
    use nix::sys::statfs::{FsType, TMPFS_MAGIC, statfs};

    /// `RAMFS_MAGIC` in linux/magic.h.
    const RAMFS: FsType = FsType(0x8584_58f6);
    statfs(path).is_ok_and(|found| [TMPFS_MAGIC, RAMFS].contains(&found.filesystem_type()))
}

/// Whether a directory is on a file system that keeps files in memory: other systems have none by default.
#[cfg(not(target_os = "linux"))]
fn lies_in_memory(_: &Path) -> bool {
    false
}

/// Makes something in the first place for temporary files that takes it.
///
/// # Errors
/// That of the last place.
pub fn in_temporary_place<T>(make: impl Fn(&Path) -> io::Result<T>) -> io::Result<T> {
    let mut outcome = Err(io::ErrorKind::NotFound.into());
    for place in temporary_places() {
        outcome = outcome.or_else(|_| make(&place));
    }
    outcome
}

/// The private directory in which all scratch servers and templates of one account lie.
#[derive(Debug, Clone)]
pub(super) struct Home {
    pub(super) path: PathBuf,
    account: Account,
}

impl Home {
    /// The directory, made if need be: in memory where that is big enough, else among temporary files. With so many bytes of
    /// rows, it is never in memory.
    ///
    /// # Errors
    /// When no place will do: each with its reason (exit 3; exit 4 with rows).
    pub(super) fn open(account: Account, rows: Option<u64>) -> Result<Self> {
        let mut reasons = Vec::new();
        let needed = rows.unwrap_or(0).saturating_add(ENOUGH);
        for base in temporary_places().iter().filter(|base| rows.is_none() || *base != Path::new(MEMORY)) {
            let made = match rows.is_some() && lies_in_memory(base) {
                true => Err(anyhow::anyhow!("it lies in memory, where rows of a backup must not be")),
                false => Self::below(base, account, needed),
            };
            match made {
                Ok(home) => return Ok(home),
                Err(why) => reasons.push(format!("\n  {}: {why:#}", base.display())),
            }
        }
        if let Some(rows) = rows {
            let what = format!(
                "no disk has room for a throwaway server with rows of about {}:{}",
                crate::text::size(rows),
                reasons.concat()
            );
            return Err(Failure::new(Exit::Refused, what)
                .code(ErrorCode::SCRATCH_NO_ROOM)
                .next("free some space, set TMPDIR to a directory of a larger disk, or give a server with --scratch-url")
                .into());
        }
        Err(Failure::cannot_tell(format!("no directory is usable for a scratch server:{}", reasons.concat()))
            .code(ErrorCode::SCRATCH_UNAVAILABLE)
            .next("free some space, set TMPDIR to another directory, or give a server with --scratch-url")
            .into())
    }

    fn below(base: &Path, account: Account, needed: u64) -> Result<Self> {
        let space = statvfs(base)?;
        let free = space.blocks_available() * space.fragment_size();
        anyhow::ensure!(free >= needed, "{} MB free, {} MB needed", free >> 20, needed >> 20);
        let path = base.join(format!("trueup-{}", account.uid));
        let socket = path.join(PREFIX).as_os_str().len() + NAME + "/.s.PGSQL.65535".len();
        anyhow::ensure!(socket <= LONGEST_SOCKET, "the path of the socket would have {socket} bytes");
        if path.symlink_metadata().is_err_and(|why| why.kind() == io::ErrorKind::NotFound) {
            // Made aside and renamed: nobody sees it before it belongs to the account.
            let aside = base.join(format!("trueup-{}.{}", account.uid, random_name()));
            make_private(&aside, account)?;
            if std::fs::rename(&aside, &path).is_err() {
                // Another trueup was faster; what is there is verified below.
                let _ = std::fs::remove_dir(&aside);
            }
        }
        let home = Self { path, account };
        home.verify()?;
        Ok(home)
    }

    /// A directory of this name in a place where everybody may make one is believed only when it is the account's own.
    fn verify(&self) -> Result<()> {
        let found = self.path.symlink_metadata()?;
        anyhow::ensure!(found.is_dir(), "{} is not a directory", self.path.display());
        anyhow::ensure!(
            found.uid() == self.account.uid && found.mode() & 0o077 == 0,
            "{} belongs to another user, or other users may enter it",
            self.path.display()
        );
        if self.account.step_down.is_some() {
            // The server's account must be able to reach it from the root directory.
            let reached = self.account.command("test").arg("-w").arg(&self.path).status()?;
            anyhow::ensure!(reached.success(), "user {} cannot reach it", self.account.uid);
        }
        Ok(())
    }

    /// Held while directories are made, locked or swept: nobody meets one that is made and not locked yet.
    pub(super) fn lock(&self) -> io::Result<File> {
        let home = open_dir(&self.path)?;
        home.lock()?;
        Ok(home)
    }

    /// A new directory of one's own, locked.
    pub(super) fn workspace(&self) -> Result<Workspace> {
        let _making = self.lock()?;
        let path = self.path.join(format!("{PREFIX}{}", random_name()));
        make_private(&path, self.account).with_context(|| path.display().to_string())?;
        let lock = open_dir(&path)?;
        match lock.try_lock() {
            Ok(()) => Ok(Workspace { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => anyhow::bail!("{} is locked by another process", path.display()),
            Err(TryLockError::Error(why)) => Err(why).with_context(|| path.display().to_string()),
        }
    }
}

/// A directory of one scratch server. Removed on drop.
#[derive(Debug)]
pub(super) struct Workspace {
    pub(super) path: PathBuf,
    /// The kernel drops it with the process, however that ends: an unlocked directory is a leftover.
    _lock: File,
}

impl Workspace {
    pub(super) fn data(&self) -> PathBuf {
        self.path.join("data")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.path.join("log")
    }

    /// Writes a new file that processes of the account can read.
    ///
    /// # Errors
    /// The system's; there is something of that name.
    pub(super) fn write(&self, name: &str, text: &str, account: Account) -> io::Result<PathBuf> {
        let path = self.path.join(name);
        let mut file = File::create_new(&path)?;
        file.write_all(text.as_bytes())?;
        if let Some(gid) = account.step_down {
            std::os::unix::fs::fchown(&file, Some(account.uid), Some(gid))?;
        }
        Ok(path)
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        // What cannot be removed now is swept by the next start.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// Opens a directory, never through a symbolic link.
pub(super) fn open_dir(path: &Path) -> io::Result<File> {
    let flags = OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW;
    OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)
}

fn make_private(path: &Path, account: Account) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)?;
    if let Some(gid) = account.step_down {
        std::os::unix::fs::lchown(path, Some(account.uid), Some(gid))?;
    }
    Ok(())
}

/// Length of [`random_name`].
const NAME: usize = 10;

/// Ten characters, fifty random bits: a socket's path must be short.
fn random_name() -> String {
    let ulid = Ulid::generate().to_string().to_ascii_lowercase();
    ulid[ulid.len() - NAME..].to_owned()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_directory_that_others_may_enter_is_not_believed() {
        let account = Account::of_process().unwrap();
        let base = tempfile::tempdir().unwrap();
        std::fs::set_permissions(base.path(), std::fs::Permissions::from_mode(0o1777)).unwrap();

        let home = Home::below(base.path(), account, ENOUGH).expect("a new one").path;
        Home::below(base.path(), account, ENOUGH).expect("the same again");

        std::fs::set_permissions(&home, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert!(
            Home::below(base.path(), account, ENOUGH)
                .unwrap_err()
                .to_string()
                .contains("other users may enter")
        );

        let elsewhere = base.path().join("elsewhere");
        std::fs::set_permissions(&home, std::fs::Permissions::from_mode(0o700)).unwrap();
        std::fs::rename(&home, &elsewhere).unwrap();
        symlink(&elsewhere, &home).unwrap();
        assert!(
            Home::below(base.path(), account, ENOUGH).unwrap_err().to_string().contains("not a directory")
        );
    }

    #[test]
    fn a_base_with_too_long_a_path_is_passed_over() {
        let account = Account::of_process().unwrap();
        let base = tempfile::tempdir().unwrap();
        let long = base.path().join("x".repeat(80));
        std::fs::create_dir(&long).unwrap();
        assert!(Home::below(&long, account, ENOUGH).unwrap_err().to_string().contains("socket"));
    }

    #[test]
    fn rows_need_a_disk_that_takes_them() {
        let account = Account::of_process().unwrap();
        let home = Home::open(account, Some(1 << 20)).unwrap();
        assert!(!home.path.starts_with(MEMORY), "{}", home.path.display());
        let refused = Home::open(account, Some(1 << 60)).unwrap_err().to_string();
        assert!(
            refused.contains("MB free, 1099511628032 MB needed") && !refused.contains(MEMORY),
            "{refused}"
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn memory_is_told_from_a_disk() {
        assert!(!lies_in_memory(Path::new("/proc")) && !lies_in_memory(Path::new("/nowhere")));
        assert!(lies_in_memory(Path::new(MEMORY)), "{MEMORY} is a tmpfs on Linux");
    }

    #[test]
    fn a_workspace_is_locked_and_removed() {
        let home = Home::open(Account::of_process().unwrap(), None).unwrap();
        let workspace = home.workspace().unwrap();
        let path = workspace.path.clone();
        assert!(open_dir(&path).unwrap().try_lock().is_err(), "held");
        drop(workspace);
        assert!(!path.exists());
    }
}
