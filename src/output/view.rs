//! What a report shows, as plain data: a list of blocks that every format prints in its own way.
//!
//! A command says what is to be read and in which order; only the formats know how a table, a diff or a verdict looks.
//! Text in blocks is raw: the formats escape it.

use std::ops::Range;

use crate::findings::{AttributeFinding, Finding};

/// What a report shows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct View {
    /// The blocks, from top to bottom.
    pub blocks: Vec<Block>,
}

/// One block of a report.
#[derive(Debug, Clone, PartialEq)]
pub enum Block {
    /// What the report is about.
    Headline(Headline),
    /// Titles and values, a line each.
    Facts(Vec<(String, String)>),
    /// A table.
    Table(Table),
    /// A difference between two texts.
    Diff(Diff),
    /// Statements to be run as they stand, in this order.
    Sql(Sql),
    /// Lines of a file.
    Excerpt(Excerpt),
    /// A line of prose.
    Text(Text),
    /// Remarks.
    Notes(Vec<String>),
    /// The one line that says it all.
    Verdict(Verdict),
    /// What to run or do next.
    Next(Vec<String>),
}

/// What a report is about.
#[derive(Debug, Clone, PartialEq)]
pub struct Headline {
    /// `database platform`
    pub subject: String,
    /// ` on db.example.com:5432 as app, PostgreSQL 15.18`
    pub details: String,
    /// More about it, a line each.
    pub lines: Vec<String>,
}

/// A table. Cells may have several lines.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Printed above it.
    pub title: Option<String>,
    /// The titles of the columns.
    pub columns: Vec<ViewColumn>,
    /// The rows: as many cells each as there are columns.
    pub rows: Vec<Vec<String>>,
    /// Whether no line is drawn between rows, though their cells are prose.
    pub is_compact: bool,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct ViewColumn {
    /// Its title.
    pub title: String,
    /// Whether its cells are numbers, or code such as names of objects, or prose.
    pub content: Content,
}

/// What the cells of a column hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Words.
    Prose,
    /// Names and statements, which people copy.
    Code,
    /// Numbers, aligned to the right.
    Number,
}

/// A difference between two texts.
#[derive(Debug, Clone, PartialEq)]
pub struct Diff {
    /// Which text it is.
    pub title: String,
    /// The unified diff.
    pub unified: String,
}

/// Statements to be run.
#[derive(Debug, Clone, PartialEq)]
pub struct Sql {
    /// What they do.
    pub title: String,
    /// The statements, each with its semicolon.
    pub statements: Vec<String>,
}

/// Lines of a file that a report is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// The number of the first line, from 1.
    pub line: usize,
    /// The lines, whole.
    pub text: String,
    /// The bytes of the first line that are meant.
    pub marked: Range<usize>,
    /// How they are coloured.
    pub tone: Tone,
}

/// A line of prose.
#[derive(Debug, Clone, PartialEq)]
pub struct Text {
    /// Printed in front of it, in bold: `title: text`.
    pub label: Option<String>,
    /// The text. May be empty.
    pub text: String,
    /// How it is coloured.
    pub tone: Tone,
    /// By how many columns it is indented.
    pub indent: usize,
    /// When it is printed.
    pub shown: Shown,
}

/// When a line is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// Not with `--quiet`.
    Normally,
    /// Always.
    Always,
    /// Only with `--quiet`, where the block that says it otherwise is left out.
    OnlyQuietly,
}

/// The one line that says it all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The line.
    pub text: String,
    /// How it is coloured.
    pub tone: Tone,
}

/// How a line is coloured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Tone {
    /// Not at all.
    #[default]
    Plain,
    /// As something that is well.
    Good,
    /// As something to look at.
    Warning,
    /// As something that is wrong.
    Bad,
}

impl Text {
    /// A plain line.
    pub fn new(text: impl Into<String>) -> Self {
        Self { label: None, text: text.into(), tone: Tone::Plain, indent: 0, shown: Shown::Normally }
    }

    /// A line with a label in front of it.
    pub fn labelled(label: impl Into<String>, text: impl Into<String>) -> Self {
        Self { label: Some(label.into()), ..Self::new(text) }
    }

