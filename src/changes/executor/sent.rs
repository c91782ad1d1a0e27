//! A script as it is sent, from which an error of the server is traced back to its statement.

use crate::changes::plan::{PlannedStatement, Script, Sending};
use crate::postgres::connection::ServerVersion;
use crate::writer::StepLimits;

/// A script as it is sent.
#[derive(Debug, Default)]
pub(super) struct SentScript {
    /// The text.
    pub(super) text: String,
    /// What was sent, in order: where it begins, in characters, and the index of the statement that it is or precedes.
    /// What follows the last statement has none.
    pieces: Vec<(usize, Option<usize>)>,
    characters: usize,
}

impl SentScript {
    /// Writes a script for a server, under the limits of its step; see [`Script::sending`].
    pub(super) fn of(script: &Script, limits: StepLimits, server: ServerVersion) -> Self {
        let mut sent = Self::default();
        for part in script.sending(limits.lock_timeout, server) {
            match part {
                Sending::Statement(index) => sent.push(&script.statements[index].text, Some(index)),
                Sending::Limit(index, limit) => {
                    sent.push(&format!("SET LOCAL lock_timeout = {}", limit.as_millis()), Some(index));
                }
            }
        }
        if script.may_set() {
            sent.push(&limits.restored(), None);
        }
        sent
    }

    /// One statement, sent as it is.
    pub(super) fn alone(statement: &PlannedStatement) -> Self {
        let mut sent = Self::default();
        sent.push(&statement.text, Some(0));
        sent
    }

    fn push(&mut self, text: &str, index: Option<usize>) {
        self.pieces.push((self.characters, index));
        self.characters += text.chars().count() + 2;
        self.text.push_str(text);
        self.text.push_str(";\n");
    }

    /// The statement that failed when so many had been done.
    pub(super) fn after(&self, done: usize) -> Option<usize> {
        self.pieces.get(done).and_then(|(_, index)| *index)
    }

    /// The statement at a position of the text, and the position in the statement. Both count characters from 1.
    pub(super) fn at(&self, position: usize) -> Option<(usize, usize)> {
        let (start, index) = self.pieces.iter().rev().find(|(start, _)| position > *start)?;
        Some(((*index)?, position - start))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::*;
    use crate::migrations::Directives;

    fn sent(sql: &str, major: u32) -> SentScript {
        let script = Script::examine(Path::new("x.sql"), sql, &Directives::default()).expect("examined");
        let limits = StepLimits {
            lock_timeout: Duration::from_secs(3),
            lock_budget: Duration::from_secs(30),
            max_duration: Duration::from_secs(60),
        };
        SentScript::of(&script, limits, ServerVersion(major * 10_000))
    }

    #[test]
    fn the_limit_holds_before_every_statement_that_follows_one_that_may_set_it() {
        let lines = |sql: &str| -> Vec<String> { sent(sql, 15).text.lines().map(str::to_owned).collect() };
        assert_eq!(
            lines("create table a ();\n-- why\ninsert into a select 1;"),
            ["create table a ();", "insert into a select 1;"]
        );
        let found = lines("set lock_timeout = 0;\nlock table a;\ndo 'begin end';\nlock table b");
        assert_eq!(
            found[..6],
            [
                "set lock_timeout = 0;",
                "SET LOCAL lock_timeout = 3000;",
                "lock table a;",
                "do 'begin end';",
                "SET LOCAL lock_timeout = 3000;",
                "lock table b;",
            ]
        );
        assert!(found[6].starts_with("SET LOCAL lock_timeout = '3000ms'; "), "{found:?}");
        let shorter = "set local lock_timeout = '1s'; lock table a; reset all; lock table b; set lock_timeout = '9s'; select 1";
        let found = lines(shorter);
        let limits: Vec<_> = found.iter().filter(|line| line.starts_with("SET ")).collect();
        assert_eq!(
            limits[..3],
            [
                "SET LOCAL lock_timeout = 1000;",
                "SET LOCAL lock_timeout = 3000;",
                "SET LOCAL lock_timeout = 3000;"
            ]
        );
    }

    #[test]
    fn an_error_is_traced_back_to_its_statement() {
        let sent = sent(
            "\\restrict x\nbegin;\nset transaction_timeout = 0;\nselect 'é';\nselect 2;\ncommit;\n\\unrestrict x\n",
            15,
        );
        assert!(
            sent.text.starts_with("select 'é';\nSET LOCAL lock_timeout = 3000;\nselect 2;\n"),
            "{}",
            sent.text
        );
        assert_eq!(
            (sent.after(0), sent.after(1), sent.after(2), sent.after(3)),
            (Some(1), Some(2), Some(2), None)
        );
        assert_eq!((sent.at(1), sent.at(8)), (Some((1, 1)), Some((1, 8))));
        let second = sent
            .text
            .chars()
            .collect::<String>()
            .split("select 2")
            .next()
            .map(|before| before.chars().count());
        assert_eq!(sent.at(second.expect("sent") + 8), Some((2, 8)));
    }

    #[test]
    fn what_a_server_has_is_sent_to_it() {
        assert!(sent("set transaction_timeout = 0; select 1", 17).text.contains("transaction_timeout"));
    }
}
