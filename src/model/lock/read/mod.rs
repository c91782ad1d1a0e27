//! Reading a lock file: line by line, every fault with its line.
//!
//! The text is the writer's own, so a line is told by its first key; what it holds goes through serde_json without
//! a value in between. What a migration leaves as the model has it is the model's own object in memory.

mod lines;

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;

use super::{
    CompiledMigration, CompiledSettings, DeclaredBy, DownOutcome, Effect, FORMAT, Head, Lock, creates,
    footprints,
};
use crate::error::{ErrorCode, Failure};
use crate::migrations::tools::{MigrationTool, ToolRevision};
use crate::model::Input;
use crate::plain_file;
use crate::postgres::catalog::reader::ReadOptions;
use crate::postgres::catalog::{Attribute, Catalog, Kind, Object, ObjectId, SharedAttributes, Unmodeled};
use crate::postgres::connection::ServerVersion;
use crate::postgres::sql::{ChosenHistory, QualifiedTable};
use lines::{
    Dropped, End, EndLine, FormatLine, Header, InputLine, MigrationLine, ParsedObject, Renamed, UnmodeledLine,
};

pub(super) use lines::next_id;

/// The largest lock file that is read, in bytes.
const LARGEST: u64 = 1 << 30;

impl Lock {
    /// Reads a lock file; `None` when there is none.
    ///
    /// # Errors
    /// Exit 2, with file, line and what was expected.
    pub fn load(path: &Path) -> Result<Option<Self>, Failure> {
        LockFile::open(path)?.map(LockFile::read).transpose()
    }

    /// Reads a lock file's text; `path` is for messages.
    ///
    /// # Errors
    /// As [`Lock::load`].
    pub fn from_reader(text: impl BufRead, path: &Path) -> Result<Self, Failure> {
        LockFile::begin(text, path)?.read()
    }
}

/// A lock file whose head is read, and not yet the rest.
pub struct LockFile<T = BufReader<File>> {
    lines: Lines<T>,
    head: Head,
}

impl LockFile {
    /// Opens a lock file and reads its head; `None` when there is none.
    ///
    /// # Errors
    /// As [`Lock::load`].
    pub fn open(path: &Path) -> Result<Option<Self>, Failure> {
        let unreadable = |error: std::io::Error| {
            Failure::usage(format!("{}: {error}", path.display())).code(ErrorCode::LOCK_FILE_INVALID)
        };
        let opened = plain_file::open(path).map_err(|failure| failure.code(ErrorCode::LOCK_FILE_INVALID));
        let Some(file) = opened? else { return Ok(None) };
        let metadata = file.metadata().map_err(unreadable)?;
        if metadata.len() > LARGEST {
            return Err(Failure::usage(format!("{}: larger than 1 GiB", path.display()))
                .code(ErrorCode::LOCK_FILE_INVALID)
                .next(AGAIN));
        }
        Self::begin(BufReader::with_capacity(1 << 16, file), path).map(Some)
    }
}

impl<T: BufRead> LockFile<T> {
    fn begin(text: T, path: &Path) -> Result<Self, Failure> {
        let mut lines = Lines { text, path: path.to_owned(), line: Vec::new(), reader: Reader::default() };
        while lines.next()? && lines.reader.in_head {}
        match lines.reader.head.take() {
            Some(head) => Ok(Self { lines, head }),
            None => Err(lines.fault("expected the header of a lock file, found nothing")),
        }
    }

    /// What its first lines say.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Reads the rest.
    ///
    /// # Errors
    /// As [`Lock::load`].
    pub fn read(mut self) -> Result<Lock, Failure> {
        while self.lines.next()? {}
        let Lines { reader, .. } = &mut self.lines;
        let outcome = reader.finish(self.head);
        outcome.map_err(|what| self.lines.fault(&what))
    }

    /// Reads which migrations there are, without what they do: other lines are counted, and not taken apart.
    ///
    /// # Errors
    /// As [`Lock::load`], of the lines that are read; also where lines are missing.
    pub fn read_migrations(mut self) -> Result<Vec<CompiledMigration>, Failure> {
        self.lines.reader.migrations_only = true;
        self.read().map(|lock| lock.migrations)
    }
}

