//! Findings about single objects: differences are folded, renames are paired, each gets a cause and a remedy.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::cause::{ByHand, CauseResolver};
use super::fold::{self, Group};
use super::renaming::Renaming;
use super::runnable::gently;
use super::{brief, remedy, rename, runnable, severity};
use crate::findings::{AttributeFinding, Cause, CauseKind, Change, Finding, Remedy, Severity, Sides};
use crate::model::diff::{self, Difference, Values};
use crate::postgres::catalog::{Attribute, Kind, Object, ObjectId};

/// How often names are made one: a column is recognised as renamed only after its table.
const MOST_ROUNDS: usize = 4;

/// The findings of the differences, by object. What differs in a renamed object beyond its name is a
/// finding of its own.
pub(super) fn findings(
    resolver: &CauseResolver<'_>,
    differences: Vec<Difference>,
    parents: &HashMap<String, Vec<String>>,
) -> Vec<Finding> {
    found(resolver, differences, parents).into_iter().map(|(_, finding)| finding).collect()
}

/// The same, each with its object.
pub(super) fn found(
    resolver: &CauseResolver<'_>,
    mut differences: Vec<Difference>,
    parents: &HashMap<String, Vec<String>>,
) -> Vec<(ObjectId, Finding)> {
    let mut findings: Vec<(ObjectId, Finding)> = Vec::new();
    // Renames that the SQL of the findings does not revert: it has to use the names that the database has now.
    let mut unreverted = Vec::new();
    let mut groups = fold::fold(differences.clone(), parents);
    for _ in 0..MOST_ROUNDS {
        let mut pairs = rename::pairs(&groups, resolver.origins, resolver.ahead_origins);
        resolver.allowed.decide(&groups, &mut pairs);
        if pairs.is_empty() {
            break;
        }
        let mut paired = HashSet::new();
        for (missing, unexpected) in &pairs {
            let (missing, unexpected) = (&groups[*missing], &groups[*unexpected]);
            let mut finding = renamed(resolver, missing, unexpected);
            paired.extend([missing.head.id.clone(), unexpected.head.id.clone()]);
            if let Some(renaming) = Renaming::of(missing, unexpected) {
                differences = renaming.apply(differences);
                finding.consequences = followers(&groups, missing, unexpected, &differences);
                if !matches!(finding.cause_kind(), Some(CauseKind::Drift | CauseKind::Unknown)) {
                    unreverted.push(renaming);
                }
            }
            findings.push((missing.head.id.clone(), finding));
        }
        // What is left of the pair itself exists under one name.
        differences.retain(|difference| {
            !paired.contains(&difference.id) || difference.live.is_some() && difference.model.is_some()
        });
        groups = fold::fold(differences.clone(), parents);
    }
    let others = groups.iter().filter_map(|group| Some((&group.head, one(resolver, group, &unreverted)?)));
    let mut others: Vec<(&Difference, Finding)> = others.collect();
    let all = findings.iter().map(|(_, finding)| finding).chain(others.iter().map(|(_, finding)| finding));
    let to_come: HashSet<String> = all.flat_map(to_come).map(str::to_owned).collect();
    for (head, finding) in &mut others {
        let migration = finding.cause.as_ref().and_then(|cause| cause.migration.as_ref());
        if migration.is_some_and(|migration| to_come.contains(migration)) {
            remedy::done_in_part(finding, head);
        }
    }
    findings.extend(others.into_iter().map(|(head, finding)| (head.id.clone(), finding)));
    runnable::settle(
        &mut findings,
        resolver.live,
        resolver.model,
        resolver.knows_privileges,
        resolver.allowed,
    );
    findings.sort_by(|(a, _), (b, _)| a.cmp(b));
    findings
}

/// The migrations that still have to do what a finding is about.
fn to_come(finding: &Finding) -> impl Iterator<Item = &str> {
    let causes = finding.causes().filter(|cause| cause.kind == CauseKind::Pending);
    causes.filter_map(|cause| cause.migration.as_deref())
}

/// What showed only the new name of a renamed column or table: it comes with the rename.
fn followers(groups: &[Group], missing: &Group, unexpected: &Group, left: &[Difference]) -> Vec<String> {
    let is_left = |id: &ObjectId| left.iter().any(|difference| difference.id == *id);
    let follows = groups.iter().map(|group| &group.head);
    let follows = follows.filter(|head| rename::follows(head, missing, unexpected) && !is_left(&head.id));
    follows.map(|head| format!("{} {}", head.id.kind.spoken(), head.id)).collect()
}

