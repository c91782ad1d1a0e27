//! What the statement around an error names: tables with their aliases, and what it does. Whole statements are rarely there,
//! so nothing is parsed: words are looked for.

use std::sync::LazyLock;

use regex::Regex;

use crate::postgres::sql::split_qualified;

/// The bytes before and after an error in which its statement is looked for.
const AROUND: usize = 8 * 1024;

static TABLE: LazyLock<Regex> = LazyLock::new(|| {
    let name = r#"(?:"[^"\n]+"|[A-Za-z_][A-Za-z0-9_$]*)"#;
    pattern(&format!(
        r"(?i)\b(?:from|join|update|into|only)\s+(?P<table>{name}(?:\.{name})?)(?:\s+(?:as\s+)?(?P<alias>{name}))?"
    ))
});
static VERB: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?i)(?:\[SQL: |STATEMENT: +|LINE 1: +|QUERY: +|"(?:sql|query|statement)": ?")\s*(?P<verb>select|insert|update|delete|truncate)\b"#,
    )
});

/// A line that begins another entry of a log: it has a level. What belongs to the same entry is marked otherwise.
static NEXT_ENTRY: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\n(?:\{|[^\n]*?\b(?:LOG|ERROR|FATAL|PANIC|CRITICAL|WARN|WARNING|NOTICE|INFO|DEBUG|TRACE)\b[\]:| ])",
    )
});

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern of this file")
}

/// A table that a statement names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MentionedTable {
    /// The schema, where it is named.
    pub(crate) schema: Option<String>,
    /// The table.
    pub(crate) table: String,
    /// What the statement calls it.
    pub(crate) alias: Option<String>,
}

/// What the text around an error mentions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct StatementMentions {
    /// The tables, each once.
    pub(crate) tables: Vec<MentionedTable>,
    /// The privilege that the statement needs first: `SELECT`, `INSERT`, ...
    pub(crate) privilege: Option<&'static str>,
}

impl StatementMentions {
    /// Those around a place in a text.
    pub(super) fn around(text: &str, start: usize, end: usize) -> Self {
        let entry = entry(text, start, end);
        let mut tables = tables_in(entry);
        if tables.is_empty() {
            // Some write the statement before the error: the nearest one comes first.
            let before = &text[boundary(text, start.saturating_sub(AROUND))..boundary(text, start)];
            tables = tables_in(before);
            tables.reverse();
        }
        let verb = VERB.captures(entry);
        let privilege = verb.and_then(|found| {
            let verb = found["verb"].to_ascii_uppercase();
            ["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE"].into_iter().find(|word| *word == verb)
        });
        Self { tables, privilege }
    }

    /// The table that a statement means by a name before a dot: an alias, else the table itself.
    pub(crate) fn meant_by(&self, name: &str) -> Option<&MentionedTable> {
        let by_alias = |table: &&MentionedTable| {
            table.alias.as_deref().is_some_and(|alias| alias.eq_ignore_ascii_case(name))
        };
        self.tables.iter().find(by_alias).or_else(|| self.tables.iter().find(|table| table.table == name))
    }
}

/// The entry of a log that has an error: from the line on which it begins to the line that begins another entry.
fn entry(text: &str, start: usize, end: usize) -> &str {
    let (start, end) = (boundary(text, start), boundary(text, end));
    let begins = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let begins = begins.max(boundary(text, start.saturating_sub(AROUND)));
    let limit = boundary(text, end.saturating_add(AROUND));
    let ends = NEXT_ENTRY.find(&text[end..limit]).map_or(limit, |next| end + next.start());
    &text[begins..ends]
}

/// The tables that a text names, each once.
fn tables_in(text: &str) -> Vec<MentionedTable> {
    let mut tables: Vec<MentionedTable> = Vec::new();
    for found in TABLE.captures_iter(text) {
        let Some(mut parts) = split_qualified(&found["table"]) else { continue };
        let Some(table) = parts.pop().map(|name| folded(&name, &found["table"])) else { continue };
        let schema = parts.pop().map(|name| folded(&name, &found["table"]));
        let alias = found.name("alias").map(|alias| alias.as_str().trim_matches('"').to_owned());
        let mentioned = MentionedTable { schema, table, alias: alias.filter(|alias| !is_keyword(alias)) };
        if !tables.contains(&mentioned) {
            tables.push(mentioned);
        }
    }
    tables
}

/// An unquoted name as the server reads it.
fn folded(name: &str, whole: &str) -> String {
    if whole.contains('"') { name.to_owned() } else { name.to_lowercase() }
}

fn is_keyword(word: &str) -> bool {
    const AFTER_A_TABLE: [&str; 19] = [
        "where",
        "set",
        "join",
        "inner",
        "left",
        "right",
        "full",
        "cross",
        "on",
        "order",
        "group",
        "limit",
        "values",
        "returning",
        "using",
        "for",
        "union",
        "select",
        "natural",
    ];
    AFTER_A_TABLE.iter().any(|keyword| keyword.eq_ignore_ascii_case(word))
}

/// The nearest place at or before this one where a character begins.
fn boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_are_resolved() {
        let text =
            "SELECT u1_0.locale FROM app.users u1_0 JOIN \"Orders\" AS o ON o.user_id = u1_0.id WHERE 1=1";
        let mentions = StatementMentions::around(text, 0, 0);
        let meant = mentions.meant_by("u1_0").unwrap();
        assert_eq!((meant.schema.as_deref(), meant.table.as_str()), (Some("app"), "users"));
        assert_eq!(mentions.meant_by("o").unwrap().table, "Orders");
        assert_eq!(mentions.meant_by("x"), None);
        let plain =
            StatementMentions::around("update users set a = 1; SELECT 1 FROM users WHERE id = 1", 0, 0);
        assert_eq!(plain.tables.iter().map(|table| table.alias.as_deref()).collect::<Vec<_>>(), [None]);
    }

    #[test]
    fn the_statement_of_the_error_counts_and_not_that_of_another_entry() {
        let before =
            "LOG:  statement: select 1 from organizations o\nLOG:  statement: select 1 from users o\n";
        let tables = |text: &str| {
            let start = text.find("ERROR").unwrap();
            let mentions = StatementMentions::around(text, start, start + 5);
            mentions.tables.into_iter().map(|table| table.table).collect::<Vec<_>>()
        };
        let own = format!(
            "{before}ERROR:  no\nSTATEMENT:  select 1\n\tfrom api_keys o\nLOG:  from memberships o\n"
        );
        assert_eq!(tables(&own), ["api_keys"]);
        let none = format!("{before}ERROR:  no\nLOG:  from memberships o\n");
        assert_eq!(tables(&none), ["users", "organizations"]);
        assert_eq!(tables("could not run [select 1 from api_keys] [ERROR: no"), ["api_keys"]);
    }

    #[test]
    fn the_privilege_is_that_of_the_statement_after_the_error() {
        let privilege = |text: &str| StatementMentions::around(text, 0, 0).privilege;
        assert_eq!(privilege("x\n[SQL: INSERT INTO users (id) VALUES (1)]"), Some("INSERT"));
        assert_eq!(privilege("x\n2026 STATEMENT:  delete from users"), Some("DELETE"));
        assert_eq!(privilege("select is a word"), None);
    }
}
