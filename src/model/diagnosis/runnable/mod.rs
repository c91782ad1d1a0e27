//! What is printed can be run: SQL that the server would refuse is made such that it does not, or is withheld with the
//! reason.

mod dependents;
mod enums;
pub(super) mod gently;
mod indexes;
mod lookup;
mod put_aside;

mod remaking;

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use super::between::Allowed;
use lookup::LiveLookup;
pub(super) use lookup::free_name;
use remaking::Remaking;

use crate::findings::{CauseKind, Change, Finding};
use crate::postgres::catalog::{Attribute, Catalog, Kind, Object, ObjectId};
use crate::postgres::ddl::{self, DdlAction, DdlChange, PrintedName};

/// How often one withheld statement may be the reason for the next.
const MOST_ROUNDS: usize = 16;

/// Corrects the remedies of all findings of a database.
pub(super) fn settle(
    findings: &mut [(ObjectId, Finding)],
    live: &Catalog,
    model: &Catalog,
    knows_privileges: bool,
    allowed: Allowed<'_>,
) {
    if findings.iter().all(|(_, finding)| finding.remedy.changes.is_empty()) {
        return;
    }
    let differing: HashSet<ObjectId> = findings.iter().map(|(id, _)| id.clone()).collect();
    let lookup = &LiveLookup::of(live);
    let remaking = Remaking {
        live,
        lookup,
        model,
        differing: &differing,
        knows_privileges,
        allowed,
        taken: Default::default(),
    };
    for (id, finding) in findings.iter_mut().filter(|(_, finding)| is_printed(finding)) {
        if let Some(why) = shared_with_parent(id, finding.change, live, model) {
            withhold(finding, why);
        } else {
            remaking.retype(finding);
            remaking.keep_states(finding);
            remaking.remake(finding);
        }
    }
    let taken = remaking.taken.take();
    for (_, finding) in findings.iter_mut().filter(|(id, _)| taken.contains(id)) {
        withhold(finding, "nothing: it is created again with what it reads".to_owned());
    }
    for _ in 0..MOST_ROUNDS {
        let reasons = reasons(findings, lookup);
        if reasons.is_empty() {
            break;
        }
        for (number, why) in reasons {
            withhold(&mut findings[number].1, why);
        }
    }
    put_aside::finish(findings, lookup, model);
}

/// Whether the SQL of a finding is a part of what is printed to be run.
fn is_printed(finding: &Finding) -> bool {
    let by_hand = matches!(finding.cause_kind(), Some(CauseKind::Drift | CauseKind::Unknown));
    by_hand && finding.remedy.sql.is_some()
}

fn withhold(finding: &mut Finding, why: String) {
    finding.remedy.sql = None;
    finding.remedy.changes.clear();
    finding.remedy.hazards.clear();
    finding.remedy.advice = Some(why);
}

/// Why a constraint that a table shares with its parent cannot be made or dropped.
fn shared_with_parent(id: &ObjectId, change: Change, live: &Catalog, model: &Catalog) -> Option<String> {
    if id.kind != Kind::Check {
        return None;
    }
    let table = ObjectId::parse(Kind::Table, &id.relation_path())?;
    let of = |state: &Catalog| state.get(&table).map(|table| parents(table)).unwrap_or_default();
    let (now, wanted) = (of(live), of(model));
    let has_it = |parent: &&String| {
        let Some(parent) = ObjectId::parse(Kind::Table, parent) else { return false };
        let same = ObjectId { schema: parent.schema, relation: Some(parent.name), ..id.clone() };
        live.get(&same).is_some()
    };
    match change {
        Change::Missing => {
            let parent = now.iter().find(|parent| !wanted.contains(parent) && has_it(parent))?;
            Some(format!("nothing: the table keeps that of {parent} when it is taken from it"))
        }
        Change::Unexpected => {
            let parent = wanted.iter().find(has_it)?;
            Some(format!("declare it in schema/: a child of {parent} cannot be without it"))
        }
        Change::Different => None,
    }
}

