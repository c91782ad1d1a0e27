//! A directory of this machine. A backup grows in `ID.partial`, which is renamed when all of it is on the disk.
//!
//! Nobody but its owner may read it (0700, files 0600). Who writes holds a lock on `ID.partial/.writing` (flock(2)), which
//! ends with the process: so what a killed one has left is told from what is being written.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use nix::fcntl::{Flock, FlockArg};

use super::super::manifest::Manifest;
use super::{LARGEST_MANIFEST, Listed, MANIFEST, broken, parse_manifest};
use crate::error::{Exit, Failure};

/// What a backup is called before it is one.
const PARTIAL: &str = ".partial";
/// Locked by whoever writes into a partial one.
const WRITING: &str = ".writing";
/// How much is read at once.
const CHUNK: usize = 1 << 20;

/// The directory.
#[derive(Debug, Clone)]
pub struct Local {
    dir: PathBuf,
}

/// A backup that is being written. Dropped, it is removed.
#[derive(Debug)]
pub struct Upload {
    partial: PathBuf,
    place: PathBuf,
    member: Option<(String, File)>,
    committed: bool,
    _writing: Flock<File>,
}

/// A member that is being read.
#[derive(Debug)]
pub struct Download {
    name: String,
    file: File,
}

impl Local {
    pub(super) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn path(&self, id: &str) -> PathBuf {
        self.dir.join(id)
    }

