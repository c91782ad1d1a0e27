//! `trueup restore`: restores a backup into a database of its own, proves it, and then renames it or replaces another
//! database by it.

pub(super) mod args;
mod report;

use std::time::Instant;

use anyhow::Result;
use report::{RestoreReport, RestoredAs, RestoredState};

use crate::backup::restore::{
    self, Compatibility, Database, Derivation, RestoreJob, RestoreServer, VerifiedArchive,
};
use crate::backup::{Manifest, Programs, Scope, Store};
use crate::cli::WriteArgs;
use crate::error::{ErrorCode, Exit, Failure, exit_of, with_failure};
use crate::output::{self, Progress};
use crate::postgres::connection::Target;
use crate::project::Settings;
use crate::text::short_id;
use crate::workflow::backup_store::LatestOf;
use crate::workflow::confirmation::Confirmation;
use crate::workflow::deliver::{self, deliver};
use crate::workflow::reports::target::TargetReport;
use crate::workflow::write_command::WriteCommand;
use crate::workflow::{backup_store, comparison, environment_mark, project_model};
use crate::writer::{Mark, StopSignal, interrupted};
use args::RestoreArgs;

/// The databases that new databases are copied from.
const TEMPLATES: [&str; 2] = ["template0", "template1"];

/// Runs the command.
///
/// # Errors
/// With the exit codes of the contract.
pub(super) async fn run(settings: &Settings, args: &RestoreArgs, mut stop: StopSignal) -> Result<Exit> {
    refuse_script(args)?;
    let internal = settings.target().ok();
    let settings = &match &args.into {
        Some(into) => settings.reaching(into.reveal(), "--into"),
        None => settings.clone(),
    };
    let begun = Instant::now();
    let store = backup_store::store(settings)?;
    let target = settings.target()?;
    // A database is replaced by a backup of itself. What is restored elsewhere is a backup of the project's database.
    let of = if args.replace { Some(&target) } else { internal.as_ref() };
    let manifest =
        find(&store, args, LatestOf { database: of.map(Target::database), whole: args.replace }).await?;
    let programs =
        Programs::find_for_archive(backup_store::programs(settings), restore::written_by(&manifest)?)?;
    if TEMPLATES.contains(&target.database()) {
        let what = format!("{} is a template of other databases; nothing was changed", target.database());
        return Err(Failure::new(Exit::Refused, what).next("name another database").into());
    }
    let mut progress = deliver::progress(&settings.output);
    let mut server = RestoreServer::open(&target, &settings.application()).await?;
    server.lock_database_name(target.database()).await?;
    let notes = restore::recover(&mut server, target.database()).await?;
    let backup = tokio::select! {
        read = VerifiedArchive::read(&store, &manifest, &programs, &mut progress) => read?,
        signal = stop.wait() => return Err(interrupted(signal).into()),
    };
    progress.end(true);
    let fit = Compatibility::of(&mut server, &backup, args.jobs).await?;
    let old = server.database(target.database()).await?;
    let write = WriteArgs { yes: args.yes, wait: None };
    let place = RestoreDestination::of(settings, args, &write, &mut server, old, &manifest, &stop).await?;
    let mut command =
        Command { settings, args, target: &target, server, backup: &backup, fit, stop, progress, notes };
    let mut report = command.restore(place).await?;
    command.progress.clear();
    report.milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    if report.not_replaced.is_none() {
        command.add_check_result(&mut report).await;
    }
    deliver(&settings.output, &report)?;
    Ok(report.exit)
}

/// Answers a file of SQL statements, which is no backup of trueup's, with the program that runs it.
///
/// # Errors
/// Exit 2.
fn refuse_script(args: &RestoreArgs) -> Result<(), Failure> {
    let name = &args.backup;
    if !name.to_lowercase().ends_with(".sql") {
        return Ok(());
    }
    let what = format!("{name} is a file of SQL statements, not a backup that trueup has taken");
    let file = if name.contains([' ', '\'', '"', '$', '\\']) {
        format!("'{}'", name.replace('\'', "'\\''"))
    } else {
        name.clone()
    };
    Err(Failure::usage(what)
        .next(format!("psql -X -v ON_ERROR_STOP=1 -f {file} -d URL\nto see the backups: trueup backup list")))
}

