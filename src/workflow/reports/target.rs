//! The database that a report is about, and a migration's name in it.

use serde::Serialize;

use crate::migrations::MigrationId;
use crate::output::MetricLabels;
use crate::output::view::Headline;
use crate::postgres::connection::Target;
use crate::project::Settings;
use crate::snapshot::Identity;
use crate::workflow::environment_mark;
use crate::writer::Mark;

/// The database, as it was asked for and as its server describes it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct TargetReport {
    /// The host asked for, or the directory of the socket.
    pub(crate) host: String,
    /// The port asked for.
    pub(crate) port: u16,
    /// `current_database()`.
    pub(crate) database: String,
    /// The role.
    pub(crate) role: String,
    /// The server's version.
    pub(crate) server_version: String,
    /// `pg_control_system()`.
    pub(crate) system_identifier: String,
    /// The environment that the database is marked as, else the one asked for with `--env`.
    pub(crate) environment: Option<String>,
    /// The project's name, if it has one.
    pub(crate) project: Option<String>,
    /// How metrics call it.
    #[serde(skip)]
    pub(crate) labels: MetricLabels,
}

/// A migration's version and name.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ReportedMigration {
    /// The version.
    pub(crate) version: String,
    /// The name.
    pub(crate) name: String,
    #[serde(skip)]
    label: String,
}

impl ReportedMigration {
    /// The migration of this identity.
    pub(crate) fn of(id: MigrationId<'_>) -> Self {
        Self { version: id.version_text(), name: id.name.to_owned(), label: id.to_string() }
    }

    /// `V7__add_user_id`
    pub(crate) fn label(&self) -> String {
        self.label.clone()
    }
}

impl TargetReport {
    /// The database that a snapshot is of.
    pub(crate) fn new(
        settings: &Settings,
        target: &Target,
        identity: &Identity,
        mark: Option<&Mark>,
    ) -> Self {
        Self {
            host: target.host().to_owned(),
            port: target.port(),
            database: identity.database.clone(),
            role: identity.role.clone(),
            server_version: identity.server_version.clone(),
            system_identifier: identity.system_identifier.clone(),
            environment: environment_mark::environment(settings, mark),
            project: settings.project.name.clone(),
            labels: settings.metric_labels(),
        }
    }

    /// `db.example.com:5432`, or the directory of the socket.
    pub(crate) fn address(&self) -> String {
        let Self { host, port, .. } = self;
        if host.starts_with('/') { host.clone() } else { format!("{host}:{port}") }
    }

    /// The line that reports begin with.
    pub(crate) fn headline(&self) -> Headline {
        let Self { database, role, server_version, environment, .. } = self;
        let environment = environment.as_ref().map(|name| format!(", environment {name}"));
        Headline {
            subject: format!("database {database}"),
            details: format!(
                " on {} as {role}, PostgreSQL {server_version}{}",
                self.address(),
                environment.unwrap_or_default()
            ),
            lines: Vec::new(),
        }
    }
}
