//! What every command that writes to a database has in common: the write session, the check of the environment label, the
//! confirmation, and the record of the run.

use std::io::ErrorKind;

use anyhow::Result;

use crate::changes::plan::Direction;
use crate::cli::WriteArgs;
use crate::error::{ErrorCode, Exit, Failure, exit_of};
use crate::migrations::{Ledger, ToolLedger};
use crate::output::{self, Progress};
use crate::postgres::connection::{self, RowError, Target, server_failure};
use crate::postgres::sql::{QualifiedTable, identifier, literal};
use crate::project::{NamedEnvironment, Settings};
use crate::snapshot::{self, DatabaseSnapshot, Request};
use crate::text::without_passwords;
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
        let request = Request { texts: true, ..comparison::request(self.settings, needs) };
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
    /// Exit 4 when it is not confirmed, or when there is no terminal to ask at.
    pub(crate) async fn confirm(&mut self, what: &str, mark: Option<&Mark>) -> Result<()> {
        let database = self.writer.server().database.clone();
        let mut confirmation = Confirmation {
            settings: self.settings,
            yes: self.args.yes,
            database: &database,
            stop: &mut self.stop,
            progress: &mut self.progress,
        };
        confirmation.confirm(what, mark).await
    }

    /// Asks the operator to confirm by typing the database's name.
    ///
    /// # Errors
    /// Exit 4 when another text was typed.
    pub(crate) async fn confirm_by_name(&mut self, what: &str) -> Result<()> {
        let database = self.writer.server().database.clone();
        let mut confirmation = Confirmation {
            settings: self.settings,
            yes: self.args.yes,
            database: &database,
            stop: &mut self.stop,
            progress: &mut self.progress,
        };
        confirmation.confirm_by_name(what).await
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
        let right = match direction {
            Direction::Up => "INSERT",
            Direction::Down => "DELETE",
        };
        let schema = QualifiedTable::parse(&ledger.table).map(|table| table.schema).unwrap_or_default();
        let history = match ledger {
            Ledger { exists: true, table, .. } => {
                format!("has_table_privilege({}, '{right}')", literal(table))
            }
            Ledger { awaits_schema: true, .. } => {
                "has_database_privilege(current_database(), 'CREATE')".to_owned()
            }
            Ledger { .. } => format!("has_schema_privilege({}, 'CREATE')", literal(&schema)),
        };
        let kept = ledger.also.as_ref().and_then(ToolLedger::table);
        let may_keep = kept.map_or_else(
            || "true".to_owned(),
            |table| {
                let table = literal(table);
                format!("has_table_privilege({table}, 'INSERT') AND has_table_privilege({table}, 'DELETE')")
            },
        );
        let sql = format!(
            "SELECT current_user AS role, {history} AS history, {may_keep} AS kept, to_regnamespace('trueup') IS NOT NULL OR \
             has_database_privilege(current_database(), 'CREATE') AS records"
        );
        let rows = self.writer.query_control(&sql).await;
        let rows = rows.map_err(|error| connection::server_failure(error, "looking up the role's rights"))?;
        let row = rows.first().ok_or(RowError::NoRow)?;
        let role = identifier(row.get("role")?);
        let (history, records): (bool, bool) = (row.get("history")?, row.get("records")?);
        let unkept = kept.filter(|_| row.get("kept").is_ok_and(|kept: bool| !kept));
        let database = identifier(&self.writer.server().database);
        let in_database = format!("GRANT CREATE ON DATABASE {database} TO {role};");
        let mut grants = Vec::new();
        if !history {
            grants.push(match ledger {
                Ledger { exists: true, table, .. } => format!("GRANT {right} ON {table} TO {role};"),
                Ledger { awaits_schema: true, .. } => in_database.clone(),
                Ledger { .. } => format!("GRANT CREATE ON SCHEMA {} TO {role};", identifier(&schema)),
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

/// A confirmation at the terminal, or by `--yes`.
pub(crate) struct Confirmation<'a> {
    pub(crate) settings: &'a Settings,
    /// `--yes`
    pub(crate) yes: bool,
    /// The name that has to be typed for a protected environment.
    pub(crate) database: &'a str,
    pub(crate) stop: &'a mut StopSignal,
    pub(crate) progress: &'a mut Progress,
}

impl Confirmation<'_> {
    /// Asks whether `what` may be done to a database with that environment label.
    ///
    /// # Errors
    /// Exit 4 when it is not confirmed, or when there is no terminal to ask at.
    pub(crate) async fn confirm(&mut self, what: &str, mark: Option<&Mark>) -> Result<()> {
        let protected = environment_mark::protected(self.settings, mark);
        let refuse = |code: ErrorCode, what: &str, next: &str| {
            Err(Failure::new(Exit::Refused, what).code(code).next(next).into())
        };
        match (&protected, self.settings.output.interactive) {
            (None, _) if self.yes => Ok(()),
            (Some(_), false) if self.yes && self.settings.environment.is_some() => Ok(()),
            (Some(environment), false) if self.yes => refuse(
                ErrorCode::CONFIRMATION_MISSING,
                &format!(
                    "environment {:?}, which this database is marked as, is protected: --yes alone does not do; nothing \
                     was changed",
                    environment.name
                ),
                &format!("say which environment you mean: --yes --env {}", environment.name),
            ),
            (_, false) => refuse(
                ErrorCode::CONFIRMATION_MISSING,
                &format!("{what}: not confirmed, and there is no terminal to ask at; nothing was changed"),
                "look at what would be done, then give --yes",
            ),
            (Some(environment), true) => {
                self.confirm_by_name(&format!("{what} in {}, which is protected?", environment.name)).await
            }
            (None, true) => {
                let question = format!("{what} in database {}?", self.database);
                if self.ask(move || output::confirm(&question)).await? {
                    return Ok(());
                }
                refuse(ErrorCode::CONFIRMATION_DECLINED, "not confirmed; nothing was changed", "")
            }
        }
    }

    /// Asks for the database's name.
    ///
    /// # Errors
    /// Exit 4 when another text was typed.
    async fn confirm_by_name(&mut self, what: &str) -> Result<()> {
        let question = format!("{what} Type the database's name");
        let typed = self.ask(move || output::read_text(&question)).await?;
        if typed.trim() == self.database {
            return Ok(());
        }
        let what = "not confirmed: that is not the database's name; nothing was changed";
        Err(Failure::new(Exit::Refused, what).code(ErrorCode::CONFIRMATION_DECLINED).into())
    }

    async fn ask<T: Send + 'static>(
        &mut self,
        question: impl FnOnce() -> std::io::Result<T> + Send + 'static,
    ) -> Result<T> {
        self.progress.clear();
        answer(self.stop, question).await
    }
}

/// Waits for the answer to a question that `question` asks at the terminal, or for a signal.
///
/// # Errors
/// Exit 4 when a signal came or the input ended: nothing was changed.
pub(crate) async fn answer<T: Send + 'static>(
    stop: &mut StopSignal,
    question: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T> {
    let failure = tokio::select! {
        biased;
        signal = stop.wait() => cancelled(signal),
        answer = tokio::task::spawn_blocking(question) => match answer? {
            Ok(answer) => return Ok(answer),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                Failure::new(Exit::Refused, "cancelled (end of input): nothing was changed")
                    .code(ErrorCode::CONFIRMATION_MISSING)
            }
            Err(error) => Failure::new(
                Exit::Refused,
                format!("cancelled: the terminal cannot be read ({error}); nothing was changed"),
            )
            .code(ErrorCode::CONFIRMATION_MISSING),
        },
    };
    // The cursor is behind the question.
    output::err("\n");
    Err(failure.into())
}

/// The failure for a signal that came instead of an answer: most often it is Ctrl-C.
fn cancelled(signal: &str) -> Failure {
    match signal {
        "SIGINT" => Failure::new(Exit::Refused, "cancelled (Ctrl-C): nothing was changed")
            .code(ErrorCode::RUN_INTERRUPTED),
        signal => interrupted(signal),
    }
}

/// Runs the part of a command that only reads, until a signal comes.
///
/// # Errors
/// Those of the work; exit 4 when a signal came first.
pub(crate) async fn until_stopped<T>(
    mut stop: StopSignal,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    tokio::select! {
        biased;
        outcome = work => outcome,
        signal = stop.wait() => Err(interrupted(signal).into()),
    }
}

/// Asked to stop before anything was changed.
pub(crate) fn interrupted(signal: &str) -> Failure {
    Failure::new(Exit::Refused, format!("interrupted by {signal}: nothing was changed"))
        .code(ErrorCode::RUN_INTERRUPTED)
        .next("run the same command again")
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
