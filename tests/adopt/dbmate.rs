//! dbmate.

use std::fs;

use super::taken::{migrations, prove, reference};
use super::tools::{address, dbmate, did_not_run, tool};
use crate::support;

#[test]
fn dbmates_history_is_taken_over() {
    let Some(program) = dbmate() else { return did_not_run("dbmate") };
    let (project, database) = (reference(), support::database());
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("db/migrations");
    fs::create_dir_all(&directory).unwrap();
    for migration in migrations(&project).iter().take(2) {
        let file = format!("2025010{}120000_{}.sql", migration.version, migration.name);
        let text = format!("-- migrate:up\n{}\n-- migrate:down\n", migration.sql);
        fs::write(directory.join(file), text).unwrap();
    }
    let (user, name, socket) = address(&database);
    let url = format!("postgres://{user}@/{name}?socket={socket}&sslmode=disable");
    tool(&program, home.path()).args(["--url", &url, "--no-dump-schema", "migrate"]).exit(0);
    prove(&project, &database, ("dbmate", "public.schema_migrations"), 2, &[]);
}
