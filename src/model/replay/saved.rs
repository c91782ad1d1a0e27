//! States of the replayed database, kept in a directory between compilations, so that the next one need not replay
//! what did not change.
//!
//! A state is what migrations of these texts build, in this order, under these settings, on this version of the server:
//! its file is named by a hash over all of that, one after the other. It holds the effects of the migrations and the
//! database as SQL. A directory that cannot be used is a directory without states: the migrations are replayed.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use nix::unistd::Uid;
use serde::{Deserialize, Serialize};

use super::super::inputs::sha256;
use super::super::lock::{Head, Lock};
use crate::plain_file;

/// What the files' names end with.
const SUFFIX: &str = ".state";
/// How many states are kept: the ones that were written or used last.
const MOST: usize = 16;
/// The largest state, in bytes. Migrations that insert more rows than that are replayed.
const LARGEST: usize = 256 << 20;

/// Where states are kept, and what they are called.
#[derive(Debug)]
pub(super) struct SavedStates {
    directory: PathBuf,
    head: Head,
    /// The name of the state after so many migrations.
    names: Vec<String>,
}

/// The database after some migrations.
#[derive(Debug)]
pub(super) struct SavedState {
    /// A new database's objects, and the migrations with their effects. There is no model in it.
    pub(super) lock: Lock,
    /// How many columns each table has had, by its qualified name, where it has fewer now: a new one gets the next number.
    pub(super) columns: BTreeMap<String, i64>,
    /// The database as SQL.
    pub(super) dump: String,
}

/// The first line of a file.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    /// The hash of what comes after this line.
    sha256: String,
    /// The length of the lock's text, in bytes. The SQL comes after it.
    lock: usize,
    columns: BTreeMap<String, i64>,
}

impl SavedStates {
    /// The states of one project. `head` and `others` are all that the outcome depends on beside the migrations, and
    /// `steps` says what each migration is.
    pub(super) fn new(
        directory: &Path,
        head: Head,
        others: &str,
        steps: impl Iterator<Item = String>,
    ) -> Self {
        let first = sha256(format!("{head:?}\n{others}\n{:?}", program()).as_bytes());
        let names = steps.scan(first, |name, step| {
            *name = sha256(format!("{name}\n{step}").as_bytes());
            Some(name.clone())
        });
        Self { directory: directory.to_owned(), names: names.collect(), head }
    }

    /// The head of a state's lock.
    pub(super) fn head(&self) -> &Head {
        &self.head
    }

    /// The newest state that there is.
    pub(super) fn newest(&self) -> Option<SavedState> {
        (0..self.names.len()).rev().find_map(|index| {
            let state = read(&self.path(index)).ok().flatten()?;
            (state.lock.migrations.len() == index + 1).then_some(state)
        })
    }

    /// Forgets a state that does not do what it promises.
    pub(super) fn forget(&self, migrations: usize) {
        if let Some(index) = migrations.checked_sub(1) {
            let _ = fs::remove_file(self.path(index));
        }
    }

    /// Keeps a state. Where that cannot be, the next compilation takes as long as this one.
    pub(super) fn keep(&self, state: &SavedState) {
        let Some(index) = state.lock.migrations.len().checked_sub(1) else { return };
        let _ = write(&self.directory, &self.path(index), state);
        let _ = prune(&self.directory);
    }

    fn path(&self, index: usize) -> PathBuf {
        self.directory.join(format!("{}{SUFFIX}", self.names[index]))
    }
}

/// Which build of trueup this is: another one may read a catalog in another way.
fn program() -> Option<(u64, SystemTime)> {
    let program = std::env::current_exe().ok()?.metadata().ok()?;
    Some((program.len(), program.modified().ok()?))
}

/// Reads a state; `None` where the file is missing, or not as it was written, or may be somebody else's: its SQL is run.
fn read(path: &Path) -> io::Result<Option<SavedState>> {
    let Ok(Some(mut file)) = plain_file::open(path) else { return Ok(None) };
    let metadata = file.metadata()?;
    let is_ours = metadata.uid() == Uid::effective().as_raw() && metadata.mode() & 0o022 == 0;
    if !is_ours || metadata.len() > LARGEST as u64 {
        return Ok(None);
    }
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    let state = parse(&text, path);
    if state.is_some() {
        // What is used stays.
        let _ = File::options().append(true).open(path)?.set_modified(SystemTime::now());
    }
    Ok(state)
}

fn parse(text: &str, path: &Path) -> Option<SavedState> {
    let (header, rest) = text.split_once('\n')?;
    let header: Header = serde_json::from_str(header).ok()?;
    if sha256(rest.as_bytes()) != header.sha256 {
        return None;
    }
    let (lock, dump) = rest.split_at_checked(header.lock)?;
    let lock = Lock::from_reader(lock.as_bytes(), path).ok()?;
    Some(SavedState { lock, columns: header.columns, dump: dump.to_owned() })
}

fn write(directory: &Path, path: &Path, state: &SavedState) -> io::Result<()> {
    let lock = state.lock.to_text();
    let rest = [lock.as_str(), &state.dump].concat();
    if rest.len() > LARGEST {
        return Ok(());
    }
    let header = Header { sha256: sha256(rest.as_bytes()), lock: lock.len(), columns: state.columns.clone() };
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    // Nobody else can read or write it.
    let mut file = tempfile::Builder::new().prefix(".trueup-").tempfile_in(directory)?;
    writeln!(file, "{}", serde_json::to_string(&header)?)?;
    file.write_all(rest.as_bytes())?;
    file.persist(path)?;
    Ok(())
}

/// Removes all states but the newest.
fn prune(directory: &Path) -> io::Result<()> {
    let mut states = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(|name| name.ends_with(SUFFIX)) {
            states.push((entry.metadata()?.modified()?, entry.path()));
        }
    }
    states.sort_unstable_by(|one, other| other.cmp(one));
    for (_, path) in states.drain(..).skip(MOST) {
        fs::remove_file(path)?;
    }
    Ok(())
}
