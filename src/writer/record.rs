//! The audit log: what a run says of itself when it begins and when it ends, and the environment mark.

use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use super::WriteSession;
use super::event::{Event, Watch};
use super::step_error::StepError;
use super::work::{StepLimits, Work};
use crate::error::{ErrorCode, Exit, Failure, with_failure};
use crate::postgres::connection::{self, OwnedRow, RowError};
use crate::postgres::sql::literal;

/// What belongs to trueup in a database, as DDL.
pub const SCHEMA: &str = concat!(include_str!("schema.sql"), include_str!("layout_2.sql"));
/// What a schema of the first layout is given.
const LAYOUT_2: &str = include_str!("layout_2.sql");
/// The tables of [`SCHEMA`] that have rows from the beginning of a run.
const AT_THE_BEGINNING: [&str; 3] = ["mark", "runs", "fence"];
/// The other ones: a row in them says what a run did.
const LATER: [&str; 4] = ["steps", "migrations", "repairs", "seeds"];
/// The layout of [`SCHEMA`] that this version of trueup writes.
const LAYOUT: i32 = 2;
/// The mark as the audit log keeps it.
const MARK_AS_JSON: &str =
    "json_build_object('project', project, 'environment', environment, 'id', id)::text";
/// See `layout.sql`.
const LOOK: &str = include_str!("layout.sql");

/// trueup's own records are a few rows: nobody has a reason to keep them waiting.
const LIMITS: StepLimits = StepLimits {
    lock_timeout: Duration::from_secs(5),
    lock_budget: Duration::from_secs(30),
    max_duration: Duration::from_secs(10),
};

/// The name of the rows about a run, in messages.
const RUN: &str = "the record of this run";

/// What a run says of itself.
#[derive(Debug, Clone)]
pub struct RunRecord {
    /// Its ULID.
    pub id: String,
    /// The command.
    pub command: String,
    /// Its arguments, without secrets.
    pub arguments: String,
    /// The operating system's user.
    pub os_user: String,
    /// The machine, or container.
    pub os_host: String,
    /// Why, in a person's words, where the command asks for it.
    pub reason: Option<String>,
}

/// What is to be known before the first run.
struct FirstRun {
    has_schema: bool,
    superuser: bool,
}

/// The environment mark: which project and environment a database belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mark {
    /// The layout of trueup's tables.
    pub layout: i32,
    /// The project's name; `None` when it has none. In the database that is an empty text.
    pub project: Option<String>,
    /// The environment's name; `None` when nobody said it.
    pub environment: Option<String>,
    /// A UUID that a copy of the database has too.
    pub id: String,
}

impl Mark {
    /// A project's name as the database has it.
    pub fn project(stored: String) -> Option<String> {
        Some(stored).filter(|name| !name.is_empty())
    }

    fn from_row(row: &OwnedRow) -> Result<Self> {
        Ok(Self {
            layout: row.get("layout")?,
            project: Self::project(row.get("project")?),
            environment: row.get("environment")?,
            id: row.get("id")?,
        })
    }
}

/// What `layout.sql` answers.
struct Layout {
    /// Whether there is a schema trueup.
    present: bool,
    /// Whether its tables are as trueup makes them.
    genuine: bool,
}

/// What a run does to the mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Marking {
    /// Sets it where there is none; names the environment where nobody did.
    First {
        /// The project's name, if it has one.
        project: Option<String>,
        /// The environment's, when it was said.
        environment: Option<String>,
    },
    /// Sets it, whatever it is.
    Set {
        /// The project's name, if it has one.
        project: Option<String>,
        /// The environment's.
        environment: String,
    },
}

