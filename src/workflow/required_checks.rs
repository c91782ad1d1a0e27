//! The data checks that migrations require: run before such a migration, on a connection of their own.

use std::pin::Pin;
use std::sync::Mutex;

use anyhow::Result;

use crate::changes::executor::StepGuard;
use crate::changes::plan::{MigrationPlan, Step, UnmetCheck};
use crate::data::checks::{self, Check};
use crate::error::{ErrorCode, Exit, Failure};
use crate::migrations::Migration;
use crate::postgres::connection::Target;
use crate::postgres::sql::{Comment, comments};
use crate::project::Settings;
use crate::workflow::data_checks;

/// The checks, and the requirement that prevented a step.
pub(crate) struct Required<'r> {
    settings: &'r Settings,
    target: Target,
    checks: Vec<Check>,
    unmet: Mutex<Option<(i64, Vec<UnmetCheck>)>>,
}

impl<'r> Required<'r> {
    /// Reads the checks that the steps require.
    ///
    /// # Errors
    /// Exit 2: one is wrong, or there is none of that name, with the migration's file and line.
    pub(crate) fn by(
        settings: &'r Settings,
        target: &Target,
        plan: &MigrationPlan,
        migrations: &[Migration],
    ) -> Result<Self, Failure> {
        let mut wanted: Vec<String> = Vec::new();
        for step in plan.steps.iter().filter(|step| !step.record) {
            for name in &step.directives.requires_checks {
                if !wanted.contains(name) {
                    wanted.push(name.clone());
                }
            }
        }
        let mut checks = if wanted.is_empty() { Vec::new() } else { data_checks::checks(settings, &[])? };
        for step in plan.steps.iter().filter(|step| !step.record) {
            for name in &step.directives.requires_checks {
                refuse_unknown(
                    settings,
                    &checks,
                    name,
                    migrations.iter().find(|one| one.version == step.version),
                )?;
            }
        }
        checks.retain(|check| wanted.contains(&check.name));
        Ok(Self { settings, target: target.clone(), checks, unmet: Mutex::new(None) })
    }

    /// Ends the plan before its first step where the checks of that do not pass now.
    ///
    /// # Errors
    /// As [`StepGuard::pass`], where they cannot be run.
    pub(crate) async fn shorten(&self, plan: &mut MigrationPlan) -> Result<()> {
        let Some(first) =
            plan.steps.first().filter(|step| !step.record && !step.directives.requires_checks.is_empty())
        else {
            return Ok(());
        };
        let outcome = self.pass(first).await;
        match (self.unmet(), outcome) {
            (Some((version, unmet)), _) => plan.stop_before(version, unmet),
            (None, outcome) => outcome?,
        }
        Ok(())
    }

    /// The step that was not carried out, and which of its checks found how many rows.
    pub(crate) fn unmet(&self) -> Option<(i64, Vec<UnmetCheck>)> {
        self.unmet.lock().map_or(None, |mut unmet| unmet.take())
    }

    async fn ask(&self, step: &Step) -> Result<()> {
        let wanted = &step.directives.requires_checks;
        let checks: Vec<Check> =
            self.checks.iter().filter(|check| wanted.contains(&check.name)).cloned().collect();
        let application = self.settings.application();
        let mut session = self.target.connect(&application).await?;
        let options = data_checks::options(self.settings, &self.target, &application, 0, 1);
        let found = checks::run(&mut session, checks, options).await?;
        session.close().await;
        let mut unmet = Vec::new();
        for found in found {
            let fixable = !found.check.check.fixes.is_empty();
            let check = found.check.check.name;
            let rows = found.check.not_applicable.map_or(found.rows, Err);
            match rows {
                Ok(0) => {}
                Ok(rows) => unmet.push(UnmetCheck { check, rows, fixable }),
                Err(why) => {
                    return Err(Failure::cannot_tell(format!(
                        "{} requires data check {check}: {why}",
                        step.title
                    ))
                    .code(ErrorCode::DATA_HIDDEN)
                    .next(format!("trueup verify {check}"))
                    .into());
                }
            }
        }
        if unmet.is_empty() {
            return Ok(());
        }
        let reasons: Vec<String> = unmet.iter().map(UnmetCheck::to_string).collect();
        let what = format!("{} is not applied: {}", step.title, reasons.join(", "));
        if let Ok(mut unmet_requirement) = self.unmet.lock() {
            *unmet_requirement = Some((step.version, unmet));
        }
        Err(Failure::new(Exit::Findings, what)
            .code(ErrorCode::DATA_CHECK_FAILING)
            .next("trueup verify --fix")
            .into())
    }
}

/// Refuses a name that no check has, where a migration states it.
fn refuse_unknown(
    settings: &Settings,
    checks: &[Check],
    name: &str,
    migration: Option<&Migration>,
) -> Result<(), Failure> {
    let Err(failure) = checks::select(checks.to_vec(), &[name.to_owned()]) else { return Ok(()) };
    let Some(migration) = migration else { return Err(failure) };
    let states = |comment: &Comment<'_>| {
        let words = comment.text.strip_prefix("trueup:").unwrap_or_default();
        words.split_whitespace().eq(["requires-check", name])
    };
    let line = comments(&migration.sql).find(states).map_or(1, |comment| comment.line);
    let place = format!("{}: line {line}", settings.project.display(&migration.path));
    Err(Failure { what: format!("{place}: requires-check: {}", failure.what), ..failure })
}

impl StepGuard for Required<'_> {
    fn pass<'g>(&'g self, step: &'g Step) -> Pin<Box<dyn Future<Output = Result<()>> + Send + 'g>> {
        Box::pin(self.ask(step))
    }
}
