//! The commands: arguments in, exit code out.
//!
//! A command is a folder: `args.rs` has its arguments and its help text, `mod.rs` its `run`. Here it has its `mod` line
//! (which rustfmt and editors look for) and one line in the registry below: its effect on databases and its arguments.

mod adopt;
mod attest;
mod backup;
mod check;
mod compile;
mod demo;
mod doctor;
mod downgrade;
mod environment;
mod explain;
mod gate;
mod generate;
mod init;
mod lint;
mod other_tools;
mod ready;
mod registry;
mod rehearse;
mod reset;
mod resolve;
mod restore;
mod seed;
mod serve;
mod sizes;
mod squash;
mod status;
mod undo;
mod upgrade;
mod usage;
mod verify;
mod why;

use std::ffi::OsString;
use std::time::SystemTime;

use registry::{CommandEffect, CommandLine, Registered};

use crate::cli::Redactor;
use crate::error::{ErrorCode, Exit, Failure};
use crate::output::{self, ErrorReport, FailureReport, Format, Style};
use crate::postgres::connection::server_failure;
use crate::project::{OutputSettings, ProcessEnv, Settings};
use crate::workflow::deliver::{add_step_summary, failure_target, failure_width};
use crate::workflow::reports::metrics;

registry::commands! {
    init: reads InitArgs,
    check: reads_or_writes(fix) CheckArgs,
    why: reads WhyArgs,
    status: reads StatusArgs,
    ready: reads ReadyArgs,
    serve: serves ServeArgs,
    upgrade: writes UpgradeArgs,
    downgrade: writes DowngradeArgs,
    generate: reads GenerateArgs,
    squash: reads SquashArgs,
    compile: reads CompileArgs,
    lint: reads LintArgs,
    explain: reads ExplainArgs,
    sizes: reads SizesArgs,
    rehearse: reads RehearseArgs,
    gate: reads GateArgs,
    attest: reads_or_writes(record) AttestArgs,
    verify: reads_or_writes(fix) VerifyArgs,
    undo: writes UndoArgs,
    seed: writes SeedArgs,
    backup: writes BackupArgs,
    restore: writes RestoreArgs,
    adopt: writes AdoptArgs,
    resolve: writes ResolveArgs,
    environment: writes EnvironmentArgs,
    reset: writes ResetArgs,
    doctor: writes DoctorArgs,
    demo: reads DemoArgs,
}

/// Runs the command that the arguments name. Everything is printed when this returns.
pub async fn run(args: Vec<OsString>, process_env: &ProcessEnv) -> Exit {
    let run = ulid::Ulid::generate().to_string();
    let line = match CommandLine::read(COMMANDS, &args) {
        Ok(line) => line,
        Err(error) => return usage::answer(&args, &run, error, process_env),
    };
    let settings = Settings::resolve(&line.call(), process_env, run.clone());
    let output = match &settings {
        Ok(settings) => settings.output.clone(),
        Err(_) => OutputSettings::of_failure(&line.shared, process_env),
    };
    let checked =
        settings.as_ref().map_err(Clone::clone).and_then(|settings| check_clock().map(|()| settings));
    let outcome = match checked {
        Ok(settings) => line.args.run(settings).await,
        Err(failure) => Err(failure.into()),
    };
    // What nobody foresaw is a fault of trueup only where neither the server nor this machine is the reason.
    let outcome = outcome.map_err(|error| server_failure(error, &format!("trueup {}", line.name)));
    match outcome {
        Ok(exit) => exit,
        Err(error) => {
            let labels = settings.as_ref().map(Settings::metric_labels).unwrap_or_default();
            let target = settings.ok().and_then(|settings| match line.args.works_on() {
                Some((url, source)) => failure_target(&settings.reaching(url.reveal(), source)),
                None => failure_target(&settings),
            });
            let redactor = Redactor::new(&args);
            let report =
                FailureReport::new(Some(line.name), &run, &error).redacted(|text| redactor.redact(text));
            let counted = line.args.probe().map(|probe| metrics::of_command(labels, probe, false));
            print_failure(&report.about(target).counted(counted), &output)
        }
    }
}

