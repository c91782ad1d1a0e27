//! A store in a local directory. A backup is written to `ID.partial`, which is renamed when all of it is on the disk.
//!
//! Only the owner may read it (directories 0700, files 0600). The writing process holds a lock on
//! `ID.partial/.writing` (flock(2)) until it ends, which distinguishes a backup that is being written from the
//! leftover of a killed process.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use nix::fcntl::{Flock, FlockArg};

use super::super::manifest::Manifest;
use super::{LARGEST_MANIFEST, MANIFEST, PROBE, StoredBackup, broken, parse_manifest};
use crate::error::{ErrorCode, Exit, Failure};
use crate::text::short_id;

/// The suffix of the folder of an unfinished backup.
const PARTIAL: &str = ".partial";
/// The file in such a folder that the writing process locks.
const WRITING: &str = ".writing";
/// The size of one read.
const CHUNK: usize = 1 << 20;
/// A link is not followed, and a pipe in a file's place is not waited for.
const UNFOLLOWED: i32 = nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK;

/// The store.
#[derive(Debug, Clone)]
pub struct LocalStore {
    dir: PathBuf,
}

/// A backup that is being written. Dropping it removes what was written.
#[derive(Debug)]
pub struct LocalUpload {
    partial: PathBuf,
    place: PathBuf,
    member: Option<(String, File)>,
    committed: bool,
    _writing: Flock<File>,
}

/// A member that is being read.
#[derive(Debug)]
pub struct LocalDownload {
    name: String,
    file: File,
}

impl LocalStore {
    pub(super) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn path(&self, id: &str) -> PathBuf {
        self.dir.join(id)
    }

    /// Refuses a directory in which other users could replace files of a backup. `false` when it does not exist.
    fn check_directory(&self) -> Result<bool, Failure> {
        let shown = self.dir.display();
        let refuse = |what: String, next: &str| {
            Err(Failure::new(Exit::Refused, format!("the backup directory {shown} {what}"))
                .code(ErrorCode::BACKUP_STORE_UNAVAILABLE)
                .next(next))
        };
        let metadata = match self.dir.symlink_metadata() {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Err(error) => {
                return refuse(format!("cannot be read: {error}"), "name another: [backup] store");
            }
        };
        if metadata.is_symlink() {
            return refuse(
                "is a symbolic link: where it leads could be changed while a backup is written".to_owned(),
                "name the directory itself: [backup] store",
            );
        }
        if !metadata.is_dir() {
            return refuse("is not a directory".to_owned(), "name another: [backup] store");
        }
        if metadata.permissions().mode() & 0o022 != 0 {
            return refuse(
                format!("can be written to by others (mode {:o})", metadata.permissions().mode() & 0o7777),
                &format!("chmod go-w {shown}"),
            );
        }
        let me = nix::unistd::geteuid();
        if metadata.uid() != me.as_raw() && !me.is_root() {
            return refuse("belongs to another user".to_owned(), "name another: [backup] store");
        }
        Ok(true)
    }

    /// Creates the directory where it does not exist, and checks that a file can be created there.
    pub(super) fn check_writable(&self) -> Result<(), Failure> {
        let unwritable = |error: io::Error| {
            Failure::new(
                Exit::Refused,
                format!("the backup directory {} cannot be written to: {error}", self.dir.display()),
            )
            .code(ErrorCode::BACKUP_STORE_UNAVAILABLE)
            .next("name another ([backup] store), or give this user the right to write there")
        };
        if !self.check_directory()? {
            private_directory(true).create(&self.dir).map_err(unwritable)?;
            // Backups hold personal data: a directory inside of a repository must not be committed.
            let _ = create(&self.dir.join(".gitignore")).and_then(|mut file| file.write_all(b"*\n"));
        }
        let probe = self.dir.join(format!(".ready.{}", std::process::id()));
        create(&probe).map_err(unwritable)?;
        fs::remove_file(&probe).map_err(unwritable)
    }

    /// It has no point at which it could be interrupted. The probe has its name for a moment only: a process that is killed
    /// leaves nothing, or an empty directory.
    pub(super) fn probe(&self) -> Result<(), Failure> {
        let is_there = self.check_directory()?;
        let failed = |error: io::Error| {
            Failure::new(
                Exit::Refused,
                format!("a probe in the backup directory {} failed: {error}", self.dir.display()),
            )
            .code(ErrorCode::BACKUP_STORE_UNAVAILABLE)
            .next("name another ([backup] store), or give this user the right to write there")
        };
        let mut made = Vec::new();
        if !is_there {
            let missing = self.dir.ancestors().take_while(|dir| !dir.as_os_str().is_empty() && !dir.exists());
            made.extend(missing.map(Path::to_owned));
            private_directory(true).create(&self.dir).map_err(failed)?;
        }
        let probed = self.write_probe();
        for dir in made {
            // Somebody else may have put something into it meanwhile.
            let _ = fs::remove_dir(dir);
        }
        probed.map_err(failed)
    }

