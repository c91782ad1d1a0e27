//! What every command that writes to a database has in common: the write session, the check of the environment label, the
//! confirmation, and the record of the run.

use anyhow::Result;

use crate::changes::plan::Direction;
use crate::cli::WriteArgs;
use crate::error::{ErrorCode, Exit, Failure, exit_of};
use crate::migrations::{Ledger, SQUASHED_NEXT, SquashState, ToolLedger};
use crate::output::Progress;
use crate::postgres::connection::{self, OwnedRow, RowError, Target, server_failure};
use crate::postgres::sql::{QualifiedTable, identifier, literal};
use crate::project::{NamedEnvironment, Settings};
use crate::snapshot::{self, DatabaseSnapshot, Request};
use crate::text::without_passwords;
use crate::workflow::confirmation::Confirmation;
use crate::workflow::project_model::{Needs, ProjectModel};
use crate::workflow::{comparison, deliver, environment_mark};
use crate::writer::{Access, Mark, Marking, RunRecord, StopSignal, WriteSession};

/// A command that is about to write.
pub(crate) struct WriteCommand<'s> {
    settings: &'s Settings,
    args: &'s WriteArgs,
    pub(crate) writer: WriteSession,
    pub(crate) target: Target,
    pub(crate) progress: Progress,
    stop: StopSignal,
}

impl<'s> WriteCommand<'s> {
    /// Connects to the database. Nothing is written.
    ///
    /// # Errors
    /// As [`Settings::target`] and [`WriteSession::open`].
    pub(crate) async fn open(settings: &'s Settings, args: &'s WriteArgs, stop: &StopSignal) -> Result<Self> {
        let target = settings.target()?;
        let database = &settings.database;
        let access = Access {
            target: target.clone(),
            application: settings.application(),
            search_path: database.search_path.clone(),
            set_role: database.set_role.clone(),
            patience: settings.migrations.lock_budget,
            whole_queries: settings.output.verbose,
            holds_lock: false,
        };
        let writer = WriteSession::open(access, stop.clone()).await?;
        let progress = deliver::progress(&settings.output).naming_roles_by(settings.role_setting());
        Ok(Self { settings, args, writer, target, progress, stop: stop.clone() })
    }

    /// Takes a snapshot on the read session of the writer, and checks the database's environment label.
    ///
    /// # Errors
    /// Exit 3 or 75, see [`crate::snapshot::take`]. Exit 4 when the database belongs to another environment or project.
    pub(crate) async fn take_snapshot(&mut self, declared: &ProjectModel) -> Result<DatabaseSnapshot> {
        self.take_snapshot_for(declared.needs()).await
    }

    /// Takes a snapshot for a command that needs less of the project than the whole model.
    ///
    /// # Errors
    /// As [`Self::take_snapshot`].
    pub(crate) async fn take_snapshot_for(&mut self, needs: Needs) -> Result<DatabaseSnapshot> {
        let session = self.writer.read_session().await?;
        let request = Request { texts: true, earlier: true, ..comparison::request(self.settings, needs) };
        let snapshot = snapshot::take(session, &request).await?;
        self.check_environment(snapshot.mark())?;
        Ok(snapshot)
    }

    /// Checks that the database is labelled as this project's, and that the environment of its label, or else the one that
    /// was asked for, allows its address.
    ///
    /// # Errors
    /// Exit 4.
    pub(crate) fn check_environment(&self, mark: Option<&Mark>) -> Result<Option<NamedEnvironment>, Failure> {
        environment_mark::refuse_foreign(self.settings, mark, &self.writer.server().database)?;
        let environment = environment_mark::environment_of(self.settings, mark);
        if let Some(environment) = &environment {
            // A restored copy has the label of the original. Its address tells the two apart.
            environment.expect(&self.target, self.settings.url_source())?;
        }
        Ok(environment)
    }

    /// Asks the operator to confirm what was shown: for a protected environment, by typing the database's name.
    ///
    /// # Errors
    /// As [`Confirmation::confirm`].
    pub(crate) async fn confirm(&mut self, what: &str, mark: Option<&Mark>) -> Result<()> {
        self.confirmation().confirm(what, mark).await
    }

