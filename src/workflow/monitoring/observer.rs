//! Reads a database over and over: whether it has the schema that is needed every few seconds, and everything that costs more
//! every few minutes, one question at a time. Between two questions it looks at the readiness where that is due.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::SharedReadings;
use super::connection::OneConnection;
use super::probe::Probe;
use super::readings::{ComparedObjects, KnownBackups, Readings};
use super::status::Status;
use crate::data::checks::{self, Check};
use crate::data::seeds::Seeds;
use crate::error::{ErrorCode, Exit, Failure};
use crate::output;
use crate::postgres::connection::server_failure;
use crate::project::Settings;
use crate::snapshot::{self, Identity, Request};
use crate::workflow::backup_store::Listing;
use crate::workflow::project_model::{self, ProjectModel};
use crate::workflow::readiness::{self, ImageMigrations};
use crate::workflow::{comparison, data_checks};

/// The longest `statement_timeout` of what is read seldom: nobody waits for it.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest `lock_timeout` of it: who waits for a lock keeps others waiting.
const LOCK_TIMEOUT: Duration = Duration::from_secs(1);
/// What is read seldom is read in a tenth of the time at the most: it is not due before so many times of what it took last.
const REST: u32 = 9;
/// The shortest pause between two looks, where one took longer than the interval.
const BREATH: Duration = Duration::from_millis(200);

/// How often a database is read, and how long an answer counts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// How often its readiness is looked at.
    pub(crate) readiness: Duration,
    /// How often everything else is read, at the most.
    pub(crate) everything: Duration,
    /// How old an answer about readiness may be.
    pub(crate) max_age: Duration,
}

impl Pace {
    /// The longest `statement_timeout` of what is read seldom: while it is read, the answer about readiness grows old.
    fn longest(self) -> Duration {
        STATEMENT_TIMEOUT.min(self.max_age / 2)
    }
}

/// Reads a database over and over.
pub(crate) struct Observer {
    settings: Settings,
    pace: Pace,
    shared: SharedReadings,
    /// What the image needs, or why that is not known.
    image: Result<ImageMigrations, Failure>,
    model: Arc<ProjectModel>,
    checks: Vec<Check>,
    connection: OneConnection,
    listing: Listing,
    /// Which database it is, once it has said so.
    identity: Option<Identity>,
    /// What was told of the readiness last.
    told: String,
}

/// What is read seldom.
#[derive(Debug, Clone, Copy)]
enum Question {
    Schema,
    Backups,
    /// The data check of this position.
    Rows(usize),
}

impl Observer {
    /// Reads the files of the project; nothing is asked yet.
    ///
    /// # Errors
    /// Exit 2: they are wrong, or no database was given. Exit 4: it is not the database of the environment.
    pub(crate) fn new(settings: &Settings, pace: Pace) -> Result<Self> {
        settings.target()?;
        let image = match ImageMigrations::read(settings) {
            Err(failure) if failure.exit == Exit::Usage => return Err(failure.into()),
            image => image,
        };
        let (files, texts_known) = image.as_ref().map(ImageMigrations::files).unwrap_or_default();
        let model = Arc::new(project_model::of_lock(settings, files, texts_known)?);
        let checks = data_checks::checks(settings, &[])?;
        let watched = checks.iter().map(|check| (check.name.clone(), check.severity));
        let labels = settings.metric_labels();
        let readings = Readings::new(settings.run.clone(), labels, watched, pace.max_age, pace.everything);
        Ok(Self {
            settings: settings.clone(),
            pace,
            shared: SharedReadings::new(readings),
            image,
            model,
            checks,
            connection: OneConnection::new(pace.max_age),
            listing: Listing::default(),
            identity: None,
            told: String::new(),
        })
    }

    /// What it has read.
    pub(crate) fn shared(&self) -> SharedReadings {
        self.shared.clone()
    }

    /// Reads until it is dropped.
    pub(crate) async fn run(&mut self) {
        let mut look_at = Instant::now();
        let mut round_at = Instant::now();
        let mut round: VecDeque<Question> = VecDeque::new();
        let mut worked = Duration::ZERO;
        loop {
            let now = Instant::now();
            if now >= look_at {
                self.look().await;
                look_at = (now + self.pace.readiness).max(Instant::now() + BREATH.min(self.pace.readiness));
            } else if self.is_cut_off() {
                tokio::time::sleep_until(look_at.into()).await;
            } else if let Some(question) = round.pop_front() {
                self.ask(question).await;
                worked += now.elapsed();
                if self.is_cut_off() {
                    round.push_front(question);
                    continue;
                }
                if round.is_empty() {
                    round_at = (now + self.pace.everything).max(Instant::now() + worked * REST);
                }
            } else if now >= round_at {
                worked = Duration::ZERO;
                round = [Question::Schema, Question::Backups].into();
                round.extend((0..self.checks.len()).map(Question::Rows));
            } else {
                tokio::time::sleep_until(look_at.min(round_at).into()).await;
            }
        }
    }

