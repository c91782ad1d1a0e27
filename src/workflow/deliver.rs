//! Where a report goes: in `--format` to standard output, and in a format of its own into each `--output` file.

use crate::error::{ErrorCode, Failure};
use crate::output::{self, Format, Progress, ProgressMode, Report, Style};
use crate::project::OutputSettings;

/// Delivers a report.
///
/// # Errors
/// Exit 2 when the report has no findings and the format lists nothing else. Exit 3 when it could not be written to the
/// last byte: nobody then knows what was found.
pub(crate) fn deliver(output: &OutputSettings, report: &impl Report) -> Result<(), Failure> {
    for format in output.files.iter().map(|file| file.format).chain([output.format]) {
        if format.is_of_findings() && report.findings().is_none() {
            let command = report.envelope().command.unwrap_or("this command");
            return Err(Failure::usage(format!(
                "`trueup {command}` has no findings, which is all that --format {} lists",
                format.word()
            ))
            .next("use human, json, markdown or html"));
        }
    }
    for file in &output.files {
        std::fs::write(&file.path, output::render(report, file.format, in_a_file(output)))
            .map_err(|error| not_written(&format!("the report {}", file.path.display()), &error))?;
    }
    print(&output::render(report, output.format, style(output)))
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
        std::fs::write(&file.path, script).map_err(failed)?;
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
