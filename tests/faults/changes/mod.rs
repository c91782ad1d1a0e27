//! What a person decides about a database: migrations taken back, resolved and edited, databases marked. Always the
//! real binary, without a terminal.

mod downgrade;
mod edited;
mod environment;
mod resolve;
mod upgrade;

use std::fs;

use trueup::postgres::catalog::reader::{self, ReadOptions};

use crate::support::project::{Project, SETTINGS};
use crate::support::{self, TestDatabase};

/// A compiled project of these migrations alone; `settings` are added to trueup.toml.
fn project(settings: &str, migrations: &[(&str, &str)]) -> Project {
    let project = Project::of_schema("");
    fs::remove_dir_all(project.path().join("schema")).unwrap();
    fs::create_dir(project.path().join("migrations")).unwrap();
    for (name, sql) in migrations {
        write(&project, name, sql);
    }
    fs::write(project.path().join("trueup.toml"), format!("{SETTINGS}{settings}")).unwrap();
    project.compile();
    project
}

/// Writes a migration's file.
fn write(project: &Project, name: &str, sql: &str) {
    fs::write(project.path().join("migrations").join(name), sql).unwrap();
}

/// The history's versions, in order.
fn applied(database: &TestDatabase) -> String {
    database.value(
        "SELECT coalesce(string_agg(version::text, ' ' ORDER BY version), '') FROM public.refinery_schema_history",
    )
}

/// All that is compared of a catalog, as text.
fn catalog(database: &TestDatabase) -> Vec<String> {
    let catalog = support::runtime().block_on(async {
        let mut session = database.connect().await;
        let version = session.server_version().unwrap();
        let reading = reader::read(&mut session, version, &ReadOptions::default()).await.unwrap();
        session.close().await;
        reading.catalog
    });
    let lines = catalog.objects.iter().map(|object| {
        let compared = object.attributes.iter().filter(|(attribute, _)| attribute.is_compared());
        let values: Vec<_> =
            compared.map(|(attribute, value)| format!("{}={value}", attribute.word())).collect();
        format!("{} {} {}", object.id.kind.word(), object.id, values.join(" "))
    });
    lines.collect()
}

/// The last row of the audit log, as text: command, arguments, outcome, exit code, reason.
fn last_run(database: &TestDatabase) -> String {
    database.value(
        "SELECT concat_ws('|', command, arguments, outcome, exit_code, reason) FROM trueup.runs \
         ORDER BY started_at DESC LIMIT 1",
    )
}
