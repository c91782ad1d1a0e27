//! What every report has in common, and how it becomes text in a format.

use clap::ValueEnum;
use serde::Serialize;

use super::formats::{self, Findings};
use super::metrics::Metrics;
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
    /// JUnit XML: a test case for each finding
    Junit,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// GitHub Actions: annotations
    Github,
    /// GitLab: a code quality report
    Gitlab,
    /// One HTML file
    Html,
    /// Metrics for node_exporter's textfile collector (check, verify and ready alone)
    Prometheus,
}

impl Format {
    /// The word for it on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Json => "json",
            Self::Markdown => "markdown",
            Self::Junit => "junit",
            Self::Sarif => "sarif",
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::Html => "html",
            Self::Prometheus => "prometheus",
        }
    }

    /// Whether it lists findings and nothing else, so that a report without findings cannot be written in it.
    pub fn is_of_findings(self) -> bool {
        matches!(self, Self::Junit | Self::Sarif | Self::Github | Self::Gitlab)
    }

    /// Whether who reads its files must never see half of one: it looks whenever it likes.
    pub fn is_read_at_any_time(self) -> bool {
        self == Self::Prometheus
    }

    /// The format that the suffix of a file's name stands for.
    pub fn of_file(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let suffixes = [
            (".sarif", Self::Sarif),
            (".sarif.json", Self::Sarif),
            (".xml", Self::Junit),
            (".html", Self::Html),
            (".htm", Self::Html),
            (".json", Self::Json),
            (".md", Self::Markdown),
            (".markdown", Self::Markdown),
            (".prom", Self::Prometheus),
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

    /// What it counts, for systems that collect numbers; `None` where a report of this kind counts nothing.
    fn metrics(&self) -> Option<Metrics> {
        None
    }

    /// What was examined and is well, for formats that count that, too.
    fn passed(&self) -> Vec<String> {
        Vec::new()
    }
}

/// A report as text. `from_repository` is the way from the root of the repository to the project directory, `db/` or
/// empty: what code scanning and annotations call a file.
pub fn render(report: &impl Report, format: Format, style: Style, from_repository: &str) -> String {
    let findings = || Findings::of(report, from_repository);
    match format {
        Format::Human => formats::human::render(&report.view(), style),
        Format::Json => formats::json::render(report.envelope(), report),
        Format::Markdown => formats::markdown::render(report.envelope(), &report.view()),
        Format::Junit => formats::junit::render(&findings()),
        Format::Sarif => formats::sarif::render(&findings()),
        Format::Github => formats::github::render(&findings()),
        Format::Gitlab => formats::gitlab::render(&findings()),
        Format::Html => formats::html::render(report.envelope(), &report.view()),
        Format::Prometheus => metrics_text(&report.metrics().unwrap_or_default()),
    }
}

/// Metrics as Prometheus reads them.
pub fn metrics_text(metrics: &Metrics) -> String {
    formats::prometheus::render(metrics)
}

/// A report as the summary of a step of GitHub Actions, to be added to a file that already has so many bytes. `None` when
/// the file has no room for it.
pub fn step_summary(report: &impl Report, already: usize) -> Option<String> {
    let sections = formats::markdown::sections(report.envelope(), &report.view());
    formats::github::step_summary(&sections, already)
}