    fn write_probe(&self) -> io::Result<()> {
        let path = self.dir.join(format!(".probe.{}", std::process::id()));
        let mut options = OpenOptions::new();
        let mut file = options.read(true).write(true).create_new(true).mode(0o600).open(&path)?;
        fs::remove_file(&path)?;
        file.write_all(PROBE)?;
        file.sync_all()?;
        file.rewind()?;
        let mut read = Vec::new();
        file.read_to_end(&mut read)?;
        if read == PROBE { Ok(()) } else { Err(io::Error::other("another text was read than was written")) }
    }

    pub(super) fn begin(&self, id: &str) -> Result<LocalUpload, Failure> {
        self.check_writable()?;
        let place = self.path(id);
        let partial = self.dir.join(format!("{id}{PARTIAL}"));
        let taken = || {
            Failure::new(
                Exit::Refused,
                format!("backup {} exists in {} already", short_id(id), self.dir.display()),
            )
        };
        if place.symlink_metadata().is_ok() {
            return Err(taken());
        }
        // This fails when anything of that name exists, even a symbolic link.
        private_directory(false).create(&partial).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => taken(),
            _ => broken(format!("making {}", partial.display()), error),
        })?;
        let writing = create(&partial.join(WRITING))
            .and_then(|file| {
                Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, error)| error.into())
            })
            .map_err(|error| broken(format!("locking {}", partial.display()), error))?;
        Ok(LocalUpload { partial, place, member: None, committed: false, _writing: writing })
    }

    fn entries(&self) -> Result<Vec<String>, Failure> {
        let unreadable = |error: io::Error| {
            Failure::cannot_tell(format!(
                "the backup directory {} cannot be read: {error}",
                self.dir.display()
            ))
            .code(ErrorCode::BACKUP_STORE_UNAVAILABLE)
        };
        let entries = match fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(unreadable(error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(unreadable)?;
            let directory = entry.file_type().map_err(unreadable)?.is_dir();
            if let (true, Ok(name)) = (directory, entry.file_name().into_string()) {
                names.push(name);
            }
        }
        Ok(names)
    }

    pub(super) fn list(&self) -> Result<Vec<StoredBackup>, Failure> {
        let names = self.entries()?.into_iter().filter(|name| !name.ends_with(PARTIAL));
        let listed = names.filter_map(|id| {
            let path = self.path(&id).join(MANIFEST);
            // A folder without a manifest is no backup.
            path.symlink_metadata().ok()?;
            let manifest = read_manifest(&path, &id);
            Some(StoredBackup { id, manifest })
        });
        Ok(listed.collect())
    }

    pub(super) fn open(&self, id: &str, member: &str) -> Result<LocalDownload, Failure> {
        let path = self.path(id).join(member);
        let mut options = OpenOptions::new();
        let file = options.read(true).custom_flags(UNFOLLOWED).open(&path);
        let file =
            file.map_err(|error| broken(format!("backup {}: {member} cannot be read", short_id(id)), error))?;
        Ok(LocalDownload { name: path.display().to_string(), file })
    }

    pub(super) fn replace_manifest(&self, id: &str, manifest: &str) -> Result<(), Failure> {
        let place = self.path(id);
        let new = place.join(format!(".{MANIFEST}.{}", std::process::id()));
        let written = create(&new).and_then(|mut file| {
            file.write_all(manifest.as_bytes())?;
            file.sync_all()?;
            fs::rename(&new, place.join(MANIFEST))?;
            File::open(&place)?.sync_all()
        });
        if written.is_err() {
            let _ = fs::remove_file(&new);
        }
        written.map_err(|error| broken(format!("writing the manifest of backup {}", short_id(id)), error))
    }

    pub(super) fn remove(&self, id: &str) -> Result<(), Failure> {
        let place = self.path(id);
        // With the suffix the folder is no backup any more, and a later sweep removes what an interrupted removal
        // leaves.
        let going = self.dir.join(format!("{id}{PARTIAL}"));
        let removed = fs::rename(&place, &going).and_then(|()| fs::remove_dir_all(&going));
        removed.map_err(|error| {
            Failure::new(
                Exit::Partial,
                format!("backup {} could be removed only partly: {error}", short_id(id)),
            )
            .next(format!("remove {} by hand", place.display()))
        })
    }

    pub(super) fn sweep(&self) -> Result<usize, Failure> {
        let mut swept = 0;
        for name in self.entries()?.into_iter().filter(|name| name.ends_with(PARTIAL)) {
            let path = self.dir.join(name);
            let free = match OpenOptions::new().read(true).custom_flags(UNFOLLOWED).open(path.join(WRITING)) {
                Ok(file) => Flock::lock(file, FlockArg::LockExclusiveNonblock).is_ok(),
                Err(error) => error.kind() == ErrorKind::NotFound,
            };
            if free && fs::remove_dir_all(&path).is_ok() {
                swept += 1;
            }
        }
        Ok(swept)
    }
}

