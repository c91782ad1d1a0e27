//! `hazards`: how long pending migrations keep others waiting, by what their statements did and how large the tables are now.

use std::collections::{BTreeMap, BTreeSet};

use super::super::facts::{GateFacts, PlannedUpgrade};
use super::super::section::{GateSection, Judge, Judgement};
use crate::changes::lint::{LintScope, LintSizes, lint};
use crate::error::Failure;
use crate::findings::{Change, Finding, Remedy, Severity, Sides};
use crate::migrations::Migration;
use crate::postgres::sql::schemas_of_path;
use crate::project::{GateLevel, SectionName};
use crate::snapshot::Size;
use crate::text::plural;
use crate::workflow::lint::levels;

pub(in super::super) const SECTION: GateSection = GateSection {
    name: SectionName::Hazards,
    level: GateLevel::Block,
    help: "No pending statement keeps others waiting for long. What a statement does was measured when the project was \
           compiled; how large the tables are, the database says. A statement blocks where its migration may not take that \
           long (max-duration), and where a rule blocks.* of `trueup lint` is an error on a table with more rows than [gate] \
           hazard_rows (100000) or more bytes than hazard_size (100MB). What is meant is allowed in the migration: -- trueup: \
           allow blocks.index: the reason.",
    judge: Judge::Facts(judge),
};

fn judge(facts: &GateFacts<'_>) -> Judgement {
    let upgrade = match &facts.upgrade {
        Ok(upgrade) => upgrade,
        Err(failure) => return Judgement::unknown(failure),
    };
    if upgrade.plan.steps.is_empty() {
        return Judgement::ready("nothing to apply");
    }
    let (too_long, sizes) = match &upgrade.measured {
        Ok(measured) => (&measured.too_long, &measured.sizes),
        Err(failure) => return Judgement::unknown(failure),
    };
    let linted = match linted(facts, upgrade, sizes) {
        Ok(linted) => linted,
        Err(failure) => return Judgement::unknown(&failure),
    };
    let mut findings: Vec<Finding> = too_long
        .iter()
        .map(|one| {
            let failure = one.failure();
            Finding::new(
                failure.error_code().as_str(),
                Severity::Error,
                "migration",
                &one.title,
                Change::Different,
            )
            .at(one.location.clone())
            .sides(Sides::new(one.in_words(), ""))
            .remedy(Remedy::advice(failure.next))
        })
        .collect();
    findings.extend(linted.into_iter().map(|finding| as_told(facts, upgrade, sizes, finding)));
    let waiting: Vec<String> =
        upgrade.report.steps.iter().flat_map(|step| step.waiting.iter().cloned()).collect();
    // What nobody has to look at concludes nothing.
    let told = findings.iter().filter(|finding| finding.severity > Severity::Info);
    let worst = told.rev().max_by_key(|finding| finding.severity);
    let what = match (worst.and_then(|worst| worst.sides.as_ref()), waiting.len()) {
        (Some(sides), _) => sides.database.clone(),
        (None, 0) => "nobody waits for longer than a moment".to_owned(),
        (None, count) => format!("{} for longer than a moment, allowed", plural(count, "wait")),
    };
    Judgement::of_findings(findings, what).lines(waiting)
}

/// What the rules about locks find in the migrations that would be applied, on tables that are not small.
fn linted(
    facts: &GateFacts<'_>,
    upgrade: &PlannedUpgrade,
    sizes: &BTreeMap<String, Size>,
) -> Result<Vec<Finding>, Failure> {
    let settings = facts.settings;
    let declared = &facts.declared;
    let versions: BTreeSet<i64> =
        upgrade.plan.steps.iter().filter(|step| !step.record).map(|step| step.version).collect();
    let shown = |migration: &Migration| settings.project.display(&migration.path);
    let scope = LintScope::Run(versions);
    // Rules about anything else cost time, and say nothing of who waits.
    let mut outcome = lint(&declared.lock, &declared.migrations, &scope, is_about_waiting, shown)?;
    let search_path = schemas_of_path(&settings.database.search_path);
    let is_small = |relation: &str| settings.lint.is_small(relation);
    let known = LintSizes { known: sizes, is_small: &is_small, search_path: &search_path };
    outcome.apply_sizes(&declared.lock, &declared.migrations, &known);
    outcome.set_levels(&levels(settings)?);
    Ok(outcome.findings.into_iter().filter(|finding| is_about_waiting(finding.code.as_str())).collect())
}

/// Whether a rule is about how long others wait.
fn is_about_waiting(code: &str) -> bool {
    code.starts_with("blocks.")
}

/// A finding of lint blocks where what it works on is large.
fn as_told(
    facts: &GateFacts<'_>,
    upgrade: &PlannedUpgrade,
    sizes: &BTreeMap<String, Size>,
    mut finding: Finding,
) -> Finding {
    if finding.severity == Severity::Error && !is_large(facts, upgrade, sizes, &finding) {
        finding.severity = Severity::Warning;
    }
    finding
}

/// Whether the statement of a finding works on, or locks, a relation over the limits. What is not known is not large.
fn is_large(
    facts: &GateFacts<'_>,
    upgrade: &PlannedUpgrade,
    sizes: &BTreeMap<String, Size>,
    finding: &Finding,
) -> bool {
    let gate = &facts.settings.gate;
    let over = |relation: &str| {
        let size = sizes.get(relation);
        size.is_some_and(|size| size.rows >= gate.hazard_rows || size.bytes >= gate.hazard_bytes)
    };
    let Some(place) = &finding.location else { return false };
    let mut steps = upgrade.plan.steps.iter().zip(&upgrade.report.steps);
    let Some((step, report)) = steps.find(|(_, report)| report.file == place.file) else { return false };
    let statement = report.footprints.iter().find(|footprint| {
        footprint.statement.line == place.line
            && place.column.is_none_or(|column| column == footprint.statement.column)
    });
    let Some(footprint) = statement.map(|found| &found.footprint) else {
        // It takes no lock that others wait for: they wait for those that its transaction has.
        let held = step.held.iter().filter(|(_, mode)| mode.blocks_writers());
        return held.map(|(relation, _)| relation.to_string()).any(|relation| over(&relation));
    };
    let rewritten = footprint.rewrites.iter().map(|rewrite| &rewrite.relation);
    let locked = footprint.locks.iter().map(|lock| &lock.relation);
    let mut relations = footprint.scans.iter().chain(&footprint.builds).chain(rewritten).chain(locked);
    relations.any(|relation| over(relation.as_str()))
}