/// The lines of a lock file, and what they have said so far.
struct Lines<T> {
    text: T,
    path: PathBuf,
    line: Vec<u8>,
    reader: Reader,
}

impl<T: BufRead> Lines<T> {
    /// Reads one line; `false` after the last.
    fn next(&mut self) -> Result<bool, Failure> {
        self.line.clear();
        let length = self.text.read_until(b'\n', &mut self.line);
        let length = length.map_err(|error| {
            Failure::usage(format!("{}: {error}", self.path.display())).code(ErrorCode::LOCK_FILE_INVALID)
        })?;
        if length == 0 {
            return Ok(false);
        }
        self.reader.lines += 1;
        let outcome = std::str::from_utf8(&self.line)
            .map_err(|_| "expected UTF-8".to_owned())
            .and_then(|line| self.reader.line(line.trim_end_matches(['\r', '\n'])));
        outcome.map(|()| true).map_err(|what| self.fault(&what))
    }

    fn fault(&self, what: &str) -> Failure {
        Failure::usage(format!("{}: line {}: {what}", self.path.display(), self.reader.lines))
            .code(ErrorCode::LOCK_FILE_INVALID)
            .next(AGAIN)
    }
}

/// Reads the effects of one migration back from what [`super::effects_to_text`] wrote.
///
/// # Errors
/// The line and what was expected there: a newer trueup may write what this one does not know.
pub fn effects_from_text(text: &str) -> Result<Vec<Effect>, String> {
    let of = CompiledMigration {
        version: 0,
        name: String::new(),
        revision: None,
        parents: Vec::new(),
        dependencies: Vec::new(),
        file: None,
        contract: false,
        footprints: Vec::new(),
        down: None,
        effects: Vec::new(),
    };
    let mut reader = Reader { migrations: vec![of], ..Reader::default() };
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty()) {
        reader.lines = index + 2;
        let is_effect = ["created", "changed", "renamed", "dropped"]
            .iter()
            .any(|key| line.strip_prefix("{\"").is_some_and(|rest| rest.starts_with(&format!("{key}\":"))));
        let outcome = if is_effect {
            reader.line(line)
        } else {
            Err("expected created, changed, renamed or dropped".to_owned())
        };
        outcome.map_err(|what| format!("line {}: {what}", index + 1))?;
    }
    Ok(reader.migrations.pop().map(|migration| migration.effects).unwrap_or_default())
}

const AGAIN: &str = "The file is generated: run `trueup compile` to write it again.";

#[derive(Default)]
struct Reader {
    /// Whether nothing but the migrations' own lines is read.
    migrations_only: bool,
    lines: usize,
    /// Whether all lines so far were of the head.
    in_head: bool,
    head: Option<Head>,
    objects: Vec<Arc<Object>>,
    unmodeled: Vec<Unmodeled>,
    initial: Vec<Arc<Object>>,
    migrations: Vec<CompiledMigration>,
    /// The tool that the migrations are of.
    tool: Option<MigrationTool>,
    ended: bool,
    of_columns: SharedAttributes,
}