impl LocalUpload {
    pub(super) fn path(&self) -> &Path {
        &self.partial
    }

    pub(super) fn member(&mut self, name: &str) -> Result<(), Failure> {
        let path = self.partial.join(name);
        let file = create(&path).map_err(|error| broken(format!("making {}", path.display()), error))?;
        self.member = Some((name.to_owned(), file));
        Ok(())
    }

    pub(super) fn write(&mut self, chunk: &[u8]) -> Result<(), Failure> {
        let Some((name, file)) = &mut self.member else { return Ok(()) };
        file.write_all(chunk).map_err(|error| cannot_write(&self.partial.join(name), &error))
    }

    pub(super) async fn end(&mut self) -> Result<(), Failure> {
        let Some((name, file)) = self.member.take() else { return Ok(()) };
        let path = self.partial.join(name);
        sync(file).await.map_err(|error| cannot_write(&path, &error))
    }

    pub(super) async fn take_over(&mut self, prefix: &str) -> Result<Vec<String>, Failure> {
        let dir = self.partial.join(prefix);
        let failed = |error: io::Error| cannot_write(&dir, &error);
        let mut names = Vec::new();
        for entry in fs::read_dir(&dir).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o600)).map_err(failed)?;
            sync(File::open(entry.path()).map_err(failed)?).await.map_err(failed)?;
            names.push(format!("{prefix}/{}", entry.file_name().to_string_lossy()));
        }
        sync(File::open(&dir).map_err(failed)?).await.map_err(failed)?;
        names.sort();
        Ok(names)
    }

    pub(super) async fn commit(mut self, manifest: &str) -> Result<(), Failure> {
        self.member(MANIFEST)?;
        self.write(manifest.as_bytes())?;
        self.end().await?;
        let failed = |error: io::Error| cannot_write(&self.place, &error);
        let parent = self.place.parent().unwrap_or(Path::new("/"));
        let _ = fs::remove_file(self.partial.join(WRITING));
        sync(File::open(&self.partial).map_err(failed)?).await.map_err(failed)?;
        // Renaming replaces an empty directory, and nothing else.
        fs::rename(&self.partial, &self.place).map_err(failed)?;
        self.committed = true;
        sync(File::open(parent).map_err(failed)?).await.map_err(failed)
    }
}

impl Drop for LocalUpload {
    fn drop(&mut self) {
        // A program that was killed a moment ago may still have created a file.
        for _ in 0..3 {
            if self.committed || fs::remove_dir_all(&self.partial).is_ok() {
                return;
            }
        }
    }
}

impl LocalDownload {
    pub(super) fn chunk(&mut self) -> Result<Option<Bytes>, Failure> {
        let mut chunk = Vec::with_capacity(CHUNK);
        let read = (&mut self.file).take(CHUNK as u64).read_to_end(&mut chunk);
        read.map_err(|error| broken(format!("reading {}", self.name), error))?;
        Ok((!chunk.is_empty()).then(|| chunk.into()))
    }
}

fn read_manifest(path: &Path, id: &str) -> Result<Manifest, String> {
    let unreadable = |error: io::Error| format!("its manifest cannot be read: {error}");
    let file = OpenOptions::new().read(true).custom_flags(UNFOLLOWED).open(path).map_err(unreadable)?;
    let mut text = String::new();
    file.take(LARGEST_MANIFEST).read_to_string(&mut text).map_err(unreadable)?;
    parse_manifest(&text, id)
}

fn private_directory(parents: bool) -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.mode(0o700).recursive(parents);
    builder
}

/// Creates a file that did not exist, readable by the owner alone.
fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Flushes a file to the disk. This can take long and runs on another thread, so that a signal is handled meanwhile.
async fn sync(file: File) -> io::Result<()> {
    match tokio::task::spawn_blocking(move || file.sync_all()).await {
        Ok(synced) => synced,
        Err(error) => Err(io::Error::other(error)),
    }
}

fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    let failure = broken(format!("writing the backup to {}", path.display()), error);
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            failure.next("free space on this machine's disk, or store backups elsewhere: [backup] store")
        }
        _ => failure.next("check the disk, or store backups elsewhere: [backup] store"),
    }
}
