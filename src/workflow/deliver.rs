//! Where a report goes: in `--format` to standard output, or there for people and in `--format` into `--output`.

use crate::cli;
use crate::error::Failure;
use crate::output::{self, Format, Style};
use crate::project::Output;

/// Delivers a report that `render` writes in any format.
///
/// # Errors
/// Exit 3 when it could not be written to the last byte: what was found was then said to nobody.
pub(crate) fn deliver(output: &Output, render: impl Fn(Format, Style) -> String) -> Result<(), Failure> {
    let style = style(output);
    let format = match output.format {
        cli::Format::Human => Format::Human,
        cli::Format::Json => Format::Json,
        cli::Format::Markdown => Format::Markdown,
    };
    let shown = match &output.file {
        None => format,
        Some(file) => {
            std::fs::write(file, render(format, Style::default()))
                .map_err(|error| unsaid(&format!("the report {}", file.display()), &error))?;
            Format::Human
        }
    };
    say(&render(shown, style))
}

/// Refuses `--format` beside `--sql`: statements are no report.
///
/// # Errors
/// Exit 2.
pub(crate) fn only_statements(output: &Output) -> Result<(), Failure> {
    match output.format {
        cli::Format::Human => Ok(()),
        _ => Err(Failure::usage("--sql writes statements, which have no other --format")
            .next("leave --format out; --output FILE puts the statements into a file, too")),
    }
}

/// Delivers statements: to standard output, and into `--output`.
///
/// # Errors
/// As [`deliver`].
pub(crate) fn statements(output: &Output, script: &str) -> Result<(), Failure> {
    if let Some(file) = &output.file {
        let failed = |error| unsaid(&format!("the statements {}", file.display()), &error);
        std::fs::write(file, script).map_err(failed)?;
    }
    say(script)
}

/// How human output looks here.
pub(crate) fn style(output: &Output) -> Style {
    let width = if output.terminal { output::terminal_width() } else { Style::default().width };
    Style { color: output.color, width, quiet: output.quiet }
}

/// Writes to standard output.
///
/// # Errors
/// As [`deliver`].
pub(crate) fn say(text: &str) -> Result<(), Failure> {
    output::out(text).map_err(|error| unsaid("standard output", &error))
}

fn unsaid(what: &str, error: &std::io::Error) -> Failure {
    Failure::cannot_tell(format!("{what} could not be written: {error}"))
}