    /// What asks the operator about a change of this database.
    pub(crate) fn confirmation(&mut self) -> Confirmation<'_> {
        Confirmation {
            settings: self.settings,
            yes: self.args.yes,
            database: &self.writer.server().database,
            stop: &mut self.stop,
            progress: &mut self.progress,
        }
    }

    /// Takes the advisory lock of the database.
    ///
    /// # Errors
    /// As [`WriteSession::lock`].
    pub(crate) async fn lock(&mut self) -> Result<()> {
        let wait = self.args.wait.unwrap_or(self.settings.migrations.wait);
        let locked = self.writer.lock(wait, &mut self.progress).await;
        // What is printed next must not meet the line that is drawn over.
        self.progress.clear();
        locked
    }

    /// Refuses a run whose role lacks the rights that its records need, before anything is written: an upgrade inserts rows
    /// into the history, a downgrade deletes them.
    ///
    /// # Errors
    /// Exit 4, with the GRANTs; exit 3 when the server does not answer.
    pub(crate) async fn check_rights(&mut self, ledger: &Ledger, direction: Direction) -> Result<()> {
        let rights = RecordRights { ledger, direction };
        let rows = self.writer.query_control(&rights.sql()).await;
        let rows = rows.map_err(|error| connection::server_failure(error, "looking up the role's rights"))?;
        let row = rows.first().ok_or(RowError::NoRow)?;
        rights.require(row, &self.writer.server().database)
    }

    /// Does work as a run of the audit log: the run is recorded as begun before the work, and as ended after it, with the exit
    /// code and the message of its error.
    ///
    /// # Errors
    /// As [`WriteSession::begin`]; and those of the work.
    pub(crate) async fn recorded<T>(
        mut self,
        marking: &Marking,
        reason: Option<&str>,
        work: impl AsyncFnOnce(&mut Self) -> Result<(Exit, T)>,
    ) -> Result<T> {
        self.begin(marking, reason).await?;
        let doing = format!("trueup {}", self.settings.command);
        let outcome = work(&mut self).await.map_err(|error| server_failure(error, &doing));
        let (exit, message) = match &outcome {
            Ok((exit, _)) => (*exit, String::new()),
            Err(error) => (exit_of(error), without_passwords(&error.to_string()).into_owned()),
        };
        self.end(exit, &message).await;
        Ok(outcome?.1)
    }

    async fn begin(&mut self, marking: &Marking, reason: Option<&str>) -> Result<()> {
        let caller = &self.settings.caller;
        let run = RunRecord {
            id: self.settings.run.clone(),
            command: self.settings.command.to_owned(),
            arguments: caller.arguments.clone(),
            os_user: caller.user.clone(),
            os_host: caller.host.clone(),
            reason: reason.map(str::to_owned),
        };
        self.writer.start_run(&run, marking, &mut self.progress).await
    }

    /// The environment label that the first run writes.
    pub(crate) fn first_mark(&self) -> Marking {
        Marking::First {
            project: self.settings.project.name.clone(),
            environment: self.settings.environment.as_ref().map(|environment| environment.name.clone()),
        }
    }

    /// Records how the run ended, and closes the connections.
    async fn end(mut self, exit: Exit, message: &str) {
        self.writer.finish_run(exit, message, &mut self.progress).await;
    }
}

/// Something that must not be done to a database that is not as it is thought to be.
pub(crate) fn refuse_unclear(settings: &Settings, snapshot: &DatabaseSnapshot) -> Result<(), Failure> {
    if let Some(table) = &snapshot.malformed_history {
        return Err(Failure::new(
            Exit::Refused,
            format!("{table} has the name of refinery's history and is not one; nothing was changed"),
        )
        .code(ErrorCode::HISTORY_MALFORMED)
        .next("look at the table (\\d), and rename it or repair it"));
    }
    if let Some(partly @ SquashState::Some { .. }) = &snapshot.squash {
        let what = format!("{}; nothing was changed", partly.in_words());
        return Err(Failure::new(Exit::Refused, what)
            .code(ErrorCode::HISTORY_PARTLY_SQUASHED)
            .next(SQUASHED_NEXT));
    }
    let mut versions = std::collections::BTreeSet::new();
    let twice = snapshot.history.iter().flatten().find(|row| !versions.insert(row.version));
    if let (Some(row), Some(table)) = (twice, &snapshot.history_table) {
        return Err(Failure::new(
            Exit::Refused,
            format!(
                "{table} has version {} more than once, which refinery never writes; nothing was changed",
                row.version
            ),
        )
        .code(ErrorCode::HISTORY_MALFORMED)
        .next(format!(
            "look at the rows: SELECT * FROM {table} WHERE version = {}; keep the true one",
            row.version
        )));
    }
    if !snapshot.invisible.is_empty() {
        return Err(Failure::cannot_tell(format!(
            "this role may not read {}, which says what is applied; nothing was changed",
            snapshot.invisible.join(", ")
        ))
        .code(ErrorCode::HISTORY_HIDDEN)
        .next(format!("grant SELECT on it, or work as its owner: {}", settings.role_setting())));
    }
    Ok(())
}

