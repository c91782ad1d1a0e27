//! The section `[migrations]` of `trueup.toml`: which tool migrates, how it is called, and how long a migration may take.

use std::time::Duration;

use super::own_tool::{OwnTool, TABLE, own_tool, table};
use crate::error::Failure;
use crate::migrations::tools::MigrationTool;
use crate::postgres::sql::{self, ChosenHistory, DURATION};
use crate::toml_table::TomlTable;

/// The settings in `[migrations]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationSettings {
    /// The tool that keeps and applies the migrations; `None` for trueup itself.
    pub tool: Option<MigrationTool>,
    /// The program and its arguments that apply the tool's migrations; empty for the tool's usual ones.
    pub command: Vec<String>,
    /// The tool whose table is kept in step with the migrations that were taken over from it.
    pub also_record_in: Option<MigrationTool>,
    /// The program and its arguments that take the tool's migrations back; empty for the tool's usual ones.
    pub revert_command: Vec<String>,
    /// The project's own tool, where that is what migrates.
    pub own: Option<OwnTool>,
    /// The program of a tool whose migrations are programs, with the arguments that come before all others; empty for the
    /// tool's usual one.
    pub program: Vec<String>,
    /// The directory in which the tool is run, relative to that of the project.
    pub working_directory: String,
    /// The variables that the tool's own settings read, with placeholders such as `{host}` in their values.
    pub variables: Vec<(String, String)>,
    /// Values that Flyway's SQL has in the place of placeholders, beside those of Flyway's own settings.
    pub placeholders: Vec<(String, String)>,
    /// The driver in the URL that Alembic is given: `postgresql+DRIVER://`.
    pub driver: Option<String>,
    /// How long the tool may take.
    pub timeout: Duration,
    /// The directory of the migrations, relative to that of the project.
    pub dir: String,
    /// The history table; `None` for refinery's own name in the first schema of the search_path, or for that of the tool.
    pub history: Option<ChosenHistory>,
    /// The `lock_timeout` of a migration's statements.
    pub lock_timeout: Duration,
    /// The time limit of all attempts to get the locks of a migration, pauses included.
    pub lock_budget: Duration,
    /// The time limit of a migration's transaction.
    pub max_duration: Duration,
    /// The time limit of a statement outside of a transaction for getting its locks. It blocks nobody while it waits.
    pub outside_lock_budget: Duration,
    /// How long to wait for another run of trueup.
    pub wait: Duration,
}

impl Default for MigrationSettings {
    fn default() -> Self {
        Self {
            tool: None,
            command: Vec::new(),
            also_record_in: None,
            revert_command: Vec::new(),
            own: None,
            program: Vec::new(),
            working_directory: String::new(),
            variables: Vec::new(),
            placeholders: Vec::new(),
            driver: None,
            timeout: Duration::from_secs(3600),
            dir: "migrations".to_owned(),
            history: None,
            lock_timeout: Duration::from_secs(3),
            lock_budget: Duration::from_secs(60),
            max_duration: Duration::from_secs(30),
            outside_lock_budget: Duration::from_secs(600),
            wait: Duration::from_secs(60),
        }
    }
}

/// The tools whose tables can be kept in step.
const KEPT_IN_STEP: [MigrationTool; 9] = [
    MigrationTool::Dbmate,
    MigrationTool::Diesel,
    MigrationTool::Flyway,
    MigrationTool::GolangMigrate,
    MigrationTool::Goose,
    MigrationTool::NodePgMigrate,
    MigrationTool::Prisma,
    MigrationTool::SqlMigrate,
    MigrationTool::Sqlx,
];

pub(super) fn migrations(section: TomlTable<'_, '_>) -> Result<MigrationSettings, Failure> {
    let mut settings = MigrationSettings::default();
    let known: Vec<&str> =
        std::iter::once("trueup").chain(MigrationTool::ALL.map(MigrationTool::word)).collect();
    let tool =
        section.read("tool", &format!("one of {}", known.join(", ")), |value| match value.as_str()? {
            "trueup" => Some(None),
            word => MigrationTool::of_word(word).map(Some),
        })?;
    if let Some(tool) = tool.flatten() {
        settings.tool = Some(tool);
        settings.dir = tool.usual_directory().to_owned();
    }
    settings.also_record_in = section.read(
        "also_record_in",
        &format!("one of {}", KEPT_IN_STEP.map(MigrationTool::word).join(", ")),
        |value| MigrationTool::of_word(value.as_str()?).filter(|tool| KEPT_IN_STEP.contains(tool)),
    )?;
    if let (Some(tool), true) = (settings.tool, settings.also_record_in.is_some()) {
        return Err(section
            .error_at("also_record_in", &format!("{tool} keeps the migrations and their history itself"))
            .next("remove `also_record_in`, or `tool`"));
    }
    if let Some(dir) = section.string("dir")? {
        settings.dir = dir;
    }
    settings.own = own_tool(&section, settings.tool)?;
    let history = section.read("history", TABLE, |value| table(value.as_str()?))?;
    settings.history = history.map(|table| ChosenHistory { table, column: None });
    if let (Some(tool), true) = (settings.tool, settings.history.is_some()) {
        return Err(section
            .error_at("history", &format!("the history of these migrations is {tool}'s own table"))
            .next("remove `history`, or `tool`"));
    }
    settings.command = section.strings("command")?.unwrap_or_default();
    settings.revert_command = section.strings("revert_command")?.unwrap_or_default();
    settings.program = section.strings("program")?.unwrap_or_default();
    if let (false, Some(tool)) = (settings.program.is_empty(), settings.tool.filter(|tool| !tool.is_code())) {
        return Err(section
            .error_at("program", &format!("{tool} keeps its migrations as SQL, and is called by `command`"))
            .next("write the program and all its arguments: command = [...]"));
    }
    settings.working_directory = section.string("working_directory")?.unwrap_or_default();
    settings.driver = section.string("driver")?;
    if let Some(variables) = section.section("variables")? {
        settings.variables = variables.map("a string", |value, _| Some(value.to_owned()))?;
    }
    settings.placeholders = placeholders(&section, settings.tool)?;
    for (key, value) in [
        ("timeout", &mut settings.timeout),
        ("lock_timeout", &mut settings.lock_timeout),
        ("lock_budget", &mut settings.lock_budget),
        ("max_duration", &mut settings.max_duration),
        ("outside_lock_budget", &mut settings.outside_lock_budget),
        ("wait", &mut settings.wait),
    ] {
        let read = section.read(key, DURATION, |value| value.as_str().and_then(sql::duration))?;
        *value = read.unwrap_or(*value);
    }
    section.finish()?;
    if let Some(own) = &settings.own {
        settings.command.clone_from(&own.upgrade);
        settings.revert_command.clone_from(&own.revert);
        settings.history = Some(own.applied.clone());
    }
    Ok(settings)
}

/// The values of `[migrations.placeholders]`.
fn placeholders(
    section: &TomlTable<'_, '_>,
    tool: Option<MigrationTool>,
) -> Result<Vec<(String, String)>, Failure> {
    let Some(values) = section.section("placeholders")? else { return Ok(Vec::new()) };
    if tool != Some(MigrationTool::Flyway) {
        return Err(section
            .error_at("placeholders", "these are values of Flyway's placeholders")
            .next("remove them, or write tool = \"flyway\""));
    }
    values.map("a string", |value, _| Some(value.to_owned()))
}