    /// Whether nothing can be asked until a look has found the database again: it is away, does not answer, or is another one
    /// than is meant.
    fn is_cut_off(&self) -> bool {
        let readings = self.shared.readings();
        let refused = readings.readiness.failure().is_some_and(|failure| failure.exit == Exit::Refused);
        refused || self.image.is_ok() && !self.connection.is_usable()
    }

    /// Ends the connection.
    pub(crate) async fn close(self) {
        self.connection.close().await;
    }

    /// Looks whether the database is ready, and tells when that changes.
    async fn look(&mut self) {
        let begun = Instant::now();
        let outcome = match &self.image {
            Err(failure) => Err(failure.clone()),
            Ok(image) => {
                let settings = &self.settings;
                let look = async |target: &_, session: &mut _| {
                    readiness::look(settings, target, session, image).await
                };
                self.connection.lend(settings, look).await.map_err(failure_of)
            }
        };
        if let Ok(report) = &outcome {
            self.identity = Some(report.identity.clone());
        }
        let said = {
            let mut readings = self.shared.readings();
            readings.readiness.ended(begun, outcome);
            Status::of(&readings).line()
        };
        if said != self.told && !self.settings.output.quiet {
            output::err(&format!("{}\n", output::escape(&said)));
        }
        self.told = said;
    }

    async fn ask(&mut self, question: Question) {
        let begun = Instant::now();
        match question {
            Question::Schema => {
                let outcome = self.compare().await.map_err(failure_of);
                self.note(begun, outcome, |readings| &mut readings.schema);
            }
            Question::Backups => {
                let outcome = self.backups().await;
                self.note(begun, outcome, |readings| &mut readings.backups);
            }
            Question::Rows(position) => {
                let outcome = self.rows(position).await.map_err(failure_of);
                self.note(begun, outcome, |readings| &mut readings.checks[position].rows);
            }
        }
    }

    fn note<T>(
        &self,
        begun: Instant,
        outcome: Result<T, Failure>,
        probe: impl FnOnce(&mut Readings) -> &mut Probe<T>,
    ) {
        probe(&mut self.shared.readings()).ended(begun, outcome);
    }

    /// Compares the schema with the declared one. Reference rows and sequences are left to `trueup check`: they are rows.
    async fn compare(&mut self) -> Result<ComparedObjects> {
        let settings = &self.settings;
        let request = comparison::request(settings, self.model.needs());
        let request = &Request {
            statement_timeout: request.statement_timeout.min(self.pace.longest()),
            lock_timeout: request.lock_timeout.min(LOCK_TIMEOUT),
            seeds: Arc::<Seeds>::default(),
            ..request
        };
        let take = async |_: &_, session: &mut _| snapshot::take(session, request).await;
        let snapshot = self.connection.lend(settings, take).await?;
        self.identity = Some(snapshot.identity.clone());
        let (settings, model) = (settings.clone(), Arc::clone(&self.model));
        // A large schema takes a while, in which others are answered.
        let compare = move || {
            let target = settings.target()?;
            anyhow::Ok(comparison::compare(&settings, &target, &model, &snapshot)?.document)
        };
        let report = tokio::task::spawn_blocking(compare).await??;
        if !report.coverage.invisible.is_empty() {
            return Err(Failure::cannot_tell("this role cannot see everything").next("trueup check").into());
        }
        Ok(ComparedObjects::of(report))
    }

    async fn backups(&mut self) -> Result<KnownBackups, Failure> {
        let Some(identity) = &self.identity else {
            return Err(Failure::cannot_tell("the database has not said yet which one it is"));
        };
        match self.listing.manifests(&self.settings).await {
            Some(manifests) => Ok(KnownBackups::of(manifests, identity)),
            None => {
                Err(Failure::cannot_tell("the store did not list its backups").next("trueup backup list"))
            }
        }
    }

    /// Counts the rows that a data check finds. Why the server refuses is not kept: it may quote a value.
    async fn rows(&mut self, position: usize) -> Result<u64> {
        let settings = &self.settings;
        let check = &self.checks[position];
        let count = async |target: &_, session: &mut _| {
            let application = settings.application();
            let mut options = data_checks::options(settings, target, &application, 0, 1);
            options.limits.statement_timeout = options.limits.statement_timeout.min(self.pace.longest());
            options.limits.lock_timeout = options.limits.lock_timeout.min(LOCK_TIMEOUT);
            checks::run(session, vec![check.clone()], options).await
        };
        let results = self.connection.lend(settings, count).await?;
        let rows = results.into_iter().next().and_then(|result| result.rows.ok());
        let unanswered = || {
            Failure::cannot_tell(format!("data check {} has no answer", check.name))
                .next(format!("trueup verify {}", check.name))
        };
        Ok(rows.ok_or_else(unanswered)?)
    }
}

/// What kept a reading from being answered, in words.
fn failure_of(error: anyhow::Error) -> Failure {
    match server_failure(error, "reading the database").downcast::<Failure>() {
        Ok(failure) => failure,
        Err(error) => Failure::cannot_tell(format!("{error:#}")).code(ErrorCode::CANNOT_TELL),
    }
}
