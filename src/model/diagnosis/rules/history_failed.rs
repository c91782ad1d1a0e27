//! `history.failed`: another tool's history has a migration that failed.

use super::Rule;
use crate::findings::{Cause, CauseKind, Change, Remedy, Severity, Sides};

pub(super) const RULE: Rule = Rule {
    code: "history.failed",
    help: "The history of another tool has a migration that failed or was interrupted: Flyway's success = false, Prisma's \
           finished_at without a time, golang-migrate's dirty. What it did may be there in part. `trueup adopt` is refused \
           until the tool's history says that it is finished.",
    severity: Severity::Error,
    find: |rule, facts, _, _| {
        let failed = facts.others.iter().filter_map(|other| Some((other, other.failed.as_deref()?)));
        let findings = failed.map(|(other, failed)| {
            let detail = format!(
                "{} says that {failed} failed or was interrupted: it may be done in part",
                other.tool
            );
            rule.finding("migration", format!("{failed} ({})", other.table), Change::Different)
                .sides(Sides::new("failed", "finished"))
                .cause(Cause { kind: CauseKind::Unfinished, migration: None, detail })
                .remedy(Remedy::advice(other.repair))
        });
        findings.collect()
    },
};