impl Reader {
    fn line(&mut self, line: &str) -> Result<(), String> {
        if self.ended {
            return Err("expected nothing after the closing line".to_owned());
        }
        let key = line.strip_prefix("{\"").and_then(|rest| rest.split_once('"')).map(|(key, _)| key);
        let key = key.ok_or("expected a JSON object on a line of its own")?;
        if self.lines == 1 {
            self.in_head = true;
            return self.header(line);
        }
        self.in_head &= key == "input";
        match key {
            _ if self.migrations_only && !["migration", "end"].contains(&key) => Ok(()),
            "created" => {
                let effect = Effect::Created(self.object(inner(line, "created", "}")?)?);
                self.effects([effect])
            }
            creates::KEY => {
                let effects = creates::read(line, &self.objects)?;
                self.effects(effects)
            }
            "changed" => {
                let (payload, rest) = line
                    .rsplit_once(",\"attributes\":[")
                    .ok_or("expected `changed` with the object and the list `attributes`")?;
                let words =
                    rest.strip_suffix("]}").ok_or("expected the list `attributes` to end the line")?;
                let words: Vec<Cow<'_, str>> = parse(&format!("[{words}]"))?;
                let attributes = words.iter().map(|word| attribute(word)).collect::<Result<_, _>>()?;
                let after = self.object(inner(payload, "changed", "")?)?;
                let modeled = self.objects.binary_search_by(|object| object.id.cmp(&after.id)).ok();
                let modeled = modeled.map(|index| &self.objects[index]).filter(|object| **object == after);
                let after = modeled.cloned().unwrap_or(after);
                self.effects([Effect::Changed { after, attributes }])
            }
            "renamed" => {
                let renamed: Renamed = parse(line)?;
                let from = renamed.renamed.0;
                let to = ObjectId::parse(from.kind, &renamed.to);
                let to =
                    to.ok_or_else(|| format!("expected the name of a {} in `to`", from.kind.spoken()))?;
                self.effects([Effect::Renamed { from: from.into(), to: to.into() }])
            }
            "dropped" => {
                let dropped: Dropped = parse(line)?;
                self.effects([Effect::Dropped(dropped.dropped.0.into())])
            }
            "migration" => {
                let migration: MigrationLine = parse(line)?;
                let version = migration.migration.parse().map_err(|_| "expected a version of digits")?;
                if self.migrations.last().is_some_and(|last| last.version >= version) {
                    return Err("expected migrations in the order of their versions".to_owned());
                }
                let MigrationLine { name, contract, revision, parents, dependencies, file, .. } = migration;
                let revision = self.tool.zip(revision).map(|(tool, id)| ToolRevision { tool, id });
                self.migrations.push(CompiledMigration {
                    version,
                    name,
                    revision,
                    parents,
                    dependencies,
                    file,
                    contract,
                    footprints: Vec::new(),
                    down: None,
                    effects: Vec::new(),
                });
                Ok(())
            }
            footprints::KEY => {
                let footprint = footprints::read(line)?;
                let migration =
                    self.migrations.last_mut().ok_or("expected a migration before its statements")?;
                match migration.down.as_mut().map(|down| &mut down.outcome) {
                    None => migration.footprints.push(footprint),
                    Some(DownOutcome::Measured(footprints)) => footprints.push(footprint),
                    Some(_) => {
                        return Err("expected no statements of a down script that was not run".to_owned());
                    }
                }
                Ok(())
            }
            footprints::DOWN => {
                let down = footprints::read_down(line)?;
                let migration =
                    self.migrations.last_mut().ok_or("expected a migration before its down script")?;
                migration.down = Some(down);
                Ok(())
            }
            "end" => self.end(line),
            _ if !self.migrations.is_empty() => Err(format!(
                "expected statement, down, creates, created, changed, renamed, dropped, migration or end, found `{key}`"
            )),
            "input" => {
                let input: InputLine = parse(line)?;
                let head = self.head.as_mut().ok_or("expected inputs right after the header")?;
                head.inputs.push(Input { path: input.input, sha256: input.sha256 });
                Ok(())
            }
            "initial" => {
                let object = self.object(inner(line, "initial", "}")?)?;
                self.initial.push(object);
                Ok(())
            }
            "unmodeled" => {
                let other: UnmodeledLine = parse(line)?;
                self.unmodeled.push(Unmodeled { kind: other.unmodeled, object: other.object });
                Ok(())
            }
            _ => {
                let object = self.object(line)?;
                if self.objects.last().is_some_and(|last| last.id >= object.id) {
                    return Err("expected objects in the order of their names, each once".to_owned());
                }
                self.objects.push(object);
                Ok(())
            }
        }
    }

