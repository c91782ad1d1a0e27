//! What went wrong in a rehearsal, as findings.

use std::collections::BTreeSet;

use anyhow::Result;

use super::ground::Ground;
use super::in_words;
use super::outcome::{Rehearsal, TimesBasis};
use super::phase::PhaseOutcome;
use crate::error::{ErrorCode, Exit, Failure, with_failure};
use crate::findings::{Change, Finding, LOCK_FILE, Location, Remedy, Severity, Sides};
use crate::postgres::connection::sqlstate;
use crate::project::Settings;
use crate::workflow::project_model::ProjectModel;

/// The code of a result that is not the compiled schema.
const RESULT: &str = "rehearse.result";

/// A way through the migrations, as its findings call it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// They are applied.
    Up,
    /// Their down scripts revert them.
    Down,
    /// They are applied for the second time.
    Again,
}

impl Stage {
    fn code(self) -> &'static str {
        match self {
            Self::Up => "rehearse.failed",
            Self::Down => "rehearse.down",
            Self::Again => "rehearse.again",
        }
    }

    fn done(self) -> &'static str {
        match self {
            Self::Up => "applied",
            Self::Down => "reverted",
            Self::Again => "applied again",
        }
    }

    fn advice(self, times: TimesBasis) -> &'static str {
        match (self, times) {
            (Self::Down, _) => "fix the down script",
            (_, TimesBasis::MadeRows) => {
                "it can be applied to empty tables; these rows are made: look whether yours have what it needs"
            }
            (_, TimesBasis::RealRows) => {
                "fix the migration, or the rows, before it is applied to the database"
            }
            (_, TimesBasis::EmptyTables) => "fix the migration before it is applied to a real database",
        }
    }
}

impl Rehearsal {
    /// Whether all steps of a phase are done. What a migration is refused or fails for is a finding at its statement.
    ///
    /// # Errors
    /// What says nothing of the migrations, such as a lost connection.
    pub(super) fn went_well(
        &mut self,
        stage: Stage,
        phase: &PhaseOutcome,
        settings: &Settings,
    ) -> Result<bool> {
        let Some(failure) = &phase.failure else { return Ok(true) };
        if !says_something_of_the_project(failure) {
            return Err(not_finished(failure.clone().into()));
        }
        let step = phase.plan.steps.get(phase.done.len());
        let title = step.map(|step| step.title.clone()).unwrap_or_default();
        let file = step.map(|step| settings.project.display(&step.path)).unwrap_or_default();
        // What the server refuses at COMMIT is due to any of the statements: the place is behind all of them.
        let last = step.and_then(|step| step.script.statements.last());
        let place = match (&failure.at, failure.exit, last) {
            (Some(at), ..) => at_place(Location::new(at.file.clone(), at.line), at.column),
            // A data check is required in the head of the file.
            (None, Exit::Findings, _) | (None, _, None) => Location::new(file, 1),
            (None, _, Some(last)) => Location::new(file, last.line).at_column(last.column),
        };
        let (what, advice) = match failure.exit {
            // A data check that the migration requires finds rows.
            Exit::Findings => (failure.what.clone(), failure.next.as_str()),
            _ => (format!("cannot be {}: {}", stage.done(), failure.what), stage.advice(self.times)),
        };
        self.findings.push(
            Finding::new(stage.code(), Severity::Error, "migration", title, Change::Different)
                .at(place)
                .sides(Sides::new(what, ""))
                .remedy(Remedy::advice(advice)),
        );
        Ok(false)
    }

    /// Whether a finding says that the migrations cannot be applied, or do another thing.
    pub(super) fn cannot_be_applied(&self) -> bool {
        self.findings.iter().any(|finding| [Stage::Up.code(), RESULT].contains(&finding.code.as_str()))
    }

