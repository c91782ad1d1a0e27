//! The statements that a scratch server has run, from its log: what a program did in a database.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};

use anyhow::Result;

use super::{Host, Scratch, ScratchDatabase};
use crate::postgres::sql::{Part, Statement, identifier, literal, split};

impl Scratch {
    /// Lets the sessions that connect to a database from now on log their statements. `false` on a given server, whose log
    /// is not here.
    ///
    /// # Errors
    /// The server's.
    pub async fn log_statements(&mut self, database: &ScratchDatabase) -> Result<bool> {
        if matches!(self.host, Host::Given(_)) {
            return Ok(false);
        }
        let database = identifier(&database.name);
        self.admin.execute(format!("ALTER DATABASE {database} SET log_statement = 'all'")).await?;
        Ok(true)
    }

    /// Where the log ends now.
    pub fn log_end(&self) -> u64 {
        match &self.host {
            Host::Local(server) => server.log().metadata().map_or(0, |log| log.len()),
            Host::Given(_) => 0,
        }
    }

    /// The statements that were logged since and committed, in the order of the commits, with the values of their parameters
    /// as constants.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn statements_since(&self, from: u64) -> io::Result<Vec<String>> {
        let Host::Local(server) = &self.host else { return Ok(Vec::new()) };
        let mut log = File::open(server.log())?;
        log.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        log.read_to_end(&mut bytes)?;
        Ok(committed(&String::from_utf8_lossy(&bytes)))
    }
}

/// One session, as its log lines tell it.
#[derive(Debug, Default)]
struct LoggedSession {
    /// The statements of the open transaction; `None` when there is none.
    open: Option<Vec<String>>,
    /// How many of them there were before the last message.
    before: usize,
    /// Where savepoints of it are, by name.
    savepoints: Vec<(String, usize)>,
    /// The statements of the last message, outside of a transaction: they are committed unless an error comes next.
    alone: Vec<String>,
}

fn committed(log: &str) -> Vec<String> {
    let mut sessions: BTreeMap<&str, LoggedSession> = BTreeMap::new();
    let mut committed = Vec::new();
    for Entry { session, kind, text } in entries(log) {
        let session = sessions.entry(session).or_default();
        match kind {
            "LOG" => {
                committed.append(&mut session.alone);
                session.before = session.open.as_ref().map_or(0, Vec::len);
                if let Some(sql) = statement(&text) {
                    // One message may have several. COPY FROM STDIN cannot be told apart from its rows, and is one.
                    match split(&sql) {
                        Ok(statements) => {
                            statements.iter().for_each(|one| session.take(one.text, &mut committed));
                        }
                        Err(_) => session.take(&sql, &mut committed),
                    }
                }
            }
            // Values come after the statement.
            "DETAIL" => session.give_parameters(&text),
            "ERROR" | "FATAL" => session.fails(),
            _ => {}
        }
    }
    committed.extend(sessions.into_values().flat_map(|session| session.alone));
    committed
}

impl LoggedSession {
    fn take(&mut self, text: &str, committed: &mut Vec<String>) {
        let words = first_words(text);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match (&words[..], &mut self.open) {
            (["begin", ..] | ["start", "transaction", ..], open) => {
                committed.append(&mut self.alone);
                *open = Some(Vec::new());
            }
            (["commit" | "end", ..], open) => {
                committed.extend(open.take().into_iter().flatten());
                self.savepoints.clear();
            }
            (["rollback", "to", "savepoint", name] | ["rollback", "to", name, ..], Some(open)) => {
                if let Some((_, count)) = self.savepoints.iter().rfind(|(known, _)| known == name) {
                    open.truncate(*count);
                }
            }
            (["rollback" | "abort", ..], open) => {
                *open = None;
                self.savepoints.clear();
            }
            (["savepoint", name, ..], Some(open)) => self.savepoints.push(((*name).to_owned(), open.len())),
            (["release", ..], _) => {}
            (_, Some(open)) => open.push(text.to_owned()),
            (_, None) => self.alone.push(text.to_owned()),
        }
    }

    fn give_parameters(&mut self, detail: &str) {
        let Some(values) =
            detail.strip_prefix("parameters: ").or_else(|| detail.strip_prefix("Parameters: "))
        else {
            return;
        };
        let last = match &mut self.open {
            Some(open) => open.last_mut(),
            None => self.alone.last_mut(),
        };
        if let Some(last) = last {
            *last = with_parameters(last, &parameters(values));
        }
    }

    /// The server has refused the last message.
    fn fails(&mut self) {
        self.alone.clear();
        if let Some(open) = &mut self.open {
            open.truncate(self.before);
        }
    }
}

/// One message of the log.
struct Entry<'l> {
    session: &'l str,
    kind: &'l str,
    text: String,
}

/// The messages: `2026-01-02 03:04:05.678 UTC [123] LOG:  text`, with a tab before every further line of the text
/// (`append_with_tabs`, elog.c).
fn entries(log: &str) -> Vec<Entry<'_>> {
    let mut entries: Vec<Entry<'_>> = Vec::new();
    for line in log.lines() {
        if let (Some(rest), Some(entry)) = (line.strip_prefix('\t'), entries.last_mut()) {
            entry.text.push('\n');
            entry.text.push_str(rest);
        } else if let Some((session, kind, text)) = begun(line) {
            entries.push(Entry { session, kind, text: text.to_owned() });
        }
    }
    entries
}

