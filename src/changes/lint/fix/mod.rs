//! `lint --fix`: writes migrations that come to the same schema, and for which nobody has to wait.
//!
//! Only statements of a few plain forms are changed. What is written has still to be proved: compiled, it must give the same
//! objects as before.

mod safer;

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::PathBuf;

use crate::error::Failure;
use crate::findings::{Finding, Location};
use crate::migrations::{Directives, Migration};
use crate::postgres::sql::{Statement, split_all};
use safer::Safer;

/// The rules whose findings can be fixed.
const FIXED: [&str; 2] = ["blocks.index", "blocks.scan"];

/// The project as it would be.
#[derive(Debug, Default)]
pub struct LintFix {
    /// All migrations, sorted by version.
    pub migrations: Vec<Migration>,
    /// The files that differ, in the order in which they are applied.
    pub files: Vec<FixedFile>,
    /// Where a person has to do it, and why.
    pub left: Vec<(Location, &'static str)>,
}

/// A file that is written.
#[derive(Debug, PartialEq, Eq)]
pub struct FixedFile {
    /// Where it is.
    pub path: PathBuf,
    /// What it says now; `None` for a new one.
    pub before: Option<String>,
    /// What it will say.
    pub after: String,
}

/// Fixes what can be fixed of these findings. `shown` is how files are named in them.
///
/// # Errors
/// Exit 2: the directives of a file that would be written.
pub fn fix(
    findings: &[Finding],
    files: &[Migration],
    shown: impl Fn(&Migration) -> String,
) -> Result<LintFix, Failure> {
    let mut fixing = Fixing::new(files);
    let mut fixed = LintFix::default();
    for file in files {
        let name = shown(file);
        let places = findings.iter().filter(|finding| FIXED.contains(&finding.code.as_str()));
        let places = places.filter_map(|finding| finding.location.as_ref());
        let places: BTreeSet<&Location> = places.filter(|place| place.file == name).collect();
        let mut script = Script::of(file);
        for place in places {
            if let Err(why) = script.fix(place, &mut fixing) {
                fixed.left.push((place.clone(), why));
            }
        }
        let mut migration = file.clone();
        if let Some(sql) = script.edited() {
            migration.directives = Directives::read(&file.path, &sql)?;
            migration.sql.clone_from(&sql);
            let before = Some(file.sql.clone());
            fixed.files.push(FixedFile { path: file.path.clone(), before, after: sql });
        }
        fixed.migrations.push(migration);
    }
    for new in fixing.new {
        fixed.files.push(FixedFile { path: new.path.clone(), before: None, after: new.sql.clone() });
        let directives = Directives::read(&new.path, &new.sql)?;
        fixed.migrations.push(Migration { directives, ..new });
    }
    Ok(fixed)
}

/// The migrations that come behind all others.
struct Fixing {
    next: i64,
    /// How many digits versions have.
    digits: usize,
    directory: PathBuf,
    new: Vec<Migration>,
}

impl Fixing {
    fn new(files: &[Migration]) -> Self {
        let last = files.last();
        let name = last.and_then(|file| file.path.file_name()).unwrap_or_default().to_string_lossy();
        let directory = last.and_then(|file| file.path.parent()).map(PathBuf::from).unwrap_or_default();
        Self {
            next: last.map_or(1, |file| file.version.saturating_add(1)),
            digits: name.trim_start_matches('V').bytes().take_while(u8::is_ascii_digit).count(),
            directory,
            new: Vec::new(),
        }
    }

    /// Adds a migration, and returns the name of its file.
    fn add(&mut self, of: &Migration, name: &str, why: &str, alone: bool, sql: &str) -> String {
        let word = |found: char| if found.is_alphanumeric() { found } else { '_' };
        let name: String = name.chars().map(word).collect();
        let version = self.next;
        self.next = self.next.saturating_add(1);
        let file = format!("V{version:0digits$}__{name}.sql", digits = self.digits);
        let contract = if of.directives.contract { "-- trueup: contract\n" } else { "" };
        let alone = if alone { "-- trueup: no-transaction\n" } else { "" };
        self.new.push(Migration {
            version,
            name,
            path: self.directory.join(&file),
            sql: format!("-- {why}\n{contract}{alone}{sql}\n"),
            down: None,
            directives: Directives::default(),
            revision: None,
            parents: Vec::new(),
        });
        file
    }
}

/// Whether the last comments of this text allow something in the statement that follows it.
fn allows_above(text: &str) -> bool {
    let above = text.lines().rev().map(str::trim);
    above
        .take_while(|line| line.is_empty() || line.starts_with("--"))
        .any(|line| line.contains("trueup: allow"))
}

/// A file and what is to be changed in it.
struct Script<'f> {
    file: &'f Migration,
    statements: Vec<Statement<'f>>,
    edits: Vec<(Range<usize>, String)>,
    /// What comes before all of it.
    head: &'static str,
}

