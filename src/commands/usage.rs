//! What is answered when the arguments start no command: help, the version, and what is wrong with them.
//!
//! Nobody who types a word that trueup does not know is sent to a command that writes, or to a flag that takes a
//! safeguard away.

use std::ffi::OsString;

use clap::ValueEnum as _;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::registry::{CommandEffect, Registered};
use super::{COMMANDS, other_tools, print_document, print_failure};
use crate::cli::Redactor;
use crate::error::{ErrorCode, Exit};
use crate::output::{self, ErrorReport, FailureReport, Format};
use crate::project::{OutputSettings, ProcessEnv};
use crate::toml_table::nearest;

/// Flags that take a safeguard away. clap must not guess that somebody meant one of them.
const TAKES_A_SAFEGUARD_AWAY: [&str; 10] = [
    "--yes",
    "--no-backup",
    "--contract",
    "--allow-out-of-order",
    "--record-satisfied",
    "--accept-drift",
    "--overwrite",
    "--replace",
    "--fix",
    "--prune",
];

/// Help and version, or what is wrong with the arguments: without the passwords that clap would quote.
pub(super) fn answer(args: &[OsString], run: &str, mut error: clap::Error, process_env: &ProcessEnv) -> Exit {
    let colour = |terminal: bool| terminal && process_env.variable("NO_COLOR").is_none();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            match output::out(&rendered(&error, args, colour(process_env.stdout_is_terminal))) {
                Ok(()) => Exit::Clean,
                Err(_) => Exit::CannotTell,
            }
        }
        ErrorKind::InvalidSubcommand => {
            let (what, next) = unknown_command(&error);
            let redactor = Redactor::new(args);
            let error = ErrorReport::new(ErrorCode::USAGE_UNKNOWN_COMMAND, &redactor.redact(&what), &next);
            let output = OutputSettings::of_format(format_among(args), process_env);
            print_failure(&report(args, run, error), &output)
        }
        _ => {
            without_dangerous_tips(&mut error);
            output::err(&rendered(&error, args, colour(process_env.stderr_is_terminal)));
            let format = format_among(args);
            if !matches!(format, Format::Human | Format::Markdown) {
                let text = rendered(&error, args, false);
                let next = match command_among(args) {
                    Some(command) => format!("trueup help {command}"),
                    None => "trueup help".to_owned(),
                };
                let what = text.trim().trim_start_matches("error: ");
                let report = report(args, run, ErrorReport::new(ErrorCode::USAGE_ARGUMENTS, what, &next));
                print_document(&report, &OutputSettings::of_format(format, process_env));
            }
            Exit::Usage
        }
    }
}

fn rendered(error: &clap::Error, args: &[OsString], colour: bool) -> String {
    let rendered = error.render();
    let text = if colour { rendered.ansi().to_string() } else { rendered.to_string() };
    Redactor::new(args).redact(&text)
}

fn report(args: &[OsString], run: &str, error: ErrorReport) -> FailureReport {
    FailureReport::of(command_among(args), run, Exit::Usage, error)
}

/// What to say of a word that is no command, and what to run instead.
fn unknown_command(error: &clap::Error) -> (String, String) {
    let word = match error.get(ContextKind::InvalidSubcommand) {
        Some(ContextValue::String(word)) => word.as_str(),
        _ => "of that name",
    };
    if let Some(command) = asked_within(error) {
        let name = command.name;
        return (format!("trueup {name} has no command {word}"), format!("trueup help {name}"));
    }
    if let Some(answer) = other_tools::answer(word) {
        return (format!("trueup has no command {word}. {}", answer.what), answer.next.to_owned());
    }
    let reading = COMMANDS.iter().filter(|command| command.effect != CommandEffect::Writes);
    let next = match nearest(word, reading.map(|command| command.name)) {
        Some(name) => format!("did you mean trueup {name}? All commands: trueup help"),
        None => "trueup help".to_owned(),
    };
    (format!("trueup has no command {word}"), next)
}

