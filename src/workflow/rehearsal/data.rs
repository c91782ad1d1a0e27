//! The seeds and the data checks of the project, in the throwaway database after the migrations are applied.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::ground::{CONFIRMED, Ground};
use super::judge::{at_place, not_finished, says_something_of_the_project};
use super::outcome::{Rehearsal, RehearsedCheck, RehearsedSeeds, TimesBasis};
use super::prepare::Prepared;
use crate::data::checks::{self, Check};
use crate::data::seeds::{Seeds, TablePlan};
use crate::error::{Exit, Failure};
use crate::findings::{Change, Finding, Location, Remedy, Severity, Sides};
use crate::text::plural;
use crate::workflow::write_command::WriteCommand;
use crate::workflow::{data_checks, seeding};
use crate::writer::StopSignal;

/// What a note says of a seed or a check that failed.
const MAY_BE_NO_FAULT: &str = "failed, which may be no fault, as";

/// How many rows each data check found; those that could not be run are left out.
pub(super) type RowsFound = BTreeMap<String, u64>;

impl Ground<'_> {
    /// What the data checks find before the migrations, where the rows are real.
    ///
    /// # Errors
    /// The throwaway server's.
    pub(super) async fn rows_found(&self, prepared: &Prepared) -> Result<RowsFound> {
        if !self.has_real_rows() {
            return Ok(RowsFound::new());
        }
        let mut found = RowsFound::new();
        for check in &prepared.checks {
            if let (Ok(rows), _) = self.check(check).await? {
                found.insert(check.name.clone(), rows);
            }
        }
        Ok(found)
    }

    /// Runs a check: how many rows it finds, or why it cannot be run, and how long it took.
    async fn check(&self, check: &Check) -> Result<(Result<u64, Failure>, Duration)> {
        let target = self.settings.target()?;
        let application = self.settings.application();
        let options = data_checks::options(&self.settings, &target, &application, 0, 1);
        let mut session = target.connect(&application).await?;
        let began = Instant::now();
        let ran = checks::run(&mut session, vec![check.clone()], options).await;
        let took = began.elapsed();
        session.close().await;
        let file = check.path.display().to_string();
        let found = match ran {
            Ok(results) => results.into_iter().next().map_or(Ok(0), |result| {
                result.rows.map_err(|why| Failure::usage(why).at(file, check.find.line, None))
            }),
            Err(error) => Err(about_project(error)?),
        };
        Ok((found, took))
    }

    /// Inserts and updates the rows that the project declares.
    async fn seed(&self, seeds: &Arc<Seeds>) -> Result<Result<RehearsedSeeds, Failure>> {
        let began = Instant::now();
        let (inserted, updated) = match self.seeded(seeds).await {
            Ok(counts) => counts,
            Err(error) => return Ok(Err(about_project(error)?)),
        };
        let milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(Ok(RehearsedSeeds { inserted, updated, milliseconds }))
    }

    /// Returns how many rows were inserted, and how many updated.
    async fn seeded(&self, seeds: &Arc<Seeds>) -> Result<(usize, usize)> {
        let mut settings = self.settings.clone();
        settings.run = ulid::Ulid::generate().to_string();
        let settings = &settings;
        let stop = StopSignal::channel().1;
        let mut writing = WriteCommand::open(settings, &CONFIRMED, &stop).await?;
        let plan = seeding::plan(settings, seeds, false, &mut writing).await?;
        let counts = (plan.count(TablePlan::inserts), plan.count(TablePlan::updates));
        if plan.is_empty() {
            writing.writer.close().await;
            return Ok(counts);
        }
        writing.lock().await?;
        let marking = writing.first_mark();
        writing
            .recorded(&marking, None, async |writing| {
                seeding::carry_out(settings, seeds, false, plan, writing).await?;
                Ok((Exit::Clean, counts))
            })
            .await
    }
}

impl Rehearsal {
    /// Applies the seeds, and runs the data checks. What fails is a finding where all migrations of the project are applied
    /// (`is_last`), because files of the project need not fit an earlier version, and not among made rows. What a check finds
    /// among made rows says nothing; among real ones it is a finding where it found less `before` the migrations.
    ///
    /// # Errors
    /// What says nothing of the project.
    pub(super) async fn add_data(
        &mut self,
        ground: &Ground<'_>,
        prepared: &Prepared,
        before: &RowsFound,
        is_last: bool,
    ) -> Result<()> {
        // With made rows this is done once more: what is said is of the last time.
        self.checks.clear();
        self.seeds = None;
        self.notes.retain(|note| !note.contains(MAY_BE_NO_FAULT));
        if !prepared.declared.seeds.is_empty() {
            match ground.seed(&prepared.declared.seeds).await? {
                Ok(seeds) => self.seeds = Some(seeds),
                Err(failure) => self.fails(is_last, ("rehearse.seeds", "seeds", "schema/seeds"), failure),
            }
        }
        for check in &prepared.checks {
            let (found, took) = ground.check(check).await?;
            let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            match found {
                Ok(rows) => {
                    let before = before.get(&check.name).copied();
                    if ground.has_real_rows() && rows > before.unwrap_or(0) {
                        self.findings.push(more_rows(check, rows, before));
                    }
                    let rows = ground.has_real_rows().then_some(rows);
                    self.checks.push(RehearsedCheck {
                        check: check.name.clone(),
                        milliseconds,
                        rows,
                        rows_before: before,
                    });
                }
                Err(failure) => self.fails(is_last, ("rehearse.check", "check", &check.name), failure),
            }
        }
        Ok(())
    }

    fn fails(&mut self, is_last: bool, (code, kind, object): (&str, &'static str, &str), failure: Failure) {
        if self.findings.iter().any(|finding| finding.code == code && finding.object == object) {
            return;
        }
        let excuse = match self.times {
            _ if !is_last => "not all migrations are part of this rehearsal",
            TimesBasis::MadeRows => "these rows are made",
            TimesBasis::EmptyTables | TimesBasis::RealRows => "",
        };
        if !excuse.is_empty() {
            self.notes.push(format!("{kind} {object} {MAY_BE_NO_FAULT} {excuse}: {}", failure.what));
            return;
        }
        let finding = Finding::new(code, Severity::Error, kind, object, Change::Different);
        let finding = match failure.at {
            Some(at) => finding.at(at_place(Location::new(at.file, at.line), at.column)),
            None => finding,
        };
        let advice = if failure.next.is_empty() {
            "correct the file, or the migration, so that both fit together"
        } else {
            &failure.next
        };
        let what = format!("after the migrations: {}", failure.what);
        self.findings.push(finding.sides(Sides::new(what, "")).remedy(Remedy::advice(advice)));
    }
}

fn more_rows(check: &Check, rows: u64, before: Option<u64>) -> Finding {
    let before = match before {
        Some(before) => format!("{before} before them"),
        None => "it could not be run before them".to_owned(),
    };
    let what = format!("it finds {} after the migrations, {before}", plural(rows, "row"));
    Finding::new("rehearse.check", check.severity, "check", &check.name, Change::Different)
        .at(Location::new(check.path.display().to_string(), check.find.line))
        .sides(Sides::new(what, ""))
        .remedy(Remedy::advice(
            "look at what the migrations do to these rows; the check says what has to be true",
        ))
}

/// The failure, where it says something of the project's files or the rows.
fn about_project(error: anyhow::Error) -> Result<Failure> {
    match error.downcast::<Failure>() {
        Ok(failure) if says_something_of_the_project(&failure) => Ok(failure),
        Ok(failure) => Err(not_finished(failure.into())),
        Err(error) => Err(error),
    }
}
