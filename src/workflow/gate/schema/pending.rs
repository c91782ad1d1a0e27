//! `pending`: which migrations are not applied, and what they lock; after a deploy, whether all of them are.

use super::super::When;
use super::super::facts::{GateFacts, PlannedUpgrade};
use super::super::section::{GateSection, Judge, Judgement};
use crate::findings::{Cause, CauseKind, Change, Command, Finding, Remedy, Severity, Sides};
use crate::project::{GateLevel, SectionName};
use crate::text::plural;
use crate::workflow::reports::plan_report::StepReport;
use crate::workflow::reports::target::ReportedMigration;

pub(in super::super) const SECTION: GateSection = GateSection {
    name: SectionName::Pending,
    level: GateLevel::Block,
    help: "Before a deploy (--when before) pending migrations are no fault: they are listed with what they lock. After it \
           (--when after) every migration has to be applied, contract ones apart, which wait until no old app version runs \
           any more: trueup upgrade.",
    judge: Judge::Facts(judge),
};

fn judge(facts: &GateFacts<'_>) -> Judgement {
    let (state, pending) = match (&facts.state, facts.pending()) {
        (Ok(state), Some(pending)) => (state, pending),
        (Err(failure), _) => return Judgement::unknown(failure),
        (Ok(_), None) => return Judgement::ready(""),
    };
    let migrations = &facts.declared.migrations;
    // On an empty database no old app version runs.
    let is_contract = |one: &ReportedMigration| {
        !state.is_new()
            && migrations
                .iter()
                .any(|file| file.id().version_text() == one.version && file.directives.contract)
    };
    let first = pending.iter().position(is_contract).unwrap_or(pending.len());
    let (expand, waiting) = pending.split_at(first);
    let what = match (named(expand), named(waiting)) {
        (None, None) => "nothing is pending".to_owned(),
        (None, Some(waiting)) => format!("nothing to apply; waiting: {waiting} (contract)"),
        (Some(expand), None) => format!("to apply: {expand}"),
        (Some(expand), Some(waiting)) => format!("to apply: {expand}; waiting: {waiting} (contract)"),
    };
    if facts.when == When::After {
        return Judgement::of_findings(expand.iter().map(not_applied).collect(), what);
    }
    let upgrade = facts.upgrade.as_ref().ok();
    Judgement::ready(what).lines(upgrade.into_iter().flat_map(|upgrade| lines(facts, upgrade)))
}

/// `3 migrations, V4__a to V6__c`
fn named(migrations: &[ReportedMigration]) -> Option<String> {
    match migrations {
        [] => None,
        [one] => Some(one.label()),
        [first, .., last] => {
            Some(format!("{}, {} to {}", plural(migrations.len(), "migration"), first.label(), last.label()))
        }
    }
}

fn not_applied(migration: &ReportedMigration) -> Finding {
    let label = migration.label();
    let cause = Cause {
        kind: CauseKind::Pending,
        migration: Some(migration.version.clone()),
        detail: "not applied, though the deploy is over".to_owned(),
    };
    Finding::new("gate.pending.not_applied", Severity::Error, "migration", label, Change::Missing)
        .sides(Sides::new("not applied", "applied"))
        .cause(cause)
        .remedy(Remedy::run(Command::Upgrade))
}

/// What each step locks, a line each.
fn lines(facts: &GateFacts<'_>, upgrade: &PlannedUpgrade) -> Vec<String> {
    let migrations = &facts.declared.lock.migrations;
    let steps = upgrade.plan.steps.iter().zip(&upgrade.report.steps);
    steps
        .map(|(step, report)| line(&ReportedMigration::of(migrations[step.index].id()).label(), report))
        .collect()
}

fn line(title: &str, step: &StepReport) -> String {
    let waits = step.locks.iter().filter(|lock| lock.blocks != "nobody");
    let waits: Vec<String> = waits
        .map(|lock| {
            let rows = lock.rows.map(|rows| format!(" ({})", plural(rows, "row"))).unwrap_or_default();
            format!("{} of {}{rows}", lock.blocks, lock.relation)
        })
        .collect();
    let contract = if step.contract { " (contract)" } else { "" };
    match waits.as_slice() {
        [] => format!("{title}{contract}: nobody waits"),
        waits => format!("{title}{contract}: {} wait", waits.join(", ")),
    }
}