impl WriteSession {
    /// The mark of this database, if it has one.
    ///
    /// # Errors
    /// Exit 4 when schema trueup is not trueup's, or of a newer version; the connection's.
    pub async fn mark(&mut self) -> Result<Option<Mark>> {
        let doing = |error| connection::server_failure(error, "reading the environment mark");
        let layout = self.layout().await.map_err(doing)?;
        match (layout.present, layout.genuine) {
            (false, _) => return Ok(None),
            (true, true) => {}
            (true, false) => {
                return Err(Failure::new(
                    Exit::Refused,
                    "this database has a schema trueup that is not as this trueup makes it: its tables are missing, are \
                     no plain tables, or would run somebody's code when they are written (rules, triggers, row \
                     security, types, defaults, checks, indexes of expressions); nothing was changed",
                )
                .code(ErrorCode::DATABASE_STATE_FOREIGN)
                .next("look at who made it: \\dn+ trueup, \\d trueup.*; rename it when it is somebody else's")
                .into());
            }
        }
        let sql = "SELECT layout, project, environment, id FROM trueup.mark";
        let Some(row) = self.query_control(sql).await.map_err(doing)?.pop() else { return Ok(None) };
        let mark = Mark::from_row(&row).map_err(doing)?;
        let layout = mark.layout;
        if layout > LAYOUT {
            return Err(Failure::new(
                Exit::Refused,
                format!(
                    "a newer trueup has written to this database (layout {layout}; this one knows {LAYOUT})"
                ),
            )
            .code(ErrorCode::DATABASE_STATE_NEWER)
            .next("use the newer trueup")
            .into());
        }
        Ok(Some(mark))
    }

    async fn layout(&mut self) -> Result<Layout> {
        let rows = self.query_control(LOOK).await?;
        let row = rows.first().ok_or(RowError::NoRow)?;
        // Of no table at all it is NULL whether they are genuine.
        let genuine: Option<bool> = row.get("genuine")?;
        Ok(Layout { present: row.get("present")?, genuine: genuine.unwrap_or_default() })
    }

    /// Begins a run: makes schema trueup where there is none, closes the records of runs that broke off, takes over the
    /// fence. The lock must be held.
    ///
    /// # Errors
    /// Exit 4 when this role may not; exit 75 when a lock cannot be had.
    pub async fn start_run(
        &mut self,
        run: &RunRecord,
        marking: &Marking,
        watch: &mut dyn Watch,
    ) -> Result<()> {
        let mark = self.mark().await?;
        let mut known = mark.is_some();
        if !known {
            let first: FirstRun = self.first_run().await?;
            known = first.has_schema;
            if !known && first.superuser && self.access.set_role.is_none() {
                watch.observe(&Event::FirstRunOfSuperuser);
            }
        }
        self.run = Some(run.id.clone());
        let mut records: Vec<String> = Vec::new();
        let statements = |text: &str| text.trim_end().trim_end_matches(';').to_owned();
        if !known {
            records.push(statements(SCHEMA));
        } else if mark.is_none_or(|mark| mark.layout < LAYOUT) {
            records.push(statements(LAYOUT_2));
            records.push(format!("UPDATE trueup.mark SET layout = {LAYOUT}"));
        }
        records.push(format!(
            "UPDATE trueup.runs SET ended_at = clock_timestamp(), outcome = 'broke off' \
             WHERE ended_at IS NULL AND id <> {}",
            literal(&run.id)
        ));
        let texts = [
            &run.id,
            &run.command,
            &run.arguments,
            env!("CARGO_PKG_VERSION"),
            &run.os_user,
            &run.os_host,
            &self.server.system_identifier,
            &self.server.timeline,
        ];
        let texts: Vec<String> = texts.into_iter().map(literal).collect();
        records.push(format!(
            "INSERT INTO trueup.runs (id, command, arguments, version, os_user, os_host, system_identifier, timeline, \
             reason) VALUES ({}, {})",
            texts.join(", "),
            run.reason.as_deref().map_or_else(|| "NULL".to_owned(), literal)
        ));
        records.push(format!(
            "INSERT INTO trueup.fence (run) VALUES ({}) \
             ON CONFLICT (one) DO UPDATE SET run = excluded.run, transactions = 0",
            literal(&run.id)
        ));
        records.extend(marking.sql(&run.id));
        let records = records.join(";\n");
        let work = Work::records(RUN, &records, LIMITS);
        match self.transaction(&work, watch).await {
            Ok(()) => {
                (self.begun, self.made_schema) = (true, !known);
                Ok(())
            }
            Err(StepError::Refused { said, .. }) => Err(Failure::new(
                Exit::Refused,
                format!("this run cannot be recorded in schema trueup: {}; nothing was changed", said.text()),
            )
            .code(ErrorCode::DATABASE_STATE_NOT_WRITABLE)
            .next(format!(
                "trueup keeps its records in a schema of its own: GRANT CREATE ON DATABASE {} TO {}, or work as the role \
                 that owns the schema",
                crate::postgres::sql::identifier(&self.server.database),
                crate::postgres::sql::identifier(self.access.set_role.as_ref().unwrap_or(&self.server.role))
            ))
            .into()),
            Err(trouble) => Err(with_failure(trouble.failure(RUN, false), |failure| match failure.exit {
                Exit::RolledBack => Failure { exit: Exit::Refused, ..failure },
                _ => failure,
            })),
        }
    }