fn begun(line: &str) -> Option<(&str, &str, &str)> {
    let (_, after) = line.split_once(" [")?;
    let (session, after) = after.split_once("] ")?;
    let (kind, text) = after.split_once(":  ")?;
    session.bytes().all(|byte| byte.is_ascii_digit()).then_some((session, kind, text))
}

/// The SQL of a message: `statement: SQL` of a simple query, `execute name: SQL` of a prepared one.
fn statement(text: &str) -> Option<String> {
    let sql = match text.strip_prefix("statement: ") {
        Some(sql) => sql,
        // `execute fetch from name: SQL` goes on with one that was told before.
        None if text.starts_with("execute fetch from ") => return None,
        None => text.strip_prefix("execute ")?.split_once(": ")?.1,
    };
    Some(sql.trim().trim_end_matches(';').trim_end().to_owned())
}

/// The first words of a statement, as far as they say what it is to a transaction.
fn first_words(text: &str) -> Vec<String> {
    let Ok(statements) = split(text) else { return Vec::new() };
    let parts = statements.first().into_iter().flat_map(Statement::parts).take(4);
    parts.map_while(|part| part.name().map(str::to_owned)).collect()
}

/// The values of `$1 = 'it''s', $2 = NULL`; `None` for NULL.
fn parameters(list: &str) -> Vec<Option<String>> {
    let mut values = Vec::new();
    let mut rest = list;
    while let Some((_, after)) = rest.split_once(" = ") {
        let Some(mut quoted) = after.strip_prefix('\'') else {
            values.push(None);
            rest = after.strip_prefix("NULL").unwrap_or_default();
            continue;
        };
        let mut value = String::new();
        while let Some((part, behind)) = quoted.split_once('\'') {
            value.push_str(part);
            match behind.strip_prefix('\'') {
                Some(behind) => {
                    value.push('\'');
                    quoted = behind;
                }
                None => {
                    quoted = behind;
                    break;
                }
            }
        }
        values.push(Some(value));
        rest = quoted;
    }
    values
}

/// A statement with constants in the place of `$1`.
fn with_parameters(text: &str, values: &[Option<String>]) -> String {
    let Ok(statements) = split(text) else { return text.to_owned() };
    let [statement] = &statements[..] else { return text.to_owned() };
    let (mut replaced, mut from) = (String::new(), 0);
    for (at, part) in statement.placed_parts() {
        let Part::Other(parameter) = part else { continue };
        let number = parameter.strip_prefix('$').and_then(|number| number.parse::<usize>().ok());
        if let Some(value) = number.and_then(|number| values.get(number.checked_sub(1)?)) {
            replaced.push_str(&statement.text[from..at.start]);
            replaced.push_str(&value.as_ref().map_or_else(|| "NULL".to_owned(), |value| literal(value)));
            from = at.end;
        }
    }
    replaced.push_str(&statement.text[from..]);
    replaced
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logged(lines: &[(&str, &str)]) -> String {
        let line = |(kind, text): &(&str, &str)| {
            format!("2026-01-02 03:04:05.678 UTC [12] {kind}:  {}\n", text.replace('\n', "\n\t"))
        };
        lines.iter().map(line).collect()
    }

    #[test]
    fn what_is_committed_is_told() {
        let log = logged(&[
            ("LOG", "statement: BEGIN"),
            ("LOG", "statement: CREATE TABLE a (\n  id int -- [1] LOG:  no\n);"),
            ("LOG", "statement: SAVEPOINT \"s1\""),
            ("LOG", "statement: CREATE TABLE wrong ()"),
            ("LOG", "statement: ROLLBACK TO SAVEPOINT \"s1\""),
            ("LOG", "statement: SELECT missing"),
            ("ERROR", "column \"missing\" does not exist at character 8"),
            ("STATEMENT", "SELECT missing"),
            ("LOG", "statement: ROLLBACK TO SAVEPOINT s1"),
            ("LOG", "execute <unnamed>: INSERT INTO a VALUES ($1, '$2', $2, $3)"),
            ("DETAIL", "parameters: $1 = 'it''s $2 = ''x''', $2 = NULL, $3 = 'two\nlines'"),
            ("LOG", "execute fetch from S_1/C_2: INSERT INTO a VALUES ($1, '$2', $2, $3)"),
            ("LOG", "statement: COMMIT"),
            ("LOG", "statement: BEGIN"),
            ("LOG", "statement: DROP TABLE a"),
            ("LOG", "statement: ROLLBACK"),
            ("LOG", "statement: CREATE INDEX CONCURRENTLY ON a (id)"),
            ("LOG", "statement: CREATE INDEX ON missing (id)"),
            ("ERROR", "relation \"missing\" does not exist"),
            ("LOG", "statement: BEGIN; CREATE TABLE b (); COMMIT; CREATE TABLE c ()"),
            ("LOG", "statement: CREATE TABLE d (); SELECT missing"),
            ("ERROR", "column \"missing\" does not exist"),
            ("LOG", "disconnection: session time: 0:00:00.010"),
        ]);
        assert_eq!(
            committed(&log),
            [
                "CREATE TABLE a (\n  id int -- [1] LOG:  no\n)",
                "INSERT INTO a VALUES ('it''s $2 = ''x''', '$2', NULL, 'two\nlines')",
                "CREATE INDEX CONCURRENTLY ON a (id)",
                "CREATE TABLE b ()",
                "CREATE TABLE c ()",
            ]
        );
    }
}