/// The command whose own commands were asked for: its name follows the program's in the usage that clap shows.
fn asked_within(error: &clap::Error) -> Option<&'static Registered> {
    let Some(ContextValue::StyledStr(usage)) = error.get(ContextKind::Usage) else { return None };
    let usage = usage.to_string();
    let name = usage.split_whitespace().skip_while(|word| *word != "trueup").nth(1)?;
    COMMANDS.iter().find(|command| command.name == name)
}

/// Takes the tips out that name a command that writes or a flag that takes a safeguard away.
fn without_dangerous_tips(error: &mut clap::Error) {
    if let Some(ContextValue::String(flag)) = error.get(ContextKind::SuggestedArg)
        && TAKES_A_SAFEGUARD_AWAY.contains(&flag.as_str())
    {
        error.remove(ContextKind::SuggestedArg);
        // The usage names the guessed flag, too.
        let command = asked_within(error).map_or("", |command| command.name);
        let usage = format!("Usage: trueup {command}{}[OPTIONS]", if command.is_empty() { "" } else { " " });
        error.insert(ContextKind::Usage, ContextValue::StyledStr(usage.into()));
    }
    if let Some(ContextValue::StyledStrs(tips)) = error.get(ContextKind::Suggested) {
        let harmless: Vec<_> = tips.iter().filter(|tip| !is_dangerous(&tip.to_string())).cloned().collect();
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(harmless));
    }
}

/// Whether a tip such as `'upgrade --contract' exists` names what must not be guessed.
fn is_dangerous(tip: &str) -> bool {
    let Some(named) = tip.strip_suffix("' exists").and_then(|tip| tip.strip_prefix('\'')) else {
        return false;
    };
    let mut words = named.split(' ');
    let writes = words.next().is_some_and(|name| {
        COMMANDS.iter().any(|command| command.name == name && command.effect == CommandEffect::Writes)
    });
    writes || words.any(|flag| TAKES_A_SAFEGUARD_AWAY.contains(&flag))
}

/// The `--format` of arguments that need not be well-formed.
pub(super) fn format_among(args: &[OsString]) -> Format {
    let args: Vec<&str> = args.iter().filter_map(|arg| arg.to_str()).collect();
    let joined = args.iter().find_map(|arg| arg.strip_prefix("--format="));
    let apart = args.windows(2).find_map(|pair| (pair[0] == "--format").then_some(pair[1]));
    let word = joined.or(apart).unwrap_or_default();
    Format::value_variants().iter().copied().find(|format| format.word() == word).unwrap_or_default()
}

/// The first argument that is the name of a command.
pub(super) fn command_among(args: &[OsString]) -> Option<&str> {
    let named = |arg: &&str| COMMANDS.iter().any(|command| command.name == *arg);
    args.iter().skip(1).filter_map(|arg| arg.to_str()).find(named)
}

#[cfg(test)]
mod tests {
    use clap::builder::ValueRange;

    use super::super::registry::{CommandLine, definition};
    use super::*;

    fn refused(args: &[&str]) -> clap::Error {
        let args: Vec<OsString> = ["trueup"].iter().chain(args).map(OsString::from).collect();
        match CommandLine::read(COMMANDS, &args) {
            Ok(line) => panic!("{args:?} start {}", line.name),
            Err(error) => error,
        }
    }

    #[test]
    fn definitions_are_sound() {
        let mut whole = definition(COMMANDS);
        whole.build();
        whole.debug_assert();
    }

    #[test]
    fn f53_clap_quotes_no_password() {
        let url = "postgres://app:canary@db/x";
        for args in [
            vec!["check", url],
            vec![url],
            vec!["help", url],
            vec!["check", "--format", url],
            vec!["check", "--database-urk", url],
            vec!["check", "--format=postgres://app:canary@db/x"],
            vec!["check", "--database-url=postgres://app:canary@db/x", "--nope"],
            vec!["check", "-xpostgres://app:canary@db/x"],
            vec!["check", "--postgres://app:canary@db/x=3"],
        ] {
            let raw: Vec<OsString> = ["trueup"].iter().chain(&args).map(OsString::from).collect();
            let error = refused(&args);
            let shown = Redactor::new(&raw).redact(&format!("{error} {:?}", unknown_command(&error)));
            assert!(!shown.contains("canary"), "{shown}");
        }
    }

