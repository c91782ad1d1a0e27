//! `seeds`: whether the reference rows exist without which the application cannot run.

use super::super::facts::GateFacts;
use super::super::section::{GateSection, Judge, Judgement};
use crate::findings::Finding;
use crate::project::{GateLevel, SectionName};
use crate::snapshot::UnseenReason;
use crate::text::plural;

pub(in super::super) const SECTION: GateSection = GateSection {
    name: SectionName::Seeds,
    level: GateLevel::Block,
    help: "The reference rows of schema/seeds/ exist. A missing row blocks: `trueup seed` inserts it. A row with other values \
           warns. A table that a pending migration creates has to be seeded after the upgrade.",
    judge: Judge::Facts(judge),
};

/// Whether a finding of the comparison is about reference rows.
pub(super) fn is_of_it(finding: &Finding) -> bool {
    finding.kind == "seed"
}

fn judge(facts: &GateFacts<'_>) -> Judgement {
    let declared = &facts.declared.seeds.tables;
    if declared.is_empty() {
        return Judgement::ready("this project declares none");
    }
    let schema = match (&facts.seeds_unread, &facts.schema) {
        (Some(failure), _) | (None, Err(failure)) => return Judgement::unknown(failure),
        (None, Ok(schema)) => schema,
    };
    let found = schema.document.findings.iter().filter(|finding| is_of_it(finding)).cloned();
    let found: Vec<Finding> = found.collect();
    let seeded = &schema.snapshot.seeded;
    let what = match (found.len(), declared.len() - seeded.absent.len()) {
        (0, 0) => "no table of reference rows exists yet".to_owned(),
        (0, tables) => format!("all rows of {} exist", plural(tables, "table")),
        (count, _) => format!("{} missing or different", plural(count, "row")),
    };
    let absent = seeded.absent.iter().map(|seed| {
        format!("{} does not exist yet: trueup seed, after the upgrade", declared[*seed].table.value)
    });
    let judged = Judgement::of_findings(found, what).lines(absent);
    match seeded.unseen.first() {
        None => judged,
        Some(unseen) => {
            let why = unseen.why.as_ref().map(UnseenReason::in_words).unwrap_or_default();
            let role = &schema.snapshot.identity.role;
            judged.incomplete(format!("{role} cannot see the rows of {}: {why}", unseen.table))
        }
    }
}