async fn find(store: &Store, args: &RestoreArgs, among: LatestOf<'_>) -> Result<Manifest> {
    let found = backup_store::find(store, &args.backup, among).await;
    let manifest = found.map_err(|error| {
        with_failure(error, |failure| match failure.exit {
            Exit::RolledBack => {
                let what = format!("{}; nothing was changed", failure.what);
                Failure { exit: Exit::Refused, what, ..failure }
            }
            _ => failure,
        })
    })?;
    if args.replace && manifest.scope != Scope::Full {
        let what = format!(
            "backup {} has some tables only: it cannot replace a database; nothing was changed",
            short_id(&manifest.id)
        );
        return Err(Failure::new(Exit::Refused, what)
            .next("restore it into a new database, and copy the rows from there")
            .into());
    }
    Ok(manifest)
}

/// What exists under the name of the database to restore.
enum RestoreDestination<'s> {
    /// No database.
    New,
    /// An empty database that this role cannot replace.
    Empty,
    /// A database that is replaced. If it is empty, it is dropped afterwards.
    Old { old: Box<Database>, writing: Box<WriteCommand<'s>>, mark: Option<Mark>, empty: bool },
}

impl<'s> RestoreDestination<'s> {
    async fn of(
        settings: &'s Settings,
        args: &RestoreArgs,
        write: &'s WriteArgs,
        server: &mut RestoreServer,
        old: Option<Database>,
        manifest: &Manifest,
        stop: &StopSignal,
    ) -> Result<Self> {
        let Some(old) = old else { return Ok(Self::New) };
        let objects = server.objects(&old.name).await?;
        let empty = objects.is_empty();
        if !empty && !args.replace {
            let named: Vec<&str> = objects.iter().take(3).map(String::as_str).collect();
            let more = if objects.len() > 3 { ", ..." } else { "" };
            return Err(Failure::new(
                Exit::Refused,
                format!(
                    "database {:?} is not empty: {}{more}; nothing was changed",
                    old.name,
                    named.join(", ")
                ),
            )
            .code(ErrorCode::RESTORE_TARGET_NOT_EMPTY)
            .next("name a database that does not exist yet, or replace this one: --replace")
            .into());
        }
        if let Err(error) = restore::check_may_replace(server, &old).await {
            return if empty { Ok(Self::Empty) } else { Err(error) };
        }
        let mut writing = WriteCommand::open(settings, write, stop).await?;
        let mark = writing.writer.mark().await?;
        writing.check_environment(mark.as_ref())?;
        refuse_other_environment(settings, manifest, &old, mark.as_ref())?;
        Ok(Self::Old { old: Box::new(old), writing: Box::new(writing), mark, empty })
    }
}

/// Refuses to replace the database of a protected environment by another database, or by that of another environment.
fn refuse_other_environment(
    settings: &Settings,
    manifest: &Manifest,
    old: &Database,
    mark: Option<&Mark>,
) -> Result<(), Failure> {
    let Some(environment) = environment_mark::protected(settings, mark) else { return Ok(()) };
    let source = &manifest.source;
    let other = source.environment.as_ref().filter(|other| **other != environment.name);
    if source.database == old.name && other.is_none() {
        return Ok(());
    }
    let marked = other.map(|other| format!(", environment {other}")).unwrap_or_default();
    let what = format!(
        "backup {} is of database {}{marked}, and database {} is of environment {}, which is protected; nothing was \
         changed",
        short_id(&manifest.id),
        source.database,
        old.name,
        environment.name
    );
    Err(Failure::new(Exit::Refused, what)
        .next("trueup backup list shows those of this database; another one can be restored beside it, under another name"))
}

/// The state of the command.
struct Command<'c> {
    settings: &'c Settings,
    args: &'c RestoreArgs,
    target: &'c Target,
    server: RestoreServer,
    backup: &'c VerifiedArchive<'c>,
    fit: Compatibility,
    stop: StopSignal,
    progress: Progress,
    notes: Vec<String>,
}

