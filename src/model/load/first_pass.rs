//! The first pass: every statement once, in the order of the files, schemas before all else.

use std::collections::HashSet;

use anyhow::Result;

use super::statements::{drops_schema_of, is_about_defaults, is_about_event_trigger};
use super::{Loader, Waiting};
use crate::error::ErrorCode;
use crate::model::outcome::StatementOutcome;
use crate::model::progress::CompileProgress;
use crate::model::recognise::{Class, classify};
use crate::postgres::connection::sqlstate;

impl Loader<'_, '_, '_> {
    /// Runs all statements but those about event triggers. Returns those that the server refused.
    pub(super) async fn first_pass(
        &mut self,
        total: usize,
        progress: &mut dyn FnMut(CompileProgress<'_>),
    ) -> Result<Vec<Waiting>> {
        let made = self.schemas().await?;
        let mut waiting = Vec::new();
        let mut done = 0;
        for (number, script) in self.scripts.iter().enumerate() {
            self.reset().await?;
            for (index, statement) in script.statements.iter().enumerate() {
                // Tablespaces are not part of a model, and the scratch server does not have them.
                let places = statement.starts_with(&["set", "default_tablespace"]);
                if places || made.contains(&(number, index)) {
                    done += 1;
                    continue;
                }
                if is_about_event_trigger(statement) {
                    self.last.push((number, index, self.settings[number].len()));
                    done += 1;
                    continue;
                }
                let outcome = self.run(script.path, statement).await?;
                let setting = classify(statement) == Class::Setting;
                let defaults = is_about_defaults(statement);
                match outcome {
                    StatementOutcome::Accepted if setting || defaults => self.settings[number].push(index),
                    StatementOutcome::Accepted => {}
                    // They are applied again at the end, when all is there that they name.
                    StatementOutcome::Refused(_) if defaults => {}
                    // No later statement can help.
                    StatementOutcome::Refused(error) if setting || error.code == sqlstate::SYNTAX_ERROR => {
                        return Err(error
                            .in_statement(script.path, statement)
                            .code(ErrorCode::SCHEMA_INVALID)
                            .into());
                    }
                    StatementOutcome::Refused(error) => {
                        let settings = self.settings[number].len();
                        waiting.push(Waiting { script: number, statement: index, settings, error });
                    }
                }
                done += 1;
                progress(CompileProgress::Schema { done: done - waiting.len(), total });
            }
        }
        Ok(waiting)
    }

    /// Creates the schemas first, whichever file declares them: if the search path names a schema that does not exist
    /// yet, a table would be created in the next one. Returns which statements these were.
    async fn schemas(&mut self) -> Result<HashSet<(usize, usize)>> {
        let mut made = HashSet::new();
        self.runner.reset().await?;
        for (number, script) in self.scripts.iter().enumerate() {
            // The role that creates a schema owns it.
            let acts = script.statements.iter().any(|statement| {
                let first: Vec<_> = statement.words().take(3).collect();
                first.first().is_some_and(|word| word == "set")
                    && first.iter().any(|word| word == "role" || word == "authorization")
            });
            if acts {
                continue;
            }
            for (index, statement) in script.statements.iter().enumerate() {
                let alone = !statement.words().skip(1).any(|word| word == "create" || word == "grant");
                if statement.starts_with(&["create", "schema"])
                    && alone
                    && self.run(script.path, statement).await?.is_accepted()
                {
                    made.insert((number, index));
                    // What a dump drops before it creates it again is not there yet.
                    let earlier = script.statements[..index].iter().enumerate();
                    let dropped = earlier.filter(|(_, earlier)| drops_schema_of(earlier, statement));
                    made.extend(dropped.map(|(index, _)| (number, index)));
                }
            }
        }
        Ok(made)
    }
}
