//! The files of a plan: their names, and what stands in them.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::Generation;
use crate::changes::schema_plan::{PlannedMigration, PlannedStep, in_one_transaction};
use crate::findings::Hazard;
use crate::migrations::Migration;
use crate::model::diagnosis::Decided;
use crate::model::{Effect, Lock};
use crate::postgres::catalog::Kind;
use crate::project::Project;

/// A file that is written.
#[derive(Debug, Clone)]
pub(crate) struct GeneratedFile {
    /// Its path in the project.
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    /// Whether it takes a migration back.
    pub(crate) is_down: bool,
}

impl GeneratedFile {
    /// Its name without the suffix: what `requires-check` says of a data check.
    pub(super) fn name(&self) -> String {
        self.path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// Whether it is a migration, and neither its down script nor a data check.
    pub(crate) fn is_migration(&self) -> bool {
        !self.is_down && self.version_text().starts_with('V')
    }

    /// The version of a migration, as its file's name has it.
    pub(super) fn version_text(&self) -> &str {
        let name = self.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.split_once("__").map_or("", |(version, _)| version)
    }
}

/// The versions from which on they are times: `20260101000000`.
const FIRST_TIME: i64 = 10_000_000_000_000;
/// The most characters of a name that is made of an object's.
const LONGEST: usize = 60;

/// The names of new migrations.
pub(super) struct Names {
    first: i64,
    name: String,
}

impl Names {
    /// Versions go on as the project's do: by one, or by the time where they are times.
    pub(super) fn after(existing: &[Migration], name: Option<&str>, migrations: &[PlannedMigration]) -> Self {
        let newest = existing.last().map(|migration| migration.version);
        let now = now_in_digits().parse().unwrap_or(FIRST_TIME);
        let first = match newest {
            Some(newest) if newest < FIRST_TIME => newest + 1,
            Some(newest) => now.max(newest + 1),
            None => now,
        };
        let mut steps = migrations.iter().flat_map(|migration| &migration.steps);
        let made = || match (steps.next(), steps.next()) {
            (Some(step), None) => format!("{} {}", step.verb, step.object.name),
            (Some(step), Some(_)) => format!("{} {} and more", step.verb, step.object.name),
            (None, _) => "change".to_owned(),
        };
        Self { first, name: slug(&name.map_or_else(made, str::to_owned)) }
    }

    pub(super) fn first(&self) -> i64 {
        self.first
    }

    pub(super) fn files(&self, project: &Project, migrations: &[PlannedMigration]) -> Vec<GeneratedFile> {
        let mut used: Vec<String> = Vec::new();
        let files = (self.first..).zip(migrations).map(|(version, migration)| {
            let mut name = self.name.clone();
            if !migration.transactional {
                name.push_str("_step_by_step");
            }
            if migration.contract {
                name.push_str("_contract");
            }
            let same = used.iter().filter(|other| **other == name).count();
            used.push(name.clone());
            let number = if same == 0 { String::new() } else { format!("_{}", same + 1) };
            GeneratedFile {
                path: directory(project).join(format!("V{version}__{name}{number}.sql")),
                text: up(migration),
                is_down: false,
            }
        });
        files.collect()
    }