    /// Refuses a place where somebody else could put something in a backup's way.
    fn safe(&self) -> Result<bool, Failure> {
        let shown = self.dir.display();
        let refuse = |what: String, next: &str| {
            Err(Failure::new(Exit::Refused, format!("the backup directory {shown} {what}")).next(next))
        };
        let metadata = match self.dir.symlink_metadata() {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Err(error) => {
                return refuse(format!("cannot be looked at: {error}"), "name another: [backup] store");
            }
        };
        if metadata.is_symlink() {
            return refuse(
                "is a symbolic link: where it leads could be changed while a backup is written".to_owned(),
                "name the directory itself: [backup] store",
            );
        }
        if !metadata.is_dir() {
            return refuse("is no directory".to_owned(), "name another: [backup] store");
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

    /// Makes the directory where there is none; proves that something can be written there.
    pub(super) fn ready(&self) -> Result<(), Failure> {
        let unwritable = |error: io::Error| {
            Failure::new(
                Exit::Refused,
                format!("the backup directory {} cannot be written to: {error}", self.dir.display()),
            )
            .next("name another ([backup] store), or give this user the right to write there")
        };
        if !self.safe()? {
            private_directory(true).create(&self.dir).map_err(unwritable)?;
            // Backups hold data of people: a directory inside a repository must not be committed.
            let _ = create(&self.dir.join(".gitignore")).and_then(|mut file| file.write_all(b"*\n"));
        }
        let probe = self.dir.join(format!(".ready.{}", std::process::id()));
        create(&probe).map_err(unwritable)?;
        fs::remove_file(&probe).map_err(unwritable)
    }

    pub(super) fn begin(&self, id: &str) -> Result<Upload, Failure> {
        self.ready()?;
        let place = self.path(id);
        let partial = self.dir.join(format!("{id}{PARTIAL}"));
        let taken = || {
            Failure::new(Exit::Refused, format!("there is a backup {id} in {} already", self.dir.display()))
        };
        if place.symlink_metadata().is_ok() {
            return Err(taken());
        }
        // It fails when anything of that name is there, a symbolic link too.
        private_directory(false).create(&partial).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => taken(),
            _ => broken(format!("making {}", partial.display()), error),
        })?;
        let writing = create(&partial.join(WRITING))
            .and_then(|file| {
                Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, error)| error.into())
            })
            .map_err(|error| broken(format!("locking {}", partial.display()), error))?;
        Ok(Upload { partial, place, member: None, committed: false, _writing: writing })
    }

    fn entries(&self) -> Result<Vec<String>, Failure> {
        let unreadable = |error: io::Error| {
            Failure::cannot_tell(format!(
                "the backup directory {} cannot be read: {error}",
                self.dir.display()
            ))
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

    pub(super) fn list(&self) -> Result<Vec<Listed>, Failure> {
        let names = self.entries()?.into_iter().filter(|name| !name.ends_with(PARTIAL));
        let listed = names.filter_map(|id| {
            let path = self.path(&id).join(MANIFEST);
            // What has no manifest is no backup.
            path.symlink_metadata().ok()?;
            let manifest = read_manifest(&path, &id);
            Some(Listed { id, manifest })
        });
        Ok(listed.collect())
    }

    pub(super) fn open(&self, id: &str, member: &str) -> Result<Download, Failure> {
        let path = self.path(id).join(member);
        let mut options = OpenOptions::new();
        let file = options.read(true).custom_flags(nix::libc::O_NOFOLLOW).open(&path);
        let file = file.map_err(|error| broken(format!("backup {id}: {member} cannot be read"), error))?;
        Ok(Download { name: path.display().to_string(), file })
    }

    pub(super) fn restate(&self, id: &str, manifest: &str) -> Result<(), Failure> {
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
        written.map_err(|error| broken(format!("writing the manifest of backup {id}"), error))
    }

    pub(super) fn remove(&self, id: &str) -> Result<(), Failure> {
        let place = self.path(id);
        // Under the name of a partial one it is no backup any more, and swept when this breaks off.
        let going = self.dir.join(format!("{id}{PARTIAL}"));
        let removed = fs::rename(&place, &going).and_then(|()| fs::remove_dir_all(&going));
        removed.map_err(|error| {
            Failure::new(Exit::Partial, format!("backup {id} could not be removed whole: {error}"))
                .next(format!("remove {} by hand", place.display()))
        })
    }

    pub(super) fn sweep(&self) -> Result<usize, Failure> {
        let mut swept = 0;
        for name in self.entries()?.into_iter().filter(|name| name.ends_with(PARTIAL)) {
            let path = self.dir.join(name);
            let free = match OpenOptions::new()
                .read(true)
                .custom_flags(nix::libc::O_NOFOLLOW)
                .open(path.join(WRITING))
            {
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

impl Upload {
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
        synced(file).await.map_err(|error| cannot_write(&path, &error))
    }

    pub(super) async fn adopt(&mut self, prefix: &str) -> Result<Vec<String>, Failure> {
        let dir = self.partial.join(prefix);
        let failed = |error: io::Error| cannot_write(&dir, &error);
        let mut names = Vec::new();
        for entry in fs::read_dir(&dir).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o600)).map_err(failed)?;
            synced(File::open(entry.path()).map_err(failed)?).await.map_err(failed)?;
            names.push(format!("{prefix}/{}", entry.file_name().to_string_lossy()));
        }
        synced(File::open(&dir).map_err(failed)?).await.map_err(failed)?;
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
        synced(File::open(&self.partial).map_err(failed)?).await.map_err(failed)?;
        // A directory takes the place of an empty one, and of nothing else.
        fs::rename(&self.partial, &self.place).map_err(failed)?;
        self.committed = true;
        synced(File::open(parent).map_err(failed)?).await.map_err(failed)
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        // A program that was killed just now may still have made a file meanwhile.
        for _ in 0..3 {
            if self.committed || fs::remove_dir_all(&self.partial).is_ok() {
                return;
            }
        }
    }
}

impl Download {
    pub(super) fn chunk(&mut self) -> Result<Option<Bytes>, Failure> {
        let mut chunk = Vec::with_capacity(CHUNK);
        let read = (&mut self.file).take(CHUNK as u64).read_to_end(&mut chunk);
        read.map_err(|error| broken(format!("reading {}", self.name), error))?;
        Ok((!chunk.is_empty()).then(|| chunk.into()))
    }
}

fn read_manifest(path: &Path, id: &str) -> Result<Manifest, String> {
    let unreadable = |error: io::Error| format!("its manifest cannot be read: {error}");
    let file =
        OpenOptions::new().read(true).custom_flags(nix::libc::O_NOFOLLOW).open(path).map_err(unreadable)?;
    let mut text = String::new();
    file.take(LARGEST_MANIFEST).read_to_string(&mut text).map_err(unreadable)?;
    parse_manifest(&text, id)
}

fn private_directory(parents: bool) -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.mode(0o700).recursive(parents);
    builder
}

/// A file that was not there before, for nobody but its owner.
fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// On the disk. It can take as long as the disk takes: on a thread of its own, so that a signal is heard meanwhile.
async fn synced(file: File) -> io::Result<()> {
    match tokio::task::spawn_blocking(move || file.sync_all()).await {
        Ok(synced) => synced,
        Err(error) => Err(io::Error::other(error)),
    }
}

fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    let failure = broken(format!("writing the backup to {}", path.display()), error);
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            failure.next("make room on this machine's disk, or keep backups elsewhere: [backup] store")
        }
        _ => failure.next("look at the disk, or keep backups elsewhere: [backup] store"),
    }
}
