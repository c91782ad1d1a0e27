//! Tables, diffs and prose for a terminal.

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Width, presets};

use crate::output::escape::{escape as line, escape_lines};
use crate::output::excerpt;
use crate::output::style::Style;
use crate::output::view::{Block, Content, Diff, Shown, Sql, Table, Text, Tone, View};
use crate::output::wrap::{wrap, wrap_around_code};

/// The view for a terminal.
pub(in crate::output) fn render(view: &View, style: Style) -> String {
    let mut page = Page { style, text: String::new(), after_sql: false };
    for block in &view.blocks {
        page.block(block);
    }
    page.text
}

struct Page {
    style: Style,
    text: String,
    /// Whether the last block is SQL: what follows it is none, and stands apart.
    after_sql: bool,
}

impl Page {
    fn block(&mut self, block: &Block) {
        if !is_printed(block, self.style.quiet) {
            return;
        }
        if std::mem::replace(&mut self.after_sql, matches!(block, Block::Sql(_))) {
            self.gap();
        }
        match block {
            Block::Headline(headline) => {
                self.gap();
                let subject = line(&headline.subject);
                let text = wrap(&format!("{subject}{}", line(&headline.details)), self.width(), 2);
                // A subject that was wrapped is not printed in bold.
                let bold = self.style.bold(&subject);
                let text = text.strip_prefix(&*subject).map_or(text.clone(), |rest| format!("{bold}{rest}"));
                self.line(&text);
                for more in &headline.lines {
                    self.prose(&line(more), 0);
                }
            }
            Block::Facts(facts) => self.facts(facts),
            Block::Table(table) => self.table(table),
            Block::Diff(diff) => self.diff(diff),
            Block::Sql(sql) => self.sql(sql),
            Block::Excerpt(excerpt) => {
                let drawn = excerpt::drawn(excerpt, self.style);
                self.line(&drawn);
            }
            Block::Text(text) => self.text(text),
            Block::Notes(notes) => {
                for note in notes {
                    self.prose(&format!("note: {}", line(note)), "note: ".len());
                }
            }
            Block::Verdict(verdict) => {
                self.gap();
                let text = wrap(&line(&verdict.text), self.width(), 0);
                for line in text.lines() {
                    let line = self.style.bold(&self.coloured(line, verdict.tone));
                    self.line(&line);
                }
            }
            Block::Next(next) => {
                for next in next {
                    let text = format!("next: {}", line(next));
                    self.line(&wrap_around_code(&text, self.width(), "next: ".len()));
                }
            }
        }
    }

    /// The width that prose is wrapped to.
    fn width(&self) -> usize {
        if self.style.wraps { usize::from(self.style.width) } else { usize::MAX }
    }

    fn line(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }

    /// A paragraph; lines after the first are indented.
    fn prose(&mut self, text: &str, indent: usize) {
        let wrapped = wrap(text, self.width(), indent);
        self.line(&wrapped);
    }

