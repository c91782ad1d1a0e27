//! `drift`: whether the schema is as the applied migrations left it, as far as the deploy meets it.

use std::collections::BTreeSet;
use std::str::FromStr as _;

use super::super::facts::{GateFacts, PlannedUpgrade};
use super::super::section::{Conclusion, GateSection, Judge, Judgement};
use super::{history, identity, seeds};
use crate::changes::plan::collisions;
use crate::findings::{CauseKind, Change, Command, Finding, Severity};
use crate::model::Lock;
use crate::postgres::catalog::{Attribute, Catalog, Kind, ObjectId};
use crate::project::{DriftScope, GateLevel, SectionName};
use crate::text::plural;

pub(in super::super) const SECTION: GateSection = GateSection {
    name: SectionName::Drift,
    level: GateLevel::Block,
    help: "The schema is as the applied migrations left it. A difference blocks where the deploy meets it: a pending \
           migration changes or locks the object or its table, or the declared schema has a table, column or other object, or \
           row security, that neither the database nor a pending migration has. A difference of an object that is a warning in \
           `trueup check`, as that of a comment, warns, unless a pending migration changes that very object. Every other difference warns, unless [gate] drift = \
           \"all\". `trueup check` shows each with its cause and its SQL.",
    judge: Judge::Facts(judge),
};

fn judge(facts: &GateFacts<'_>) -> Judgement {
    let schema = match &facts.schema {
        Ok(schema) => schema,
        Err(failure) => return Judgement::unknown(failure),
    };
    let differences: Vec<Finding> =
        schema.document.findings.iter().filter(|finding| is_of_it(finding)).cloned().collect();
    let touched = Touched::by(facts, &schema.snapshot.catalog, &differences);
    let all = facts.settings.gate.drift == DriftScope::All;
    let found: Vec<Finding> = differences.into_iter().map(|finding| touched.told(finding, all)).collect();
    let blocking: Vec<&Finding> =
        found.iter().filter(|finding| finding.severity == Severity::Error).collect();
    let warnings = found.iter().filter(|finding| finding.severity == Severity::Warning).count();
    let what = match (blocking.as_slice(), warnings) {
        ([], 0) => "the schema matches".to_owned(),
        ([], count) => format!("{}, which this deploy does not meet", plural(count, "difference")),
        ([one], _) => format!("{}, which this deploy meets", in_words(one)),
        ([first, ..], _) => {
            format!("{} that this deploy meets: {}, ...", plural(blocking.len(), "difference"), first.object)
        }
    };
    let judged = Judgement::of_findings(found, what);
    let next = match judged.conclusion {
        Conclusion::Blocks | Conclusion::Warns => judged.next.clone().unwrap_or_default(),
        _ => String::new(),
    };
    // What a finding says in SQL, `trueup check` shows.
    let next = if next == "run the SQL below" { Command::Check.to_string() } else { next };
    let judged = judged.next(next);
    match schema.document.coverage.unmodeled.len() {
        0 => judged,
        count => {
            judged.lines([format!("{} not compared (trueup check lists them)", plural(count, "object"))])
        }
    }
}

/// Whether a finding of the comparison is a difference that no pending migration explains.
fn is_of_it(finding: &Finding) -> bool {
    let others = identity::is_of_it(finding) || history::is_of_it(finding) || seeds::is_of_it(finding);
    !others && !matches!(finding.cause_kind(), Some(CauseKind::Pending | CauseKind::Unfinished))
}

fn in_words(finding: &Finding) -> String {
    let change = match finding.change {
        Change::Missing => "is missing",
        Change::Unexpected => "is not declared",
        Change::Different => "differs",
    };
    format!("{} {} {change}", finding.kind_label(), finding.object_in_line())
}

/// What a deploy meets.
struct Touched<'f> {
    lock: &'f Lock,
    live: &'f Catalog,
    /// The relations that pending migrations lock or change.
    relations: BTreeSet<String>,
    /// The codes and objects of what an upgrade would refuse.
    collides: BTreeSet<(String, String)>,
}

impl<'f> Touched<'f> {
    fn by(facts: &'f GateFacts<'_>, live: &'f Catalog, differences: &[Finding]) -> Self {
        let lock = &facts.declared.lock;
        let upgrade = facts.upgrade.as_ref().ok();
        let relations = upgrade.map(relations).unwrap_or_default();
        let collides =
            upgrade.map(|upgrade| collisions(&upgrade.plan, differences, lock)).unwrap_or_default();
        let collides = collides.into_iter().map(|found| (found.code.clone(), found.object.clone())).collect();
        Self { lock, live, relations, collides }
    }

    /// A difference with the severity that it has for the deploy.
    fn told(&self, mut finding: Finding, all: bool) -> Finding {
        let counts = finding.severity > Severity::Info;
        // An application of a newer project was deployed before, which has that.
        let ahead = finding.cause_kind() == Some(CauseKind::Ahead);
        let blocks = counts && !ahead && (all || is_needed(&finding) || self.meets(&finding));
        finding.severity = match (blocks, counts) {
            (true, _) => Severity::Error,
            (false, true) => Severity::Warning,
            (false, false) => Severity::Info,
        };
        finding
    }

    fn meets(&self, finding: &Finding) -> bool {
        let collides = || self.collides.contains(&(finding.code.clone(), finding.object.clone()));
        // What costs later, as a comment or a statistics target, is in no statement's way.
        let in_the_way = finding.change != Change::Different || finding.severity == Severity::Error;
        let relation = || self.relation_of(finding).filter(|_| in_the_way);
        collides() || relation().is_some_and(|relation| self.relations.contains(&relation))
    }

    /// The relation that the object of a finding is, or is part of.
    fn relation_of(&self, finding: &Finding) -> Option<String> {
        let id = ObjectId::parse(Kind::from_str(finding.kind).ok()?, &finding.object)?;
        if id.kind.is_under_relation() {
            return Some(id.relation_path());
        }
        let object = self.lock.model.get(&id).or_else(|| self.live.get(&id));
        let table = object.and_then(|object| object.get(Attribute::OnTable)).map(str::to_owned);
        Some(table.unwrap_or_else(|| id.to_string()))
    }
}

/// The relations that the steps of a plan lock so that others wait, work on, or change.
fn relations(upgrade: &PlannedUpgrade) -> BTreeSet<String> {
    let mut relations = BTreeSet::new();
    for step in &upgrade.plan.steps {
        let held = step.held.iter().filter(|(_, mode)| mode.blocks_writers());
        relations.extend(held.map(|(relation, _)| relation.to_string()));
        for footprint in &step.footprints {
            let worked_on = [&footprint.scans, &footprint.rewrites, &footprint.builds, &footprint.drops];
            relations.extend(worked_on.into_iter().flatten().map(ToString::to_string));
        }
    }
    relations
}

/// Whether the application needs what is not there: it is declared, an error when it is missing, and nobody brings it. A
/// sequence that is behind makes the next INSERT fail, and rows are open to all whose declared row security is off.
fn is_needed(finding: &Finding) -> bool {
    let behind = finding.code == "sequence.behind";
    let security = [Attribute::RowSecurity, Attribute::ForceRowSecurity].map(Attribute::word);
    let open = finding.attributes.iter().any(|attribute| {
        security.contains(&attribute.name.as_str()) && attribute.declared.as_deref() == Some("true")
    });
    finding.severity == Severity::Error && (finding.change == Change::Missing || behind || open)
}