/// Refuses a clock that is set wrong for certain: runs and backups would be sorted wrong, and the wrong ones pruned.
fn check_clock() -> Result<(), Failure> {
    if SystemTime::now() >= SystemTime::UNIX_EPOCH {
        return Ok(());
    }
    Err(Failure::cannot_tell("the clock of this machine is set to a date before 1970; nothing was done")
        .code(ErrorCode::MACHINE_RESOURCES)
        .next("set the clock, then run the same command again"))
}

/// Says that trueup itself failed, after a panic.
pub fn broke(args: &[OsString], what: &str) -> Exit {
    let next = "this is a fault of trueup: please report it, with this message";
    let run = ulid::Ulid::generate().to_string();
    let report = FailureReport::of(
        usage::command_among(args),
        &run,
        Exit::Internal,
        ErrorReport::new(ErrorCode::INTERNAL, what, next),
    );
    print_failure(&report, &OutputSettings { format: usage::format_among(args), ..OutputSettings::default() })
}

/// Standard error always has the words; a document goes wherever a report would have gone, so that a pipeline never takes
/// an old file, or none, for a clean answer.
fn print_failure(report: &FailureReport, settings: &OutputSettings) -> Exit {
    output::err(&output::failure_text(report, settings.verbose, failure_width(settings)));
    print_document(report, settings);
    report.exit()
}

/// Says that the process could not be set up: nothing has begun.
pub fn cannot_start(args: &[OsString], error: std::io::Error) -> Exit {
    let error = server_failure(error.into(), "trueup cannot start");
    let run = ulid::Ulid::generate().to_string();
    let report = FailureReport::new(usage::command_among(args), &run, &error);
    print_failure(&report, &OutputSettings { format: usage::format_among(args), ..OutputSettings::default() })
}

/// The document of a failure that standard error has said already.
fn print_document(report: &FailureReport, settings: &OutputSettings) {
    let render = |format| output::render(report, format, Style::default(), &settings.from_repository);
    let mut written = match settings.format {
        Format::Human | Format::Markdown => Ok(()),
        format => output::out(&render(format)),
    };
    for file in &settings.files {
        written = written.and(output::write_report(&file.path, &render(file.format), file.format));
    }
    add_step_summary(settings, report);
    if let Err(error) = written {
        output::err(&format!("error: the report of this failure could not be written: {error}\n"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::SETTINGS_FILE;

    pub(super) fn read(args: &[&str]) -> Result<CommandLine, clap::Error> {
        CommandLine::read(
            COMMANDS,
            &[&["trueup"], args].concat().iter().map(OsString::from).collect::<Vec<_>>(),
        )
    }

    /// The settings of a command in a directory that has this `trueup.toml`.
    pub(super) fn settings(
        args: &[&str],
        toml: &str,
        variables: &[(&'static str, &'static str)],
    ) -> Result<Settings, Failure> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(SETTINGS_FILE), toml).unwrap();
        let process_env = ProcessEnv::new(variables.iter().copied(), dir.path());
        Settings::resolve(&read(args).unwrap().call(), &process_env, "01J".into())
    }

    #[test]
    fn shared_flags_stand_on_either_side_of_the_command() {
        for args in [["--env", "production", "check"], ["check", "--env", "production"]] {
            assert_eq!(read(&args).unwrap().shared.environment.as_deref(), Some("production"));
        }
    }

    #[test]
    fn a_command_is_known_by_its_folder_and_its_aliases() {
        for command in COMMANDS {
            for name in command.help.aliases.iter().chain([&command.name]) {
                if let Ok(line) = read(&[name]) {
                    assert_eq!(line.name, command.name);
                }
            }
        }
        assert_eq!(read(&["baseline"]).unwrap().name, "adopt");
    }

    #[test]
    fn only_the_demo_works_without_a_project() {
        let process_env = ProcessEnv::new([], "/");
        for command in ["check", "status", "demo"] {
            let line = read(&[command]).unwrap();
            let found = Settings::resolve(&line.call(), &process_env, "01J".into());
            assert_eq!(found.is_ok(), command == "demo", "{command}");
        }
    }
}
