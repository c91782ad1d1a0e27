//! The passes after the first: a statement is tried again when what it misses was created. Where nothing else helps, bodies
//! of functions are left unread, and stand-ins are made for what an extension would bring.

use std::collections::BTreeSet;

use anyhow::Result;

use super::waiting::Pool;
use super::{Loader, Waiting};
use crate::model::locate::about;
use crate::model::runner::Runner;
use crate::postgres::sql::Statement;

impl Loader<'_, '_, '_> {
    /// Tries each statement once more, and those that wait for what it creates; returns those that still fail.
    pub(super) async fn again(&mut self, waiting: Vec<Waiting>) -> Result<Vec<Waiting>> {
        let mut pool = Pool::new(waiting);
        for index in 0..pool.len() {
            self.try_again(&mut pool, &[index]).await?;
        }
        Ok(pool.left())
    }

    /// Tries statements once more, and those that wait for what they create: what says more of it comes before what is
    /// created from it. An heir has what its parent has by then.
    async fn try_again(&mut self, pool: &mut Pool, first: &[usize]) -> Result<()> {
        let mut next: BTreeSet<(bool, usize)> = first.iter().map(|index| (true, *index)).collect();
        while let Some((_, index)) = next.pop_first() {
            let Some(mut item) = pool.take(index) else { continue };
            if self.place != Some((item.script, item.settings)) {
                self.settle(item.script, item.settings).await?;
            }
            let script = &self.scripts[item.script];
            let statement = &script.statements[item.statement];
            match self.run(script.path, statement).await?.refusal() {
                None => next.extend(self.woken(pool, statement)),
                Some(error) => {
                    item.error = error;
                    pool.put_back(index, item);
                }
            }
        }
        Ok(())
    }

    /// The statements that wait for what another one creates, each with whether it creates something.
    fn woken(&self, pool: &mut Pool, statement: &Statement<'_>) -> Vec<(bool, usize)> {
        let about = about(statement, &mut String::new()).filter(|about| about.creates);
        let Some(about) = about else { return Vec::new() };
        let woken = pool.waiting_for(about.unit.last()).into_iter();
        woken
            .filter_map(|index| {
                let item = pool.get(index)?;
                Some((self.scripts[item.script].statements[item.statement].starts_with(&["create"]), index))
            })
            .collect()
    }

    /// Creates functions without reading their bodies, which may need what needs the functions: a table whose default calls
    /// one. Returns the statements that still wait.
    pub(super) async fn leave_bodies_unread(&mut self, waiting: Vec<Waiting>) -> Result<Vec<Waiting>> {
        let mut pool = Pool::new(waiting);
        for index in 0..pool.len() {
            let Some(item) = pool.take(index) else { continue };
            let script = &self.scripts[item.script];
            let statement = &script.statements[item.statement];
            if !statement.creates_routine() {
                pool.put_back(index, item);
                continue;
            }
            self.settle(item.script, item.settings).await?;
            self.runner.session.execute("SET check_function_bodies = off").await?;
            let is_created = self.runner.run(script.path, statement).await?.is_accepted();
            self.runner.session.execute("RESET check_function_bodies").await?;
            self.place = None;
            if !is_created {
                pool.put_back(index, item);
                continue;
            }
            self.unread.push(item);
            let next: Vec<usize> =
                self.woken(&mut pool, statement).into_iter().map(|(_, index)| index).collect();
            self.try_again(&mut pool, &next).await?;
        }
        Ok(pool.left())
    }

    /// Creates one stand-in that a statement needs.
    pub(super) async fn stand_in(&mut self, waiting: &[Waiting]) -> Result<bool> {
        for item in waiting {
            let statement = &self.scripts[item.script].statements[item.statement];
            self.settle(item.script, item.settings).await?;
            self.place = None;
            let Runner { session, assumed, .. } = &mut *self.runner;
            if assumed.stand_in(session, statement, &item.error).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
