//! Checks a person's decision about one migration against the catalog and the records. Pure.

use super::Script;
use super::applied_evidence::Evidence;
use super::upgrade::{no_such_version, refuse_no_history};
use crate::error::{ErrorCode, Exit, Failure};
use crate::migrations::Migration;
use crate::model::diagnosis::MigrationState;
use crate::model::{CompiledMigration, Effect, Lock, effects_to_text};
use crate::postgres::catalog::Catalog;
use crate::postgres::connection::ServerVersion;
use crate::postgres::sql::unified;

/// The number of objects that a message names.
const MOST_TOLD: usize = 10;

/// What a decision is checked against.
#[derive(Debug, Clone, Copy)]
pub struct ResolveCase<'c> {
    /// The compiled project.
    pub lock: &'c Lock,
    /// The project's migration files.
    pub migrations: &'c [Migration],
    /// The migration status of the database.
    pub state: &'c MigrationState,
    /// The live catalog.
    pub live: &'c Catalog,
    /// The live server's version.
    pub server: ServerVersion,
    /// The version of the migration.
    pub version: i64,
}

/// The result of checking a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// Nothing needs to be recorded: why, in one sentence.
    Nothing(String),
    /// The decision can be recorded.
    Record(Resolved),
}

/// A decision that may be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The migration's index in [`Lock::migrations`].
    pub index: usize,
    /// Version and name: `V3__add_username`.
    pub title: String,
    /// What the catalog shows and does not show, for the person who decides.
    pub notes: Vec<String>,
    /// A unified diff of the applied text and the file.
    pub diff: Option<String>,
}

