//! States of the replayed database, kept in a directory between compilations, so that the next one need not replay
//! what did not change.
//!
//! A state is what migrations of these texts build, in this order, under these settings, on this version of the server. It
//! holds the effects of the migrations and the database as SQL, and its first line says what it is of. A directory that
//! cannot be used is a directory without states: the migrations are replayed.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
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

/// Where states are kept, and those that a compilation can use.
#[derive(Debug)]
pub(super) struct SavedStates {
    directory: PathBuf,
    head: Head,
    /// A hash over all that the outcome depends on beside the migrations.
    settings: String,
    /// The hashes of the migrations.
    steps: Vec<String>,
    /// Whether a state can be of some of the migrations that are not the first.
    any: bool,
}

/// The database after some migrations.
#[derive(Debug)]
pub(super) struct SavedState {
    /// Which of the migrations.
    pub(super) steps: Vec<usize>,
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
    settings: String,
    steps: Vec<String>,
    /// The hash of what comes after this line.
    sha256: String,
    /// The length of the lock's text, in bytes. The SQL comes after it.
    lock: usize,
    columns: BTreeMap<String, i64>,
}

impl SavedStates {
    /// The states of one project. `head` and `others` are all that the outcome depends on beside the migrations, and
    /// `steps` says what each migration is. `any` says whether a state of some migrations can be used that are not the first.
    pub(super) fn new(
        directory: &Path,
        head: Head,
        others: &str,
        steps: impl Iterator<Item = String>,
        any: bool,
    ) -> Self {
        let settings = sha256(format!("{head:?}\n{others}\n{:?}", program()).as_bytes());
        let steps = steps.map(|step| sha256(step.as_bytes())).collect();
        Self { directory: directory.to_owned(), head, settings, steps, any }
    }

    /// The head of a state's lock.
    pub(super) fn head(&self) -> &Head {
        &self.head
    }

    /// The state of the most migrations.
    pub(super) fn best(&self) -> Option<SavedState> {
        let mut usable: Vec<(Vec<usize>, PathBuf)> = files(&self.directory)
            .unwrap_or_default()
            .into_iter()
            .filter_map(|path| Some((self.usable(&header(&path).ok()??)?, path)))
            .collect();
        usable.sort_by_key(|(steps, _)| Reverse(steps.len()));
        usable.into_iter().find_map(|(steps, path)| {
            let state = read(&path).ok()??;
            (state.lock.migrations.len() == steps.len()).then_some(SavedState { steps, ..state })
        })
    }

    /// Which of the migrations a state is of; `None` where it is of others, or of another order.
    fn usable(&self, header: &Header) -> Option<Vec<usize>> {
        if header.settings != self.settings || header.steps.is_empty() {
            return None;
        }
        let mut places = self.steps.iter().enumerate();
        let mut found = header.steps.iter().map(|step| places.find(|(_, other)| *other == step));
        let steps: Vec<usize> = found.try_fold(Vec::new(), |mut steps, place| {
            steps.push(place?.0);
            Some(steps)
        })?;
        (self.any || steps.len() == steps.last()? + 1).then_some(steps)
    }

    /// Forgets a state that does not do what it promises.
    pub(super) fn forget(&self, steps: &[usize]) {
        let _ = fs::remove_file(self.path(steps));
    }

    /// Keeps a state. Where that cannot be, the next compilation takes as long as this one.
    pub(super) fn keep(&self, state: &SavedState) {
        if !state.steps.is_empty() {
            let _ = self.write(state);
            let _ = prune(&self.directory);
        }
    }

    fn write(&self, state: &SavedState) -> io::Result<()> {
        let lock = state.lock.to_text();
        let rest = [lock.as_str(), &state.dump].concat();
        if rest.len() > LARGEST {
            return Ok(());
        }
        let header = Header {
            settings: self.settings.clone(),
            steps: self.hashes(&state.steps),
            sha256: sha256(rest.as_bytes()),
            lock: lock.len(),
            columns: state.columns.clone(),
        };
        DirBuilder::new().recursive(true).mode(0o700).create(&self.directory)?;
        // Nobody else can read or write it.
        let mut file = tempfile::Builder::new().prefix(".trueup-").tempfile_in(&self.directory)?;
        writeln!(file, "{}", serde_json::to_string(&header)?)?;
        file.write_all(rest.as_bytes())?;
        file.persist(self.path(&state.steps))?;
        Ok(())
    }

    fn hashes(&self, steps: &[usize]) -> Vec<String> {
        steps.iter().map(|step| self.steps[*step].clone()).collect()
    }

    /// One state has one name: it is written again when it is the same.
    fn path(&self, steps: &[usize]) -> PathBuf {
        let name = sha256(format!("{}\n{:?}", self.settings, self.hashes(steps)).as_bytes());
        self.directory.join(format!("{name}{SUFFIX}"))
    }
}

/// Which build of trueup this is: another one may read a catalog in another way.
fn program() -> Option<(u64, SystemTime)> {
    let program = std::env::current_exe().ok()?.metadata().ok()?;
    Some((program.len(), program.modified().ok()?))
}

/// Opens a state; `None` where it may be somebody else's: its SQL is run.
fn open(path: &Path) -> io::Result<Option<BufReader<File>>> {
    let Ok(Some(file)) = plain_file::open(path) else { return Ok(None) };
    let metadata = file.metadata()?;
    let is_ours = metadata.uid() == Uid::effective().as_raw() && metadata.mode() & 0o022 == 0;
    Ok((is_ours && metadata.len() <= LARGEST as u64).then(|| BufReader::new(file)))
}

/// Reads the first line of a state.
fn header(path: &Path) -> io::Result<Option<Header>> {
    let Some(mut file) = open(path)? else { return Ok(None) };
    let mut line = String::new();
    file.read_line(&mut line)?;
    Ok(serde_json::from_str(&line).ok())
}

/// Reads a state, of whichever migrations; `None` where it is not as it was written.
fn read(path: &Path) -> io::Result<Option<SavedState>> {
    let Some(mut file) = open(path)? else { return Ok(None) };
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
    Some(SavedState { steps: Vec::new(), lock, columns: header.columns, dump: dump.to_owned() })
}

/// The files of states.
fn files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(|name| name.ends_with(SUFFIX)) {
            files.push(entry.path());
        }
    }
    Ok(files)
}

/// Removes all states but those that were written or used last.
fn prune(directory: &Path) -> io::Result<()> {
    let mut states = Vec::new();
    for path in files(directory)? {
        states.push((path.metadata()?.modified()?, path));
    }
    states.sort_unstable_by(|one, other| other.cmp(one));
    for (_, path) in states.drain(..).skip(MOST) {
        fs::remove_file(path)?;
    }
    Ok(())
}