    fn header(&mut self, line: &str) -> Result<(), String> {
        let format: FormatLine = parse(line)
            .map_err(|_| format!("expected the header of a lock file, `{{\"trueup.lock\":{FORMAT},...}}`"))?;
        if format.format > FORMAT {
            return Err(format!(
                "format {}, written by a newer trueup; this one reads format {FORMAT}: update it",
                format.format
            ));
        }
        if format.format != FORMAT {
            return Err(format!(
                "format {}, written by an older trueup; this one reads format {FORMAT}",
                format.format
            ));
        }
        let header: Header = parse(line)?;
        let server = version(&header.server)?;
        let declared_by = match header.declared_by.as_str() {
            "schema" => DeclaredBy::Schema,
            "migrations" => DeclaredBy::Migrations,
            other => return Err(format!("expected `declared_by` schema or migrations, found `{other}`")),
        };
        let tool = match header.tool {
            None => None,
            Some(word) => Some(
                MigrationTool::of_word(&word).ok_or_else(|| format!("expected a tool, found `{word}`"))?,
            ),
        };
        self.tool = tool;
        let applied = header.applied_table.map(|name| {
            let table = QualifiedTable::parse(&name);
            let table = table.ok_or_else(|| format!("expected a table with its schema, found `{name}`"))?;
            Ok::<_, String>(ChosenHistory { table, column: header.applied_column })
        });
        let applied = applied.transpose()?;
        self.head = Some(Head {
            server,
            declared_by,
            options: ReadOptions {
                owners: header.owners,
                privileges: header.privileges,
                extension_versions: header.extension_versions,
                history: applied.clone(),
                ..ReadOptions::default()
            },
            settings: CompiledSettings {
                search_path: header.search_path,
                assume_extensions: header.assume_extensions,
                server_major: header.server_major,
                tool,
                applied,
            },
            inputs: Vec::new(),
        });
        Ok(())
    }

    fn object(&mut self, text: &str) -> Result<Arc<Object>, String> {
        let ParsedObject(mut object) = parse(text)?;
        if object.id.kind == Kind::Column {
            object.attributes = self.of_columns.share(object.attributes);
        }
        Ok(Arc::new(object))
    }

    fn effects(&mut self, effects: impl IntoIterator<Item = Effect>) -> Result<(), String> {
        let migration = self.migrations.last_mut().ok_or("expected a migration before its effects")?;
        migration.effects.extend(effects);
        Ok(())
    }

    fn end(&mut self, line: &str) -> Result<(), String> {
        let EndLine { end } = parse(line)?;
        let objects = if self.migrations_only { end.objects } else { self.objects.len() };
        let found = End { objects, migrations: self.migrations.len(), lines: self.lines };
        if end != found {
            return Err(format!(
                "expected {} objects, {} migrations, {} lines; found {}, {}, {}",
                end.objects, end.migrations, end.lines, found.objects, found.migrations, found.lines
            ));
        }
        self.ended = true;
        Ok(())
    }

    fn finish(&mut self, head: Head) -> Result<Lock, String> {
        if !self.ended {
            return Err("the file is cut off: expected the closing line `{\"end\":...}`".to_owned());
        }
        // Each line was held against the one before it.
        let (objects, unmodeled) = (std::mem::take(&mut self.objects), std::mem::take(&mut self.unmodeled));
        Ok(Lock {
            head,
            model: Catalog { objects, unmodeled },
            initial: std::mem::take(&mut self.initial),
            migrations: std::mem::take(&mut self.migrations),
        })
    }
}

fn inner<'l>(line: &'l str, key: &str, end: &str) -> Result<&'l str, String> {
    line.get(key.len() + 3..)
        .and_then(|rest| rest.strip_prefix(':'))
        .and_then(|rest| rest.strip_suffix(end))
        .ok_or_else(|| format!("expected an object in `{key}`"))
}

/// What serde_json says, without its own count of lines.
pub(super) fn parse<'l, T: Deserialize<'l>>(line: &'l str) -> Result<T, String> {
    serde_json::from_str(line).map_err(|error| {
        let text = error.to_string();
        let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
        format!("column {}: {what}", error.column())
    })
}

fn version(text: &str) -> Result<ServerVersion, String> {
    let parsed = text.split_once('.').and_then(|(major, minor)| {
        let (major, minor): (u32, u32) = (major.parse().ok()?, minor.parse().ok()?);
        (major < 1_000 && minor < 10_000).then_some(ServerVersion(major * 10_000 + minor))
    });
    parsed.ok_or_else(|| format!("expected a server version such as 15.18, found `{text}`"))
}

fn attribute(word: &str) -> Result<Attribute, String> {
    word.parse().map_err(|()| format!("unknown attribute `{word}`"))
}