impl ResolveCase<'_> {
    /// Checks `--as applied`: the migration is recorded as applied, unless the catalog contradicts that.
    ///
    /// # Errors
    /// Exit 2: no such version. Exit 4: the catalog contradicts it; a database without a history.
    pub fn applied(&self) -> Result<Resolution, Failure> {
        let index = self.index()?;
        let compiled = &self.lock.migrations[index];
        refuse_no_history(self.state)?;
        if self.state.applied.contains(&index) {
            let edited = self.state.edited.contains(&index);
            let so = if edited { ", with another text than its file has now (--as accept-edit)" } else { "" };
            return Ok(Resolution::Nothing(format!("{} is already recorded as applied{so}", compiled.id())));
        }
        let evidence = self.evidence(index);
        if !evidence.missing.is_empty() {
            return Err(Failure::new(
                Exit::Refused,
                format!(
                    "{} was not applied completely, as the schema shows; nothing was changed\n{}",
                    compiled.id(),
                    list(&evidence.missing)
                ),
            )
            .code(ErrorCode::MIGRATION_CONTRADICTED)
            .next(format!(
                "create what is missing by hand and run the command again; or, to run the migration from its first \
                 statement: trueup resolve {} --as not-applied --reason TEXT",
                self.version
            )));
        }
        Ok(self.record(index, self.shown(index, &evidence)))
    }

    /// Checks `--as not-applied`: the migration's records are removed so that it runs from its first statement,
    /// unless the catalog shows that it was applied. `begun` says whether statements of it are recorded.
    ///
    /// # Errors
    /// Exit 2: no such version. Exit 4: all that it does is there.
    pub fn not_applied(&self, begun: bool) -> Result<Resolution, Failure> {
        let index = self.index()?;
        let compiled = &self.lock.migrations[index];
        if !begun && !self.state.applied.contains(&index) {
            return Ok(Resolution::Nothing(format!(
                "{} is recorded neither as applied nor as started: trueup upgrade runs it",
                compiled.id()
            )));
        }
        let evidence = self.evidence(index);
        if evidence.is_whole() {
            return Err(Failure::new(
                Exit::Refused,
                format!(
                    "{} was applied completely, as the schema shows; nothing was changed\n{}",
                    compiled.id(),
                    list(&evidence.shown)
                ),
            )
            .code(ErrorCode::MIGRATION_CONTRADICTED)
            .next(format!(
                "trueup resolve {} --as applied --reason TEXT; or, to run it again, remove by hand what it created",
                self.version
            )));
        }
        let mut notes = self.shown(index, &evidence);
        if !evidence.missing.is_empty() {
            notes.push(format!("what differs from the migration's result:\n{}", list(&evidence.missing)));
            if !evidence.shown.is_empty() {
                notes.push(
                    "the next upgrade runs it from its first statement, and may fail because of what already exists"
                        .into(),
                );
            }
        }
        if self.state.applied.iter().any(|other| *other > index) {
            notes.push("newer migrations are applied: upgrade needs --allow-out-of-order to run it".into());
        }
        Ok(self.record(index, notes))
    }

    /// Checks `--as accept-edit`: the modified file is recorded in place of the applied text, if both have the same
    /// effects. `recorded` are the effects that were recorded when it was applied.
    ///
    /// # Errors
    /// Exit 2: no such version. Exit 4: it is not applied; the file does something else.
    pub fn accept_edit(&self, recorded: Option<&[Effect]>) -> Result<Resolution, Failure> {
        let index = self.index()?;
        let compiled = &self.lock.migrations[index];
        let label = compiled.id().to_string();
        if !self.state.applied.contains(&index) {
            return Err(Failure::new(
                Exit::Refused,
                format!("{label} is not applied: there is no applied text to compare its file with"),
            )
            .next("edit the file freely; trueup upgrade applies it"));
        }
        if !self.state.edited.contains(&index) {
            return Ok(Resolution::Nothing(format!("the file of {label} is the text that was applied")));
        }
        let mut notes = Vec::new();
        let edit = self.state.texts.get(&index);
        if edit.is_some_and(|edit| edit.applied == edit.file) {
            notes.push("the text is unchanged; only the name differs".to_owned());
        } else if self.state.respelled.contains(&index) {
            notes.push("only comments or whitespace were changed".to_owned());
        } else if let Some(recorded) = recorded {
            let differing = differing(recorded, &compiled.effects);
            if !differing.is_empty() {
                return Err(self.does_something_else(compiled, "when it was applied", &differing));
            }
            notes.push(
                "its changes to the schema are those that were recorded when it was applied".to_owned(),
            );
            notes.extend(self.rows(index));
        } else {
            let evidence = self.evidence(index);
            if !evidence.missing.is_empty() {
                return Err(self.does_something_else(compiled, "in this database", &evidence.missing));
            }
            notes.push(
                "its changes were not recorded when it was applied; it is compared with the schema"
                    .to_owned(),
            );
            notes.extend(self.shown(index, &evidence));
        }
        let diff = edit.map(|edit| {
            let file = format!("migrations/{label}.sql");
            unified(("as it was applied", &edit.applied), (&file, &edit.file))
        });
        if diff.is_none() {
            notes.push("the applied text was not recorded and cannot be shown".to_owned());
        }
        Ok(Resolution::Record(Resolved { index, title: label, notes, diff }))
    }

    fn index(&self) -> Result<usize, Failure> {
        let found = self.lock.migrations.iter().position(|migration| migration.version == self.version);
        found.ok_or_else(|| {
            let failure = no_such_version(self.lock, self.version);
            Failure { what: failure.what.replacen("--to ", "", 1), ..failure }
        })
    }

    fn evidence(&self, index: usize) -> Evidence {
        Evidence::of(self.lock, index, &self.state.applied, self.live, self.server)
    }

    fn record(&self, index: usize, notes: Vec<String>) -> Resolution {
        Resolution::Record(Resolved {
            index,
            title: self.lock.migrations[index].id().to_string(),
            notes,
            diff: None,
        })
    }

    /// The notes about what the catalog shows of a migration, and what it cannot show.
    fn shown(&self, index: usize, evidence: &Evidence) -> Vec<String> {
        let mut notes = Vec::new();
        if evidence.is_silent() {
            notes.push(
                "the schema does not show whether it was applied: only your statement is recorded".to_owned(),
            );
        } else if !evidence.shown.is_empty() {
            notes.push(format!("the schema shows these changes of it:\n{}", list(&evidence.shown)));
        }
        notes.extend(self.rows(index));
        notes
    }

    /// The note about statements that change rows, which no catalog shows.
    fn rows(&self, index: usize) -> Option<String> {
        let compiled = &self.lock.migrations[index];
        let file = self.migrations.iter().find(|file| file.version == compiled.version)?;
        let script = Script::examine(&file.path, &file.sql, &file.directives);
        (!script.is_ok_and(|script| script.is_ddl_alone()))
            .then(|| "it has statements that change rows: the schema does not show their result".to_owned())
    }

    fn does_something_else(
        &self,
        compiled: &CompiledMigration,
        than: &str,
        differing: &[impl ToString],
    ) -> Failure {
        Failure::new(
            Exit::Refused,
            format!(
                "the edited {} makes other changes than {than}; nothing was changed\n{}",
                compiled.id(),
                list(differing)
            ),
        )
        .code(ErrorCode::MIGRATION_CONTRADICTED)
        .next("restore the file as it was applied, and put the change into a new migration")
    }
}

/// The objects for which two lists of effects differ.
fn differing(recorded: &[Effect], now: &[Effect]) -> Vec<String> {
    let text = |effect: &Effect| effects_to_text(std::slice::from_ref(effect));
    let only = |of: &[Effect], not: &[Effect], so: &str| -> Vec<String> {
        let not: Vec<String> = not.iter().map(text).collect();
        of.iter()
            .filter(|effect| !not.contains(&text(effect)))
            .map(|effect| format!("{} {} {so}", effect.id().kind.word(), effect.id()))
            .collect()
    };
    let mut found = only(now, recorded, "(the file)");
    found.extend(only(recorded, now, "(as it was applied)"));
    found
}

fn list(items: &[impl ToString]) -> String {
    let mut lines: Vec<String> =
        items.iter().take(MOST_TOLD).map(|item| format!("  {}", item.to_string())).collect();
    if items.len() > MOST_TOLD {
        lines.push(format!("  and {} more", items.len() - MOST_TOLD));
    }
    lines.join("\n")
}
