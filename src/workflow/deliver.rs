//! Where a report goes: in `--format` to standard output, and in a format of its own into each `--output` file.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use nix::fcntl::OFlag;

use crate::error::{ErrorCode, Failure};
use crate::output::{self, FailureTarget, Format, Progress, ProgressMode, Report, Style};
use crate::project::{OutputSettings, Settings};

/// Delivers a report.
///
/// # Errors
/// Exit 2 when the report has no findings and the format lists nothing else. Exit 3 when it could not be written to the
/// last byte: nobody then knows what was found.
pub(crate) fn deliver(output: &OutputSettings, report: &impl Report) -> Result<(), Failure> {
    for format in output.formats() {
        if format.is_of_findings() && report.findings().is_none() {
            let command = report.envelope().command.unwrap_or("this command");
            return Err(Failure::usage(format!(
                "`trueup {command}` has no findings, which is all that --format {} lists",
                format.word()
            ))
            .next("use human, json, markdown or html"));
        }
    }
    let from_repository = &output.from_repository;
    for file in &output.files {
        let text = output::render(report, file.format, in_a_file(output), from_repository);
        output::write_report(&file.path, &text, file.format)
            .map_err(|error| not_written(&format!("the report {}", file.path.display()), &error))?;
    }
    add_step_summary(output, report);
    print(&output::render(report, output.format, style(output), from_repository))
}

/// The database that a command was asked to work on, for its failure.
pub(crate) fn failure_target(settings: &Settings) -> Option<FailureTarget> {
    let target = settings.asked_target()?;
    Some(FailureTarget {
        host: target.host().to_owned(),
        port: target.port(),
        database: target.database().to_owned(),
        source: settings.url_source().to_owned(),
    })
}

/// Adds the report to the summary of the step of GitHub Actions, where there is one. It comes beside what was asked for:
/// that it could not be written is said, and changes nothing else.
pub(crate) fn add_step_summary(output: &OutputSettings, report: &impl Report) {
    let Some(path) = &output.step_summary else { return };
    // Other commands of the step may have written into it.
    let already = path.metadata().map_or(0, |file| file.len());
    let already = usize::try_from(already).unwrap_or(usize::MAX);
    let shown = path.display().to_string();
    let trouble = match output::step_summary(report, already) {
        None => Some("has no room for this report".to_owned()),
        Some(summary) => append(path, &summary).err().map(|error| format!("could not be written: {error}")),
    };
    if let Some(trouble) = trouble {
        output::err(&format!("warning: the step summary {} {trouble}\n", output::escape(&shown)));
    }
}

/// Adds a text to a file. A pipe that nobody reads is not waited for.
fn append(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    let options = options.append(true).create(true).custom_flags(OFlag::O_NONBLOCK.bits());
    options.open(path)?.write_all(text.as_bytes())
}

/// Refuses `--format` beside `--sql`: statements are no report.
///
/// # Errors
/// Exit 2.
pub(crate) fn only_statements(output: &OutputSettings) -> Result<(), Failure> {
    let other = output.files.iter().any(|file| file.format != Format::Human);
    if output.format == Format::Human && !other {
        return Ok(());
    }
    Err(Failure::usage("--sql writes statements, which have no other --format")
        .next("leave --format out; --output FILE.sql writes the statements into a file, too"))
}

/// Delivers statements: to standard output, and into each `--output` file.
///
/// # Errors
/// As [`deliver`].
pub(crate) fn statements(output: &OutputSettings, script: &str) -> Result<(), Failure> {
    for file in &output.files {
        let failed = |error| not_written(&format!("the statements {}", file.path.display()), &error);
        output::write_file(&file.path, script).map_err(failed)?;
    }
    print(script)
}

/// How human output looks here.
pub(crate) fn style(output: &OutputSettings) -> Style {
    let width = match (output.terminal, output.columns) {
        (true, _) => output::terminal_width(),
        (false, Some(columns)) => columns.max(output::NARROWEST),
        (false, None) => Style::default().width,
    };
    let wraps = output.terminal || output.columns.is_some();
    Style { color: output.color, width, wraps, quiet: output.quiet, ascii: output.ascii }
}

/// The width of what is said of a failure: that of the terminal that standard error is, else as for reports.
pub(crate) fn failure_width(output: &OutputSettings) -> Option<u16> {
    match output.terminal_for_errors {
        true => Some(output::error_width()),
        false => output.columns.map(|columns| columns.max(output::NARROWEST)),
    }
}

/// How human output looks in a file.
fn in_a_file(output: &OutputSettings) -> Style {
    Style { ascii: output.ascii, ..Style::default() }
}

/// Where progress is shown here.
pub(crate) fn progress(output: &OutputSettings) -> Progress {
    let mode = match (output.events, output.progress) {
        (false, _) => ProgressMode::Hidden,
        (true, true) => ProgressMode::Terminal { ascii: output.ascii },
        (true, false) => ProgressMode::Lines,
    };
    Progress::new(mode)
}

/// Writes to standard output.
///
/// # Errors
/// As [`deliver`].
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    output::out(text).map_err(|error| not_written("standard output", &error))
}

fn not_written(what: &str, error: &std::io::Error) -> Failure {
    Failure::cannot_tell(format!("{what} could not be written: {error}")).code(ErrorCode::OUTPUT_NOT_WRITTEN)
}
