//! `history`: where the database is in the project's migrations, and whether this role can see that.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::examination::{DoctorExamination, Examined, Examining, Grade, TimeLimit};
use super::super::surroundings::{Surroundings, failure_of};
use crate::error::Failure;
use crate::migrations::{Migration, checksum, read_all};
use crate::postgres::sql::{QualifiedTable, identifier};
use crate::snapshot::{self, StatusDetail};
use crate::text::plural;
use crate::workflow::comparison;
use crate::workflow::project_model::{Needs, listed_programs};

pub(in super::super) const EXAMINATION: DoctorExamination = DoctorExamination {
    name: "history",
    help: "The history of migrations in the database: whether this role can read it and trueup's own tables, and how many \
           migrations of the project are applied. `trueup status` says more.",
    needs: &["project", "authentication"],
    limit: TimeLimit::Of(10),
    is_finished_first: false,
    examine,
};

fn examine<'a>(around: &'a mut Surroundings<'_>) -> Examining<'a> {
    Box::pin(async move {
        let settings = around.settings;
        let project = settings.project.clone();
        let programs = listed_programs(settings).map_err(failure_of)?;
        let reading = tokio::task::spawn_blocking(move || match programs {
            Some(programs) => Ok(programs.to_vec()),
            None => read_all(&project.migrations_dir, project.tool_source()).map(|found| found.migrations),
        });
        let files = reading.await.map_err(|error| failure_of(error.into()))?;
        let (migrations, unread) = match files {
            Ok(migrations) => (migrations, None),
            Err(failure) => (Vec::new(), Some(failure)),
        };
        let needs = Needs { migrations: Arc::from(migrations.as_slice()), ..Needs::nothing() };
        let request = comparison::request(settings, needs);
        let work =
            async move |session: &mut _| snapshot::take_status(session, &request, StatusDetail::Brief).await;
        let status = around.lend("reading the history", work).await?;
        let examined = judge(&migrations, unread, &status);
        around.migrations = migrations;
        around.status = Some(status);
        Ok(examined)
    })
}

fn judge(migrations: &[Migration], unread: Option<Failure>, status: &snapshot::StatusSnapshot) -> Examined {
    let rows = status.history.as_deref().unwrap_or_default();
    let what = match &status.history_table {
        None if status.others.is_empty() => "the database has no history of migrations".to_owned(),
        None => format!("the history is that of {}", status.others[0].tool),
        Some(table) => {
            let unchanged = checksum::unchanged(migrations, rows);
            format!("{} of {} applied, in {table}", unchanged.len(), plural(migrations.len(), "migration"))
        }
    };
    let mut examined = Examined::ok(what);
    if !status.invisible.is_empty() {
        let hidden = status.invisible.join(", ");
        let role = identifier(&status.identity.role);
        let what = format!("{hidden} cannot be read by {role}: check, status and upgrade cannot tell");
        examined = examined.and(Grade::Fail, "hidden", what, grants(&status.invisible, &role));
    }
    if let Some(table) = &status.malformed_history {
        let what = format!("{table} has the name of a history, and is none");
        examined = examined.and(Grade::Fail, "malformed", what, "trueup check");
    }
    match unread {
        Some(failure) => examined.and_failure(Grade::Fail, &failure),
        None => examined,
    }
}

/// What lets a role read tables.
fn grants(tables: &[String], role: &str) -> String {
    let schemas = tables.iter().filter_map(|table| Some(QualifiedTable::parse(table)?.schema.to_string()));
    let schemas: BTreeSet<String> = schemas.map(|schema| identifier(&schema).into_owned()).collect();
    let schemas = schemas.into_iter().collect::<Vec<_>>().join(", ");
    let tables = tables.join(", ");
    format!(
        "as the owner: GRANT USAGE ON SCHEMA {schemas} TO {role}; GRANT SELECT ON {tables} TO {role};\nwhere it has these \
         already, row security hides rows: work as the owner of the tables, or as a role with BYPASSRLS"
    )
}
