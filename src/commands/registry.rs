//! What the registry of commands is made of: the table's entries, and the command line that is built from them.
//!
//! clap is told the arguments of a command when that command is called, or its help asked for: to put those of every
//! command together would take longer than the rest of a start (`clap::Command::defer`). `make bench` guards that by
//! "`trueup --version` beside `true`" (`benches/beside/binary.rs`).

use std::ffi::OsString;
use std::pin::Pin;

use anyhow::Result;
use clap::error::ErrorKind;
use clap::{ArgMatches, Args as _, FromArgMatches as _};

use crate::cli::{self, CommandHelp, Documented, Shared};
use crate::error::Exit;
use crate::project::{CommandArgs, CommandCall, Settings};
use crate::workflow::signals;
use crate::writer::StopSignal;

/// The work of a command. It is on the heap, so that a small command does not take the space of the largest.
pub(super) type CommandFuture<'a> = Pin<Box<dyn Future<Output = Result<Exit>> + 'a>>;

/// A command whose arguments are read.
pub(super) trait Runnable: CommandArgs {
    /// Its work.
    fn run<'a>(&'a self, settings: &'a Settings) -> CommandFuture<'a>;
}

/// What a command may do to a database or a store of backups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CommandEffect {
    /// Nothing.
    Reads,
    /// Nothing, but with one of its flags it writes: `verify --fix`, `attest --record database`.
    ReadsOrWrites,
    /// It writes, unless a flag such as `--dry-run` keeps it from that.
    Writes,
}

/// A line of the registry.
pub(super) struct Registered {
    pub(super) name: &'static str,
    pub(super) effect: CommandEffect,
    pub(super) help: CommandHelp,
    complete: fn(clap::Command) -> clap::Command,
    read: fn(&mut ArgMatches) -> Result<Box<dyn Runnable>, clap::Error>,
}

impl Registered {
    pub(super) const fn of<T: Documented + Runnable + 'static>(
        name: &'static str,
        effect: CommandEffect,
    ) -> Self {
        Self {
            name,
            effect,
            help: T::HELP,
            complete: cli::complete::<T>,
            read: |matches| Ok(Box::new(T::from_arg_matches_mut(matches)?)),
        }
    }

    fn definition(&self) -> clap::Command {
        clap::Command::new(self.name)
            .about(self.help.summary)
            .visible_aliases(self.help.aliases)
            .defer(self.complete)
    }
}

/// Makes the table `COMMANDS` of lines `folder: effect Arguments`, and runs what each names: `folder::run(settings,
/// args)` for `reads`; `folder::run(settings, args, stop)` for `writes` and `serves`; the first, or `folder::file::run(settings, args,
/// stop)` where `args.writes()`, for `reads_or_writes(file)`.
macro_rules! commands {
    ($($name:ident: $effect:ident$(($file:ident))? $args:ident,)+) => {
        /// Every command, in the order in which help lists them.
        const COMMANDS: &[Registered] = &[
            $(Registered::of::<$name::args::$args>(stringify!($name), registry::commands!(@effect $effect)),)+
        ];
        $(
            impl registry::Runnable for $name::args::$args {
                fn run<'a>(&'a self, settings: &'a Settings) -> registry::CommandFuture<'a> {
                    let args = self;
                    registry::commands!(@$effect $name $($file)? args settings)
                }
            }
        )+
    };
    (@effect reads) => { CommandEffect::Reads };
    (@effect reads_or_writes) => { CommandEffect::ReadsOrWrites };
    (@effect serves) => { CommandEffect::Reads };
    (@effect writes) => { CommandEffect::Writes };
    (@reads $name:ident $args:ident $settings:ident) => {
        registry::reading($name::run($settings, $args))
    };
    (@writes $name:ident $args:ident $settings:ident) => {
        registry::writing(|stop| $name::run($settings, $args, stop))
    };
    (@serves $name:ident $args:ident $settings:ident) => {
        registry::writing(|stop| $name::run($settings, $args, stop))
    };
    (@reads_or_writes $name:ident $file:ident $args:ident $settings:ident) => {
        match $args.writes() {
            false => registry::reading($name::run($settings, $args)),
            true => registry::writing(|stop| $name::$file::run($settings, $args, stop)),
        }
    };
}
pub(super) use commands;