    /// What is to be known before the first run in a database without a mark.
    async fn first_run(&mut self) -> Result<FirstRun> {
        let sql = "SELECT to_regnamespace('trueup') IS NOT NULL AS present, \
                   current_setting('is_superuser') = 'on' AS superuser";
        let rows = self.query_control(sql).await;
        let rows = rows.map_err(|error| connection::server_failure(error, "looking for schema trueup"))?;
        let row = rows.first().ok_or(RowError::NoRow)?;
        Ok(FirstRun { has_schema: row.get("present")?, superuser: row.get("superuser")? })
    }

    /// Removes schema trueup as this run has made it, so that what was refused or rolled back leaves the database as it
    /// was. Whether it did, which the server decides: nothing is removed once anything but the beginning of this run is
    /// recorded, when another run has taken over, or when somebody else's objects are in the schema or depend on it.
    async fn remove_schema(&mut self) -> bool {
        let removed = self.try_to_remove_schema().await.unwrap_or_default();
        if !removed {
            self.roll_back().await;
        }
        removed
    }

    async fn try_to_remove_schema(&mut self) -> Result<bool> {
        let run = literal(self.run());
        let tables = |names: &[&str]| names.iter().map(|name| format!("trueup.{name}")).collect::<Vec<_>>();
        let empty: Vec<String> =
            tables(&LATER).iter().map(|table| format!("NOT EXISTS (SELECT FROM {table})")).collect();
        let only_begun = format!(
            "BEGIN; SET LOCAL search_path = pg_catalog, pg_temp; SELECT FROM trueup.fence WHERE run = {run} AND {} \
             AND NOT EXISTS (SELECT FROM trueup.runs WHERE id <> {run}) FOR UPDATE",
            empty.join(" AND ")
        );
        let session = self.read_session().await?;
        if session.query(only_begun).await?.is_empty() {
            return Ok(false);
        }
        let tables = [tables(&AT_THE_BEGINNING), tables(&LATER)].concat().join(", ");
        session.execute(format!("DROP TABLE {tables}; DROP SCHEMA trueup; COMMIT")).await?;
        Ok(true)
    }

    /// Records how the run ended, gives the lock back and says goodbye. When the connection is gone it is made once
    /// more for that; what cannot be recorded is understood by the next run all the same.
    pub async fn finish_run(mut self, exit: Exit, message: &str, watch: &mut dyn Watch) {
        if self.made_schema && matches!(exit, Exit::Refused | Exit::RolledBack) && self.remove_schema().await
        {
            return self.close().await;
        }
        let records = format!(
            "UPDATE trueup.runs SET ended_at = clock_timestamp(), outcome = {}, exit_code = {}, message = {} WHERE id = {}",
            literal(exit.outcome()),
            exit.code(),
            literal(message),
            literal(self.run())
        );
        let work = Work::records(RUN, &records, LIMITS);
        // A signal that ended the run must not keep its end from being recorded.
        self.stop = super::StopSignal::channel().1;
        if let Err(StepError::Lost(why)) = self.transaction(&work, watch).await
            && self.reconnect(&why, watch).await.is_ok()
        {
            let _ = self.transaction(&work, watch).await;
        }
        self.close().await;
    }