fn parents(table: &Object) -> Vec<String> {
    let attributes = [Attribute::PartitionOf, Attribute::Inherits];
    let lists = attributes.into_iter().filter_map(|attribute| table.attributes.stated(attribute));
    lists.flat_map(|list| list.split(", ")).map(str::to_owned).collect()
}

/// The findings whose SQL the server would refuse, each with the reason.
fn reasons(findings: &[(ObjectId, Finding)], live: &LiveLookup<'_>) -> Vec<(usize, String)> {
    let printed: Vec<(usize, &DdlChange)> = findings
        .iter()
        .enumerate()
        .filter(|(_, (_, finding))| is_printed(finding))
        .flat_map(|(number, (_, finding))| finding.remedy.changes.iter().map(move |change| (number, change)))
        .collect();
    let changed: HashSet<&ObjectId> = printed
        .iter()
        .filter_map(|(_, change)| match change.action {
            DdlAction::Drop => change.objects.first(),
            _ => change.before.as_ref(),
        })
        .map(|object| &object.id)
        .collect();
    let drops = printed.iter().filter(|(_, change)| change.action == DdlAction::Drop);
    let dropped: HashSet<String> =
        drops.filter_map(|(_, change)| Some(change.objects.first()?.id.to_string())).collect();
    let lacking: Vec<(PrintedName, &ObjectId)> = findings
        .iter()
        .filter(|(id, finding)| !is_printed(finding) && is_lacking(id, finding))
        .map(|(id, _)| (ddl::relation_name(id), id))
        .collect();
    let unsplit: Vec<&ObjectId> = findings
        .iter()
        .filter(|(id, finding)| !is_printed(finding) && is_partitioned_otherwise(id, finding))
        .map(|(id, _)| id)
        .collect();
    let table_first = |change: &DdlChange| {
        let object = change.objects.first().filter(|object| object.id.kind.is_under_relation())?;
        let is_its = |table: &&&ObjectId| table.to_string() == object.id.relation_path();
        let table = unsplit.iter().find(is_its)?;
        Some(format!("do it after table {table}, which is to be partitioned otherwise"))
    };
    let reason = |change: &DdlChange| match change.action {
        _ if table_first(change).is_some() => table_first(change),
        DdlAction::Drop => {
            let gone = change.objects.first()?;
            let goes_with = |user: &Object| is_dropped_with(user, &dropped);
            let users = live
                .users(gone)
                .find(|user| !changed.contains(&user.id) && !goes_with(user) && uses(user, gone));
            let user = users?;
            Some(format!("drop it by hand: {} {} needs it", user.id.kind.spoken(), user.id))
        }
        DdlAction::Make if key_that_stays(change, live, &changed).is_some() => {
            let key = key_that_stays(change, live, &changed)?;
            Some(format!("do it after {} {}, which is there", key.kind.spoken(), key))
        }
        DdlAction::Make | DdlAction::Alter | DdlAction::Replace => {
            let mut objects = change.objects.iter();
            objects.find_map(|object| {
                let names = needs(object, change.before.as_ref());
                let needed = |(name, id): &&(PrintedName, &ObjectId)| {
                    names.contains(name) && **id != object.id && reads(object, id)
                };
                let (_, id) = lacking.iter().find(needed)?;
                Some(format!("do it after {} {}, which it needs", id.kind.spoken(), id))
            })
        }
        DdlAction::Rename | DdlAction::Finish => None,
    };
    let mut reasons: Vec<(usize, String)> =
        printed.iter().filter_map(|(number, change)| Some((*number, reason(change)?))).collect();
    reasons.dedup_by_key(|(number, _)| *number);
    reasons
}

