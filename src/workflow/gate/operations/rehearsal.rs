//! `rehearsal`: whether just these migrations were rehearsed, with this trueup.lock, and nothing was found.

use super::super::facts::GateFacts;
use super::super::section::{GateSection, Judge, Judgement, Judging, finding};
use crate::project::{GateLevel, SectionName};
use crate::text::plural;
use crate::workflow::rehearsal::RehearsedState;

pub(in super::super) const SECTION: GateSection = GateSection {
    name: SectionName::Rehearsal,
    level: GateLevel::Block,
    help: "The migrations that would be applied were rehearsed: `trueup rehearse --record rehearsal.json` found nothing, with \
           this trueup.lock and these migrations. It is asked where trueup.toml has [gate.rehearsal]; record names the file \
           (rehearsal.json).",
    judge: Judge::Elsewhere(judge),
};

fn judge<'a>(facts: &'a GateFacts<'_>) -> Judging<'a> {
    Box::pin(async move { told(facts) })
}

fn told(facts: &GateFacts<'_>) -> Result<Judgement, crate::error::Failure> {
    let settings = facts.settings;
    let Some(record) = &settings.gate.rehearsal_record else {
        return Ok(Judgement::off("trueup.toml has no [gate.rehearsal]"));
    };
    let upgrade = match &facts.upgrade {
        Ok(upgrade) => upgrade,
        Err(failure) => return Ok(Judgement::unknown(failure)),
    };
    let steps: Vec<String> = upgrade.plan.steps.iter().map(|step| step.version.to_string()).collect();
    if steps.is_empty() {
        return Ok(Judgement::ready("nothing to apply"));
    }
    let shown = record.display().to_string();
    let next = format!("trueup rehearse --record {shown}");
    let blocks = |code: &str, what: String| {
        let found = finding(SectionName::Rehearsal, code, &shown, &what, &next);
        Ok(Judgement::of_findings(vec![found], what))
    };
    let Some(found) = RehearsedState::read(&settings.project.dir.join(record))? else {
        return blocks("missing", format!("there is no record {shown}"));
    };
    if found.lock != facts.lock_hash {
        return blocks("other", format!("{shown} is of another trueup.lock ({})", found.at));
    }
    // With --contract more is rehearsed than is applied now.
    if !found.pending.starts_with(&steps) {
        let what =
            format!("{shown} is about {}, and {} would be applied", named(&found.pending), named(&steps));
        return blocks("other", what);
    }
    if !found.passed {
        return blocks("failed", format!("the rehearsal found {}", found.findings.join(", ")));
    }
    Ok(Judgement::ready(format!("{}, rehearsed {}", plural(steps.len(), "migration"), found.at)))
}

fn named(versions: &[String]) -> String {
    match versions {
        [] => "no migration".to_owned(),
        versions => format!("V{}", versions.join(", V")),
    }
}
