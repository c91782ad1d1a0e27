//! What trueup recorded in a database, as far as a diagnosis needs it.

use std::collections::{BTreeMap, BTreeSet};

use crate::findings::{Command, Remedy};
use crate::model::{CompiledMigration, Effect};
use crate::postgres::catalog::{Object, ObjectId};
use crate::postgres::sql::{Part, split};

/// What trueup recorded in a database. Empty where it recorded nothing, or nothing that could be read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RecordedState {
    /// Applied migrations that the project lacks, with their effects as they were recorded, by version.
    pub ahead: Vec<CompiledMigration>,
    /// Texts of migrations that are not as they were applied, by version.
    pub edits: BTreeMap<i64, Edit>,
    /// Files that have another version than the one that they were applied as: by that version, the one they have now.
    pub renumbered: BTreeMap<i64, i64>,
    /// Migrations that broke off, or are being carried out right now, by version.
    pub unfinished: Vec<Unfinished>,
    /// What was accepted when the database was adopted.
    pub accepted: Option<Accepted>,
}

/// What differed when the database was adopted, and was accepted then.
#[derive(Debug, Clone, PartialEq)]
pub struct Accepted {
    /// What the database had of every object that differed: created, or dropped.
    pub objects: Vec<Effect>,
    /// The migrations that were recorded then, and not applied again since, by version.
    pub versions: BTreeSet<i64>,
    /// Who accepted it.
    pub by: String,
    /// When, RFC 3339 in UTC.
    pub at: String,
}

impl Accepted {
    /// What the database had of an object that differed: `None` where the object did not differ, `Some(None)` where it did
    /// not exist.
    pub(super) fn object(&self, id: &ObjectId) -> Option<Option<&Object>> {
        let effect = self.objects.iter().find(|effect| effect.id() == id)?;
        Some(effect.after().map(|object| &**object))
    }
}

/// Two texts of one migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// As it was applied.
    pub applied: String,
    /// As the project has it.
    pub file: String,
}

/// A migration that is not finished, and the step that came last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// Its version.
    pub version: i64,
    /// Its name.
    pub name: String,
    /// Whether it was being taken back.
    pub reverts: bool,
    /// The run.
    pub run: String,
    /// Whether that run goes on right now.
    pub running: bool,
    /// When the step began, RFC 3339 in UTC.
    pub started_at: String,
    /// Which statement it was, from 1, and its text.
    pub statement: Option<i32>,
    /// The statement.
    pub text: Option<String>,
    /// Whether the step itself was done: what comes after it was not begun.
    pub done: bool,
    /// What the server said.
    pub detail: Option<String>,
}

impl Unfinished {
    /// What brings the migration to its end. Only the person who ran `downgrade` knows the version that was the goal.
    pub fn resume(&self) -> Remedy {
        match self.reverts {
            true => Remedy::advice("run the same `trueup downgrade --to VERSION` again"),
            false => Remedy::run(Command::Upgrade),
        }
    }
}

impl Edit {
    /// Whether both texts have the same statements, token by token: only comments and spacing differ, or how keywords
    /// are written. Texts that cannot be split are taken to be different.
    pub fn only_respelled(&self) -> bool {
        let tokens = |script| split(script).ok().map(tokens_of);
        let (applied, file) = (tokens(&self.applied), tokens(&self.file));
        applied.is_some() && applied == file
    }
}

/// The tokens of every statement as they are written, bare words in lower case.
fn tokens_of(statements: Vec<crate::postgres::sql::Statement<'_>>) -> Vec<Vec<String>> {
    let of_one = |statement: &crate::postgres::sql::Statement<'_>| {
        let placed = statement.placed_parts();
        let tokens = placed.map(|(place, part)| match part {
            Part::Word(word) => word,
            Part::Quoted(_) | Part::Literal(_) | Part::Other(_) => statement.text[place].to_owned(),
        });
        tokens.collect()
    };
    statements.iter().map(of_one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_spacing_are_told_apart_from_statements() {
        let applied = "CREATE TABLE a (id int); -- why\nSELECT E'a\\n', $$b -- c$$;";
        for (file, same) in [
            ("-- another why\ncreate table a (\n  id int\n);\nselect E'a\\n', $$b -- c$$", true),
            ("CREATE TABLE a (id int); SELECT 'a\\n', $$b -- c$$;", false),
            ("CREATE TABLE a (id int); SELECT E'a\\n', $$b -- d$$;", false),
            ("CREATE TABLE a (id int), SELECT E'a\\n', $$b -- c$$;", false),
            ("CREATE TABLE \"A\" (id int); SELECT E'a\\n', $$b -- c$$;", false),
            ("CREATE TABLE a (id int);", false),
            ("CREATE TABLE a (id int); SELECT E'a\\n', $$b -- c$", false),
        ] {
            let edit = Edit { applied: applied.into(), file: file.into() };
            assert_eq!(edit.only_respelled(), same, "{file}");
        }
    }

    #[test]
    fn what_cannot_be_split_is_not_called_the_same() {
        let text = "SELECT 'a".to_owned();
        assert!(!Edit { applied: text.clone(), file: text }.only_respelled());
    }
}
