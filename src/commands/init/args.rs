//! The arguments of `trueup init` and its help.

use std::path::PathBuf;

use clap::Args;

use crate::cli::{CommandHelp, Documented, ScratchArgs};
use crate::error::Failure;
use crate::migrations::tools::MigrationTool;
use crate::project::CommandArgs;

/// `trueup init`
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct InitArgs {
    /// The tool that keeps and applies the migrations, in the place of what the files show; trueup for trueup itself
    #[arg(long, value_name = "TOOL", value_parser = tool)]
    pub(crate) tool: Option<ChosenTool>,

    /// The directory of the migrations [default: where the tool keeps them]
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,

    /// The project's name: databases are marked with it
    #[arg(long)]
    pub(crate) name: Option<String>,

    /// Turn the migrations of this tool into migrations of trueup, which applies them from now on
    #[arg(long, value_name = "TOOL", value_parser = taken_over_tool, requires = "take_over", conflicts_with = "tool")]
    pub(crate) from: Option<MigrationTool>,

    /// With --from: write the files, once they are proved to build what the tool's files build
    #[arg(long, requires = "from")]
    pub(crate) take_over: bool,

    /// With --take-over: write no down scripts, for which a tool whose migrations are programs runs every one once more
    #[arg(long, requires = "take_over")]
    pub(crate) no_down: bool,

    /// Write what the database has into schema/, one file for each table, and a baseline migration where there is none;
    /// nothing is written unless the files are proved to give the same schema again
    #[arg(long, conflicts_with = "from")]
    pub(crate) from_database: bool,

    /// Take the answers that the questions propose
    #[arg(long, short = 'y')]
    pub(crate) yes: bool,

    /// The throwaway server.
    #[command(flatten)]
    pub(crate) scratch: ScratchArgs,
}

/// trueup, or another tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ChosenTool(pub(crate) Option<MigrationTool>);

fn tool(word: &str) -> Result<ChosenTool, String> {
    if word == "trueup" { Ok(ChosenTool(None)) } else { other_tool(word).map(|tool| ChosenTool(Some(tool))) }
}

fn other_tool(word: &str) -> Result<MigrationTool, String> {
    if word == MigrationTool::Command.word() {
        return Err("write trueup.toml yourself for a migration tool of your own: its commands stand there"
            .to_owned());
    }
    MigrationTool::of_word(word).ok_or_else(|| {
        let known = MigrationTool::ALL.into_iter().filter(|tool| *tool != MigrationTool::Command);
        let known: Vec<&str> = known.map(MigrationTool::word).collect();
        format!("known are {}", known.join(", "))
    })
}

fn taken_over_tool(word: &str) -> Result<MigrationTool, String> {
    let known = || MigrationTool::ALL.map(MigrationTool::word).join(", ");
    MigrationTool::of_word(word).ok_or_else(|| format!("known are {}", known()))
}

impl Documented for InitArgs {
    const HELP: CommandHelp = CommandHelp {
        summary: "Start a project: beside the tool that migrates already, or in its place",
        description: "\
            Looks for the migrations of a tool (Alembic, dbmate, diesel, Django, Flyway, golang-migrate, goose, Liquibase, \
            node-pg-migrate, Prisma, Rails, sql-migrate, sqitch, sqlx), asks for the project's name, writes trueup.toml and trueup.lock, and checks the \
            database where one is given. The tool stays the one that migrates: nothing of it is changed. With --from TOOL \
            --take-over its migrations become trueup's. Nothing that is there is overwritten.\n\n\
            With --from-database, schema/ takes in what the database has. It is run again for that later: what is as in \
            the database stays as it is, and so do all other statements and comments of the files.",
        after: AFTER_HELP,
        aliases: &[],
    };
}

impl CommandArgs for InitArgs {
    fn needs_project(&self) -> bool {
        false
    }

    fn starts_project(&self) -> bool {
        true
    }

    fn continues_project(&self) -> bool {
        self.from_database || self.take_over
    }

    fn scratch(&self) -> ScratchArgs {
        self.scratch.clone()
    }

    fn environment(&self, asked: Option<String>) -> Result<Option<String>, Failure> {
        Ok(asked.filter(|_| self.from_database))
    }
}

const AFTER_HELP: &str = "\
Exit codes:
  0  the project is there; the database, if one was given, is as declared
  1  the same, and the database differs
  2  the migrations are wrong, or the arguments
  3  no server to compile in, or the database cannot be read or declared in full
  4  not confirmed, or not the database of this project

Examples:
  trueup init                             in the directory of the application
  trueup init --yes --name platform       in a script
  trueup init --from-database --yes       declare what the database has
  trueup init --from dbmate --take-over   let trueup apply them from now on";