/// The finding of one difference with what comes with it. `None` when nothing of it is worth telling.
fn one(resolver: &CauseResolver<'_>, group: &Group, unreverted: &[Renaming]) -> Option<Finding> {
    let head = &group.head;
    // The SQL names things as the database does now.
    let named = unreverted
        .iter()
        .rev()
        .fold(Cow::Borrowed(group), |group, renaming| Cow::Owned(renaming.undone(&group)));
    let existence = resolver.cause(&head.id, None, head.existence());
    match (&head.live, &head.model) {
        (None, Some(_)) => {
            let mut cause = existence?;
            let beyond = beyond_migrations(group);
            if cause.kind == CauseKind::Pending && !beyond.is_empty() {
                cause.detail.push_str(&format!(
                    "; no migration does what schema/ declares for {}",
                    beyond.join(", ")
                ));
            }
            let remedy = remedy::missing(&named, cause.kind, resolver);
            Some(finding(group, severity::missing(head), Change::Missing, Vec::new(), cause, remedy, None))
        }
        (Some(_), None) => {
            let cause = existence?;
            let remedy = remedy::unexpected(&named, cause.kind, resolver.allowed);
            let mut finding = finding(
                group,
                severity::unexpected(head),
                Change::Unexpected,
                Vec::new(),
                cause,
                remedy,
                None,
            );
            finding.undeclared = is_undeclared(&finding).then(|| remedy::undeclared(group, &[])).flatten();
            Some(finding)
        }
        (None, None) => {
            let cause = existence?;
            let remedy = remedy::drifted(&cause, resolver);
            let mut finding =
                finding(group, Severity::Warning, Change::Different, Vec::new(), cause, remedy, None);
            finding.code = format!("{}.by_hand", head.id.kind);
            Some(finding)
        }
        (Some(_), Some(_)) => different(resolver, group, &named, existence),
    }
}

/// What the model says of a missing object, or of what went with it, and all migrations together do not do.
fn beyond_migrations(group: &Group) -> Vec<String> {
    let own = group.head.attributes().into_iter().filter(|attribute| {
        let values = group.head.values(*attribute);
        values.last != values.model
    });
    let own = own.map(|attribute| attribute.word().to_owned());
    let others = group.parts.iter().chain(&group.consequences);
    let others = others.filter(|other| {
        other.existence().last != other.existence().model
            || other.attributes().iter().any(|a| other.values(*a).last != other.values(*a).model)
    });
    own.chain(others.map(|other| format!("{} {}", other.id.kind.spoken(), other.id))).collect()
}

/// An object that exists on both sides; `named` is the group as the database names it now.
fn different(
    resolver: &CauseResolver<'_>,
    group: &Group,
    named: &Group,
    existence: Option<Cause>,
) -> Option<Finding> {
    let head = &group.head;
    let (live, model) = (head.live.as_ref()?, head.model.as_ref()?);
    let mut attributes: Vec<(Attribute, Values<Option<&str>>, Cause)> = head
        .attributes()
        .into_iter()
        .filter_map(|attribute| {
            let values = head.values(attribute);
            let mut cause = resolver.cause(&head.id, Some(attribute), values)?;
            let broke_off =
                head.id.kind == Kind::Index && attribute == Attribute::Valid && head.applied.is_none();
            if let (true, Some(index)) = (broke_off && head.last.is_some(), pending(resolver, &head.id)) {
                let detail = format!("{} creates it, and was interrupted", resolver.label(index));
                cause = resolver.of(CauseKind::Unfinished, Some(index), detail);
            }
            // Where the object itself is not there yet in a state, its attributes have nothing to add.
            let beside = values.live == values.model && existence.is_some();
            (!beside).then_some((attribute, values, cause))
        })
        .collect();
    let weight = |(attribute, values, _): &(Attribute, Values<Option<&str>>, Cause)| {
        let real = values.live != values.model;
        (real, real.then(|| severity::different(model, *attribute)))
    };
    attributes.sort_by(|a, b| weight(b).cmp(&weight(a)).then(a.0.cmp(&b.0)));
    let Some((primary, values, cause)) = attributes.first().cloned() else {
        // The object is as declared, but the migrations disagree about its existence: one is pending, or none creates it.
        let cause = existence?;
        let remedy = remedy::drifted(&cause, resolver);
        let mut finding =
            finding(group, Severity::Warning, Change::Different, Vec::new(), cause, remedy, None);
        finding.code = format!("{}.by_hand", head.id.kind);
        return Some(finding);
    };
    let real = values.live != values.model;
    let severity = if real { severity::different(model, primary) } else { Severity::Warning };
    let wrong: Vec<Attribute> = attributes
        .iter()
        .filter(|(_, values, _)| values.live != values.model)
        .map(|(attribute, ..)| *attribute)
        .collect();
    let remedy = match real {
        // The index of a partitioned table becomes valid when every partition has one that is attached.
        true if primary == Attribute::Valid && gently::is_on_partitioned(live, resolver.live) => {
            Remedy::advice(
                "create the index on every partition, then ALTER INDEX ... ATTACH PARTITION for each",
            )
        }
        true if primary == Attribute::Enabled && is_constraint_of_a_parent(live) => Remedy::advice(format!(
            "as a superuser: ALTER TABLE {} ENABLE TRIGGER ALL; rows written while it was off were not checked: look for them first",
            live.id.relation_path()
        )),
        true => remedy::different(named, &wrong, cause.kind, resolver),
        false => remedy::drifted(&cause, resolver),
    };
    // Two servers' prints of a view, so that a diff shows what is really another.
    let is_view = matches!(head.id.kind, Kind::View | Kind::MaterializedView);
    let shown = |attribute: Attribute, value: &str| match attribute {
        Attribute::Definition if is_view && resolver.views_print_differently => diff::bare_view(value),
        _ => value.to_owned(),
    };
    let found = attributes.iter().map(|(attribute, values, own)| AttributeFinding {
        name: attribute.word().into(),
        declared: values.model.map(|value| shown(*attribute, value)),
        actual: values.live.map(|value| shown(*attribute, value)),
        cause: (own.kind != cause.kind || own.migration != cause.migration).then(|| own.clone()),
    });
    let found = found.collect();
    let mut finding = finding(group, severity, Change::Different, found, cause, remedy, Some(primary));
    if !real {
        finding.code = format!("{}.by_hand", head.id.kind);
    }
    finding.undeclared = is_undeclared(&finding).then(|| remedy::undeclared(group, &wrong)).flatten();
    Some(finding)
}