impl<'f> Script<'f> {
    fn of(file: &'f Migration) -> Self {
        Self { file, statements: split_all(&file.sql).0, edits: Vec::new(), head: "" }
    }

    /// Changes the statement at this place.
    fn fix(&mut self, place: &Location, fixing: &mut Fixing) -> Result<(), &'static str> {
        let file = self.file;
        if file.down.is_some() {
            return Err("it has a down script, which would have to change as well");
        }
        let is_it = |statement: &&Statement<'_>| {
            statement.line == place.line && place.column == Some(statement.column)
        };
        let statement = self.statements.iter().find(is_it).ok_or("the statement is not found")?;
        let statement = *statement;
        let safer = Safer::of(&statement).ok_or(
            "only CREATE INDEX, and ALTER TABLE with one named constraint or SET NOT NULL, are changed",
        )?;
        if allows_above(&file.sql[..statement.offset]) {
            return Err("an allow stands above it, which is about the statement as it is");
        }
        let alone = file.directives.no_transaction;
        let is_only = self.statements.len() == 1;
        let from = file.path.file_name().unwrap_or_default().to_string_lossy();
        match safer {
            Safer::Concurrently { sql, .. } if alone || is_only => {
                self.head = if alone { "" } else { "-- trueup: no-transaction\n" };
                self.replace(statement, sql);
            }
            _ if alone => return Err("it runs outside of a transaction"),
            Safer::Concurrently { sql, name } => {
                let why = format!("Taken out of {from}: nobody waits while it is built.");
                let new = fixing.add(file, &name, &why, true, &format!("{sql};"));
                self.take_out(statement, &format!("-- {new} builds the index."));
            }
            Safer::NotValid { sql, validate, name } => {
                self.replace(statement, sql);
                let why = format!("Checks the rows from before {from}; nobody waits for it.");
                fixing.add(file, &format!("validate_{name}"), &why, false, &validate);
            }
            Safer::NotNull { sql, validate, set, name } => {
                self.replace(statement, sql);
                let why = format!("Checks the rows from before {from}; nobody waits for it.");
                fixing.add(file, &format!("validate_{name}"), &why, false, &validate);
                let why = "The constraint proves it: no row is read.";
                fixing.add(file, &format!("{name}_not_null"), why, false, &set);
            }
            Safer::UsingIndex { build, add, name } => {
                let why = format!("Taken out of {from}: nobody waits while it is built.");
                fixing.add(file, &format!("index_{name}"), &why, true, &build);
                let why = "The index becomes a constraint: no row is read.";
                let new = fixing.add(file, &name, why, false, &add);
                self.take_out(statement, &format!("-- {new} adds the constraint."));
            }
        }
        Ok(())
    }

    fn replace(&mut self, statement: Statement<'_>, sql: String) {
        self.edits.push((statement.offset..statement.offset + statement.text.len(), sql));
    }

    /// Puts a comment in the place of a statement and of its semicolon.
    fn take_out(&mut self, statement: Statement<'_>, comment: &str) {
        let end = statement.offset + statement.text.len();
        let rest = &self.file.sql[end..];
        let end = match rest.trim_start().starts_with(';') {
            true => end + rest.find(';').map_or(0, |at| at + 1),
            false => end,
        };
        let is_last = self.file.sql[end..].lines().next().is_none_or(|rest| rest.trim().is_empty());
        self.edits.push((statement.offset..end, format!("{comment}{}", if is_last { "" } else { "\n" })));
    }

    /// The text, where anything of it changes.
    fn edited(mut self) -> Option<String> {
        self.edits.sort_by_key(|(range, _)| range.start);
        if self.edits.is_empty() {
            return None;
        }
        let mut sql = self.file.sql.clone();
        for (range, text) in self.edits.into_iter().rev() {
            sql.replace_range(range, &text);
        }
        // A byte order mark stays the first of all.
        let mark = if sql.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        sql.insert_str(mark, self.head);
        Some(sql)
    }
}
