//! `pending`: which migrations are not applied, and what they lock; after a deploy, whether all of them are.

use super::super::When;
use super::super::facts::{GateFacts, PlannedUpgrade};
use super::super::section::{GateSection, Judge, Judgement};
use crate::changes::plan::Step;
use crate::findings::{Cause, CauseKind, Change, Finding, Severity, Sides};
use crate::migrations::tools::MigrationTool;
use crate::postgres::catalog::Kind;
use crate::project::{GateLevel, SectionName};
use crate::text::plural;
use crate::workflow::other_tool;
use crate::workflow::reports::plan_report::{LockReport, StepReport};
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
        return Judgement::of_findings(
            expand.iter().map(|one| not_applied(one, facts.settings.migrations.tool)).collect(),
            what,
        );
    }
    let judged = Judgement::ready(what);
    match &facts.upgrade {
        Ok(upgrade) => judged.lines(lines(facts, upgrade, usize::MAX)).brief(briefly(facts, upgrade)),
        Err(_) => judged,
    }
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

fn not_applied(migration: &ReportedMigration, tool: Option<MigrationTool>) -> Finding {
    let label = migration.label();
    let cause = Cause {
        kind: CauseKind::Pending,
        migration: Some(migration.version.clone()),
        detail: "not applied, though the deploy is over".to_owned(),
    };
    Finding::new("gate.pending.not_applied", Severity::Error, "migration", label, Change::Missing)
        .sides(Sides::new("not applied", "applied"))
        .cause(cause)
        .remedy(other_tool::remedy_of_pending(tool))
}

/// How many steps people see a line of.
const STEPS: usize = 5;
/// How many relations they see in it.
const RELATIONS: usize = 3;

/// What few steps lock, a line each; a line about many of them.
fn briefly(facts: &GateFacts<'_>, upgrade: &PlannedUpgrade) -> Vec<String> {
    let steps = &upgrade.plan.steps;
    if steps.len() <= STEPS {
        return lines(facts, upgrade, RELATIONS);
    }
    let waited_for = upgrade.report.steps.iter().filter(|step| waits(step).next().is_some()).count();
    let others = match waited_for {
        0 => "nobody waits".to_owned(),
        count => format!("others wait in {count} of them (trueup gate -v shows them)"),
    };
    let migrations = &facts.declared.lock.migrations;
    let all: Vec<_> = steps.iter().map(|step| ReportedMigration::of(migrations[step.index].id())).collect();
    named(&all).map(|all| format!("{all}: {others}")).into_iter().collect()
}

/// What each step locks, a line each that names so many relations at most.
fn lines(facts: &GateFacts<'_>, upgrade: &PlannedUpgrade, most: usize) -> Vec<String> {
    let migrations = &facts.declared.lock.migrations;
    let steps = upgrade.plan.steps.iter().zip(&upgrade.report.steps);
    let line = |(step, report): (&Step, &StepReport)| {
        let title = ReportedMigration::of(migrations[step.index].id()).label();
        let is_sequence = |relation: &str| {
            step.held.keys().any(|held| held.kind == Kind::Sequence && held.to_string() == relation)
        };
        line(&title, report, &is_sequence, most)
    };
    steps.map(line).collect()
}

/// The locks of a step that others wait for.
fn waits(step: &StepReport) -> impl Iterator<Item = &LockReport> {
    step.locks.iter().filter(|lock| lock.blocks != "nobody")
}

fn line(title: &str, step: &StepReport, is_sequence: &dyn Fn(&str) -> bool, most: usize) -> String {
    let all = waits(step).count();
    let mut named: Vec<String> = waits(step)
        .take(most)
        .map(|lock| {
            // A sequence has one row, which says nothing.
            let rows = lock.rows.filter(|_| !is_sequence(&lock.relation));
            let rows = rows.map(|rows| format!(" ({})", plural(rows, "row"))).unwrap_or_default();
            format!("{} of {}{rows}", lock.blocks, lock.relation)
        })
        .collect();
    if all > most {
        named.push(plural(all - most, "more relation"));
    }
    let contract = if step.contract { " (contract)" } else { "" };
    match named.as_slice() {
        [] => format!("{title}{contract}: nobody waits"),
        named => format!("{title}{contract}: {} wait", named.join(", ")),
    }
}