/// The rights that the records of a run need: an upgrade inserts rows into the history, a downgrade deletes them.
pub(crate) struct RecordRights<'l> {
    pub(crate) ledger: &'l Ledger,
    pub(crate) direction: Direction,
}

impl RecordRights<'_> {
    fn right(&self) -> &'static str {
        match self.direction {
            Direction::Up => "INSERT",
            Direction::Down => "DELETE",
        }
    }

    fn schema(&self) -> String {
        QualifiedTable::parse(&self.ledger.table).map(|table| table.schema).unwrap_or_default()
    }

    /// The table of another tool that is kept in step.
    fn kept(&self) -> Option<&str> {
        self.ledger.also.as_ref().and_then(ToolLedger::table)
    }

    /// The question, which one row answers.
    pub(crate) fn sql(&self) -> String {
        let history = match self.ledger {
            Ledger { exists: true, table, .. } => {
                format!("has_table_privilege({}, '{}')", literal(table), self.right())
            }
            Ledger { awaits_schema: true, .. } => {
                "has_database_privilege(current_database(), 'CREATE')".to_owned()
            }
            Ledger { .. } => format!("has_schema_privilege({}, 'CREATE')", literal(&self.schema())),
        };
        let may_keep = self.kept().map_or_else(
            || "true".to_owned(),
            |table| {
                let table = literal(table);
                format!("has_table_privilege({table}, 'INSERT') AND has_table_privilege({table}, 'DELETE')")
            },
        );
        format!(
            "SELECT current_user AS role, {history} AS history, {may_keep} AS kept, to_regnamespace('trueup') IS NOT NULL OR \
             has_database_privilege(current_database(), 'CREATE') AS records"
        )
    }

    /// Refuses a role that lacks one of them.
    ///
    /// # Errors
    /// Exit 4, with the GRANTs. The row cannot be read.
    pub(crate) fn require(&self, row: &OwnedRow, database: &str) -> Result<()> {
        let (ledger, right) = (self.ledger, self.right());
        let role = identifier(row.get("role")?);
        let (history, records): (bool, bool) = (row.get("history")?, row.get("records")?);
        let unkept = self.kept().filter(|_| row.get("kept").is_ok_and(|kept: bool| !kept));
        let in_database = format!("GRANT CREATE ON DATABASE {} TO {role};", identifier(database));
        let mut grants = Vec::new();
        if !history {
            grants.push(match ledger {
                Ledger { exists: true, table, .. } => format!("GRANT {right} ON {table} TO {role};"),
                Ledger { awaits_schema: true, .. } => in_database.clone(),
                Ledger { .. } => format!("GRANT CREATE ON SCHEMA {} TO {role};", identifier(&self.schema())),
            });
        }
        grants.extend(unkept.map(|table| format!("GRANT INSERT, DELETE ON {table} TO {role};")));
        if !records && !grants.contains(&in_database) {
            grants.push(in_database);
        }
        if grants.is_empty() {
            return Ok(());
        }
        let what = match (history, unkept) {
            (true, Some(table)) => format!("write to {table}, which is kept in step with the history"),
            (true, None) => "create schema trueup, where trueup keeps its records".to_owned(),
            (false, _) => format!("write to the history table {}", ledger.table),
        };
        Err(Failure::new(Exit::Refused, format!("the role {role} may not {what}; nothing was changed"))
            .code(ErrorCode::PERMISSION_MISSING)
            .next(format!("as the owner: {}", grants.join(" ")))
            .into())
    }
}
