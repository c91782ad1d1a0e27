//! Likely renames: a missing object and an unexpected one that are the same but for their name are one finding.

use std::collections::{HashMap, HashSet};

use crate::model::diff::Difference;
use crate::postgres::catalog::{Attribute, Kind, Object};
use crate::postgres::sql::{identifier, replace_name};

use super::fold::{Group, is_movable, relation_of};
use super::origin::Origins;

/// How alike two column or table names must be to be taken for a rename (Jaro-Winkler, 0 to 1).
const ALIKE: f64 = 0.75;

/// Pairs of groups, by number: (missing, unexpected). `ahead` knows the migrations that the project lacks.
pub(super) fn pairs(groups: &[Group], origins: &Origins<'_>, ahead: &Origins<'_>) -> Vec<(usize, usize)> {
    let mut missing: HashMap<Place<'_>, Vec<usize>> = HashMap::new();
    let mut unexpected: HashMap<Place<'_>, Vec<usize>> = HashMap::new();
    for (number, group) in groups.iter().enumerate() {
        match (&group.head.live, &group.head.model) {
            (None, Some(_)) => missing.entry(place(group)).or_default().push(number),
            (Some(_), None) => unexpected.entry(place(group)).or_default().push(number),
            _ => {}
        }
    }
    // A name that another kind of relation has by now is no name to rename to.
    let taken: HashSet<(Option<&str>, &str)> = groups
        .iter()
        .filter(|group| group.head.live.is_some() && is_relation(group.head.id.kind))
        .map(relation_name)
        .collect();
    let mut pairs = Vec::new();
    for (place, missing) in &missing {
        let Some(unexpected) = unexpected.get(place) else { continue };
        let alike = |m: usize, u: usize| {
            let (m, u) = (&groups[m], &groups[u]);
            let by_ahead = |group: &Group| {
                let existence = group.head.existence();
                existence.recorded != existence.applied
            };
            if by_ahead(m) || by_ahead(u) {
                return ahead.rename(&m.head.id, &u.head.id).is_some();
            }
            let known = origins.rename(&u.head.id, &m.head.id).is_some();
            known || (take_turns(m, u) && !taken.contains(&relation_name(m)) && is_rename(m, u))
        };
        for &m in missing {
            let mut partners = unexpected.iter().copied().filter(|u| alike(m, *u));
            let (Some(u), None) = (partners.next(), partners.next()) else { continue };
            if missing.iter().filter(|other| alike(**other, u)).count() == 1 {
                pairs.push((m, u));
            }
        }
    }
    pairs.extend(moved(groups, &pairs));
    pairs.sort_unstable();
    pairs
}

/// Pairs of groups that are one object in two schemas.
fn moved(groups: &[Group], pairs: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let is_free = |number: &usize| pairs.iter().all(|(m, u)| m != number && u != number);
    let mut by_name: HashMap<(Kind, &str), [Vec<usize>; 2]> = HashMap::new();
    for number in (0..groups.len()).filter(is_free) {
        let head = &groups[number].head;
        let found = by_name.entry((head.id.kind, head.id.name.as_str())).or_default();
        match (&head.live, &head.model) {
            (None, Some(_)) if is_movable(head.id.kind) => found[0].push(number),
            (Some(_), None) if is_movable(head.id.kind) => found[1].push(number),
            _ => {}
        }
    }
    let one = |[missing, unexpected]: [Vec<usize>; 2]| match (&missing[..], &unexpected[..]) {
        ([m], [u]) if take_turns(&groups[*m], &groups[*u]) && is_rename(&groups[*m], &groups[*u]) => {
            Some((*m, *u))
        }
        _ => None,
    };
    by_name.into_values().filter_map(one).collect()
}

type Place<'g> = (Kind, Option<&'g str>, Option<&'g str>);

fn place(group: &Group) -> Place<'_> {
    let id = &group.head.id;
    (id.kind, id.schema.as_deref(), id.relation.as_deref())
}

fn is_relation(kind: Kind) -> bool {
    matches!(kind, Kind::Table | Kind::View | Kind::MaterializedView | Kind::Sequence | Kind::Index)
}

fn relation_name(group: &Group) -> (Option<&str>, &str) {
    let id = &group.head.id;
    // Parts of a relation have names of their own.
    (id.schema.as_deref().filter(|_| is_relation(id.kind)), &id.name)
}

