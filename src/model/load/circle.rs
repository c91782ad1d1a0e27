//! Tables that refer to each other in their CREATE TABLE: none of them can be created first, whatever the order.

use super::{SqlScript, Waiting};
use crate::error::{ErrorCode, Failure};
use crate::postgres::sql::{Part, Statement, identifier};

/// The failure of a circle among the statements that cannot be loaded; `None` where there is none. What else waits only
/// waits for these tables, or is told when they can be loaded.
pub(super) fn failure(scripts: &[SqlScript<'_>], waiting: &[Waiting]) -> Option<Failure> {
    let circle = find(scripts, waiting)?;
    let statement = |item: &Waiting| &scripts[item.script].statements[item.statement];
    let names: Vec<String> = circle
        .iter()
        .filter_map(|item| created_table(statement(item)))
        .map(|name| name.iter().map(|part| identifier(part)).collect::<Vec<_>>().join("."))
        .collect();
    let places: Vec<String> = circle
        .iter()
        .map(|item| {
            let (path, statement) = (scripts[item.script].path, statement(item));
            format!("\n  {path}: line {}: {}", statement.line, statement.summary())
        })
        .collect();
    let what = format!(
        "the tables {} refer to each other by foreign keys: none of them can be created first{}",
        names.join(", "),
        places.concat()
    );
    let next = format!(
        "take one of these foreign keys out of its CREATE TABLE, and add it after the tables: ALTER TABLE {} ADD \
         FOREIGN KEY (...) REFERENCES ...",
        names.first().map_or("...", String::as_str)
    );
    Some(Failure::usage(what).code(ErrorCode::SCHEMA_INVALID).next(next))
}

/// The statements of a circle, in the order of the files. Every statement waits for the one table that the server
/// missed first.
fn find<'w>(scripts: &[SqlScript<'_>], waiting: &'w [Waiting]) -> Option<Vec<&'w Waiting>> {
    let made: Vec<Option<Vec<String>>> =
        waiting.iter().map(|item| created_table(&scripts[item.script].statements[item.statement])).collect();
    let needed = |index: usize| {
        let missing = waiting[index].error.missing_relation()?;
        made.iter().position(|name| name.as_ref().is_some_and(|name| is_named(name, missing)))
    };
    (0..waiting.len()).filter(|start| made[*start].is_some()).find_map(|start| {
        let mut circle = vec![start];
        let mut at = needed(start)?;
        while at != start {
            // What leads into another circle is only waiting for it.
            if circle.contains(&at) {
                return None;
            }
            circle.push(at);
            at = needed(at)?;
        }
        circle.sort_unstable();
        (circle.len() > 1).then(|| circle.into_iter().map(|index| &waiting[index]).collect())
    })
}

/// The parts of the name of the table that a statement creates.
fn created_table(statement: &Statement<'_>) -> Option<Vec<String>> {
    let mut parts = statement.parts().peekable();
    parts.next().filter(|part| part.is("create"))?;
    while parts
        .next_if(|part| ["global", "local", "temp", "temporary", "unlogged"].iter().any(|word| part.is(word)))
        .is_some()
    {}
    parts.next().filter(|part| part.is("table"))?;
    if parts.next_if(|part| part.is("if")).is_some() {
        parts.nth(1);
    }
    let mut name = vec![parts.next()?.name()?.to_owned()];
    while parts.next_if(|part| matches!(part, Part::Other("."))).is_some() {
        name.push(parts.next()?.name()?.to_owned());
    }
    Some(name)
}

/// Whether a name is the one of a message: `users`, `app.users`.
fn is_named(name: &[String], message: &str) -> bool {
    let said: Vec<&str> = message.split('.').collect();
    let length = said.len().min(name.len());
    name[name.len() - length..].iter().map(String::as_str).eq(said[said.len() - length..].iter().copied())
}
