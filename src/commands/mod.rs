//! The commands, and the door to them: arguments in, exit code out.

mod adopt;
mod backup;
mod check;
mod compile;
mod demo;
mod downgrade;
mod environment;
mod resolve;
mod restore;
mod seed;
mod status;
mod undo;
mod upgrade;
mod verify;

use std::ffi::OsString;
use std::pin::Pin;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser as _, ValueEnum as _};

use crate::cli::{Cli, Command, Redactor};
use crate::error::Exit;
use crate::output::{self, FailureReport, Format, Style};
use crate::project::{OutputFile, ProcessEnv, Settings};
use crate::workflow::signals;
use crate::writer::Stop;

/// Runs the command that the arguments name. Everything is said when this returns.
pub async fn run(args: Vec<OsString>, process_env: &ProcessEnv) -> Exit {
    let run = ulid::Ulid::generate().to_string();
    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(error) => return refuse_arguments(&args, &run, &error, process_env),
    };
    let outcome = match Settings::resolve(&cli, process_env, run.clone()) {
        Ok(settings) => dispatch(&cli.command, &settings).await,
        Err(failure) => Err(failure.into()),
    };
    match outcome {
        Ok(exit) => exit,
        Err(error) => {
            let report = FailureReport::new(Some(cli.command.name()), &run, &error);
            let files =
                cli.shared.output.iter().filter_map(|text| OutputFile::parse(text, &process_env.cwd).ok());
            print_failure(&report, cli.shared.format, &files.collect::<Vec<_>>())
        }
    }
}

/// The work of a command. It lives on the heap, and no command's is as big as the biggest.
type Work<'a> = Pin<Box<dyn Future<Output = anyhow::Result<Exit>> + 'a>>;

fn dispatch<'a>(command: &'a Command, settings: &'a Settings) -> Work<'a> {
    match command {
        Command::Check(_) => reading(check::run(settings)),
        Command::Compile(_) => reading(compile::run(settings)),
        Command::Status(_) => reading(status::run(settings)),
        Command::Demo(_) => reading(demo::run(settings)),
        Command::Verify(args) if !args.fix => reading(verify::run(settings, args)),
        Command::Verify(args) => writing(|stop| verify::fix::run(settings, args, stop)),
        Command::Undo(args) => writing(|stop| undo::run(settings, args, stop)),
        Command::Adopt(args) => writing(|stop| adopt::run(settings, args, stop)),
        Command::Upgrade(args) => writing(|stop| upgrade::run(settings, args, stop)),
        Command::Downgrade(args) => writing(|stop| downgrade::run(settings, args, stop)),
        Command::Backup(args) => writing(|stop| backup::run(settings, args, stop)),
        Command::Restore(args) => writing(|stop| restore::run(settings, args, stop)),
        Command::Resolve(args) => writing(|stop| resolve::run(settings, args, stop)),
        Command::Environment(args) => writing(|stop| environment::run(settings, args, stop)),
        Command::Seed(args) => writing(|stop| seed::run(settings, args, stop)),
    }
}

/// A command that writes to no database of somebody's: a signal ends it where it is.
fn reading<'a>(work: impl Future<Output = anyhow::Result<Exit>> + 'a) -> Work<'a> {
    Box::pin(signals::unless_interrupted(work))
}

/// A command that is told of a signal, and ends where it can.
fn writing<'a, F: Future<Output = anyhow::Result<Exit>> + 'a>(work: impl FnOnce(Stop) -> F) -> Work<'a> {
    let stop = signals::stop();
    Box::pin(signals::winding_down(stop.clone(), work(stop)))
}

/// Says that trueup itself broke, after a panic.
pub fn broke(args: &[OsString], what: &str) -> Exit {
    let next = "this is a fault of trueup: please report it, with this message";
    let run = ulid::Ulid::generate().to_string();
    let report = FailureReport::of(command_among(args), &run, Exit::Internal, what, next);
    print_failure(&report, format_among(args), &[])
}

/// Standard error always has the words; a document goes wherever a report would have gone, so that a pipeline never takes
/// an old file, or none, for a clean answer.
fn print_failure(report: &FailureReport, format: Format, files: &[OutputFile]) -> Exit {
    output::err(&output::failure_text(report));
    let mut written = match format {
        Format::Human | Format::Markdown => Ok(()),
        format => output::out(&output::render(report, format, Style::default())),
    };
    for file in files {
        let text = output::render(report, file.format, Style::default());
        written = written.and(std::fs::write(&file.path, text));
    }
    if let Err(error) = written {
        output::err(&format!("error: the report of this failure could not be written: {error}\n"));
    }
    report.exit()
}

/// Help and version, or what is wrong with the arguments: without the passwords that clap would quote.
fn refuse_arguments(args: &[OsString], run: &str, error: &clap::Error, process_env: &ProcessEnv) -> Exit {
    let rendered = error.render();
    let wants_colour = |terminal: bool| terminal && process_env.variable("NO_COLOR").is_none();
    let later = (error.kind() == ErrorKind::InvalidSubcommand).then(|| pending_or_unmigrated(args)).flatten();
    let text = |terminal: bool| {
        if let Some(later) = &later {
            return later.clone();
        }
        let text = if wants_colour(terminal) { rendered.ansi().to_string() } else { rendered.to_string() };
        Redactor::new(args).redact(&text)
    };
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            match output::out(&text(process_env.stdout_is_terminal)) {
                Ok(()) => Exit::Clean,
                Err(_) => Exit::CannotTell,
            }
        }
        _ => {
            output::err(&text(process_env.stderr_is_terminal));
            let format = format_among(args);
            if !matches!(format, Format::Human | Format::Markdown) {
                let message = text(false);
                let message = message.trim().trim_start_matches("error: ");
                let report =
                    FailureReport::of(command_among(args), run, Exit::Usage, message, "trueup --help");
                // Standard error has said it already; there is no better code than this one.
                let _ = output::out(&output::render(&report, format, Style::default()));
            }
            Exit::Usage
        }
    }
}

/// Commands that remedies name and that come with later versions.
const LATER: [&str; 1] = ["generate"];

/// What to say to somebody who follows a remedy further than this version goes.
fn pending_or_unmigrated(args: &[OsString]) -> Option<String> {
    let asked = args.iter().skip(1).filter_map(|arg| arg.to_str()).find(|arg| LATER.contains(arg))?;
    Some(format!(
        "error: `trueup {asked}` comes with a later version than {}\n\
         next: until then write the migration by hand; `trueup check --format json` has the SQL of every difference\n",
        env!("CARGO_PKG_VERSION")
    ))
}

/// The `--format` of arguments that need not be well-formed.
fn format_among(args: &[OsString]) -> Format {
    let args: Vec<&str> = args.iter().filter_map(|arg| arg.to_str()).collect();
    let joined = args.iter().find_map(|arg| arg.strip_prefix("--format="));
    let apart = args.windows(2).find_map(|pair| (pair[0] == "--format").then_some(pair[1]));
    let word = joined.or(apart).unwrap_or_default();
    Format::value_variants().iter().copied().find(|format| format.word() == word).unwrap_or_default()
}

fn command_among(args: &[OsString]) -> Option<&str> {
    let known = Cli::command();
    let named = |arg: &&str| known.get_subcommands().any(|command| command.get_name() == *arg);
    args.iter().skip(1).filter_map(|arg| arg.to_str()).find(named)
}
