//! Brings the files of `schema/` to a state of the catalog, and keeps in them whatever is not about what differs.
//!
//! A file that is as `init` writes it is written again as a whole. In any other one the statements about what
//! differs are replaced where they stand; all others stay, with the comments between them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::declare::{self, Layout, UNCHECKED, added, changes, files, text};
use super::inputs::SchemaFile;
use super::locate::{DeclaredName, Units, about, first_schema};
use crate::postgres::catalog::{Attribute, Catalog, Kind, Object, ObjectId};
use crate::postgres::ddl;
use crate::postgres::sql::{Statement, split, without_bom};

/// What becomes of the files.
#[derive(Debug, Default)]
pub struct Rewritten {
    /// The files that are written, by their paths in the project.
    pub texts: BTreeMap<String, String>,
    /// Those that declare nothing any more.
    pub removed: Vec<String>,
    /// Those that stay.
    pub kept: Vec<SchemaFile>,
    /// Those among the written ones that keep statements or comments which are not of this module.
    pub edited: Vec<String>,
    /// The comments that would be lost, each with its place. Nothing may be written then.
    pub lost: Vec<String>,
}

/// The two states, and the files that declare the first one.
pub struct Rewrite<'r> {
    /// The files, by path.
    pub schema: &'r [SchemaFile],
    /// Under which they are loaded.
    pub search_path: &'r str,
    /// What they declare.
    pub model: &'r Catalog,
    /// What they are to declare.
    pub wanted: &'r Catalog,
    /// What a new database has.
    pub initial: &'r [Arc<Object>],
}

/// The text of a unit, and the file that it has in the usual layout.
#[derive(Default)]
struct UnitText {
    path: String,
    statements: Vec<String>,
    /// The relation of an index or of statistics.
    parent: Option<DeclaredName>,
}

/// A statement of a file with the unit that it is about.
struct Placed<'f> {
    statement: Statement<'f>,
    unit: Option<DeclaredName>,
    creates: bool,
}

/// Where each unit stands: the number of a file, and that of a statement in it.
type Places<'f> = BTreeMap<&'f DeclaredName, (usize, usize)>;

impl Rewrite<'_> {
    /// Compares the files with the state that is wanted. `differing` are the objects that are not as declared, of both
    /// states.
    pub fn carry_out<'o>(&self, differing: impl Iterator<Item = &'o Object>) -> Rewritten {
        let units = Units::of(&[self.model, self.wanted]);
        let differing: BTreeSet<DeclaredName> = differing.map(|object| units.unit(object)).collect();
        let wanted = self.unit_texts(&units);
        let first = first_schema(self.search_path);
        let read = self.schema.iter().map(|file| (file, placed(file, &units, &first)));
        let as_written = files(self.model, self.initial);
        let (whole, by_hand): (Vec<_>, Vec<_>) = read.partition(|(file, statements)| {
            let is_own = |unit: &DeclaredName| wanted.get(unit).is_some_and(|text| text.path == file.path);
            let is_concerned =
                || differing.iter().any(is_own) || statements.iter().any(|one| one.is_of(&differing));
            is_as_written(file, &as_written) && is_concerned()
        });

        let usual = files(self.wanted, self.initial);
        let mut out = Rewritten::default();
        for (SchemaFile { path, .. }, _) in &whole {
            match usual.get(path) {
                Some(text) => drop(out.texts.insert(path.clone(), text.clone())),
                None => out.removed.push(path.clone()),
            }
        }
        let is_done = |text: &UnitText| out.texts.contains_key(&text.path);
        let open: BTreeMap<&DeclaredName, &UnitText> = (differing.iter())
            .filter_map(|unit| Some((unit, wanted.get(unit)?)))
            .filter(|(_, text)| !is_done(text))
            .collect();
        let places = places(&by_hand);
        let mut appended: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        let mut new: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (unit, text) in open.iter().filter(|(unit, _)| !places.contains_key(**unit)) {
            let parent = unit.parent().or_else(|| text.parent.clone());
            let of_parent = parent.and_then(|parent| places.get(&parent)).map(|(number, _)| *number);
            let of_path = || by_hand.iter().position(|(file, _)| file.path == text.path);
            let statements = match of_parent.or_else(of_path) {
                Some(number) => appended.entry(number).or_default(),
                None => new.entry(&text.path).or_default(),
            };
            statements.extend(text.statements.iter().cloned());
        }
        for (number, (file, statements)) in by_hand.iter().enumerate() {
            let instead = |index: usize| {
                let unit = statements[index].unit.as_ref().filter(|unit| differing.contains(unit))?;
                let text = open.get(unit).filter(|_| places[unit] == (number, index));
                Some(text.map_or(&[][..], |text| &text.statements))
            };
            out.edit(file, statements, instead, &appended.remove(&number).unwrap_or_default());
        }
        for (path, statements) in new {
            let all = || {
                wanted
                    .values()
                    .filter(|text| text.path == path)
                    .map(|text| text.statements.len())
                    .sum::<usize>()
            };
            let usual = usual.get(path).filter(|_| all() == statements.len());
            out.texts.insert(path.to_owned(), usual.cloned().unwrap_or_else(|| text(&statements)));
        }
        out
    }

    /// The statements of each unit of the state that is wanted.
    fn unit_texts(&self, units: &Units) -> BTreeMap<DeclaredName, UnitText> {
        let layout = Layout::new(self.wanted);
        let added = added(self.wanted, self.initial);
        let mut texts: BTreeMap<DeclaredName, UnitText> = BTreeMap::new();
        for (id, statements) in changes(self.wanted, self.initial) {
            let text = texts.entry(units.unit_of(id)).or_default();
            text.path = layout.file_of_id(id);
            text.statements.extend(statements);
        }
        for object in &added.objects {
            let text = texts.entry(units.unit(object)).or_default();
            text.path = layout.file_of(object);
            let table = object.get(Attribute::OnTable);
            let table = table.and_then(|table| ObjectId::parse(Kind::Table, table));
            text.parent = text.parent.take().or_else(|| table.map(|table| units.unit_of(&table)));
        }
        for (unit, statements) in ddl::grouped(&added, |object| units.unit(object)) {
            texts.entry(unit).or_default().statements.extend(statements);
        }
        texts.retain(|_, text| !text.statements.is_empty());
        texts
    }
}

