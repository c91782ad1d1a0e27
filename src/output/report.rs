//! What every report has in common, and how it becomes text in a format.

use clap::ValueEnum;
use serde::Serialize;

use super::formats;
use super::style::Style;
use super::view::View;
use crate::error::Exit;
use crate::findings::Finding;

/// The version of the JSON document's shape.
pub const FORMAT: u32 = 1;

/// How a report is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Tables for a person
    #[default]
    Human,
    /// One JSON document
    Json,
    /// Markdown, for a merge request or a ticket
    Markdown,
}

impl Format {
    /// The word for it on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Json => "json",
            Self::Markdown => "markdown",
        }
    }

    /// Whether it lists findings and nothing else, so that a report without findings cannot be written in it.
    pub fn is_of_findings(self) -> bool {
        false
    }

    /// The format that the suffix of a file's name stands for.
    pub fn of_file(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let suffixes = [
            (".json", Self::Json),
            (".md", Self::Markdown),
            (".markdown", Self::Markdown),
            (".txt", Self::Human),
            // The statements of --sql.
            (".sql", Self::Human),
        ];
        suffixes.into_iter().find(|(suffix, _)| name.ends_with(suffix)).map(|(_, format)| format)
    }
}

/// Which command made a report, in which run, and how it ended: what every JSON document begins with.
#[derive(Debug, Clone, Copy)]
pub struct Envelope<'r> {
    /// The command's name; `None` where the arguments name none.
    pub command: Option<&'r str>,
    /// The run's ULID.
    pub run: &'r str,
    /// The exit code.
    pub exit: Exit,
}

/// A report of a command. Its serialised form is the body of the JSON document.
pub trait Report: Serialize {
    /// Which command made it, and how that ended.
    fn envelope(&self) -> Envelope<'_>;

    /// What a person reads.
    fn view(&self) -> View;

    /// What was found; `None` where a report of this kind has no findings.
    fn findings(&self) -> Option<&[Finding]> {
        None
    }

    /// What was examined and is well, for formats that count that, too.
    fn passed(&self) -> Vec<String> {
        Vec::new()
    }
}

/// A report as text.
pub fn render(report: &impl Report, format: Format, style: Style) -> String {
    match format {
        Format::Human => formats::human::render(&report.view(), style),
        Format::Json => formats::json::render(report.envelope(), report),
        Format::Markdown => formats::markdown::render(report.envelope(), &report.view()),
    }
}