    /// The line in a colour.
    #[must_use]
    pub fn tone(mut self, tone: Tone) -> Self {
        self.tone = tone;
        self
    }

    /// The line, indented by so many columns.
    #[must_use]
    pub fn indented(mut self, indent: usize) -> Self {
        self.indent = indent;
        self
    }

    /// The line, printed always where `always` is true.
    #[must_use]
    pub fn when_quiet(mut self, always: bool) -> Self {
        self.shown = if always { Shown::Always } else { Shown::Normally };
        self
    }
}

impl Table {
    /// A table without rows.
    pub fn new(columns: &[(&str, Content)]) -> Self {
        let columns = columns
            .iter()
            .map(|(title, content)| ViewColumn { title: (*title).to_owned(), content: *content });
        Self { title: None, columns: columns.collect(), rows: Vec::new(), is_compact: false }
    }

    /// Draws no line between rows: they are many and short.
    #[must_use]
    pub fn compact(self) -> Self {
        Self { is_compact: true, ..self }
    }

    /// Adds a row.
    pub fn push(&mut self, cells: impl IntoIterator<Item = impl Into<String>>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// Rows of a database: a column for each name, NULL where there is no value.
    pub fn of_rows(columns: &[String], rows: &[Vec<Option<String>>]) -> Self {
        let columns = columns.iter().map(|name| ViewColumn { title: name.clone(), content: Content::Code });
        let rows = rows.iter().map(|row| row.iter().map(|value| or_null(value.as_deref())).collect());
        Self { title: None, columns: columns.collect(), rows: rows.collect(), is_compact: false }
    }
}

/// A value of a database for a person.
pub fn or_null(value: Option<&str>) -> String {
    value.unwrap_or("NULL").to_owned()
}

impl View {
    /// A report that shows nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a block.
    #[must_use]
    pub fn block(mut self, block: Block) -> Self {
        self.blocks.push(block);
        self
    }

    /// Adds a headline.
    #[must_use]
    pub fn headline(self, headline: Headline) -> Self {
        self.block(Block::Headline(headline))
    }

    /// Adds titles and values.
    #[must_use]
    pub fn facts(self, facts: Vec<(String, String)>) -> Self {
        if facts.is_empty() { self } else { self.block(Block::Facts(facts)) }
    }

    /// Adds a table, unless it has no rows.
    #[must_use]
    pub fn table(self, table: Table) -> Self {
        if table.rows.is_empty() { self } else { self.block(Block::Table(table)) }
    }

    /// Adds a diff.
    #[must_use]
    pub fn diff(self, title: impl Into<String>, unified: impl Into<String>) -> Self {
        self.block(Block::Diff(Diff { title: title.into(), unified: unified.into() }))
    }

    /// Adds statements, unless there are none.
    #[must_use]
    pub fn sql(self, title: impl Into<String>, statements: Vec<String>) -> Self {
        if statements.is_empty() {
            self
        } else {
            self.block(Block::Sql(Sql { title: title.into(), statements }))
        }
    }

    /// Adds lines of a file, where there are any.
    #[must_use]
    pub fn excerpt(self, excerpt: Option<Excerpt>) -> Self {
        excerpt.into_iter().map(Block::Excerpt).fold(self, Self::block)
    }

    /// Adds a line.
    #[must_use]
    pub fn text(self, text: Text) -> Self {
        self.block(Block::Text(text))
    }

    /// Adds a plain line.
    #[must_use]
    pub fn line(self, text: impl Into<String>) -> Self {
        self.text(Text::new(text))
    }

    /// Adds plain lines.
    #[must_use]
    pub fn lines(self, lines: impl IntoIterator<Item = impl Into<String>>) -> Self {
        lines.into_iter().fold(self, Self::line)
    }

    /// Adds remarks, unless there are none.
    #[must_use]
    pub fn notes(self, notes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let notes: Vec<String> = notes.into_iter().map(Into::into).collect();
        if notes.is_empty() { self } else { self.block(Block::Notes(notes)) }
    }