impl Command<'_> {
    async fn restore(&mut self, place: RestoreDestination<'_>) -> Result<RestoreReport> {
        match place {
            RestoreDestination::New => {
                let mut report = self.report(RestoredAs::New, None);
                self.confirm(&report, "restore (a new database is created)").await?;
                let (restored, derivation) = self.restore_into_new_database(None).await?;
                report.add(derivation);
                restore::rename_restored(&mut self.server, &restored, self.target.database()).await?;
                Ok(report)
            }
            RestoreDestination::Empty => {
                let mut report = self.report(RestoredAs::Directly, None);
                self.confirm(&report, "restore").await?;
                let stop = self.stop.clone();
                let (mut restoring, progress) = self.restoring(None);
                let derivation = restoring.restore_into_empty_database(stop, progress).await?;
                progress.end(true);
                report.add(derivation);
                Ok(report)
            }
            RestoreDestination::Old { old, writing, mark, empty } => {
                self.replace(&old, *writing, mark, empty).await
            }
        }
    }

    /// Replaces the old database.
    async fn replace(
        &mut self,
        old: &Database,
        mut writing: WriteCommand<'_>,
        mark: Option<Mark>,
        empty: bool,
    ) -> Result<RestoreReport> {
        let what = if empty { "restore" } else { "replace all that is" };
        // Where nobody can be asked, it is decided before the long work whether the change is confirmed.
        let asks_later = self.settings.output.interactive;
        if !asks_later {
            writing.confirm(what, mark.as_ref()).await?;
        }
        // No migration of this database can begin meanwhile.
        writing.lock().await?;
        let tablespace = old.tablespace().map(str::to_owned);
        let restoring = self.restore_into_new_database(tablespace.as_deref());
        let (restored, derivation) = writing.writer.while_connected(restoring).await?;
        if !empty && !derivation.missing.is_empty() {
            return self.keep_beside(old, &restored, derivation, mark.as_ref()).await;
        }
        let aside = restore::name_for_replaced(&mut self.server, &old.name).await?;
        let sessions = self.other_sessions(old).await?;
        let as_what =
            RestoredAs::InPlaceOf { kept_as: (!empty).then(|| aside.clone()), bytes: old.bytes, sessions };
        let mut report = self.report(as_what, mark.as_ref());
        report.notes.extend(old.differs_from(&self.backup_source()));
        report.add(derivation);
        self.show(&report);
        if asks_later && let Err(error) = writing.confirm(what, mark.as_ref()).await {
            restore::discard(&mut self.server, &restored).await?;
            return Err(error);
        }
        if let Some(signal) = self.stop.asked() {
            restore::discard(&mut self.server, &restored).await?;
            return Err(interrupted(signal).into());
        }
        writing.writer.close().await;
        restore::swap(&mut self.server, old, &restored, &aside).await?;
        if empty && let Err(error) = restore::discard(&mut self.server, &aside).await {
            report.notes.push(format!("the empty database that was there is {aside} now: {error}"));
        }
        Ok(report)
    }

    /// Gives an incomplete restored database a name of its own. The database that it would have replaced is not touched.
    async fn keep_beside(
        &mut self,
        old: &Database,
        restored: &str,
        derivation: Derivation,
        mark: Option<&Mark>,
    ) -> Result<RestoreReport> {
        let name = restore::name_for_incomplete(&mut self.server, &old.name).await?;
        restore::rename_restored(&mut self.server, restored, &name).await?;
        let mut report = self.report(RestoredAs::New, mark);
        report.add(derivation);
        report.not_replaced = Some(old.name.clone());
        report.target.database = name;
        Ok(report)
    }

    fn backup_source(&self) -> crate::backup::BackupSource {
        self.backup.manifest().source.clone()
    }

    /// The connections to the old database except those of this run. Its lock rules out another run with the same
    /// name.
    async fn other_sessions(&mut self, old: &Database) -> Result<Vec<restore::ConnectedSession>> {
        let internal = self.settings.application();
        let mut sessions = restore::sessions(&mut self.server, old).await?;
        sessions.retain(|session| !session.application.starts_with(&internal));
        Ok(sessions)
    }

    fn restoring<'w>(&'w mut self, tablespace: Option<&'w str>) -> (RestoreJob<'w>, &'w mut Progress) {
        let restoring = RestoreJob {
            server: &mut self.server,
            backup: self.backup,
            fit: &self.fit,
            database: self.target.database(),
            tablespace,
            analyze: true,
            search_path: &self.settings.database.search_path,
        };
        (restoring, &mut self.progress)
    }

    async fn restore_into_new_database(&mut self, tablespace: Option<&str>) -> Result<(String, Derivation)> {
        let stop = self.stop.clone();
        let (mut restoring, progress) = self.restoring(tablespace);
        let restored = restoring.restore_into_new_database(stop, progress).await?;
        progress.end(true);
        Ok(restored)
    }

    /// Confirms a restore into a database that has no environment label yet.
    async fn confirm(&mut self, report: &RestoreReport, what: &str) -> Result<()> {
        self.show(report);
        let database = self.target.database().to_owned();
        let mut asking = Confirmation {
            settings: self.settings,
            yes: self.args.yes,
            database: &database,
            stop: &mut self.stop,
            progress: &mut self.progress,
        };
        asking.confirm(what, None).await
    }

    fn show(&mut self, report: &RestoreReport) {
        if self.settings.output.interactive || !self.settings.output.quiet {
            self.progress.clear();
            output::err(&output::shown(&report.proposal(), deliver::style(&self.settings.output)));
        }
    }

    fn report(&self, restored: RestoredAs, mark: Option<&Mark>) -> RestoreReport {
        let manifest = self.backup.manifest();
        let asked = self.settings.environment.as_ref().map(|environment| environment.name.clone());
        RestoreReport {
            run: self.settings.run.clone(),
            exit: Exit::Clean,
            target: TargetReport {
                host: self.target.host().to_owned(),
                port: self.target.port(),
                database: self.target.database().to_owned(),
                role: self.server.role.clone(),
                server_version: self.server.version.to_string(),
                system_identifier: self.server.system_identifier.clone(),
                environment: mark.and_then(|mark| mark.environment.clone()).or(asked),
                project: self.settings.project.name.clone(),
                labels: self.settings.metric_labels(),
            },
            backup: manifest.id.clone(),
            taken_at: manifest.taken_at.clone(),
            source: format!(
                "{} on {}:{}",
                manifest.source.database, manifest.source.host, manifest.source.port
            ),
            tables: manifest.relations.iter().filter(|relation| relation.rows.is_some()).count(),
            rows: manifest.rows(),
            database_bytes: manifest.database_bytes,
            partial: manifest.scope != Scope::Full,
            restored,
            left_out: self.fit.left_out.clone(),
            missing: Vec::new(),
            not_replaced: None,
            milliseconds: 0,
            check: None,
            notes: self.notes.clone(),
        }
    }

    /// Records the run and checks the restored database. A failure is a note in the report: the restore itself has
    /// succeeded.
    async fn add_check_result(&mut self, report: &mut RestoreReport) {
        let manifest = self.backup.manifest();
        if manifest.source.mark.is_some()
            && self.settings.project.owns(manifest.source.project.as_deref())
            && let Err(error) = self.record_in_audit_log().await
        {
            report.notes.push(format!("this run is not in the audit log of the restored database: {error}"));
        }
        if report.partial || !self.settings.project.lock_path.exists() {
            return;
        }
        match self.check_restored().await {
            Ok((restored, notes)) => {
                report.check = Some(restored);
                report.notes.extend(notes);
            }
            Err(error) => {
                let code = exit_of(&error).code();
                report.notes.push(format!("trueup check ends with {code} there: {error}"));
            }
        }
    }

    /// Records in the audit log, which was backed up with the database, which backup it was restored from.
    async fn record_in_audit_log(&self) -> Result<()> {
        let write = WriteArgs { yes: true, wait: None };
        let mut writing = WriteCommand::open(self.settings, &write, &self.stop).await?;
        writing.lock().await?;
        let marking = writing.first_mark();
        let reason = format!("restored from backup {}", self.backup.manifest().id);
        writing.recorded(&marking, Some(&reason), async |_| Ok((Exit::Clean, ()))).await
    }

    async fn check_restored(&self) -> Result<(RestoredState, Vec<String>)> {
        let (mut session, reading) = project_model::connected(self.settings, self.target).await?;
        let declared = reading.finish(self.settings).await?;
        let snapshot = comparison::take_snapshot_on(self.settings, &mut session, &declared).await?;
        session.close().await;
        let document = comparison::compare(self.settings, self.target, &declared, &snapshot)?.document;
        let restored = RestoredState {
            verdict: document.verdict(),
            exit_code: document.exit.code(),
            version: document.history.current.clone(),
            at: document.history.at.clone(),
            pending: document.history.pending.len(),
        };
        Ok((restored, document.notes))
    }
}
