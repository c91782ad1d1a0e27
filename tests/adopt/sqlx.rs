//! sqlx's own migrator.

use std::fs;
use std::str::FromStr as _;

use sqlx_core::connection::ConnectOptions as _;
use sqlx_core::migrate::Migrator;
use sqlx_postgres::PgConnectOptions;

use super::taken::{migrations, prove, reference};
use crate::support;

#[test]
fn the_history_of_sqlx_is_taken_over() {
    let (project, database) = (reference(), support::database());
    let home = tempfile::tempdir().unwrap();
    for migration in migrations(&project).iter().take(6) {
        let outside = if migration.directives.no_transaction { "-- no-transaction\n" } else { "" };
        let file = home.path().join(format!("{:04}_{}.sql", migration.version, migration.name));
        fs::write(file, format!("{outside}{}", migration.sql)).unwrap();
    }
    support::runtime().block_on(async {
        let mut connection = PgConnectOptions::from_str(database.url()).unwrap().connect().await.unwrap();
        let migrator = Migrator::new(home.path()).await.unwrap();
        migrator.run(&mut connection).await.unwrap();
    });
    prove(&project, &database, ("sqlx", "public._sqlx_migrations"), 6, &[]);
}