/// The primary key that a table has and keeps, where another one is made.
fn key_that_stays<'l>(
    change: &DdlChange,
    live: &'l LiveLookup<'_>,
    changed: &HashSet<&ObjectId>,
) -> Option<&'l ObjectId> {
    let key = change.objects.iter().find(|object| object.id.kind == Kind::PrimaryKey)?;
    let parts = live.parts(&ddl::relation_name(&key.id)).iter().map(|number| &live.object(*number).id);
    let mut keys = parts.filter(|id| id.kind == Kind::PrimaryKey);
    keys.find(|id| !changed.contains(id))
}

/// Whether an object goes with a relation, or with a column, that is dropped.
fn is_dropped_with(object: &Object, dropped: &HashSet<String>) -> bool {
    let relation = match object.id.relation {
        Some(_) => Some(object.id.relation_path()),
        None => object.get(Attribute::OnTable).or(object.get(Attribute::OwnedBy)).map(str::to_owned),
    };
    relation.is_some_and(|relation| dropped.contains(&relation))
}

/// Whether the database is not such, and will not be, that what needs this object can be made.
fn is_lacking(id: &ObjectId, finding: &Finding) -> bool {
    match finding.change {
        Change::Missing => ddl::is_mentioned(id.kind) || id.kind == Kind::Column,
        Change::Different => {
            // The kinds whose columns, labels or results something may need that are not there yet.
            let is_needed = matches!(
                id.kind,
                Kind::View
                    | Kind::MaterializedView
                    | Kind::Enum
                    | Kind::Domain
                    | Kind::CompositeType
                    | Kind::RangeType
            );
            let own = ["definition", "labels", "fields", "type", "subtype"];
            let has = |names: &[&str]| {
                finding.attributes.iter().any(|attribute| names.contains(&attribute.name.as_ref()))
            };
            is_needed && has(&own) || is_partitioned_otherwise(id, finding)
        }
        Change::Unexpected => false,
    }
}

/// Whether a table is to be partitioned otherwise, which no statement does.
fn is_partitioned_otherwise(id: &ObjectId, finding: &Finding) -> bool {
    let by = Attribute::PartitionBy.word();
    id.kind == Kind::Table && finding.attributes.iter().any(|attribute| attribute.name == by)
}

/// The names that a statement needs which makes an object so. What it has already is not needed again, unless the
/// statement names it.
fn needs(object: &Arc<Object>, before: Option<&Arc<Object>>) -> BTreeSet<PrintedName> {
    let Some(before) = before else { return ddl::needs(object) };
    let differing =
        object.attributes.iter().filter(|(attribute, value)| before.get(*attribute) != Some(*value));
    let attributes = differing.map(|(attribute, value)| (attribute, value.clone()));
    let changed = Object {
        id: object.id.clone(),
        attributes: crate::postgres::catalog::Attributes::new(attributes.collect()),
    };
    let mut names = ddl::needs(&changed);
    if object.id.kind.is_under_relation() {
        names.remove(&ddl::relation_name(&object.id));
    }
    names
}

/// Whether an object that needs the relation of a column reads the column, too; it does need whatever else it names.
fn reads(object: &Object, needed: &ObjectId) -> bool {
    needed.kind != Kind::Column || dependents::words(object, &needed.name)
}

/// Whether the server refuses to drop an object because of this one.
fn uses(user: &Object, gone: &Object) -> bool {
    if matches!(gone.id.kind, Kind::PrimaryKey | Kind::Unique) {
        return user.id.kind == Kind::ForeignKey
            && user.is(Attribute::References, &gone.id.relation_path())
            && user.get(Attribute::ReferencedColumns) == gone.get(Attribute::Columns);
    }
    let is_own = user.id == gone.id
        || dependents::is_part(user, &ddl::printed_name(&gone.id))
        || user.id.kind == Kind::Privilege;
    ddl::is_mentioned(gone.id.kind) && !is_own && ddl::needs(user).contains(&ddl::printed_name(&gone.id))
}
