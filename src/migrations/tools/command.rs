//! The command by which a tool applies its pending migrations, and how it is told which database.

use super::MigrationTool;

/// Stands in a command for the URL of the database without its password, which is in the variable `PGPASSWORD`.
pub const URL: &str = "{url}";
/// Stands in a command for the directory of the migrations.
pub const DIR: &str = "{dir}";
/// Stands in a command for the identifier of a migration: the command is run once for each.
pub const REVISION: &str = "{revision}";

impl MigrationTool {
    /// What comes behind [`super::CodeTool::program`], and for a tool of SQL files the program, too: with [`URL`] and [`DIR`] in it.
    pub fn apply_arguments(self) -> &'static [&'static str] {
        match self {
            Self::Alembic | Self::Command | Self::Django | Self::Liquibase | Self::Rails => {
                self.code().map_or(&[], |code| code.upgrade)
            }
            Self::Dbmate => &["dbmate", "--no-dump-schema", "--migrations-dir", DIR, "up"],
            Self::Diesel => &["diesel", "migration", "run", "--migration-dir", DIR],
            Self::Flyway => &["flyway", "-locations=filesystem:{dir}", "migrate"],
            Self::GolangMigrate => &["migrate", "-path", DIR, "-database", URL, "up"],
            Self::Goose => &["goose", "-dir", DIR, "up"],
            Self::NodePgMigrate => &["node-pg-migrate", "up", "--migrations-dir", DIR],
            Self::Prisma => &["prisma", "migrate", "deploy"],
            Self::SqlMigrate => &["sql-migrate", "up"],
            Self::Sqitch => &["sqitch", "deploy", "--chdir", DIR, "--target", "db:{url}"],
            Self::Sqlx => &["sqlx", "migrate", "run", "--source", DIR],
        }
    }

    /// The variables that name the database to the tool, beside `DATABASE_URL` and `PGPASSWORD`.
    pub fn variables(self, place: &Place<'_>) -> Vec<(&'static str, String)> {
        match self {
            Self::Goose => vec![
                ("GOOSE_DRIVER", "postgres".to_owned()),
                ("GOOSE_DBSTRING", place.url.to_owned()),
                ("GOOSE_MIGRATION_DIR", place.dir.to_owned()),
            ],
            Self::Flyway => vec![
                ("FLYWAY_URL", place.jdbc()),
                ("FLYWAY_USER", place.role.to_owned()),
                ("FLYWAY_PASSWORD", place.password.unwrap_or_default().to_owned()),
            ],
            // A server in the background would have the settings of another run.
            Self::Rails => vec![("DISABLE_SPRING", "1".to_owned())],
            Self::Liquibase => vec![
                ("LIQUIBASE_COMMAND_URL", place.jdbc()),
                ("LIQUIBASE_COMMAND_USERNAME", place.role.to_owned()),
                ("LIQUIBASE_COMMAND_PASSWORD", place.password.unwrap_or_default().to_owned()),
            ],
            _ => Vec::new(),
        }
    }
}

impl Place<'_> {
    /// The URL as JDBC takes it: without role and password, and with `sslmode`, which has the same values there.
    fn jdbc(&self) -> String {
        let query = self.url.split_once('?').map_or("", |(_, query)| query);
        let tls = query.split('&').find(|pair| pair.starts_with("sslmode="));
        let tls = tls.map(|pair| format!("?{pair}")).unwrap_or_default();
        format!("jdbc:postgresql://{}:{}/{}{tls}", self.host, self.port, self.database)
    }
}

/// The database, and the migrations, as a tool is told of them.
#[derive(Debug, Clone, Copy)]
pub struct Place<'p> {
    /// The URL of the database, with its password.
    pub url: &'p str,
    /// The host.
    pub host: &'p str,
    /// The port.
    pub port: u16,
    /// The name of the database.
    pub database: &'p str,
    /// The role.
    pub role: &'p str,
    /// The password, where the URL has one.
    pub password: Option<&'p str>,
    /// The directory of the migrations.
    pub dir: &'p str,
}