/// A command that writes to no database of somebody's: a signal ends it where it is.
pub(super) fn reading<'a>(work: impl Future<Output = Result<Exit>> + 'a) -> CommandFuture<'a> {
    Box::pin(signals::unless_interrupted(work))
}

/// A command that is told of a signal, and ends where it can: one that writes, or that ends by a signal alone.
pub(super) fn writing<'a, F: Future<Output = Result<Exit>> + 'a>(
    work: impl FnOnce(StopSignal) -> F,
) -> CommandFuture<'a> {
    let stop = signals::stop();
    Box::pin(signals::winding_down(stop.clone(), work(stop)))
}

/// The arguments of the process, read.
pub(super) struct CommandLine {
    pub(super) name: &'static str,
    pub(super) shared: Shared,
    pub(super) args: Box<dyn Runnable>,
}

impl CommandLine {
    /// Reads the arguments, the program's name first.
    ///
    /// # Errors
    /// clap's: they are wrong, or ask for help or the version.
    pub(super) fn read(commands: &'static [Registered], args: &[OsString]) -> Result<Self, clap::Error> {
        let mut definition = definition(commands);
        let mut matches = definition.try_get_matches_from_mut(args)?;
        if let Some(argument) = cli::misplaced_password(&matches, &definition) {
            let what = format!(
                "the value of '{argument}' holds a password, which does not belong there: it is not shown, and nothing was \
                 done\n\n  tip: the database comes from DATABASE_URL, or from --database-url"
            );
            return Err(definition.error(ErrorKind::ValueValidation, what));
        }
        let shared = Shared::from_arg_matches_mut(&mut matches)?;
        let missing = || clap::Error::new(ErrorKind::MissingSubcommand);
        let (name, mut matches) = matches.remove_subcommand().ok_or_else(missing)?;
        let command = commands.iter().find(|command| command.name == name).ok_or_else(missing)?;
        let args = (command.read)(&mut matches).map_err(|error| error.format(&mut definition))?;
        Ok(Self { name: command.name, shared, args })
    }

    pub(super) fn call(&self) -> CommandCall<'_> {
        CommandCall { name: self.name, args: &*self.args, shared: &self.shared }
    }
}

/// The whole command line for clap.
pub(super) fn definition(commands: &[Registered]) -> clap::Command {
    let root = clap::Command::new("trueup")
        .version(env!("CARGO_PKG_VERSION"))
        .about(ABOUT)
        .long_about(LONG_ABOUT)
        .after_help(AFTER_HELP)
        .arg_required_else_help(true)
        .subcommand_required(true)
        .max_term_width(100);
    // The arguments that all commands share bring a description of their own.
    let root = Shared::augment_args(root).about(ABOUT).long_about(LONG_ABOUT);
    commands.iter().fold(root, |root, command| root.subcommand(command.definition()))
}

const ABOUT: &str = "Checks, migrates, repairs and backs up PostgreSQL databases";

const LONG_ABOUT: &str = "\
    Checks, migrates, repairs and backs up PostgreSQL databases\n\n\
    A project declares the schema (schema/), the way there (migrations/), the reference rows (schema/seeds/) and the \
    rules that the data must meet (checks/). Every command compares a database with these files, says what it found and \
    what to run next. Commands that change a database show a plan and ask first.";

const AFTER_HELP: &str = "\
Four commands check, each something else:
  trueup check            the schema: does the database match schema/ ?
  trueup verify           the data: do the rows meet the rules in checks/ ?
  trueup seed --check     the reference rows of schema/seeds/
  trueup backup verify    a stored backup

Exit codes:
  0  proved: no differences, or done
  1  findings: differences, pending migrations, wrong rows
  2  usage or project files wrong
  3  cannot tell: unreachable, or this role cannot see everything
  4  refused before anything was changed
  5  failed and rolled back
  6  failed part-way; the same command resumes
  7  outcome unknown
 70  trueup itself failed
 75  busy: somebody else holds a lock; try again

Examples:
  export DATABASE_URL=postgres://app@db.example.com/platform
  trueup check                      what differs, why, and what to run
  trueup check --format json        the same for a pipeline
  trueup status                     which migrations are applied or pending
  trueup upgrade --dry-run          what an upgrade would do
  trueup compile                    after a change to schema/ or migrations/
  trueup help upgrade               everything about one command
  trueup demo                       see it work, without a database";