/// Whether each state of the migrations has exactly one of the two: one object under two names never has both or none.
fn take_turns(missing: &Group, unexpected: &Group) -> bool {
    let (m, u) = (missing.head.existence(), unexpected.head.existence());
    m.applied != u.applied && m.last != u.last
}

fn is_rename(missing: &Group, unexpected: &Group) -> bool {
    let (Some(declared), Some(actual)) = (&missing.head.model, &unexpected.head.live) else { return false };
    match declared.id.kind {
        Kind::Column => {
            let equal = |attribute| declared.attributes.agree(&actual.attributes, attribute);
            equal(Attribute::Type)
                && equal(Attribute::Generated)
                && (names_alike(declared, actual)
                    || [Attribute::Nullable, Attribute::Default].into_iter().all(equal))
        }
        Kind::Table => {
            let columns = columns(missing, true);
            !columns.is_empty() && columns == self::columns(unexpected, false)
        }
        Kind::Schema => {
            let tables = tables(missing, true);
            !tables.is_empty() && tables == self::tables(unexpected, false)
        }
        Kind::Privilege | Kind::Extension => false,
        // Two sequences or policies at their defaults have nothing in common but that.
        Kind::Sequence | Kind::Policy => {
            same(declared, actual)
                && (declared.attributes.iter().count() > 1 || names_alike(declared, actual))
        }
        kind if kind.is_routine() => declared.id.suffix == actual.id.suffix && same(declared, actual),
        _ => same(declared, actual),
    }
}

fn names_alike(a: &Object, b: &Object) -> bool {
    let (a, b) = (a.id.name.as_str(), b.id.name.as_str());
    let contains = a.len().min(b.len()) >= 4 && (a.contains(b) || b.contains(a));
    contains || strsim::jaro_winkler(a, b) >= ALIKE
}

/// Whether all that is compared is equal. Definitions hold the object's own name, which is set aside.
fn same(a: &Object, b: &Object) -> bool {
    let unnamed = |object: &Object| match object.get(Attribute::Definition) {
        Some(definition) => {
            let definition = definition.replacen(&format!(" {} ", identifier(&object.id.name)), " ", 1);
            object.attributes.with(Attribute::Definition, Some(definition.into()))
        }
        None => object.attributes.clone(),
    };
    unnamed(a).differing(&unnamed(b)).is_empty()
}

/// Whether all that differs in a part of the table is the old name of a column in place of the new one.
pub(super) fn follows(head: &Difference, missing: &Group, unexpected: &Group) -> bool {
    let (Some(declared), Some(actual)) = (&head.model, &head.live) else { return false };
    let (new, old) = (&missing.head.id, &unexpected.head.id);
    let (from, to) = match new.kind {
        Kind::Column if relation_of(declared) == Some(new.relation_path()) => {
            (identifier(&old.name).into_owned(), identifier(&new.name).into_owned())
        }
        Kind::Table | Kind::Enum | Kind::Domain | Kind::CompositeType | Kind::RangeType => {
            (old.to_string(), new.to_string())
        }
        Kind::View | Kind::MaterializedView if old.schema != new.schema => (old.to_string(), new.to_string()),
        _ => return false,
    };
    let renamed = |text: &str| replace_name(text, &from, &to);
    let mut differing =
        head.attributes().into_iter().filter(|a| declared.get(*a) != actual.get(*a)).peekable();
    differing.peek().is_some() && differing.all(|a| actual.get(a).map(renamed).as_deref() == declared.get(a))
}

/// The tables and columns of a schema, by name.
fn tables(schema: &Group, declared: bool) -> HashSet<(Option<&str>, &str)> {
    let is_there = |part: &&Difference| {
        let side = if declared { &part.model } else { &part.live };
        side.is_some() && matches!(part.id.kind, Kind::Table | Kind::Column)
    };
    let parts = schema.parts.iter().filter(is_there);
    parts.map(|part| (part.id.relation.as_deref(), part.id.name.as_str())).collect()
}

fn columns(table: &Group, declared: bool) -> Vec<(String, Option<String>)> {
    let side = |part: &Difference| {
        let object = if declared { part.model.clone() } else { part.live.clone() };
        object.filter(|object| object.id.kind == Kind::Column)
    };
    let columns = table.parts.iter().filter_map(side);
    columns
        .map(|column| (column.id.name.to_string(), column.get(Attribute::Type).map(str::to_owned)))
        .collect()
}