    /// Whether a finding says that they cannot be reverted and applied again.
    pub(super) fn cannot_be_reverted(&self) -> bool {
        let codes = [Stage::Down.code(), Stage::Again.code()];
        self.findings.iter().any(|finding| codes.contains(&finding.code.as_str()))
    }

    /// Whether the catalog is the compiled one. What differs is a finding.
    ///
    /// # Errors
    /// The throwaway server's.
    pub(super) async fn has_result(
        &mut self,
        ground: &mut Ground<'_>,
        declared: &ProjectModel,
        applied: &BTreeSet<i64>,
        when: &str,
    ) -> Result<bool> {
        let wrong = ground.new_differences(declared, applied).await?;
        for (object, kind, what) in &wrong {
            let what = format!("{when}: {what}");
            self.findings.push(
                Finding::new(RESULT, Severity::Error, kind, object, Change::Different)
                    .at(Location::new(LOCK_FILE, 1))
                    .sides(Sides::new(what, ""))
                    .remedy(Remedy::advice(
                        "the migrations do another thing than when they were compiled: look for what depends on rows, on the \
                         time or on settings; then: trueup compile",
                    )),
            );
        }
        Ok(wrong.is_empty())
    }

    /// What keeps others waiting for longer than the project allows is a finding.
    pub(super) fn hold_against_limit(&mut self, settings: &Settings) {
        let Some(limit) = settings.rehearse.max_block else { return };
        for migration in &self.migrations {
            let Some(window) = &migration.blocks else { continue };
            let longest = window.longest();
            if longest <= limit.as_secs_f64() * 1000.0 {
                continue;
            }
            let may = if window.estimate.is_some() { "may wait" } else { "waited" };
            let what = format!(
                "others {may} {}, and [rehearse] max_block is {}",
                in_words(longest),
                crate::text::duration(limit)
            );
            self.findings.push(
                Finding::new("rehearse.blocks", Severity::Error, "migration", &migration.title, Change::Different)
                    .at(Location::new(&migration.file, window.from_line))
                    .sides(Sides::new(what, ""))
                    .remedy(Remedy::advice(
                        "trueup lint says what to write instead; or split the migration, so that long work is done without a \
                         lock",
                    )),
            );
        }
    }
}

/// Whether a failure is about the project's files or the rows, and not about the machinery of the rehearsal.
pub(super) fn says_something_of_the_project(failure: &Failure) -> bool {
    let exits = [Exit::Findings, Exit::RolledBack, Exit::Partial, Exit::Refused, Exit::Usage];
    exits.contains(&failure.exit) && !is_out_of_resources(failure)
}

/// Whether the server had no disk, memory or connections left. The failure of a migration has the code in a line of its text.
pub(super) fn is_out_of_resources(failure: &Failure) -> bool {
    let state = failure.what.lines().filter_map(|line| line.strip_prefix("SQLSTATE "));
    failure.code == Some(ErrorCode::SERVER_OUT_OF_RESOURCES)
        || state.into_iter().any(|state| state.starts_with(sqlstate::RESOURCES_CLASS))
}

/// A failure that keeps the rehearsal from telling anything.
pub(super) fn not_finished(error: anyhow::Error) -> anyhow::Error {
    with_failure(error, |failure| {
        let what = format!("the rehearsal was not finished: {}", failure.what);
        if is_out_of_resources(&failure) {
            let next = "only the throwaway server was touched. Free disk or memory there (TMPDIR names another disk, \
                        --scratch-url another server), then run the same command again";
            return Failure { at: failure.at, ..Failure::cannot_tell(what) }
                .code(ErrorCode::SERVER_OUT_OF_RESOURCES)
                .next(next);
        }
        let next = "only the throwaway server was touched; run the same command again".to_owned();
        Failure { what, next, ..failure }
    })
}

/// A place with its column, where that is known.
pub(super) fn at_place(place: Location, column: Option<usize>) -> Location {
    match column {
        Some(column) => place.at_column(column),
        None => place,
    }
}