/// Whether a partition has this constraint from its parent: it cannot be dropped and added again.
fn is_constraint_of_a_parent(object: &Object) -> bool {
    object.id.kind.is_constraint() && object.get(Attribute::PartitionOf).is_some()
}

fn is_undeclared(finding: &Finding) -> bool {
    finding.cause_kind() == Some(CauseKind::Undeclared)
}

fn pending(resolver: &CauseResolver<'_>, id: &ObjectId) -> Option<usize> {
    resolver.origins.setter(id, None, |index| resolver.state.pending.contains(&index))
}

/// A missing and an unexpected object that are one under two names.
fn renamed(resolver: &CauseResolver<'_>, missing: &Group, unexpected: &Group) -> Finding {
    let (to, from) = (&missing.head.id, &unexpected.head.id);
    // What went to another schema is told with it.
    let is_move = to.schema != from.schema;
    let named = |id: &ObjectId| if is_move { id.to_string() } else { id.name.to_string() };
    let moved = if is_move { "moved" } else { "renamed" };
    let existence = missing.head.existence();
    let by_migration =
        resolver.origins.rename(from, to).filter(|index| resolver.state.pending.contains(index));
    let by_ahead = resolver.ahead_origins.rename(to, from).map(|index| &resolver.ahead[index]);
    let cause = match (by_migration, by_ahead) {
        (None, Some(migration)) => resolver.renamed_ahead(migration, to, from),
        (Some(index), _) => {
            let detail = format!("{} renames {} to {}", resolver.label(index), from.name, to.name);
            resolver.of(CauseKind::Pending, Some(index), detail)
        }
        (None, None) => {
            let mut cause = resolver
                .cause_by(to, None, existence, ByHand::Renamed)
                .unwrap_or_else(|| resolver.of(CauseKind::Unknown, None, String::new()));
            cause.detail = match cause.kind {
                CauseKind::Pending | CauseKind::Unmigrated => {
                    format!("likely to be {moved} to {}: {}", named(to), cause.detail)
                }
                _ => format!("likely {moved} from {}: {}", named(to), cause.detail),
            };
            cause
        }
    };
    let app_breaks = matches!(
        to.kind,
        Kind::Schema
            | Kind::Table
            | Kind::Column
            | Kind::View
            | Kind::MaterializedView
            | Kind::Enum
            | Kind::Domain
            | Kind::Function
            | Kind::Procedure
            | Kind::Aggregate
            | Kind::Sequence
            | Kind::CompositeType
            | Kind::RangeType
    );
    let severity = if app_breaks { Severity::Error } else { Severity::Warning };
    let attributes = vec![AttributeFinding {
        name: "name".into(),
        declared: Some(named(to)),
        actual: Some(named(from)),
        cause: None,
    }];
    let live = unexpected.head.live.as_ref();
    let remedy = live.map(|live| remedy::renamed(cause.kind, live, to)).unwrap_or_default();
    let mut finding = finding(missing, severity, Change::Different, attributes, cause, remedy, None);
    finding.code = format!("{}.renamed", to.kind);
    finding.consequences.clear();
    finding
}

fn finding(
    group: &Group,
    severity: Severity,
    change: Change,
    attributes: Vec<AttributeFinding>,
    cause: Cause,
    remedy: Remedy,
    primary: Option<Attribute>,
) -> Finding {
    let id = &group.head.id;
    let consequences =
        group.consequences.iter().map(|other| format!("{} {}", other.id.kind.spoken(), other.id));
    Finding {
        code: severity::code(id.kind, change, primary),
        severity,
        kind: id.kind.word(),
        object: id.to_string(),
        change,
        attributes,
        cause: Some(cause),
        remedy,
        consequences: consequences.collect(),
        location: None,
        estimate: None,
        sides: sides(group, change),
        undeclared: None,
    }
}

/// The two sides of a difference that is not in attributes.
fn sides(group: &Group, change: Change) -> Option<Sides> {
    let brief = brief::brief(fold::any(&group.head)?, Some(group));
    Some(match change {
        Change::Missing => Sides::new("missing", brief),
        Change::Unexpected => Sides::new(brief, "not declared"),
        Change::Different if group.head.live.is_none() => Sides::new("missing", "not declared"),
        Change::Different => Sides::new(brief.clone(), brief),
    })
}