    /// Writes down what was done beside the steps of the plan, as [`Door::step_record`] words it.
    ///
    /// # Errors
    /// As [`Door::transaction`].
    pub async fn record(&mut self, what: &str, record: &str, watch: &mut dyn Watch) -> Result<(), StepError> {
        self.transaction(&Work::records(what, record, LIMITS), watch).await
    }

    /// A step's record as done, in the words of an INSERT, for [`Work::records`].
    pub fn step_record(
        &self,
        number: usize,
        action: &str,
        version: Option<i64>,
        detail: Option<&str>,
    ) -> String {
        self.step_record_of(&number.to_string(), action, version, detail)
    }

    /// The same for the step after all that this run has recorded.
    pub fn next_step_record(&self, action: &str, detail: Option<&str>) -> String {
        let last = format!("SELECT max(number) FROM trueup.steps WHERE run = {}", literal(self.run()));
        self.step_record_of(&format!("coalesce(({last}), 0) + 1"), action, None, detail)
    }

    /// The same for a number that is an SQL expression.
    fn step_record_of(
        &self,
        number: &str,
        action: &str,
        version: Option<i64>,
        detail: Option<&str>,
    ) -> String {
        let text = |value: Option<&str>| value.map_or_else(|| "NULL".to_owned(), literal);
        format!(
            "INSERT INTO trueup.steps (run, number, action, version, state, detail, ended_at) \
             VALUES ({}, {number}, {}, {}, 'done', {}, clock_timestamp())",
            literal(self.run()),
            literal(action),
            version.map_or_else(|| "NULL".to_owned(), |version| version.to_string()),
            text(detail)
        )
    }
}

impl Marking {
    fn sql(&self, run: &str) -> Vec<String> {
        let (project, environment) = match self {
            Self::First { project, environment } => (project, environment.as_deref()),
            Self::Set { project, environment } => (project, Some(environment.as_str())),
        };
        let insert = format!(
            "INSERT INTO trueup.mark (layout, project, environment, run) VALUES ({LAYOUT}, {}, {}, {})",
            literal(project.as_deref().unwrap_or_default()),
            environment.map_or_else(|| "NULL".to_owned(), literal),
            literal(run)
        );
        match self {
            Self::First { .. } => vec![format!(
                "{insert} ON CONFLICT (one) DO UPDATE SET run = excluded.run, \
                 environment = coalesce(mark.environment, excluded.environment), \
                 project = CASE mark.project WHEN '' THEN excluded.project ELSE mark.project END \
                 WHERE mark.environment IS NULL AND excluded.environment IS NOT NULL \
                 OR mark.project = '' AND excluded.project <> ''"
            )],
            // The identifier becomes another one: a copy must not be taken for its original.
            Self::Set { .. } => vec![
                format!(
                    "INSERT INTO trueup.steps (run, number, action, state, before, ended_at) \
                     VALUES ({}, 1, 'environment', 'done', (SELECT {MARK_AS_JSON} FROM trueup.mark), clock_timestamp())",
                    literal(run)
                ),
                format!(
                    "{insert} ON CONFLICT (one) DO UPDATE SET layout = excluded.layout, project = excluded.project, \
                     environment = excluded.environment, id = excluded.id, run = excluded.run, \
                     set_at = clock_timestamp()"
                ),
                format!(
                    "UPDATE trueup.steps SET before = NULL, detail = json_build_object('old', before::json, 'new', \
                     (SELECT {MARK_AS_JSON} FROM trueup.mark)::json)::text WHERE run = {} AND number = 1",
                    literal(run)
                ),
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_of_the_schema_is_named() {
        let created = SCHEMA.lines().filter_map(|line| {
            let line = line.strip_prefix("CREATE TABLE ")?;
            line.trim_start_matches("IF NOT EXISTS ").strip_prefix("trueup.")?.strip_suffix(" (")
        });
        let named = AT_THE_BEGINNING.into_iter().chain(LATER);
        assert_eq!(created.collect::<Vec<_>>(), named.collect::<Vec<_>>());
    }
}