    /// The files of a migration that a person writes.
    pub(super) fn empty(&self, project: &Project) -> Vec<GeneratedFile> {
        let stem = format!("V{}__{}", self.first, self.name);
        let file = |suffix: &str, text: &str, is_down| GeneratedFile {
            path: directory(project).join(format!("{stem}{suffix}")),
            text: text.to_owned(),
            is_down,
        };
        vec![
            file(".sql", "-- The statements of the migration. It runs in one transaction.\n", false),
            file(".down.sql", "-- The statements that take it back, in the other order.\n", true),
        ]
    }
}

/// The directory of the migrations, in the project.
fn directory(project: &Project) -> &Path {
    project.migrations_dir.strip_prefix(&project.dir).unwrap_or(&project.migrations_dir)
}

/// Words for the name of a file.
fn slug(text: &str) -> String {
    let mapped: String = text
        .chars()
        .map(|found| if found.is_alphanumeric() { found.to_lowercase().next().unwrap_or(found) } else { '_' })
        .collect();
    let words: Vec<&str> = mapped.split('_').filter(|word| !word.is_empty()).collect();
    let name: String = words.join("_").chars().take(LONGEST).collect();
    if name.is_empty() { "change".to_owned() } else { name }
}

/// The time, in UTC: `20260131235959`.
pub(super) fn now_in_digits() -> String {
    let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    now.chars().filter(char::is_ascii_digit).collect()
}

/// The text of a migration.
pub(super) fn up(migration: &PlannedMigration) -> String {
    let mut text = String::new();
    if !migration.transactional {
        text.push_str("-- trueup: no-transaction\n");
    }
    if migration.contract {
        text.push_str("-- trueup: contract\n");
    }
    for check in &migration.requires {
        text.push_str(&format!("-- trueup: requires-check {check}\n"));
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(&statements(&migration.steps));
    text
}

/// The statements, with what is to be known of them.
fn statements(steps: &[PlannedStep]) -> String {
    let parts = steps.iter().map(|step| {
        let object = format!("{} {}", step.object.kind.spoken(), step.object);
        let mut text = String::new();
        if step.hazards.contains(&Hazard::LosesData) {
            text.push_str(&match step.verb {
                "drop" => format!("-- Loses the values in {object}.\n"),
                _ => format!("-- May lose values in {object}: the new type does not keep all of them.\n"),
            });
        }
        if step.hazards.contains(&Hazard::RewritesTable) {
            text.push_str("-- May rewrite the table while nobody can read it.\n");
        }
        text.push_str(&step.statements.join("\n"));
        text.push('\n');
        text
    });
    parts.collect::<Vec<_>>().join("\n")
}

/// Adds the down scripts of the new migrations: what makes the schema before each of them out of the one after it.
pub(super) fn add_down_scripts(before: &Lock, compiled: &Lock, first: i64, generation: &mut Generation) {
    let head = &compiled.head;
    let mut earlier = before.state_after(|_| true);
    for migration in compiled.migrations.iter().filter(|migration| migration.version >= first) {
        let later = compiled.state_after(|version| version <= migration.version);
        let renamed = migration.effects.iter().filter_map(|effect| match effect {
            Effect::Renamed { from, to } => Some(((**to).clone(), (**from).clone())),
            _ => None,
        });
        let decided = Decided { renamed: renamed.collect(), filled: Vec::new() };
        let (steps, without) = in_one_transaction(head, &later, &earlier, &decided);
        let title = migration.id().to_string();
        let is_it = |file: &&GeneratedFile| file.name() == title;
        let planned =
            generation.files.iter().filter(|file| file.is_migration()).position(|file| is_it(&file));
        let one_way = planned.and_then(|number| generation.migrations.get(number)?.one_way);
        if let Some(why) = one_way {
            generation.notes.push(format!("{title} has no down script: {why}"));
            earlier = later;
            continue;
        }
        let unfilled = without.iter().map(|(object, _)| object).find(|object| object.kind == Kind::Column);
        match unfilled {
            Some(column) => generation.notes.push(format!(
                "{title} has no down script: nothing gives the values of column {column} back, which must have some"
            )),
            None => {
                if let Some(up) = generation.files.iter().find(is_it) {
                    let path = up.path.with_file_name(format!("{title}.down.sql"));
                    generation.files.push(GeneratedFile { path, text: down(&title, &steps), is_down: true });
                }
            }
        }
        earlier = later;
    }
    generation.files.sort_by(|a, b| a.path.cmp(&b.path));
}

fn down(title: &str, steps: &[PlannedStep]) -> String {
    if steps.is_empty() {
        return format!("-- Nothing to do: {title} changes nothing that has to be taken back.\n");
    }
    let mut text = String::new();
    for step in steps.iter().filter(|step| step.verb == "create") {
        if matches!(step.object.kind, Kind::Table | Kind::Column) {
            text.push_str(&format!(
                "-- The rows or values of {} {} do not come back.\n",
                step.object.kind.spoken(),
                step.object
            ));
        }
    }
    text.push_str(&statements(steps));
    text
}
