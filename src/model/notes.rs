//! What a project's files say that comes to something else than it seems, without being wrong.

use std::collections::HashSet;

use smol_str::SmolStr;

use super::inputs::Sources;
use super::load::history_rows;
use super::lock::{DownOutcome, Lock};
use crate::migrations::tools::MigrationTool;
use crate::postgres::sql::{Assignment, Statement, split_all};

impl Sources {
    /// One sentence for each such place, with file and line: in `schema/` first, then in the migrations.
    pub fn notes(&self, project: &std::path::Path) -> Vec<String> {
        let mut notes = Vec::new();
        for file in &self.schema {
            for statement in split_all(&file.text).0 {
                let place = format!("{}: line {}", file.path, statement.line);
                let rows = history_rows(&statement).map(|table| {
                    format!("{place}: rows of the migration history {table} are not part of a schema: they are not loaded")
                });
                notes.extend(rows.into_iter().chain(overlong(&place, &statement)));
            }
        }
        for migration in &self.migrations {
            let path = super::inputs::relative(project, &migration.path);
            let alone = migration.directives.no_transaction;
            for statement in split_all(&migration.sql).0 {
                let place = format!("{path}: line {}", statement.line);
                notes.extend(
                    overlong(&place, &statement).into_iter().chain(setting(&place, &statement, alone)),
                );
            }
        }
        notes
    }
}

impl Lock {
    /// What is worth knowing of its migrations beside their effects.
    pub fn notes(&self) -> Vec<String> {
        self.heads().into_iter().chain(self.refused_down_scripts()).collect()
    }

    /// The down scripts that cannot be run.
    fn refused_down_scripts(&self) -> impl Iterator<Item = String> {
        self.migrations.iter().filter_map(|migration| match &migration.down.as_ref()?.outcome {
            DownOutcome::Refused(why) => {
                Some(format!("the down script of {} cannot be run after it: {why}", migration.id()))
            }
            DownOutcome::Measured(_) | DownOutcome::Unmeasured => None,
        })
    }

    /// More heads of Alembic than one.
    fn heads(&self) -> Option<String> {
        let revisions = || self.migrations.iter().filter_map(|migration| migration.revision.as_ref());
        let tool = self.head.settings.tool.filter(|tool| *tool == MigrationTool::Alembic)?;
        let parents: HashSet<&SmolStr> =
            self.migrations.iter().flat_map(|migration| &migration.parents).collect();
        let ids = revisions().map(|revision| &revision.id);
        let heads: Vec<&str> = ids.filter(|id| !parents.contains(id)).map(SmolStr::as_str).collect();
        (heads.len() > 1).then(|| {
            format!(
                "{} has {} heads ({}): `alembic upgrade head` refuses; merge them: alembic merge heads",
                tool.title(),
                heads.len(),
                heads.join(", ")
            )
        })
    }
}

/// PostgreSQL truncates such a name, with only a notice.
fn overlong(place: &str, statement: &Statement<'_>) -> Option<String> {
    let part = statement.parts().find(|part| part.overlong_name().is_some())?;
    let (written, kept) = (part.overlong_name()?, part.name()?);
    let length = written.len();
    Some(format!("{place}: the name {written:?} has {length} bytes: PostgreSQL truncates it to {kept:?}"))
}

/// Settings that do not hold as they are written.
fn setting(place: &str, statement: &Statement<'_>, alone: bool) -> Option<String> {
    let Assignment { name, .. } = Assignment::of(statement)?;
    let why = if alone {
        "it has no effect: every statement of a no-transaction migration runs in a clean session"
    } else if name == "lock_timeout" {
        "only a shorter limit than that of the migration takes effect; a line `-- trueup: lock-timeout 5s` at the top \
         of the file sets it"
    } else {
        return None;
    };
    Some(format!("{place}: {}: {why}", statement.summary()))
}