    /// An empty line between blocks, and none at the top.
    fn gap(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    fn coloured(&self, text: &str, tone: Tone) -> String {
        match tone {
            Tone::Plain => text.to_owned(),
            Tone::Good => self.style.green(text),
            Tone::Warning => self.style.yellow(text),
            Tone::Bad => self.style.red(text),
        }
    }

    fn facts(&mut self, facts: &[(String, String)]) {
        let widest = facts.iter().map(|(title, _)| title.chars().count()).max().unwrap_or_default();
        for (title, value) in facts {
            let value = wrap(&line(value), self.width().saturating_sub(widest + 1), 0);
            let title = self.style.bold(&format!("{title:<widest$}"));
            let mut lines = value.lines();
            self.line(&format!("{title} {}", lines.next().unwrap_or_default()));
            for more in lines {
                self.line(&format!("{:widest$} {more}", ""));
            }
        }
    }

    fn text(&mut self, text: &Text) {
        let indent = " ".repeat(text.indent);
        let label = text.label.as_ref().map(|label| line(label).into_owned());
        let plain = match (&label, text.text.as_str()) {
            (Some(label), "") => label.clone(),
            (Some(label), more) => format!("{label}: {}", escape_lines(more)),
            (None, more) => escape_lines(more).into_owned(),
        };
        let width = self.width().saturating_sub(text.indent);
        for paragraph in plain.lines() {
            for (number, shown) in wrap(paragraph, width, 2).lines().enumerate() {
                let mut shown = self.coloured(shown, text.tone);
                if let Some(label) = label.as_ref().filter(|_| number == 0) {
                    shown = shown.replacen(label.as_str(), &self.style.bold(label), 1);
                }
                self.line(&format!("{indent}{shown}"));
            }
        }
    }

    fn diff(&mut self, diff: &Diff) {
        self.gap();
        let title = self.style.bold(&line(&diff.title));
        self.line(&title);
        for diff_line in diff.unified.lines() {
            let shown = escape_lines(diff_line);
            let shown = match diff_line.as_bytes().first() {
                Some(b'-') => self.style.red(&shown),
                Some(b'+') => self.style.green(&shown),
                _ => shown.into_owned(),
            };
            self.line(&shown);
        }
    }

    /// Statements begin at the line's edge: they are there to be pasted, and spaces before a line would become a part of a
    /// function's body or of a text of several lines.
    fn sql(&mut self, sql: &Sql) {
        self.gap();
        let title = self.style.bold(&format!("{}:", line(&sql.title)));
        self.line(&title);
        for sql_line in sql.statements.iter().flat_map(|statement| statement.lines()) {
            self.line(&escape_lines(sql_line));
        }
    }

    /// A table where every word has room in its column, else a list: people copy names, times and identifiers.
    fn table(&mut self, table: &Table) {
        self.gap();
        if let Some(title) = &table.title {
            let title = self.style.bold(&line(title));
            self.line(&title);
        }
        let cells: Vec<Vec<String>> = table
            .rows
            .iter()
            .map(|row| row.iter().map(|cell| escape_lines(cell).into_owned()).collect())
            .collect();
        let longest: Vec<u16> =
            (0..table.columns.len()).map(|column| longest_word(table, &cells, column)).collect();
        // A border before each column and one at the end, and a space on either side of each cell.
        let needed: usize = longest.iter().map(|longest| usize::from(*longest) + 3).sum::<usize>() + 1;
        match needed <= usize::from(self.style.width) {
            true => {
                let drawn = drawn(table, &cells, &longest, self.style);
                self.line(&drawn);
            }
            false => self.list(table, &cells),
        }
    }

    /// The rows one below the other: the first cell is the title.
    fn list(&mut self, table: &Table, cells: &[Vec<String>]) {
        let titles = table.columns.iter().skip(1).map(|column| line(&column.title));
        let titles: Vec<String> = titles.map(|title| title.into_owned()).collect();
        let widest = titles.iter().map(|title| title.chars().count()).max().unwrap_or_default();
        for (number, row) in cells.iter().enumerate() {
            if number > 0 {
                self.gap();
            }
            let mut head = row.first().map(String::as_str).unwrap_or_default().lines();
            let name = self.style.bold(head.next().unwrap_or_default());
            let rest: Vec<&str> = head.collect();
            let rest = if rest.is_empty() { String::new() } else { format!(" ({})", rest.join(", ")) };
            self.line(&format!("{name}{rest}"));
            for (title, cell) in titles.iter().zip(row.iter().skip(1)).filter(|(_, cell)| !cell.is_empty()) {
                let width = self.width().saturating_sub(widest + 4);
                let lines = cell
                    .lines()
                    .flat_map(|part| wrap(part, width, 0).lines().map(str::to_owned).collect::<Vec<_>>());
                for (number, shown) in lines.enumerate() {
                    let title = if number == 0 { title.as_str() } else { "" };
                    self.line(&format!("  {title:<widest$}  {shown}"));
                }
            }
        }
    }
}

/// Whether a block is printed with or without `--quiet`.
fn is_printed(block: &Block, quiet: bool) -> bool {
    match block {
        Block::Verdict(_) | Block::Next(_) => true,
        Block::Text(Text { shown: Shown::Always, .. }) => true,
        Block::Text(Text { shown: Shown::OnlyQuietly, .. }) => quiet,
        _ => !quiet,
    }
}

/// The length of the longest word of a column, its title included.
fn longest_word(table: &Table, cells: &[Vec<String>], column: usize) -> u16 {
    let words =
        |text: &str| text.split_whitespace().map(console::measure_text_width).max().unwrap_or_default();
    let of_cells = cells.iter().filter_map(|row| row.get(column)).map(|cell| words(cell));
    let longest = of_cells.chain([words(&table.columns[column].title)]).max().unwrap_or_default();
    u16::try_from(longest).unwrap_or(u16::MAX)
}

fn drawn(table: &Table, cells: &[Vec<String>], longest: &[u16], style: Style) -> String {
    let mut drawn = comfy_table::Table::new();
    let several_lines = cells.iter().flatten().any(|cell| cell.contains('\n'));
    let has_prose = table.columns.iter().any(|column| column.content == Content::Prose);
    let has_rules = (several_lines || has_prose) && !table.is_compact;
    let preset = match (has_rules, style.ascii) {
        (true, false) => presets::UTF8_FULL,
        (false, false) => presets::UTF8_FULL_CONDENSED,
        (true, true) => presets::ASCII_FULL,
        (false, true) => presets::ASCII_FULL_CONDENSED,
    };
    drawn
        .load_style(preset)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(style.width)
        .set_header(table.columns.iter().map(|column| line(&column.title).into_owned()));
    for row in cells {
        drawn.add_row(row);
    }
    for (number, column) in table.columns.iter().enumerate() {
        let Some(drawn) = drawn.column_mut(number) else { continue };
        drawn.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(longest[number] + 2)));
        if column.content == Content::Number {
            drawn.set_cell_alignment(CellAlignment::Right);
        }
    }
    drawn.to_string()
}
