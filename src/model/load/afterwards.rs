//! What comes when everything is created: default privileges, bodies of functions, event triggers.

use anyhow::Result;

use super::failure::load_failure;
use super::statements::{is_about_defaults, replacing};
use super::{Loader, Waiting};
use crate::model::outcome::StatementOutcome;

impl Loader<'_, '_, '_> {
    /// Leaves the default privileges of all files behind.
    pub(super) async fn default_privileges(&mut self) -> Result<()> {
        if !self.has_defaults {
            return Ok(());
        }
        self.reset().await?;
        for (number, script) in self.scripts.iter().enumerate() {
            self.runner.reset().await?;
            for (index, statement) in script.statements.iter().enumerate() {
                if self.settings[number].binary_search(&index).is_ok() || is_about_defaults(statement) {
                    self.set(statement, script.path).await?;
                }
            }
        }
        Ok(())
    }

    /// Reads the bodies that were left unread: everything that they can name is there now. Returns those that the server
    /// refuses.
    pub(super) async fn read_bodies(&mut self) -> Result<Vec<Waiting>> {
        let mut refused = Vec::new();
        for mut item in std::mem::take(&mut self.unread) {
            self.settle(item.script, item.settings).await?;
            let script = &self.scripts[item.script];
            let text = replacing(&script.statements[item.statement]);
            let outcome = StatementOutcome::of(self.runner.session.execute(text).await)?;
            if let Some(error) = outcome.refusal() {
                item.error = error;
                refused.push(item);
            }
        }
        Ok(refused)
    }

    /// Runs the statements about event triggers, now that no other is to come.
    ///
    /// # Errors
    /// Exit 2: what the server refuses.
    pub(super) async fn event_triggers(&mut self) -> Result<()> {
        let mut waiting = Vec::new();
        for (script, statement, settings) in std::mem::take(&mut self.last) {
            self.settle(script, settings).await?;
            let script_of = &self.scripts[script];
            let outcome = self.run(script_of.path, &script_of.statements[statement]).await?;
            waiting.extend(outcome.refusal().map(|error| Waiting { script, statement, settings, error }));
        }
        // A file may say something about an event trigger that a later one creates.
        while !waiting.is_empty() {
            let before = waiting.len();
            waiting = self.again(waiting).await?;
            if waiting.len() == before {
                return Err(load_failure(self.scripts, &waiting).into());
            }
        }
        Ok(())
    }
}