    /// Of every command and flag that writes or weakens, the word with one letter missing, in each place.
    #[test]
    fn no_tip_leads_to_a_write() {
        let misspelt = |word: &str| -> Vec<String> {
            let lacking = |at| word.char_indices().filter(|(i, _)| *i != at).map(|(_, c)| c).collect();
            (word.len().min(3)..word.len()).map(lacking).chain([format!("{word}s")]).collect()
        };
        let writing = COMMANDS.iter().filter(|command| command.effect == CommandEffect::Writes);
        for word in writing.flat_map(|command| misspelt(command.name)) {
            if COMMANDS.iter().any(|command| command.name == word) {
                continue;
            }
            let (what, next) = unknown_command(&refused(&[&word]));
            let commands = COMMANDS.iter().filter(|command| command.effect == CommandEffect::Writes);
            for command in commands {
                assert!(!next.contains(&format!("trueup {}?", command.name)), "{what}: {next}");
            }
        }
        for flag in TAKES_A_SAFEGUARD_AWAY {
            for command in COMMANDS {
                for wrong in misspelt(flag) {
                    for args in [vec![command.name, &wrong], vec![&*wrong], vec![&*wrong, command.name]] {
                        let mut error = refused(&args);
                        if error.kind() == ErrorKind::UnknownArgument {
                            without_dangerous_tips(&mut error);
                            let text = error.to_string();
                            let text = text.replace(&wrong, "WRONG");
                            assert!(!text.contains(flag), "{args:?}: {text}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn the_flags_that_weaken_exist() {
        let mut whole = definition(COMMANDS);
        whole.build();
        for flag in TAKES_A_SAFEGUARD_AWAY {
            let has = |command: &clap::Command| {
                command
                    .get_arguments()
                    .any(|arg| arg.get_long().is_some_and(|long| flag == format!("--{long}")))
            };
            assert!(whole.get_subcommands().any(has), "{flag}");
        }
    }

    #[test]
    fn harmless_tips_stay() {
        let mut error = refused(&["check", "--databse-url", "x"]);
        without_dangerous_tips(&mut error);
        assert!(error.to_string().contains("--database-url"), "{error}");
        assert_eq!(
            unknown_command(&refused(&["chekc"])).1,
            "did you mean trueup check? All commands: trueup help"
        );
        let (what, next) = unknown_command(&refused(&["backup", "restore"]));
        assert_eq!(
            (what.as_str(), next.as_str()),
            ("trueup backup has no command restore", "trueup help backup")
        );
    }

    #[test]
    fn every_help_page_fits_80_columns() {
        let mut whole = definition(COMMANDS).term_width(80);
        whole.build();
        let mut pages = vec![whole];
        while let Some(mut page) = pages.pop() {
            for text in [page.render_help().to_string(), page.render_long_help().to_string()] {
                for line in text.lines() {
                    assert!(line.chars().count() <= 80, "{line}\n{text}");
                }
            }
            // A line that clap had to break stands out: it begins at the margin in the middle of a sentence.
            let after = page.get_after_help().map(ToString::to_string).unwrap_or_default();
            for line in after.lines() {
                assert!(line.chars().count() <= 80, "{}: {line}", page.get_name());
            }
            let positionals =
                page.get_positionals().filter(|arg| arg.get_num_args() != Some(ValueRange::EMPTY));
            assert!(positionals.count() <= 1, "{}", page.get_name());
            pages.extend(page.get_subcommands().filter(|command| command.get_name() != "help").cloned());
        }
    }
}
