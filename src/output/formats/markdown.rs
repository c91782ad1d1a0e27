//! Markdown, for a merge request, a ticket or an incident's page.

use super::{title, verdict};
use crate::output::escape::escape_lines;
use crate::output::report::Envelope;
use crate::output::view::{Block, Content, Shown, Table, Text, View};

/// The view as Markdown: the verdict is the heading.
pub(in crate::output) fn render(envelope: Envelope<'_>, view: &View) -> String {
    sections(envelope, view).join("\n\n") + "\n"
}

/// The heading, and each block of the view that Markdown shows. They stand apart by an empty line.
pub(in crate::output) fn sections(envelope: Envelope<'_>, view: &View) -> Vec<String> {
    let title = title(envelope);
    let mut sections = vec![match verdict(view) {
        Some(verdict) => format!("## {title}: {}", cell(verdict)),
        None => format!("## {title}"),
    }];
    sections.extend(view.blocks.iter().filter_map(block));
    sections
}

fn block(block: &Block) -> Option<String> {
    Some(match block {
        Block::Headline(headline) => {
            let mut lines = vec![cell(&format!("{}{}", headline.subject, headline.details))];
            lines.extend(headline.lines.iter().map(|line| cell(line)));
            lines.join("<br>\n")
        }
        Block::Facts(facts) => {
            let rows = facts.iter().map(|(title, value)| format!("| {} | {} |", cell(title), cell(value)));
            ["| | |".to_owned(), "|---|---|".to_owned()]
                .into_iter()
                .chain(rows)
                .collect::<Vec<_>>()
                .join("\n")
        }
        Block::Table(table) => self::table(table),
        Block::Diff(diff) => format!("{}\n\n{}", cell(&diff.title), fenced("diff", &diff.unified)),
        Block::Sql(sql) => format!("{}\n\n{}", cell(&sql.title), fenced("sql", &sql.statements.join("\n"))),
        Block::Text(Text { shown: Shown::OnlyQuietly, .. }) => return None,
        Block::Excerpt(excerpt) => fenced("sql", &excerpt.text),
        Block::Text(text) => self::text(text),
        Block::Notes(notes) => {
            notes.iter().map(|note| format!("Note: {}", cell(note))).collect::<Vec<_>>().join("\n\n")
        }
        Block::Verdict(_) => return None,
        Block::Next(next) => {
            next.iter().map(|next| format!("Next: {}", code(next))).collect::<Vec<_>>().join("\n\n")
        }
    })
}

fn text(text: &Text) -> String {
    match (&text.label, text.text.as_str()) {
        (Some(label), "") => format!("**{}**", cell(label)),
        (Some(label), text) => format!("**{}**: {}", cell(label), cell(text)),
        (None, text) => cell(text),
    }
}

fn table(table: &Table) -> String {
    let line = |cells: Vec<String>| format!("| {} |", cells.join(" | "));
    let mut lines = Vec::new();
    lines.extend(table.title.iter().map(|title| format!("{}\n", cell(title))));
    lines.push(line(table.columns.iter().map(|column| cell(&column.title)).collect()));
    let rule = |content| if content == Content::Number { "--:" } else { "---" };
    lines.push(format!("|{}|", table.columns.iter().map(|c| rule(c.content)).collect::<Vec<_>>().join("|")));
    for row in &table.rows {
        let cells = row.iter().zip(&table.columns).map(|(value, column)| match column.content {
            Content::Code => value
                .lines()
                .enumerate()
                .map(|(n, line)| if n == 0 { code(line) } else { cell(line) })
                .collect::<Vec<_>>()
                .join("<br>"),
            Content::Prose | Content::Number => cell(value),
        });
        lines.push(line(cells.collect()));
    }
    lines.join("\n")
}

/// Text inside of a table's cell or a paragraph.
fn cell(value: &str) -> String {
    let mut cell = String::with_capacity(value.len());
    for (number, line) in value.lines().enumerate() {
        if number > 0 {
            cell.push_str("<br>");
        }
        for character in escape_lines(line).chars() {
            match character {
                '|' | '*' | '_' | '`' | '[' | ']' | '\\' => cell.extend(['\\', character]),
                '<' => cell.push_str("&lt;"),
                '&' => cell.push_str("&amp;"),
                _ => cell.push(character),
            }
        }
    }
    cell
}

/// A code span that no backtick inside of it ends. An empty one would be no code span at all.
fn code(value: &str) -> String {
    if value.is_empty() {
        return String::new();
    }
    let shown = escape_lines(&value.replace('\n', " ")).replace('|', "\\|");
    let longest = shown.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    if longest > 0 { format!("{fence} {shown} {fence}") } else { format!("{fence}{shown}{fence}") }
}

fn fenced(language: &str, body: &str) -> String {
    let longest = body.split(|c| c != '`').map(str::len).max().unwrap_or(0).max(2);
    let fence = "`".repeat(longest + 1);
    let lines = body.lines().map(|line| escape_lines(line).into_owned());
    let mut all = vec![format!("{fence}{language}")];
    all.extend(lines);
    all.push(fence);
    all.join("\n")
}