    /// Adds the verdict.
    #[must_use]
    pub fn verdict(self, text: impl Into<String>, tone: Tone) -> Self {
        self.block(Block::Verdict(Verdict { text: text.into(), tone }))
    }

    /// Adds what to do next, unless there is nothing.
    #[must_use]
    pub fn next(self, next: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let next: Vec<String> = next.into_iter().map(Into::into).collect();
        if next.is_empty() { self } else { self.block(Block::Next(next)) }
    }

    /// Adds all blocks of another view.
    #[must_use]
    pub fn then(mut self, other: View) -> Self {
        self.blocks.extend(other.blocks);
        self
    }

    /// The lines, printed only with `--quiet`.
    #[must_use]
    pub fn quiet_only(mut self) -> Self {
        for block in &mut self.blocks {
            if let Block::Text(text) = block {
                text.shown = Shown::OnlyQuietly;
            }
        }
        self
    }

    /// Adds findings: the table in which people write incidents down, and long values as diffs.
    #[must_use]
    pub fn findings(mut self, findings: &[Finding]) -> Self {
        let columns = ["object", "database", "declared", "cause", "action"];
        let mut table = Table::new(&columns.map(|title| (title, Content::Prose)));
        table.columns[0].content = Content::Code;
        for finding in findings {
            table.push(cells(finding));
        }
        self = self.table(table);
        for finding in findings {
            for attribute in finding.attributes.iter().filter(|attribute| has_long_value(attribute)) {
                let object = finding.object_in_line();
                let title = format!("{} {object}: {}", finding.kind_label(), attribute.name);
                self = self.diff(title, unified(finding, attribute));
            }
        }
        self
    }
}

/// A finding as a row: the object with its kind and severity, the database, what is declared, cause, action.
fn cells(finding: &Finding) -> [String; 5] {
    let object = format!("{}\n{}, {}", finding.object_in_line(), finding.kind_label(), finding.severity);
    let (database, declared) = sides(finding);
    let mut cause: Vec<String> = Vec::new();
    cause.extend(finding.cause.as_ref().map(|cause| match cause.detail.as_str() {
        "" => cause.kind.label().to_owned(),
        detail => format!("{}: {detail}", cause.kind.label()),
    }));
    for attribute in &finding.attributes {
        if let Some(own) = &attribute.cause {
            cause.push(format!("{}: {}: {}", attribute.name, own.kind.label(), own.detail));
        }
    }
    cause.extend(finding.consequences.iter().map(|consequence| format!("+ {consequence}")));
    let action = finding.remedy.summary().unwrap_or_default();
    [object, database, declared, cause.join("\n"), action]
}

/// What the database has and what is declared.
fn sides(finding: &Finding) -> (String, String) {
    match &finding.sides {
        Some(sides) if finding.attributes.is_empty() => (sides.database.clone(), sides.declared.clone()),
        _ => {
            let side = |value: fn(&AttributeFinding) -> &Option<String>| {
                let lines = finding.attributes.iter().map(|attribute| {
                    let shown = match value(attribute).as_deref() {
                        None => "none",
                        Some(value) if is_long(value) => "(see below)",
                        Some(value) => value,
                    };
                    format!("{}: {shown}", attribute.name)
                });
                lines.collect::<Vec<_>>().join("\n")
            };
            (side(|attribute| &attribute.actual), side(|attribute| &attribute.declared))
        }
    }
}

/// Whether a value has no room in a table.
fn is_long(value: &str) -> bool {
    value.contains('\n') || value.chars().count() > 80
}

fn has_long_value(attribute: &AttributeFinding) -> bool {
    [&attribute.declared, &attribute.actual].into_iter().flatten().any(|value| is_long(value))
}

/// A unified diff from what is declared, or the migration's file, to what the database has.
fn unified(finding: &Finding, attribute: &AttributeFinding) -> String {
    let value = |side: &Option<String>| side.clone().unwrap_or_default();
    let (declared, actual) = (value(&attribute.declared), value(&attribute.actual));
    let ours = if finding.kind == "migration" { "file" } else { "declared" };
    crate::postgres::sql::unified((ours, &declared), ("database", &actual))
}
