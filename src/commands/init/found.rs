//! What a directory shows of the tool that migrates its database.

use std::fs;
use std::path::{Path, PathBuf};

use crate::migrations::script::tool_of_markers;
use crate::migrations::tools::{FLYWAY_SETTINGS, MigrationTool};
use crate::postgres::sql::read_file;

/// A tool, and what shows that it is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// The tool; `None` for migrations that trueup reads as they are.
    pub(super) tool: Option<MigrationTool>,
    /// The directory of its migrations, relative to the project.
    pub(super) dir: PathBuf,
    /// The file that shows it.
    pub(super) evidence: String,
}

/// The files of builds that may have Flyway in them.
const BUILDS: [&str; 3] = ["pom.xml", "build.gradle", "build.gradle.kts"];

/// Where migrations usually are.
const DIRECTORIES: [&str; 10] = [
    "migrations",
    "db/migrations",
    "database/migrations",
    "sql/migrations",
    "db/migrate",
    "sql",
    "db/migration",
    "src/main/resources/db/migration",
    "src/migrations",
    "internal/db/migrations",
];

/// The tool of a directory; `None` where nothing shows one.
pub(super) fn find(project: &Path) -> Option<Found> {
    let has = |name: &str| project.join(name).exists();
    let found = |tool: MigrationTool, dir: &str, evidence: &str| {
        Some(Found { tool: Some(tool), dir: dir.into(), evidence: evidence.to_owned() })
    };
    if has("prisma/migrations") {
        return found(MigrationTool::Prisma, "prisma/migrations", "prisma/migrations");
    }
    if has("sqitch.plan") {
        return found(MigrationTool::Sqitch, ".", "sqitch.plan");
    }
    if has("alembic.ini") {
        let dir = format!("{}/versions", script_location(&text_of(&project.join("alembic.ini"))));
        return Some(Found {
            tool: Some(MigrationTool::Alembic),
            dir: dir.into(),
            evidence: "alembic.ini".to_owned(),
        });
    }
    if has("manage.py") {
        return found(MigrationTool::Django, ".", "manage.py");
    }
    if has("liquibase.properties") {
        let root = changelog(&text_of(&project.join("liquibase.properties")));
        let dir = root.as_deref().and_then(Path::parent).map(Path::to_owned);
        let dir = dir.unwrap_or_else(|| MigrationTool::Liquibase.usual_directory().into());
        let dir = if dir.as_os_str().is_empty() { ".".into() } else { dir };
        let evidence = "liquibase.properties".to_owned();
        return Some(Found { tool: Some(MigrationTool::Liquibase), dir, evidence });
    }
    if has("bin/rails") && has("db/migrate") {
        return found(MigrationTool::Rails, "db/migrate", "bin/rails");
    }
    if has("diesel.toml") {
        return found(MigrationTool::Diesel, "migrations", "diesel.toml");
    }
    let configured = || FLYWAY_SETTINGS.into_iter().find(|name| has(name));
    // A build of Java has Flyway as a plugin or a library.
    let built = || BUILDS.into_iter().find(|name| text_of(&project.join(name)).contains("flyway"));
    let configured = configured().or_else(built);
    for dir in DIRECTORIES {
        if let Some((tool, evidence)) = of_files(&project.join(dir), configured, uses_sqlx(project)) {
            return Some(Found { tool, dir: dir.into(), evidence: format!("{dir}/{evidence}") });
        }
    }
    None
}

/// What the files of this directory show; trueup's own migrations where they show nothing.
pub(super) fn in_directory(project: &Path, dir: &Path) -> Found {
    let (tool, evidence) = of_files(&project.join(dir), None, uses_sqlx(project)).unzip();
    let evidence = evidence.map(|first: String| dir.join(first).display().to_string());
    let evidence = evidence.unwrap_or_else(|| "--dir".to_owned());
    Found { tool: tool.flatten(), dir: dir.to_owned(), evidence }
}

/// A tool whose migrations are programs: its name, and the file that shows it.
pub(super) fn of_code(project: &Path) -> Option<(&'static str, String)> {
    let found = find(project)?;
    Some((found.tool.filter(|tool| tool.is_code())?.title(), found.evidence))
}

/// `script_location = alembic` of alembic.ini, relative to the project.
fn script_location(ini: &str) -> String {
    let value = ini.lines().find_map(|line| {
        let (key, value) = line.split_once('=')?;
        (key.trim() == "script_location").then(|| value.trim())
    });
    let value = value.unwrap_or("alembic").replace("%(here)s", ".");
    let parts = value.split('/').filter(|part| !matches!(*part, "" | "."));
    parts.collect::<Vec<_>>().join("/")
}

