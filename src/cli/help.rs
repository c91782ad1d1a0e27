//! The help text of a command, which stands beside its arguments.

use clap::{Args, Command};

/// What `trueup help COMMAND` says above and below the flags. The flags' own texts are their doc comments.
#[derive(Debug, Clone, Copy)]
pub struct CommandHelp {
    /// One line; the list of commands has it, too.
    pub summary: &'static str,
    /// What `--help` says below the summary, and `-h` does not. A paragraph is one line: clap wraps it.
    pub description: &'static str,
    /// Exit codes and examples, at most 80 columns wide: clap indents no line that it has to break.
    pub after: &'static str,
    /// Other names of the command.
    pub aliases: &'static [&'static str],
}

/// The arguments of a command, with its help text.
pub trait Documented: Args {
    /// The help text.
    const HELP: CommandHelp;
}

/// Adds the arguments and the texts that only this command's own help shows.
pub fn complete<T: Documented>(command: Command) -> Command {
    let CommandHelp { summary, description, after, .. } = T::HELP;
    let command = T::augment_args(command).about(summary).after_help(after);
    if description.is_empty() {
        // The arguments' doc comment would take its place.
        return command.long_about(summary);
    }
    command.long_about(format!("{summary}\n\n{description}"))
}
