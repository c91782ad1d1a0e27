//! What must be true of every database that was taken over, whoever had migrated it so far.

use trueup::migrations::checksum::{self, Width};
use trueup::migrations::{Migration, read_directory};

use crate::support::program::Program;
use crate::support::project::Project;
use crate::support::{Row, TestDatabase};

/// The reference project, compiled.
pub(crate) fn reference() -> Project {
    let project = Project::reference();
    project.compile();
    project
}

/// Its migrations.
pub(crate) fn migrations(project: &Project) -> Vec<Migration> {
    read_directory(&project.path().join("migrations")).unwrap()
}

/// Runs the first migrations as they are, with no record of it.
pub(crate) fn run_first(project: &Project, database: &TestDatabase, count: usize) {
    migrations(project).iter().take(count).for_each(|migration| database.exec(&migration.sql));
}

pub(crate) fn adopt(project: &Project, database: &TestDatabase, more: &[&str]) -> Program {
    project.trueup(["adopt"], database).args(more)
}

/// refinery's history.
pub(crate) fn history(database: &TestDatabase) -> Vec<Row> {
    database
        .query("SELECT version::text, name, checksum FROM public.refinery_schema_history ORDER BY version")
}

/// What plain refinery would have written for the first migrations.
pub(crate) fn expected(project: &Project, count: usize, width: Width) -> Vec<Row> {
    let row = |migration: &Migration| {
        let checksum = checksum::written(migration, width).to_string();
        vec![Some(migration.version.to_string()), Some(migration.name.clone()), Some(checksum)]
    };
    migrations(project).iter().take(count).map(row).collect()
}

/// Takes over a database in which another tool has run the first migrations, and goes on from there. `table` is the
/// tool's own.
#[track_caller]
pub(crate) fn prove(
    project: &Project,
    database: &TestDatabase,
    (tool, table): (&str, &str),
    count: usize,
    more: &[&str],
) {
    let theirs =
        || database.query(&format!("SELECT t.*::text, t.ctid::text, t.xmin::text FROM {table} AS t"));
    let before = theirs();
    assert!(!before.is_empty(), "the tool wrote its history");
    let version = count.to_string();

    let plan = adopt(project, database, more).arg("--dry-run").document();
    assert_eq!(
        (&plan["exit_code"], &plan["adoption"]["version"]),
        (&0.into(), &version.as_str().into()),
        "{plan:#}"
    );
    assert_eq!(plan["plan"]["direction"], "adopt");
    assert_eq!(plan["plan"]["steps"].as_array().unwrap().len(), count);
    assert_eq!(plan["history"]["others"][0]["tool"], tool, "{plan:#}");
    let current = plan["history"]["others"][0]["current"].as_str().unwrap().to_owned();
    assert_eq!(
        database.value("SELECT (to_regnamespace('trueup') IS NULL)::text"),
        "true",
        "a plan writes nothing"
    );

    let adopted = adopt(project, database, more).arg("--yes").document();
    assert_eq!(adopted["exit_code"], 0, "{adopted:#}");
    assert_eq!(adopted["history"]["current"], version.as_str());
    assert_eq!(history(database), expected(project, count, Width::Four));
    assert_eq!(theirs(), before, "the other tool's table is left alone");
    let kept = database.query("SELECT how, effects IS NOT NULL FROM trueup.migrations");
    assert_eq!(kept, vec![vec![Some("adopted".to_owned()), Some("t".to_owned())]; count]);
    let texts = database.query("SELECT sql FROM trueup.migrations ORDER BY version");
    let files = migrations(project).into_iter().take(count).map(|migration| vec![Some(migration.sql)]);
    assert_eq!(texts, files.collect::<Vec<_>>());
    let detail = database.value("SELECT detail FROM trueup.steps WHERE action = 'adopt' AND state = 'done'");
    assert!(detail.contains(&format!("{tool} ({table}) at {current}")), "{detail}");

    adopt(project, database, &[]).exit(0).says(format!("at V{version}")).says("nothing to do");
    project.trueup(["upgrade", "--contract", "--yes"], database).exit(0);
    assert_eq!(history(database), expected(project, 8, Width::Four));
    let checked = project.trueup(["check"], database).args(ignoring(more)).document();
    assert_eq!(checked["exit_code"], 0, "{checked:#}");
    assert_eq!(theirs(), before);
}

/// The differences that were accepted are still told; these tests know of them.
fn ignoring<'a>(more: &[&'a str]) -> Vec<&'a str> {
    more.iter().map(|argument| if *argument == "--accept-drift" { "--ignore" } else { argument }).collect()
}