/// `changeLogFile = db/root.yaml` of liquibase.properties, which has several spellings.
fn changelog(properties: &str) -> Option<PathBuf> {
    properties.lines().find_map(|line| {
        let (key, value) = line.split_once(['=', ':'])?;
        let key = key.trim().replace('-', "").to_ascii_lowercase();
        let key = key.strip_prefix("liquibase.command.").unwrap_or(&key);
        (key == "changelogfile").then(|| value.trim().into())
    })
}

fn uses_sqlx(project: &Path) -> bool {
    let names = |text: String| text.lines().any(|line| line.trim_start().starts_with("sqlx"));
    project.join(".sqlx").is_dir() || names(text_of(&project.join("Cargo.toml")))
}

/// The text of a file; nothing where it is missing, or cannot be read.
fn text_of(path: &Path) -> String {
    read_file(path).unwrap_or_default()
}

/// The tool of the files in a directory, with the first file that shows it.
fn of_files(directory: &Path, flyway: Option<&str>, sqlx: bool) -> Option<(Option<MigrationTool>, String)> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort();
    if names.iter().any(|name| directory.join(name).join("up.sql").is_file()) {
        let first = names.into_iter().find(|name| directory.join(name).join("up.sql").is_file())?;
        return Some((Some(MigrationTool::Diesel), format!("{first}/up.sql")));
    }
    let first = names.iter().find(|name| name.ends_with(".sql"))?.clone();
    if first.starts_with(['V', 'U', 'R', 'B']) && first.contains("__") {
        return Some((flyway.map(|_| MigrationTool::Flyway), first));
    }
    let marked = tool_of_markers(&text_of(&directory.join(&first))).and_then(MigrationTool::of_word);
    let is_numbered = first.starts_with(|found: char| found.is_ascii_digit());
    let tool = match marked {
        Some(tool) => tool,
        None if !is_numbered => return None,
        None if sqlx => MigrationTool::Sqlx,
        None if first.ends_with(".up.sql") || first.ends_with(".down.sql") => MigrationTool::GolangMigrate,
        None => MigrationTool::Sqlx,
    };
    Some((Some(tool), first))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool_of(files: &[(&str, &str)]) -> Option<(Option<MigrationTool>, String)> {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = directory.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        find(directory.path()).map(|found| (found.tool, found.evidence))
    }

    #[test]
    fn tools_are_found_by_their_files() {
        let found = |files: &[(&str, &str)]| tool_of(files).map(|(tool, _)| tool);
        for (files, tool) in [
            (&[("db/migrations/1_a.sql", "-- migrate:up\nselect 1;")][..], MigrationTool::Dbmate),
            (&[("migrations/1_a.sql", "-- +goose Up\nselect 1;")], MigrationTool::Goose),
            (&[("migrations/1-a.sql", "-- +migrate Up\nselect 1;")], MigrationTool::SqlMigrate),
            (&[("migrations/1_a.sql", "-- Up Migration\nselect 1;")], MigrationTool::NodePgMigrate),
            (&[("migrations/1_a.up.sql", "select 1;")], MigrationTool::GolangMigrate),
            (
                &[("migrations/1_a.up.sql", ""), ("Cargo.toml", "[dependencies]\nsqlx = \"0.9\"")],
                MigrationTool::Sqlx,
            ),
            (&[("migrations/2026-01-01-000000_a/up.sql", "select 1;")], MigrationTool::Diesel),
            (&[("prisma/migrations/1_a/migration.sql", "select 1;")], MigrationTool::Prisma),
            (&[("sqitch.plan", "")], MigrationTool::Sqitch),
            (&[("liquibase.properties", "")], MigrationTool::Liquibase),
            (&[("bin/rails", ""), ("db/migrate/1_a.rb", "")], MigrationTool::Rails),
            (&[("manage.py", ""), ("migrations/1_a.up.sql", "")], MigrationTool::Django),
            (
                &[("alembic.ini", "[alembic]\nscript_location = %(here)s/db/alembic\n")],
                MigrationTool::Alembic,
            ),
            (&[("flyway.conf", ""), ("sql/V1__a.sql", "select 1;")], MigrationTool::Flyway),
            (
                &[
                    ("pom.xml", "<artifactId>flyway-core</artifactId>"),
                    ("src/main/resources/db/migration/V1__a.sql", "select 1;"),
                ],
                MigrationTool::Flyway,
            ),
        ] {
            assert_eq!(found(files), Some(Some(tool)), "{files:?}");
        }
        assert_eq!(found(&[("migrations/V1__a.sql", "select 1;")]), Some(None), "trueup's own names");
        assert_eq!(found(&[("migrations/readme.sql", "select 1;")]), None);
        assert_eq!(found(&[]), None);
        for text in ["url: x\nchangeLogFile=db/root.yaml", "liquibase.command.changelog-file: db/root.yaml"] {
            assert_eq!(changelog(text).as_deref(), Some(Path::new("db/root.yaml")));
        }
        assert_eq!(script_location("[alembic]\nscript_location = %(here)s/db/alembic\n"), "db/alembic");
    }
}