impl Rewritten {
    /// Puts statements of a file that a person keeps into the place of others: `instead` has those for each statement that
    /// goes, `appended` those that come at the end.
    fn edit<'t>(
        &mut self,
        file: &SchemaFile,
        statements: &[Placed<'_>],
        instead: impl Fn(usize) -> Option<&'t [String]>,
        appended: &[String],
    ) {
        let script = without_bom(&file.text);
        let mut text = file.text[..file.text.len() - script.len()].to_owned();
        let (mut from, mut left) = (0, statements.len());
        for (index, one) in statements.iter().enumerate() {
            let Some(new) = instead(index) else { continue };
            self.lost.extend(comments(&file.path, &one.statement));
            text.push_str(&script[from..one.statement.offset]);
            text.push_str(&new.join("\n\n"));
            from = behind(script, &one.statement);
            if new.is_empty() {
                left -= 1;
                // The line that it stood on goes with it.
                let rest = script[from..].trim_start_matches([' ', '\t']);
                let rest = rest.strip_prefix("\r\n").or(rest.strip_prefix('\n')).unwrap_or(rest);
                from = if text.is_empty() || text.ends_with('\n') { script.len() - rest.len() } else { from };
            }
        }
        if from == 0 && appended.is_empty() {
            self.kept.push(file.clone());
            return;
        }
        text.push_str(&script[from..]);
        if !appended.is_empty() {
            text = format!("{}\n\n{}", text.trim_end(), declare::text(appended));
        } else if left == 0 {
            // Comments alone declare nothing, and say what somebody wanted to keep.
            let comment = text.lines().map(str::trim).find(|line| !line.is_empty());
            self.lost.extend(comment.map(|line| format!("{}: {line}", file.path)));
            self.removed.push(file.path.clone());
            return;
        }
        self.edited.push(file.path.clone());
        self.texts.insert(file.path.clone(), text);
    }
}

/// Where each unit stands: its first statement that creates something, else the first one that is about it.
fn places<'f>(files: &'f [(&SchemaFile, Vec<Placed<'_>>)]) -> Places<'f> {
    let all = || {
        files.iter().enumerate().flat_map(|(number, (_, statements))| {
            statements.iter().enumerate().map(move |(index, one)| (one, (number, index)))
        })
    };
    let mut places = Places::new();
    for creates in [true, false] {
        for (one, place) in all().filter(|(one, _)| one.creates == creates) {
            if let Some(unit) = &one.unit {
                places.entry(unit).or_insert(place);
            }
        }
    }
    places
}

impl Placed<'_> {
    fn is_of(&self, units: &BTreeSet<DeclaredName>) -> bool {
        self.unit.as_ref().is_some_and(|unit| units.contains(unit))
    }
}

/// The statements of a file. One that cannot be split was refused before.
fn placed<'f>(file: &'f SchemaFile, units: &Units, first_schema: &str) -> Vec<Placed<'f>> {
    let mut schema = first_schema.to_owned();
    let statements = split(without_bom(&file.text)).unwrap_or_default().into_iter();
    let placed = statements.map(|statement| {
        let about = about(&statement, &mut schema);
        let creates = about.as_ref().is_some_and(|about| about.creates);
        Placed { statement, unit: about.map(|about| units.resolved(about.unit)), creates }
    });
    placed.collect()
}

/// The place behind a statement and its semicolon.
fn behind(script: &str, statement: &Statement<'_>) -> usize {
    let end = statement.offset + statement.text.len();
    let rest = &script[end..];
    let semicolon = rest.len() - rest.trim_start().len();
    if rest[semicolon..].starts_with(';') { end + semicolon + 1 } else { end }
}

/// The comments inside of a statement, each with its place.
fn comments(path: &str, statement: &Statement<'_>) -> Vec<String> {
    let mut from = 0;
    let mut found = Vec::new();
    for (place, _) in statement.placed_parts() {
        let between = statement.text[from..place.start].trim();
        if !between.is_empty() {
            let line = statement.line + statement.text[..place.start].trim_end().matches('\n').count();
            let shown = between.lines().next().unwrap_or_default();
            found.push(format!("{path}: line {line}: {shown}"));
        }
        from = place.end;
    }
    found
}

/// Whether a file is as `init` writes it.
fn is_as_written(file: &SchemaFile, written: &BTreeMap<String, String>) -> bool {
    let text = file.text.strip_prefix(UNCHECKED).unwrap_or(&file.text);
    written.get(&file.path).is_some_and(|written| written == text)
}
